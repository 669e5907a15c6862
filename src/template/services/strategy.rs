//! `strategy`: how traffic moves.

use super::super::near;
use super::super::options::{Key, Options, on};
use super::super::service::{CanaryStep, Replace, ReplaceRoot, Rolling, Strategy};
use crate::source::json::{Json, Value};
use crate::source::{Diagnostic, Spanned};
use std::time::Duration;

const STRATEGY: &[Key] = &[
    on("type"),
    on("steps"),
    on("max_healthy_percentage"),
    on("checkpoint_percentages"),
    on("checkpoint_delay"),
    on("keep_running"),
    on("drain"),
    on("keep_snapshots"),
];
/// A week: long enough for somebody to find out that data went wrong.
const KEEP_SNAPSHOTS: Duration = Duration::from_hours(7 * 24);
/// What only `replace` has.
const OF_REPLACE: [&str; 2] = ["keep_running", "drain"];
/// What only instance refreshes have.
const OF_ROLLING: [&str; 3] = [
    "max_healthy_percentage",
    "checkpoint_percentages",
    "checkpoint_delay",
];
/// A tenth more, and one machine at the least.
const MOST: u32 = 110;
/// What Auto Scaling waits at a checkpoint by itself, and at the most (`RefreshPreferences`).
const DELAY: Duration = Duration::from_hours(1);
const LONGEST_DELAY: Duration = Duration::from_hours(48);
/// Of a step.
const SHORTEST: Duration = Duration::from_secs(1);
const STEP: &[Key] = &[on("weight"), on("hold")];
/// What is carried out.
const KINDS: [&str; 6] = [
    "blue_green",
    "canary",
    "rolling",
    "replace",
    "replace_root",
    "dns",
];

pub(super) fn read(root: &Options<'_>) -> Strategy {
    let Some(options) = root.object("strategy", "`strategy`", STRATEGY) else {
        return Strategy::BlueGreen;
    };
    let kind = options.text("type");
    let kind_of = kind.as_ref().map(|kind| kind.value.as_str());
    if kind_of != Some("replace") {
        foreign(
            &options,
            &OF_REPLACE,
            "a group that takes another's place",
            "replace",
        );
    }
    if kind_of != Some("replace_root") {
        let what = "snapshots before a root is replaced";
        foreign(&options, &["keep_snapshots"], what, "replace_root");
    }
    match kind_of {
        Some("replace_root") => {
            foreign(&options, &OF_ROLLING, "an instance refresh", "rolling");
            foreign(&options, &["steps"], "a canary", "canary");
            let keep = options.duration("keep_snapshots");
            return Strategy::ReplaceRoot(ReplaceRoot {
                keep_snapshots: keep.map_or(KEEP_SNAPSHOTS, |keep| keep.value),
            });
        }
        Some("replace") => {
            foreign(&options, &OF_ROLLING, "an instance refresh", "rolling");
            foreign(&options, &["steps"], "a canary", "canary");
            return Strategy::Replace(Replace {
                keep_running: options.flag("keep_running"),
                drain: options.duration("drain").map(|drain| drain.value),
            });
        }
        Some("canary") => {
            foreign(&options, &OF_ROLLING, "an instance refresh", "rolling");
            return Strategy::Canary(steps(&options));
        }
        Some("dns") => {
            foreign(&options, &OF_ROLLING, "an instance refresh", "rolling");
            return Strategy::Dns(if options.has("steps") {
                steps(&options)
            } else {
                Vec::new()
            });
        }
        Some("rolling") => {
            foreign(&options, &["steps"], "a canary", "canary");
            return Strategy::Rolling(rolling(&options));
        }
        Some("blue_green") | None => {
            foreign(&options, &OF_ROLLING, "an instance refresh", "rolling");
            foreign(&options, &["steps"], "a canary", "canary");
        }
        Some(_) => kind.iter().for_each(|kind| unknown(root, kind)),
    }
    Strategy::BlueGreen
}

/// Options of another strategy.
fn foreign(options: &Options<'_>, names: &[&str], what: &str, kind: &str) {
    for name in names {
        if let Some(json) = options.get(name) {
            let text = format!(
                "`{name}` belong{} to {what}",
                if name.ends_with('s') { "" } else { "s" }
            );
            options.report(
                Diagnostic::error("template::wrong_value", text)
                    .at(
                        json.span,
                        if *name == "steps" {
                            "these steps"
                        } else {
                            "this option"
                        },
                    )
                    .help(format!("write \"type\": \"{kind}\", or leave them out")),
            );
        }
    }
}

fn rolling(options: &Options<'_>) -> Rolling {
    let wrong = |value: &dyn Fn(Diagnostic) -> Diagnostic, text: String, help: &str| {
        let finding = Diagnostic::error("template::wrong_value", text);
        options.report(value(finding).help(help));
    };
    let most = options.number::<u32>("max_healthy_percentage");
    if let Some(most) = most.as_ref().filter(|most| !(100..=200).contains(&***most)) {
        wrong(
            &|finding| finding.at_value(most, "from 100 to 200"),
            format!("{most} % of the capacity cannot be"),
            "110 allows a tenth more while machines are replaced, and one machine at the least",
        );
    }
    let delay = options.duration("checkpoint_delay");
    if let Some(delay) = delay.as_ref().filter(|delay| ***delay > LONGEST_DELAY) {
        wrong(
            &|finding| finding.at_value(delay, "longer than 48 hours"),
            "Auto Scaling waits for 48 hours at the most".to_owned(),
            "for instance \"10m\"",
        );
    }
    if let (Some(json), false) = (
        options.get("checkpoint_delay"),
        options.has("checkpoint_percentages"),
    ) {
        wrong(
            &|finding| finding.at(json.span, "nowhere to wait"),
            "`checkpoint_delay` needs `checkpoint_percentages`".to_owned(),
            "for instance [20, 100]",
        );
    }
    Rolling {
        most: most.map_or(MOST, |most| most.value),
        checkpoints: checkpoints(options),
        checkpoint_delay: delay.map_or(DELAY, |delay| delay.value),
    }
}

/// They rise, and the last is 100: a refresh that ends before would leave two versions for good.
fn checkpoints(options: &Options<'_>) -> Vec<u32> {
    let Some(json) = options.get("checkpoint_percentages") else {
        return Vec::new();
    };
    let percents = options.list("checkpoint_percentages").into_iter();
    let percents: Vec<u32> = percents
        .map(|percent| percent.parse().unwrap_or_default())
        .collect();
    let rise = percents.windows(2).all(|pair| pair[0] < pair[1]);
    let ends = percents.last() == Some(&100) && percents.first() != Some(&0);
    if !(rise && ends) {
        let text = "`checkpoint_percentages` must rise to 100";
        options.report(
            Diagnostic::error("template::wrong_value", text)
                .at(json.span, "these do not")
                .help(
                    "for instance [20, 50, 100]: it waits when a fifth and when half is replaced",
                ),
        );
    }
    percents
}

fn unknown(root: &Options<'_>, kind: &Spanned<String>) {
    root.report(
        Diagnostic::error(
            "template::wrong_value",
            format!("the strategy `{kind}` is not known"),
        )
            .at_value(kind, "this strategy")
            .help(near::or_else(
                kind,
                KINDS,
                "write \"blue_green\", \"canary\", \"rolling\", \"replace\", \"replace_root\" or \"dns\"",
            )),
    );
}

/// The steps of a canary: their weights rise, and the last is all of the traffic.
fn steps(strategy: &Options<'_>) -> Vec<CanaryStep> {
    const HELP: &str = "for instance [{ \"weight\": 10, \"hold\": \"5m\" }, { \"weight\": 100, \"hold\": \"10m\" }]";
    let is_none = |json: &Json| matches!(&json.value, Value::List(items) if items.is_empty());
    if strategy.get("steps").is_none_or(is_none) {
        strategy.missing("steps", HELP);
        return Vec::new();
    }
    let steps = strategy.objects("steps", "a step", STEP);
    let steps: Vec<CanaryStep> = steps.iter().filter_map(step).collect();
    let wrong = |step: &CanaryStep, message: String, label: &str| {
        let finding = Diagnostic::error("template::wrong_value", message);
        strategy.report(finding.at_value(&step.weight, label).help(HELP));
    };
    for (before, step) in steps.iter().zip(steps.iter().skip(1)) {
        if *step.weight <= *before.weight {
            let text = format!(
                "a step of {} % follows one of {} %",
                step.weight, before.weight
            );
            wrong(step, text, "must be more than the one before");
        }
    }
    if let Some(last) = steps.last()
        && *last.weight < 100
    {
        let text = format!("the last step is {} % of the traffic", last.weight);
        wrong(last, text, "must be 100");
    }
    steps
}

fn step(options: &Options<'_>) -> Option<CanaryStep> {
    let hold = hold(options);
    if !options.has("weight") {
        options.missing("weight", "the next group's share of the traffic in percent");
        return None;
    }
    let weight = options.number::<u32>("weight")?;
    if (1..=100).contains(&*weight) {
        return hold.map(|hold| CanaryStep { weight, hold });
    }
    options.report(
        Diagnostic::error(
            "template::wrong_value",
            format!("{weight} % of the traffic cannot be"),
        )
        .at_value(&weight, "from 1 to 100"),
    );
    None
}

/// How long a step is watched: what is over at once has been watched by nobody.
fn hold(options: &Options<'_>) -> Option<Duration> {
    if !options.has("hold") {
        options.missing("hold", "how long the step is watched: \"5m\"");
        return None;
    }
    let hold = options.duration("hold")?;
    if *hold >= SHORTEST {
        return Some(hold.value);
    }
    options.report(
        Diagnostic::error(
            "template::wrong_value",
            "a step is held for a second at least",
        )
        .at_value(&hold, "too short")
        .help("write the unit: \"30s\", \"5m\""),
    );
    None
}

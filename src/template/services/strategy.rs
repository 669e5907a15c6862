//! `strategy`: how traffic moves.

use super::super::near;
use super::super::options::{Key, Options, on};
use super::super::service::{CanaryStep, Strategy};
use crate::source::json::{Json, Value};
use crate::source::{Diagnostic, Spanned};
use std::time::Duration;

const STRATEGY: &[Key] = &[on("type"), on("steps")];
/// Of a step.
const SHORTEST: Duration = Duration::from_secs(1);
const STEP: &[Key] = &[on("weight"), on("hold")];
/// What is carried out.
const KINDS: [&str; 2] = ["blue_green", "canary"];
const PLANNED: [&str; 4] = ["rolling", "replace", "replace_root", "dns"];

pub(super) fn read(root: &Options<'_>) -> Strategy {
    let Some(options) = root.object("strategy", "`strategy`", STRATEGY) else {
        return Strategy::BlueGreen;
    };
    let kind = options.text("type");
    match kind.as_ref().map(|kind| kind.value.as_str()) {
        Some("canary") => return Strategy::Canary(steps(&options)),
        Some("blue_green") | None => {}
        Some(_) => kind.iter().for_each(|kind| unknown(root, kind)),
    }
    if let Some(json) = options.get("steps") {
        options.report(
            Diagnostic::error("template::wrong_value", "`steps` belong to a canary")
                .at(json.span, "these steps")
                .help("write \"type\": \"canary\", or leave them out"),
        );
    }
    Strategy::BlueGreen
}

fn unknown(root: &Options<'_>, kind: &Spanned<String>) {
    let (code, state) = if PLANNED.contains(&kind.value.as_str()) {
        ("template::not_yet", "is not supported yet")
    } else {
        ("template::wrong_value", "is not known")
    };
    root.report(
        Diagnostic::error(code, format!("the strategy `{kind}` {state}"))
            .at_value(kind, "this strategy")
            .help(near::or_else(
                kind,
                KINDS,
                "write \"blue_green\" or \"canary\"",
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

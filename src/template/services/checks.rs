//! `checks`: what must hold before the swap and after it. A file a check that has options of its own.

pub(super) mod command;
mod http;
pub(super) mod instance;
mod metrics;
mod prometheus;

use super::super::local::Local;
use super::super::options::{Key, Options, on};
use super::super::service::{Check, CheckKind, Checks, OnFail, OnUnknown};
use crate::source::{Diagnostic, Place, Spanned};
use std::time::Duration;

const CHECKS: &[Key] = &[on("before"), on("watch"), on("after")];
const CHECK: &[Key] = &[
    on("http"),
    on("command"),
    on("soak"),
    on("times"),
    on("timeout"),
    on("alarm"),
    on("metric"),
    on("compare"),
    on("prometheus"),
    on("manual"),
    on("instance"),
    on("max_ratio"),
    on("min_requests"),
    on("if_fewer"),
];

const ON_UNKNOWN: &[Key] = &[on("hold"), on("then")];
const ON_FAIL: [(&str, OnFail); 2] = [("rollback", OnFail::Rollback), ("hold", OnFail::Hold)];

/// Passes in a row, when the file does not say.
const TIMES: u32 = 3;
/// Of a check, when the file does not say.
const TIMEOUT: Duration = Duration::from_mins(2);
/// Of a question to a person.
const ANSWERED: Duration = Duration::from_hours(1);

pub(super) fn read(root: &Options<'_>, local: &Local<'_>) -> Checks {
    let checks = root.object("checks", "`checks`", CHECKS);
    let list = |name| {
        let objects = checks
            .as_ref()
            .map(|checks| checks.objects(name, "a check", CHECK));
        let objects = objects.unwrap_or_default();
        objects.iter().filter_map(|one| check(one, local)).collect()
    };
    let watch = checks
        .as_ref()
        .map(|checks| checks.objects("watch", "a check", CHECK));
    let watch = watch.unwrap_or_default();
    Checks {
        before: list("before"),
        watch: watch.iter().filter_map(|one| watched(one, local)).collect(),
        after: list("after"),
        on_fail: root.choice("on_fail", &ON_FAIL).unwrap_or_default(),
        on_unknown: on_unknown(root),
    }
}

fn on_unknown(root: &Options<'_>) -> OnUnknown {
    let Some(options) = root.object("on_unknown", "`on_unknown`", ON_UNKNOWN) else {
        return OnUnknown::default();
    };
    let hold = options.duration("hold");
    OnUnknown {
        hold: hold.map(|hold| hold.value).unwrap_or_default(),
        then: options.choice("then", &ON_FAIL).unwrap_or_default(),
    }
}

/// A check that is asked again and again while the roll waits for something else.
fn watched(options: &Options<'_>, local: &Local<'_>) -> Option<Check> {
    if let Some(json) = options.get("soak") {
        options.report(
            Diagnostic::error("template::wrong_value", "a `soak` cannot be watched")
                .at(json.span, "it is a wait itself")
                .help("write it in `after`; what is watched is asked all the while"),
        );
        return None;
    }
    if let Some(json) = options.get("manual") {
        options.report(
            Diagnostic::error(
                "template::wrong_value",
                "a `manual` check cannot be watched",
            )
            .at(json.span, "a person answers once")
            .help("write it in `before` or `after`"),
        );
        return None;
    }
    check(options, local)
}

fn check(options: &Options<'_>, local: &Local<'_>) -> Option<Check> {
    let kind = kind(options, local);
    if let Some(CheckKind::Soak(_)) = kind {
        refuse_of_soak(options, "times");
        refuse_of_soak(options, "timeout");
    }
    let (mut usual, mut limit) = (TIMES, TIMEOUT);
    if let Some(CheckKind::Manual(_)) = kind {
        (usual, limit) = (1, ANSWERED);
        refuse_times(options);
    }
    let times = options.number("times");
    let timeout = options.duration("timeout");
    Some(Check {
        times: times.map_or(usual, |times: Spanned<u32>| times.value.max(1)),
        timeout: timeout.map_or(limit, |timeout| timeout.value),
        place: Some(Place::at(options.json.span.first_byte())),
        kind: kind?,
    })
}

fn refuse_of_soak(options: &Options<'_>, name: &str) {
    let Some(json) = options.get(name) else {
        return;
    };
    let text = format!("a `soak` has no `{name}`");
    options.report(
        Diagnostic::error("template::wrong_value", text)
            .at(json.span, "this")
            .help("leave it out: the time of a soak is all that there is to it"),
    );
}

fn refuse_times(options: &Options<'_>) {
    let Some(json) = options.get("times") else {
        return;
    };
    let finding = Diagnostic::error("template::wrong_value", "a `manual` check has no `times`");
    let finding = finding.at(json.span, "this");
    options.report(finding.help("leave it out: a person answers once"));
}

/// What a check may ask, of which it asks one.
const KINDS: [&str; 9] = [
    "http",
    "soak",
    "alarm",
    "metric",
    "compare",
    "command",
    "prometheus",
    "manual",
    "instance",
];
/// What belongs to a comparison alone.
const OF_COMPARE: [&str; 3] = ["max_ratio", "min_requests", "if_fewer"];

fn kind(options: &Options<'_>, local: &Local<'_>) -> Option<CheckKind> {
    let written: Vec<&str> = KINDS.into_iter().filter(|name| options.has(name)).collect();
    for pair in written.windows(2) {
        options.exclusive(pair[0], pair[1]);
    }
    let kind = written.first().copied();
    if kind != Some("compare") {
        for name in OF_COMPARE {
            refuse_without_compare(options, name);
        }
    }
    match kind {
        Some("soak") => options
            .duration("soak")
            .map(|soak| CheckKind::Soak(soak.value)),
        Some("http") => http::read(options).map(|http| CheckKind::Http(Box::new(http))),
        Some("alarm") => options
            .need_text("alarm", "the name of an alarm, as \"web-5xx\"")
            .map(CheckKind::Alarm),
        Some("metric") => {
            metrics::metric(options).map(|metric| CheckKind::Metric(Box::new(metric)))
        }
        Some("compare") => metrics::compare(options).map(CheckKind::Compare),
        Some("prometheus") => {
            prometheus::read(options).map(|check| CheckKind::Prometheus(Box::new(check)))
        }
        Some("instance") => {
            instance::read(options, local).map(|check| CheckKind::Instance(Box::new(check)))
        }
        Some("manual") => options
            .need_text(
                "manual",
                "what a person is asked, as \"Does the new version look right?\"",
            )
            .map(CheckKind::Manual),
        Some(_) => command::read(options).map(CheckKind::Command),
        None => {
            options.missing_all(
                &KINDS,
                "a check is { \"http\": { … } }, { \"alarm\": \"web-5xx\" } or { \"soak\": \"5m\" }",
            );
            None
        }
    }
}

fn refuse_without_compare(options: &Options<'_>, name: &str) {
    let Some(json) = options.get(name) else {
        return;
    };
    let text = format!("`{name}` belongs to a `compare`");
    options.report(
        Diagnostic::error("template::wrong_value", text)
            .at(json.span, "this")
            .help("leave it out, or write \"compare\": \"5xx_rate\""),
    );
}

/// One target group has both versions behind it, so that a comparison would be with itself.
pub(super) fn refuse_compare(root: &Options<'_>, checks: &Checks) {
    let all = [&checks.before, &checks.watch, &checks.after];
    let compare = |check: &&Check| matches!(check.kind, CheckKind::Compare(_));
    for check in all.into_iter().flatten().filter(compare) {
        let text = "`compare` has nothing to compare with where machines are replaced in place (`rolling`)";
        let finding = Diagnostic::error("template::wrong_value", text);
        let finding = match check.place {
            Some(place) => finding.at_place(place, "this check"),
            None => finding,
        };
        root.report(finding.help("watch an `alarm` or a `metric` of the target group instead"));
    }
}

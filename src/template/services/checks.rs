//! `checks`: what must hold before the swap and after it. A file a check that has options of its own.

mod http;

use super::super::options::{Key, Options, not_yet, on};
use super::super::service::{Check, CheckKind, Checks};
use crate::source::{Place, Spanned};
use std::time::Duration;

const CHECKS: &[Key] = &[on("before"), not_yet("watch"), on("after")];
const CHECK: &[Key] = &[
    on("http"),
    on("soak"),
    on("times"),
    on("timeout"),
    not_yet("alarm"),
    not_yet("compare"),
    not_yet("command"),
];

/// Passes in a row, when the file does not say.
const TIMES: u32 = 3;
/// Of a check, when the file does not say.
const TIMEOUT: Duration = Duration::from_mins(2);

pub(super) fn read(root: &Options<'_>) -> Checks {
    let Some(checks) = root.object("checks", "`checks`", CHECKS) else {
        return Checks::default();
    };
    let list = |name| {
        checks
            .objects(name, "a check", CHECK)
            .iter()
            .filter_map(check)
            .collect()
    };
    Checks {
        before: list("before"),
        after: list("after"),
    }
}

fn check(options: &Options<'_>) -> Option<Check> {
    let kind = kind(options);
    let times = options.number("times");
    let timeout = options.duration("timeout");
    Some(Check {
        times: times.map_or(TIMES, |times: Spanned<u32>| times.value.max(1)),
        timeout: timeout.map_or(TIMEOUT, |timeout| timeout.value),
        place: Some(Place::at(options.json.span.first_byte())),
        kind: kind?,
    })
}

fn kind(options: &Options<'_>) -> Option<CheckKind> {
    options.exclusive("http", "soak");
    if options.has("soak") {
        return options
            .duration("soak")
            .map(|soak| CheckKind::Soak(soak.value));
    }
    if options.has("http") {
        return http::read(options).map(|http| CheckKind::Http(Box::new(http)));
    }
    if !["alarm", "compare", "command"]
        .iter()
        .any(|name| options.has(name))
    {
        options.missing_all(
            &["http", "soak", "alarm", "compare", "command"],
            "a check is { \"http\": { … } } or { \"soak\": \"5m\" }",
        );
    }
    None
}

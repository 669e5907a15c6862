//! `checks`: what must hold before the swap and after it.

use super::super::options::{Key, Options, not_yet, on};
use super::super::service::{Body, Check, Checks, HttpCheck, ROLL_DATA};
use crate::source::{Diagnostic, Place};
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
const HTTP: &[Key] = &[on("path"), on("port"), on("host"), on("status"), on("body")];
const BODY: &[Key] = &[on("equals"), on("contains")];

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
    options.exclusive("http", "soak");
    if options.has("soak") {
        return options.duration("soak").map(|soak| Check::Soak(soak.value));
    }
    if !options.has("http") {
        if !["alarm", "compare", "command"]
            .iter()
            .any(|name| options.has(name))
        {
            options.missing_all(
                &["http", "soak", "alarm", "compare", "command"],
                "a check is { \"http\": { … } } or { \"soak\": \"5m\" }",
            );
        }
        return None;
    }
    let http = options.object("http", "`http`", HTTP)?;
    let path = if http.has("path") {
        http.late("path", ROLL_DATA)
    } else {
        Some(super::super::late::Late::fixed("/"))
    };
    let body = body(&http);
    Some(Check::Http(HttpCheck {
        port: http.number("port"),
        host: http.text("host"),
        status: status(&http),
        body,
        times: options
            .number("times")
            .map_or(TIMES, |times: crate::source::Spanned<u32>| {
                times.value.max(1)
            }),
        timeout: options
            .duration("timeout")
            .map_or(TIMEOUT, |timeout| timeout.value),
        place: Place::at(http.json.span.first_byte()),
        path: path?,
    }))
}

fn status(http: &Options<'_>) -> Vec<u16> {
    let read = |code: &crate::source::Spanned<String>| {
        let number = code
            .parse()
            .ok()
            .filter(|number| (100..600).contains(number));
        if number.is_none() {
            let finding = Diagnostic::error(
                "template::wrong_value",
                format!("`{code}` is no HTTP status"),
            );
            http.report(
                finding
                    .at_value(code, "not a status")
                    .help("write a number from 100 to 599"),
            );
        }
        number
    };
    let codes: Vec<u16> = http.list("status").iter().filter_map(read).collect();
    if codes.is_empty() { vec![200] } else { codes }
}

fn body(http: &Options<'_>) -> Option<Body> {
    let body = http.object("body", "`body`", BODY)?;
    body.exclusive("equals", "contains");
    if body.has("equals") {
        return body.late("equals", ROLL_DATA).map(Body::Equals);
    }
    if body.has("contains") {
        return body.late("contains", ROLL_DATA).map(Body::Contains);
    }
    body.missing_all(
        &["equals", "contains"],
        "say what the answer must be: `equals` or `contains`",
    );
    None
}

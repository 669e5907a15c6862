//! The check `http`: a request through the real load balancer.

use super::super::super::late::Late;
use super::super::super::options::{Key, Options, on};
use super::super::super::service::{Body, HttpCheck, ROLL_DATA};
use crate::source::{Diagnostic, Spanned};

const HTTP: &[Key] = &[
    on("path"),
    on("host"),
    on("status"),
    on("body"),
    on("header"),
    on("latency"),
];
const BODY: &[Key] = &[on("equals"), on("contains")];

pub(super) fn read(check: &Options<'_>) -> Option<HttpCheck> {
    let http = check.object("http", "`http`", HTTP)?;
    let path = if http.has("path") {
        http.late("path", ROLL_DATA)
    } else {
        Some(Late::fixed("/"))
    };
    let body = body(&http);
    Some(HttpCheck {
        host: http.text("host"),
        status: status(&http),
        body,
        header: http.texts("header", ROLL_DATA),
        latency: http.duration("latency").map(|latency| latency.value),
        path: path?,
    })
}

fn status(http: &Options<'_>) -> Vec<u16> {
    let read = |code: &Spanned<String>| {
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

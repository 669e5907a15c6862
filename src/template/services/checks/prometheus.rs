//! The check `prometheus`: a query, and where its values must be.

use super::super::super::options::{Key, Options, on};
use super::super::super::service::{Login, PrometheusCheck, ROLL_DATA, Server};
use super::super::secret;
use super::metrics::bound;
use crate::source::Diagnostic;

const PROMETHEUS: &[Key] = &[
    on("url"),
    on("query"),
    on("below"),
    on("above"),
    on("basic"),
    on("bearer"),
];
const BASIC: &[Key] = &[on("username"), on("password")];
/// Such as a file may call it.
const VARIABLE: &str = "prometheus_token";

pub(super) fn read(check: &Options<'_>) -> Option<PrometheusCheck> {
    let options = check.object("prometheus", "`prometheus`", PROMETHEUS)?;
    let server = server(&options);
    if !options.has("query") {
        options.missing(
            "query",
            "for instance \"sum(rate(http_requests_total{code=~\\\"5..\\\"}[5m]))\"",
        );
    }
    let query = options.late("query", ROLL_DATA);
    let (bound, login) = (bound(&options), login(&options));
    Some(PrometheusCheck {
        server: server?,
        query: query?,
        bound: bound?,
        login,
    })
}

fn server(options: &Options<'_>) -> Option<Server> {
    let url = options.need_text("url", "for instance \"https://prometheus.example\"")?;
    match Server::read(&url) {
        Ok(server) => Some(server),
        Err(why) => {
            let text = format!("`{url}` is no address of a Prometheus server: {why}");
            let finding = Diagnostic::error("template::wrong_value", text);
            options.report(finding.at_value(&url, "this address").help(
                "write \"https://prometheus.example\", with a path where its API is below one",
            ));
            None
        }
    }
}

fn login(options: &Options<'_>) -> Option<Login> {
    options.exclusive("basic", "bearer");
    if options.has("bearer") {
        return secret::read(options, "bearer", VARIABLE).map(Login::Bearer);
    }
    let basic = options.object("basic", "`basic`", BASIC)?;
    for name in ["username", "password"] {
        if !basic.has(name) {
            basic.missing(name, "a login has a `username` and a `password`");
        }
    }
    Some(Login::Basic {
        username: basic.late("username", &[])?,
        password: secret::read(&basic, "password", VARIABLE)?,
    })
}

//! Checks and hooks of a service file that cannot be.

use super::bad_input::service;
use kiln::source::Diagnostic;

/// A service file with `more` is refused, with a place, and `says` why.
#[track_caller]
fn found(more: &str, says: &str) {
    let findings = service("", &format!(", {more}")).service().unwrap_err();
    let message = |finding: &Diagnostic| {
        let help = finding.help.clone().unwrap_or_default();
        format!("{}; {help}", finding.message)
    };
    let texts: Vec<String> = findings.iter().map(message).collect();
    assert!(
        texts.iter().any(|text| text.contains(says)),
        "{more}: {texts:?}"
    );
    let placed = findings.iter().all(|finding| !finding.labels.is_empty());
    assert!(placed, "{findings:?}");
}

#[test]
fn what_cannot_be_watched_or_is_misspelt_is_refused_with_its_place() {
    for (more, says) in [
        (
            r#""checks": { "watch": [{ "soak": "5m" }] }"#,
            "cannot be watched",
        ),
        (
            r#""checks": { "after": [{ "soak": "5m", "times": 3 }] }"#,
            "has no `times`",
        ),
        (
            r#""checks": { "watch": [{ "htpp": {} }] }"#,
            "did you mean `http`",
        ),
        (r#""checks": { "wacht": [] }"#, "did you mean `watch`"),
        (
            r#""checks": { "before": [{ "command": "" }] }"#,
            "the command is empty",
        ),
        (
            r#""checks": { "before": [{ "command": "x", "http": { "path": "/" } }] }"#,
            "exclude each other",
        ),
        (
            r#""checks": { "before": [{ "http": { "header": { "x": 1 }, "latencie": "1s" } }] }"#,
            "did you mean `latency`",
        ),
        (
            r#""hooks": { "before_swp": [{ "command": "x" }] }"#,
            "did you mean `before_swap`",
        ),
        (
            r#""hooks": { "before_retire": [{ "command": "" }] }"#,
            "the command is empty",
        ),
        (
            r#""hooks": { "after_swap": [{ "timeout": "1m" }] }"#,
            "`command`",
        ),
        (
            r#""checks": { "before": [{ "http": { "port": 80 } }] }"#,
            "`port`",
        ),
        (
            r#""strategy": { "type": "rolling" }, "checks": { "watch": [{ "compare": "5xx_rate", "max_ratio": 2 }] }"#,
            "nothing to compare with",
        ),
        (r#""on_fail": "holt""#, "did you mean `hold`"),
        (
            r#""on_unknown": { "hold": "10m", "then": "wait" }"#,
            "`then` cannot be `wait`",
        ),
        (r#""on_unknown": { "holds": "10m" }"#, "did you mean `hold`"),
    ] {
        found(more, says);
    }
}

#[test]
fn a_command_with_a_secret_in_it_is_refused() {
    let more = r#", "variables": { "token": "geheim" }, "sensitive-variables": ["token"],
        "hooks": { "after_swap": [{ "command": "notify {{ token }}" }] }"#;
    let findings = service("", more).service().unwrap_err();
    let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["template::secret_in_clear"]);
}

#[test]
fn a_query_knows_its_server_and_its_login() {
    use kiln::template::service::{Bound, CheckKind, Login, Server};
    let more = r#", "variables": { "token": "geheim" }, "sensitive-variables": ["token"], "checks": { "after": [
        { "prometheus": { "url": "https://prom.example/x/", "query": "errors{group=\"{{ group }}\"}", "below": "0.5",
            "bearer": "{{ user `token` }}" } },
        { "prometheus": { "url": "http://[::1]:9090", "query": "up", "above": 0,
            "basic": { "username": "kiln", "password": "{{ user `token` }}" } }, "times": 1 },
        { "manual": "Does it look right?" }] }"#;
    let (service, findings) = service("", more).service().unwrap();
    assert_eq!(findings, []);
    let kinds: Vec<_> = service
        .checks
        .after
        .iter()
        .map(|check| &check.kind)
        .collect();
    let [
        CheckKind::Prometheus(first),
        CheckKind::Prometheus(second),
        CheckKind::Manual(_),
    ] = kinds[..]
    else {
        panic!("{kinds:?}");
    };
    let server = |tls, host: &str, port, path: &str| Server {
        tls,
        host: host.to_owned(),
        port,
        path: path.to_owned(),
    };
    assert_eq!(first.server, server(true, "prom.example", 443, "/x"));
    assert_eq!(second.server, server(false, "[::1]", 9090, ""));
    assert_eq!(
        (first.bound, second.bound),
        (Bound::Below(0.5), Bound::Above(0.0))
    );
    assert!(first.query.reads("group"));
    let Some(Login::Bearer(token)) = &first.login else {
        panic!("{:?}", first.login);
    };
    assert_eq!(token.text(), Some("geheim"));
    assert!(matches!(&second.login, Some(Login::Basic { .. })));
    // A plan says nothing of it.
    assert!(!serde_json::to_string(&service).unwrap().contains("geheim"));
    let manual = &service.checks.after[2];
    assert_eq!((manual.times, manual.timeout.as_secs()), (1, 3600));
}

#[test]
fn what_asks_outside_says_where_and_who_is_asked() {
    for (more, says) in [
        (
            r#""checks": { "after": [{ "instance": { "command": "true", "ssh_username": "admin" } }] }"#,
            "needs `ssh_private_key_file`",
        ),
        (
            r#""checks": { "after": [{ "instance": { "command": "true", "ssh_agent_auth": true } }] }"#,
            "needs `ssh_username`",
        ),
        (
            r#""checks": { "after": [{ "instance": { "comand": "true", "ssh_username": "a", "ssh_agent_auth": true } }] }"#,
            "did you mean `command`",
        ),
        (
            r#""checks": { "after": [{ "instance": { "command": "x", "ssh_username": "a", "ssh_agent_auth": true, "on": "all" } }] }"#,
            "`on`",
        ),
        (
            r#""checks": { "after": [{ "instance": { "command": "x", "ssh_username": "a", "ssh_agent_auth": true,
                "ssh_interface": "session_manager" } }] }"#,
            "not by Session Manager",
        ),
        (
            r#""diagnosis": { "comand": "true", "ssh_username": "a", "ssh_agent_auth": true }"#,
            "did you mean `command`",
        ),
        (
            r#""diagnosis": { "command": "true", "on": "each", "ssh_username": "a", "ssh_agent_auth": true }"#,
            "`on`",
        ),
        (
            r#""diagnosis": { "command": "true", "ssh_username": "a" }"#,
            "needs `ssh_private_key_file`",
        ),
        (
            r#""checks": { "watch": [{ "manual": "ok?" }] }"#,
            "`manual` check cannot be watched",
        ),
        (
            r#""checks": { "after": [{ "manual": "ok?", "times": 2 }] }"#,
            "has no `times`",
        ),
        (
            r#""checks": { "after": [{ "prometheus": { "url": "prom:9090", "query": "up", "above": 0 } }] }"#,
            "it begins with `http://`",
        ),
        (
            r#""checks": { "after": [{ "prometheus": { "url": "http://me:pw@prom", "query": "up", "above": 0 } }] }"#,
            "that stands under `basic`",
        ),
        (
            r#""checks": { "after": [{ "prometheus": { "url": "http://prom:http", "query": "up", "above": 0 } }] }"#,
            "its port is no number",
        ),
        (
            r#""checks": { "after": [{ "prometheus": { "url": "http://prom", "above": 0 } }] }"#,
            "needs `query`",
        ),
        (
            r#""checks": { "after": [{ "prometheus": { "url": "http://prom", "query": "up" } }] }"#,
            "needs `below`",
        ),
        (
            r#""checks": { "after": [{ "prometheus": { "url": "http://prom", "query": "up", "above": 0, "bearer": "t0ken" } }] }"#,
            "`bearer` is a secret, and stands in the file",
        ),
        (
            r#""checks": { "after": [{ "prometheus": { "url": "http://prom", "query": "up", "above": 0, "basic": { "password": "x" } } }] }"#,
            "needs `username`",
        ),
    ] {
        found(more, says);
    }
}

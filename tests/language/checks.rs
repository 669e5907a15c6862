//! Checks and hooks of a service file that cannot be.

use super::bad_input::service;
use kiln::source::Diagnostic;

#[test]
fn what_cannot_be_watched_or_is_misspelt_is_refused_with_its_place() {
    let found = |more: &str, says: &str| {
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
    };
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
            r#""hooks": { "before_retire": [{ "command": "x" }] }"#,
            "not supported yet",
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

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

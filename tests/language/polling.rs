//! `aws_polling` and the variables of old: what they come to, and what is said about it.

use std::time::Duration;

use super::bad_input::builder;

/// The limit and the pause, in seconds, and how many findings there were about it.
fn polling(options: &str, environment: &[(&str, &str)]) -> (Option<u64>, Option<u64>, usize) {
    let case = builder(options);
    let set = |case: super::Case, (name, value): &(&str, &str)| case.environment(name, value);
    let mut case = environment.iter().fold(case, set);
    let (template, findings) = case.bake().unwrap();
    let polling = &template.builds[0].builder.access.polling;
    let about = findings
        .iter()
        .filter(|found| found.code == "template::polling");
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs());
    (
        seconds(polling.limit),
        seconds(polling.delay),
        about.count(),
    )
}

#[test]
fn one_timeout_a_wait_and_what_the_knobs_of_old_come_to() {
    for (options, environment, expected) in [
        (r#""tags": {}"#, &[][..], (None, None, 0)),
        (
            r#""aws_polling": { "timeout": "3h" }"#,
            &[],
            (Some(10800), None, 0),
        ),
        (
            r#""aws_polling": { "delay_seconds": 30, "max_attempts": 120 }"#,
            &[],
            (Some(3600), Some(30), 0),
        ),
        // 15 s an attempt, as when the count was written; Packer now takes 2 s, which is why it is said.
        (
            r#""aws_polling": { "max_attempts": 240 }"#,
            &[],
            (Some(3600), None, 1),
        ),
        (
            r#""aws_polling": { "max_attempts": 240, "timeout": "2h" }"#,
            &[],
            (Some(7200), None, 1),
        ),
        (
            r#""aws_polling": { "delay_seconds": 2, "max_attempts": 10 }"#,
            &[],
            (Some(20), Some(2), 1),
        ),
        (
            r#""aws_polling": { "timeout": "3h" }"#,
            &[
                ("AWS_MAX_ATTEMPTS", "240"),
                ("AWS_POLL_DELAY_SECONDS", "30"),
            ],
            (Some(10800), None, 2),
        ),
        (
            r#""tags": {}"#,
            &[("AWS_MAX_ATTEMPTS", "240")],
            (Some(3600), None, 0),
        ),
        (
            r#""tags": {}"#,
            &[
                ("AWS_MAX_ATTEMPTS", "240"),
                ("AWS_POLL_DELAY_SECONDS", "30"),
            ],
            (Some(7200), Some(30), 0),
        ),
        (
            r#""tags": {}"#,
            &[("AWS_TIMEOUT_SECONDS", "5400")],
            (Some(5400), None, 0),
        ),
        (
            r#""tags": {}"#,
            &[("AWS_TIMEOUT_SECONDS", "5400"), ("AWS_MAX_ATTEMPTS", "240")],
            (Some(3600), None, 1),
        ),
        // What the SDKs call attempts is no patience.
        (
            r#""tags": {}"#,
            &[("AWS_MAX_ATTEMPTS", "3")],
            (None, None, 1),
        ),
        (
            r#""tags": {}"#,
            &[("AWS_POLL_DELAY_SECONDS", "soon")],
            (None, None, 1),
        ),
    ] {
        assert_eq!(
            polling(options, environment),
            expected,
            "{options} {environment:?}"
        );
    }
}

/// Such a limit once ended the process, when the image was made.
#[test]
fn a_duration_that_gos_cannot_hold_is_out_of_range() {
    for (option, place) in [
        (
            r#""aws_polling": { "timeout": "5000000000000000h" }"#,
            "timeout",
        ),
        (r#""ssh_timeout": "2562047h47m17s""#, "ssh_timeout"),
    ] {
        let findings = builder(option).bake().unwrap_err();
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].code, "template::wrong_type");
        assert!(findings[0].message.contains(place), "{findings:?}");
        assert!(
            findings[0].message.contains("out of Go's range"),
            "{findings:?}"
        );
        assert!(!findings[0].labels.is_empty());
    }
    assert!(
        builder(r#""aws_polling": { "timeout": "2562047h47m16.854775807s" }"#)
            .bake()
            .is_ok()
    );
}

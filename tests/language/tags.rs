//! Tags that AWS or kiln refuses, in every option that has some.

use super::Case;
use super::bad_input::{BUILDER, builder, service, template};
use kiln::source::Diagnostic;

fn refused(findings: &[Diagnostic]) -> Vec<&str> {
    let wrong = |finding: &&Diagnostic| finding.is_error();
    let all: Vec<_> = findings.iter().filter(wrong).collect();
    for finding in &all {
        assert_eq!(finding.code, "template::tags", "{findings:?}");
        assert!(!finding.labels.is_empty(), "{finding:?}");
    }
    all.iter().map(|finding| finding.message.as_str()).collect()
}

fn of_builder(options: &str) -> Vec<String> {
    let findings = builder(options)
        .bake()
        .map_or_else(|findings| findings, |(_, findings)| findings);
    refused(&findings).into_iter().map(str::to_owned).collect()
}

fn group(tags: &str) -> Case {
    service(
        "groups",
        &format!(r#", "groups": {{ "mode": "new" }}, "set": {{ "tags": {tags} }}"#),
    )
}

#[test]
fn nobody_sets_kilns_tags_or_those_of_aws() {
    for option in [
        r#""tags": { "kiln:ready": "x", "ok": "1" }"#,
        r#""snapshot_tags": { "kiln:run": "x" }"#,
        r#""tags": { "AWS:x": "x" }"#,
        r#""run_tags": { "aws:x": "x" }"#,
        r#""run_volume_tags": [{ "kiln:x": "{{.SourceAMI}}" }]"#,
        r#""tag": { "key": "kiln:family", "value": "x" }"#,
        r#""snapshot_tag": [{ "key": "aws:y", "value": "x" }]"#,
        r#""run_tag": { "key": "kiln:run", "value": "x" }"#,
        r#""spot_price": "auto", "spot_tags": { "kiln:run": "x" }"#,
        r#""spot_price": "auto", "fleet_tags": { "kiln:run": "x" }"#,
    ] {
        let wrong = of_builder(option);
        assert_eq!(wrong.len(), 1, "{option}: {wrong:?}");
    }
    assert!(of_builder(r#""tags": { "kilns": "x", "awsx": "x", "Name": "kiln:x" }"#).is_empty());
    let findings = group(r#"{ "kiln:state": "live" }"#).service().unwrap_err();
    assert_eq!(refused(&findings), ["the tag `kiln:state` is kiln's own"]);
}

#[test]
fn what_is_too_long_or_too_much_is_said() {
    let (key, value) = ("ü".repeat(128), "ü".repeat(256));
    assert!(of_builder(&format!(r#""tags": {{ "{key}": "{value}" }}"#)).is_empty());
    assert_eq!(
        of_builder(&format!(r#""tags": {{ "{key}x": "{value}x" }}"#)).len(),
        2
    );
    let many = |prefix: &str, count: usize| {
        let all: Vec<_> = (0..count)
            .map(|at| format!(r#""{prefix}{at}": "x""#))
            .collect();
        all.join(", ")
    };
    let both = |run: usize, image: usize| {
        format!(
            r#""run_tags": {{ {} }}, "tags": {{ {} }}"#,
            many("r", run),
            many("i", image)
        )
    };
    assert!(of_builder(&both(20, 16)).is_empty());
    assert_eq!(
        of_builder(&both(20, 17)),
        ["the image would have 37 tags, and 36 are the most"]
    );
    let skipped = format!(r#"{}, "skip_ami_run_tags": true"#, both(46, 36));
    assert!(of_builder(&skipped).is_empty());
    assert_eq!(
        of_builder(&format!(
            r#""run_tags": {{ {} }}, "skip_ami_run_tags": true"#,
            many("r", 47)
        ))
        .len(),
        1
    );
    assert_eq!(
        of_builder(&format!(
            r#""tags": {{ {} }}, "snapshot_tags": {{ {} }}"#,
            many("i", 36),
            many("s", 6)
        )),
        ["a snapshot of the image would have 42 tags, and 41 are the most"]
    );
    let findings = group(&format!("{{ {} }}", many("g", 41)))
        .service()
        .unwrap_err();
    assert_eq!(refused(&findings).len(), 1);
}

#[test]
fn what_becomes_a_tag_of_kilns_is_not_too_long_for_one() {
    let family = |name: usize, version: usize| {
        let (name, version) = ("ü".repeat(name), "1".repeat(version));
        let root = format!(r#""kiln": {{ "family": "{name}", "version": "{version}" }}"#);
        let mut case = template(&format!(r#"{root}, "builders": [{{ {BUILDER} }}]"#));
        case.bake().map_or_else(|found| found, |(_, found)| found)
    };
    assert!(family(256, 256).is_empty());
    assert_eq!(
        refused(&family(257, 258)),
        [
            "the value of the tag `kiln:family` has 257 characters",
            "the value of the tag `kiln:version` has 258 characters"
        ]
    );
}

#[test]
fn a_description_has_255_characters() {
    let described = |count: usize| {
        let text = "ü".repeat(count);
        builder(&format!(r#""ami_description": "{text}""#)).bake()
    };
    assert!(described(255).is_ok());
    let findings = described(256).unwrap_err();
    assert_eq!(findings[0].code, "template::image_options");
    assert!(!findings[0].labels.is_empty());
}

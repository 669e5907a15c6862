//! `groups` of the mode `pair`: what it comes to, and what it has no use for.

use super::Case;

/// A service file with these groups and these other keys, behind text that is not ASCII.
fn file(groups: &str, more: &str) -> Case {
    let text = format!(
        r#"{{ "format": 1, "service": "web", "image": {{ "family": "grün" }}, "groups": {{ {groups} }},
  "traffic": {{ "load_balancer": "ü", "target": {{ "port": 80 }}, "rules": [{{ "port": 80 }}] }}{more} }}"#
    );
    Case::new().file("dienst-ä.json", &text)
}

const PAIR: &str = r#""mode": "pair", "names": ["web-blue", "web-green"]"#;

#[test]
fn a_pair_is_two_names() {
    let (service, findings) = file(PAIR, "").service().unwrap();
    assert_eq!(findings, []);
    let names = service.groups.pair.unwrap().map(|name| name.value);
    assert_eq!(names, ["web-blue", "web-green"]);
}

#[test]
fn what_a_pair_has_no_use_for_is_refused_at_its_place_and_all_at_once() {
    let more = r#", "strategy": { "type": "rolling" },
  "set": { "subnets": ["s"], "tags": { "a": "b" }, "health_check_grace_period": "9s", "default_instance_warmup": "9s" }"#;
    let groups = format!(
        r#"{PAIR}, "template": "web", "initial": {{ "min": 1, "max": 2, "desired": 1, "subnets": ["s"] }}"#
    );
    let findings = file(&groups, more).service().unwrap_err();
    let texts: Vec<_> = findings.iter().map(|one| one.message.as_str()).collect();
    for part in [
        "`initial` is for",
        "launch template already",
        "`set.subnets`",
        "`set.tags`",
        "`set.health_check_grace_period`",
        "`set.default_instance_warmup`",
        "`blue_green` or `canary`",
    ] {
        assert!(
            texts.iter().any(|text| text.contains(part)),
            "no {part} in {texts:?}"
        );
    }
    assert_eq!(findings.len(), 7, "{texts:?}");
    for one in &findings {
        assert_eq!(
            (one.code, one.labels.len()),
            ("template::wrong_value", 1),
            "{one:?}"
        );
    }
}

#[test]
fn names_that_are_no_pair_are_refused() {
    for groups in [
        r#""mode": "pair""#,
        r#""mode": "pair", "names": ["web-blue"]"#,
        r#""mode": "pair", "names": ["web-blue", "web-blue"]"#,
        r#""mode": "pair", "names": ["web-blue", "web:green"]"#,
        r#""mode": "new", "names": ["web-blue", "web-green"]"#,
        r#""mode": "pairs""#,
    ] {
        let findings = file(groups, "").service().unwrap_err();
        assert_eq!(findings.len(), 1, "{groups}: {findings:?}");
        assert!(findings[0].help.is_some(), "{groups}");
    }
}

//! `capacity` of a service file: what it comes to, and what it cannot be.

use std::time::Duration;

use kiln::template::service::{Capacity, Service, WhenShort};

use super::Case;

/// A service file with this `capacity` and these other keys, behind text that is not ASCII.
fn case(capacity: &str, more: &str) -> Case {
    let text = format!(
        r#"{{ "format": 1, "service": "web", "image": {{ "family": "grün" }},
  "traffic": {{ "load_balancer": "ü", "target": {{ "port": 80 }}, "rules": [{{ "port": 80 }}] }},
  "capacity": {capacity}, {more} }}"#
    );
    Case::new().file("dienst-ä.json", &text)
}

const NEW: &str = r#""groups": { "mode": "new" }"#;

fn load(capacity: &str) -> Service {
    let loaded = case(capacity, NEW).service();
    let (service, findings) = loaded.unwrap_or_else(|findings| panic!("{findings:?}"));
    assert_eq!(findings, []);
    service
}

#[test]
fn a_service_waits_fails_or_falls_back() {
    assert_eq!(load("{}").capacity, Some(Capacity::default()));
    let waits = load(r#"{ "when_short": "wait", "timeout": "10m" }"#).capacity;
    let waits = waits.unwrap();
    assert_eq!(waits.timeout, Some(Duration::from_mins(10)));
    assert_eq!(waits.when_short, WhenShort::Wait);
    let fails = load(r#"{ "when_short": "fail" }"#).capacity.unwrap();
    assert_eq!(fails.when_short, WhenShort::Fail);
    let types = r#""instance_types": ["t3.small", "t3a.small"]"#;
    let back = load(&format!(r#"{{ "when_short": "fallback", {types} }}"#));
    let back = back.capacity.unwrap();
    let names: Vec<_> = back
        .types()
        .iter()
        .map(|kind| kind.value.as_str())
        .collect();
    assert_eq!(names, ["t3.small", "t3a.small"]);
}

#[test]
fn what_cannot_be_is_refused_at_its_place() {
    let two = r#"{ "when_short": "fallback", "instance_types": ["a.b", "c.d"] }"#;
    let many: Vec<_> = (0..41)
        .map(|number| format!("\"m{number}.large\""))
        .collect();
    let many = format!(
        r#"{{ "when_short": "fallback", "instance_types": [{}] }}"#,
        many.join(", ")
    );
    let pair = r#""groups": { "mode": "pair", "names": ["web-a", "web-b"] }"#;
    let rolling = format!(r#"{NEW}, "strategy": {{ "type": "rolling" }}"#);
    let own = format!(r#"{NEW}, "set": {{ "instance_type": "a.b" }}"#);
    for (capacity, more, part) in [
        (
            r#"{ "when_short": "fall" }"#,
            NEW,
            "`when_short` cannot be `fall`",
        ),
        (
            r#"{ "instance_types": ["a.b", "c.d"] }"#,
            NEW,
            "are what `fallback` takes",
        ),
        (r#"{ "when_short": "fallback" }"#, NEW, "instance_types"),
        (
            r#"{ "when_short": "fallback", "instance_types": ["a.b"] }"#,
            NEW,
            "no type to fall back to",
        ),
        (
            r#"{ "when_short": "fallback", "instance_types": ["a.b", "c.d", "a.b"] }"#,
            NEW,
            "`a.b` stands twice",
        ),
        (&many, NEW, "40 types"),
        (
            r#"{ "when_short": "fail", "timeout": "9s" }"#,
            NEW,
            "nothing is waited for",
        ),
        (r#"{ "timeout": "0s" }"#, NEW, "is no wait"),
        (two, pair, "is its owner's"),
        (two, &own, "exclude each other"),
        (two, &rolling, "the group stays"),
        (r#"{ "when_short": "fail" }"#, &rolling, "the group stays"),
    ] {
        let findings = case(capacity, more).service().unwrap_err();
        let [one] = &findings[..] else {
            panic!("{capacity}: {findings:#?}");
        };
        assert!(one.message.contains(part), "{part}: {one:?}");
        assert!(!one.labels.is_empty(), "{one:?}");
        assert!(one.help.is_some(), "{one:?}");
    }
    // Both groups of a pair may be waited for.
    assert!(case(r#"{ "timeout": "9m" }"#, pair).service().is_ok());
}

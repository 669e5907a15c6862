//! The production rules of a service file.

#[test]
fn a_rule_is_written_once() {
    let with = |rules: &str| {
        let traffic = format!(
            r#", "traffic": {{ "load_balancer": "ü", "target": {{ "port": 80 }}, "rules": [{rules}] }}"#
        );
        super::bad_input::service("traffic", &traffic).service()
    };
    assert!(with(r#"{ "port": 80 }, { "port": 443 }"#).is_ok());
    let twice = r#"{ "port": 80, "match": { "host": ["a", "b"] } },
        { "port": 80, "match": { "host": ["b", "a"] } }"#;
    for rules in [r#"{ "port": 80 }, { "port": 80 }"#, twice] {
        let findings = with(rules).unwrap_err();
        assert_eq!(findings.len(), 1, "{rules}");
        assert!(findings[0].message.contains("written twice"), "{rules}");
        assert!(!findings[0].labels.is_empty(), "{rules}");
    }
}

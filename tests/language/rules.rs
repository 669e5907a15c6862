//! The production rules of a service file.

/// Every contradiction of a probe has its place.
#[test]
fn a_probe_has_a_header_or_a_port_of_its_own() {
    let with = |probe: &str| {
        let traffic = format!(
            r#", "traffic": {{ "load_balancer": "ü", "target": {{ "port": 80 }}, "rules": [{{ "port": 80 }}], "probe": {{ {probe} }} }}"#
        );
        super::bad_input::service("traffic", &traffic).service()
    };
    let service = with(r#""port": "8443""#).unwrap().0;
    let port = service.traffic.unwrap().probe.port;
    assert_eq!(port.map(|port| port.value), Some(8443));
    for (probe, said) in [
        (r#""port": 8443, "header": "x-ü""#, "two ways"),
        (r#""port": 80"#, "carries production traffic"),
    ] {
        let findings = with(probe).unwrap_err();
        assert_eq!(findings.len(), 1, "{probe}: {findings:?}");
        let finding = &findings[0];
        assert!(finding.message.contains(said), "{finding:?}");
        assert_eq!(finding.code, "template::wrong_value");
        assert!(
            !finding.labels.is_empty() && finding.help.is_some(),
            "{finding:?}"
        );
    }
    assert_eq!(with(r#""port": 80.5"#).unwrap_err().len(), 1);
}

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

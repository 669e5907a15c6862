//! Services that records of DNS lead to.

use kiln::source::Diagnostic;
use kiln::template::service::{Service, Strategy};

const RECORD: &str = r#""record": { "name": "www.example.org", "zone": "example.org" }"#;
const BOTH: &str = r#""load_balancers": ["a", "b"]"#;
const RULES: &str = r#""rules": [{ "port": 80 }]"#;

fn with(kind: &str, traffic: &[&str]) -> Result<Service, Vec<Diagnostic>> {
    let more = format!(
        r#", "strategy": {{ {kind} }}, "traffic": {{ {} }}"#,
        traffic.join(", ")
    );
    let found = super::bad_input::service("traffic", &more).service();
    found.map(|(service, _)| service)
}

#[test]
fn two_load_balancers_and_a_record_are_a_way() {
    let service = with(r#""type": "dns""#, &[RECORD, BOTH, RULES]).unwrap();
    let by = service.traffic.unwrap().record.unwrap();
    assert_eq!(
        (by.name.as_str(), by.zone.as_str()),
        ("www.example.org", "example.org")
    );
    assert_eq!(by.load_balancers.map(|name| name.value), ["a", "b"]);
    assert_eq!(service.strategy, Strategy::Dns(Vec::new()));
    let steps = r#""type": "dns", "steps": [{ "weight": 100, "hold": "5m" }]"#;
    assert!(
        matches!(with(steps, &[RECORD, BOTH, RULES]).unwrap().strategy, Strategy::Dns(steps) if steps.len() == 1)
    );
}

/// All at once, each at its place and with what helps.
#[test]
fn what_does_not_go_with_records_is_refused_at_its_place() {
    let dns = r#""type": "dns""#;
    let starred = RECORD.replace("www", "*");
    for (kind, traffic, said) in [
        (dns, vec![BOTH, RULES], vec!["record"]),
        (dns, vec![RECORD, RULES], vec!["load_balancers"]),
        (
            dns,
            vec![RECORD, r#""load_balancers": ["a", "a"]"#, RULES],
            vec!["two different names"],
        ),
        (
            dns,
            vec![&starred, BOTH, RULES],
            vec!["no name of a record"],
        ),
        (
            dns,
            vec![
                RECORD,
                BOTH,
                RULES,
                r#""load_balancer": "a""#,
                r#""target": { "port": 80 }"#,
                r#""probe": { "port": 81 }"#,
            ],
            vec![
                "`load_balancer` belongs",
                "`target` belongs",
                "`probe` belongs",
            ],
        ),
        (
            dns,
            vec![RECORD, BOTH, r#""rules": [{ "port": 80, "create": true }]"#],
            vec!["no rule is made"],
        ),
        (
            r#""type": "canary", "steps": [{ "weight": 100, "hold": "5m" }]"#,
            vec![
                RECORD,
                BOTH,
                RULES,
                r#""load_balancer": "a""#,
                r#""target": { "port": 80 }"#,
            ],
            vec![
                "`record` belongs to the strategy `dns`",
                "`load_balancers` belongs",
            ],
        ),
    ] {
        let findings = with(kind, &traffic).unwrap_err();
        assert_eq!(findings.len(), said.len(), "{traffic:?}: {findings:#?}");
        for (finding, said) in findings.iter().zip(said) {
            assert!(finding.message.contains(said), "{said}: {finding:#?}");
            assert!(
                !finding.labels.is_empty() && finding.help.is_some(),
                "{finding:#?}"
            );
        }
    }
}

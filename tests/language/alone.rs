//! Service files without a load balancer.

use std::time::Duration;

use kiln::template::service::{Replace, Service, Strategy};

use super::Case;

fn case(more: &str) -> Case {
    let text = format!(
        r#"{{ "format": 1, "service": "worker", "image": {{ "id": "ami-1" }}, "groups": {{ "mode": "new" }}{more} }}"#
    );
    Case::new().file("worker.json", &text)
}

fn load(more: &str) -> Service {
    let loaded = case(more).service();
    loaded.unwrap_or_else(|findings| panic!("{findings:?}")).0
}

#[test]
fn replace_and_rolling_need_no_load_balancer() {
    let more = r#", "strategy": { "type": "replace", "keep_running": true, "drain": "10m" },
        "hooks": { "activate": [{ "command": "./activate.sh" }] }"#;
    let service = load(more);
    assert!(service.traffic.is_none());
    let replace = Replace {
        keep_running: true,
        drain: Some(Duration::from_mins(10)),
    };
    assert_eq!(service.strategy, Strategy::Replace(replace));
    assert_eq!(service.hooks.activate.len(), 1);
    assert!(
        load(r#", "strategy": { "type": "rolling" }"#)
            .traffic
            .is_none()
    );
    let keep = |text: &str| match load(text).strategy {
        Strategy::ReplaceRoot(one) => one.keep_snapshots,
        other => panic!("{other:?}"),
    };
    let week = Duration::from_hours(7 * 24);
    assert_eq!(keep(r#", "strategy": { "type": "replace_root" }"#), week);
    let named = r#", "strategy": { "type": "replace_root", "keep_snapshots": "1h" }"#;
    assert_eq!(keep(named), Duration::from_hours(1));
    let findings = case("").service().unwrap_err();
    assert_eq!(findings[0].code, "template::missing_option");
}

const TRAFFIC: &str = r#", "traffic": { "load_balancer": "public", "target": { "port": 80 }, "rules": [{ "port": 80 }] }"#;

#[test]
fn what_needs_a_load_balancer_or_must_not_have_one_is_refused_in_its_place() {
    let replace = r#", "strategy": { "type": "replace" }"#;
    for (more, about) in [
        (format!("{replace}{TRAFFIC}"), "without a load balancer"),
        (
            format!(r#"{TRAFFIC}, "strategy": {{ "type": "replace_root" }}"#),
            "`replace_root` is for services without a load balancer",
        ),
        (
            r#", "strategy": { "type": "replace", "keep_snapshots": "5m" }"#.to_owned(),
            "`keep_snapshots` belong to snapshots before a root is replaced",
        ),
        (
            format!(r#"{TRAFFIC}, "hooks": {{ "activate": [{{ "command": "./é" }}] }}"#),
            "`hooks.activate` belongs to the strategy `replace`",
        ),
        (
            format!(r#"{TRAFFIC}, "strategy": {{ "drain": "5m" }}"#),
            "`drain` belongs to a group that takes another's place",
        ),
        (
            format!(r#"{replace}, "checks": {{ "before": [{{ "http": {{ "path": "/é" }} }}] }}"#),
            "`http` asks the load balancer",
        ),
        (
            format!(
                r#"{replace}, "checks": {{ "watch": [{{ "compare": "latency", "max_ratio": 2 }}] }}"#
            ),
            "`compare` asks the load balancer",
        ),
    ] {
        let mut case = case(&more);
        let findings = case.service().unwrap_err();
        let said: Vec<_> = findings.iter().map(|one| &one.message).collect();
        assert_eq!(findings.len(), 1, "{more}: {said:?}");
        assert_eq!(findings[0].code, "template::wrong_value", "{more}");
        assert!(findings[0].message.contains(about), "{more}: {said:?}");
        assert!(!findings[0].labels.is_empty(), "{more}");
    }
}

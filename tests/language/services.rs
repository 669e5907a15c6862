//! Service files: what they come to, and what is refused.

use super::Case;
use super::bad_input::service;
use kiln::template::Data;
use kiln::template::service::{Body, CheckKind, ImageChoice, Protocol, Service, Strategy};
use serde_json::json;
use std::time::Duration;

/// A service file with everything that this stage of kiln takes.
const WHOLE: &str = r#"{
  // kiln reads this file, so comments need no note
  "format": 1,
  "variables": { "groesse": "t3.small", "port": "80" },
  "service": "web", "account": "111122223333", "region": "eu-central-1",
  "state": "/srv/kiln",
  "image": { "family": "web", "channel": "prod" },
  "groups": { "mode": "new", "template": "web-lt", "initial": { "min": 2, "max": "6", "desired": 2, "subnets": ["subnet-1", "subnet-2"] } },
  "set": { "instance_type": "{{ groesse }}", "user_data": { "render": "user-data.sh.j2" }, "health_check_grace_period": "90s",
           "security_groups": [], "tags": { "Name": "web {{ image.tags.version }}" } },
  "traffic": { "load_balancer": "prod-public", "target_groups": ["web-a", "web-b"],
    "target": { "port": "{{user `port`}}", "protocol": "HTTP", "health_check": { "path": "/healthz", "interval": "5s" }, "deregistration_delay": "10s" },
    "rules": [ { "port": 443, "match": { "host": ["web.example"], "header": { "x": "y" } }, "create": true } ],
    "probe": { "header": "x-probe" } },
  "strategy": { "type": "blue_green" },
  "checks": {
    "before": [ { "http": { "path": "/version", "body": { "equals": "{{ image.tags.version }}" } }, "times": 5, "timeout": "2m" } ],
    "after":  [ { "soak": "5m" } ] },
  "on_fail": "rollback",
  "rollback": { "keep": "2h" },
}"#;

const USER_DATA: &str =
    "#!/bin/sh\n{# not this #}\necho {{ groesse }} {{ image.id }} ${#a} # {{ service }}\n";

fn whole() -> Case {
    Case::new()
        .file("services/web.json", WHOLE)
        .beside("services/user-data.sh.j2", USER_DATA)
}

fn load(mut case: Case) -> Service {
    let (service, findings) = case
        .service()
        .unwrap_or_else(|findings| panic!("{}", case.draw(&findings)));
    assert_eq!(findings, []);
    service
}

#[test]
fn a_whole_service_file_comes_to_typed_values() {
    let service = load(whole());
    assert_eq!(service.name.value, "web");
    let ImageChoice::Family { family, channel } = &service.image else {
        panic!("a family is written")
    };
    assert_eq!(
        (
            family.value.as_str(),
            channel.as_ref().unwrap().value.as_str()
        ),
        ("web", "prod")
    );
    let initial = service.groups.initial.unwrap();
    assert_eq!(
        (initial.min.value, initial.max.value, initial.subnets.len()),
        (2, 6, 2)
    );
    assert_eq!(service.set.instance_type.unwrap().value, "t3.small");
    assert_eq!(service.set.security_groups.unwrap().len(), 0);
    assert!(service.set.key_name.is_none());
    assert_eq!(
        service.set.health_check_grace_period,
        Some(Duration::from_secs(90))
    );
    let traffic = service.traffic.as_ref().unwrap();
    let target = &traffic.target;
    let protocol = target.protocol.as_ref().map(|one| one.value);
    assert_eq!((target.port.value, protocol), (80, Some(Protocol::Http)));
    let rule = &traffic.rules[0];
    assert_eq!((rule.port.value, rule.create), (443, true));
    assert_eq!(rule.headers[0].1, ["y"]);
    assert_eq!(traffic.probe.header.value, "x-probe");
    assert_eq!(service.keep.previous, Duration::from_hours(2));
    assert_eq!(
        service.checks.after[0].kind,
        CheckKind::Soak(Duration::from_mins(5))
    );
}

#[test]
fn checks_and_user_data_wait_for_the_image() {
    let service = load(whole());
    let asked = &service.checks.before[0];
    let CheckKind::Http(check) = &asked.kind else {
        panic!("an http check is written")
    };
    let Some(Body::Equals(body)) = &check.body else {
        panic!("a body is written")
    };
    let data = Data::new()
        .with(
            "image",
            json!({ "id": "ami-1", "tags": { "version": "1.2" } }),
        )
        .with("service", "web");
    assert_eq!(body.render(&data).unwrap(), "1.2");
    assert_eq!(
        (asked.times, check.status.as_slice(), asked.timeout),
        (5, [200].as_slice(), Duration::from_mins(2))
    );
    assert_eq!(
        service.set.user_data.unwrap().render(&data).unwrap(),
        "#!/bin/sh\n\necho t3.small ami-1 ${#a} # web\n"
    );
}

#[test]
fn what_a_file_leaves_out_has_its_default() {
    let service = load(service("", ""));
    let names = service
        .traffic
        .as_ref()
        .unwrap()
        .target_groups
        .clone()
        .map(|name| name.value);
    assert_eq!(
        (service.groups.template.value.as_str(), names),
        ("web", ["web-a".to_owned(), "web-b".to_owned()])
    );
    assert_eq!(
        service.traffic.as_ref().unwrap().probe.header.value,
        "x-kiln-probe"
    );
    assert_eq!(
        (service.keep.previous, service.groups.initial.is_none()),
        (Duration::from_hours(1), true)
    );
}

#[test]
fn state_is_a_folder_or_a_bucket() {
    for good in ["s3://acme-kiln/prod", "s3://acme-kiln", "/srv/kiln"] {
        load(service("", &format!(r#", "state": "{good}""#)));
    }
    for bad in [
        "s3://",
        "s3:///prod",
        "s3://Acme/prod",
        "s3://-a-/x",
        "gs://acme-kiln",
    ] {
        let findings = service("", &format!(r#", "state": "{bad}""#)).service();
        let findings = findings.unwrap_err();
        let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, ["template::wrong_value"], "{bad}");
    }
}

#[test]
fn a_canary_has_steps_that_rise_to_all_of_the_traffic() {
    let canary = |steps: &str| {
        let more = format!(r#", "strategy": {{ "type": "canary"{steps} }}"#);
        service("", &more)
    };
    let good =
        canary(r#", "steps": [{ "weight": "10", "hold": "5m" }, { "weight": 100, "hold": "1s" }]"#);
    let Strategy::Canary(steps) = load(good).strategy else {
        panic!("it is a canary");
    };
    let steps: Vec<_> = steps.iter().map(|step| (*step.weight, step.hold)).collect();
    let held = [Duration::from_mins(5), Duration::from_secs(1)];
    assert_eq!(steps, [(10, held[0]), (100, held[1])]);
    for (steps, code, about) in [
        ("", "missing_option", "steps"),
        (r#", "steps": []"#, "missing_option", "steps"),
        (
            r#", "steps": [{ "hold": "5m" }]"#,
            "missing_option",
            "weight",
        ),
        (
            r#", "steps": [{ "weight": 100 }]"#,
            "missing_option",
            "hold",
        ),
        (
            r#", "steps": [{ "weight": 100, "hold": "30ms" }]"#,
            "wrong_value",
            "a second at least",
        ),
        (
            r#", "steps": [{ "weight": 0, H }, { "weight": 100, H }]"#,
            "wrong_value",
            "0 %",
        ),
        (
            r#", "steps": [{ "weight": 50, H }]"#,
            "wrong_value",
            "last step is 50 %",
        ),
        (
            r#", "steps": [{ "weight": 101, H }]"#,
            "wrong_value",
            "101 %",
        ),
        (
            r#", "steps": [{ "weight": 50, H }, { "weight": 50, H }, { "weight": 100, H }]"#,
            "wrong_value",
            "50 % follows one of 50 %",
        ),
        (
            r#", "steps": [{ "weight": 50, H, "holt": "é" }, { "weight": 100, H }]"#,
            "unknown_key",
            "holt",
        ),
    ] {
        let findings = canary(&steps.replace('H', r#""hold": "5m""#)).service();
        let findings = findings.unwrap_err();
        let said: Vec<_> = findings
            .iter()
            .map(|one| (one.code, &one.message))
            .collect();
        assert_eq!(findings.len(), 1, "{steps}: {said:?}");
        assert_eq!(findings[0].code, format!("template::{code}"), "{steps}");
        assert!(findings[0].message.contains(about), "{steps}: {said:?}");
    }
    let more = r#", "strategy": { "type": "blue_green", "steps": [{ "weight": 100 }] }"#;
    let findings = service("", more).service().unwrap_err();
    assert!(findings[0].message.contains("belong to a canary"));
}

#[test]
fn a_refresh_has_bounds_and_checkpoints_that_rise_to_all() {
    let rolling = |more: &str| {
        let more = format!(r#", "strategy": {{ "type": "rolling"{more} }}"#);
        service("", &more)
    };
    let more = r#", "max_healthy_percentage": 150, "checkpoint_percentages": [20, 100], "checkpoint_delay": "10m""#;
    let Strategy::Rolling(good) = load(rolling(more)).strategy else {
        panic!("it is a refresh");
    };
    assert_eq!((good.most, good.checkpoints), (150, vec![20, 100]));
    assert_eq!(good.checkpoint_delay, Duration::from_mins(10));
    for (more, about) in [
        (r#", "max_healthy_percentage": 99"#, "99 % of the capacity"),
        (
            r#", "max_healthy_percentage": 201"#,
            "201 % of the capacity",
        ),
        (
            r#", "checkpoint_percentages": [50, 20, 100]"#,
            "must rise to 100",
        ),
        (
            r#", "checkpoint_percentages": [20, 50]"#,
            "must rise to 100",
        ),
        (
            r#", "checkpoint_percentages": ["é", 100]"#,
            "must rise to 100",
        ),
        (
            r#", "checkpoint_delay": "5m""#,
            "needs `checkpoint_percentages`",
        ),
        (
            r#", "checkpoint_percentages": [100], "checkpoint_delay": "49h""#,
            "48 hours",
        ),
        (
            r#", "steps": [{ "weight": 100, "hold": "1s" }]"#,
            "belong to a canary",
        ),
    ] {
        let findings = rolling(more).service().unwrap_err();
        assert_eq!(findings.len(), 1, "{more}: {findings:?}");
        assert_eq!(findings[0].code, "template::wrong_value", "{more}");
        assert!(findings[0].message.contains(about), "{more}: {findings:?}");
    }
    let findings = service("", r#", "strategy": { "max_healthy_percentage": 110 }"#).service();
    assert!(
        findings.unwrap_err()[0]
            .message
            .contains("belongs to an instance refresh")
    );
}

#[test]
fn sizes_and_names_that_cannot_be_are_refused() {
    let more = r#", "strategy": { "type": "blue-green" }, "rollback": { "keep": "é" },
        "checks": { "before": [ { "http": { "status": [99] } }, {} ] }"#;
    let findings = service("", more).service().unwrap_err();
    let codes: Vec<_> = findings.iter().map(|f| f.code).collect();
    assert_eq!(
        codes,
        ["wrong_value", "wrong_type", "wrong_value", "missing_option"]
            .map(|code| format!("template::{code}"))
    );
}

#[test]
fn a_rendered_file_is_blamed_in_itself() {
    let mut case = Case::new()
        .file("services/web.json", WHOLE)
        .beside("services/user-data.sh.j2", "#!/bin/sh\n# ü {{ groese }}\n");
    let findings = case.service().unwrap_err();
    assert_eq!(
        case.sources.locate(findings[0].labels[0].span),
        "services/user-data.sh.j2:2:8"
    );
    assert_eq!(findings[0].help.as_deref(), Some("did you mean `groesse`?"));
}

#[test]
fn files_are_told_apart_by_content() {
    let mut case = whole()
        .file("a.json", "{ \"builders\": [] }")
        .file("b.json", "{ \"x\": 1 }");
    let kinds = kiln::template::load::kinds(&case.request, &mut case.sources);
    let kinds: Vec<_> = kinds
        .into_iter()
        .map(|(_, kind)| format!("{kind:?}"))
        .collect();
    assert_eq!(kinds, ["Service", "Template", "Vars"]);
}

#[test]
fn a_service_file_builds_on_files_that_it_includes() {
    let case = service(
        "",
        ", \"include\": [\"base/common.json\"], \"region\": \"{{ region }}\", \"account\": \"{{ account }}\", \
         \"variables\": { \"account\": \"111122223333\" }",
    );
    let case = case
        .beside(
            "base/common.json",
            "{ \"include\": \"deeper.json\", \"variables\": { \"account\": \"444455556666\" } }",
        )
        .beside("base/deeper.json", "{ \"region\": \"eu-west-3\" }");
    let service = load(case);
    assert_eq!(service.region.unwrap().value, "eu-west-3");
    assert_eq!(service.account.unwrap().value, "111122223333");
}

#[test]
fn what_a_service_file_includes_must_be_there() {
    let mut case = service("", ", \"include\": [\"bäse.json\"]");
    let findings = case.service().unwrap_err();
    let drawn = case.draw(&findings);
    assert_eq!(findings.len(), 1, "{drawn}");
    assert_eq!(findings[0].code, "template::unreadable_file", "{drawn}");
}

#[test]
fn a_health_check_is_one_that_elb_takes() {
    let with = |options: &str| {
        let traffic = format!(
            r#", "traffic": {{ "load_balancer": "ü", "target": {{ "port": 80, "health_check": {{ {options} }} }}, "rules": [{{ "port": 80 }}] }}"#
        );
        super::bad_input::service("traffic", &traffic).service()
    };
    let ends =
        r#""interval": "300s", "timeout": "2s", "healthy_threshold": 2, "unhealthy_threshold": 10"#;
    assert!(with(ends).is_ok());
    for wrong in [
        r#""interval": "4s""#,
        r#""interval": "2562047h""#,
        r#""timeout": "2500ms""#,
        r#""healthy_threshold": 4294967295"#,
        r#""unhealthy_threshold": 1"#,
    ] {
        let findings = with(wrong).unwrap_err();
        assert_eq!(findings[0].code, "template::wrong_value", "{wrong}");
        assert!(!findings[0].labels.is_empty(), "{wrong}");
    }
}

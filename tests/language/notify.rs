//! `notify` of a service file: what it comes to, and what it cannot be. No finding says an address.

use kiln::template::service::{Outcome, RecipientKind};

use super::Case;

const SECRET: &str = "https://hooks.example/T0/hunter2?a=b";

/// A service file with this `notify`, whose sensitive variable is `address`.
fn case(notify: &str, address: &str) -> Case {
    let text = format!(
        r#"{{ "format": 1, "service": "web", "image": {{ "family": "grün" }}, "groups": {{ "mode": "new" }},
  "variables": {{ "hook": "{address}" }}, "sensitive-variables": ["hook"],
  "traffic": {{ "load_balancer": "ü", "target": {{ "port": 80 }}, "rules": [{{ "port": 80 }}] }},
  "notify": {notify} }}"#
    );
    Case::new().file("dienst-ä.json", &text)
}

#[test]
fn people_and_programs_are_told_of_the_ends_that_they_want_to_hear_of() {
    let notify = r#"[ { "slack": { "webhook": "{{ user `hook` }}" }, "on": ["failed", "held"] },
        { "webhook": { "url": "{{ user `hook` }}/x" } } ]"#;
    let (service, findings) = case(notify, SECRET).service().unwrap();
    assert_eq!(findings, []);
    let [slack, webhook] = &service.notify[..] else {
        panic!("{:?}", service.notify);
    };
    assert_eq!(
        (slack.kind, slack.url.text()),
        (RecipientKind::Slack, Some(SECRET))
    );
    assert_eq!(slack.on, [Outcome::Failed, Outcome::Held].into());
    assert_eq!(
        (webhook.kind, webhook.on.len()),
        (RecipientKind::Webhook, Outcome::ALL.len())
    );
    let shown = format!("{service:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn what_tells_nobody_is_refused_at_its_place() {
    let hook = "{{ user `hook` }}";
    for (notify, address, part) in [
        ("[ {} ]".to_owned(), SECRET, "slack"),
        (r#"[ { "slack": {} } ]"#.to_owned(), SECRET, "webhook"),
        (
            format!(r#"[ {{ "slack": {{ "webhook": "{SECRET}" }} }} ]"#),
            SECRET,
            "stands in the file",
        ),
        (
            format!(r#"[ {{ "webhook": {{ "url": "{hook}" }} }} ]"#),
            "hooks.example/hunter2",
            "is no address",
        ),
        (
            format!(r#"[ {{ "webhook": {{ "url": "{hook}" }} }} ]"#),
            "https:///hunter2",
            "is no address",
        ),
        (
            format!(
                r#"[ {{ "webhook": {{ "url": "{hook}" }}, "slack": {{ "webhook": "{hook}" }} }} ]"#
            ),
            SECRET,
            "exclude each other",
        ),
        (
            format!(r#"[ {{ "webhook": {{ "url": "{hook}" }}, "on": [] }} ]"#),
            SECRET,
            "names no end",
        ),
        (
            format!(r#"[ {{ "webhook": {{ "url": "{hook}" }}, "on": ["faild"] }} ]"#),
            SECRET,
            "no roll ends as `faild`",
        ),
        (
            format!(r#"[ {{ "slcak": {{ "webhook": "{hook}" }} }} ]"#),
            SECRET,
            "slcak",
        ),
    ] {
        let mut case = case(&notify, address);
        let findings = case.service().unwrap_err();
        let [one] = &findings[..] else {
            panic!("{notify}: {findings:#?}");
        };
        assert!(one.message.contains(part), "{part}: {one:?}");
        assert!(!one.labels.is_empty() && one.help.is_some(), "{one:?}");
        let told = format!("{} {:?}", one.message, one.help);
        assert!(!told.contains("hunter2"), "{told}");
    }
}

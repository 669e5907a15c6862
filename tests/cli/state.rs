//! Where the state may be: a folder that lasts, or a bucket.

use super::{Desk, service};

/// Everything a service needs; its targets are never looked up here.
pub fn whole() -> String {
    let groups = r#"
  "groups": { "template": "web", "initial": { "min": 1, "max": 2, "desired": 1, "subnets": ["subnet-1"] } },
  "set": { "instance_type": "t3.small" },"#;
    service(groups)
}

#[test]
fn an_agent_of_continuous_integration_needs_a_bucket_or_a_word() {
    let desk = Desk::new().with("web.json", &whole());
    for (set, args, code) in [
        (None, &["roll", "web.json"][..], 1),
        (Some(("CI", "false")), &["roll", "web.json"], 1),
        (Some(("CI", "true")), &["roll", "web.json"], 2),
        (Some(("JENKINS_URL", "http://j")), &["roll", "web.json"], 2),
        (
            Some(("CI", "true")),
            &["roll", "web.json", "--local-state"],
            1,
        ),
        (Some(("CI", "true")), &["roll", "web.json", "--plan"], 1),
        (
            Some(("CI", "true")),
            &["roll", "web", "--finish", "--state", "here"],
            2,
        ),
    ] {
        let mut command = desk.command(args);
        command.envs(set);
        let out = command.spawn().unwrap().wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(code), "{set:?} {args:?}: {said}");
        let named = ["--local-state", "s3://"]
            .iter()
            .all(|way| said.contains(way));
        assert_eq!(named, code == 2, "{said}");
    }
    assert_eq!(desk.names(), ["web.json"], "nothing is written");
}

#[test]
fn a_bake_keeps_its_journal_in_a_folder() {
    let desk = Desk::new().with("web.json", &super::template("", ""));
    let out = desk.kiln(&["bake", "web.json", "--state", "s3://acme-kiln/prod"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("s3://acme-kiln/prod"));
    assert_eq!(desk.names(), ["web.json"]);
}

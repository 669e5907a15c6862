//! Ways into an account, the whole way of a bake: a role that is taken, and credentials of a file.

use serde_json::{Value, json};

use super::model::ModelBakery;

pub const OWN: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "AKIAOWN"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
];
const ROLE: &str = "arn:aws:iam::012345678901:role/bake";

/// A bakery whose account has a role for whoever knows its external id.
fn with_role() -> ModelBakery {
    let condition = json!({ "StringEquals": { "sts:ExternalId": "outside" } });
    with_role_for(&json!({ "Condition": condition }))
}

/// A bakery whose account has a role for its user, with more in the statement that says so.
pub fn with_role_for(more: &Value) -> ModelBakery {
    let bakery = ModelBakery::open();
    let mut statement = json!({
        "Effect": "Allow", "Principal": { "AWS": "012345678901" }, "Action": ["sts:AssumeRole", "sts:TagSession"]
    });
    let more = more.as_object().unwrap().clone();
    statement.as_object_mut().unwrap().extend(more);
    let trust = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    bakery.call(&format!(
        "Action=CreateRole&Version=2010-05-08&RoleName=bake&AssumeRolePolicyDocument={trust}"
    ));
    bakery
}

/// The role as a template names it, with these fields too.
pub fn role(more: &Value) -> Value {
    let mut role = json!({
        "role_arn": ROLE, "session_name": "nightly", "external_id": "outside", "duration_seconds": 900,
        "tags": { "team": "web" }, "transitive_tag_keys": ["team"]
    });
    let more = more.as_object().unwrap().clone();
    role.as_object_mut().unwrap().extend(more);
    json!({ "assume_role": role })
}

/// A session policy that keeps actions from it.
pub fn all_but(action: &str) -> String {
    json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" }, { "Effect": "Deny", "Action": action, "Resource": "*" }
    ] })
    .to_string()
}

#[test]
fn every_call_of_a_bake_is_made_in_the_role() {
    let bakery = with_role();
    bakery.template(&role(&json!({ "policy": all_but("iam:*") })));
    let done = bakery.run(&["bake", "web.json"], &OWN);
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{said}");
    let asked = bakery.asked();
    let own: Vec<_> = asked
        .iter()
        .filter(|call| !call.access_key.starts_with("ASIA"))
        .collect();
    let [taken] = &own[..] else {
        panic!("beside the role itself: {own:?}")
    };
    assert_eq!(
        (taken.action.as_str(), taken.access_key.as_str()),
        ("AssumeRole", "AKIAOWN")
    );
    for part in [
        "RoleSessionName=nightly",
        "ExternalId=outside",
        "DurationSeconds=900",
        "Policy=%7B",
    ] {
        assert!(taken.body.contains(part), "no {part} in {}", taken.body);
    }
    for action in [
        "RunInstances",
        "CreateImage",
        "TerminateInstances",
        "CreateTags",
    ] {
        assert!(asked.iter().any(|call| call.action == action), "{action}");
    }
}

#[test]
fn what_the_sessions_policy_denies_fails_a_bake_and_everything_is_taken_back() {
    let bakery = with_role();
    bakery.template(&role(&json!({ "policy": all_but("ec2:CreateImage") })));
    let done = bakery.run(&["bake", "web.json"], &OWN);
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{said}");
    let who = "arn:aws:sts::012345678901:assumed-role/bake/nightly is not authorized to perform: ec2:CreateImage";
    assert!(said.contains(who), "{said}");
    let alive =
        "Filter.1.Name=instance-state-name&Filter.1.Value.1=running&Filter.1.Value.2=stopped";
    let answer = bakery.call(&format!(
        "Action=DescribeInstances&Version=2016-11-15&{alive}"
    ));
    assert!(!answer.contains("<instanceId>"), "{answer}");
}

#[test]
fn a_role_that_cannot_be_taken_is_told_before_anything_is_made() {
    for (more, command) in [
        (
            json!({ "external_id": "inside" }),
            &["bake", "web.json"][..],
        ),
        (
            json!({ "role_arn": "arn:aws:iam::012345678901:role/none" }),
            &["bake", "--plan", "web.json"],
        ),
    ] {
        let bakery = with_role();
        bakery.template(&role(&more));
        let done = bakery.run(command, &OWN);
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{said}");
        let why = "is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::012345678901:role/";
        assert!(said.contains(why), "{said}");
        assert_eq!(said.matches(why).count(), 1, "{said}");
        let asked = bakery.asked();
        assert!(
            asked.iter().all(|call| call.action == "AssumeRole"),
            "{asked:?}"
        );
        assert!(
            !bakery.folder.path().join(".kiln").exists(),
            "a journal was begun"
        );
    }
}

#[test]
fn a_bake_has_the_credentials_of_a_profile_in_a_file_of_its_own() {
    let bakery = with_role();
    bakery.write(
        "accounts",
        &format!(
            "[default]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = s\n\n\
             [builder]\naws_access_key_id = AKIAFILE\naws_secret_access_key = s\n\n\
             [profile inside]\nrole_arn = {ROLE}\nsource_profile = builder\nexternal_id = outside\n"
        ),
    );
    for (profile, key) in [("builder", "AKIAFILE"), ("inside", "ASIA")] {
        bakery.template(&json!({
            "shared_credentials_file": bakery.folder.path().join("accounts"), "profile": profile,
            "ami_name": format!("web-{profile}")
        }));
        let before = bakery.asked().len();
        let done = bakery.run(&["bake", "web.json"], &[]);
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(0), "{said}");
        let asked = bakery.asked().split_off(before);
        let rest = asked.iter().filter(|call| call.action != "AssumeRole");
        for call in rest {
            assert!(call.access_key.starts_with(key), "{profile}: {call:?}");
        }
        let taken = asked.iter().find(|call| call.action == "AssumeRole");
        let taken = taken.map(|call| call.access_key.as_str());
        assert_eq!(taken, (profile == "inside").then_some("AKIAFILE"));
    }
}

/// Leaves a machine behind in the role, and has it swept.
fn left_and_swept(bakery: &ModelBakery) -> (Option<i32>, String, Vec<(String, String)>) {
    bakery.template_of("exit 7", &role(&json!({})));
    let left = bakery.run(
        &["bake", "--on-error=keep", "--result=r.json", "web.json"],
        &OWN,
    );
    assert_eq!(
        left.status.code(),
        Some(3),
        "{}",
        String::from_utf8_lossy(&left.stderr)
    );
    let document = std::fs::read_to_string(bakery.folder.path().join("r.json")).unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    let run = document["builds"][0]["run"].as_str().unwrap();
    let before = bakery.asked().len();
    let swept = bakery.run(&["sweep", "--run", run], &OWN);
    let asked = bakery.asked().split_off(before).into_iter();
    let asked = asked.map(|call| (call.action, call.access_key)).collect();
    (
        swept.status.code(),
        String::from_utf8(swept.stderr).unwrap(),
        asked,
    )
}

#[test]
fn what_was_left_in_a_role_is_swept_in_it() {
    let (code, said, asked) = left_and_swept(&with_role_for(&json!({})));
    assert_eq!(code, Some(0), "{said}");
    let ended = asked
        .iter()
        .find(|(action, _)| action == "TerminateInstances");
    assert!(
        ended.is_some_and(|(_, key)| key.starts_with("ASIA")),
        "{asked:?}"
    );
}

#[test]
fn a_sweep_that_cannot_take_the_role_says_so_and_takes_nothing_for_gone() {
    let (code, said, asked) = left_and_swept(&with_role());
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains(&format!("the run worked in the role {ROLE}")),
        "{said}"
    );
    let ended = asked
        .iter()
        .any(|(action, _)| action == "TerminateInstances");
    assert!(!ended, "{asked:?}");
}

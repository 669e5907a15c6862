//! Options about reaching the account.

use std::time::Duration;

use super::bad_input::builder;

#[test]
fn a_role_has_all_its_options() {
    let mut case = builder(
        r#""assume_role": { "role_arn": "arn:aws:iam::111122223333:role/bake", "duration_seconds": "3600",
            "external_id": "outside", "policy": "{}", "policy_arns": "arn:a,arn:b", "session_name": "nightly",
            "tags": { "team": "web" }, "transitive_tag_keys": ["team"] }"#,
    );
    let (template, _) = case.bake().unwrap();
    let role = template.builds[0]
        .builder
        .access
        .assume_role
        .as_ref()
        .unwrap();
    assert_eq!(role.role_arn.value, "arn:aws:iam::111122223333:role/bake");
    assert_eq!(role.duration, Some(Duration::from_hours(1)));
    assert_eq!(role.policy_arns.len(), 2);
    assert_eq!(role.tags, [("team".to_owned(), "web".to_owned())]);
    assert_eq!(role.transitive_tag_keys[0].value, "team");
}

#[test]
fn what_cannot_be_done_about_credentials_is_said_before() {
    for (options, code) in [
        (
            r#""assume_role": { "session_name": "nightly" }"#,
            "template::missing_option",
        ),
        (
            r#""assume_role": { "role_arn": "arn:a", "duration_seconds": 60 }"#,
            "template::wrong_value",
        ),
        (r#""mfa_code": "123456""#, "template::refused"),
        (
            r#""vault_aws_engine": { "engine_name": "aws" }"#,
            "template::missing_option",
        ),
        (
            r#""vault_aws_engine": { "name": "bake", "engine": "aws" }"#,
            "template::unknown_key",
        ),
        (
            r#""vault_aws_engine": { "name": "bake", "ttl": "soon" }"#,
            "template::wrong_value",
        ),
        (
            r#""vault_aws_engine": { "name": "bake" }, "access_key": "a", "secret_key": "s""#,
            "template::exclusive",
        ),
        (
            r#""assume_role": { "role": "arn:a" }"#,
            "template::unknown_key",
        ),
    ] {
        let findings = builder(options).bake().unwrap_err();
        assert!(
            findings.iter().any(|found| found.code == code),
            "{options}: {findings:?}"
        );
    }
}

#[test]
fn vault_has_all_its_options() {
    let lent = |block: &str| {
        let mut case = builder(&format!(r#""vault_aws_engine": {block}"#));
        let (template, _) = case.bake().unwrap();
        let vault = template.builds[0].builder.access.vault.clone().unwrap();
        (vault.name.value, vault.engine, vault.role_arn, vault.ttl)
    };
    assert_eq!(
        lent(r#"{ "name": "bake", "role_arn": "", "ttl": "" }"#),
        ("bake".to_owned(), "aws".to_owned(), None, None)
    );
    assert_eq!(
        lent(r#"{ "name": "bake", "engine_name": "cloud", "role_arn": "arn:a", "ttl": 1800 }"#),
        (
            "bake".to_owned(),
            "cloud".to_owned(),
            Some("arn:a".to_owned()),
            Some("1800".to_owned())
        )
    );
}

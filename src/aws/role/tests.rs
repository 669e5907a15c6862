//! The way back to a run that worked in a role, against an STS that keeps what it is asked.

use super::*;
use crate::aws::Keys;
use crate::aws::answering::{Asked, ROLE_TAKEN, Service};

const ROLE: &str = "arn:aws:iam::111122223333:role/ci/bake";

/// An STS that is asked by `caller`, where the role may be taken if it is `open`.
fn sts(caller: &'static str, open: bool) -> Service {
    Service::new(move |asked: &Asked| {
        match asked.action() {
        "AssumeRole" if open => (200, ROLE_TAKEN.to_owned()),
        "AssumeRole" => (
            403,
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>"
                .to_owned(),
        ),
        _ => (
            200,
            format!(
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>{caller}</Arn><Account>111122223333</Account>\
                 </GetCallerIdentityResult></GetCallerIdentityResponse>"
            ),
        ),
    }
    })
}

/// What comes of it, and who asked for which action.
async fn reached(caller: &'static str, open: bool) -> (Result<Aws, Error>, Vec<String>) {
    let sts = sts(caller, open);
    let by = Access {
        keys: Some(Keys {
            access_key: "AKIAOURS".to_owned(),
            secret_key: "s".to_owned(),
            token: None,
        }),
        http: Some(sts.http()),
        max_attempts: Some(1),
        ..Access::default()
    };
    let by = Access {
        region: Some("eu-central-1".to_owned()),
        ..by
    };
    let reached = Aws::connect_in(&by, ROLE).await;
    let asked = sts.asked().into_iter();
    let asked = asked.map(|one| format!("{} {}", one.key, one.action()));
    (reached, asked.collect())
}

#[tokio::test]
async fn a_run_that_worked_in_a_role_is_taken_back_in_it() {
    let user = "arn:aws:iam::111122223333:user/ci";
    let (there, asked) = reached(user, true).await;
    assert!(there.is_ok(), "{there:?}");
    assert_eq!(
        asked,
        [
            "AKIAOURS GetCallerIdentity",
            "AKIAOURS AssumeRole",
            "ASIAROLE GetCallerIdentity",
        ]
    );
    let session = "arn:aws:sts::111122223333:assumed-role/bake/nightly";
    let (there, asked) = reached(session, false).await;
    assert!(there.is_ok(), "it is the role already: {there:?}");
    assert!(
        asked.iter().all(|one| one.starts_with("AKIAOURS Get")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_role_that_cannot_be_taken_is_named() {
    for other in [
        "arn:aws:iam::111122223333:user/ci",
        "arn:aws:sts::111122223333:assumed-role/roll/nightly",
        "arn:aws:sts::444455556666:assumed-role/bake/nightly",
    ] {
        let (there, _) = reached(other, false).await;
        let error = there.unwrap_err();
        assert_eq!(error.kind, Kind::Denied);
        assert!(error.message.contains(ROLE), "{error}");
    }
}

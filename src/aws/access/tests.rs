//! Credentials by role, and denials in words, against a service that keeps what it is asked.

use super::*;
use crate::aws::Aws;
use crate::aws::answering::{Asked, ROLE_TAKEN, Service};
use crate::cloud::{Instances, Kind};

const ENCODED: &str = "4GIOHlTkIaWHQD0Q0m6XSnuUMCm-abcdefghijklmnopqrstuvwxyz0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789abcdef";

/// The role may be taken and denials read, and nothing else be done.
fn answer(asked: &Asked) -> (u16, String) {
    match asked.action() {
        "AssumeRole" => (200, ROLE_TAKEN.to_owned()),
        "DecodeAuthorizationMessage" => (
            200,
            "<DecodeAuthorizationMessageResponse><DecodeAuthorizationMessageResult>\
             <DecodedMessage>{\"allowed\":false}</DecodedMessage>\
             </DecodeAuthorizationMessageResult></DecodeAuthorizationMessageResponse>"
                .to_owned(),
        ),
        _ => (
            403,
            format!(
                "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized \
                 to perform this operation. Encoded authorization failure message: {ENCODED}</Message>\
                 </Error></Errors><RequestID>r</RequestID></Response>"
            ),
        ),
    }
}

#[tokio::test]
async fn everything_is_done_in_the_role_and_a_denial_can_be_read() {
    let service = Service::new(answer);
    let role = Role {
        arn: "arn:aws:iam::111122223333:role/bake".to_owned(),
        duration: Some(Duration::from_mins(15)),
        external_id: Some("outside".to_owned()),
        policy_arns: vec!["arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned()],
        session_name: Some("nightly".to_owned()),
        tags: [("team".to_owned(), "web".to_owned())].into(),
        transitive_tag_keys: vec!["team".to_owned()],
        ..Role::default()
    };
    let access = Access {
        region: Some("eu-central-1".to_owned()),
        keys: Some(Keys {
            access_key: "AKIAOWN".to_owned(),
            secret_key: "secret".to_owned(),
            token: None,
        }),
        role: Some(role),
        http: Some(service.http()),
        ..Access::default()
    };
    let aws = Aws::connect(&access).await.unwrap();
    let denial = aws.find_instances(&[]).await.unwrap_err();
    assert_eq!(denial.kind, Kind::Denied);
    let decoded = aws.decode(&denial).await.unwrap().unwrap();
    assert_eq!(decoded, "{\"allowed\":false}");
    let asked = service.asked();
    let role = &asked[0];
    assert_eq!(role.key, "AKIAOWN");
    for part in [
        "Action=AssumeRole",
        "RoleSessionName=nightly",
        "DurationSeconds=900",
        "ExternalId=outside",
        "Tags.member.1.Key=team",
        "TransitiveTagKeys.member.1=team",
        "PolicyArns.member.1.arn=arn",
    ] {
        assert!(role.body.contains(part), "{part}: {role:?}");
    }
    let roles = asked.iter().filter(|one| one.action() == "AssumeRole");
    assert_eq!(roles.count(), 1, "taken once for all clients: {asked:?}");
    let decode = asked.last().unwrap();
    assert!(decode.body.contains(ENCODED), "{decode:?}");
    let others = asked[1..].iter();
    assert!(
        others.map(|one| &one.key).all(|key| key == "ASIAROLE"),
        "{asked:?}"
    );
}

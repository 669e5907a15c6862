//! Credentials by role, and denials in words, against a service that keeps what it is asked.

use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

use super::*;
use crate::aws::Aws;
use crate::cloud::{Instances, Kind};

/// Body and authorization of each request.
#[derive(Clone, Debug, Default)]
struct Service(Arc<Mutex<Vec<(String, String)>>>);

impl HttpClient for Service {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

const ENCODED: &str = "4GIOHlTkIaWHQD0Q0m6XSnuUMCm-abcdefghijklmnopqrstuvwxyz0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789abcdef";

impl HttpConnector for Service {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let signed = request.headers().get("authorization").unwrap_or_default();
        self.0
            .lock()
            .unwrap()
            .push((body.clone(), signed.to_owned()));
        let (status, text) = if body.starts_with("Action=AssumeRole") {
            (
                200,
                "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>\
                 <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
                 <Expiration>2036-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
                    .to_owned(),
            )
        } else if body.starts_with("Action=DecodeAuthorizationMessage") {
            (
                200,
                "<DecodeAuthorizationMessageResponse><DecodeAuthorizationMessageResult>\
                 <DecodedMessage>{\"allowed\":false}</DecodedMessage>\
                 </DecodeAuthorizationMessageResult></DecodeAuthorizationMessageResponse>"
                    .to_owned(),
            )
        } else {
            (
                403,
                format!(
                    "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized \
                     to perform this operation. Encoded authorization failure message: {ENCODED}</Message>\
                     </Error></Errors><RequestID>r</RequestID></Response>"
                ),
            )
        };
        let status = StatusCode::try_from(status).unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(text))))
    }
}

#[tokio::test]
async fn everything_is_done_in_the_role_and_a_denial_can_be_read() {
    let service = Service::default();
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
        http: Some(SharedHttpClient::new(service.clone())),
        ..Access::default()
    };
    let aws = Aws::connect(&access).await.unwrap();
    let denial = aws.find_instances(&[]).await.unwrap_err();
    assert_eq!(denial.kind, Kind::Denied);
    let decoded = aws.decode(&denial).await.unwrap().unwrap();
    assert_eq!(decoded, "{\"allowed\":false}");
    let asked = service.0.lock().unwrap().clone();
    let (role, by) = &asked[0];
    assert!(by.contains("AKIAOWN"), "{by}");
    for part in [
        "Action=AssumeRole",
        "RoleSessionName=nightly",
        "DurationSeconds=900",
        "ExternalId=outside",
        "Tags.member.1.Key=team",
        "TransitiveTagKeys.member.1=team",
        "PolicyArns.member.1.arn=arn",
    ] {
        assert!(role.contains(part), "{part}: {role}");
    }
    let roles = asked.iter().filter(|(body, _)| body.contains("AssumeRole"));
    assert_eq!(roles.count(), 1, "taken once for all clients: {asked:?}");
    let (decode, by) = asked.last().unwrap();
    assert!(
        decode.contains(ENCODED) && by.contains("ASIAROLE"),
        "{decode} {by}"
    );
    assert!(asked[1].1.contains("ASIAROLE"), "{asked:?}");
}

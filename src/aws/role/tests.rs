//! The way back to a run that worked in a role, against an STS that keeps what it is asked.

use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

use super::*;
use crate::aws::Keys;

const ROLE: &str = "arn:aws:iam::111122223333:role/ci/bake";

/// Who asks, and whether the role may be taken; the actions that were asked, each with its access key.
#[derive(Clone, Debug)]
struct Sts {
    caller: &'static str,
    open: bool,
    asked: Arc<Mutex<Vec<String>>>,
}

impl HttpClient for Sts {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Sts {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let action = body.split('&').next().unwrap_or_default();
        let signed = request.headers().get("authorization").unwrap_or_default();
        let key = signed.split(['=', '/']).nth(1).unwrap_or_default();
        self.asked.lock().unwrap().push(format!("{key} {action}"));
        let (status, text) = match action {
            "Action=AssumeRole" if self.open => (
                200,
                "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>\
                 <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
                 <Expiration>2036-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
                    .to_owned(),
            ),
            "Action=AssumeRole" => (
                403,
                "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>"
                    .to_owned(),
            ),
            _ => (
                200,
                format!(
                    "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>{}</Arn><Account>111122223333</Account>\
                     </GetCallerIdentityResult></GetCallerIdentityResponse>",
                    self.caller
                ),
            ),
        };
        let status = StatusCode::try_from(status).unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(text))))
    }
}

async fn reached(caller: &'static str, open: bool) -> (Result<Aws, Error>, Vec<String>) {
    let sts = Sts {
        caller,
        open,
        asked: Arc::default(),
    };
    let by = Access {
        keys: Some(Keys {
            access_key: "AKIAOURS".to_owned(),
            secret_key: "s".to_owned(),
            token: None,
        }),
        http: Some(SharedHttpClient::new(sts.clone())),
        max_attempts: Some(1),
        ..Access::default()
    };
    let by = Access {
        region: Some("eu-central-1".to_owned()),
        ..by
    };
    let reached = Aws::connect_in(&by, ROLE).await;
    let asked = sts.asked.lock().unwrap().clone();
    (reached, asked)
}

#[tokio::test]
async fn a_run_that_worked_in_a_role_is_taken_back_in_it() {
    let user = "arn:aws:iam::111122223333:user/ci";
    let (there, asked) = reached(user, true).await;
    assert!(there.is_ok(), "{there:?}");
    assert_eq!(
        asked,
        [
            "AKIAOURS Action=GetCallerIdentity",
            "AKIAOURS Action=AssumeRole",
            "ASIAROLE Action=GetCallerIdentity",
        ]
    );
    let session = "arn:aws:sts::111122223333:assumed-role/bake/nightly";
    let (there, asked) = reached(session, false).await;
    assert!(there.is_ok(), "it is the role already: {there:?}");
    assert!(
        asked
            .iter()
            .all(|one| one.starts_with("AKIAOURS Action=Get")),
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

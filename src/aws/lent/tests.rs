//! Lent keys that AWS comes to know only after a while, against a service that says so.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

use super::*;
use crate::aws::{Access, Aws, Role};
use crate::cloud::{Instances as _, Kind, Publishing as _};

/// A service that knows no key before a time.
#[derive(Clone, Debug)]
struct Service {
    knows: Instant,
    asked: Arc<Mutex<Vec<String>>>,
}

impl HttpClient for Service {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Service {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let signed = request.headers().get("authorization").unwrap_or_default();
        self.asked.lock().unwrap().push(signed.to_owned());
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let known = Instant::now() >= self.knows;
        let (status, text) = if request.headers().get("x-amz-target").is_some() {
            let text = if known {
                r#"{"KeyMetadata":{"KeyId":"k","Arn":"a","KeyState":"Enabled","KeyManager":"CUSTOMER"}}"#
            } else {
                r#"{"__type":"UnrecognizedClientException","message":"The security token is invalid."}"#
            };
            (if known { 200 } else { 400 }, text)
        } else if body.contains("AssumeRole") {
            let text = if known {
                "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>\
                 <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
                 <Expiration>2036-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
            } else {
                "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code>\
                 <Message>The security token is invalid.</Message></Error></ErrorResponse>"
            };
            (if known { 200 } else { 403 }, text)
        } else if known {
            (
                200,
                "<DescribeInstancesResponse></DescribeInstancesResponse>",
            )
        } else {
            let text = "<Response><Errors><Error><Code>AuthFailure</Code><Message>AWS was not able to validate the \
                 provided access credentials</Message></Error></Errors><RequestID>r</RequestID></Response>";
            (401, text)
        };
        let status = StatusCode::try_from(status).unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(text))))
    }
}

/// Lends the same keys again and again, and counts.
#[derive(Debug)]
struct Lender {
    token: Option<&'static str>,
    lent: Arc<AtomicUsize>,
}

impl Lend for Lender {
    fn lend(&self) -> Lending<'_> {
        self.lent.fetch_add(1, Ordering::Relaxed);
        let keys = Keys {
            access_key: "AKIALENT".to_owned(),
            secret_key: "secret".to_owned(),
            token: self.token.map(ToOwned::to_owned),
        };
        Box::pin(std::future::ready(Ok(Loan { keys, ends: None })))
    }
}

struct Bench {
    aws: Aws,
    asked: Arc<Mutex<Vec<String>>>,
    lent: Arc<AtomicUsize>,
    began: Instant,
}

impl Bench {
    async fn of(knows_after: Duration, token: Option<&'static str>, role: Option<Role>) -> Self {
        let began = Instant::now();
        let service = Service {
            knows: began + knows_after,
            asked: Arc::default(),
        };
        let (asked, lent) = (service.asked.clone(), Arc::default());
        let lender = Lender {
            token,
            lent: Arc::clone(&lent),
        };
        let access = Access {
            region: Some("eu-central-1".to_owned()),
            lent: Some(Lent::new(lender)),
            role,
            http: Some(SharedHttpClient::new(service)),
            ..Access::default()
        };
        let aws = Aws::connect(&access).await.unwrap();
        Self {
            aws,
            asked,
            lent,
            began,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_new_are_waited_for_in_every_service() {
    let late = Duration::from_secs(40);
    let bench = Bench::of(late, None, None).await;
    bench.aws.find_instances(&[]).await.unwrap();
    assert!(bench.began.elapsed() >= late);
    let bench = Bench::of(late, None, None).await;
    bench.aws.encryption_key("alias/ours").await.unwrap();
    let role = Role {
        arn: "arn:aws:iam::111122223333:role/bake".to_owned(),
        ..Role::default()
    };
    let bench = Bench::of(late, None, Some(role)).await;
    bench.aws.find_instances(&[]).await.unwrap();
    let asked = bench.asked.lock().unwrap().clone();
    assert!(asked[0].contains("AKIALENT"), "{asked:?}");
    assert!(asked.last().unwrap().contains("ASIAROLE"), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn keys_that_stay_unknown_are_a_failure_after_a_minute() {
    let bench = Bench::of(Duration::from_hours(1), None, None).await;
    let error = bench.aws.find_instances(&[]).await.unwrap_err();
    assert_eq!(error.kind, Kind::Denied);
    assert_eq!(error.code.as_deref(), Some("AuthFailure"));
    let took = bench.began.elapsed();
    assert!(took >= UNKNOWN && took < 2 * UNKNOWN, "{took:?}");
    assert_eq!(bench.lent.load(Ordering::Relaxed), 1);
    // What is unknown after that is a failure at once.
    let began = Instant::now();
    bench.aws.find_instances(&[]).await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn keys_of_a_session_are_known_at_once_or_never() {
    let bench = Bench::of(Duration::from_secs(40), Some("token"), None).await;
    bench.aws.find_instances(&[]).await.unwrap_err();
    assert_eq!(bench.asked.lock().unwrap().len(), 1);
}

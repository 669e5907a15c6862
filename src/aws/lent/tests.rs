//! Lent keys that AWS comes to know only after a while, against a service that says so.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::aws::answering::{Asked, ROLE_TAKEN, Service};
use crate::aws::{Access, Aws, Role};
use crate::cloud::{Instances as _, Kind, Publishing as _};

/// What a service says that knows the key, or does not.
fn answer(asked: &Asked, known: bool) -> (u16, &'static str) {
    match (asked.json, asked.action(), known) {
        (true, _, true) => (
            200,
            r#"{"KeyMetadata":{"KeyId":"k","Arn":"a","KeyState":"Enabled","KeyManager":"CUSTOMER"}}"#,
        ),
        (true, _, false) => (
            400,
            r#"{"__type":"UnrecognizedClientException","message":"The security token is invalid."}"#,
        ),
        (_, "AssumeRole", true) => (200, ROLE_TAKEN),
        (_, "AssumeRole", false) => (
            403,
            "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code>\
             <Message>The security token is invalid.</Message></Error></ErrorResponse>",
        ),
        (_, _, true) => (
            200,
            "<DescribeInstancesResponse></DescribeInstancesResponse>",
        ),
        (_, _, false) => (
            401,
            "<Response><Errors><Error><Code>AuthFailure</Code><Message>AWS was not able to validate the \
             provided access credentials</Message></Error></Errors><RequestID>r</RequestID></Response>",
        ),
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
    service: Service,
    lent: Arc<AtomicUsize>,
    began: Instant,
}

impl Bench {
    async fn of(knows_after: Duration, token: Option<&'static str>, role: Option<Role>) -> Self {
        let began = Instant::now();
        let service = Service::new(move |asked| {
            let (status, text) = answer(asked, began.elapsed() >= knows_after);
            (status, text.to_owned())
        });
        let lent = Arc::default();
        let lender = Lender {
            token,
            lent: Arc::clone(&lent),
        };
        let access = Access {
            region: Some("eu-central-1".to_owned()),
            lent: Some(Lent::new(lender)),
            role,
            http: Some(service.http()),
            ..Access::default()
        };
        let aws = Aws::connect(&access).await.unwrap();
        Self {
            aws,
            service,
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
    let asked = bench.service.asked();
    assert_eq!(asked[0].key, "AKIALENT");
    assert_eq!(asked.last().unwrap().key, "ASIAROLE");
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
    assert_eq!(bench.service.asked().len(), 1);
}

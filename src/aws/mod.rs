//! The edge to AWS, and the only module that names its SDK.
//!
//! One factory makes every client from one configuration, so that endpoints, regions, profiles and credentials follow
//! AWS's own rules everywhere. The other files implement the traits of `cloud`, one concern each.

mod budget;
mod clients;
mod convert;
mod error;
mod group_copy;
mod groups;
mod images;
mod instances;
mod keys;
mod launch_templates;
mod network;
mod reach;
mod rounds;
mod rules;
mod run_instances;
mod secrets;
mod traffic;
mod types;

pub use clients::Clients;
pub use secrets::secret;

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_ec2::config::retry::{RetryPartition, TokenBucket};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::aws::budget::Budget;
use crate::aws::rounds::Rounds;
use crate::cloud::{Account, Error, Image, Instance, Kind, Region, Site};

/// Attempts of one call, the first included: Packer's own default (anchors/packer.md 2.1, `max_retries`).
const MAX_ATTEMPTS: u32 = 10;
/// A TCP and TLS handshake within a region takes tens of milliseconds; from an agent far away, a second or two.
const CONNECT: Duration = Duration::from_secs(5);
/// The slowest calls that flows make (`DescribeImages` without a filter) answer within seconds.
const ATTEMPT: Duration = Duration::from_secs(30);

/// Things a page; the most that the describe calls of EC2 give.
const PAGE: i32 = 1000;

/// How to reach an account: what a template, a service file or flags say beyond AWS's own environment and files.
#[derive(Clone, Debug, Default)]
pub struct Access {
    pub profile: Option<String>,
    pub region: Option<String>,
    /// `custom_endpoint_ec2`; `AWS_ENDPOINT_URL` and profiles are read by the SDK itself.
    pub ec2_endpoint: Option<String>,
    pub keys: Option<Keys>,
    /// Attempts of one call.
    pub max_attempts: Option<u32>,
    /// Spreads the polls of processes that begin at the same time; 0 does not.
    pub jitter: u64,
    /// Replaces the network: simulations answer from a model in the same process.
    pub http: Option<SharedHttpClient>,
}

/// Fixed credentials, as a template may name them.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    pub access_key: String,
    pub secret_key: String,
    pub token: Option<String>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

/// The clients of one account and region. Clones share everything, the rounds of their waits too.
#[derive(Clone, Debug)]
pub struct Aws {
    region: Region,
    endpoint: Option<String>,
    ec2: aws_sdk_ec2::Client,
    autoscaling: aws_sdk_autoscaling::Client,
    elb: aws_sdk_elasticloadbalancingv2::Client,
    sts: aws_sdk_sts::Client,
    instances: Arc<Rounds<Instance>>,
    images: Arc<Rounds<Image>>,
    snapshots: Arc<Rounds<u8>>,
}

impl Aws {
    /// Makes the clients. Reads profiles and environment as the SDK does; makes no call.
    ///
    /// They have no quota of retries: the SDK would share one among all clients of the process, and what one build had
    /// spent, another would lack on its way back. Attempts and time are what bounds a call (`budget`).
    ///
    /// Errors with [`Kind::Invalid`] when no region is known.
    pub async fn connect(access: &Access) -> Result<Self, Error> {
        let config = load(access).await;
        let Some(region) = config.region().map(ToString::to_string) else {
            return Err(no_region());
        };
        let quota = RetryPartition::custom("kiln")
            .token_bucket(TokenBucket::unlimited())
            .build();
        let [ec2_reach, as_reach, elb_reach, sts_reach]: [reach::Reach; 4] = Default::default();
        let mut ec2 = aws_sdk_ec2::config::Builder::from(&config)
            .interceptor(Budget)
            .interceptor(ec2_reach.clone())
            .retry_classifier(ec2_reach)
            .retry_partition(quota.clone());
        if let Some(url) = &access.ec2_endpoint {
            ec2 = ec2.endpoint_url(url);
        }
        let endpoint = access.ec2_endpoint.clone();
        let endpoint = endpoint.or_else(|| config.endpoint_url().map(ToOwned::to_owned));
        let ec2 = aws_sdk_ec2::Client::from_conf(ec2.build());
        Ok(Self {
            region: Region::new(region),
            endpoint,
            instances: instances::rounds(ec2.clone(), access.jitter),
            images: images::rounds(ec2.clone(), access.jitter),
            snapshots: images::progress(ec2.clone(), access.jitter),
            ec2,
            autoscaling: aws_sdk_autoscaling::Client::from_conf(
                aws_sdk_autoscaling::config::Builder::from(&config)
                    .interceptor(Budget)
                    .interceptor(as_reach.clone())
                    .retry_classifier(as_reach)
                    .retry_partition(quota.clone())
                    .build(),
            ),
            elb: aws_sdk_elasticloadbalancingv2::Client::from_conf(
                aws_sdk_elasticloadbalancingv2::config::Builder::from(&config)
                    .interceptor(Budget)
                    .interceptor(elb_reach.clone())
                    .retry_classifier(elb_reach)
                    .retry_partition(quota)
                    .build(),
            ),
            sts: aws_sdk_sts::Client::from_conf(
                aws_sdk_sts::config::Builder::from(&config)
                    .interceptor(sts_reach.clone())
                    .retry_classifier(sts_reach)
                    .build(),
            ),
        })
    }

    /// The region that every call goes to.
    pub fn region(&self) -> &Region {
        &self.region
    }
}

impl Aws {
    /// The number of the account that the credentials belong to (STS, "`GetCallerIdentity`").
    pub async fn account(&self) -> Result<Account, Error> {
        const CALL: &str = "GetCallerIdentity";
        let answer = self.sts.get_caller_identity().send().await;
        let answer = answer.map_err(|error| error::failed(CALL, error))?;
        let number = answer
            .account
            .ok_or_else(|| Error::malformed(CALL, "account"))?;
        Ok(Account::new(number))
    }
}

impl Site for Aws {
    fn region(&self) -> &Region {
        &self.region
    }

    fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }
}

async fn load(access: &Access) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .build();
    let retries =
        RetryConfig::standard().with_max_attempts(access.max_attempts.unwrap_or(MAX_ATTEMPTS));
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .retry_config(retries);
    if let Some(profile) = &access.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &access.region {
        loader = loader.region(aws_config::Region::new(region.clone()));
    }
    if let Some(keys) = &access.keys {
        loader = loader.credentials_provider(aws_sdk_ec2::config::Credentials::new(
            &keys.access_key,
            &keys.secret_key,
            keys.token.clone(),
            None,
            "template",
        ));
    }
    if let Some(http) = &access.http {
        loader = loader.http_client(http.clone());
    }
    loader.load().await
}

fn no_region() -> Error {
    Error {
        call: "configuration",
        kind: Kind::Invalid,
        code: None,
        message: "no region is set: name `region`, or set AWS_REGION, or a profile with one"
            .to_owned(),
        request_id: None,
        source: None,
    }
}

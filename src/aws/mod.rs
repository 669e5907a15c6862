//! The edge to AWS, and the only module that names its SDK.
//!
//! One factory makes every client from one configuration, so that endpoints, regions, profiles and credentials follow
//! AWS's own rules everywhere. The other files implement the traits of `cloud`, one concern each.

mod access;
mod budget;
mod clients;
mod convert;
mod error;
mod group_copy;
mod group_images;
mod groups;
mod images;
mod instances;
mod keys;
mod launch_templates;
mod network;
mod profiles;
mod publishing;
mod reach;
mod rounds;
mod rules;
mod run_instances;
mod secrets;
mod traffic;
mod types;
mod unchecked;

pub use access::{Access, Keys, Role};
pub use clients::Clients;
pub use secrets::secret;

use std::sync::Arc;

use aws_sdk_ec2::config::retry::{RetryPartition, TokenBucket};

use crate::aws::budget::Budget;
use crate::aws::rounds::Rounds;
use crate::cloud::{Account, Elsewhere, Error, Image, Instance, Kind, Region, Site};

/// No word of a sentence is that long, and no encoded denial is shorter.
const ENCODED: usize = 100;

/// Things a page; the most that the describe calls of EC2 give.
const PAGE: i32 = 1000;

/// The clients of one account and region. Clones share everything, the rounds of their waits too.
#[derive(Clone, Debug)]
pub struct Aws {
    origin: Origin,
    region: Region,
    endpoint: Option<String>,
    ec2: aws_sdk_ec2::Client,
    iam: aws_sdk_iam::Client,
    autoscaling: aws_sdk_autoscaling::Client,
    elb: aws_sdk_elasticloadbalancingv2::Client,
    sts: aws_sdk_sts::Client,
    kms: aws_sdk_kms::Client,
    instances: Arc<Rounds<Instance>>,
    images: Arc<Rounds<Image>>,
    snapshots: Arc<Rounds<u8>>,
}

/// What clients are made from, so that those of another region follow the same rules.
#[derive(Clone, Debug)]
struct Origin {
    config: aws_config::SdkConfig,
    ec2_endpoint: Option<String>,
    jitter: u64,
}

impl Aws {
    /// Makes the clients. Reads profiles and environment as the SDK does; makes no call.
    ///
    /// They have no quota of retries: the SDK would share one among all clients of the process, and what one build had
    /// spent, another would lack on its way back. Attempts and time are what bounds a call (`budget`).
    ///
    /// Errors with [`Kind::Invalid`] when no region is known.
    pub async fn connect(access: &Access) -> Result<Self, Error> {
        let config = access::load(access).await;
        let Some(region) = config.region().map(ToString::to_string) else {
            return Err(no_region());
        };
        let origin = Origin {
            config,
            ec2_endpoint: access.ec2_endpoint.clone(),
            jitter: access.jitter,
        };
        Ok(Self::of(origin, Region::new(region)))
    }

    fn of(origin: Origin, region: Region) -> Self {
        let config = &origin.config;
        let quota = RetryPartition::custom("kiln")
            .token_bucket(TokenBucket::unlimited())
            .build();
        let [ec2_reach, as_reach, elb_reach, sts_reach, kms_reach]: [reach::Reach; 5] =
            Default::default();
        let mut ec2 = aws_sdk_ec2::config::Builder::from(config)
            .interceptor(Budget)
            .interceptor(ec2_reach.clone())
            .retry_classifier(ec2_reach)
            .retry_partition(quota.clone());
        if let Some(url) = &origin.ec2_endpoint {
            ec2 = ec2.endpoint_url(url);
        }
        let endpoint = origin.ec2_endpoint.clone();
        let endpoint = endpoint.or_else(|| config.endpoint_url().map(ToOwned::to_owned));
        let ec2 = aws_sdk_ec2::Client::from_conf(ec2.build());
        Self {
            region,
            endpoint,
            instances: instances::rounds(ec2.clone(), origin.jitter),
            images: images::rounds(ec2.clone(), origin.jitter),
            snapshots: images::progress(ec2.clone(), origin.jitter),
            ec2,
            autoscaling: aws_sdk_autoscaling::Client::from_conf(
                aws_sdk_autoscaling::config::Builder::from(config)
                    .interceptor(Budget)
                    .interceptor(as_reach.clone())
                    .retry_classifier(as_reach)
                    .retry_partition(quota.clone())
                    .build(),
            ),
            iam: aws_sdk_iam::Client::from_conf(
                aws_sdk_iam::config::Builder::from(config)
                    .interceptor(Budget)
                    .retry_partition(quota.clone())
                    .build(),
            ),
            elb: aws_sdk_elasticloadbalancingv2::Client::from_conf(
                aws_sdk_elasticloadbalancingv2::config::Builder::from(config)
                    .interceptor(Budget)
                    .interceptor(elb_reach.clone())
                    .retry_classifier(elb_reach)
                    .retry_partition(quota)
                    .build(),
            ),
            sts: aws_sdk_sts::Client::from_conf(
                aws_sdk_sts::config::Builder::from(config)
                    .interceptor(sts_reach.clone())
                    .retry_classifier(sts_reach)
                    .build(),
            ),
            kms: aws_sdk_kms::Client::from_conf(
                aws_sdk_kms::config::Builder::from(config)
                    .interceptor(kms_reach.clone())
                    .retry_classifier(kms_reach)
                    .build(),
            ),
            origin,
        }
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

impl Aws {
    /// What a denial that came encoded says (STS, "`DecodeAuthorizationMessage`"): JSON, with the action, the resource and
    /// the statements that decided. Nothing when it was not encoded. Errors as the call does; it needs a permission itself.
    pub async fn decode(&self, denial: &Error) -> Option<Result<String, Error>> {
        const CALL: &str = "DecodeAuthorizationMessage";
        if denial.code.as_deref() != Some("UnauthorizedOperation") {
            return None;
        }
        // EC2 puts it at the end of its message, in letters of base64 for URLs.
        let encoded = denial.message.split_whitespace().next_back()?;
        if encoded.len() < ENCODED {
            return None;
        }
        let request = self.sts.decode_authorization_message();
        let answer = request.encoded_message(encoded).send().await;
        let decoded = answer.map_err(|error| error::failed(CALL, error));
        Some(decoded.and_then(|answer| {
            let text = answer.decoded_message;
            text.ok_or_else(|| Error::malformed(CALL, "decoded message"))
        }))
    }
}

impl Elsewhere for Aws {
    fn in_region(&self, region: &Region) -> Self {
        if *region == self.region {
            return self.clone();
        }
        let mut origin = self.origin.clone();
        let there = aws_config::Region::new(region.to_string());
        origin.config = origin.config.into_builder().region(there).build();
        Self::of(origin, region.clone())
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

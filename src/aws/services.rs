//! The clients of one region. Each is made when it is first asked for: a bake asks three of the eight.

use std::sync::OnceLock;

use aws_sdk_ec2::config::retry::{RetryPartition, TokenBucket};
use aws_sdk_ec2::operation::run_instances::RunInstancesError;

use crate::aws::Aws;
use crate::aws::Lent;
use crate::aws::budget::Budget;
use crate::aws::fenced::Fenced;
use crate::aws::limits::Limits;
use crate::aws::reach::Reach;
use crate::cloud::Fence;

/// What clients are made from, so that those of another region follow the same rules.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) config: aws_config::SdkConfig,
    pub(super) ec2_endpoint: Option<String>,
    pub(super) jitter: u64,
    pub(super) lent: Option<Lent>,
    pub(super) fence: Fence,
    /// When the keys of the environment end.
    pub(super) ends: Option<jiff::Timestamp>,
}

impl Origin {
    /// Of a configuration alone.
    pub(super) fn bare(config: aws_config::SdkConfig) -> Self {
        Self {
            config,
            ec2_endpoint: None,
            jitter: 0,
            lent: None,
            fence: Fence::default(),
            ends: None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Services {
    pub(super) origin: Origin,
    autoscaling: OnceLock<aws_sdk_autoscaling::Client>,
    cloudwatch: OnceLock<aws_sdk_cloudwatch::Client>,
    elb: OnceLock<aws_sdk_elasticloadbalancingv2::Client>,
    iam: OnceLock<aws_sdk_iam::Client>,
    kms: OnceLock<aws_sdk_kms::Client>,
    ssm: OnceLock<aws_sdk_ssm::Client>,
    sts: OnceLock<aws_sdk_sts::Client>,
}

/// The configuration of a service, by the same rules for each: calls are bounded by attempts and time.
///
/// There is no quota of retries: the SDK would share one among all clients of the process, and what one build had spent,
/// another would lack on its way back.
macro_rules! config {
    ($service:ident, $origin:expr) => {{
        let reach = Reach::default();
        let quota = RetryPartition::custom("kiln").token_bucket(TokenBucket::unlimited());
        let mut config = $service::config::Builder::from(&$origin.config)
            .interceptor(Budget)
            .interceptor(Fenced($origin.fence.clone()))
            .interceptor(reach.clone())
            .retry_classifier(reach)
            .retry_partition(quota.build());
        if let Some(lent) = &$origin.lent {
            config = config.retry_classifier(lent.clone());
        }
        config
    }};
}

macro_rules! client {
    ($name:ident, $service:ident) => {
        pub(super) fn $name(&self) -> &$service::Client {
            let Services { origin, $name, .. } = &*self.services;
            $name.get_or_init(|| $service::Client::from_conf(config!($service, origin).build()))
        }
    };
}

impl Services {
    pub(super) fn new(origin: Origin) -> Self {
        Self {
            origin,
            autoscaling: OnceLock::new(),
            cloudwatch: OnceLock::new(),
            elb: OnceLock::new(),
            iam: OnceLock::new(),
            kms: OnceLock::new(),
            ssm: OnceLock::new(),
            sts: OnceLock::new(),
        }
    }
}

impl Aws {
    client!(autoscaling, aws_sdk_autoscaling);
    client!(cloudwatch, aws_sdk_cloudwatch);
    client!(elb, aws_sdk_elasticloadbalancingv2);
    client!(iam, aws_sdk_iam);
    client!(kms, aws_sdk_kms);
    client!(ssm, aws_sdk_ssm);
    client!(sts, aws_sdk_sts);
}

/// Secrets Manager's, for which there is no account yet.
pub(super) fn secrets(config: aws_config::SdkConfig) -> aws_sdk_secretsmanager::Client {
    let origin = Origin::bare(config);
    aws_sdk_secretsmanager::Client::from_conf(config!(aws_sdk_secretsmanager, origin).build())
}

/// EC2's own client, which every flow needs.
pub(super) fn ec2(origin: &Origin) -> aws_sdk_ec2::Client {
    let mut config =
        config!(aws_sdk_ec2, origin).retry_classifier(Limits::<RunInstancesError>::new());
    if let Some(url) = &origin.ec2_endpoint {
        config = config.endpoint_url(url);
    }
    aws_sdk_ec2::Client::from_conf(config.build())
}

/// S3's. A store that is not AWS's own has its buckets in the path.
pub(super) fn s3(origin: &Origin, by_path: bool) -> aws_sdk_s3::Client {
    let config = config!(aws_sdk_s3, origin).force_path_style(by_path);
    aws_sdk_s3::Client::from_conf(config.build())
}

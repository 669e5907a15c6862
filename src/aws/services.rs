//! The clients of one region. Each is made when it is first asked for: a bake asks three of the nine.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_ec2::config::retry::{RetryPartition, TokenBucket};
use aws_sdk_ec2::operation::run_instances::RunInstancesError;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;

use crate::aws::Aws;
use crate::aws::Lent;
use crate::aws::budget::Budget;
use crate::aws::fenced::Fenced;
use crate::aws::limits::Limits;
use crate::aws::reach::Reach;
use crate::aws::records::Changes;
use crate::aws::rounds::Pacing;
use crate::aws::turns::Turns;
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
    route53: OnceLock<aws_sdk_route53::Client>,
    ssm: OnceLock<aws_sdk_ssm::Client>,
    sts: OnceLock<aws_sdk_sts::Client>,
    turns: Buckets,
    /// What was written to records of DNS.
    pub(super) changes: Changes,
}

/// What an account and region gives, less a part for others: 40 reads of load balancing at once and 10 a second, fewer of
/// what writes ("Request throttling for the Elastic Load Balancing API"); for Auto Scaling, which names no figures, what the
/// tools that have been throttled there keep to (rollout.md 3b). Route 53 takes five calls a second of an account, whatever they do
/// ("Quotas", Amazon Route 53 Developer Guide).
#[derive(Debug)]
struct Buckets {
    elb_reads: Turns,
    elb_writes: Turns,
    scaling: Arc<Turns>,
    route53: Turns,
}

const ELB_READS: (Duration, u32) = (Duration::from_millis(125), 30);
const ELB_WRITES: (Duration, u32) = (Duration::from_millis(250), 15);
const SCALING: Duration = Duration::from_millis(125);
const SCALING_READS: u32 = 15;
/// What writes does not wait behind what reads.
const SCALING_WRITES: u32 = 30;

const ROUTE53: (Duration, u32) = (Duration::from_millis(250), 3);

/// The configuration of a service, by the same rules for each: calls are bounded by attempts and time.
///
/// There is no quota of retries: the SDK would share one among all clients of the process, and what one build had spent,
/// another would lack on its way back.
macro_rules! config {
    ($service:ident, $origin:expr) => {{
        let reach = Reach::default();
        let quota = RetryPartition::custom("kiln").token_bucket(TokenBucket::unlimited());
        let mut config = $service::config::Builder::from(&$origin.config)
            .retry_classifier(reach.clone())
            .retry_partition(quota.build());
        // Nobody switches them off, and to ask whether somebody did costs more than they do.
        config
            .push_interceptor(SharedInterceptor::permanent(Budget))
            .push_interceptor(SharedInterceptor::permanent(Fenced($origin.fence.clone())))
            .push_interceptor(SharedInterceptor::permanent(reach));
        if let Some(lent) = &$origin.lent {
            config = config.retry_classifier(lent.clone());
        }
        config
    }};
}

macro_rules! made {
    ($name:ident, $service:ident) => {
        pub(super) fn $name(&self) -> &$service::Client {
            let Self { origin, $name, .. } = self;
            $name.get_or_init(|| $service::Client::from_conf(config!($service, origin).build()))
        }
    };
}

macro_rules! client {
    ($name:ident, $service:ident) => {
        pub(super) fn $name(&self) -> &$service::Client {
            self.services.$name()
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
            route53: OnceLock::new(),
            ssm: OnceLock::new(),
            sts: OnceLock::new(),
            turns: Buckets {
                elb_reads: Turns::new(ELB_READS.0),
                elb_writes: Turns::new(ELB_WRITES.0),
                scaling: Arc::new(Turns::new(SCALING)),
                route53: Turns::new(ROUTE53.0),
            },
            changes: Changes::default(),
        }
    }
}

impl Services {
    made!(autoscaling, aws_sdk_autoscaling);
    made!(cloudwatch, aws_sdk_cloudwatch);
    made!(elb, aws_sdk_elasticloadbalancingv2);
    made!(iam, aws_sdk_iam);
    made!(kms, aws_sdk_kms);
    made!(route53, aws_sdk_route53);
    made!(ssm, aws_sdk_ssm);
    made!(sts, aws_sdk_sts);

    /// How often groups are looked up: these share their turns with all else that Auto Scaling is asked for.
    pub(super) fn pacing_of_groups(&self, most: usize) -> Pacing {
        Pacing::shared(Arc::clone(&self.turns.scaling), SCALING_READS, most)
    }
}

impl Aws {
    client!(cloudwatch, aws_sdk_cloudwatch);
    client!(iam, aws_sdk_iam);
    client!(kms, aws_sdk_kms);
    client!(ssm, aws_sdk_ssm);
    client!(sts, aws_sdk_sts);

    /// Auto Scaling's client for one call that only reads, when it is its turn.
    pub(super) async fn scaling_to_read(&self) -> &aws_sdk_autoscaling::Client {
        self.services.turns.scaling.next(SCALING_READS).await;
        self.services.autoscaling()
    }

    /// The same for a call that changes something.
    pub(super) async fn scaling_to_write(&self) -> &aws_sdk_autoscaling::Client {
        self.services.turns.scaling.next(SCALING_WRITES).await;
        self.services.autoscaling()
    }

    /// Load balancing's client for one call that only reads, when it is its turn.
    pub(super) async fn elb_to_read(&self) -> &aws_sdk_elasticloadbalancingv2::Client {
        self.services.turns.elb_reads.next(ELB_READS.1).await;
        self.services.elb()
    }

    /// The same for a call that changes something.
    pub(super) async fn elb_to_write(&self) -> &aws_sdk_elasticloadbalancingv2::Client {
        self.services.turns.elb_writes.next(ELB_WRITES.1).await;
        self.services.elb()
    }

    /// Route 53's client for one call, when it is its turn.
    pub(super) async fn route53(&self) -> &aws_sdk_route53::Client {
        self.services.turns.route53.next(ROUTE53.1).await;
        self.services.route53()
    }
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

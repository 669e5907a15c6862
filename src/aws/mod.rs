//! The edge to AWS, and the only module that names its SDK.
//!
//! One factory makes every client from one configuration, so that endpoints, regions, profiles and credentials follow
//! AWS's own rules everywhere. The other files implement the traits of `cloud`, one concern each.

mod access;
mod alarm_copy;
mod alarms;
#[cfg(test)]
mod answering;
mod balancing;
mod behaviour;
mod bucket;
mod budget;
mod clients;
mod convert;
mod error;
mod fenced;
mod fleet;
mod group_copy;
mod group_images;
mod groups;
mod habits;
mod hooks;
mod images;
mod instances;
mod keys;
mod launch_templates;
mod lent;
mod limits;
mod mixed;
mod network;
mod parameters;
mod policy_copy;
mod profiles;
mod publishing;
mod quotas;
mod reach;
mod records;
mod refreshes;
mod relabel;
mod role;
mod roots;
mod rounds;
mod rules;
mod run_instances;
mod secrets;
mod services;
mod sessions;
mod template_data;
mod template_users;
mod traffic;
mod turns;
mod types;
mod unchecked;
mod version_users;
mod warm_pool;

pub use access::{Access, Keys, Role};
pub use bucket::Bucket;
pub use clients::Clients;
pub use lent::{Lend, Lending, Lent, Loan};
pub use secrets::secret;

use std::sync::Arc;

use aws_sdk_autoscaling::types::AutoScalingGroup;

use crate::aws::rounds::Rounds;
use crate::aws::services::{Origin, Services};
use crate::cloud::{Account, Elsewhere, Error, Image, Instance, Kind, Region, Site};

/// No word of a sentence is that long, and no encoded denial is shorter.
const ENCODED: usize = 100;

/// Things a page; the most that the describe calls of EC2 give.
const PAGE: i32 = 1000;

/// The clients of one account and region. Clones share everything, the rounds of their waits too.
#[derive(Clone, Debug)]
pub struct Aws {
    region: Region,
    endpoint: Option<String>,
    ec2: aws_sdk_ec2::Client,
    services: Arc<Services>,
    instances: Arc<Rounds<Instance>>,
    images: Arc<Rounds<Image>>,
    snapshots: Arc<Rounds<u8>>,
    groups: Arc<Rounds<Arc<AutoScalingGroup>>>,
}

impl Aws {
    /// Makes the clients. Reads profiles and environment as the SDK does; makes no call.
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
            lent: access.lent.clone(),
            fence: access.fence.clone(),
            ends: access.ends,
        };
        Ok(Self::of(origin, Region::new(region)))
    }

    fn of(origin: Origin, region: Region) -> Self {
        let endpoint = origin.ec2_endpoint.clone();
        let endpoint = endpoint.or_else(|| origin.config.endpoint_url().map(ToOwned::to_owned));
        let ec2 = services::ec2(&origin);
        let jitter = origin.jitter;
        let services = Arc::new(Services::new(origin));
        Self {
            region,
            endpoint,
            instances: instances::rounds(ec2.clone(), jitter),
            images: images::rounds(ec2.clone(), jitter),
            snapshots: images::progress(ec2.clone(), jitter),
            groups: group_copy::rounds(&services),
            ec2,
            services,
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
        let answer = self.sts().get_caller_identity().send().await;
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
        let request = self.sts().decode_authorization_message();
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
        let mut origin = self.services.origin.clone();
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

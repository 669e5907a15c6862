//! Ids are types, so that a snapshot's cannot stand where an image's belongs.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the id as the cloud or the user spells it.
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            /// The id as the cloud spells it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

ids! {
    /// The number of an account, twelve digits.
    Account,
    Region,
    /// An availability zone by name.
    Zone,
    ImageId,
    SnapshotId,
    InstanceId,
    VolumeId,
    SubnetId,
    VpcId,
    SecurityGroupId,
    KeyPairName,
    LaunchTemplateId,
    /// The name of an Auto Scaling group.
    GroupName,
    TargetGroupArn,
    LoadBalancerArn,
    ListenerArn,
    RuleArn,
    /// Of Route 53, without the path before it.
    HostedZoneId,
}

impl LoadBalancerArn {
    /// Whether it is a network load balancer's: `…:loadbalancer/net/public/0123`.
    pub fn is_network(&self) -> bool {
        self.0.contains(":loadbalancer/net/")
    }
}

impl ListenerArn {
    /// Whether it is one of a network load balancer's: `…:listener/net/public/0123/4567`.
    pub fn is_network(&self) -> bool {
        self.0.contains(":listener/net/")
    }
}

impl TargetGroupArn {
    /// The target group's name: `…:targetgroup/web-a/0123`.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').nth(1).unwrap_or(&self.0)
    }

    /// The region and account that it names (General Reference, "Amazon Resource Names").
    pub fn site(&self) -> Option<(Region, Account)> {
        let mut parts = self.0.split(':').skip(3);
        let (region, account) = (parts.next()?, parts.next()?);
        Some((Region::new(region), Account::new(account)))
    }
}

/// The number of a launch template's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LaunchTemplateVersion(pub u64);

impl fmt::Display for LaunchTemplateVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

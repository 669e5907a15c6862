//! Our words for the cloud: ids, things, errors by kind, and traits by concern that `aws` implements.
//!
//! Nothing here names AWS's SDK, and no `Option` stands here that the edge can settle.

mod error;
mod id;

pub use error::{Error, Kind, Result};
pub use id::{
    Account, GroupName, ImageId, InstanceId, KeyPairName, LaunchTemplateId, LaunchTemplateVersion,
    ListenerArn, LoadBalancerArn, Region, RuleArn, SecurityGroupId, SnapshotId, SubnetId,
    TargetGroupArn, VolumeId, VpcId, Zone,
};

use std::collections::BTreeMap;

/// Tag keys and values, in the order of their keys.
pub type Tags = BTreeMap<String, String>;

//! Our words for the cloud: ids, things, errors by kind, and traits by concern that `aws` implements.
//!
//! Nothing here names AWS's SDK, and no `Option` stands here that the edge can settle.

mod error;
mod groups;
mod id;
mod launch_templates;
mod traffic;

pub use error::{Error, Kind, Result};
pub use groups::{
    Activity, ActivityOutcome, Copying, Group, GroupTag, Groups, Launch, Member, NewGroup, Size,
    Stage, VersionRef,
};
pub use id::{
    Account, GroupName, ImageId, InstanceId, KeyPairName, LaunchTemplateId, LaunchTemplateVersion,
    ListenerArn, LoadBalancerArn, Region, RuleArn, SecurityGroupId, SnapshotId, SubnetId,
    TargetGroupArn, VolumeId, VpcId, Zone,
};
pub use launch_templates::{LaunchTemplate, LaunchTemplates, TemplateChange, TemplateVersion};
pub use traffic::{
    Action, Conditions, Forward, Listener, LoadBalancer, NewRule, NewTargetGroup, Rule, RulePlace,
    Tagged, TargetCheck, TargetGroup, TargetHealth, TargetState, Traffic,
};

use std::collections::BTreeMap;

/// Tag keys and values, in the order of their keys.
pub type Tags = BTreeMap<String, String>;

//! Our words for the cloud: ids, things, errors by kind, and traits by concern that `aws` implements.
//!
//! Nothing here names AWS's SDK, and no `Option` stands here that the edge can settle.

mod alarms;
mod error;
mod fence;
mod fleets;
mod groups;
mod id;
mod images;
mod instances;
mod keys;
mod launch_templates;
mod network;
mod objects;
mod parameters;
mod place;
pub mod profiles;
mod publishing;
mod quotas;
mod records;
mod refreshes;
mod roots;
mod scaling_alarms;
mod sessions;
pub mod tag;
mod traffic;
mod types;
mod warm_pool;

pub use alarms::{Alarm, AlarmState, Alarms, Behind, Dimensions, LooksAt, MetricQuery, Sight};
pub use error::{Error, Kind, Result};
pub use fence::{Fence, Moment};
pub use fleets::{Fleets, NewFleet};
pub use groups::{
    Activity, ActivityOutcome, Behaviour, Copying, Group, GroupTag, Groups, Member, Mixed,
    NewGroup, Protection, Size, Stage, StartsFrom, VersionRef,
};
pub use id::{
    Account, GroupName, HostedZoneId, ImageId, InstanceId, KeyPairName, LaunchTemplateId,
    LaunchTemplateVersion, ListenerArn, LoadBalancerArn, Region, RuleArn, SecurityGroupId,
    SnapshotId, SubnetId, TargetGroupArn, VolumeId, VpcId, Zone,
};
pub use images::{BlockDevice, Image, ImageDevice, ImageQuery, ImageState, Images, NewImage};
pub use instances::{
    Addresses, Choice, Instance, InstanceState, Instances, Metadata, NetworkSupport, NewInstance,
    Placement, Reservation, Spot, StatusCheck,
};
pub use keys::Keys;
pub use launch_templates::{
    LaunchTemplate, LaunchTemplates, TemplateChange, TemplateUser, TemplateVersion,
};
pub use network::{Network, NewSecurityGroup, Subnet, Vpc};
pub use objects::{Mark, Object, Objects, Put, When};
pub use parameters::Parameters;
pub use place::RulePlace;
pub use profiles::Profiles;
pub use publishing::{Elsewhere, EncryptionKey, ImageRights, NewCopy, Publishing, SnapshotRights};
pub use quotas::{GroupQuota, Quotas, Validity};
pub use records::{
    End, HostedZone, Names, Record, RecordPlace, RecordRest, Records, longest_follow, plain_host,
    plain_name,
};
pub use refreshes::{NewRefresh, Refresh, RefreshState, Refreshes};
pub use roots::{Disk, NewRoot, Replacement, ReplacementState, Rooted, Roots};
pub use scaling_alarms::{Acting, AlarmCopy, NamedAlarm, ScalingAlarm, ScalingAlarms};
pub use sessions::{PortSession, Sessions};
pub use tag::{Resource, ResourceKind, Tagging};
pub use traffic::{
    Action, BalancerKind, Conditions, Forward, Listener, LoadBalancer, NewRule, NewTargetGroup,
    Rule, TargetCheck, TargetGroup, TargetHabits, TargetHealth, TargetState, Traffic, TrafficArn,
};

pub use types::{InstanceType, Offer, Types};
pub use warm_pool::WarmPool;

use std::collections::BTreeMap;

/// Which account and region a run works in: what another process needs to go on there, and to know that it is there.
/// Credentials never stand here.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Home {
    pub profile: Option<String>,
    pub region: Option<String>,
    /// An endpoint of EC2 that the template names.
    pub ec2_endpoint: Option<String>,
    /// Where calls went, when that was not AWS's own endpoint.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Whose things they are.
    #[serde(default)]
    pub account: Option<Account>,
    /// The ARN of the role that the template takes (`assume_role`).
    #[serde(default)]
    pub role: Option<String>,
}

impl Home {
    /// Under which a journal has it as a fact.
    pub const KEY: &str = "home";
}

/// Where a client's calls go.
pub trait Site {
    /// The region of every call.
    fn region(&self) -> &Region;

    /// The URL of EC2 when it is not AWS's own.
    fn endpoint(&self) -> Option<&str>;
}

/// All of the cloud that undoing needs.
pub trait Cloud:
    Images
    + Publishing
    + Elsewhere
    + Instances
    + Fleets
    + Types
    + Profiles
    + Sessions
    + Network
    + Keys
    + Tagging
    + Groups
    + Refreshes
    + Roots
    + LaunchTemplates
    + Traffic
    + Records
    + Alarms
    + Quotas
    + Parameters
    + ScalingAlarms
{
}

impl<C> Cloud for C where
    C: Images
        + Publishing
        + Elsewhere
        + Instances
        + Fleets
        + Types
        + Profiles
        + Sessions
        + Network
        + Keys
        + Tagging
        + Groups
        + Refreshes
        + Roots
        + LaunchTemplates
        + Traffic
        + Records
        + Alarms
        + Quotas
        + Parameters
        + ScalingAlarms
{
}

/// Tag keys and values, in the order of their keys.
pub type Tags = BTreeMap<String, String>;

/// A filter of a describe call: its name and the values of which one must match.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Filter {
    pub name: String,
    pub values: Vec<String>,
}

impl Filter {
    /// A filter with one value.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            values: vec![value.into()],
        }
    }

    /// A filter on the value of a tag.
    pub fn tag(key: &str, value: impl Into<String>) -> Self {
        Self::new(format!("tag:{key}"), value)
    }
}

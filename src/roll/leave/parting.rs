//! One thing that is done when a service is left.

use std::fmt;

use crate::cloud::{
    Cloud, GroupName, LaunchTemplateId, NamedAlarm, RuleArn, TargetGroupArn, TrafficArn,
};
use crate::roll::error::Error;
use crate::undo::lease::{self, Leased};
use crate::undo::persist;

/// What is done, in words of its `Display`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parting {
    /// A group to no machine, until all have ended.
    Empty(GroupName),
    /// Until no target has a request left; with the target group's name.
    Drain(TargetGroupArn, String),
    /// A rule by which kiln watches or probes.
    DeleteRule(RuleArn),
    DeleteProduction(RuleArn),
    DeleteAlarm(String),
    DeleteGroup(GroupName),
    /// With its name.
    DeleteTargetGroup(TargetGroupArn, String),
    DeleteTemplate(LaunchTemplateId, String),
    /// What was changed for a while of a group that is kept.
    Release(GroupName, Leased),
    /// Tags of a group.
    UntagGroup(GroupName, Vec<String>),
    UntagAlarm(NamedAlarm, Vec<String>),
    /// Tags of a rule, a listener or a target group, by its name.
    UntagTraffic(TrafficArn, String, Vec<String>),
    /// Tags of something of EC2's.
    Untag(String, Vec<String>),
}

impl fmt::Display for Parting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty(group) => write!(
                f,
                "empty group {group}: its machines end their requests first"
            ),
            Self::Drain(_, name) => write!(f, "wait until target group {name} has no target left"),
            Self::DeleteProduction(arn) => write!(f, "delete the production rule {arn}"),
            Self::DeleteAlarm(name) => write!(f, "delete alarm {name}"),
            Self::DeleteGroup(group) => write!(f, "delete group {group}"),
            Self::DeleteTargetGroup(arn, name) => write!(f, "delete target group {name} ({arn})"),
            Self::DeleteTemplate(id, name) => write!(f, "delete launch template {name} ({id})"),
            Self::DeleteRule(arn) => write!(f, "delete the watch or probe rule {arn}"),
            Self::Release(group, what) => write!(f, "give back: {what} of group {group}"),
            Self::UntagGroup(group, keys) => untag(f, &format!("group {group}"), keys),
            Self::UntagAlarm(alarm, keys) => untag(f, &format!("alarm {}", alarm.name), keys),
            Self::UntagTraffic(_, name, keys) => untag(f, name, keys),
            Self::Untag(id, keys) => untag(f, id, keys),
        }
    }
}

fn untag(f: &mut fmt::Formatter<'_>, what: &str, keys: &[String]) -> fmt::Result {
    write!(f, "take off {what}: {}", keys.join(", "))
}

impl Parting {
    /// Whether it takes something away that users or others may need. All else only waits, or says of itself that it is kiln's.
    pub(super) fn may_be_shared(&self) -> bool {
        matches!(
            self,
            Self::Empty(_)
                | Self::DeleteProduction(_)
                | Self::DeleteTemplate(..)
                | Self::DeleteTargetGroup(..)
        )
    }

    /// Whether it leaves what the other would have deleted, and only takes kiln's tags off.
    pub(super) fn spares(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Untag(id, _), Self::DeleteTemplate(of, _)) => id == of.as_str(),
            (Self::UntagTraffic(arn, ..), Self::DeleteTargetGroup(of, _)) => {
                *arn == TrafficArn::TargetGroup(of.clone())
            }
            _ => false,
        }
    }

    /// Does it; a second time is harmless, and so is what is gone already.
    pub(super) async fn carry_out(&self, cloud: &impl Cloud) -> Result<(), Error> {
        let done = match self {
            Self::Release(group, what) => lease::release(cloud, group, *what, None).await,
            Self::DeleteRule(arn) | Self::DeleteProduction(arn) => cloud.delete_rule(arn).await,
            Self::DeleteAlarm(name) => cloud.delete_alarm(name).await,
            Self::DeleteTargetGroup(arn, _) => {
                persist(async || cloud.delete_target_group(arn).await).await
            }
            Self::DeleteTemplate(id, _) => persist(async || cloud.delete_template(id).await).await,
            Self::UntagGroup(group, keys) => cloud.untag_group(group, &texts(keys)).await,
            Self::UntagAlarm(alarm, keys) => cloud.untag_alarm(alarm, &texts(keys)).await,
            Self::UntagTraffic(arn, _, keys) => cloud.untag_traffic(arn, &texts(keys)).await,
            Self::Untag(id, keys) => {
                let ids = std::slice::from_ref(id);
                cloud.remove_tags(ids, &texts(keys)).await
            }
            // What takes its time is waited for elsewhere.
            Self::Empty(_) | Self::Drain(..) | Self::DeleteGroup(_) => Ok(()),
        };
        match done {
            Err(error) if error.is_not_found() => Ok(()),
            answer => Ok(answer?),
        }
    }
}

fn texts(keys: &[String]) -> Vec<&str> {
    keys.iter().map(String::as_str).collect()
}

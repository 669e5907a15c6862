//! One thing that is done when a service is left.

use std::fmt;

use crate::cloud::{Cloud, Error as CloudError, GroupName, NamedAlarm, RuleArn, TrafficArn};
use crate::roll::error::Error;
use crate::undo::lease::{self, Leased};

/// What is done, in words of its `Display`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parting {
    /// A rule by which kiln watches or probes.
    DeleteRule(RuleArn),
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
    /// Does it; a second time is harmless, and so is what is gone already.
    pub(super) async fn carry_out(&self, cloud: &impl Cloud) -> Result<(), Error> {
        match self {
            Self::Release(group, what) => Ok(lease::release(cloud, group, *what, None).await?),
            simple => match simple.call(cloud).await {
                Err(error) if error.is_not_found() => Ok(()),
                answer => Ok(answer?),
            },
        }
    }

    /// What is one call.
    async fn call(&self, cloud: &impl Cloud) -> Result<(), CloudError> {
        match self {
            Self::Release(..) => Ok(()),
            Self::DeleteRule(arn) => cloud.delete_rule(arn).await,
            Self::UntagGroup(group, keys) => cloud.untag_group(group, &texts(keys)).await,
            Self::UntagAlarm(alarm, keys) => cloud.untag_alarm(alarm, &texts(keys)).await,
            Self::UntagTraffic(arn, _, keys) => cloud.untag_traffic(arn, &texts(keys)).await,
            Self::Untag(id, keys) => {
                cloud
                    .remove_tags(std::slice::from_ref(id), &texts(keys))
                    .await
            }
        }
    }
}

fn texts(keys: &[String]) -> Vec<&str> {
    keys.iter().map(String::as_str).collect()
}

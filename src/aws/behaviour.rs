//! What a group does beside starting instances, counted by kind.

use super::Aws;
use super::group_copy::{hooks, notifications_of, schedules_of};
use super::policy_copy::policies_of;
use crate::cloud::{Behaviour, GroupName, Result};

/// Counts policies, scheduled actions, lifecycle hooks and notifications.
pub(super) async fn of(aws: &Aws, name: &GroupName) -> Result<Behaviour> {
    let mut found = Behaviour::new();
    let mut note = |kind: String, count: usize| *found.entry(kind).or_default() += count;
    for policy in policies_of(aws, name).await? {
        let kind = policy.policy_type().unwrap_or("unknown");
        note(format!("policies of type {kind}"), 1);
    }
    for hook in hooks(aws, name).await? {
        let at = match hook.lifecycle_transition() {
            Some("autoscaling:EC2_INSTANCE_TERMINATING") => "end",
            _ => "start",
        };
        note(format!("lifecycle hooks at the {at}"), 1);
    }
    let schedules = schedules_of(aws, name).await?.len();
    note("scheduled actions".to_owned(), schedules);
    let notifications = notifications_of(aws, name).await?.len();
    note("notifications".to_owned(), notifications);
    found.retain(|_, count| *count > 0);
    Ok(found)
}

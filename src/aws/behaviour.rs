//! What a group does beside starting instances, counted by kind.

use super::Aws;
use super::error::failed;
use crate::cloud::{Behaviour, GroupName, Result};

/// Counts policies, scheduled actions, lifecycle hooks and notifications.
pub(super) async fn of(aws: &Aws, name: &GroupName) -> Result<Behaviour> {
    let mut found = Behaviour::new();
    let mut note = |kind: String| *found.entry(kind).or_default() += 1;
    let call = aws.autoscaling().describe_policies();
    let call = call.auto_scaling_group_name(name.as_str());
    let mut pages = call.into_paginator().items().send();
    while let Some(policy) = pages.next().await {
        let policy = policy.map_err(|error| failed("DescribePolicies", error))?;
        note(format!(
            "policies of type {}",
            policy.policy_type().unwrap_or("unknown")
        ));
    }
    let call = aws.autoscaling().describe_scheduled_actions();
    let call = call.auto_scaling_group_name(name.as_str());
    let mut pages = call.into_paginator().items().send();
    while let Some(action) = pages.next().await {
        action.map_err(|error| failed("DescribeScheduledActions", error))?;
        note("scheduled actions".to_owned());
    }
    let call = aws.autoscaling().describe_lifecycle_hooks();
    let hooks = call.auto_scaling_group_name(name.as_str()).send().await;
    let hooks = hooks.map_err(|error| failed("DescribeLifecycleHooks", error))?;
    for hook in hooks.lifecycle_hooks() {
        note(match hook.lifecycle_transition() {
            Some("autoscaling:EC2_INSTANCE_TERMINATING") => "lifecycle hooks at the end".to_owned(),
            _ => "lifecycle hooks at the start".to_owned(),
        });
    }
    let call = aws.autoscaling().describe_notification_configurations();
    let call = call.auto_scaling_group_names(name.as_str());
    let mut pages = call.into_paginator().items().send();
    while let Some(one) = pages.next().await {
        one.map_err(|error| failed("DescribeNotificationConfigurations", error))?;
        note("notifications".to_owned());
    }
    Ok(found)
}

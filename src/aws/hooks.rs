//! Lifecycle hooks of machines that are on their way out.

use std::time::Duration;

use aws_sdk_autoscaling::types::LifecycleHook;

use super::Aws;
use super::error::failed;
use crate::cloud::{GroupName, InstanceId, Kind, Result};

/// What a hook of a machine that is terminated is called ("`LifecycleHook`").
const TERMINATING: &str = "autoscaling:EC2_INSTANCE_TERMINATING";
/// The heartbeat of one that names none ("`PutLifecycleHook`").
const HEARTBEAT: i32 = 3600;

async fn terminating(aws: &Aws, name: &GroupName) -> Result<Vec<LifecycleHook>> {
    let call = aws.scaling_to_read().await.describe_lifecycle_hooks();
    let answer = call.auto_scaling_group_name(name.as_str()).send().await;
    let answer = answer.map_err(|error| failed("DescribeLifecycleHooks", error))?;
    let mut hooks = answer.lifecycle_hooks.unwrap_or_default();
    hooks.retain(|hook| hook.lifecycle_transition() == Some(TERMINATING));
    Ok(hooks)
}

/// The longest of them: they run side by side.
pub(super) async fn longest(aws: &Aws, name: &GroupName) -> Result<Duration> {
    let hooks = terminating(aws, name).await?;
    let seconds = hooks.iter().map(|hook| {
        let heartbeat = hook.heartbeat_timeout().unwrap_or(HEARTBEAT);
        u64::try_from(heartbeat).unwrap_or_default()
    });
    Ok(Duration::from_secs(seconds.max().unwrap_or_default()))
}

/// Answers every hook that such a machine may wait for. One that it does not wait for is refused, and no matter.
pub(super) async fn let_go(aws: &Aws, name: &GroupName, instance: &InstanceId) -> Result<()> {
    let hooks = terminating(aws, name).await?;
    for hook in hooks.iter().filter_map(LifecycleHook::lifecycle_hook_name) {
        let call = aws.scaling_to_write().await.complete_lifecycle_action();
        let answer = call
            .auto_scaling_group_name(name.as_str())
            .lifecycle_hook_name(hook)
            .instance_id(instance.as_str())
            .lifecycle_action_result("CONTINUE")
            .send()
            .await;
        match answer.map_err(|error| failed("CompleteLifecycleAction", error)) {
            Err(error) if error.kind != Kind::Invalid => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

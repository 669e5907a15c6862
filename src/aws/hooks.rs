//! Lifecycle hooks of machines that are on their way out.

use super::Aws;
use super::error::failed;
use crate::cloud::{GroupName, InstanceId, Kind, Result};

/// What a hook of a machine that is terminated is called ("`LifecycleHook`").
const TERMINATING: &str = "autoscaling:EC2_INSTANCE_TERMINATING";

/// Answers every hook that such a machine may wait for. One that it does not wait for is refused, and no matter.
pub(super) async fn let_go(aws: &Aws, name: &GroupName, instance: &InstanceId) -> Result<()> {
    let call = aws.autoscaling().describe_lifecycle_hooks();
    let answer = call.auto_scaling_group_name(name.as_str()).send().await;
    let answer = answer.map_err(|error| failed("DescribeLifecycleHooks", error))?;
    let hooks = answer.lifecycle_hooks().iter();
    let hooks = hooks.filter(|hook| hook.lifecycle_transition() == Some(TERMINATING));
    for hook in hooks.filter_map(|hook| hook.lifecycle_hook_name()) {
        let call = aws.autoscaling().complete_lifecycle_action();
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

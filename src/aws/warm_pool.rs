//! Warm pools: machines beside a group that are launched ahead.

use aws_sdk_autoscaling::operation::put_warm_pool::builders::PutWarmPoolFluentBuilder as Put;
use aws_sdk_autoscaling::types;

use super::Aws;
use super::error::failed;
use crate::cloud::{GroupName, Result, WarmPool};

/// Of a pool that does not say ("`API_PutWarmPool`").
const STOPPED: &str = "Stopped";

/// The pool of a group in our words.
pub(super) fn of(group: &types::AutoScalingGroup) -> Option<WarmPool> {
    let pool = group.warm_pool_configuration()?;
    let number = |given: Option<i32>| given.and_then(|given| u32::try_from(given).ok());
    let state = pool.pool_state().map(types::WarmPoolState::as_str);
    let reuse = pool.instance_reuse_policy();
    Some(WarmPool {
        prepared: number(pool.max_group_prepared_capacity()),
        min: number(pool.min_size()).unwrap_or_default(),
        state: state.unwrap_or(STOPPED).to_owned(),
        reuses: reuse.and_then(types::InstanceReusePolicy::reuse_on_scale_in) == Some(true),
        machines: number(group.warm_pool_size()).unwrap_or_default(),
        leaving: pool.status().is_some(),
    })
}

/// Gives a group such a pool.
pub(super) async fn put(aws: &Aws, group: &GroupName, pool: &WarmPool) -> Result<()> {
    let call = aws.scaling_to_write().await.put_warm_pool();
    let call = call.auto_scaling_group_name(group.as_str());
    let answer = like(call, pool).send().await;
    answer.map_err(|error| failed("PutWarmPool", error))?;
    Ok(())
}

/// The fields marked `copied` in `POOL_FIELDS`.
fn like(call: Put, pool: &WarmPool) -> Put {
    let number = |given: u32| i32::try_from(given).unwrap_or(i32::MAX);
    call.set_max_group_prepared_capacity(pool.prepared.map(number))
        .min_size(number(pool.min))
        .pool_state(pool.state.as_str().into())
}

/// Asks for the deletion of a group's pool; with `force` nobody waits for its machines and their lifecycle hooks.
pub(super) async fn delete(aws: &Aws, group: &GroupName, force: bool) -> Result<()> {
    let call = aws.scaling_to_write().await.delete_warm_pool();
    let call = call
        .auto_scaling_group_name(group.as_str())
        .force_delete(force);
    let answer = call.send().await;
    answer.map_err(|error| failed("DeleteWarmPool", error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use aws_sdk_autoscaling::operation::put_warm_pool::PutWarmPoolInput;

    use super::super::answering::silent;
    use super::super::group_copy::tests::fields;
    use super::*;

    /// `copied` from the pool, `named` by the roll, or `refused` when the pool has it (`roll::warm_pool`).
    const POOL_FIELDS: &[(&str, &str)] = &[
        ("auto_scaling_group_name", "named"),
        ("max_group_prepared_capacity", "copied"),
        ("min_size", "copied"),
        ("pool_state", "copied"),
        ("instance_reuse_policy", "refused"),
    ];

    #[test]
    fn every_field_of_a_warm_pool_is_decided() {
        let names: BTreeSet<_> = POOL_FIELDS
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        let input = PutWarmPoolInput::builder().build().unwrap();
        assert_eq!(fields(&input), names);
        let full = WarmPool {
            prepared: Some(3),
            min: 1,
            state: "Running".to_owned(),
            reuses: true,
            machines: 2,
            leaving: false,
        };
        let call = like(silent().put_warm_pool(), &full);
        let text = format!("{:?}", call.as_input().clone().build().unwrap());
        for (name, fate) in POOL_FIELDS {
            let set = !text.contains(&format!(" {name}: None"));
            assert_eq!(set, *fate == "copied", "{name} is {fate}");
        }
    }
}

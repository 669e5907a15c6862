//! Quotas, and the call whose answer is that there is none: classic load balancers.

use super::{NAME, groups};
use crate::model::{Fault, Tree, args::Args, state::State};

#[expect(clippy::unnecessary_wraps, reason = "a handler of the table")]
pub(super) fn describe_account_limits(state: &mut State, _args: &Args<'_>) -> Result<Tree, Fault> {
    let groups = i64::try_from(state.scaling.groups.len()).unwrap_or(i64::MAX);
    // The defaults of "Quotas for Amazon EC2 Auto Scaling".
    Ok(Tree::new()
        .put("MaxNumberOfAutoScalingGroups", 500_i64)
        .put("MaxNumberOfLaunchConfigurations", 200_i64)
        .put("NumberOfAutoScalingGroups", groups)
        .put("NumberOfLaunchConfigurations", 0_i64))
}

pub(super) fn describe_balancers(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    groups::find(state, args.text(NAME)?)?;
    Ok(Tree::new().put("LoadBalancers", Vec::new()))
}

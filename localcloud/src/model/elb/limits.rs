//! The quotas of an account.

use crate::model::{Fault, Tree, args::Args, state::State};

/// Quotas for your Application and your Network Load Balancers, by the names of `DescribeAccountLimits`.
const LIMITS: [(&str, &str); 11] = [
    ("application-load-balancers", "50"),
    ("listeners-per-application-load-balancer", "50"),
    ("listeners-per-network-load-balancer", "50"),
    ("network-load-balancers", "50"),
    ("rules-per-application-load-balancer", "100"),
    ("target-groups", "3000"),
    ("target-groups-per-action-on-application-load-balancer", "5"),
    ("target-groups-per-action-on-network-load-balancer", "5"),
    ("target-groups-per-application-load-balancer", "100"),
    ("targets-per-network-load-balancer", "3000"),
    ("targets-per-target-group", "1000"),
];

#[expect(clippy::unnecessary_wraps, reason = "a handler of the table")]
pub(super) fn describe_account_limits(_state: &mut State, _args: &Args<'_>) -> Result<Tree, Fault> {
    let limits: Vec<Tree> = LIMITS
        .iter()
        .map(|(name, max)| Tree::new().put("Name", *name).put("Max", *max))
        .collect();
    Ok(Tree::new().put("Limits", limits))
}

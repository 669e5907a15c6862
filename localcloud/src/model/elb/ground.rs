//! What Elastic Load Balancing asks of EC2.

use crate::model::{Fault, ec2, ec2::InstanceState, state::State};
use std::net::Ipv4Addr;

/// An instance as a load balancer sees it.
pub(super) struct Seen {
    pub(super) state: InstanceState,
    pub(super) address: Ipv4Addr,
    pub(super) zone: String,
}

pub(super) fn instance(state: &State, id: &str) -> Option<Seen> {
    let instance = state.ec2.instances.get(id)?;
    Some(Seen {
        state: instance.state,
        address: instance.address,
        zone: instance.zone.clone(),
    })
}

/// The zone of a subnet.
pub(super) fn zone(state: &State, subnet: &str) -> Option<String> {
    state
        .ec2
        .subnets
        .get(subnet)
        .map(|subnet| subnet.zone.clone())
}

/// The one VPC that there is.
pub(super) fn vpc(state: &State) -> &str {
    &state.ec2.vpc.id
}

pub(super) fn has_security_group(state: &State, id: &str) -> bool {
    state.ec2.security_groups.contains_key(id)
}

pub(super) fn take_address(state: &mut State, subnet: &str) -> Result<Ipv4Addr, Fault> {
    ec2::address::allocate(state, subnet)
        .map_err(|fault| Fault::new("InvalidSubnet", fault.message))
}

/// What stands after a marker in an ARN.
pub(super) fn after<'a>(arn: &'a str, marker: &str) -> &'a str {
    arn.split_once(marker).map_or(arn, |(_, rest)| rest)
}

//! Addresses out of the subnets, for instances and load balancers.

use super::super::{Fault, state::State};
use std::{collections::BTreeSet, net::Ipv4Addr};

/// AWS keeps the first four addresses of a subnet and the last one for itself (VPC user guide, "Subnet sizing").
const KEPT: u64 = 4;

/// Takes the next free address of a subnet. A freed one comes round again last.
pub(in crate::model) fn allocate(state: &mut State, subnet: &str) -> Result<Ipv4Addr, Fault> {
    let taken = taken(state);
    let Some(subnet) = state.ec2.subnets.get_mut(subnet) else {
        return Err(super::no_such(
            "InvalidSubnetID",
            "subnet ID",
            "subnet-",
            subnet,
        ));
    };
    let usable = subnet.cidr.size().saturating_sub(KEPT + 1);
    for _ in 0..usable {
        let offset = KEPT + subnet.cursor % usable;
        subnet.cursor += 1;
        if let Some(address) = subnet
            .cidr
            .address(offset)
            .filter(|address| !taken.contains(address))
        {
            return Ok(address);
        }
    }
    let message = "There are not enough free addresses in the subnet to satisfy the requested number of instances.";
    Err(Fault::new("InsufficientFreeAddressesInSubnet", message))
}

/// How many more addresses a subnet can give.
pub(in crate::model) fn available(state: &State, subnet: &str) -> u64 {
    let Some(subnet) = state.ec2.subnets.get(subnet) else {
        return 0;
    };
    let used = taken(state)
        .into_iter()
        .filter(|address| subnet.cidr.contains(*address))
        .count() as u64;
    subnet.cidr.size().saturating_sub(KEPT + 1 + used)
}

fn taken(state: &State) -> BTreeSet<Ipv4Addr> {
    let instances = state
        .ec2
        .instances
        .values()
        .filter(|instance| instance.holds_resources());
    instances
        .map(|instance| instance.address)
        .chain(super::super::elb::addresses(state))
        .collect()
}

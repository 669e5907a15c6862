//! The VPC, its subnets and security groups as records.

use super::super::{Cidr, Fault, state::State};
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
pub(in crate::model) struct Vpc {
    pub(in crate::model) id: String,
    pub(in crate::model) cidr: Cidr,
    pub(in crate::model) internet_gateway: String,
    pub(in crate::model) route_table: String,
}

#[derive(Clone, Debug)]
pub(in crate::model) struct Subnet {
    pub(in crate::model) id: String,
    /// `eu-central-1a`.
    pub(in crate::model) zone: String,
    /// `euc1-az1`, the same for every account.
    pub(in crate::model) zone_id: String,
    pub(in crate::model) cidr: Cidr,
    /// Where the search for the next address goes on.
    pub(in crate::model) cursor: u64,
}

#[derive(Clone, Debug)]
pub(in crate::model) struct SecurityGroup {
    pub(in crate::model) id: String,
    pub(in crate::model) name: String,
    pub(in crate::model) description: String,
    pub(in crate::model) rules: Vec<GroupRule>,
}

/// One rule of a security group: a protocol, a range of ports, one source or destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) struct GroupRule {
    pub(in crate::model) id: String,
    pub(in crate::model) egress: bool,
    /// `tcp`, `udp`, `icmp` or `-1`.
    pub(in crate::model) protocol: String,
    /// Absent for all ports.
    pub(in crate::model) ports: Option<(i64, i64)>,
    pub(in crate::model) peer: Peer,
    pub(in crate::model) description: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) enum Peer {
    V4(Cidr),
    /// As it was written; nothing here routes IPv6.
    V6(String),
    Group(String),
}

/// The subnet, or the refusal for an id that names none.
pub(in crate::model) fn subnet<'a>(state: &'a State, id: &str) -> Result<&'a Subnet, Fault> {
    state
        .ec2
        .subnets
        .get(id)
        .ok_or_else(|| super::no_such("InvalidSubnetID", "subnet ID", "subnet-", id))
}

/// The security group, or the refusal for an id that names none.
pub(in crate::model) fn security_group<'a>(
    state: &'a State,
    id: &str,
) -> Result<&'a SecurityGroup, Fault> {
    let group = state.ec2.security_groups.get(id);
    group.ok_or_else(|| {
        Fault::new(
            "InvalidGroup.NotFound",
            format!("The security group '{id}' does not exist"),
        )
    })
}

/// The security group of that name.
pub(in crate::model) fn security_group_named<'a>(
    state: &'a State,
    name: &str,
) -> Option<&'a SecurityGroup> {
    state
        .ec2
        .security_groups
        .values()
        .find(|group| group.name == name)
}

/// The zones that have a subnet, in order of name.
pub(in crate::model) fn zones(state: &State) -> BTreeSet<String> {
    state
        .ec2
        .subnets
        .values()
        .map(|subnet| subnet.zone.clone())
        .collect()
}

/// The subnet of the default VPC in a zone; every zone has one.
pub(in crate::model) fn default_subnet<'a>(
    state: &'a State,
    zone: Option<&str>,
) -> Result<&'a Subnet, Fault> {
    let mut subnets: Vec<&Subnet> = state.ec2.subnets.values().collect();
    subnets.sort_by(|a, b| a.zone.cmp(&b.zone));
    let found = subnets
        .into_iter()
        .find(|subnet| zone.is_none_or(|zone| zone == subnet.zone));
    found.ok_or_else(|| {
        let zone = zone.unwrap_or_default();
        Fault::new(
            "InvalidParameterValue",
            format!("Invalid availability zone: [{zone}]"),
        )
    })
}

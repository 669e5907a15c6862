//! Rules of security groups: read from `IpPermissions` or the flat form, and shown grouped as EC2 groups them.

use super::{
    super::{Fault, Tree, args::Args, state::State, tags, tags::Tags},
    network::{GroupRule, Peer, security_group, security_group_named},
};
use crate::model::Cidr;

/// The parameters that name rules.
pub(super) const TAKES: &str = "GroupId IpPermissions IpProtocol FromPort ToPort CidrIp SourceSecurityGroupName SourceSecurityGroupOwnerId";

/// Reads the rules of a call; ids are still empty.
pub(super) fn read(state: &State, args: &Args<'_>, egress: bool) -> Result<Vec<GroupRule>, Fault> {
    let mut rules = Vec::new();
    let permissions = args.maps("IpPermissions")?;
    if permissions.is_empty() {
        rules.extend(flat(state, args, egress)?);
    }
    for permission in permissions {
        permission.only("IpProtocol FromPort ToPort Groups IpRanges Ipv6Ranges")?;
        let (protocol, ports) = protocol(&permission)?;
        for (peer, description) in peers(state, &permission)? {
            rules.push(GroupRule {
                id: String::new(),
                egress,
                protocol: protocol.clone(),
                ports,
                peer,
                description,
            });
        }
    }
    if rules.is_empty() {
        return Err(args.missing("ipPermissions"));
    }
    Ok(rules)
}

fn flat(state: &State, args: &Args<'_>, egress: bool) -> Result<Option<GroupRule>, Fault> {
    let peer = match (
        args.maybe_text("CidrIp")?,
        args.maybe_text("SourceSecurityGroupName")?,
    ) {
        (Some(text), _) => Peer::V4(cidr(text)?),
        (None, Some(name)) => Peer::Group(group_named(state, name)?),
        (None, None) => return Ok(None),
    };
    let (protocol, ports) = protocol(args)?;
    Ok(Some(GroupRule {
        id: String::new(),
        egress,
        protocol,
        ports,
        peer,
        description: None,
    }))
}

fn group_named(state: &State, name: &str) -> Result<String, Fault> {
    let missing = || {
        Fault::new(
            "InvalidGroup.NotFound",
            format!("The security group '{name}' does not exist"),
        )
    };
    security_group_named(state, name)
        .map(|group| group.id.clone())
        .ok_or_else(missing)
}

fn protocol(args: &Args<'_>) -> Result<(String, Option<(i64, i64)>), Fault> {
    let protocol = match args.text("IpProtocol")? {
        "6" => "tcp",
        "17" => "udp",
        "1" => "icmp",
        "all" => "-1",
        other => other,
    };
    if !["tcp", "udp", "icmp", "icmpv6", "-1"].contains(&protocol) {
        return Err(args.invalid("IpProtocol", protocol, "Unknown protocol."));
    }
    let (from, to) = (args.int("FromPort")?, args.int("ToPort")?);
    if protocol == "-1" {
        return Ok((protocol.into(), None));
    }
    let (Some(from), Some(to)) = (from, to) else {
        let message =
            "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.";
        return Err(Fault::new("InvalidParameterValue", message));
    };
    let icmp = protocol.starts_with("icmp");
    if !icmp && (from > to || !(0..=65535).contains(&from) || !(0..=65535).contains(&to)) {
        let message = format!("Invalid port range: from {from} to {to}");
        return Err(Fault::new("InvalidParameterValue", message));
    }
    Ok((protocol.into(), Some((from, to))))
}

fn peers(state: &State, args: &Args<'_>) -> Result<Vec<(Peer, Option<String>)>, Fault> {
    let description =
        |entry: &Args<'_>| Ok::<_, Fault>(entry.maybe_text("Description")?.map(String::from));
    let mut peers = Vec::new();
    for range in args.maps("IpRanges")? {
        range.only("CidrIp Description")?;
        peers.push((Peer::V4(cidr(range.text("CidrIp")?)?), description(&range)?));
    }
    for range in args.maps("Ipv6Ranges")? {
        range.only("CidrIpv6 Description")?;
        peers.push((
            Peer::V6(cidr6(range.text("CidrIpv6")?)?),
            description(&range)?,
        ));
    }
    for group in args.maps("Groups")? {
        group.only("GroupId GroupName UserId Description VpcId")?;
        let id = match group.maybe_text("GroupId")? {
            Some(id) => security_group(state, id)?.id.clone(),
            None => group_named(state, group.text("GroupName")?)?,
        };
        peers.push((Peer::Group(id), description(&group)?));
    }
    Ok(peers)
}

/// EC2 keeps the network of what is given: the bits after the prefix are dropped.
fn cidr(text: &str) -> Result<Cidr, Fault> {
    let malformed = || {
        Fault::new(
            "InvalidParameterValue",
            format!("CIDR block {text} is malformed"),
        )
    };
    let (address, prefix) = text.split_once('/').ok_or_else(malformed)?;
    let address: std::net::Ipv4Addr = address.parse().map_err(|_| malformed())?;
    let prefix: u8 = prefix
        .parse()
        .ok()
        .filter(|bits| *bits <= 32)
        .ok_or_else(malformed)?;
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
    Ok(Cidr::new(
        std::net::Ipv4Addr::from_bits(address.to_bits() & mask),
        prefix,
    ))
}

fn cidr6(text: &str) -> Result<String, Fault> {
    let malformed = || {
        Fault::new(
            "InvalidParameterValue",
            format!("CIDR block {text} is malformed"),
        )
    };
    let (address, prefix) = text.split_once('/').ok_or_else(malformed)?;
    let _: std::net::Ipv6Addr = address.parse().map_err(|_| malformed())?;
    prefix
        .parse::<u8>()
        .ok()
        .filter(|bits| *bits <= 128)
        .map(|_| text.into())
        .ok_or_else(malformed)
}

/// A rule as EC2 words it in a refusal.
pub(super) fn in_words(rule: &GroupRule) -> String {
    let peer = match &rule.peer {
        Peer::V4(cidr) => cidr.to_string(),
        Peer::V6(cidr) | Peer::Group(cidr) => cidr.clone(),
    };
    match rule.ports {
        Some((from, to)) => {
            format!(
                "peer: {peer}, {}, from port: {from}, to port: {to}",
                rule.protocol.to_uppercase()
            )
        }
        None => format!("peer: {peer}, ALL"),
    }
}

/// One rule, as the calls that make rules show it.
pub(super) fn show_one(account: &str, group: &str, rule: &GroupRule, tags: &Tags) -> Tree {
    let tree = Tree::new()
        .put("securityGroupRuleId", &rule.id)
        .put("groupId", group)
        .put("groupOwnerId", account)
        .put("isEgress", rule.egress)
        .put("ipProtocol", &rule.protocol)
        .put("fromPort", rule.ports.map_or(-1, |(from, _)| from))
        .put("toPort", rule.ports.map_or(-1, |(_, to)| to))
        .put_some("description", rule.description.as_ref());
    let tree = match &rule.peer {
        Peer::V4(cidr) => tree.put("cidrIpv4", cidr.to_string()),
        Peer::V6(cidr) => tree.put("cidrIpv6", cidr),
        Peer::Group(id) => tree.put(
            "referencedGroupInfo",
            Tree::new().put("groupId", id).put("userId", account),
        ),
    };
    tree.put("tagSet", tags::show(tags))
}

/// All rules of one direction, those of the same protocol and ports together.
pub(super) fn show(account: &str, rules: &[GroupRule], egress: bool) -> Vec<Tree> {
    type Permission<'a> = ((&'a str, Option<(i64, i64)>), Vec<&'a GroupRule>);
    let mut permissions: Vec<Permission<'_>> = Vec::new();
    for rule in rules.iter().filter(|rule| rule.egress == egress) {
        let key = (rule.protocol.as_str(), rule.ports);
        match permissions.iter_mut().find(|(known, _)| *known == key) {
            Some((_, together)) => together.push(rule),
            None => permissions.push((key, vec![rule])),
        }
    }
    permissions
        .into_iter()
        .map(|(key, rules)| permission(account, key, &rules))
        .collect()
}

fn permission(account: &str, key: (&str, Option<(i64, i64)>), rules: &[&GroupRule]) -> Tree {
    let (mut v4, mut v6, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    for rule in rules {
        let description = rule.description.as_ref();
        match &rule.peer {
            Peer::V4(cidr) => {
                v4.push(
                    Tree::new()
                        .put("cidrIp", cidr.to_string())
                        .put_some("description", description),
                );
            }
            Peer::V6(cidr) => v6.push(
                Tree::new()
                    .put("cidrIpv6", cidr)
                    .put_some("description", description),
            ),
            Peer::Group(id) => {
                let pair = Tree::new().put("userId", account).put("groupId", id);
                groups.push(pair.put_some("description", description));
            }
        }
    }
    Tree::new()
        .put("ipProtocol", key.0)
        .put_some("fromPort", key.1.map(|(from, _)| from))
        .put_some("toPort", key.1.map(|(_, to)| to))
        .put("groups", groups)
        .put("ipRanges", v4)
        .put("ipv6Ranges", v6)
        .put("prefixListIds", Vec::new())
}

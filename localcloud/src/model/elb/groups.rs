//! Target groups: made, described, modified, and deleted only when no rule names them.

use super::{
    PAGES, attributes,
    check::HealthCheck,
    ground,
    kind::Kind,
    stored::{Elb, Group},
};
use crate::model::{Fault, Tree, args::Args, state::State, tags};
use std::collections::BTreeMap;

pub(super) const TAKES_CREATE: &str = "Name Protocol ProtocolVersion Port VpcId HealthCheckProtocol HealthCheckPort \
    HealthCheckEnabled HealthCheckPath HealthCheckIntervalSeconds HealthCheckTimeoutSeconds HealthyThresholdCount \
    UnhealthyThresholdCount Matcher TargetType Tags IpAddressType";
pub(super) const TAKES_MODIFY: &str = "TargetGroupArn HealthCheckProtocol HealthCheckPort HealthCheckEnabled \
    HealthCheckPath HealthCheckIntervalSeconds HealthCheckTimeoutSeconds HealthyThresholdCount \
    UnhealthyThresholdCount Matcher";

/// Makes a target group. The same name with the same settings gives the one that is there.
pub(super) fn create(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let group = read(state, args)?;
    let tags = tags::read(args, "Tags")?;
    if let Some((arn, old)) = state
        .elb
        .groups
        .iter()
        .find(|(_, old)| old.name == group.name)
    {
        if !old.is_same_as(&group) {
            let message = format!(
                "A target group with the same name '{}' exists, but with different settings",
                group.name
            );
            return Err(Fault::new("DuplicateTargetGroupName", message));
        }
        return Ok(Tree::new().put("TargetGroups", vec![tree(&state.elb, arn, old)]));
    }
    let id = state.ids.short();
    let arn = state.arn(
        "elasticloadbalancing",
        &format!("targetgroup/{}/{id}", group.name),
    );
    let answer = tree(&state.elb, &arn, &group);
    state.elb.tags.insert(arn.clone(), tags);
    state.elb.groups.insert(arn, group);
    Ok(Tree::new().put("TargetGroups", vec![answer]))
}

fn read(state: &State, args: &Args<'_>) -> Result<Group, Fault> {
    let name = args.text("Name")?;
    super::balancers::check_name("Target group", name)?;
    let kind = args
        .word("TargetType", "instance ip lambda alb")?
        .unwrap_or("instance");
    if kind != "instance" {
        return Err(Fault::new(
            "UnsupportedOperation",
            format!("Targets of type '{kind}' are not served by this cloud"),
        ));
    }
    let protocol = read_protocol(args)?;
    let port = args
        .int_in("Port", 1..=65535)?
        .and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or_else(|| Fault::validation("A port must be specified"))?;
    let vpc = args
        .maybe_text("VpcId")?
        .ok_or_else(|| Fault::validation("A VPC ID must be specified"))?;
    if ground::vpc(state) != vpc {
        return Err(Fault::validation(format!(
            "The VPC ID '{vpc}' is not found"
        )));
    }
    Ok(Group {
        name: name.to_owned(),
        protocol: protocol.to_owned(),
        protocol_version: read_version(args, Kind::in_front_of(protocol))?,
        port,
        vpc: vpc.to_owned(),
        check: HealthCheck::of(protocol, args)?.read(args)?,
        attributes: attributes::defaults(attributes::of_group(protocol)),
        targets: BTreeMap::new(),
    })
}

fn read_protocol<'a>(args: &Args<'a>) -> Result<&'a str, Fault> {
    let known = "HTTP HTTPS TCP TLS UDP TCP_UDP GENEVE QUIC TCP_QUIC";
    let protocol = args.word("Protocol", known)?;
    let protocol = protocol.ok_or_else(|| Fault::validation("A protocol must be specified"))?;
    if matches!(protocol, "GENEVE" | "QUIC" | "TCP_QUIC") {
        let message = format!("Target groups for {protocol} are not served by this cloud");
        return Err(Fault::new("UnsupportedProtocol", message));
    }
    Ok(protocol)
}

fn read_version(args: &Args<'_>, kind: Kind) -> Result<Option<String>, Fault> {
    let version = args.word("ProtocolVersion", "HTTP1")?;
    match kind {
        Kind::Application => Ok(Some(version.unwrap_or("HTTP1").to_owned())),
        Kind::Network if version.is_some() => Err(Fault::validation(
            "A protocol version can only be specified for the protocols HTTP and HTTPS",
        )),
        Kind::Network => Ok(None),
    }
}

impl Group {
    fn is_same_as(&self, other: &Self) -> bool {
        (&self.protocol, self.port, &self.vpc, &self.check)
            == (&other.protocol, other.port, &other.vpc, &other.check)
    }
}

pub(super) fn not_found(arn: &str) -> Fault {
    Fault::new(
        "TargetGroupNotFound",
        format!("Target groups '{arn}' not found"),
    )
}

/// The target group of a call, by its ARN.
pub(super) fn named<'a>(state: &'a mut State, args: &Args<'_>) -> Result<&'a mut Group, Fault> {
    let arn = checked_arn(args)?;
    state.elb.groups.get_mut(arn).ok_or_else(|| not_found(arn))
}

pub(super) fn checked_arn<'a>(args: &Args<'a>) -> Result<&'a str, Fault> {
    let arn = args.text("TargetGroupArn")?;
    if arn.contains(":targetgroup/") {
        Ok(arn)
    } else {
        Err(Fault::validation(format!(
            "'{arn}' is not a valid target group ARN"
        )))
    }
}

pub(super) fn describe(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let page = PAGES.read(args)?;
    let (by_arn, names) = (args.texts("TargetGroupArns")?, args.texts("Names")?);
    let balancer = args.maybe_text("LoadBalancerArn")?;
    let elb = &state.elb;
    if let Some(arn) = balancer.filter(|arn| !elb.balancers.contains_key(*arn)) {
        return Err(super::balancers::not_found(arn));
    }
    if let Some(arn) = by_arn.iter().find(|arn| !elb.groups.contains_key(**arn)) {
        return Err(not_found(arn));
    }
    if names
        .iter()
        .any(|name| elb.groups.values().all(|group| group.name != **name))
    {
        return Err(Fault::new(
            "TargetGroupNotFound",
            "One or more target groups not found",
        ));
    }
    let wanted = |arn: &String, group: &Group| {
        let by_name = by_arn.contains(&arn.as_str()) || names.contains(&group.name.as_str());
        ((by_arn.is_empty() && names.is_empty()) || by_name)
            && balancer.is_none_or(|balancer| elb.balancers_of(arn).contains(balancer))
    };
    let found = elb.groups.iter().filter(|(arn, group)| wanted(arn, group));
    let (shown, marker) = page.cut(
        found
            .map(|(arn, group)| (arn.clone(), tree(elb, arn, group)))
            .collect(),
    );
    Ok(Tree::new()
        .put("TargetGroups", shown)
        .put_some("NextMarker", marker))
}

fn tree(elb: &Elb, arn: &str, group: &Group) -> Tree {
    let tree = Tree::new()
        .put("TargetGroupArn", arn)
        .put("TargetGroupName", &group.name)
        .put("Protocol", &group.protocol)
        .put("Port", i64::from(group.port))
        .put("VpcId", &group.vpc);
    let balancers: Vec<Tree> = elb.balancers_of(arn).into_iter().map(Tree::from).collect();
    group
        .check
        .put_on(tree)
        .put("LoadBalancerArns", balancers)
        .put("TargetType", "instance")
        .put_some("ProtocolVersion", group.protocol_version.as_deref())
        .put("IpAddressType", "ipv4")
}

pub(super) fn modify(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let group = named(state, args)?;
    group.check = group.check.clone().read(args)?;
    let arn = args.text("TargetGroupArn")?;
    Ok(Tree::new().put(
        "TargetGroups",
        vec![tree(&state.elb, arn, &state.elb.groups[arn])],
    ))
}

pub(super) fn describe_attributes(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    Ok(attributes::tree(&named(state, args)?.attributes))
}

pub(super) fn modify_attributes(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let group = named(state, args)?;
    let changes = attributes::read(attributes::of_group(&group.protocol), args)?;
    group.attributes.extend(changes);
    Ok(attributes::tree(&group.attributes))
}

/// Deletes a target group that no rule names. One that is gone is gone.
pub(super) fn delete(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let arn = checked_arn(args)?;
    if !state.elb.balancers_of(arn).is_empty() {
        let message = format!("Target group '{arn}' is currently in use by a listener or a rule");
        return Err(Fault::new("ResourceInUse", message));
    }
    state.elb.groups.remove(arn);
    state.elb.tags.remove(arn);
    Ok(Tree::new())
}

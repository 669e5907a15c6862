//! Load balancers: made in subnets of at least two zones, a network one in one at least, `provisioning` until their proxy
//! listens.

use super::{PAGES, attributes, ground, kind::Kind, stored::LoadBalancer};
use crate::model::{Effect, Fault, Tree, args::Args, state::State, tags};

pub(super) const TAKES_CREATE: &str = "Name Subnets SubnetMappings SecurityGroups Scheme Tags Type IpAddressType CustomerOwnedIpv4Pool";

pub(super) fn create(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = args.text("Name")?;
    check_name("Load balancer", name)?;
    if name.starts_with("internal-") {
        return Err(Fault::validation(
            "The load balancer name cannot begin with 'internal-'",
        ));
    }
    let kind = Kind::read(args.word("Type", "application network gateway")?)?;
    let scheme = args
        .word("Scheme", "internet-facing internal")?
        .unwrap_or("internet-facing");
    args.word("IpAddressType", "ipv4")?;
    let zones = read_zones(state, args, kind)?;
    let security_groups = read_security_groups(state, args)?;
    let tags = tags::read(args, "Tags")?;
    if state
        .elb
        .balancers
        .values()
        .any(|balancer| balancer.name == name)
    {
        let message = format!(
            "A load balancer with the same name '{name}' exists, but with different settings"
        );
        return Err(Fault::new("DuplicateLoadBalancerName", message));
    }
    let vpc = ground::vpc(state).to_owned();
    let address = ground::take_address(state, &zones[0].1)?;
    let id = state.ids.short();
    let arn = state.arn(
        "elasticloadbalancing",
        &format!("loadbalancer/{}/{name}/{id}", kind.path()),
    );
    let balancer = LoadBalancer {
        kind,
        name: name.to_owned(),
        address,
        scheme: scheme.to_owned(),
        vpc,
        zones,
        security_groups,
        created: state.now,
        active: false,
        attributes: attributes::defaults(attributes::of_balancer(kind)),
    };
    let answer = tree(&arn, &balancer);
    state.elb.tags.insert(arn.clone(), tags);
    state.elb.balancers.insert(arn, balancer);
    Ok(Tree::new().put("LoadBalancers", vec![answer]))
}

/// Names of load balancers and target groups: up to 32 letters, digits and hyphens, no hyphen at either end.
pub(super) fn check_name(what: &str, name: &str) -> Result<(), Fault> {
    if name.len() > 32 {
        return Err(Fault::validation(format!(
            "{what} name '{name}' cannot be longer than '32' characters"
        )));
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        let message = format!(
            "{what} name '{name}' can only contain characters that are alphanumeric characters and hyphens(-)"
        );
        return Err(Fault::validation(message));
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Err(Fault::validation(format!(
            "{what} name '{name}' cannot begin or end with a hyphen(-)"
        )));
    }
    Ok(())
}

fn read_zones(state: &State, args: &Args<'_>, kind: Kind) -> Result<Vec<(String, String)>, Fault> {
    let mappings = args.maps("SubnetMappings")?;
    let mut subnets = args.texts("Subnets")?;
    for mapping in &mappings {
        mapping.only("SubnetId")?;
        subnets.push(mapping.text("SubnetId")?);
    }
    let mut zones: Vec<(String, String)> = Vec::new();
    for id in subnets {
        let zone = ground::zone(state, id).ok_or_else(|| {
            Fault::new(
                "SubnetNotFound",
                format!("The subnet ID '{id}' does not exist"),
            )
        })?;
        if zones.iter().any(|(known, _)| *known == zone) {
            let message = "A load balancer cannot be attached to multiple subnets in the same Availability Zone";
            return Err(Fault::new("InvalidConfigurationRequest", message));
        }
        zones.push((zone, id.to_owned()));
    }
    if zones.len() < kind.least_zones() {
        return Err(Fault::validation(match kind {
            Kind::Application => {
                "At least two subnets in two different Availability Zones must be specified"
            }
            Kind::Network => "At least one subnet must be specified",
        }));
    }
    Ok(zones)
}

fn read_security_groups(state: &State, args: &Args<'_>) -> Result<Vec<String>, Fault> {
    let groups: Vec<String> = args
        .texts("SecurityGroups")?
        .into_iter()
        .map(String::from)
        .collect();
    match groups
        .iter()
        .find(|id| !ground::has_security_group(state, id))
    {
        Some(id) => Err(Fault::new(
            "InvalidSecurityGroup",
            format!("One or more security groups are invalid: '{id}' does not exist"),
        )),
        None => Ok(groups),
    }
}

pub(super) fn not_found(arn: &str) -> Fault {
    Fault::new(
        "LoadBalancerNotFound",
        format!("Load balancer '{arn}' not found"),
    )
}

pub(super) fn describe(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let page = PAGES.read(args)?;
    let (by_arn, names) = (args.texts("LoadBalancerArns")?, args.texts("Names")?);
    if by_arn.len() + names.len() > 20 {
        return Err(Fault::validation(
            "At most 20 load balancers can be described by name or ARN at once",
        ));
    }
    let all = &state.elb.balancers;
    if let Some(arn) = by_arn.iter().find(|arn| !all.contains_key(**arn)) {
        return Err(not_found(arn));
    }
    if let Some(name) = names
        .iter()
        .find(|name| all.values().all(|balancer| balancer.name != **name))
    {
        return Err(Fault::new(
            "LoadBalancerNotFound",
            format!("Load balancers '[{name}]' not found"),
        ));
    }
    let wanted = |arn: &String, balancer: &LoadBalancer| {
        (by_arn.is_empty() && names.is_empty())
            || by_arn.contains(&arn.as_str())
            || names.contains(&balancer.name.as_str())
    };
    let found = all.iter().filter(|(arn, balancer)| wanted(arn, balancer));
    let (shown, marker) = page.cut(
        found
            .map(|(arn, balancer)| (arn.clone(), tree(arn, balancer)))
            .collect(),
    );
    Ok(Tree::new()
        .put("LoadBalancers", shown)
        .put_some("NextMarker", marker))
}

fn tree(arn: &str, balancer: &LoadBalancer) -> Tree {
    let state = if balancer.active {
        "active"
    } else {
        "provisioning"
    };
    let tree = Tree::new()
        .put("LoadBalancerArn", arn)
        .put("DNSName", balancer.dns_name())
        .put("CanonicalHostedZoneId", balancer.kind.hosted_zone())
        .put("CreatedTime", balancer.created)
        .put("LoadBalancerName", &balancer.name)
        .put("Scheme", &balancer.scheme)
        .put("VpcId", &balancer.vpc)
        .put("State", Tree::new().put("Code", state))
        .put("Type", balancer.kind.word())
        .put("AvailabilityZones", zones_tree(&balancer.zones));
    let groups: Vec<Tree> = balancer.security_groups.iter().map(Tree::from).collect();
    let has_groups = balancer.kind == Kind::Application || !groups.is_empty();
    tree.put_some("SecurityGroups", has_groups.then_some(groups))
        .put("IpAddressType", "ipv4")
}

fn zones_tree(zones: &[(String, String)]) -> Vec<Tree> {
    let zone = |(zone, subnet): &(String, String)| {
        Tree::new()
            .put("ZoneName", zone)
            .put("SubnetId", subnet)
            .put("LoadBalancerAddresses", Vec::new())
    };
    zones.iter().map(zone).collect()
}

/// The load balancer of a call, by its ARN.
pub(super) fn named<'a>(
    state: &'a mut State,
    args: &Args<'_>,
) -> Result<&'a mut LoadBalancer, Fault> {
    let arn = args.text("LoadBalancerArn")?;
    if !arn.contains(":loadbalancer/") {
        return Err(Fault::validation(format!(
            "'{arn}' is not a valid load balancer ARN"
        )));
    }
    state
        .elb
        .balancers
        .get_mut(arn)
        .ok_or_else(|| not_found(arn))
}

pub(super) fn describe_attributes(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    Ok(attributes::tree(&named(state, args)?.attributes))
}

pub(super) fn modify_attributes(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let balancer = named(state, args)?;
    let changes = attributes::read(attributes::of_balancer(balancer.kind), args)?;
    balancer.attributes.extend(changes);
    Ok(attributes::tree(&balancer.attributes))
}

pub(super) fn set_security_groups(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let groups = read_security_groups(state, args)?;
    if groups.is_empty() {
        return Err(args.missing("SecurityGroups"));
    }
    let balancer = named(state, args)?;
    if balancer.kind == Kind::Network && balancer.security_groups.is_empty() {
        let message = "A load balancer of type 'network' can get security groups only if it was created with some";
        return Err(Fault::new("InvalidConfigurationRequest", message));
    }
    balancer.security_groups = groups;
    let shown: Vec<Tree> = balancer.security_groups.iter().map(Tree::from).collect();
    Ok(Tree::new().put("SecurityGroupIds", shown))
}

pub(super) fn set_subnets(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let kind = named(state, args)?.kind;
    let zones = read_zones(state, args, kind)?;
    let balancer = named(state, args)?;
    balancer.zones = zones;
    Ok(Tree::new()
        .put("AvailabilityZones", zones_tree(&balancer.zones))
        .put("IpAddressType", "ipv4"))
}

/// Deletes a load balancer with its listeners and rules; its target groups stay. One that is gone is gone.
pub(super) fn delete(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let arn = args.text("LoadBalancerArn")?;
    let Some(balancer) = state.elb.balancers.get(arn) else {
        return Ok(Tree::new());
    };
    if balancer
        .attributes
        .get("deletion_protection.enabled")
        .is_some_and(|value| value == "true")
    {
        let message = format!(
            "Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
        );
        return Err(Fault::new("OperationNotPermitted", message));
    }
    let listeners: Vec<String> = state
        .elb
        .listeners_of(arn)
        .map(|(listener, _)| listener.clone())
        .collect();
    for listener in listeners {
        super::listeners::remove(state, &listener);
    }
    state.elb.balancers.remove(arn);
    state.elb.tags.remove(arn);
    state.elb.told.remove(arn);
    state.emit(Effect::Unbalance {
        arn: arn.to_owned(),
    });
    Ok(Tree::new())
}

/// The proxy listens.
pub(super) fn listening(state: &mut State, arn: &str) {
    if let Some(balancer) = state.elb.balancers.get_mut(arn) {
        balancer.active = true;
    }
}

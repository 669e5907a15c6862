//! Where in the network the build machine may stand: subnets in the order in which they are tried, their VPC, and the
//! security groups that the template names or finds.

use std::hash::{BuildHasher, RandomState};

use serde::Serialize;

use crate::bake::{LookUpError, Objections};
use crate::cloud::{Cloud, Filter, SecurityGroupId, Subnet, VpcId};
use crate::source::{Diagnostic, Spanned};
use crate::template::bake::{Instance, NamedFilter};

/// What the account said of its network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ground {
    /// Empty: the default VPC, where EC2 chooses a subnet.
    pub subnets: Vec<Subnet>,
    pub vpc: Option<VpcId>,
    /// Empty: a temporary one is made.
    pub security_groups: Vec<SecurityGroupId>,
}

/// Asks for VPC, subnets and security groups. The ground is known only as a whole.
pub(super) async fn look_up(
    instance: &Instance,
    cloud: &impl Cloud,
) -> (Option<Ground>, Objections) {
    let mut objections = Objections::default();
    let (vpc, named) = futures_util::join!(vpc(instance, cloud), groups(instance, cloud));
    let vpc = objections.keep(vpc);
    let named = objections.keep(named);
    let subnets = match &vpc {
        Some(vpc) => objections.keep(subnets(instance, vpc.as_ref(), cloud).await),
        // Which of them is in the right one is not known, only whether there are such.
        None if instance.subnets.is_empty() => None,
        None => objections.keep(named_subnets(&instance.subnets, None, cloud).await),
    };
    let first = subnets.as_ref().and_then(|subnets| subnets.first());
    let own = vpc.and_then(|vpc| vpc.or_else(|| first.map(|subnet| subnet.vpc.clone())));
    let groups = match &instance.security_group_filter {
        // In any VPC, where the right one is not known: what matches nowhere matches not there either.
        Some(filter) => objections.keep(found_groups(filter, own.as_ref(), cloud).await),
        None => named,
    };
    let ground = match (subnets, groups) {
        (Some(subnets), Some(security_groups)) if objections.is_empty() => Some(Ground {
            subnets,
            vpc: own,
            security_groups,
        }),
        _ => None,
    };
    (ground, objections)
}

fn object(finding: Diagnostic) -> LookUpError {
    LookUpError::Findings(vec![finding])
}

/// The filters as they go to the cloud.
pub(super) fn asked(filter: &NamedFilter) -> Vec<Filter> {
    let filters = filter.filters.iter();
    filters
        .map(|(name, values)| Filter {
            name: name.value.clone(),
            values: values.clone(),
        })
        .collect()
}

/// The VPC that is named or found. An address that is asked for without a subnet leads to the default one, as in Packer.
async fn vpc(instance: &Instance, cloud: &impl Cloud) -> Result<Option<VpcId>, LookUpError> {
    if let Some(id) = &instance.vpc {
        return Ok(Some(VpcId::new(id.value.as_str())));
    }
    if let Some(filter) = &instance.vpc_filter {
        let mut wanted = asked(filter);
        wanted.push(Filter::new("state", "available"));
        let found = cloud.find_vpcs(&wanted).await?;
        if let [one] = found.as_slice() {
            return Ok(Some(one.id.clone()));
        }
        let text = match found.len() {
            0 => "no VPC matches the filter".to_owned(),
            count => format!("{count} VPCs match the filter, and it must be one"),
        };
        let finding = Diagnostic::error("bake::vpc", text);
        return Err(object(finding.at_place(filter.place, "searched with this")));
    }
    let placed = !instance.subnets.is_empty() || instance.subnet_filter.is_some();
    if instance.associate_public_ip_address.is_none() || placed {
        return Ok(None);
    }
    let wanted = [Filter::new("is-default", "true")];
    let found = cloud.find_vpcs(&wanted).await?.into_iter().next();
    found.map(|vpc| Some(vpc.id)).ok_or_else(|| {
        let text = "this region has no default VPC, and no subnet is named";
        object(Diagnostic::error("bake::vpc", text).help("name a `subnet_id`, or a `vpc_id`"))
    })
}

async fn subnets(
    instance: &Instance,
    vpc: Option<&VpcId>,
    cloud: &impl Cloud,
) -> Result<Vec<Subnet>, LookUpError> {
    if !instance.subnets.is_empty() {
        return named_subnets(&instance.subnets, vpc, cloud).await;
    }
    let filter = instance.subnet_filter.as_ref();
    if filter.is_none() && vpc.is_none() {
        return Ok(Vec::new());
    }
    let mut wanted = filter.map(|by| asked(&by.filter)).unwrap_or_default();
    wanted.push(Filter::new("state", "available"));
    if let Some(vpc) = vpc {
        wanted.push(Filter::new("vpc-id", vpc.as_str()));
    }
    if let Some(zone) = &instance.availability_zone {
        wanted.push(Filter::new("availability-zone", zone.value.as_str()));
    }
    let mut found = cloud.find_subnets(&wanted).await?;
    if filter.is_some_and(|filter| filter.random) {
        let any = RandomState::new();
        found.sort_by_cached_key(|subnet| any.hash_one(&subnet.id));
    } else {
        found.sort_by(|one, other| (other.free, &one.id).cmp(&(one.free, &other.id)));
    }
    in_one_vpc(instance, found)
}

/// Subnets of which the run's security group, which is of one VPC, can serve all.
fn in_one_vpc(instance: &Instance, found: Vec<Subnet>) -> Result<Vec<Subnet>, LookUpError> {
    let place = instance.subnet_filter.as_ref().map(|by| by.filter.place);
    let place = place.or_else(|| instance.vpc.as_ref().and_then(|vpc| vpc.place));
    let objection = |text: String, help: &str| {
        let mut finding = Diagnostic::error("bake::subnet", text).help(help);
        if let Some(place) = place {
            finding = finding.at_place(place, "searched with this");
        }
        Err(object(finding))
    };
    let Some(first) = found.first() else {
        let text = "no subnet that is available matches".to_owned();
        return objection(text, "see that filters, VPC and zone are right");
    };
    if let Some(other) = found.iter().find(|subnet| subnet.vpc != first.vpc) {
        let text = format!(
            "the subnets that match are of several VPCs: {} is of {}, {} of {}",
            first.id, first.vpc, other.id, other.vpc
        );
        return objection(text, "name the `vpc_id`, or narrow the filter");
    }
    Ok(found)
}

async fn named_subnets(
    named: &[Spanned<String>],
    vpc: Option<&VpcId>,
    cloud: &impl Cloud,
) -> Result<Vec<Subnet>, LookUpError> {
    let wanted = [Filter {
        name: "subnet-id".to_owned(),
        values: named.iter().map(|id| id.value.clone()).collect(),
    }];
    let found = cloud.find_subnets(&wanted).await?;
    let mut findings = Vec::new();
    let mut subnets: Vec<Subnet> = Vec::new();
    for id in named {
        let refuse =
            |text: String| Diagnostic::error("bake::subnet", text).at_value(id, "named here");
        let Some(subnet) = found.iter().find(|subnet| subnet.id.as_str() == id.value) else {
            let text = format!("the subnet {id} does not exist in this region");
            findings.push(refuse(text));
            continue;
        };
        let vpc = vpc.or(subnets.first().map(|first| &first.vpc));
        if let Some(vpc) = vpc.filter(|vpc| **vpc != subnet.vpc) {
            let text = format!("the subnet {id} is of {}, not of {vpc}", subnet.vpc);
            findings.push(refuse(text));
        }
        subnets.push(subnet.clone());
    }
    if findings.is_empty() {
        Ok(subnets)
    } else {
        Err(LookUpError::Findings(findings))
    }
}

async fn groups(
    instance: &Instance,
    cloud: &impl Cloud,
) -> Result<Vec<SecurityGroupId>, LookUpError> {
    let named = &instance.security_groups;
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = [Filter {
        name: "group-id".to_owned(),
        values: named.iter().map(|id| id.value.clone()).collect(),
    }];
    let found = cloud.find_security_groups(&wanted).await?;
    let missing = named
        .iter()
        .filter(|id| !found.iter().any(|found| found.as_str() == id.value));
    let findings: Vec<_> = missing
        .map(|id| {
            let text = format!("the security group {id} does not exist in this region");
            Diagnostic::error("bake::security_group", text).at_value(id, "named here")
        })
        .collect();
    if !findings.is_empty() {
        return Err(LookUpError::Findings(findings));
    }
    let ids = named.iter();
    Ok(ids
        .map(|id| SecurityGroupId::new(id.value.as_str()))
        .collect())
}

async fn found_groups(
    filter: &NamedFilter,
    vpc: Option<&VpcId>,
    cloud: &impl Cloud,
) -> Result<Vec<SecurityGroupId>, LookUpError> {
    let mut wanted = asked(filter);
    wanted.extend(vpc.map(|vpc| Filter::new("vpc-id", vpc.as_str())));
    let found = cloud.find_security_groups(&wanted).await?;
    if found.is_empty() {
        let text = "no security group matches the filter";
        let finding = Diagnostic::error("bake::security_group", text);
        return Err(object(finding.at_place(filter.place, "searched with this")));
    }
    Ok(found)
}

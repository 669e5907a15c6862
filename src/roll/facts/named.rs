//! What the service file names by id: subnets and security groups.

use super::Facts;
use crate::cloud::{Cloud, Error, Filter, SecurityGroupId, Subnet};
use crate::roll::plan::Refusal;
use crate::roll::refusals;
use crate::source::Spanned;
use crate::template::service::Service;

pub(super) async fn subnets(
    cloud: &impl Cloud,
    service: &Service,
    facts: &Facts,
    refused: &mut Vec<Refusal>,
) -> Result<Vec<Subnet>, Error> {
    let live = facts.serving().and_then(|side| facts.sides[side].group());
    let initial = service.groups.initial.iter();
    let named: Vec<_> = match (&service.set.subnets, live) {
        (Some(named), _) => named.clone(),
        (None, Some(live)) => (live.subnets.iter())
            .map(|id| Spanned::unplaced(id.to_string()))
            .collect(),
        (None, None) => initial.flat_map(|one| one.subnets.clone()).collect(),
    };
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let ids = named.iter().map(|id| id.value.clone()).collect();
    let filter = Filter {
        name: "subnet-id".to_owned(),
        values: ids,
    };
    let found = cloud.find_subnets(&[filter]).await?;
    for id in &named {
        if !found.iter().any(|subnet| subnet.id.as_str() == **id) {
            refused.push(refusals::no_such("subnet", id));
        }
    }
    Ok(found)
}

pub(super) async fn security_groups(
    cloud: &impl Cloud,
    service: &Service,
    refused: &mut Vec<Refusal>,
) -> Result<Vec<SecurityGroupId>, Error> {
    let named = service.set.security_groups.as_deref().unwrap_or_default();
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let filter = Filter {
        name: "group-id".to_owned(),
        values: named.iter().map(|id| id.value.clone()).collect(),
    };
    let found = cloud.find_security_groups(&[filter]).await?;
    for id in named {
        if !found.iter().any(|group| group.as_str() == **id) {
            refused.push(refusals::no_such("security group", id));
        }
    }
    Ok(found)
}

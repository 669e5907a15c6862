//! What the next launch template version and group are made of, as far as the account says it.

use super::{Facts, Template, pair};
use crate::cloud::{Cloud, Error, Filter, SecurityGroupId, StartsFrom, Subnet, VersionRef};
use crate::roll::plan::Refusal;
use crate::roll::plan::{in_place, reroot};
use crate::roll::refusals;
use crate::source::Spanned;
use crate::template::service::Service;

/// The next version is made from the one that the serving group starts machines from. Without one, from the default
/// version of the template that the file names, if it is there.
pub(super) async fn template(
    cloud: &impl Cloud,
    service: &Service,
    facts: &Facts,
    refused: &mut Vec<Refusal>,
) -> Result<Option<Template>, Error> {
    let live = facts.serving().and_then(|side| facts.sides[side].group());
    let (template, version) = match live.map(|group| (&group.name, &group.starts_from)) {
        Some((_, StartsFrom::Template { id, version })) => {
            // What a run that died has begun to give the group is not what it had.
            let before = in_place::unfinished(facts).map(|(_, of)| of.before);
            let before = before.or_else(|| Some(reroot::unfinished(facts)?.1.before));
            let version = before.map_or(*version, VersionRef::Number);
            (cloud.template(id).await?, version)
        }
        Some((name, StartsFrom::Other(what))) => {
            refused.push(refusals::no_template(service, name, what));
            return Ok(None);
        }
        None => {
            let named = cloud.template_named(&service.groups.template).await?;
            (named, VersionRef::Default)
        }
    };
    let Some(template) = template else {
        return Ok(None);
    };
    let source = cloud.template_version(&template.id, version).await?;
    Ok(source.map(|source| Template { template, source }))
}

/// The subnets of the next group: its own where it is one of a pair.
pub(super) async fn subnets(
    cloud: &impl Cloud,
    service: &Service,
    facts: &Facts,
    refused: &mut Vec<Refusal>,
) -> Result<Vec<Subnet>, Error> {
    let like = match &service.groups.pair {
        Some(_) => pair::idle(service, facts),
        None => facts.serving().and_then(|side| facts.sides[side].group()),
    };
    let initial = service.groups.initial.iter();
    let named: Vec<_> = match (&service.set.subnets, like) {
        (Some(named), _) => named.clone(),
        (None, Some(like)) => (like.subnets.iter())
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

/// The security groups that the file names.
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

//! Kept groups that stay though their time is up: while nothing of what serves is healthy, they are the way back.

use super::error::Error;
use super::health::status::of_members;
use super::office;
use crate::cloud::{Cloud, Group, Result, TargetGroupArn, TargetHealth, TargetState, tag};
use crate::undo::Retire;
use crate::undo::serving::{leading, served_by, target_groups_of};

/// Errors while the kept group is healthy and what serves is not. Nobody is kept off who needs the place of the group: a roll
/// of a version that is well again.
pub(super) async fn spare(
    due: &Retire,
    groups: &[Group],
    cloud: &impl Cloud,
) -> std::result::Result<(), Error> {
    let kept = groups.iter().find(|group| group.name == due.group);
    let Some(kept) = kept.filter(|group| group.tag(tag::STATE) == Some(tag::KEPT)) else {
        return Ok(());
    };
    let is_way_back = match &due.target_group {
        Some(own) => {
            is_sick(&due.service, (own, groups), cloud).await? && is_well(own, cloud).await?
        }
        None => is_worse(&due.service, kept, groups, cloud).await?,
    };
    if !is_way_back {
        return Ok(());
    }
    let (group, service) = (&due.group, &due.service);
    let text = format!(
        "nothing of what serves is healthy, and group {group} is: it stays until that is over; `kiln rollback {service}` leads back to it"
    );
    Err(Error::Changed(text))
}

/// Whether no target of what production leads to is healthy, though there are to be some.
async fn is_sick(
    service: &str,
    (kept, groups): (&TargetGroupArn, &[Group]),
    cloud: &impl Cloud,
) -> Result<bool> {
    let own = target_groups_of(cloud, service).await?;
    let balancers = own.iter().flat_map(|(group, _)| &group.load_balancers);
    let mut balancers: Vec<_> = balancers.cloned().collect();
    balancers.sort();
    balancers.dedup();
    let rules = leading(cloud, &balancers).await?;
    let mut serving = served_by(rules.iter().filter(|one| !one.is_probe()));
    serving.retain(|arn| own.iter().any(|(group, _)| group.arn == *arn));
    let wants = |group: &Group| {
        let mut behind = group.target_groups.iter();
        group.size.desired > 0 && behind.any(|arn| serving.contains(arn))
    };
    // What is to have no machines, for a night, is not sick.
    if serving.contains(kept) || !groups.iter().any(wants) {
        return Ok(false);
    }
    for target_group in &serving {
        if is_well(target_group, cloud).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn is_well(target_group: &TargetGroupArn, cloud: &impl Cloud) -> Result<bool> {
    match cloud.target_health(target_group).await {
        Err(error) if error.is_not_found() => Ok(false),
        health => Ok(any_healthy(&health?)),
    }
}

fn any_healthy(health: &[TargetHealth]) -> bool {
    health
        .iter()
        .any(|target| target.state == TargetState::Healthy)
}

/// The same without a load balancer.
async fn is_worse(
    service: &str,
    kept: &Group,
    groups: &[Group],
    cloud: &impl Cloud,
) -> Result<bool> {
    let Some(live) = office::in_office(service, groups) else {
        return Ok(false);
    };
    let wants = live.size.desired > 0 && !kept.members.is_empty();
    if !wants || any_healthy(&of_members(live, cloud).await?) {
        return Ok(false);
    }
    Ok(any_healthy(&of_members(kept, cloud).await?))
}

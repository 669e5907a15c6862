//! Putting production traffic back where it was before a roll.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::floor::{self, Floor};
use super::serving::{forwards, served};
use crate::cloud::{Action, Cloud, Error, Group, RulePlace, TargetHealth, TargetState, Zone};

/// How long what served before may take to be whole again while what serves now is healthier: a machine that is replaced is
/// back in minutes. Then it goes back all the same, since the roll has failed.
const WHOLE: Duration = Duration::from_mins(2);
/// Between two looks: targets change at the pace of their health checks, 5 s at the least.
const LOOK: Duration = Duration::from_secs(5);

/// Puts traffic back where it was: only from what the roll wrote, and only to targets of which some are healthy.
///
/// As many are asked for as there are, up to the number that serves now, for a while at least. Where what serves now is no
/// healthier, nothing is waited for.
pub(super) async fn restore(
    cloud: &impl Cloud,
    place: &RulePlace,
    before: &[Action],
    after: &[Vec<Action>],
) -> Result<(), Error> {
    if is_back(cloud, place, before, after).await? {
        return Ok(());
    }
    let began = Instant::now();
    loop {
        let wait = shortage(cloud, place, before).await?;
        if !wait || began.elapsed() >= WHOLE {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    // Somebody may have written meanwhile.
    if is_back(cloud, place, before, after).await? {
        return Ok(());
    }
    let written = cloud.write_actions(place, before).await;
    match cloud.actions_at(place).await? {
        Some(now) if now == before => Ok(()),
        // Reads may lag behind writes: the caller looks again.
        _ => Err(written.err().unwrap_or_else(|| lags(place))),
    }
}

/// Whether nothing is to be put back, by two looks: the roll may have written a moment ago, and what is read be from before.
async fn is_back(
    cloud: &impl Cloud,
    place: &RulePlace,
    before: &[Action],
    after: &[Vec<Action>],
) -> Result<bool, Error> {
    if is_away(cloud, place, before, after).await? {
        return Ok(false);
    }
    tokio::time::sleep(LOOK).await;
    Ok(!is_away(cloud, place, before, after).await?)
}

/// Whether there is something to put back. Errors when somebody else has written.
async fn is_away(
    cloud: &impl Cloud,
    place: &RulePlace,
    before: &[Action],
    after: &[Vec<Action>],
) -> Result<bool, Error> {
    match cloud.actions_at(place).await? {
        None => Ok(false),
        Some(now) if now == before => Ok(false),
        Some(now) if after.contains(&now) => Ok(true),
        Some(_) => {
            let text = format!("{place} does what neither the roll nor the one before it wrote");
            Err(Error::blocked("ModifyRule", text))
        }
    }
}

/// Whether what served before is short of machines, and less healthy than what has come in. Errors when none of it is
/// healthy: then traffic stays.
async fn shortage(cloud: &impl Cloud, place: &RulePlace, before: &[Action]) -> Result<bool, Error> {
    let Some(back) = forwards(before).find_map(|forward| forward.only()) else {
        return Ok(false);
    };
    let there = cloud.target_health(back).await?;
    if healthy(&there) == 0 {
        let text = format!("no target of {back} is healthy: traffic stays");
        return Err(Error::blocked("ModifyRule", text));
    }
    let now = cloud.actions_at(place).await?.unwrap_or_default();
    let mut next = Vec::new();
    for target_group in served(&now).unwrap_or_default() {
        if target_group != *back {
            next.extend(cloud.target_health(&target_group).await?);
        }
    }
    if healthy(&there) >= healthy(&next) {
        return Ok(false);
    }
    let groups = cloud.groups().await?;
    let behind = |group: &&Group| group.target_groups.contains(back);
    let behind: Vec<&Group> = groups.iter().filter(behind).collect();
    let whole: u32 = behind.iter().map(|group| group.size.desired).sum();
    let zones = behind.iter().flat_map(|group| &group.zones).cloned();
    let zones: Vec<Zone> = zones.collect::<BTreeSet<_>>().into_iter().collect();
    let members = |group, health| floor::healthy(group, health);
    let serving: Vec<_> = groups.iter().flat_map(|one| members(one, &next)).collect();
    let standing: Vec<_> = behind.iter().flat_map(|one| members(one, &there)).collect();
    let floor = Floor::even(healthy(&next).min(whole), &zones).lowered_to(&serving);
    Ok(floor.lack(&standing).is_some())
}

/// How many targets are healthy.
fn healthy(targets: &[TargetHealth]) -> u32 {
    let healthy = targets
        .iter()
        .filter(|one| one.state == TargetState::Healthy);
    u32::try_from(healthy.count()).unwrap_or(u32::MAX)
}

fn lags(place: &RulePlace) -> Error {
    let mut error = Error::blocked(
        "DescribeRules",
        format!("{place} does not show the write yet"),
    );
    error.kind = crate::cloud::Kind::Ambiguous;
    error
}

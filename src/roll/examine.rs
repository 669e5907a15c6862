//! One look at the next group: whether its machines are healthy, and what those have to say that are not.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::error::Error;
use super::health::{Health, status};
use super::making::group;
use super::next_group::{EVENS_OUT, fighting, there};
use super::plan::Plan;
use super::probe::TAIL;
use super::take;
use crate::cloud::{
    Activity, Cloud, Error as CloudError, Group, InstanceId, Member, Stage, TargetGroupArn,
    TargetHealth,
};
use crate::run::Readiness;
use crate::undo::floor::{Floor, Lack, healthy};

/// What a next group of so many machines must have healthy: in each of its zones its share, and one at the least where
/// requests of a zone go nowhere else.
pub(super) fn asked(plan: &Plan, count: u32) -> impl Fn(&Group) -> Floor {
    move |next: &Group| Floor::even(count, &next.zones).in_each(plan.zonal())
}

/// Its first machine.
pub(super) fn pilot(_: &Group) -> Floor {
    Floor::anywhere(1)
}

/// Looks once whether the next group has the healthy machines that it must have. One that is not speaks by its console.
pub(super) async fn look(
    plan: &Plan,
    floor: impl Fn(&Group) -> Floor,
    target_group: Option<&TargetGroupArn>,
    cloud: &impl Cloud,
    health: &mut Health,
) -> Result<Readiness<BTreeSet<InstanceId>>, Error> {
    let is_pair = plan.next.idle.is_some();
    let counts = |next: &Group, member: &Member| !is_pair || take::is_rolled(plan, next, member);
    examine(plan, floor, counts, target_group, cloud, health).await
}

/// Looks once at those members of the next group that count.
pub(super) async fn examine(
    plan: &Plan,
    floor: impl Fn(&Group) -> Floor,
    counts: impl Fn(&Group, &Member) -> bool,
    target_group: Option<&TargetGroupArn>,
    cloud: &impl Cloud,
    health: &mut Health,
) -> Result<Readiness<BTreeSet<InstanceId>>, Error> {
    match examined(plan, (floor, counts), target_group, cloud, health).await {
        Err(Error::Cloud(error)) if error.is_passing() => Ok(Readiness::NotYet(error.to_string())),
        looked => looked,
    }
}

async fn examined(
    plan: &Plan,
    (floor, counts): (impl Fn(&Group) -> Floor, impl Fn(&Group, &Member) -> bool),
    target_group: Option<&TargetGroupArn>,
    cloud: &impl Cloud,
    health: &mut Health,
) -> Result<Readiness<BTreeSet<InstanceId>>, Error> {
    let (mut next, targets, activities) = gather(plan, target_group, cloud).await?;
    let members = std::mem::take(&mut next.members).into_iter();
    next.members = members.filter(|member| counts(&next, member)).collect();
    let floor = in_zones(plan, floor(&next), (&next, &targets), cloud, health).await?;
    let judged = health.judge(&floor, &next, &targets, &activities, Instant::now());
    for id in health.ailing() {
        health.keep_console(&id, console(cloud, &id).await);
    }
    match judged {
        Err(error) => Err(with_console(error, cloud, health).await),
        judged => judged,
    }
}

/// The floor as what serves has it, where a zone of the next group is short of it. One that is short even so has its group
/// even its zones out, which starts a machine before it ends one.
async fn in_zones(
    plan: &Plan,
    floor: Floor,
    (next, targets): (&Group, &[TargetHealth]),
    cloud: &impl Cloud,
    health: &mut Health,
) -> Result<Floor, Error> {
    let healthy = healthy(next, targets);
    let is_lopsided = |floor: &Floor| matches!(floor.lack(&healthy), Some(Lack::InZone { .. }));
    if !is_lopsided(&floor) {
        return Ok(floor);
    }
    let floor = lowered(floor, plan, cloud).await?;
    let can = next.suspended.contains(EVENS_OUT) && fighting(plan).contains(EVENS_OUT);
    if can && is_lopsided(&floor) {
        let process = BTreeSet::from([EVENS_OUT.to_owned()]);
        cloud.resume(&next.name, &process).await?;
        health.again(Instant::now());
    }
    Ok(floor)
}

/// The floor, which asks no zone for more than is healthy there of what serves.
async fn lowered(floor: Floor, plan: &Plan, cloud: &impl Cloud) -> Result<Floor, Error> {
    let Some(previous) = &plan.previous else {
        return Ok(floor);
    };
    let live = group(cloud, &previous.group).await?;
    let traffic = plan.traffic.as_ref();
    let targets = match traffic.and_then(|traffic| traffic.previous.as_ref()) {
        Some(target_group) => cloud.target_health(target_group).await?,
        None => status::of_members(&live, cloud).await?,
    };
    let lowered = floor.lowered_to(&healthy(&live, &targets));
    if traffic.is_none_or(|traffic| traffic.was_zonal) {
        return Ok(lowered);
    }
    // Requests of a zone without a machine have gone to another one's so far.
    Ok(lowered.in_each(plan.zonal()))
}

type Seen = (Group, Vec<TargetHealth>, Vec<Activity>);

async fn gather(
    plan: &Plan,
    target_group: Option<&TargetGroupArn>,
    cloud: &impl Cloud,
) -> Result<Seen, Error> {
    let next = there(plan, cloud).await?;
    let targets = match target_group {
        Some(target_group) => cloud.target_health(target_group).await?,
        None => status::of_members(&next, cloud).await?,
    };
    // A launch that failed is a machine that is not there.
    let activities = if lacks_machines(&next) {
        cloud.activities(&plan.next.group).await?
    } else {
        Vec::new()
    };
    Ok((next, targets, activities))
}

fn lacks_machines(group: &Group) -> bool {
    let there = group.members.iter();
    let there = there.filter(|member| member.stage != Stage::Terminating);
    there.count() < usize::try_from(group.size.desired).unwrap_or(usize::MAX)
}

async fn with_console(error: Error, cloud: &impl Cloud, health: &Health) -> Error {
    let Error::Unhealthy {
        instance: Some(instance),
        reason,
        ..
    } = error
    else {
        return error;
    };
    let console = match health.kept_console(&instance) {
        Some(kept) => Some(kept),
        None => console(cloud, &instance).await,
    };
    Error::Unhealthy {
        instance: Some(instance),
        reason,
        console,
        log: None,
    }
}

/// The end of what a machine printed, for the reason in words; nothing when it cannot be had.
async fn console(cloud: &impl Cloud, instance: &InstanceId) -> Option<String> {
    let text: Result<String, CloudError> = cloud.console_output(instance).await;
    let text = text.ok()?;
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n");
    (!tail.trim().is_empty()).then_some(tail)
}

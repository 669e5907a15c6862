//! The kept group made as large as what serves, before it serves again: it is as whole as it was left, and what serves may
//! have grown since.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::error::Error;
use super::launches::{self, Class, Failed};
use super::making::{Hold, group, note_min};
use super::rollback::Way;
use super::status::{Stand, Standing, stand};
use crate::cloud::{Cloud, Group, Member, TargetState, Zone};
use crate::run::{Failure, Ledger, Patience, Readiness, Run};
use crate::undo::floor::{self, Floor};
use crate::undo::lease::Leased;
use crate::undo::{Change, OfRoll, Undo};

/// Machines that start move a wait on; one that nothing moves for this long is over.
const STALLED: Duration = Duration::from_mins(10);
/// Between two looks: targets change at the pace of their health checks, 5 s at the least.
const LOOK: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10));
/// Healthy counts when it was seen this many times in a row: one good look may be a lucky moment.
const IN_A_ROW: u32 = 3;
/// How often what serves may grow while the kept group catches up.
const ROUNDS: u32 = 10;
/// How long the tags of a rollback are good for, should nobody take them back before.
pub(super) const HELD: SignedDuration = SignedDuration::from_hours(1);

/// Processes without which a group does not grow.
const NEEDED: [&str; 2] = ["Launch", "AddToLoadBalancer"];

/// How many healthy machines a group needs to serve no worse than what serves, one at the least; `None` when it has them,
/// in every zone.
pub(super) fn short(live: &Standing, back: &Standing) -> Option<u32> {
    let floor = floor(live, back);
    floor.lack(&healthy(back)).map(|_| floor.count())
}

fn floor(live: &Standing, back: &Standing) -> Floor {
    let serving = healthy(live);
    let count = u32::try_from(serving.len()).unwrap_or(u32::MAX).max(1);
    let zonal = if back.zonal {
        &live.group.zones[..]
    } else {
        &[]
    };
    let floor = Floor::even(count, &back.group.zones).in_each(zonal);
    floor.lowered_to(&serving)
}

/// Whether there is a zone in which some machines of `live` serve, and none of `back` could.
pub(super) fn leaves_a_zone(live: &Standing, back: &Standing) -> bool {
    let back = healthy(back);
    let is_left = |one: &&Member| !back.iter().any(|other| other.zone == one.zone);
    healthy(live).iter().any(is_left)
}

/// A zone in which machines of `live` serve, and the kept group can start none, where its target group needs some.
fn beyond<'a>(live: &'a Standing, back: &Standing) -> Option<&'a Zone> {
    let mut zones = healthy(live).into_iter().map(|one| &one.zone);
    zones.find(|zone| back.zonal && !back.group.zones.contains(zone))
}

/// Why the kept group cannot grow as far as it must; nothing when it can, or need not.
pub(super) fn cannot_grow(live: &Standing, back: &Standing) -> Option<String> {
    let (count, group) = (short(live, back)?, &back.group);
    let (most, name) = (group.size.max, &group.name);
    if let Some(process) = NEEDED
        .iter()
        .find(|process| group.suspended.contains(**process))
    {
        return Some(format!(
            "process {process} of group {name} is suspended, and it must grow: `aws autoscaling resume-processes \
             --auto-scaling-group-name {name} --scaling-processes {process}`"
        ));
    }
    if let Some(zone) = beyond(live, back) {
        return Some(format!(
            "group {name} has no subnet in zone {zone}, where machines serve, and requests of a zone go to its own alone: `aws elbv2 \
             modify-target-group-attributes --target-group-arn {} --attributes \
             Key=load_balancing.cross_zone.enabled,Value=use_load_balancer_configuration`",
            back.target_group
        ));
    }
    (count > most).then(|| {
        format!(
            "group {name} may have {most} machines and {count} serve: `aws autoscaling update-auto-scaling-group \
             --auto-scaling-group-name {name} --max-size {count}`"
        )
    })
}

/// Why a group that had all of the traffic cannot have it again.
pub(super) fn sick(live: &Standing) -> Option<String> {
    let (there, wanted, name) = (
        healthy(live).len(),
        live.group.size.desired,
        &live.group.name,
    );
    let is_whole = u32::try_from(there).unwrap_or(u32::MAX) >= wanted;
    (!is_whole).then(|| format!("only {there} of {wanted} machines of group {name} are healthy"))
}

/// Grows the kept group for as long as it is short of what serves. Returns where the service stands then.
pub(super) async fn regrow<C: Cloud>(
    stand_now: Stand,
    way: &Way<'_>,
    cloud: &C,
    run: &mut Run<'_, Undo>,
) -> Result<Stand, Failure> {
    let since = way.clock.now();
    let mut now = stand_now;
    for _ in 0..ROUNDS {
        let Some((live, back)) = now.live.as_ref().zip(now.back.as_ref()) else {
            return Ok(now);
        };
        let Some(count) = short(live, back) else {
            return Ok(now);
        };
        let step = async |made: &mut _| grow(back, count, way, cloud, made).await;
        run.step("grow the kept group", step).await?;
        let patience = Patience::new(STALLED, LOOK.0, LOOK.1).in_a_row(IN_A_ROW);
        let look = async || look(live, back, since, cloud).await;
        run.wait("kept group healthy", &patience, look).await?;
        let again = async |_: &mut _| {
            let found = stand(cloud, way.service, way.clock.now()).await?;
            let against = found.not_ready();
            if against.is_empty() {
                return Ok(found);
            }
            Err(Error::Changed(against.join("; ")))
        };
        now = run.step("look at what serves", again).await?;
    }
    let text = "what serves grew faster than the kept group could follow".to_owned();
    Err(Failure::new("grow the kept group", Error::Changed(text)))
}

/// Grows to `count`, never shrinks. The minimum is held there, or the group's own policies would shrink what has no
/// requests yet.
async fn grow(
    back: &Standing,
    count: u32,
    way: &Way<'_>,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let there = group(cloud, &back.group.name).await?;
    // Sick machines that stay are outnumbered.
    let unhealthy = back
        .health
        .iter()
        .filter(|target| target.state == TargetState::Unhealthy);
    let sick = u32::try_from(unhealthy.count()).unwrap_or(u32::MAX);
    let desired = count
        .saturating_add(sick)
        .min(there.size.max)
        .max(there.size.desired);
    hold(&there, desired, way, cloud, made).await?;
    Ok(cloud.set_min(&there.name, desired).await?)
}

async fn hold(
    there: &Group,
    min: u32,
    way: &Way<'_>,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let what = Leased::GrownMin;
    let undo = Undo::Roll(OfRoll {
        service: way.service.to_owned(),
        run: way.run,
        next: there.name.clone(),
        change: Change::Lease {
            group: there.name.clone(),
            what,
        },
    });
    let hold = Hold {
        what,
        run: way.run,
        until: way.clock.now() + HELD,
        before: there.size.min,
        min,
    };
    note_min(undo, hold, there, cloud, made).await
}

/// Looks once whether the kept group has as many healthy machines as `live` had.
async fn look(
    live: &Standing,
    back: &Standing,
    since: Timestamp,
    cloud: &impl Cloud,
) -> Result<Readiness<()>, Error> {
    let gathered = async {
        let there = Standing {
            target_group: back.target_group.clone(),
            group: group(cloud, &back.group.name).await?,
            health: cloud.target_health(&back.target_group).await?,
            zonal: back.zonal,
        };
        let activities = cloud.activities(&back.group.name).await?;
        Ok((there, launches::failed(&activities, since)))
    };
    match gathered.await {
        Ok((there, failed)) => Ok(judge(live, &there, failed.first())),
        Err(Error::Cloud(error)) if error.is_passing() => Ok(Readiness::NotYet(error.to_string())),
        Err(error) => Err(error),
    }
}

/// A launch that can never go through ends the wait; one that may is told, and tried again by Auto Scaling.
fn judge(live: &Standing, there: &Standing, failed: Option<&Failed>) -> Readiness<()> {
    let (floor, healthy, name) = (floor(live, there), healthy(there), &there.group.name);
    let Some(lack) = floor.lack(&healthy) else {
        return Readiness::Ready(());
    };
    let mut reason = format!("machines of group {name}: {lack}");
    match failed {
        Some(failed) if failed.class == Class::Permanent => {
            return Readiness::Never(failed.message.clone());
        }
        Some(failed) => reason = format!("{reason}: {}", failed.message),
        None => {}
    }
    let done = floor.done(&healthy);
    Readiness::Moving { reason, done }
}

/// The members that the load balancer calls healthy.
pub(super) fn healthy(one: &Standing) -> Vec<&Member> {
    floor::healthy(&one.group, &one.health)
}

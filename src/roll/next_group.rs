//! The next group: made at size 0 like the previous one, then a pilot machine, then as many as serve.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::drift::AsRolled;
use super::error::Error;
use super::flow::Led;
use super::launches;
use super::making::{ensure, group, hold_min, lease, of, tags};
use super::plan::{Plan, Traffic};
use super::take;
use crate::cloud::{
    Acting, Cloud, Copying, Error as CloudError, Group, GroupTag, LaunchTemplateId,
    LaunchTemplateVersion, NewGroup, Size, WarmPool, tag,
};
use crate::run::{Ledger, Slot};
use crate::undo::held::unheld;
use crate::undo::lease::{Lease, Leased};
use crate::undo::pool::put_it;
use crate::undo::{Change, Undo};

/// Processes that change a group's size or members by themselves while its roll has plans of its own.
const FIGHTING: [&str; 3] = [EVENS_OUT, ALARMS, "ScheduledActions"];
/// The process that evens out the zones of a group.
pub(super) const EVENS_OUT: &str = "AZRebalance";
/// IAM's changes are known within seconds; the step cannot be stopped meanwhile.
const FRESH: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_secs(3);
/// Policies that alarms set off.
const ALARMS: &str = "AlarmNotification";

/// Makes the group at size 0, with everything that the previous one has.
pub(super) async fn create(
    plan: &Plan,
    template: (&LaunchTemplateId, LaunchTemplateVersion),
    led: Option<&Led<'_>>,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let next = &plan.next;
    if next.idle.is_some() {
        return take::lead(plan, template, cloud, made).await;
    }
    let new = NewGroup {
        name: next.group.clone(),
        like: plan
            .previous
            .as_ref()
            .map(|previous| previous.group.clone()),
        template: template.0.clone(),
        version: template.1,
        max: next.size.max,
        subnets: next.subnets.clone(),
        target_group: led.map(|led| led.target_group.clone()),
        grace: next.grace,
        warmup: next.warmup,
        types: next.types.clone(),
        tags: group_tags(plan, template.1),
    };
    let find = async || {
        let found = cloud.group(&next.group).await?;
        Ok(found.filter(|group| is_own(plan, group)).map(drop))
    };
    let create = async || patiently(cloud, &new).await;
    // A dead run may have got it requests.
    let served = made
        .owed(&of(plan, Change::Group { served: true }))
        .is_some();
    ensure(plan, made, Change::Group { served }, find, create).await?;
    if plan.resumed {
        let expires = [(tag::EXPIRES.to_owned(), plan.expires.to_string())];
        cloud.tag_group(&next.group, &expires.into()).await?;
    }
    quieten(plan, led.map(|led| led.traffic), cloud, made).await?;
    let Some(copying) = copying(plan, led) else {
        return Ok(());
    };
    cloud.copy_behaviour(&copying).await?;
    // An empty group is no reason to wake anybody.
    copy_alarms(plan, &copying, Acting::Scaling, cloud).await
}

/// Has the next group's alarms do all that the previous one's do, once it serves.
pub(super) async fn let_alarms_act(
    plan: &Plan,
    led: Option<&Led<'_>>,
    cloud: &impl Cloud,
) -> Result<(), Error> {
    match copying(plan, led).filter(|_| plan.next.idle.is_none()) {
        Some(copying) => copy_alarms(plan, &copying, Acting::Fully, cloud).await,
        None => Ok(()),
    }
}

/// Gives the next group the warm pool of the previous one. Only now: at size 0 it would have been as large as the maximum, and
/// its machines would have had the capacity that the group's own were to get; and an image that its checks reject starts no
/// more of them. Until then the group grows without one. Where the previous group shows none, which may be a late answer, it is as planned.
///
/// Returns what is lacking where that does not go through: no reason to take a proven version back.
pub(super) async fn copy_pool(plan: &Plan, cloud: &impl Cloud) -> Option<String> {
    let (planned, previous) = (plan.next.pool.as_ref()?, plan.previous.as_ref()?);
    let there = cloud.group(&previous.group).await.ok().flatten();
    let now = there.filter(Group::keeps_pool).and_then(|group| group.pool);
    let (pool, to) = (now.as_ref().unwrap_or(planned), &plan.next.group);
    let error = cloud.put_pool(to, pool).await.err()?;
    let mend = put_it(to, pool);
    Some(format!(
        "group {to} has no warm pool: {error}; `{mend}` gives it one"
    ))
}

/// From the previous group, where there is one, to the next.
fn copying(plan: &Plan, led: Option<&Led<'_>>) -> Option<Copying> {
    Some(Copying {
        from: plan.previous.as_ref()?.group.clone(),
        to: plan.next.group.clone(),
        target_groups: led.and_then(|led| {
            let from = led.traffic.previous.clone()?;
            Some((from, led.target_group.clone()))
        }),
    })
}

async fn copy_alarms(
    plan: &Plan,
    copying: &Copying,
    acting: Acting,
    cloud: &impl Cloud,
) -> Result<(), Error> {
    // With the group they are announced, and they go with it.
    let mut tags = tags(plan);
    tags.insert(tag::GROUP.to_owned(), copying.to.to_string());
    Ok((cloud.copy_alarms(&plan.alarms, copying, acting, &tags)).await?)
}

/// Makes the group. Auto Scaling tries its launch template out, and an instance profile that is new may not be known there yet.
async fn patiently(cloud: &impl Cloud, new: &NewGroup) -> Result<(), CloudError> {
    let began = Instant::now();
    loop {
        match cloud.create_group(new).await {
            Err(error) if launches::is_fresh(&error.message) && began.elapsed() < FRESH => {
                tokio::time::sleep(AGAIN).await;
            }
            done => return done,
        }
    }
}

/// From the swap on the group's machines may have requests under way: it is emptied before it is deleted. One of a pair always
/// is.
pub(super) fn serves_from_now(plan: &Plan, made: &mut Ledger<'_, Undo>) -> Result<Slot, Error> {
    let change = match plan.next.idle {
        Some(_) => take::change(plan),
        None => Change::Group { served: true },
    };
    super::making::intend(made, of(plan, change))
}

pub(super) fn is_own(plan: &Plan, group: &Group) -> bool {
    group.tag(tag::RUN) == Some(&plan.run.to_string()) && !group.deleting
}

/// The tag that says how the roll makes the group.
pub(super) fn as_rolled(plan: &Plan, version: LaunchTemplateVersion) -> AsRolled {
    AsRolled {
        min: plan.next.size.min,
        max: plan.next.size.max,
        version: version.0,
        suspended: plan.lasting().cloned().unwrap_or_default(),
        pool: plan.next.pool.as_ref().map(WarmPool::word),
    }
}

fn group_tags(plan: &Plan, version: LaunchTemplateVersion) -> Vec<GroupTag> {
    let made = as_rolled(plan, version);
    let own = tags(plan).into_iter().chain(
        [
            (tag::STATE, tag::NEXT.to_owned()),
            (tag::IMAGE, plan.image.to_string()),
            (tag::EXPIRES, plan.expires.to_string()),
            (tag::AS_ROLLED, made.to_string()),
        ]
        .map(|(key, value)| (key.to_owned(), value)),
    );
    let own = own.map(|(key, value)| GroupTag {
        key,
        value,
        launched: false,
    });
    let hooked = (!plan.hooks.before_retire.is_empty())
        .then(|| (tag::BEFORE_RETIRE.to_owned(), plan.run.to_string()));
    let own = own.chain(hooked.map(|(key, value)| GroupTag {
        key,
        value,
        launched: false,
    }));
    let set = plan.next.tags.iter().map(|(key, value)| GroupTag {
        key: key.clone(),
        value: value.clone(),
        launched: true,
    });
    own.chain(set).collect()
}

/// What a roll suspends of its next group for a while: not what is suspended for good.
pub(super) fn fighting(plan: &Plan) -> BTreeSet<String> {
    let fighting = FIGHTING.iter().map(|name| (*name).to_owned());
    let lasting = |name: &String| plan.lasting().is_some_and(|lasting| lasting.contains(name));
    fighting.filter(|name| !lasting(name)).collect()
}

/// Suspends what would fight, and for good what is suspended on the previous group. One that has traffic goes on growing by
/// its alarms.
pub(super) async fn quieten(
    plan: &Plan,
    traffic: Option<&Traffic>,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let serves = plan.swapped || traffic.is_some_and(Traffic::is_moved);
    let ours = fighting(plan);
    let next = group(cloud, &plan.next.group).await?;
    let before = ours.iter().cloned().collect();
    lease(plan, cloud, made, &next, Leased::Processes, before).await?;
    let ours = ours.into_iter().filter(|name| !serves || name != ALARMS);
    let lasting = plan.lasting().into_iter().flatten().cloned();
    let all: BTreeSet<String> = lasting.chain(ours).collect();
    if all.is_subset(&next.suspended) {
        return Ok(());
    }
    Ok(cloud.suspend(&plan.next.group, &all).await?)
}

/// The next group; one of a pair must still be the run's.
pub(super) async fn there(plan: &Plan, cloud: &impl Cloud) -> Result<Group, Error> {
    match plan.next.idle {
        Some(_) => take::held(plan, cloud).await,
        None => group(cloud, &plan.next.group).await,
    }
}

/// How many machines must serve: what the previous group wants now, which may have grown since the plan.
pub(super) async fn wanted(plan: &Plan, cloud: &impl Cloud) -> Result<u32, Error> {
    let Some(previous) = &plan.previous else {
        return Ok(plan.next.size.desired);
    };
    let live = group(cloud, &previous.group).await?;
    let serving = u32::try_from(live.in_service().count()).unwrap_or(u32::MAX);
    Ok(live.size.desired.max(serving))
}

/// Grows the group to `count`, never shrinks it. Its minimum is held there, or the swap itself would scale it in.
pub(super) async fn grow(
    plan: &Plan,
    count: u32,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let next = there(plan, cloud).await?;
    if next.size.desired >= count && next.size.min >= count {
        return Ok(());
    }
    let desired = count.max(next.size.desired);
    hold_min(plan, (plan.next.size.min, desired), &next, cloud, made).await?;
    if desired <= next.size.max {
        return Ok(cloud.set_min(&next.name, desired).await?);
    }
    if plan.next.idle.is_some() {
        return Err(take::no_room(&next, desired));
    }
    // Nothing can have made it larger than this meanwhile.
    let size = Size {
        min: desired,
        max: desired,
        desired,
    };
    Ok(cloud.resize_group(&next.name, size).await?)
}

/// Holds the previous group at its capacity: without requests its own alarms would shrink it, and the way back with it.
pub(super) async fn hold_previous(
    plan: &Plan,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let Some(previous) = &plan.previous else {
        return Ok(());
    };
    let there = group(cloud, &previous.group).await?;
    // One that a roll before still holds is held by this one too: it is about to have no traffic. So is one that a dead run
    // has held whose journal is lost.
    let kinds = [Leased::LowAlarm, Leased::MinSize];
    let is_held = kinds.iter().any(|what| Lease::of(&there, *what).is_some());
    if there.size.min >= there.size.desired && !is_held {
        return Ok(());
    }
    let (before, min) = (unheld(&there).min, there.size.desired);
    hold_min(plan, (before, min), &there, cloud, made).await?;
    if there.size.min == min {
        return Ok(());
    }
    Ok(cloud.set_min(&there.name, min).await?)
}

/// Lets the group grow by its own alarms while it serves. Its minimum is held, so that it only grows.
pub(super) async fn heed_alarms(plan: &Plan, cloud: &impl Cloud) -> Result<(), Error> {
    if plan
        .lasting()
        .is_some_and(|lasting| lasting.contains(ALARMS))
    {
        return Ok(());
    }
    let alarms = BTreeSet::from([ALARMS.to_owned()]);
    Ok(cloud.resume(&plan.next.group, &alarms).await?)
}

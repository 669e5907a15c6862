//! A refresh on its way: one look at its group at a time.

use super::{
    Configuration, Refresh, STUCK, Status,
    calls::turn_back,
    preferences::Protected,
    waiting::{self, waiting},
    warm_at,
};
use crate::model::{
    elb,
    scaling::{
        ending,
        launching::instant,
        stored::{Group, Lifecycle, Member},
    },
    state::State,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The capacity that the group is brought to: more than the desired one while a replacement starts before what it replaces
/// goes.
pub(in crate::model::scaling) fn wanted(group: &Group) -> usize {
    let desired = usize::try_from(group.settings.desired).unwrap_or_default();
    let Some(refresh) = group.active() else {
        return desired;
    };
    match refresh.status {
        Status::InProgress | Status::RollbackInProgress if may_replace(group, refresh) => {
            let most = Bounds::of(group, refresh).most;
            let ahead = due(group, refresh).len();
            (desired + ahead).min(most).max(desired)
        }
        // What was launched already comes into service first.
        Status::Cancelling if is_under_way(group) => group.counted().count().max(desired),
        _ => desired,
    }
}

/// How few are ready at least, and how many are there at most.
struct Bounds {
    least: usize,
    most: usize,
}

impl Bounds {
    fn of(group: &Group, refresh: &Refresh) -> Self {
        let desired = group.settings.desired;
        let min = refresh.preferences.min(&group.settings);
        let least = (desired * min + 99) / 100;
        let (least, most) = match refresh.preferences.max(&group.settings) {
            // One goes as its replacement is launched, whatever the minimum says.
            None => (least.min(desired - 1), desired),
            Some(max) => {
                let most = desired * max / 100;
                // Where the bounds leave no room, one more is launched first.
                let stuck = most == desired && least == desired;
                (least, if stuck { desired + 1 } else { most })
            }
        };
        let count = |number: i64| usize::try_from(number).unwrap_or_default();
        let (least, most) = (count(least), count(most));
        // A group too small for its percentages is replaced one by one.
        let most = if least >= most { least + 1 } else { most };
        Self { least, most }
    }
}

pub(super) fn may_replace(group: &Group, refresh: &Refresh) -> bool {
    let suspended = ["InstanceRefresh", "Launch", "Terminate"];
    refresh.paused.is_none() && !suspended.iter().any(|process| group.suspends(process))
}

fn is_under_way(group: &Group) -> bool {
    let settled = |member: &Member| member.state == Lifecycle::InService;
    !group.members.values().all(settled)
}

/// Instances that are to go before the next checkpoint, and may.
fn due(group: &Group, refresh: &Refresh) -> BTreeSet<String> {
    let protect = refresh.preferences.protected() == Protected::Wait;
    let there = refresh.outdated.iter().filter_map(|id| {
        let member = group.members.get(id)?;
        member.state.counts().then_some((id, member))
    });
    let there: Vec<(&String, &Member)> = there.collect();
    let replaced = refresh.total.saturating_sub(there.len());
    let room = match checkpoint(refresh).or_else(|| end(refresh)) {
        Some(stop) => stop.saturating_sub(replaced),
        None => usize::MAX,
    };
    let open = there
        .into_iter()
        .filter(|(_, member)| !(protect && member.protected));
    open.take(room).map(|(id, _)| id.clone()).collect()
}

/// How many are replaced at the next checkpoint; nothing when there is none, or on the way back.
fn checkpoint(refresh: &Refresh) -> Option<usize> {
    if refresh.back.is_some() {
        return None;
    }
    let percent = refresh.preferences.checkpoints.get(refresh.passed)?;
    let percent = usize::try_from(*percent).unwrap_or(100);
    Some((refresh.total * percent).div_ceil(100))
}

/// How many are replaced in all, where the checkpoints end before the last instance.
fn end(refresh: &Refresh) -> Option<usize> {
    let last = refresh.preferences.checkpoints.last();
    let last = last.filter(|last| refresh.back.is_none() && **last < 100)?;
    let percent = usize::try_from(*last).unwrap_or(100);
    Some((refresh.total * percent).div_ceil(100))
}

fn is_ready(group: &Group, refresh: &Refresh, id: &str, member: &Member, now: Timestamp) -> bool {
    let warm = || warm_at(group, refresh, member).is_some_and(|at| at <= now);
    let settled = member.state == Lifecycle::InService && member.sick.is_none();
    settled && (!is_new(refresh, id) || warm())
}

/// A group that asks its load balancers has heard of it. A refresh waits for what "has insufficient data to evaluate its health
/// with Elastic Load Balancing" (its `StatusReason`), however short grace and warm-up are.
fn is_heard(state: &State, group: &Group, id: &str) -> bool {
    let open = |arn: &String| elb::says(state, arn, id, "initial");
    !group.settings.asks_balancers() || !group.targets().iter().any(open)
}

/// What it launched warms up, there and back.
fn is_new(refresh: &Refresh, id: &str) -> bool {
    refresh.fresh.contains(id)
}

/// Carries a refresh on. Tells whether anything changed.
pub(in crate::model::scaling) fn step(state: &mut State, name: &str) -> bool {
    let now = state.now;
    let Some(group) = state.scaling.groups.get_mut(name) else {
        return false;
    };
    let Some(status) = group.active().map(|refresh| refresh.status) else {
        return false;
    };
    match status {
        Status::Pending => {
            begin(group, now);
            true
        }
        Status::InProgress | Status::RollbackInProgress => replace(state, name),
        Status::Baking => baked(group, now),
        Status::Cancelling if !is_under_way(group) => {
            if let Some(refresh) = group.active_mut() {
                refresh.end(
                    Status::Cancelled,
                    Some("Cancelled due to user request."),
                    now,
                );
            }
            true
        }
        _ => false,
    }
}

fn begin(group: &mut Group, now: Timestamp) {
    let Some(refresh) = group.active() else {
        return;
    };
    let (template, mixed) = group.launches_from();
    let skips = refresh.preferences.skips_matching();
    let ignores = refresh.preferences.protected() == Protected::Ignore;
    let matches = |member: &Member| {
        let wanted = template.and_then(|template| match mixed {
            Some(mixed) => mixed.launched_from(&member.instance_type, template),
            None => Some(template),
        });
        member
            .template
            .as_ref()
            .zip(wanted)
            .is_some_and(|(of, wanted)| {
                of.id == wanted.id && wanted.version.parse() == Ok(of.version)
            })
    };
    let outdated = group
        .counted()
        .filter(|(_, member)| !(skips && matches(member) || ignores && member.protected));
    let outdated: BTreeSet<String> = outdated.map(|(id, _)| id.clone()).collect();
    let waiting = waiting(group, |_, member| !(skips && matches(member)));
    if let Some(refresh) = group.active_mut() {
        refresh.status = Status::InProgress;
        refresh.total = outdated.len();
        refresh.outdated = outdated;
        refresh.waiting = waiting;
        refresh.moved = now;
    }
}

fn replace(state: &mut State, name: &str) -> bool {
    let now = state.now;
    let Some(group) = state.scaling.groups.get_mut(name) else {
        return false;
    };
    let moved = count(group, now);
    let Some(refresh) = group.active() else {
        return moved;
    };
    if refresh.paused.is_some_and(|until| until > now) {
        return moved;
    }
    if let Some(refresh) = group.active_mut().filter(|one| one.paused.is_some()) {
        refresh.paused = None;
        refresh.moved = now;
        return true;
    }
    if is_stuck(group, now) {
        give_up(group, now);
        return true;
    }
    if at_checkpoint(group, now) || all_replaced(group, now) {
        return true;
    }
    let Some(id) = victim(state, name) else {
        return moved;
    };
    let at = instant(now);
    let cause = format!(
        "At {at} an instance was taken out of service in response to an instance refresh.  At {at} instance {id} was \
         selected for termination."
    );
    ending::begin(state, name, &id, cause);
    true
}

/// Counts what is done: gone from the group, and made up for by what is ready. Tells whether that has changed.
fn count(group: &mut Group, now: Timestamp) -> bool {
    let there: BTreeSet<String> = group.counted().map(|(id, _)| id.clone()).collect();
    let pool: BTreeSet<String> = (group.pool.iter())
        .flat_map(|pool| pool.members.keys().cloned())
        .collect();
    let Some(refresh) = group.active() else {
        return false;
    };
    let ready = group
        .counted()
        .filter(|(id, member)| is_new(refresh, id) && is_ready(group, refresh, id, member, now));
    let ready = ready.count();
    let Some(refresh) = group.active_mut() else {
        return false;
    };
    let progress = |refresh: &Refresh| {
        let waiting = refresh.waiting.outdated.len();
        (refresh.outdated.len(), waiting, refresh.done)
    };
    let before = progress(refresh);
    refresh.outdated.retain(|id| there.contains(id));
    refresh.waiting.outdated.retain(|id| pool.contains(id));
    let gone = refresh.total.saturating_sub(refresh.outdated.len());
    refresh.done = match refresh.back.as_ref() {
        None => gone.min(ready),
        // On the way back it falls to nothing.
        Some(_) => refresh.outdated.len().min(refresh.total),
    };
    let moved = before != progress(refresh);
    if moved {
        refresh.moved = now;
    }
    moved
}

fn is_stuck(group: &Group, now: Timestamp) -> bool {
    let Some(refresh) = group.active() else {
        return false;
    };
    now.duration_since(refresh.moved) >= STUCK
}

fn give_up(group: &mut Group, now: Timestamp) {
    let protect = group.active().is_some_and(|refresh| {
        let kept = |id: &String| group.members.get(id).is_some_and(|one| one.protected);
        refresh.preferences.protected() == Protected::Wait
            && !refresh.outdated.is_empty()
            && refresh.outdated.iter().all(kept)
    });
    let reason = if protect {
        "The instance refresh waited for instances that are protected from scale in."
    } else {
        "The instance refresh could not be completed: new instances did not come into service and pass their health checks."
    };
    let Some(refresh) = group.active_mut() else {
        return;
    };
    if refresh.status == Status::RollbackInProgress {
        refresh.end(Status::RollbackFailed, Some(reason), now);
    } else if refresh.preferences.rolls_back() {
        turn_back(group, reason, now);
    } else {
        refresh.end(Status::Failed, Some(reason), now);
    }
}

/// Waits where enough are replaced.
fn at_checkpoint(group: &mut Group, now: Timestamp) -> bool {
    let Some(refresh) = group.active_mut() else {
        return false;
    };
    let Some(stop) = checkpoint(refresh).filter(|stop| refresh.done >= *stop) else {
        return false;
    };
    refresh.passed += 1;
    // The one at the end of all is not waited for.
    if stop < refresh.total {
        let delay = SignedDuration::from_secs(refresh.preferences.delay());
        refresh.paused = now.checked_add(delay).ok();
    }
    true
}

/// Whether everything is replaced and ready. A list of checkpoints that ends below 100 ends the refresh there.
fn all_replaced(group: &mut Group, now: Timestamp) -> bool {
    let Some(refresh) = group.active() else {
        return false;
    };
    let ends_early =
        end(refresh).is_some() && refresh.passed == refresh.preferences.checkpoints.len();
    if !ends_early && !refresh.outdated.is_empty() {
        return false;
    }
    let desired = usize::try_from(group.settings.desired).unwrap_or_default();
    let ready = |(id, member): (&String, &Member)| is_ready(group, refresh, id, member, now);
    if group.counted().count() != desired || !group.counted().all(ready) || !waiting::settled(group)
    {
        return false;
    }
    let Some(refresh) = group.active_mut() else {
        return false;
    };
    if refresh.status == Status::RollbackInProgress {
        refresh.end(Status::RollbackSuccessful, None, now);
        return true;
    }
    refresh.status = Status::Baking;
    refresh.baking = Some(now);
    true
}

/// Takes the new configuration over once it has stood its time.
fn baked(group: &mut Group, now: Timestamp) -> bool {
    let Some(refresh) = group.active_mut() else {
        return false;
    };
    let bake = SignedDuration::from_secs(refresh.preferences.bake.unwrap_or_default());
    if refresh.baking.is_some_and(|since| since + bake > now) {
        return false;
    }
    refresh.end(Status::Successful, None, now);
    if let Some(Configuration { template, mixed }) = refresh.desired.clone() {
        group.settings.template = Some(template);
        group.settings.mixed = mixed;
    }
    true
}

/// The next to go: of the fullest zone, where enough others are ready.
fn victim(state: &State, name: &str) -> Option<String> {
    let group = state.scaling.groups.get(name)?;
    let refresh = group.active()?;
    if !may_replace(group, refresh) {
        return None;
    }
    let ready = |(id, member): &(&String, &Member)| {
        is_ready(group, refresh, id, member, state.now) && is_heard(state, group, id)
    };
    let count = group.counted().filter(ready).count();
    let mut per_zone: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, member) in group.counted() {
        *per_zone.entry(&member.zone).or_default() += 1;
    }
    let due = due(group, refresh);
    let open = group.counted().filter(|(id, _)| due.contains(*id));
    // One that is not ready takes nothing away by going.
    let open = open.filter(|one| count > Bounds::of(group, refresh).least || !ready(one));
    let best = open.min_by_key(|(id, member)| {
        (
            std::cmp::Reverse(per_zone[member.zone.as_str()]),
            member.launched,
            *id,
        )
    });
    best.map(|(id, _)| id.clone())
}

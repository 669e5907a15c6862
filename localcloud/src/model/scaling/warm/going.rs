//! How machines come into a warm pool, leave it for the group, and go.

use super::Pool;
use crate::model::{
    ec2::{self, InstanceState, instance::StateReason},
    scaling::{
        activities::{self, Status},
        hooks::{self, Ending},
        launching::{self, instant, pause_of},
        stored::{Group, Lifecycle, Member},
    },
    state::State,
};
use std::collections::BTreeMap;

fn pool<'a>(state: &'a mut State, name: &str) -> Option<&'a mut Pool> {
    state.scaling.groups.get_mut(name)?.pool.as_mut()
}

fn member<'a>(state: &'a mut State, name: &str, id: &str) -> Option<&'a mut Member> {
    pool(state, name)?.members.get_mut(id)
}

/// Every machine of the pool one step on, then the number of them one step nearer to what it is to be. Tells whether anything
/// changed.
pub(in crate::model::scaling) fn step(state: &mut State, name: &str) -> bool {
    let Some(pool) = pool(state, name) else {
        return false;
    };
    let ids: Vec<String> = pool.members.keys().cloned().collect();
    if ids.is_empty() && pool.deleting {
        if let Some(group) = state.scaling.groups.get_mut(name) {
            group.pool = None;
        }
        return true;
    }
    let mut moved = false;
    for id in ids {
        moved |= one(state, name, &id);
    }
    moved | resize(state, name)
}

fn one(state: &mut State, name: &str, id: &str) -> bool {
    let seen = state.ec2.instances.get(id).map(|instance| instance.state);
    let Some(pool) = pool(state, name) else {
        return false;
    };
    let deleting = pool.deleting;
    let Some(member) = pool.members.get(id) else {
        return false;
    };
    let (at, waits) = (member.state, !member.waits.is_empty());
    let ended = seen.is_none_or(InstanceState::ending);
    match at {
        Lifecycle::WarmedTerminating => return part(state, name, id),
        Lifecycle::WarmedTerminatingWait if waits => return wait(state, name, id),
        Lifecycle::WarmedTerminatingWait => proceed_out(state, name, id),
        Lifecycle::WarmedTerminatingProceed => return gone(state, name, id, seen),
        _ if ended => died(state, name, id),
        _ if deleting => end(state, name, id, "the deletion of the warm pool"),
        // One that was to run and was stopped is sick, as any that does not run.
        Lifecycle::WarmedRunning if seen != Some(InstanceState::Running) => {
            end(
                state,
                name,
                id,
                "an EC2 health check indicating it has been terminated or stopped",
            );
        }
        Lifecycle::WarmedPending if seen == Some(InstanceState::Running) => meet(state, name, id),
        Lifecycle::WarmedPendingWait if waits => return wait(state, name, id),
        Lifecycle::WarmedPendingWait => proceed_in(state, name, id),
        Lifecycle::WarmedPendingProceed if seen == Some(InstanceState::Stopped) => {
            ready(state, name, id, Lifecycle::WarmedStopped);
        }
        _ => return false,
    }
    true
}

/// It runs: the hooks of a launch come first, as for a machine of the group.
fn meet(state: &mut State, name: &str, id: &str) {
    let waits = hooks::waits(state, name, true);
    if waits.is_empty() {
        return proceed_in(state, name, id);
    }
    let Some(member) = member(state, name, id) else {
        return;
    };
    member.waits = waits;
    member.state = Lifecycle::WarmedPendingWait;
    let activity = member.activity.clone();
    activities::mark(state, &activity, Status::MidLifecycleAction, 40);
}

/// Stops it, unless it is to run.
fn proceed_in(state: &mut State, name: &str, id: &str) {
    if pool(state, name).is_some_and(|pool| pool.runs) {
        return ready(state, name, id, Lifecycle::WarmedRunning);
    }
    if let Some(member) = member(state, name, id) {
        member.state = Lifecycle::WarmedPendingProceed;
    }
    ec2::lifecycle::stop(state, id, StateReason::user_shutdown());
}

fn ready(state: &mut State, name: &str, id: &str, at: Lifecycle) {
    let Some(pool) = pool(state, name) else {
        return;
    };
    (pool.failures, pool.retry_at) = (0, None);
    let Some(member) = pool.members.get_mut(id) else {
        return;
    };
    member.state = at;
    let activity = member.activity.clone();
    activities::end(state, &activity, Status::Successful, None);
}

/// A hook that ended without a CONTINUE.
fn wait(state: &mut State, name: &str, id: &str) -> bool {
    let now = state.now;
    let Some(group) = state.scaling.groups.get(name) else {
        return false;
    };
    let found = group.pool.as_ref().and_then(|pool| pool.members.get(id));
    let Some((hook, ending)) = found.and_then(|member| hooks::run_out(group, member, now)) else {
        return false;
    };
    let Some(member) = member(state, name, id) else {
        return false;
    };
    member.waits.remove(&hook);
    let enters = member.state == Lifecycle::WarmedPendingWait;
    if ending == Ending::Abandon {
        member.waits.clear();
        if enters {
            give_up(
                state,
                name,
                id,
                Status::Failed,
                "its lifecycle action was abandoned",
            );
        }
    }
    true
}

/// It ended by itself, or by somebody's hand.
fn died(state: &mut State, name: &str, id: &str) {
    give_up(state, name, id, Status::Cancelled, "it was terminated");
}

fn give_up(state: &mut State, name: &str, id: &str, status: Status, why: &str) {
    let now = state.now;
    let Some(pool) = pool(state, name) else {
        return;
    };
    (pool.failures, pool.retry_at) = pause_of(pool.failures, now);
    let Some(member) = pool.members.get_mut(id) else {
        return;
    };
    member.state = Lifecycle::WarmedTerminatingProceed;
    member.waits.clear();
    let activity = member.activity.clone();
    let message = format!("Instance became unhealthy in the warm pool: {why}.");
    activities::end(state, &activity, status, Some(message));
    ec2::terminate(state, id, StateReason::user_shutdown());
}

/// Begins to terminate one.
fn end(state: &mut State, name: &str, id: &str, why: &str) {
    let Some(member) = member(state, name, id) else {
        return;
    };
    let (zone, launch) = (member.zone.clone(), member.activity.clone());
    activities::end(state, &launch, Status::Cancelled, None);
    let cause = format!(
        "At {} an instance was taken out of the warm pool in response to {why}.",
        instant(state.now)
    );
    let what = format!("Terminating EC2 instance: {id}");
    let activity = activities::begin(state, name, what, cause, &zone);
    if let Some(member) = self::member(state, name, id) {
        member.state = Lifecycle::WarmedTerminating;
        member.waits.clear();
        member.activity = activity;
    }
}

/// No target group knows it: its hooks come at once.
fn part(state: &mut State, name: &str, id: &str) -> bool {
    let waits = hooks::waits(state, name, false);
    if waits.is_empty() {
        proceed_out(state, name, id);
    } else if let Some(member) = member(state, name, id) {
        member.waits = waits;
        member.state = Lifecycle::WarmedTerminatingWait;
        let activity = member.activity.clone();
        activities::mark(state, &activity, Status::MidLifecycleAction, 60);
    }
    true
}

fn proceed_out(state: &mut State, name: &str, id: &str) {
    if let Some(member) = member(state, name, id) {
        member.state = Lifecycle::WarmedTerminatingProceed;
    }
    ec2::terminate(state, id, StateReason::user_shutdown());
}

fn gone(state: &mut State, name: &str, id: &str, seen: Option<InstanceState>) -> bool {
    if seen.is_some_and(|state| state != InstanceState::Terminated) {
        return false;
    }
    let Some(member) = pool(state, name).and_then(|pool| pool.members.remove(id)) else {
        return false;
    };
    activities::end(state, &member.activity, Status::Successful, None);
    true
}

impl Lifecycle {
    /// It waits in the pool, and can be taken.
    fn is_ready(self) -> bool {
        matches!(self, Self::WarmedStopped | Self::WarmedRunning)
    }

    fn leaves_pool(self) -> bool {
        matches!(
            self,
            Self::WarmedTerminating | Self::WarmedTerminatingWait | Self::WarmedTerminatingProceed
        )
    }
}

impl Pool {
    /// It has as many machines as it is to have, and all of them wait.
    pub(in crate::model::scaling) fn is_whole(&self, group: &Group) -> bool {
        let ready = |member: &Member| member.state.is_ready();
        self.members.values().all(ready) && self.members.len() == self.size(group)
    }
}

fn resize(state: &mut State, name: &str) -> bool {
    let Some(group) = state.scaling.groups.get(name) else {
        return false;
    };
    let Some(pool) = group.pool.as_ref().filter(|pool| !pool.deleting) else {
        return false;
    };
    let there = || {
        let members = pool.members.iter();
        members.filter(|(_, member)| !member.state.leaves_pool())
    };
    let outdated = there().find(|(id, _)| group.replaces_pool() && group.is_stale(id));
    if let Some(id) = outdated.map(|(id, _)| id.clone()) {
        end(state, name, &id, "an instance refresh");
        return true;
    }
    let (count, wanted) = (there().count(), pool.size(group));
    let may_launch = !group.suspends("Launch") && pool.retry_at.is_none_or(|at| at <= state.now);
    if count < wanted {
        return may_launch && launch(state, name);
    }
    // What the group lacks is about to be taken from here.
    let lacks = i64::try_from(group.counted().count()).unwrap_or(i64::MAX) < group.settings.desired;
    if count == wanted || lacks || group.suspends("Terminate") {
        return false;
    }
    let spare = there().min_by_key(|(id, one)| (one.state.is_ready(), one.launched, *id));
    let Some(id) = spare.map(|(id, _)| id.clone()) else {
        return false;
    };
    end(
        state,
        name,
        &id,
        "a difference between desired and actual warm pool size",
    );
    true
}

/// Launches a machine into the pool. Tells whether there is a point in trying again at once.
fn launch(state: &mut State, name: &str) -> bool {
    let Some((subnet, zone)) = place(state, name) else {
        return false;
    };
    let now = state.now;
    let cause = format!(
        "At {} an instance was started in response to a difference between desired and actual warm pool size.",
        instant(now)
    );
    let made = launching::try_types(state, name, &subnet);
    let what = match &made {
        Ok(id) => format!("Launching a new EC2 instance into warm pool: {id}"),
        Err(_) => "Launching a new EC2 instance into warm pool.".to_owned(),
    };
    let activity = activities::begin(state, name, what, cause, &zone);
    match made {
        Ok(id) => {
            let member = launching::newcomer(state, name, &id, activity, Lifecycle::WarmedPending);
            if let (Some(pool), Some(member)) = (pool(state, name), member) {
                pool.members.insert(id, member);
            }
            true
        }
        Err(fault) => {
            let message = format!("{} Launching EC2 instance failed.", fault.message);
            activities::end(state, &activity, Status::Failed, Some(message));
            if let Some(pool) = pool(state, name) {
                (pool.failures, pool.retry_at) = pause_of(pool.failures, now);
            }
            false
        }
    }
}

/// The subnet, and its zone, where the pool has the fewest.
fn place(state: &State, name: &str) -> Option<(String, String)> {
    let group = state.scaling.groups.get(name)?;
    let pool = group.pool.as_ref()?;
    let count = |zone: &str| {
        let members = pool.members.values();
        members.filter(|member| member.zone == zone).count()
    };
    let ids = group.settings.subnets.iter();
    let subnets = ids.filter_map(|id| state.ec2.subnets.get(id));
    let best = subnets.min_by_key(|subnet| count(&subnet.zone))?;
    Some((best.id.clone(), best.zone.clone()))
}

/// A machine that waits in the pool comes into the group, where there is one. Tells whether.
pub(in crate::model::scaling) fn lend(state: &mut State, name: &str, cause: &str) -> bool {
    let Some(id) = state.scaling.groups.get(name).and_then(next) else {
        return false;
    };
    let Some(member) = pool(state, name).and_then(|pool| pool.members.remove(&id)) else {
        return false;
    };
    let what = format!("Launching a new EC2 instance from warm pool: {id}");
    let activity = activities::begin(state, name, what, cause.to_owned(), &member.zone);
    let now = state.now;
    let was = member.state;
    if let Some(group) = state.scaling.groups.get_mut(name) {
        let member = Member {
            state: Lifecycle::Pending,
            protected: group.settings.protect_new,
            waits: BTreeMap::new(),
            activity,
            ..member
        };
        group.members.insert(id.clone(), member);
        group.note_fresh(&id);
        group.last_scaled = Some(now);
    }
    if was == Lifecycle::WarmedStopped {
        ec2::lifecycle::start(state, &id);
    }
    true
}

/// The one to be taken: of the zone where the group has the fewest.
fn next(group: &Group) -> Option<String> {
    let pool = group.pool.as_ref().filter(|pool| !pool.deleting)?;
    let count = |zone: &str| {
        let counted = group.counted();
        counted.filter(|(_, member)| member.zone == zone).count()
    };
    let members = pool.members.iter();
    let ready = members.filter(|(id, member)| member.state.is_ready() && !group.is_stale(id));
    let best = ready.min_by_key(|(id, member)| (count(&member.zone), *id))?;
    Some(best.0.clone())
}

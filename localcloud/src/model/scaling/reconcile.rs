//! The look at a group: every instance one step on, then the number of them one step nearer to what is wanted, until
//! nothing moves any more; then it is known when to look again.

use super::{
    Due, ending, launching,
    launching::instant,
    refresh,
    stored::{Group, Lifecycle, Member, Sickness},
    traffic, warm,
};
use crate::model::{agenda, ec2::InstanceState, elb, state::State};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How long after a reason to look the look comes. AWS takes some seconds; one is enough to see that nothing is at once.
const REACTION: SignedDuration = SignedDuration::from_secs(1);

/// More instances than anyone asks for in one look; a bound for the loop, not a quota.
const STEPS: usize = 10_000;

impl super::Scaling {
    /// An instance of a group, to be changed.
    pub(super) fn member(&mut self, group: &str, id: &str) -> Option<&mut Member> {
        self.groups.get_mut(group)?.members.get_mut(id)
    }
}

/// The name of the group that an instance is in, or beside which it waits.
pub(super) fn group_of(state: &State, instance: &str) -> Option<String> {
    let mut groups = state.scaling.groups.iter();
    groups
        .find(|(_, group)| {
            let warm = group.pool.as_ref();
            group.members.contains_key(instance)
                || warm.is_some_and(|pool| pool.members.contains_key(instance))
        })
        .map(|(name, _)| name.clone())
}

/// Has the group of an instance looked at, if there is one.
pub(in crate::model) fn touch_instance(state: &mut State, instance: &str) {
    if let Some(name) = group_of(state, instance) {
        touch(state, &name);
    }
}

/// Has a group looked at in a moment.
pub(super) fn touch(state: &mut State, name: &str) {
    let at = state.now.checked_add(REACTION).unwrap_or(Timestamp::MAX);
    wake_at(state, name, at);
}

fn wake_at(state: &mut State, name: &str, at: Timestamp) {
    let Some(group) = state.scaling.groups.get_mut(name) else {
        return;
    };
    if group.wake.is_none_or(|wake| wake > at) {
        group.wake = Some(at);
        state.agenda.add(
            at,
            agenda::Due::Scaling(Due::Look {
                group: name.to_owned(),
            }),
        );
    }
}

/// Looks at a group.
pub(super) fn look(state: &mut State, name: &str) {
    let now = state.now;
    let Some(group) = state.scaling.groups.get_mut(name) else {
        return;
    };
    if group.wake.is_some_and(|wake| wake <= now) {
        group.wake = None;
    }
    for _ in 0..STEPS {
        if !move_on(state, name) {
            break;
        }
    }
    traffic::settle(state, name);
    if bury(state, name) {
        return;
    }
    if let Some(at) = state
        .scaling
        .groups
        .get(name)
        .and_then(|group| next_look(group, now))
    {
        wake_at(state, name, at);
    }
}

fn move_on(state: &mut State, name: &str) -> bool {
    let Some(group) = state.scaling.groups.get(name) else {
        return false;
    };
    let ids: Vec<(String, Lifecycle)> = group
        .members
        .iter()
        .map(|(id, member)| (id.clone(), member.state))
        .collect();
    let mut moved = false;
    for (id, at) in ids {
        moved |= match at {
            Lifecycle::Pending | Lifecycle::PendingWait => launching::step(state, name, &id),
            Lifecycle::InService => examine(state, name, &id),
            _ => ending::step(state, name, &id),
        };
    }
    moved |= refresh::step(state, name);
    moved |= resize(state, name);
    moved | warm::step(state, name)
}

/// Looks after the health of an instance in service, and replaces it when it is gone.
fn examine(state: &mut State, name: &str, id: &str) -> bool {
    let Some(group) = state.scaling.groups.get(name) else {
        return false;
    };
    let Some(member) = group.members.get(id) else {
        return false;
    };
    let sick = member.sick.or_else(|| sickness(state, group, id, member));
    let Some(sick) = sick else { return false };
    let replace = !group.suspends("ReplaceUnhealthy") && !group.suspends("Terminate");
    if let Some(member) = state.scaling.member(name, id) {
        member.sick = Some(sick);
    }
    if replace {
        ending::begin(state, name, id, cause(state.now, sick));
    }
    replace
}

fn cause(now: Timestamp, sick: Sickness) -> String {
    let why = match sick {
        Sickness::Ec2 => "an EC2 health check indicating it has been terminated or stopped",
        Sickness::Elb => "an ELB system health check failure",
        Sickness::User => "a user health-check",
        Sickness::Age => "its maximum instance lifetime",
    };
    format!(
        "At {} an instance was taken out of service in response to {why}.",
        instant(now)
    )
}

/// What EC2 and the target groups say. One that does not run is unhealthy at once; target groups are heard after the
/// grace period only.
fn sickness(state: &State, group: &Group, id: &str, member: &Member) -> Option<Sickness> {
    if member.expires(group).is_some_and(|at| at <= state.now) {
        return Some(Sickness::Age);
    }
    if group.suspends("HealthCheck") {
        return None;
    }
    if state
        .ec2
        .instances
        .get(id)
        .is_none_or(|instance| instance.state != InstanceState::Running)
    {
        return Some(Sickness::Ec2);
    }
    let heard = member.grace_ends(group).is_some_and(|at| at <= state.now);
    let unhealthy = || {
        group
            .targets()
            .iter()
            .any(|arn| elb::says(state, arn, id, "unhealthy"))
    };
    (group.settings.asks_balancers() && heard && unhealthy()).then_some(Sickness::Elb)
}

impl Member {
    fn grace_ends(&self, group: &Group) -> Option<Timestamp> {
        self.in_service?
            .checked_add(SignedDuration::from_secs(group.settings.grace))
            .ok()
    }

    fn expires(&self, group: &Group) -> Option<Timestamp> {
        let lifetime = group
            .settings
            .kept_number("MaxInstanceLifetime")
            .filter(|seconds| *seconds > 0)?;
        self.launched
            .checked_add(SignedDuration::from_secs(lifetime))
            .ok()
    }
}

/// Launches or terminates one instance, where the processes allow it. Tells whether there is more to do at once.
fn resize(state: &mut State, name: &str) -> bool {
    let Some(group) = state.scaling.groups.get(name) else {
        return false;
    };
    let capacity = group.counted().count();
    let wanted = refresh::wanted(group);
    let may_launch = !group.suspends("Launch") && group.retry_at.is_none_or(|at| at <= state.now);
    let may_terminate = !group.suspends("Terminate") || group.deleting.is_some();
    if capacity < wanted {
        return may_launch && launching::launch(state, name, capacity);
    }
    if capacity > wanted {
        let fresh_one_is_coming =
            group.rebalancing && capacity == wanted + 1 && is_fresh_one_coming(state, group);
        return may_terminate && !fresh_one_is_coming && ending::shrink(state, name, capacity);
    }
    let rebalance = may_launch
        && may_terminate
        && !group.suspends("AZRebalance")
        && !group.is_refreshing()
        && is_lopsided(group);
    if let Some(group) = state.scaling.groups.get_mut(name) {
        group.rebalancing = rebalance;
    }
    rebalance && launching::launch(state, name, capacity)
}

/// Whether what was launched to even out zones does not serve yet. To rebalance takes nothing from what is available (User
/// Guide, Rebalancing activities), so a group that asks its load balancers hears of them first.
fn is_fresh_one_coming(state: &State, group: &Group) -> bool {
    let serves = |id: &str| {
        let says = |arn: &str| {
            ["healthy", "unused"]
                .iter()
                .any(|word| elb::says(state, arn, id, word))
        };
        !group.settings.asks_balancers() || group.targets().iter().all(|arn| says(arn))
    };
    group
        .counted()
        .any(|(id, member)| member.state != Lifecycle::InService || !serves(id))
}

/// All instances are well and in service, and a zone has two more than another: one more is launched before one goes.
fn is_lopsided(group: &Group) -> bool {
    let mut per_zone: BTreeMap<&str, usize> = group
        .settings
        .zones
        .iter()
        .map(|zone| (zone.as_str(), 0))
        .collect();
    for member in group.members.values() {
        if member.state != Lifecycle::InService || member.sick.is_some() || member.protected {
            return false;
        }
        *per_zone.entry(&member.zone).or_default() += 1;
    }
    let counts = || per_zone.values().copied();
    counts().max().unwrap_or_default() > counts().min().unwrap_or_default() + 1
}

/// Takes a deleted group away once it is empty and was shown as such for a while.
fn bury(state: &mut State, name: &str) -> bool {
    let Some(group) = state.scaling.groups.get(name) else {
        return true;
    };
    let over = group.deleting.is_some_and(|until| until <= state.now);
    if over && group.members.is_empty() && group.pool.is_none() {
        state.scaling.groups.remove(name);
        return true;
    }
    false
}

/// When something may change by time alone.
fn next_look(group: &Group, now: Timestamp) -> Option<Timestamp> {
    let mut times: Vec<Timestamp> = group.retry_at.into_iter().chain(group.deleting).collect();
    times.extend(group.refresh_times());
    times.extend(group.pool.iter().flat_map(warm::Pool::times));
    for member in group.members.values() {
        times.extend(member.waits.values().map(|wait| wait.until));
        if member.state == Lifecycle::InService {
            times.extend(
                member
                    .grace_ends(group)
                    .filter(|_| group.settings.asks_balancers()),
            );
            times.extend(member.expires(group));
        }
    }
    times.into_iter().filter(|at| *at > now).min()
}

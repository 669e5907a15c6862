//! How a group lets go of an instance: which one, and by which steps.

use super::{
    activities::{self, Status},
    hooks,
    hooks::Ending,
    launching::instant,
    stored::{Group, Lifecycle, Member},
};
use crate::model::{
    ec2::{self, instance::StateReason},
    elb,
    state::State,
};
use std::collections::BTreeMap;

/// Begins to terminate an instance: out of its target groups first. Gives the activity's id.
pub(super) fn begin(state: &mut State, name: &str, id: &str, cause: String) -> String {
    let Some(member) = state
        .scaling
        .groups
        .get(name)
        .and_then(|group| group.members.get(id))
    else {
        return String::new();
    };
    let zone = member.zone.clone();
    let before = (member.state != Lifecycle::InService).then(|| member.activity.clone());
    if let Some(launch) = before {
        activities::end(
            state,
            &launch,
            Status::Cancelled,
            Some("The instance was terminated before it came into service.".to_owned()),
        );
    }
    let activity = activities::begin(
        state,
        name,
        format!("Terminating EC2 instance: {id}"),
        cause,
        &zone,
    );
    let now = state.now;
    if let Some(member) = state.scaling.member(name, id) {
        member.state = Lifecycle::Terminating;
        member.waits.clear();
        member.activity.clone_from(&activity);
    }
    let arns = state.scaling.groups.get_mut(name).map(|group| {
        group.last_scaled = Some(now);
        group.sources.keys().cloned().collect::<Vec<_>>()
    });
    let arns = arns.unwrap_or_default();
    for arn in &arns {
        elb::release(state, arn, id);
    }
    if arns.iter().any(|arn| elb::is_draining(state, arn, id)) {
        activities::mark(
            state,
            &activity,
            Status::WaitingForELBConnectionDraining,
            50,
        );
    }
    activity
}

/// Terminates an instance that never came into service, without an activity of its own.
pub(super) fn discard(state: &mut State, name: &str, id: &str) {
    if let Some(member) = state.scaling.member(name, id) {
        member.state = Lifecycle::TerminatingProceed;
        member.waits.clear();
    }
    ec2::terminate(state, id, StateReason::user_shutdown());
}

/// Moves an instance on that is being terminated. Tells whether anything changed.
pub(super) fn step(state: &mut State, name: &str, id: &str) -> bool {
    let Some(group) = state.scaling.groups.get(name) else {
        return false;
    };
    let Some(member) = group.members.get(id) else {
        return false;
    };
    match member.state {
        Lifecycle::Terminating => drained(state, group, id) && begin_waits(state, name, id),
        Lifecycle::TerminatingWait if member.waits.is_empty() => proceed(state, name, id),
        Lifecycle::TerminatingWait => wait(state, name, id),
        Lifecycle::TerminatingProceed => gone(state, name, id),
        _ => false,
    }
}

/// Connections have ended, or the instance is dead, or nobody may wait because the group is deleted by force.
fn drained(state: &State, group: &Group, id: &str) -> bool {
    let dead = state
        .ec2
        .instances
        .get(id)
        .is_none_or(|instance| instance.state.ending());
    dead || group.deleting.is_some()
        || group
            .sources
            .keys()
            .all(|arn| !elb::is_draining(state, arn, id))
}

fn begin_waits(state: &mut State, name: &str, id: &str) -> bool {
    let waits = hooks::waits(state, name, false);
    if waits.is_empty() {
        return proceed(state, name, id);
    }
    let Some(member) = state.scaling.member(name, id) else {
        return false;
    };
    member.waits = waits;
    member.state = Lifecycle::TerminatingWait;
    let activity = member.activity.clone();
    activities::mark(state, &activity, Status::MidLifecycleAction, 60);
    true
}

/// Either result lets the termination go on; an abandoned hook ends the other waits too.
fn wait(state: &mut State, name: &str, id: &str) -> bool {
    let now = state.now;
    let Some(group) = state.scaling.groups.get(name) else {
        return false;
    };
    let Some((hook, ending)) = group
        .members
        .get(id)
        .and_then(|member| hooks::run_out(group, member, now))
    else {
        return false;
    };
    let Some(member) = state.scaling.member(name, id) else {
        return false;
    };
    match ending {
        Ending::Continue => drop(member.waits.remove(&hook)),
        Ending::Abandon => member.waits.clear(),
    }
    true
}

fn proceed(state: &mut State, name: &str, id: &str) -> bool {
    let Some(member) = state.scaling.member(name, id) else {
        return false;
    };
    member.state = Lifecycle::TerminatingProceed;
    let activity = member.activity.clone();
    activities::mark(state, &activity, Status::InProgress, 70);
    ec2::terminate(state, id, StateReason::user_shutdown());
    true
}

fn gone(state: &mut State, name: &str, id: &str) -> bool {
    if state
        .ec2
        .instances
        .get(id)
        .is_some_and(|instance| instance.state != ec2::InstanceState::Terminated)
    {
        return false;
    }
    let Some(group) = state.scaling.groups.get_mut(name) else {
        return false;
    };
    let Some(member) = group.members.remove(id) else {
        return false;
    };
    activities::end(state, &member.activity, Status::Successful, None);
    true
}

/// Takes one instance out of service because there are more than wanted. Tells whether one could be found.
pub(super) fn shrink(state: &mut State, name: &str, capacity: usize) -> bool {
    let Some(group) = state.scaling.groups.get(name) else {
        return false;
    };
    let Some(id) = victim(state, group) else {
        return false;
    };
    let now = instant(state.now);
    let cause = format!(
        "{}  At {now} an instance was taken out of service in response to a difference between desired and actual capacity, \
         shrinking the capacity from {capacity} to {}.  At {now} instance {id} was selected for termination.",
        group.cause,
        capacity - 1
    );
    begin(state, name, &id, cause);
    true
}

/// Chooses among the unprotected instances of the fullest zone: unhealthy ones, then those that are not in service yet,
/// then by the group's termination policies.
fn victim(state: &State, group: &Group) -> Option<String> {
    let mut per_zone: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, member) in group.counted() {
        *per_zone.entry(&member.zone).or_default() += 1;
    }
    let open = || {
        group
            .counted()
            .filter(|(_, member)| !member.protected || group.deleting.is_some())
    };
    let fullest = open()
        .map(|(_, member)| per_zone[member.zone.as_str()])
        .max()?;
    let (template, _) = group.launches_from();
    let current = template.and_then(|template| template.number(state));
    let candidates = open().filter(|(_, member)| per_zone[member.zone.as_str()] == fullest);
    let best = candidates.min_by_key(|(id, member)| {
        (
            member.sick.is_none(),
            member.in_service.is_some(),
            rank(group, member, current),
            *id,
        )
    });
    best.map(|(id, _)| id.clone())
}

/// The lower the sooner: one number for each termination policy, in their order.
fn rank(group: &Group, member: &Member, current: Option<u64>) -> Vec<i128> {
    let age = member.launched.as_nanosecond();
    let version = member
        .template
        .as_ref()
        .map_or(0, |template| i128::from(template.version));
    // Instances of another template or version than the group's own go first, the oldest version before the rest.
    let (of_group, _) = group.launches_from();
    let of_group = of_group.map(|template| template.id.as_str());
    let same = member
        .template
        .as_ref()
        .map(|template| template.id.as_str())
        == of_group;
    let outdated = if same && member.template.as_ref().map(|template| template.version) == current {
        i128::MAX
    } else {
        version
    };
    let rank = |policy: &String| match policy.as_str() {
        "NewestInstance" => vec![-age],
        "OldestInstance" => vec![age],
        "OldestLaunchTemplate" | "OldestLaunchConfiguration" => vec![outdated],
        "Default" => vec![outdated, age],
        _ => Vec::new(),
    };
    let mut ranks: Vec<i128> = group
        .settings
        .termination_policies
        .iter()
        .flat_map(rank)
        .collect();
    ranks.push(age);
    ranks
}

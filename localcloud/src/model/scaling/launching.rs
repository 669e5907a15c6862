//! How a group gets an instance: where it is launched, from which version, and how it comes into service.

use super::{
    activities::{self, Status},
    ending, hooks,
    hooks::Ending,
    stored::{Group, Lifecycle, Member},
    template::{Mixed, Template, typed},
    warm,
};
use crate::model::{
    Fault,
    ec2::{self, InstanceState, LaunchSpec},
    elb,
    state::State,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// First pause after launches that failed; each further failure doubles it up to the longest.
const FIRST_PAUSE_SECONDS: i64 = 15;
const LONGEST_PAUSE_SECONDS: i64 = 300;

/// A time as it stands in causes: to the second.
pub(super) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Launches one instance. Tells whether there is a point in trying again at once.
pub(super) fn launch(state: &mut State, name: &str, capacity: usize) -> bool {
    let Some(group) = state.scaling.groups.get(name) else {
        return false;
    };
    let place = place(state, group);
    let now = instant(state.now);
    let cause = format!(
        "{}  At {now} an instance was started in response to a difference between desired and actual capacity, increasing the \
         capacity from {capacity} to {}.",
        group.cause,
        capacity + 1
    );
    if warm::lend(state, name, &cause) {
        return true;
    }
    let Some(subnet) = place else {
        return false;
    };
    let zone = state
        .ec2
        .subnets
        .get(&subnet)
        .map(|subnet| subnet.zone.clone())
        .unwrap_or_default();
    match try_types(state, name, &subnet) {
        Ok(id) => {
            let activity = activities::begin(
                state,
                name,
                format!("Launching a new EC2 instance: {id}"),
                cause,
                &zone,
            );
            join(state, name, &id, activity);
            true
        }
        Err(fault) => {
            let description = "Launching a new EC2 instance.".to_owned();
            let activity = activities::begin(state, name, description, cause, &zone);
            let message = format!("{} Launching EC2 instance failed.", fault.message);
            activities::end(state, &activity, Status::Failed, Some(message));
            failed(state, name, &zone, &fault)
        }
    }
}

/// The subnet of the zone with the fewest instances, zones without capacity last.
fn place(state: &State, group: &Group) -> Option<String> {
    // What a refresh replaces is on its way out: its zone needs the next one as much.
    let count = |zone: &str| {
        let there = group.counted().filter(|(_, member)| member.zone == zone);
        let staying = there.clone().filter(|(id, _)| !group.is_outdated(id));
        (staying.count(), there.count())
    };
    let subnets = group
        .settings
        .subnets
        .iter()
        .filter_map(|id| state.ec2.subnets.get(id));
    let best =
        subnets.min_by_key(|subnet| (group.avoided.contains(&subnet.zone), count(&subnet.zone)))?;
    Some(best.id.clone())
}

/// Tries the instance types of a group in their order; one without capacity gives way to the next.
pub(super) fn try_types(state: &mut State, name: &str, subnet: &str) -> Result<String, Fault> {
    let Some(group) = state.scaling.groups.get(name) else {
        return Err(Fault::validation("the group is gone"));
    };
    let (template, mixed) = group.launches_from();
    let template =
        template.ok_or_else(|| Fault::validation("The group has no launch template."))?;
    let types = mixed.map_or(&[][..], |mixed| &mixed.types);
    let mut specs = Vec::new();
    for of in types {
        let own = of.template.as_ref().unwrap_or(template);
        specs.push(typed(spec(state, name, group, own)?, Some(&of.name)));
    }
    if specs.is_empty() {
        specs.push(spec(state, name, group, template)?);
    }
    let mut last = Fault::validation("there is no instance type to launch");
    for spec in specs {
        match ec2::launch(state, &spec, Some(subnet), 1) {
            Ok(ids) => return ids.into_iter().next().ok_or(last),
            Err(fault) if fault.code == "InsufficientInstanceCapacity" => last = fault,
            Err(fault) => return Err(fault),
        }
    }
    Err(last)
}

fn spec(
    state: &State,
    name: &str,
    group: &Group,
    template: &Template,
) -> Result<LaunchSpec, Fault> {
    let (_, mixed) = group.launches_from();
    let mut spec = template.spec(state)?;
    for (key, (value, _)) in group.tags.iter().filter(|(_, (_, propagate))| *propagate) {
        spec.instance_tags.insert(key.clone(), value.clone());
    }
    spec.instance_tags
        .insert("aws:autoscaling:groupName".to_owned(), name.to_owned());
    spec.zone = None;
    spec.spot |= mixed.is_some_and(|mixed| wants_spot(state, group, mixed));
    Ok(spec)
}

fn wants_spot(state: &State, group: &Group, mixed: &Mixed) -> bool {
    let instances = group
        .counted()
        .filter_map(|(id, _)| state.ec2.instances.get(id));
    let on_demand = instances
        .filter(|instance| instance.spot_request.is_none())
        .count();
    i64::try_from(on_demand)
        .is_ok_and(|on_demand| on_demand >= mixed.on_demand(group.settings.desired))
}

fn join(state: &mut State, name: &str, id: &str, activity: String) {
    let now = state.now;
    let member = newcomer(state, name, id, activity, Lifecycle::Pending);
    let Some(group) = state.scaling.groups.get_mut(name) else {
        return;
    };
    let Some(member) = member else { return };
    group.members.insert(id.to_owned(), member);
    group.note_fresh(id);
    group.last_scaled = Some(now);
}

/// What is known of an instance that was launched for a group or its pool.
pub(super) fn newcomer(
    state: &State,
    name: &str,
    id: &str,
    activity: String,
    at: Lifecycle,
) -> Option<Member> {
    let instance = state.ec2.instances.get(id)?;
    let group = state.scaling.groups.get(name)?;
    Some(Member {
        zone: instance.zone.clone(),
        state: at,
        sick: None,
        protected: group.settings.protect_new && at == Lifecycle::Pending,
        template: instance.template.clone(),
        instance_type: instance.instance_type.clone(),
        image: instance.image.clone(),
        launched: state.now,
        in_service: None,
        activity,
        waits: BTreeMap::new(),
    })
}

/// Remembers a failure. A zone without capacity is passed over at once, anything else is tried again after a pause.
fn failed(state: &mut State, name: &str, zone: &str, fault: &Fault) -> bool {
    let now = state.now;
    let Some(group) = state.scaling.groups.get_mut(name) else {
        return false;
    };
    if fault.code == "InsufficientInstanceCapacity" {
        group.avoided.insert(zone.to_owned());
        if group
            .settings
            .zones
            .iter()
            .any(|zone| !group.avoided.contains(zone))
        {
            return true;
        }
        group.avoided.clear();
    }
    pause(group, now);
    false
}

fn pause(group: &mut Group, now: Timestamp) {
    (group.failures, group.retry_at) = pause_of(group.failures, now);
}

/// So many failures there are then, and when it is tried again.
pub(super) fn pause_of(failures: u32, now: Timestamp) -> (u32, Option<Timestamp>) {
    let seconds = (FIRST_PAUSE_SECONDS << failures.min(8)).min(LONGEST_PAUSE_SECONDS);
    let at = now.checked_add(SignedDuration::from_secs(seconds));
    (failures + 1, at.ok())
}

/// Moves an instance on that is not in service yet. Tells whether anything changed.
pub(super) fn step(state: &mut State, name: &str, id: &str) -> bool {
    let seen = state.ec2.instances.get(id).map(|instance| instance.state);
    let Some(group) = state.scaling.groups.get(name) else {
        return false;
    };
    let Some(member) = group.members.get(id) else {
        return false;
    };
    if !matches!(seen, Some(InstanceState::Pending | InstanceState::Running)) {
        died(state, name, id);
        return true;
    }
    match member.state {
        Lifecycle::Pending if seen == Some(InstanceState::Running) => begin_waits(state, name, id),
        Lifecycle::PendingWait if member.waits.is_empty() => enter_service(state, name, id),
        Lifecycle::PendingWait => return wait(state, name, id),
        _ => return false,
    }
    true
}

fn begin_waits(state: &mut State, name: &str, id: &str) {
    let waits = hooks::waits(state, name, true);
    if waits.is_empty() {
        return enter_service(state, name, id);
    }
    let Some(member) = state.scaling.member(name, id) else {
        return;
    };
    member.waits = waits;
    member.state = Lifecycle::PendingWait;
    let activity = member.activity.clone();
    activities::mark(state, &activity, Status::MidLifecycleAction, 40);
}

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
    let wait = member.waits.remove(&hook);
    if ending == Ending::Abandon {
        let token = wait
            .as_ref()
            .map(|wait| wait.token.clone())
            .unwrap_or_default();
        let how = if wait.is_some_and(|wait| wait.abandoned) {
            "Lifecycle Action Completed with ABANDON Result"
        } else {
            "Heartbeat Timeout"
        };
        let message = format!(
            "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token {token} was abandoned: {how}"
        );
        give_up(state, name, id, Status::Failed, message);
    }
    true
}

fn enter_service(state: &mut State, name: &str, id: &str) {
    let now = state.now;
    let Some(member) = state.scaling.member(name, id) else {
        return;
    };
    member.state = Lifecycle::InService;
    member.in_service = Some(now);
    let activity = member.activity.clone();
    activities::end(state, &activity, Status::Successful, None);
    let Some(group) = state.scaling.groups.get_mut(name) else {
        return;
    };
    group.failures = 0;
    group.avoided.clear();
    group.retry_at = None;
    if group.suspends("AddToLoadBalancer") {
        return;
    }
    for arn in group.targets() {
        elb::enlist(state, &arn, id);
    }
}

/// An instance ended before it came into service.
fn died(state: &mut State, name: &str, id: &str) {
    let reason = state
        .ec2
        .instances
        .get(id)
        .and_then(|instance| instance.reason.as_ref());
    let reason = reason.map_or("the instance does not exist", |reason| {
        reason.message.as_str()
    });
    let message = format!(
        "Instance became unhealthy while waiting for instance to be in InService state. Termination Reason: {reason}"
    );
    give_up(state, name, id, Status::Cancelled, message);
}

fn give_up(state: &mut State, name: &str, id: &str, status: Status, message: String) {
    let now = state.now;
    let Some(member) = state.scaling.member(name, id) else {
        return;
    };
    let activity = member.activity.clone();
    activities::end(state, &activity, status, Some(message));
    if let Some(group) = state.scaling.groups.get_mut(name) {
        pause(group, now);
    }
    ending::discard(state, name, id);
}

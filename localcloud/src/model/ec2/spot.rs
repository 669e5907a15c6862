//! Spot instances that EC2 takes back ("Spot Instance interruptions"), and the requests that they came by.
//!
//! A request lives as long as its instance is shown.

use super::{
    super::{
        Effect, Fault, Service, Tree, actions::Action, agenda::Due as Entry, paging, state::State,
        tags,
    },
    Due,
    describe::{Kind, one},
    instance::{Instance, InstanceState, StateReason},
    lifecycle, metadata,
};
use jiff::{SignedDuration, Timestamp};

pub(super) const ACTIONS: &[Action] = &[Action::new(
    Service::Ec2,
    "DescribeSpotInstanceRequests",
    "SpotInstanceRequestId Filter MaxResults NextToken",
    |state, args| REQUESTS.describe(state, args),
)];

/// "Spot Instance interruption notices": two minutes before.
const NOTICE: SignedDuration = SignedDuration::from_mins(2);

const REQUESTS: Kind = Kind {
    ids: "SpotInstanceRequestId",
    set: "spotInstanceRequestSet",
    filters: "instance-id launched-availability-zone spot-instance-request-id state status-code type",
    paging: paging::EC2,
    all: |state| {
        let instances = state.ec2.instances.values();
        instances
            .filter_map(|one| one.spot_request.clone())
            .collect()
    },
    missing: |id| {
        let message = format!("The spot instance request ID '{id}' does not exist");
        Fault::new("InvalidSpotInstanceRequestID.NotFound", message)
    },
    field,
    show,
};

/// Enters that an instance is taken back. Whether it is a spot instance that has not ended.
pub(in crate::model) fn interrupt(state: &mut State, id: &str, after: SignedDuration) -> bool {
    let known = state.ec2.instances.get(id);
    if !known.is_some_and(|one| one.spot_request.is_some() && !one.state.ending()) {
        return false;
    }
    let at = state.now.checked_add(after).unwrap_or(Timestamp::MAX);
    if let Some(instance) = state.ec2.instances.get_mut(id) {
        instance.interruption = Some(at);
    }
    let instance = id.to_owned();
    let notice = Entry::Ec2(Due::Notice {
        instance: instance.clone(),
    });
    state.after(
        after.saturating_sub(NOTICE).max(SignedDuration::ZERO),
        notice,
    );
    state.after(after, Entry::Ec2(Due::Interrupt { instance }));
    true
}

/// The instance finds in its metadata when it goes.
pub(super) fn notice(state: &mut State, id: &str) {
    let known = state.ec2.instances.get(id);
    let Some(instance) = known.filter(|one| !one.state.ending()) else {
        return;
    };
    let key = instance.key_name.as_ref();
    let key = key.and_then(|name| state.ec2.keys.get(name));
    let metadata = metadata::of(state, instance, key.map(|key| &key.public));
    state.emit(Effect::Describe {
        instance: id.to_owned(),
        metadata,
    });
}

/// Ends the instance. An image that waits for it to come to rest is never made: AWS promises none of a machine that goes
/// meanwhile, so that clients must bear that there is none.
pub(super) fn take_back(state: &mut State, id: &str) {
    let known = state.ec2.instances.get_mut(id);
    let Some(instance) = known.filter(|one| !one.state.ending()) else {
        return;
    };
    let lost = std::mem::take(&mut instance.to_freeze);
    let reason = format!("Client.InvalidInstance: {id} was terminated before its snapshot began");
    for layer in lost {
        lifecycle::settle(state, &layer, Some(&reason));
    }
    lifecycle::terminate(state, id, StateReason::spot_termination());
}

fn of<'a>(state: &'a State, request: &str) -> Option<&'a Instance> {
    let mut instances = state.ec2.instances.values();
    instances.find(|one| one.spot_request.as_deref() == Some(request))
}

/// State, status code and message ("Spot request status").
fn status(state: &State, instance: &Instance) -> (&'static str, &'static str, &'static str) {
    let code = instance.reason.as_ref().map(|reason| reason.code);
    let noticed = instance.interruption.is_some_and(|at| {
        state
            .now
            .saturating_add(NOTICE)
            .is_ok_and(|soon| soon >= at)
    });
    match (instance.state.ending(), code) {
        (true, Some("Server.SpotInstanceTermination")) => (
            "closed",
            "instance-terminated-no-capacity",
            "Your Spot Instance was terminated because there is no Spot capacity available.",
        ),
        (true, _) => (
            "closed",
            "instance-terminated-by-user",
            "Spot Instance terminated due to user-initiated termination.",
        ),
        _ if noticed => (
            "active",
            "marked-for-termination",
            "Your Spot Instance is marked for termination.",
        ),
        _ if instance.state == InstanceState::Stopped => (
            "disabled",
            "instance-stopped-by-user",
            "Spot Instance stopped due to user-initiated stop.",
        ),
        _ => ("active", "fulfilled", "Your Spot request is fulfilled."),
    }
}

fn field(state: &State, request: &str, name: &str) -> Vec<String> {
    let Some(instance) = of(state, request) else {
        return Vec::new();
    };
    match name {
        "instance-id" => one(&instance.id),
        "launched-availability-zone" => one(&instance.zone),
        "spot-instance-request-id" => one(request),
        "state" => one(status(state, instance).0),
        "status-code" => one(status(state, instance).1),
        "type" => one("one-time"),
        _ => Vec::new(),
    }
}

fn show(state: &State, request: &str) -> Tree {
    let Some(instance) = of(state, request) else {
        return Tree::new();
    };
    let (word, code, message) = status(state, instance);
    let status = Tree::new()
        .put("code", code)
        .put("updateTime", instance.since)
        .put("message", message);
    Tree::new()
        .put("spotInstanceRequestId", request)
        .put("type", "one-time")
        .put("state", word)
        .put("status", status)
        .put("instanceId", &instance.id)
        .put("createTime", instance.launched)
        .put("productDescription", "Linux/UNIX")
        .put("launchedAvailabilityZone", &instance.zone)
        .put("instanceInterruptionBehavior", "terminate")
        .put("tagSet", tags::show(&state.ec2.tags_of(request)))
}

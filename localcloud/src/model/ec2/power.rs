//! Stopping, starting, rebooting and terminating instances by call.

use super::{
    super::{Fault, Service, Tree, actions::Action, args::Args, state::State},
    instance::{InstanceState, StateReason},
    lifecycle, show,
};

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Ec2,
        "StopInstances",
        "InstanceId Force Hibernate SkipOsShutdown",
        stop_instances,
    ),
    Action::new(
        Service::Ec2,
        "StartInstances",
        "InstanceId",
        start_instances,
    ),
    Action::new(
        Service::Ec2,
        "RebootInstances",
        "InstanceId",
        reboot_instances,
    ),
    Action::new(
        Service::Ec2,
        "TerminateInstances",
        "InstanceId Force SkipOsShutdown",
        terminate_instances,
    ),
];

/// The instances that a call names; one that is not there refuses the whole call.
fn named(state: &State, args: &Args<'_>) -> Result<Vec<(String, InstanceState)>, Fault> {
    let ids = args.texts("InstanceId")?;
    if ids.is_empty() {
        return Err(args.missing("InstanceId"));
    }
    let lost: Vec<&str> = ids
        .iter()
        .copied()
        .filter(|id| !state.ec2.instances.contains_key(*id))
        .collect();
    match lost[..] {
        [] => {}
        [id] => return Err(super::no_such("InvalidInstanceID", "instance ID", "i-", id)),
        _ => {
            let message = format!("The instance IDs '{}' do not exist", lost.join(", "));
            return Err(Fault::new("InvalidInstanceID.NotFound", message));
        }
    }
    let mut found: Vec<(String, InstanceState)> = Vec::new();
    for id in ids {
        let instance = super::instance(state, id)?;
        if found.iter().all(|(known, _)| known != id) {
            found.push((id.into(), instance.state));
        }
    }
    Ok(found)
}

fn changes(state: &State, before: &[(String, InstanceState)]) -> Tree {
    let change = |(id, was): &(String, InstanceState)| {
        let is = state
            .ec2
            .instances
            .get(id)
            .map_or(*was, |instance| instance.state);
        Tree::new()
            .put("instanceId", id)
            .put("currentState", show::state_of(is))
            .put("previousState", show::state_of(*was))
    };
    Tree::new().put(
        "instancesSet",
        before.iter().map(change).collect::<Vec<_>>(),
    )
}

fn incorrect(id: &str, what: &str) -> Fault {
    let message = format!("The instance '{id}' is not in a state from which it can be {what}.");
    Fault::new("IncorrectInstanceState", message)
}

fn stop_instances(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let named = named(state, args)?;
    for (id, was) in &named {
        let spot = super::instance(state, id)?.spot_request.is_some();
        match was {
            InstanceState::Running if spot => {
                let message = format!(
                    "You can't stop the Spot Instance '{id}' because it is associated with a one-time Spot Instance request."
                );
                return Err(Fault::new("UnsupportedOperation", message));
            }
            InstanceState::Running | InstanceState::Stopping | InstanceState::Stopped => {}
            _ => return Err(incorrect(id, "stopped")),
        }
    }
    for (id, _) in named
        .iter()
        .filter(|(_, was)| *was == InstanceState::Running)
    {
        lifecycle::stop(state, id, StateReason::user_shutdown());
    }
    Ok(changes(state, &named))
}

fn start_instances(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let named = named(state, args)?;
    for (id, was) in &named {
        if !matches!(
            was,
            InstanceState::Stopped | InstanceState::Pending | InstanceState::Running
        ) {
            return Err(incorrect(id, "started"));
        }
    }
    for (id, _) in named
        .iter()
        .filter(|(_, was)| *was == InstanceState::Stopped)
    {
        lifecycle::start(state, id);
    }
    Ok(changes(state, &named))
}

fn reboot_instances(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let named = named(state, args)?;
    if let Some((id, _)) = named.iter().find(|(_, was)| *was != InstanceState::Running) {
        return Err(incorrect(id, "rebooted"));
    }
    for (id, _) in named {
        lifecycle::reboot(state, &id);
    }
    Ok(Tree::new().put("return", true))
}

fn terminate_instances(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let named = named(state, args)?;
    for (id, _) in &named {
        if super::instance(state, id)?.protected {
            let message = format!(
                "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again."
            );
            return Err(Fault::new("OperationNotPermitted", message));
        }
    }
    for (id, _) in &named {
        lifecycle::terminate(state, id, StateReason::user_shutdown());
    }
    Ok(changes(state, &named))
}

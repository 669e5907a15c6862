//! How instances change state: by calls, and by what is seen of their machines.

use super::{
    super::{
        Effect, Fact,
        agenda::Due as Entry,
        state::{Change, State},
    },
    Due, images,
    instance::{Instance, InstanceState, OnShutdown, StateReason},
    roots, snapshots, spot,
};
use jiff::SignedDuration;

/// A terminated instance stays visible for about an hour (EC2 user guide, "Terminate your instance").
const SHOWN_AFTER_TERMINATION: SignedDuration = SignedDuration::from_hours(1);

/// Lets something happen that came due.
pub(in crate::model) fn due(state: &mut State, due: Due) {
    match due {
        Due::Forget { instance } => {
            state.ec2.instances.remove(&instance);
            state.ec2.tags.remove(&instance);
        }
        Due::Notice { instance } => spot::notice(state, &instance),
        Due::Interrupt { instance } => spot::take_back(state, &instance),
        Due::Settle { layer } => settle(state, &layer, None),
        Due::Fail { layer, reason } => settle(state, &layer, Some(&reason)),
    }
}

/// Takes in what was seen of a machine.
pub(in crate::model) fn observe(state: &mut State, fact: &Fact) {
    match fact {
        Fact::Running { instance } => running(state, instance),
        Fact::BootFailed { instance, reason } => boot_failed(state, instance, reason),
        Fact::Stopped { instance, asked } => stopped(state, instance, *asked),
        Fact::Gone { instance } => gone(state, instance),
        Fact::Console { instance, text } => {
            if let Some(known) = state.ec2.instances.get_mut(instance) {
                known.console = Some((state.now, text.clone()));
            }
        }
        Fact::Rooted { instance } => roots::replaced(state, instance),
        Fact::RootFailed {
            instance, detached, ..
        } => roots::not_replaced(state, instance, *detached),
        Fact::Frozen { image } => frozen(state, image, None),
        Fact::FreezeFailed { image, reason } => frozen(state, image, Some(reason)),
        Fact::Probed { .. }
        | Fact::Drained { .. }
        | Fact::Balanced { .. }
        | Fact::Served { .. } => {}
    }
}

/// Moves an instance to a state and announces it; does nothing when it is there already.
pub(in crate::model) fn go(
    state: &mut State,
    id: &str,
    to: InstanceState,
    reason: Option<StateReason>,
) {
    let Some(instance) = state
        .ec2
        .instances
        .get_mut(id)
        .filter(|instance| instance.state != to)
    else {
        return;
    };
    let from = Some(instance.state);
    instance.state = to;
    instance.since = state.now;
    instance.reason = reason.or(instance
        .reason
        .take()
        .filter(|_| to != InstanceState::Pending && to != InstanceState::Running));
    state.announce(Change::Instance {
        id: id.into(),
        from,
        to,
    });
}

/// Ends an instance, whatever it is doing. Does nothing for one that is ending or unknown.
pub(in crate::model) fn terminate(state: &mut State, id: &str, reason: StateReason) {
    let Some(instance) = state
        .ec2
        .instances
        .get(id)
        .filter(|instance| !instance.state.ending())
    else {
        return;
    };
    let stopped_for_freeze = instance.to_freeze.clone();
    go(state, id, InstanceState::ShuttingDown, Some(reason));
    for image in stopped_for_freeze {
        // The machine was coming to rest for this image; what it has is frozen before it goes.
        freeze(state, id, &image, true);
    }
    if let Some(instance) = state.ec2.instances.get_mut(id) {
        instance.to_freeze.clear();
        instance.waiting.clear();
    }
    ask(
        state,
        id,
        Effect::Terminate {
            instance: id.into(),
        },
    );
}

/// Stops an instance in order.
pub(in crate::model) fn stop(state: &mut State, id: &str, reason: StateReason) {
    go(state, id, InstanceState::Stopping, Some(reason));
    ask(
        state,
        id,
        Effect::Stop {
            instance: id.into(),
        },
    );
}

/// Starts a stopped instance again.
pub(in crate::model) fn start(state: &mut State, id: &str) {
    go(state, id, InstanceState::Pending, None);
    if let Some(instance) = state.ec2.instances.get_mut(id) {
        instance.launched = state.now;
    }
    ask(
        state,
        id,
        Effect::Start {
            instance: id.into(),
        },
    );
}

/// Restarts a running instance; one that is being stopped for an image comes back by itself.
pub(in crate::model) fn reboot(state: &mut State, id: &str) {
    let known = state.ec2.instances.get(id);
    if known.is_some_and(|instance| instance.to_freeze.is_empty()) {
        ask(
            state,
            id,
            Effect::Reboot {
                instance: id.into(),
            },
        );
    }
}

/// Asks something of a machine, after the freezes that are under way.
pub(super) fn ask(state: &mut State, id: &str, effect: Effect) {
    match state.ec2.instances.get_mut(id) {
        Some(instance) if !instance.freezing.is_empty() => instance.waiting.push(effect),
        _ => state.emit(effect),
    }
}

/// Freezes an instance's machine into the layer `layer`; a running machine is stopped for it unless told otherwise.
pub(in crate::model) fn freeze_in_order(state: &mut State, id: &str, layer: &str, no_reboot: bool) {
    let Some(instance) = state.ec2.instances.get_mut(id) else {
        return;
    };
    let up = matches!(
        instance.state,
        InstanceState::Running | InstanceState::Pending
    );
    if up && !no_reboot {
        instance.to_freeze.push(layer.into());
        if instance.to_freeze.len() == 1 {
            ask(
                state,
                id,
                Effect::Stop {
                    instance: id.into(),
                },
            );
        }
        return;
    }
    let at_rest = instance.state == InstanceState::Stopped;
    freeze(state, id, layer, !at_rest);
}

fn freeze(state: &mut State, id: &str, layer: &str, running: bool) {
    if let Some(instance) = state.ec2.instances.get_mut(id) {
        instance.freezing.push(layer.into());
    }
    state.emit(Effect::Freeze {
        image: layer.into(),
        instance: id.into(),
        running,
    });
}

fn running(state: &mut State, id: &str) {
    if let Some(instance) = state.ec2.instances.get_mut(id) {
        instance.impaired = false;
    }
    let pending = |instance: &&mut Instance| instance.state == InstanceState::Pending;
    if let Some(instance) = state.ec2.instances.get_mut(id).filter(pending) {
        instance.ran = true;
        go(state, id, InstanceState::Running, None);
    }
}

/// A launch that fails ends the instance; one that ran before keeps its volumes and is stopped.
fn boot_failed(state: &mut State, id: &str, reason: &str) {
    let Some(instance) = state.ec2.instances.get_mut(id) else {
        return;
    };
    match (instance.state, instance.ran) {
        // To EC2 it runs; only its status checks tell.
        (InstanceState::Running, true) if instance.rerooted => instance.impaired = true,
        // It is told separately that it is at rest.
        (InstanceState::Stopping | InstanceState::Stopped, true) if instance.rerooted => {}
        (InstanceState::Pending, true) => {
            go(
                state,
                id,
                InstanceState::Stopped,
                Some(StateReason::internal(reason)),
            );
        }
        _ => terminate(state, id, StateReason::internal(reason)),
    }
}

fn stopped(state: &mut State, id: &str, asked: bool) {
    let Some(instance) = state.ec2.instances.get_mut(id) else {
        return;
    };
    let (was, on_shutdown) = (instance.state, instance.on_shutdown);
    let layers = std::mem::take(&mut instance.to_freeze);
    // It is at rest already, whatever waits for a freeze to stop or restart it.
    instance
        .waiting
        .retain(|effect| !matches!(effect, Effect::Stop { .. } | Effect::Reboot { .. }));
    let up = matches!(was, InstanceState::Running | InstanceState::Pending);
    for layer in &layers {
        freeze(state, id, layer, false);
    }
    match on_shutdown {
        // Its state does not change for an image: as on AWS, the restart shows only on the machine itself.
        _ if up && !layers.is_empty() => ask(
            state,
            id,
            Effect::Start {
                instance: id.into(),
            },
        ),
        _ if was == InstanceState::Stopping => go(state, id, InstanceState::Stopped, None),
        OnShutdown::Stop if up && !asked => {
            go(
                state,
                id,
                InstanceState::Stopped,
                Some(StateReason::inside()),
            );
        }
        OnShutdown::Terminate if up && !asked => terminate(state, id, StateReason::inside()),
        _ => {}
    }
}

fn gone(state: &mut State, id: &str) {
    let Some(instance) = state
        .ec2
        .instances
        .get(id)
        .filter(|instance| instance.state != InstanceState::Terminated)
    else {
        return;
    };
    let volumes = instance.volumes.clone();
    roots::gone(state, id);
    go(state, id, InstanceState::Terminated, None);
    for attached in volumes {
        if attached.delete_on_termination {
            state.ec2.volumes.remove(&attached.volume);
            state.ec2.tags.remove(&attached.volume);
        } else if let Some(volume) = state.ec2.volumes.get_mut(&attached.volume) {
            volume.attached = None;
        }
    }
    if let Some(instance) = state.ec2.instances.get_mut(id) {
        instance.volumes.clear();
    }
    state.after(
        SHOWN_AFTER_TERMINATION,
        Entry::Ec2(Due::Forget {
            instance: id.into(),
        }),
    );
}

/// A layer is there, or will never be: its image and snapshot hear of it.
pub(super) fn settle(state: &mut State, layer: &str, failure: Option<&String>) {
    images::layer_settled(state, layer, failure);
    snapshots::layer_settled(state, layer, failure);
}

/// A freeze is over: what it was for is settled, and the machine goes on.
fn frozen(state: &mut State, layer: &str, failure: Option<&String>) {
    settle(state, layer, failure);
    let freezes = |instance: &&mut Instance| instance.freezing.iter().any(|l| l == layer);
    if let Some(instance) = state.ec2.instances.values_mut().find(freezes) {
        instance.freezing.retain(|l| l != layer);
        if instance.freezing.is_empty() {
            for effect in std::mem::take(&mut instance.waiting) {
                state.emit(effect);
            }
        }
    }
    if failure.is_none() {
        // Its image and snapshot may have been let go while it was made.
        snapshots::discard_unless_kept(state, layer);
    }
}

//! Volumes put on instances and taken off: `AttachVolume`, `DetachVolume`.
//!
//! Only root volumes hold files here, so that the world hears of these alone. A root comes and goes while its instance is
//! stopped ("Detach an Amazon EBS volume from an Amazon EC2 instance").

use super::{
    super::{Effect, Fault, Service, Tree, actions::Action, args::Args, state::State},
    instance::{Attached, Instance, InstanceState},
    roots, volumes,
};

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Ec2,
        "AttachVolume",
        "VolumeId InstanceId Device",
        attach_volume,
    ),
    Action::new(
        Service::Ec2,
        "DetachVolume",
        "VolumeId InstanceId Device Force",
        detach_volume,
    ),
];

fn answer(state: &State, volume: &str, instance: &str, device: &str, status: &str) -> Tree {
    Tree::new()
        .put("volumeId", volume)
        .put("instanceId", instance)
        .put("device", device)
        .put("status", status)
        .put("attachTime", state.now)
        .put("deleteOnTermination", false)
}

fn attach_volume(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let (id, device) = (args.text("VolumeId")?, args.text("Device")?);
    let instance = super::instance(state, args.text("InstanceId")?)?.clone();
    volumes::volume(state, id)?;
    let is_root = device == instance.root_device;
    fits(&instance, is_root)?;
    let volume = volumes::free(state, id, &instance.zone)?;
    if instance.volumes.iter().any(|on| on.device == device) {
        let message = format!(
            "Invalid value '{device}' for unixDevice. Attachment point {device} is already in use"
        );
        return Err(Fault::new("InvalidParameterValue", message));
    }
    if is_root {
        let effect = Effect::Root {
            instance: instance.id.clone(),
            away: None,
            root: Some(volumes::files(state, volume)),
            running: false,
        };
        state.emit(effect);
    }
    volumes::put_on(state, id, (&instance.id, device));
    if let Some(known) = state.ec2.instances.get_mut(&instance.id) {
        known.volumes.push(Attached {
            device: device.into(),
            volume: id.into(),
            delete_on_termination: false,
        });
    }
    Ok(answer(state, id, &instance.id, device, "attaching"))
}

fn fits(instance: &Instance, is_root: bool) -> Result<(), Fault> {
    match instance.state {
        InstanceState::Stopped => Ok(()),
        InstanceState::Running if !is_root => Ok(()),
        InstanceState::Running => {
            let message = format!("Instance '{}' is not 'stopped'.", instance.id);
            Err(Fault::new("IncorrectState", message))
        }
        _ => {
            let message = format!("Instance '{}' is not 'running'.", instance.id);
            Err(Fault::new("IncorrectState", message))
        }
    }
}

fn detach_volume(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let id = args.text("VolumeId")?;
    let Some((on, device)) = volumes::volume(state, id)?.attached.clone() else {
        let message = format!("Volume '{id}' is in the 'available' state.");
        return Err(Fault::new("IncorrectState", message));
    };
    let other = |name: &str, is: &str| -> Result<bool, Fault> {
        Ok(args.maybe_text(name)?.is_some_and(|named| named != is))
    };
    if other("InstanceId", &on)? || other("Device", &device)? {
        let message = format!("The volume '{id}' is not attached as named.");
        return Err(Fault::new("InvalidAttachment.NotFound", message));
    }
    let instance = super::instance(state, &on)?;
    let is_root = device == instance.root_device;
    if is_root && instance.state != InstanceState::Stopped {
        let message = format!("Unable to detach root volume '{id}' from instance '{on}'");
        return Err(Fault::new("OperationNotPermitted", message));
    }
    if is_root {
        // It may have shut itself down in the middle.
        roots::unreplaced(state, &on)?;
        state.emit(Effect::Root {
            instance: on.clone(),
            away: Some(id.into()),
            root: None,
            running: false,
        });
        volumes::put_away(state, id);
    } else if let Some(volume) = state.ec2.volumes.get_mut(id) {
        volume.attached = None;
    }
    if let Some(known) = state.ec2.instances.get_mut(&on) {
        known.volumes.retain(|one| one.volume != id);
    }
    Ok(answer(state, id, &on, &device, "detaching"))
}

//! The machine that the image is made of: launched, waited for, brought to rest.

use std::cell::Cell;

use crate::bake::settings::SshSettings;
use crate::bake::{BakePlan, Error, fleet};
use crate::cloud::{
    Cloud, Error as CloudError, Filter, Instance, InstanceId, InstanceState, Kind, NewInstance,
    SecurityGroupId,
};
use crate::run::{Event, Events, Ledger, Lifetime, Readiness, RunId, Slot};
use crate::source::Place;
use crate::undo::{self, Undo, of};

/// Launches the machine, trying each way of the plan until one goes through. Volumes that would outlive it are on the
/// ledger before it is, in the slot that is given too. `earlier` counts the tries before.
///
/// Errors with every refusal when no way goes through for want of capacity, and at once with any other refusal.
pub(super) async fn launch(
    plan: &BakePlan,
    group: Option<&SecurityGroupId>,
    earlier: u32,
    on: (&impl Cloud, &dyn Events),
    made: &mut Ledger<'_, Undo>,
) -> Result<(InstanceId, Option<Slot>), Error> {
    let run = plan.run;
    let volumes = if plan.volumes_outlive {
        Some(made.intend(Lifetime::Scratch, Undo::DeleteVolumesOf { run })?)
    } else {
        None
    };
    let error = match first_that_goes(plan, group, earlier, on, made).await {
        Ok(id) => return Ok((id, volumes)),
        Err(error) => error,
    };
    if let Some(slot) = volumes.filter(|_| error.made_nothing()) {
        made.forget(slot)?;
    }
    Err(error)
}

async fn first_that_goes(
    plan: &BakePlan,
    group: Option<&SecurityGroupId>,
    earlier: u32,
    (cloud, events): (&impl Cloud, &dyn Events),
    made: &mut Ledger<'_, Undo>,
) -> Result<InstanceId, Error> {
    let mut refusals = Vec::new();
    for attempt in &plan.attempts {
        let mut wanted = attempt.instance(&plan.instance);
        wanted.security_groups.extend(group.cloned());
        wanted.token = attempt.token(earlier);
        let launched = match &attempt.spot {
            Some(spot) if attempt.is_fleet() => {
                fleet::launch(plan, (attempt, spot), &wanted, cloud, made).await
            }
            _ => one(plan, &wanted, cloud, made).await,
        };
        let error = match launched {
            Ok(id) => return Ok(id),
            Err(error) => error,
        };
        let undo::Error::Cloud(error) = error else {
            return Err(error.into());
        };
        if error.kind != Kind::Limit || plan.attempts.len() == 1 {
            return Err(Error::Cloud(error).blame(|error| blame(error, plan)));
        }
        let text = format!("no machine as {attempt}: {error}");
        events.emit(Event::Warning { text: text.clone() });
        refusals.push(text);
    }
    Err(Error::Exhausted {
        refusals,
        place: plan.places.instance_type,
    })
}

async fn one(
    plan: &BakePlan,
    wanted: &NewInstance,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<InstanceId, undo::Error> {
    let run = plan.run;
    let token = [Filter::new("client-token", wanted.token.as_str())];
    let launched = undo::make(
        made,
        Lifetime::Scratch,
        Undo::TerminateInstancesOf { run },
        async || cloud.launch(wanted).await,
        async || Ok(cloud.find_instances(&token).await?.pop()),
        |instance: &Instance| Undo::TerminateInstance {
            id: instance.id.clone(),
        },
    );
    Ok(launched.await?.id)
}

/// The place of the value that a refusal is about, told by its code ("Error codes for the Amazon EC2 API"). Where the code
/// only says that a parameter is bad, the parameter's name in the text decides what is pointed at, and nothing else.
pub(super) fn blame(error: &CloudError, plan: &BakePlan) -> Option<Place> {
    let places = &plan.places;
    let code = error.code.as_deref().unwrap_or_default();
    let says = |word: &str| error.message.contains(word);
    let by_code = [
        ("InvalidKeyPair", places.key_pair),
        ("InvalidGroup", places.security_groups),
        ("InvalidSecurityGroup", places.security_groups),
        ("InvalidSubnet", places.subnet),
        ("InsufficientFreeAddresses", places.subnet),
        ("SpotMaxPriceTooLow", places.spot),
        ("InvalidBlockDevice", places.devices),
        ("InsufficientInstanceCapacity", places.instance_type),
        ("Unsupported", places.instance_type),
        ("VcpuLimitExceeded", places.instance_type),
        ("InvalidInstanceType", places.instance_type),
    ];
    let by_word = [
        ("iamInstanceProfile", places.profile),
        ("Instance Profile", places.profile),
        ("nstance type", places.instance_type),
        ("nstanceType", places.instance_type),
        ("vailability zone", places.zone),
        ("ser data", places.user_data),
    ];
    let known = by_code
        .into_iter()
        .find(|(start, _)| code.starts_with(start));
    let named = by_word.into_iter().find(|(word, _)| says(word));
    known.or(named)?.1
}

/// So many looks find no public address before the private one will do; as many as Packer takes (anchors/packer.md 2.6).
const LOOKS: u32 = 3;

/// Whether the machine runs and has the address that is wanted; gives the address. `looks` counts those in vain.
pub(super) async fn running(
    id: &InstanceId,
    ssh: &SshSettings,
    looks: &Cell<u32>,
    cloud: &impl Cloud,
) -> Result<Readiness<String>, Error> {
    let instance = match look(id, cloud).await? {
        Ok(instance) => instance,
        Err(reason) => return Ok(Readiness::NotYet(reason)),
    };
    Ok(match instance.state {
        InstanceState::Running => match ssh.address(&instance.addresses) {
            Some(_) if ssh.may_become_public(&instance.addresses) && looks.get() < LOOKS => {
                looks.set(looks.get() + 1);
                Readiness::NotYet("it has no public address".to_owned())
            }
            Some(address) => Readiness::Ready(address),
            None => Readiness::NotYet("it has no address to connect to".to_owned()),
        },
        InstanceState::Pending => Readiness::NotYet("it is pending".to_owned()),
        _ => Readiness::Never(ended(&instance)),
    })
}

/// Whether the machine has come to rest.
pub(super) async fn stopped(
    id: &InstanceId,
    cloud: &impl Cloud,
) -> Result<Readiness<Instance>, Error> {
    let instance = match look(id, cloud).await? {
        Ok(instance) => instance,
        Err(reason) => return Ok(Readiness::NotYet(reason)),
    };
    Ok(match instance.state {
        InstanceState::Stopped => Readiness::Ready(instance),
        state if state.is_ending() => Readiness::Never(ended(&instance)),
        state => Readiness::NotYet(format!("it is {}", state.word())),
    })
}

/// Notes which volumes stay behind the machine, now that it tells: those that were launched with it, by the run's tag. A
/// provisioner may have attached others, which are not the run's.
pub(super) async fn note_volumes(
    instance: &Instance,
    run: RunId,
    slot: Slot,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let mut ids = instance.lasting_volumes.clone();
    if !ids.is_empty() {
        let ours = cloud.find_volumes(&of(run)).await?;
        ids.retain(|id| ours.contains(id));
    }
    if ids.is_empty() {
        return Ok(made.forget(slot)?);
    }
    Ok(made.made(slot, Undo::DeleteVolumes { ids })?)
}

/// Why the machine can never answer, if it has gone.
pub(super) async fn gone(id: &InstanceId, cloud: &impl Cloud) -> Result<Option<String>, Error> {
    let instance = look(id, cloud).await?.ok();
    Ok(instance
        .filter(Instance::has_gone)
        .map(|instance| ended(&instance)))
}

/// The result of a call about the machine; where it was refused because there is no machine any more, that is said instead.
/// One that is stopped is still there: nothing else is made an image of.
pub(super) async fn or_gone<T>(
    id: &InstanceId,
    cloud: &impl Cloud,
    result: Result<T, Error>,
) -> Result<T, Error> {
    match result {
        Err(error) if error.made_nothing() => match look(id, cloud).await {
            Ok(Ok(instance)) if instance.state.is_ending() => Err(Error::Gone(ended(&instance))),
            _ => Err(error),
        },
        result => result,
    }
}

/// The instance, or why it cannot be seen right now: a new one is not known everywhere at once.
pub(super) async fn look(
    id: &InstanceId,
    cloud: &impl Cloud,
) -> Result<Result<Instance, String>, Error> {
    match cloud.instance(id).await {
        Err(error) if error.is_not_found() || error.is_passing() => Ok(Err(error.to_string())),
        answer => Ok(Ok(answer?)),
    }
}

pub(super) fn ended(instance: &Instance) -> String {
    let Instance { id, state, .. } = instance;
    if instance.interrupted {
        return format!(
            "EC2 has taken the spot machine {id} back, since it needs its capacity: nothing of it is left; bake again, with \
             other `spot_instance_types` or without `spot_price`"
        );
    }
    let reason = instance.reason.as_deref().unwrap_or("no reason given");
    format!("{id} is {}: {reason}", state.word())
}

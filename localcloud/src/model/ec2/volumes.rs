//! Volumes: those of instances, and those that stand alone.

use super::{
    super::{Effect, Fault, Root, Service, Tree, actions::Action, args::Args, state::State, tags},
    describe::{Kind, PAGED, one},
    encryption, network,
};
use jiff::Timestamp;

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Ec2,
        "DescribeVolumes",
        "VolumeId Filter MaxResults NextToken",
        describe_volumes,
    ),
    Action::new(
        Service::Ec2,
        "CreateVolume",
        "AvailabilityZone Size SnapshotId VolumeType Encrypted KmsKeyId Iops Throughput TagSpecification ClientToken",
        create_volume,
    ),
    Action::new(Service::Ec2, "DeleteVolume", "VolumeId", delete_volume),
];

#[derive(Clone, Debug)]
pub(in crate::model) struct Volume {
    pub(in crate::model) id: String,
    pub(in crate::model) size: u32,
    pub(in crate::model) kind: String,
    pub(in crate::model) zone: String,
    pub(in crate::model) snapshot: Option<String>,
    pub(in crate::model) encrypted: bool,
    /// The ARN of the key, when it is encrypted.
    pub(in crate::model) kms_key: Option<String>,
    pub(in crate::model) created: Timestamp,
    /// The instance and device that it is on.
    pub(in crate::model) attached: Option<(String, String)>,
    /// The world keeps its files under its id: it has been a root, and is on no instance.
    pub(in crate::model) put_away: bool,
}

fn no_such_volume(id: &str) -> Fault {
    let fault = super::no_such("InvalidVolume", "volume", "vol-", id);
    let code = if fault.code.ends_with("Malformed") {
        "InvalidVolumeID.Malformed"
    } else {
        "InvalidVolume.NotFound"
    };
    Fault::new(code, fault.message)
}

/// The volume, or the refusal for an id that names none.
pub(super) fn volume<'a>(state: &'a State, id: &str) -> Result<&'a Volume, Fault> {
    state.ec2.volumes.get(id).ok_or_else(|| no_such_volume(id))
}

/// A volume that can be put on an instance of this zone.
pub(super) fn free<'a>(state: &'a State, id: &str, zone: &str) -> Result<&'a Volume, Fault> {
    let volume = volume(state, id)?;
    if volume.attached.is_some() {
        let message = format!("{id} is already attached to an instance");
        return Err(Fault::new("VolumeInUse", message));
    }
    if volume.zone != zone {
        let message =
            format!("The volume '{id}' is not in the same availability zone as the instance");
        return Err(Fault::new("InvalidVolume.ZoneMismatch", message));
    }
    Ok(volume)
}

/// What a machine finds on a volume that becomes its root.
pub(super) fn files(state: &State, volume: &Volume) -> Root {
    let snapshot = volume.snapshot.as_deref();
    let snapshot = snapshot.and_then(|id| state.ec2.snapshots.get(id));
    match snapshot.and_then(|snapshot| snapshot.layer.clone()) {
        Some(image) if !volume.put_away => Root::Fresh { image },
        _ => Root::Kept {
            volume: volume.id.clone(),
        },
    }
}

/// Takes in that a root volume is on no instance any more.
pub(super) fn put_away(state: &mut State, id: &str) {
    if let Some(volume) = state.ec2.volumes.get_mut(id) {
        (volume.attached, volume.put_away) = (None, true);
    }
}

/// Takes in that a volume is on an instance, as this device.
pub(super) fn put_on(state: &mut State, id: &str, (instance, device): (&str, &str)) {
    if let Some(volume) = state.ec2.volumes.get_mut(id) {
        volume.attached = Some((instance.into(), device.into()));
        volume.put_away = false;
    }
}

/// Removes a volume that is on no instance.
pub(super) fn remove(state: &mut State, id: &str) {
    state.ec2.tags.remove(id);
    if state
        .ec2
        .volumes
        .remove(id)
        .is_some_and(|volume| volume.put_away)
    {
        state.emit(Effect::Scrap { volume: id.into() });
    }
}

const VOLUMES: Kind = Kind {
    ids: "VolumeId",
    set: "volumeSet",
    filters: "attachment.delete-on-termination attachment.device attachment.instance-id attachment.status \
        availability-zone create-time encrypted size snapshot-id status volume-id volume-type",
    paging: PAGED,
    all: |state| state.ec2.volumes.keys().cloned().collect(),
    missing: no_such_volume,
    field,
    show,
};

fn describe_volumes(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    VOLUMES.describe(state, args)
}

fn field(state: &State, id: &str, name: &str) -> Vec<String> {
    let Some(volume) = state.ec2.volumes.get(id) else {
        return Vec::new();
    };
    let attached = volume.attached.iter();
    match name {
        "attachment.device" => attached.map(|(_, device)| device.clone()).collect(),
        "attachment.instance-id" => attached.map(|(instance, _)| instance.clone()).collect(),
        "attachment.status" => attached.map(|_| "attached".into()).collect(),
        "attachment.delete-on-termination" => attached
            .map(|_| deletes(state, volume).to_string())
            .collect(),
        "availability-zone" => one(&volume.zone),
        "encrypted" => one(volume.encrypted),
        "size" => one(volume.size),
        "snapshot-id" => volume.snapshot.clone().into_iter().collect(),
        "status" => one(status(volume)),
        "volume-id" => one(&volume.id),
        "volume-type" => one(&volume.kind),
        _ => Vec::new(),
    }
}

fn status(volume: &Volume) -> &'static str {
    if volume.attached.is_some() {
        "in-use"
    } else {
        "available"
    }
}

fn deletes(state: &State, volume: &Volume) -> bool {
    let instance = volume
        .attached
        .as_ref()
        .and_then(|(instance, _)| state.ec2.instances.get(instance));
    let on = instance.and_then(|instance| {
        instance
            .volumes
            .iter()
            .find(|attached| attached.volume == volume.id)
    });
    on.is_some_and(|attached| attached.delete_on_termination)
}

fn show(state: &State, id: &str) -> Tree {
    let Some(volume) = state.ec2.volumes.get(id) else {
        return Tree::new();
    };
    let attachment = |(instance, device): &(String, String)| {
        Tree::new()
            .put("volumeId", id)
            .put("instanceId", instance)
            .put("device", device)
            .put("status", "attached")
            .put("attachTime", volume.created)
            .put("deleteOnTermination", deletes(state, volume))
    };
    Tree::new()
        .put("volumeId", id)
        .put("size", volume.size)
        .put("snapshotId", volume.snapshot.as_deref().unwrap_or_default())
        .put("availabilityZone", &volume.zone)
        .put("status", status(volume))
        .put("createTime", volume.created)
        .put(
            "attachmentSet",
            volume.attached.iter().map(attachment).collect::<Vec<_>>(),
        )
        .put("volumeType", &volume.kind)
        .put("encrypted", volume.encrypted)
        .put_some("kmsKeyId", volume.kms_key.as_ref())
        .put("multiAttachEnabled", false)
        .put("tagSet", tags::show(&state.ec2.tags_of(id)))
}

fn create_volume(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    if let Some(id) = state
        .tokens
        .replay("CreateVolume", args)?
        .and_then(|ids| ids.into_iter().next())
    {
        return Ok(show(state, &id));
    }
    let zone = args.text("AvailabilityZone")?;
    if !network::zones(state).contains(zone) {
        let message = format!("The zone '{zone}' does not exist.");
        return Err(Fault::new("InvalidZone.NotFound", message));
    }
    let snapshot = args.maybe_text("SnapshotId")?.filter(|id| !id.is_empty());
    let size = size(state, args, snapshot)?;
    let tags = tags::read_for(args, "volume")?;
    let of = snapshot.map(|id| super::snapshot(state, id)).transpose()?;
    let encryption = encryption::of(
        state,
        args.flag("Encrypted")?,
        args.maybe_text("KmsKeyId")?,
        of.and_then(|snapshot| snapshot.kms_key.as_deref()),
    )?;
    let id = state.ids.resource("vol");
    let volume = Volume {
        id: id.clone(),
        size,
        kind: args
            .word("VolumeType", "standard io1 io2 gp2 gp3 sc1 st1")?
            .unwrap_or("gp2")
            .into(),
        zone: zone.into(),
        snapshot: snapshot.map(String::from),
        encrypted: encryption.is_some(),
        kms_key: encryption,
        created: state.now,
        attached: None,
        put_away: false,
    };
    state.ec2.volumes.insert(id.clone(), volume);
    state.ec2.tag(&id, &tags);
    state.hide_for_a_while(&id);
    state
        .tokens
        .remember("CreateVolume", args, std::slice::from_ref(&id));
    Ok(show(state, &id))
}

/// The size that is asked for, or that of the snapshot, and never less than that.
fn size(state: &State, args: &Args<'_>, snapshot: Option<&str>) -> Result<u32, Fault> {
    let snapshot = snapshot.map(|id| super::snapshot(state, id)).transpose()?;
    let least = snapshot.map(|snapshot| snapshot.size);
    let asked = args
        .int_in("Size", 1..=65536)?
        .and_then(|size| u32::try_from(size).ok());
    let Some(size) = asked.or(least) else {
        let message = "The request must contain the parameter size or snapshotId";
        return Err(Fault::new("MissingParameter", message));
    };
    if least.is_some_and(|least| size < least) {
        let why = "The size must not be below that of the snapshot.";
        return Err(args.invalid("Size", &size.to_string(), why));
    }
    Ok(size)
}

fn delete_volume(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let volume = volume(state, args.text("VolumeId")?)?;
    if let Some((instance, _)) = &volume.attached {
        let message = format!("Volume {} is currently attached to {instance}", volume.id);
        return Err(Fault::new("VolumeInUse", message));
    }
    let id = volume.id.clone();
    remove(state, &id);
    Ok(Tree::new().put("return", true))
}

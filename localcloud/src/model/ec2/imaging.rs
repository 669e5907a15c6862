//! Making images of machines and letting them go: `CreateImage`, `DeregisterImage`.

use super::{
    super::{Fault, Service, Tree, actions::Action, args::Args, state::State, tags, tags::Tags},
    images::{self, Image, ImageState, Mapping, Protection},
    instance::{Instance, InstanceState},
    lifecycle, snapshots,
    spec::{self, Disk},
};

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Ec2,
        "CreateImage",
        "InstanceId Name Description NoReboot BlockDeviceMapping TagSpecification",
        create_image,
    ),
    Action::new(
        Service::Ec2,
        "DeregisterImage",
        "ImageId DeleteAssociatedSnapshots",
        deregister_image,
    ),
];

/// What may stand in the name of an image (`CreateImage`, Name).
const NAME_MARKS: &str = "()[] ./-'@_";

pub(super) fn check_name(state: &State, args: &Args<'_>) -> Result<String, Fault> {
    let name = args.text("Name")?;
    let allowed = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || NAME_MARKS.contains(c));
    if !(3..=128).contains(&name.chars().count()) || !allowed {
        let message = format!(
            "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', ')', '.', '-', '/' and '_': {name}"
        );
        return Err(Fault::new("InvalidAMIName.Malformed", message));
    }
    let mine = |image: &&Image| image.name == name && image.owner == state.config.account;
    match state.ec2.images.values().find(mine) {
        Some(image) => {
            let message = format!("AMI name {name} is already in use by AMI {}", image.id);
            Err(Fault::new("InvalidAMIName.Duplicate", message))
        }
        None => Ok(name.into()),
    }
}

fn create_image(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let instance = super::instance(state, args.text("InstanceId")?)?.clone();
    let name = check_name(state, args)?;
    let mut tags = tags::read_specification(args, "image snapshot")?;
    if !matches!(
        instance.state,
        InstanceState::Running | InstanceState::Stopped
    ) {
        let message = format!(
            "Instance is not in state 'running' or 'stopped'. ({})",
            instance.id
        );
        return Err(Fault::new("InvalidParameterValue", message));
    }
    let no_reboot = args.flag("NoReboot")?.unwrap_or_default();
    let disks = laid_over(state, &instance, &spec::disks(args)?)?;
    let id = state.ids.resource("ami");
    let snapshot_tags = tags.remove("snapshot").unwrap_or_default();
    let mappings = disks.into_iter().map(|(mapping, volume)| {
        snapshot_of(state, &instance, &id, mapping, volume, &snapshot_tags)
    });
    let image = Image {
        mappings: mappings.collect(),
        source_instance: Some(instance.id.clone()),
        source_image: Some(instance.image.clone()),
        ena: instance.ena,
        sriov: instance.sriov,
        ..fresh(
            state,
            &id,
            name,
            args,
            &instance.architecture,
            &instance.root_device,
        )?
    };
    insert(state, image, &tags.remove("image").unwrap_or_default());
    lifecycle::freeze_in_order(state, &instance.id, &id, no_reboot);
    Ok(Tree::new().put("imageId", id))
}

/// The instance's volumes with the call's mappings laid over them; no volume where the image gets an empty device.
fn laid_over(
    state: &State,
    instance: &Instance,
    asked: &[Disk],
) -> Result<Vec<(Mapping, Option<String>)>, Fault> {
    let mut disks: Vec<(Mapping, Option<String>)> = Vec::new();
    for attached in &instance.volumes {
        let Some(volume) = state.ec2.volumes.get(&attached.volume) else {
            continue;
        };
        let mapping = Mapping {
            device: attached.device.clone(),
            snapshot: None,
            size: volume.size,
            kind: volume.kind.clone(),
            delete_on_termination: attached.delete_on_termination,
            encrypted: volume.encrypted,
            kms_key: volume.kms_key.clone(),
        };
        disks.push((mapping, Some(volume.id.clone())));
    }
    for disk in asked {
        let known = disks
            .iter()
            .position(|(mapping, _)| mapping.device == disk.device);
        if disk.none || disk.ephemeral {
            disks.retain(|(mapping, _)| mapping.device != disk.device);
            continue;
        }
        match known {
            Some(index) => lay_over(&mut disks[index].0, disk)?,
            None => disks.push((extra(state, disk)?, None)),
        }
    }
    Ok(disks)
}

fn lay_over(mapping: &mut Mapping, disk: &Disk) -> Result<(), Fault> {
    if let Some(size) = disk.size {
        if size < mapping.size {
            let message = format!(
                "The volume size of '{}' must not be smaller than {} GiB",
                disk.device, mapping.size
            );
            return Err(Fault::new("InvalidBlockDeviceMapping", message));
        }
        mapping.size = size;
    }
    if let Some(kind) = &disk.kind {
        mapping.kind.clone_from(kind);
    }
    mapping.delete_on_termination = disk
        .delete_on_termination
        .unwrap_or(mapping.delete_on_termination);
    Ok(())
}

pub(super) fn extra(state: &State, disk: &Disk) -> Result<Mapping, Fault> {
    let of_snapshot = disk
        .snapshot
        .as_ref()
        .map(|id| super::snapshot(state, id))
        .transpose()?;
    let Some(size) = disk.size.or(of_snapshot.map(|snapshot| snapshot.size)) else {
        return Err(Fault::new(
            "MissingParameter",
            "The request must contain the parameter size or snapshotId",
        ));
    };
    Ok(Mapping {
        device: disk.device.clone(),
        snapshot: disk.snapshot.clone(),
        size,
        kind: disk.kind.clone().unwrap_or_else(|| "gp2".into()),
        delete_on_termination: disk.delete_on_termination.unwrap_or(true),
        encrypted: of_snapshot.is_some_and(|snapshot| snapshot.encrypted)
            || disk.encrypted.unwrap_or_default(),
        kms_key: of_snapshot.and_then(|snapshot| snapshot.kms_key.clone()),
    })
}

/// Gives a mapping its own snapshot; that of the root device holds the image's files.
fn snapshot_of(
    state: &mut State,
    instance: &Instance,
    image: &str,
    mapping: Mapping,
    volume: Option<String>,
    tags: &Tags,
) -> Mapping {
    let Some(volume) = volume else { return mapping };
    let layer = (mapping.device == instance.root_device).then(|| image.to_owned());
    let description = format!("Created by CreateImage({}) for {image}", instance.id);
    let made = snapshots::Making {
        volume,
        size: mapping.size,
        description,
        encrypted: mapping.encrypted,
        kms_key: mapping.kms_key.clone(),
        awaits: image.into(),
        layer,
    };
    let id = snapshots::make(state, made, tags);
    Mapping {
        snapshot: Some(id),
        ..mapping
    }
}

pub(super) fn fresh(
    state: &State,
    id: &str,
    name: String,
    args: &Args<'_>,
    architecture: &str,
    root: &str,
) -> Result<Image, Fault> {
    Ok(Image {
        id: id.into(),
        name,
        description: args.maybe_text("Description")?.unwrap_or_default().into(),
        owner: state.config.account.clone(),
        created: state.now,
        architecture: architecture.into(),
        root_device: root.into(),
        mappings: Vec::new(),
        state: ImageState::Pending,
        public: false,
        shared_with: Vec::new(),
        shared_with_arns: Vec::new(),
        protection: Protection::Off,
        ena: true,
        sriov: true,
        tokens_required: false,
        source_instance: None,
        source_image: None,
        copied: false,
        deprecated: None,
        launched: None,
    })
}

pub(super) fn insert(state: &mut State, image: Image, tags: &Tags) {
    let id = image.id.clone();
    state.ec2.tag(&id, tags);
    state.ec2.images.insert(id.clone(), image);
    state.hide_for_a_while(&id);
}

fn deregister_image(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let image = images::image(state, args.text("ImageId")?)?.clone();
    if image.owner != state.config.account {
        return Err(Fault::new(
            "AuthFailure",
            format!("Not authorized for image:{}", image.id),
        ));
    }
    super::protection::refuse_protected(state, &image)?;
    let with_snapshots = args.flag("DeleteAssociatedSnapshots")?.unwrap_or_default();
    state.ec2.images.remove(&image.id);
    state.ec2.tags.remove(&image.id);
    snapshots::discard_unless_kept(state, &image.id);
    let mut results = Vec::new();
    if with_snapshots {
        for id in image
            .mappings
            .into_iter()
            .filter_map(|mapping| mapping.snapshot)
        {
            let used = snapshots::used_by(state, &id).is_some();
            if !used {
                snapshots::remove(state, &id);
            }
            results.push(
                Tree::new()
                    .put("snapshotId", id)
                    .put("returnCode", if used { "skipped" } else { "success" }),
            );
        }
    }
    Ok(Tree::new()
        .put("return", true)
        .put("deleteSnapshotResultSet", results))
}

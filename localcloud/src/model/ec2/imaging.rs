//! Making images and letting them go: CreateImage, CopyImage, RegisterImage, DeregisterImage.

use super::{
    super::{
        Effect, Fault, Service, Tree, actions::Action, agenda, args::Args, state::State, tags,
        tags::Tags,
    },
    Due,
    images::{self, Image, ImageState, Mapping},
    instance::{Instance, InstanceState},
    lifecycle, snapshots,
    spec::{self, Disk},
};
use jiff::SignedDuration;

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Ec2,
        "CreateImage",
        "InstanceId Name Description NoReboot BlockDeviceMapping TagSpecification",
        create_image,
    ),
    Action::new(
        Service::Ec2,
        "CopyImage",
        "SourceImageId SourceRegion Name Description ClientToken Encrypted CopyImageTags TagSpecification",
        copy_image,
    ),
    Action::new(
        Service::Ec2,
        "RegisterImage",
        "Name Description Architecture RootDeviceName BlockDeviceMapping VirtualizationType SriovNetSupport EnaSupport \
         BootMode ImdsSupport TagSpecification",
        register_image,
    ),
    Action::new(
        Service::Ec2,
        "DeregisterImage",
        "ImageId DeleteAssociatedSnapshots",
        deregister_image,
    ),
];

/// A copy within one host is a second name for the same files; it is pending long enough to be seen as such.
const COPY_TIME: SignedDuration = SignedDuration::from_secs(5);

/// What may stand in the name of an image (CreateImage, Name).
const NAME_MARKS: &str = "()[] ./-'@_";

fn check_name(state: &State, args: &Args<'_>) -> Result<String, Fault> {
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

fn extra(state: &State, disk: &Disk) -> Result<Mapping, Fault> {
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
        encrypted: disk.encrypted.unwrap_or_default(),
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
        awaits: image.into(),
        layer,
    };
    let id = snapshots::make(state, made, tags);
    Mapping {
        snapshot: Some(id),
        ..mapping
    }
}

fn fresh(
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
        ena: true,
        sriov: true,
        tokens_required: false,
        source_instance: None,
        source_image: None,
        deprecated: None,
        launched: None,
    })
}

fn insert(state: &mut State, image: Image, tags: &Tags) {
    let id = image.id.clone();
    state.ec2.tag(&id, tags);
    state.ec2.images.insert(id.clone(), image);
    state.hide_for_a_while(&id);
}

fn copy_image(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    if let Some(id) = state
        .tokens
        .replay("CopyImage", args)?
        .and_then(|ids| ids.into_iter().next())
    {
        return Ok(Tree::new().put("imageId", id));
    }
    let region = args.text("SourceRegion")?;
    if region != state.config.region {
        return Err(Fault::new(
            "InvalidRequest",
            format!("The source region {region} cannot be reached from here."),
        ));
    }
    let source = images::image(state, args.text("SourceImageId")?)?.clone();
    if source.state != ImageState::Available {
        return Err(Fault::new(
            "InvalidRequest",
            format!("Image {} is not available.", source.id),
        ));
    }
    let name = check_name(state, args)?;
    let mut by_type = tags::read_specification(args, "image snapshot")?;
    let mut tags = if args.flag("CopyImageTags")?.unwrap_or_default() {
        state.ec2.tags_of(&source.id)
    } else {
        Tags::new()
    };
    tags.extend(by_type.remove("image").unwrap_or_default());
    let id = state.ids.resource("ami");
    let snapshot_tags = by_type.remove("snapshot").unwrap_or_default();
    let mappings = source
        .mappings
        .iter()
        .map(|m| copied(state, &source, &id, m, &snapshot_tags))
        .collect();
    let image = Image {
        mappings,
        ena: source.ena,
        sriov: source.sriov,
        tokens_required: source.tokens_required,
        source_image: Some(source.id.clone()),
        ..fresh(
            state,
            &id,
            name,
            args,
            &source.architecture,
            &source.root_device,
        )?
    };
    insert(state, image, &tags);
    state.emit(Effect::Alias {
        image: id.clone(),
        of: source.id,
    });
    state.after(
        COPY_TIME,
        agenda::Due::Ec2(Due::Settle { layer: id.clone() }),
    );
    state
        .tokens
        .remember("CopyImage", args, std::slice::from_ref(&id));
    Ok(Tree::new().put("imageId", id))
}

fn copied(state: &mut State, source: &Image, id: &str, mapping: &Mapping, tags: &Tags) -> Mapping {
    let Some(snapshot) = &mapping.snapshot else {
        return mapping.clone();
    };
    let layer = (mapping.device == source.root_device).then(|| id.to_owned());
    let description = format!(
        "Copied for DestinationAmi {id} from SourceAmi {} for SourceSnapshot {snapshot}.",
        source.id
    );
    // Copies belong to no volume; AWS shows this one.
    let volume = "vol-ffffffff".to_owned();
    let making = snapshots::Making {
        volume,
        size: mapping.size,
        description,
        encrypted: mapping.encrypted,
        awaits: id.into(),
        layer,
    };
    let snapshot = snapshots::make(state, making, tags);
    Mapping {
        snapshot: Some(snapshot),
        ..mapping.clone()
    }
}

fn register_image(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = check_name(state, args)?;
    let tags = tags::read_for(args, "image")?;
    let root = args.text("RootDeviceName")?;
    let architecture = args
        .word("Architecture", "i386 x86_64 arm64")?
        .unwrap_or("i386");
    let disks = spec::disks(args)?;
    let snapshot = disks
        .iter()
        .find(|disk| disk.device == root)
        .and_then(|disk| disk.snapshot.clone());
    let Some(snapshot) = snapshot else {
        let message = "Root device mapping needs a snapshot.";
        return Err(Fault::new("InvalidBlockDeviceMapping", message));
    };
    let record = super::snapshot(state, &snapshot)?;
    if record.state != snapshots::SnapshotState::Completed {
        return Err(Fault::new(
            "IncorrectState",
            format!("Snapshot {snapshot} is not completed."),
        ));
    }
    let Some(layer) = record.layer.clone() else {
        return Err(Fault::new(
            "InvalidBlockDeviceMapping",
            format!("Snapshot {snapshot} is not of a root volume."),
        ));
    };
    let mappings = disks
        .iter()
        .map(|disk| extra(state, disk))
        .collect::<Result<_, _>>()?;
    let id = state.ids.resource("ami");
    let image = Image {
        mappings,
        state: ImageState::Available,
        ena: args.flag("EnaSupport")?.unwrap_or_default(),
        sriov: args.maybe_text("SriovNetSupport")? == Some("simple"),
        tokens_required: args.maybe_text("ImdsSupport")? == Some("v2.0"),
        ..fresh(state, &id, name, args, architecture, root)?
    };
    insert(state, image, &tags);
    state.emit(Effect::Alias {
        image: id.clone(),
        of: layer,
    });
    Ok(Tree::new().put("imageId", id))
}

fn deregister_image(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let image = images::image(state, args.text("ImageId")?)?.clone();
    if image.owner != state.config.account {
        return Err(Fault::new(
            "AuthFailure",
            format!("Not authorized for image:{}", image.id),
        ));
    }
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

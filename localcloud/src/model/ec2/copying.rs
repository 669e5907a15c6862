//! Images out of other images and of snapshots: `CopyImage`, `RegisterImage`.

use super::{
    super::{
        Effect, Fault, Service, Tree, actions::Action, agenda, args::Args, state::State, tags,
        tags::Tags,
    },
    Due,
    images::{self, Image, ImageState, Mapping},
    imaging::{check_name, extra, fresh, insert},
    snapshots, spec,
};
use jiff::SignedDuration;

pub(super) const ACTIONS: &[Action] = &[
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
];

/// A copy within one host is a second name for the same files; it is pending long enough to be seen as such.
const COPY_TIME: SignedDuration = SignedDuration::from_secs(5);

fn copy_image(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    if let Some(id) = state
        .tokens
        .replay("CopyImage", args)?
        .and_then(|ids| ids.into_iter().next())
    {
        return Ok(Tree::new().put("imageId", id));
    }
    let source = source(state, args)?;
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

/// The image that is to be copied: in this region, and available.
fn source(state: &State, args: &Args<'_>) -> Result<Image, Fault> {
    let region = args.text("SourceRegion")?;
    if region != state.config.region {
        let message = format!("The source region {region} cannot be reached from here.");
        return Err(Fault::new("InvalidRequest", message));
    }
    let image = images::image(state, args.text("SourceImageId")?)?;
    if image.state != ImageState::Available {
        let message = format!("Image {} is not available.", image.id);
        return Err(Fault::new("InvalidRequest", message));
    }
    Ok(image.clone())
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

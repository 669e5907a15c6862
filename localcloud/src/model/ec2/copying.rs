//! Images out of other images and of snapshots: `CopyImage`, `RegisterImage`.

use super::{
    super::{
        Effect, Fault, Service, Tree, actions::Action, agenda, args::Args, kms, regions::Lent,
        state::State, tags, tags::Tags,
    },
    Due, encryption,
    images::{self, Image, ImageState, Mapping},
    imaging::{check_name, extra, fresh, insert},
    snapshots, spec,
};
use jiff::SignedDuration;

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Ec2,
        "CopyImage",
        "SourceImageId SourceRegion Name Description ClientToken Encrypted KmsKeyId CopyImageTags TagSpecification \
         SnapshotCopyCompletionDurationMinutes",
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
/// Copies under way that a region takes.
const COPIES: usize = 20;

fn copy_image(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    if let Some(id) = state
        .tokens
        .replay("CopyImage", args)?
        .and_then(|ids| ids.into_iter().next())
    {
        return Ok(Tree::new().put("imageId", id));
    }
    let (source, source_tags) = source(state, args)?;
    let name = check_name(state, args)?;
    check_duration(args)?;
    room(state)?;
    let encryption = Encryption::read(state, args)?;
    let mut by_type = tags::read_specification(args, "image snapshot")?;
    let mut tags = if args.flag("CopyImageTags")?.unwrap_or_default() {
        source_tags
    } else {
        Tags::new()
    };
    tags.extend(by_type.remove("image").unwrap_or_default());
    let id = state.ids.resource("ami");
    let snapshot_tags = by_type.remove("snapshot").unwrap_or_default();
    let mappings = source
        .mappings
        .iter()
        .map(|m| copied(state, (&source, &encryption), &id, m, &snapshot_tags))
        .collect();
    let image = Image {
        mappings,
        ena: source.ena,
        sriov: source.sriov,
        tokens_required: source.tokens_required,
        source_image: Some(source.id.clone()),
        copied: true,
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
    let due = match encryption.failure {
        Some(reason) => Due::Fail {
            layer: id.clone(),
            reason,
        },
        None => Due::Settle { layer: id.clone() },
    };
    state.after(COPY_TIME, agenda::Due::Ec2(due));
    state
        .tokens
        .remember("CopyImage", args, std::slice::from_ref(&id));
    Ok(Tree::new().put("imageId", id))
}

/// The image that is to be copied: available, in this region or in one that lends it.
fn source(state: &State, args: &Args<'_>) -> Result<(Image, Tags), Fault> {
    let region = args.text("SourceRegion")?;
    let id = args.text("SourceImageId")?;
    let ec2 = match &state.lent {
        Some(Lent::Region { name, ec2 }) if name == region => ec2,
        _ if region == state.config.region => &state.ec2,
        _ => {
            let message = format!("The source region {region} cannot be reached from here.");
            return Err(Fault::new("InvalidRequest", message));
        }
    };
    let image = ec2.images.get(id);
    let image = image.ok_or_else(|| images::no_such_image(id))?;
    if image.state != ImageState::Available {
        let message = format!("Image {} is not available.", image.id);
        return Err(Fault::new("InvalidRequest", message));
    }
    Ok((image.clone(), ec2.tags_of(id)))
}

/// What a copy asks for beside its source.
struct Encryption {
    wanted: bool,
    /// The ARN of the key that it gets when it is encrypted; of a bad one, its name.
    key: String,
    named: bool,
    /// A key that cannot be used lets the call go through and the copy fail ("`CopyImage`", `KmsKeyId`).
    failure: Option<String>,
}

impl Encryption {
    fn read(state: &State, args: &Args<'_>) -> Result<Self, Fault> {
        let wanted = args.flag("Encrypted")?;
        let named = args.maybe_text("KmsKeyId")?.filter(|key| !key.is_empty());
        if named.is_some() && wanted != Some(true) {
            let text = "The parameter KmsKeyId requires the parameter Encrypted to be set.";
            return Err(Fault::new("InvalidParameterDependency", text));
        }
        let name = named.unwrap_or(kms::EBS);
        let usable = encryption::usable(state, name);
        let failure = named.and(usable.as_ref().err());
        Ok(Self {
            wanted: wanted == Some(true),
            named: named.is_some(),
            failure: failure.map(|fault| fault.message.clone()),
            key: usable.unwrap_or_else(|_| name.to_owned()),
        })
    }

    /// The key of a copy of something under `source`: encrypted it stays, in another region under that region's own key.
    fn of(&self, source: Option<&str>, abroad: bool) -> Option<String> {
        match source {
            None => self.wanted.then(|| self.key.clone()),
            Some(_) if self.named || abroad => Some(self.key.clone()),
            Some(source) => Some(source.to_owned()),
        }
    }
}

fn check_duration(args: &Args<'_>) -> Result<(), Fault> {
    match args.int("SnapshotCopyCompletionDurationMinutes")? {
        // 15 minutes to 48 hours in steps of 15 ("Time-based copies").
        Some(minutes) if !(15..=2880).contains(&minutes) || minutes % 15 != 0 => Err(args.invalid(
            "SnapshotCopyCompletionDurationMinutes",
            &minutes.to_string(),
            "Multiples of 15 from 15 to 2880 are allowed.",
        )),
        _ => Ok(()),
    }
}

/// A region takes so many copies at once ("Amazon EBS endpoints and quotas").
fn room(state: &State) -> Result<(), Fault> {
    let images = state.ec2.images.values();
    let under_way = images.filter(|image| image.copied && image.state == ImageState::Pending);
    if under_way.count() < COPIES {
        return Ok(());
    }
    let text = "Too many snapshot copies in progress.";
    Err(Fault::new("ResourceLimitExceeded", text))
}

fn copied(
    state: &mut State,
    (source, encryption): (&Image, &Encryption),
    id: &str,
    mapping: &Mapping,
    tags: &Tags,
) -> Mapping {
    let Some(snapshot) = &mapping.snapshot else {
        return mapping.clone();
    };
    let layer = (mapping.device == source.root_device).then(|| id.to_owned());
    let description = format!(
        "Copied for DestinationAmi {id} from SourceAmi {} for SourceSnapshot {snapshot}.",
        source.id
    );
    let abroad = state.lent.is_some();
    let source_key = mapping.kms_key.as_deref();
    let key = encryption.of(source_key, abroad);
    // Copies belong to no volume; AWS shows this one.
    let volume = "vol-ffffffff".to_owned();
    let making = snapshots::Making {
        volume,
        size: mapping.size,
        description,
        encrypted: key.is_some(),
        kms_key: key.clone(),
        awaits: id.into(),
        layer,
    };
    let snapshot = snapshots::make(state, making, tags);
    Mapping {
        snapshot: Some(snapshot),
        encrypted: key.is_some(),
        kms_key: key,
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

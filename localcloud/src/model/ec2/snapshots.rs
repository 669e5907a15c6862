//! Snapshots: what images stand on. That of a root volume holds files, that of a data volume holds nothing here.

use super::{
    super::{
        Effect, Fault, Service, Tree, actions::Action, agenda, args::Args, state::State, tags,
        tags::Tags,
    },
    Due,
    describe::{Kind, PAGED, one},
    instance::InstanceState,
    lifecycle, roots,
};
use jiff::{SignedDuration, Timestamp};

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Ec2,
        "CreateSnapshot",
        "VolumeId Description TagSpecification",
        create_snapshot,
    ),
    Action::new(
        Service::Ec2,
        "DescribeSnapshots",
        "SnapshotId Owner RestorableBy Filter MaxResults NextToken",
        describe_snapshots,
    ),
    Action::new(
        Service::Ec2,
        "DeleteSnapshot",
        "SnapshotId",
        delete_snapshot,
    ),
];

/// A snapshot without files is pending long enough to be seen as such.
const EMPTY_TIME: SignedDuration = SignedDuration::from_secs(2);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) enum SnapshotState {
    Pending,
    Completed,
    Error(String),
}

impl SnapshotState {
    fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Error(_) => "error",
        }
    }
}

#[derive(Clone, Debug)]
pub(in crate::model) struct Snapshot {
    pub(in crate::model) id: String,
    pub(in crate::model) volume: String,
    pub(in crate::model) size: u32,
    pub(in crate::model) description: String,
    pub(in crate::model) encrypted: bool,
    /// The ARN of the key, when it is encrypted.
    pub(in crate::model) kms_key: Option<String>,
    /// Whether everyone may make volumes of it.
    pub(in crate::model) public: bool,
    /// Accounts that may.
    pub(in crate::model) shared_with: Vec<String>,
    pub(in crate::model) started: Timestamp,
    pub(in crate::model) state: SnapshotState,
    /// The layer that must be there before the snapshot is completed.
    pub(in crate::model) awaits: String,
    /// The id under which the world keeps the files; nothing for a data volume.
    pub(in crate::model) layer: Option<String>,
}

/// A snapshot that is to be made.
pub(super) struct Making {
    pub(super) volume: String,
    pub(super) size: u32,
    pub(super) description: String,
    pub(super) encrypted: bool,
    pub(super) kms_key: Option<String>,
    pub(super) awaits: String,
    pub(super) layer: Option<String>,
}

/// Enters a pending snapshot and gives its id.
pub(super) fn make(state: &mut State, making: Making, tags: &Tags) -> String {
    let id = state.ids.resource("snap");
    enter(state, &id, making, tags);
    id
}

fn enter(state: &mut State, id: &str, making: Making, tags: &Tags) {
    let snapshot = Snapshot {
        id: id.into(),
        volume: making.volume,
        size: making.size,
        description: making.description,
        encrypted: making.encrypted,
        kms_key: making.kms_key,
        public: false,
        shared_with: Vec::new(),
        started: state.now,
        state: SnapshotState::Pending,
        awaits: making.awaits,
        layer: making.layer,
    };
    state.ec2.snapshots.insert(id.into(), snapshot);
    state.ec2.tag(id, tags);
    state.hide_for_a_while(id);
}

/// Takes in that a layer is there, or why it is not.
pub(super) fn layer_settled(state: &mut State, layer: &str, failure: Option<&String>) {
    for snapshot in state
        .ec2
        .snapshots
        .values_mut()
        .filter(|snapshot| snapshot.awaits == layer)
    {
        if snapshot.state == SnapshotState::Pending {
            snapshot.state = failure.map_or(SnapshotState::Completed, |reason| {
                SnapshotState::Error(reason.clone())
            });
        }
    }
}

/// Lets a layer's files go when neither an image nor a snapshot keeps them; files still being taken go when they are there.
pub(super) fn discard_unless_kept(state: &mut State, layer: &str) {
    let is_it = |known: &String| known == layer;
    let mut instances = state.ec2.instances.values();
    let in_the_making = instances.any(|instance| {
        instance
            .freezing
            .iter()
            .chain(&instance.to_freeze)
            .any(is_it)
    });
    let mut snapshots = state.ec2.snapshots.values();
    let by_snapshot = snapshots.any(|snapshot| snapshot.layer.as_ref().is_some_and(is_it));
    let in_the_making = in_the_making || roots::needs(state, layer);
    if !in_the_making && !by_snapshot && !state.ec2.images.contains_key(layer) {
        state.emit(Effect::Discard {
            image: layer.into(),
        });
    }
}

/// The image that uses a snapshot.
pub(super) fn used_by<'a>(state: &'a State, id: &str) -> Option<&'a str> {
    let uses = |image: &&super::images::Image| {
        image
            .mappings
            .iter()
            .any(|m| m.snapshot.as_deref() == Some(id))
    };
    state
        .ec2
        .images
        .values()
        .find(uses)
        .map(|image| image.id.as_str())
}

/// Removes a snapshot, and its files when nothing else keeps them.
pub(super) fn remove(state: &mut State, id: &str) {
    state.ec2.tags.remove(id);
    if let Some(layer) = state
        .ec2
        .snapshots
        .remove(id)
        .and_then(|snapshot| snapshot.layer)
    {
        discard_unless_kept(state, &layer);
    }
}

fn create_snapshot(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let volume = super::volumes::volume(state, args.text("VolumeId")?)?.clone();
    let tags = tags::read_for(args, "snapshot")?;
    let description = args
        .maybe_text("Description")?
        .unwrap_or_default()
        .to_owned();
    let root_of = volume.attached.as_ref().and_then(|(instance, device)| {
        state
            .ec2
            .instances
            .get(instance)
            .filter(|i| i.root_device == *device && !i.state.ending())
            .map(|i| (i.id.clone(), i.state))
    });
    let id = state.ids.resource("snap");
    let layer = root_of.as_ref().map(|_| id.clone());
    let making = Making {
        volume: volume.id,
        size: volume.size,
        description,
        encrypted: volume.encrypted,
        kms_key: volume.kms_key,
        awaits: id.clone(),
        layer,
    };
    enter(state, &id, making, &tags);
    match root_of {
        // A snapshot never stops the machine; only CreateImage does.
        Some((instance, was)) => {
            lifecycle::freeze_in_order(state, &instance, &id, was != InstanceState::Stopped);
        }
        None => state.after(
            EMPTY_TIME,
            agenda::Due::Ec2(Due::Settle { layer: id.clone() }),
        ),
    }
    Ok(show(state, &id))
}

const SNAPSHOTS: Kind = Kind {
    ids: "SnapshotId",
    set: "snapshotSet",
    filters: "description encrypted owner-alias owner-id progress snapshot-id start-time status volume-id volume-size",
    paging: PAGED,
    all: |state| state.ec2.snapshots.keys().cloned().collect(),
    missing: |id| super::no_such("InvalidSnapshot", "snapshot", "snap-", id),
    field,
    show,
};

fn describe_snapshots(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let owners = args.texts("Owner")?;
    let account = state.config.account.clone();
    let mine = owners.is_empty()
        || owners
            .iter()
            .any(|owner| *owner == "self" || *owner == account);
    let (ids, token) = SNAPSHOTS.select(state, args, |_, _| mine)?;
    Ok(SNAPSHOTS.list(state, &ids, token))
}

fn field(state: &State, id: &str, name: &str) -> Vec<String> {
    let Some(snapshot) = state.ec2.snapshots.get(id) else {
        return Vec::new();
    };
    match name {
        "description" => one(&snapshot.description),
        "encrypted" => one(snapshot.encrypted),
        "owner-id" => one(&state.config.account),
        "progress" => one(progress(snapshot)),
        "snapshot-id" => one(&snapshot.id),
        "status" => one(snapshot.state.name()),
        "volume-id" => one(&snapshot.volume),
        "volume-size" => one(snapshot.size),
        _ => Vec::new(),
    }
}

fn progress(snapshot: &Snapshot) -> &'static str {
    if snapshot.state == SnapshotState::Completed {
        "100%"
    } else {
        "0%"
    }
}

fn show(state: &State, id: &str) -> Tree {
    let Some(snapshot) = state.ec2.snapshots.get(id) else {
        return Tree::new();
    };
    let failure = if let SnapshotState::Error(why) = &snapshot.state {
        Some(why)
    } else {
        None
    };
    Tree::new()
        .put("snapshotId", id)
        .put("volumeId", &snapshot.volume)
        .put("status", snapshot.state.name())
        .put_some("statusMessage", failure)
        .put("startTime", snapshot.started)
        .put("progress", progress(snapshot))
        .put("ownerId", &state.config.account)
        .put("volumeSize", snapshot.size)
        .put("description", &snapshot.description)
        .put("encrypted", snapshot.encrypted)
        .put_some("kmsKeyId", snapshot.kms_key.as_ref())
        .put("storageTier", "standard")
        .put("tagSet", tags::show(&state.ec2.tags_of(id)))
}

fn delete_snapshot(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let id = args.text("SnapshotId")?;
    super::snapshot(state, id)?;
    if let Some(image) = used_by(state, id) {
        let message = format!("The snapshot {id} is currently in use by {image}");
        return Err(Fault::new("InvalidSnapshot.InUse", message));
    }
    remove(state, id);
    Ok(Tree::new().put("return", true))
}

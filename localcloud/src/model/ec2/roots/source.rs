//! What a root volume may be replaced by, and what may not.

use super::super::{
    self as ec2,
    super::{Fault, Root, args::Args, state::State},
    images::{self, ImageState},
    instance::Instance,
    snapshots::SnapshotState,
    volumes::{self, Volume},
};

/// Where the new root comes from.
pub(super) struct Source {
    pub(super) root: Root,
    pub(super) image: Option<String>,
    pub(super) snapshot: Option<String>,
    /// A volume that is there already.
    pub(super) volume: Option<String>,
    pub(super) size: u32,
    pub(super) kms_key: Option<String>,
}

pub(super) fn of(
    state: &State,
    args: &Args<'_>,
    instance: &Instance,
    old: &Volume,
) -> Result<Source, Fault> {
    let named = ["ImageId", "SnapshotId", "VolumeId"].map(|name| args.maybe_text(name));
    let [image, snapshot, volume] = named;
    match (image?, snapshot?, volume?) {
        (Some(id), None, None) => from_image(state, args, instance, id),
        (None, Some(id), None) => from_snapshot(state, args, old, id),
        (None, None, Some(id)) => from_volume(state, args, old, id),
        (None, None, None) => Ok(Source {
            root: launch_state(state, instance, old)?,
            image: None,
            snapshot: old.snapshot.clone(),
            volume: None,
            size: old.size,
            kms_key: old.kms_key.clone(),
        }),
        _ => Err(Fault::new(
            "InvalidParameterCombination",
            "Only one of imageId, snapshotId and volumeId may be specified.",
        )),
    }
}

/// What the machine was launched with, as far as it is still there.
fn launch_state(state: &State, instance: &Instance, old: &Volume) -> Result<Root, Fault> {
    if state.ec2.images.contains_key(&instance.image) {
        let image = instance.image.clone();
        return Ok(Root::Fresh { image });
    }
    let snapshot = ec2::snapshot(state, old.snapshot.as_deref().unwrap_or_default())?;
    let layer = snapshot.layer.clone();
    layer.map(|image| Root::Fresh { image }).ok_or_else(|| {
        let message = format!("The snapshot '{}' does not exist.", snapshot.id);
        Fault::new("InvalidSnapshot.NotFound", message)
    })
}

fn from_image(
    state: &State,
    args: &Args<'_>,
    instance: &Instance,
    id: &str,
) -> Result<Source, Fault> {
    let image = images::image(state, id)?;
    if image.state != ImageState::Available {
        let message = format!("The image id '[{id}]' is not available.");
        return Err(Fault::new("InvalidAMIID.Unavailable", message));
    }
    if image.architecture != instance.architecture {
        let why = "The architecture of the image is not that of the instance.";
        return Err(args.invalid("imageId", id, why));
    }
    let mut mappings = image.mappings.iter();
    let root = mappings.find(|mapping| mapping.device == image.root_device);
    Ok(Source {
        root: Root::Fresh { image: id.into() },
        image: Some(id.into()),
        snapshot: root.and_then(|root| root.snapshot.clone()),
        volume: None,
        size: root.map_or(1, |root| root.size),
        kms_key: root.and_then(|root| root.kms_key.clone()),
    })
}

/// Only snapshots of the root volume itself may take its place.
fn from_snapshot(state: &State, args: &Args<'_>, old: &Volume, id: &str) -> Result<Source, Fault> {
    let snapshot = ec2::snapshot(state, id)?;
    let Some(layer) = snapshot
        .layer
        .as_ref()
        .filter(|_| snapshot.volume == old.id)
    else {
        let why = "The snapshot was not taken of the root volume.";
        return Err(args.invalid("snapshotId", id, why));
    };
    if snapshot.state != SnapshotState::Completed {
        let message = format!("The snapshot '{id}' is not completed.");
        return Err(Fault::new("IncorrectState", message));
    }
    Ok(Source {
        root: Root::Fresh {
            image: layer.clone(),
        },
        image: None,
        snapshot: Some(id.into()),
        volume: None,
        size: snapshot.size,
        kms_key: snapshot.kms_key.clone(),
    })
}

fn from_volume(state: &State, args: &Args<'_>, old: &Volume, id: &str) -> Result<Source, Fault> {
    let volume = volumes::free(state, id, &old.zone)?;
    if old.encrypted && !volume.encrypted {
        let why = "The root volume is encrypted, and the volume is not.";
        return Err(args.invalid("volumeId", id, why));
    }
    Ok(Source {
        root: volumes::files(state, volume),
        image: None,
        snapshot: None,
        volume: Some(id.into()),
        size: volume.size,
        kms_key: volume.kms_key.clone(),
    })
}

//! The block devices of a launch: those of the image, with what was asked for laid over them.

use super::{
    super::{Fault, state::State},
    encryption,
    images::{Image, Mapping},
    spec::Disk,
};

/// The image's devices with what was asked for laid over them.
pub(super) fn of(state: &State, image: &Image, asked: &[Disk]) -> Result<Vec<Mapping>, Fault> {
    let mut mappings = image.mappings.clone();
    for disk in asked {
        let of_image = mappings
            .iter()
            .position(|mapping| mapping.device == disk.device);
        if disk.none || disk.ephemeral {
            mappings.retain(|mapping| mapping.device != disk.device);
            continue;
        }
        let base = of_image.map(|index| mappings[index].clone());
        let mapping = mapping(state, disk, base.as_ref())?;
        match of_image {
            Some(index) => mappings[index] = mapping,
            None => mappings.push(mapping),
        }
    }
    Ok(mappings)
}

fn mapping(state: &State, disk: &Disk, base: Option<&Mapping>) -> Result<Mapping, Fault> {
    let snapshot = disk
        .snapshot
        .clone()
        .or_else(|| base.and_then(|base| base.snapshot.clone()));
    let least = match (&disk.snapshot, base) {
        (Some(id), _) => Some(super::snapshot(state, id)?.size),
        (None, base) => base.map(|base| base.size),
    };
    let Some(size) = disk.size.or(least) else {
        return Err(Fault::new(
            "MissingParameter",
            "The request must contain the parameter size or snapshotId",
        ));
    };
    if let Some(least) = least.filter(|least| size < *least && snapshot.is_some()) {
        let message = format!(
            "Volume of size {size}GB is smaller than snapshot '{}', expect size >= {least}GB",
            snapshot.as_deref().unwrap_or_default()
        );
        return Err(Fault::new("InvalidBlockDeviceMapping", message));
    }
    let of = match &disk.snapshot {
        Some(id) => super::snapshot(state, id)?.kms_key.as_deref(),
        None => base.and_then(|base| base.kms_key.as_deref()),
    };
    let encryption = encryption::of(state, disk.encrypted, disk.kms_key.as_deref(), of)?;
    Ok(Mapping {
        device: disk.device.clone(),
        snapshot,
        size,
        kind: disk
            .kind
            .clone()
            .or_else(|| base.map(|base| base.kind.clone()))
            .unwrap_or_else(|| "gp2".into()),
        delete_on_termination: disk
            .delete_on_termination
            .or(base.map(|base| base.delete_on_termination))
            .unwrap_or(true),
        encrypted: encryption.is_some(),
        kms_key: encryption,
    })
}

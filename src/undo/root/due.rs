//! What a replaced root leaves for a while: the old root, and snapshots of the data volumes.

use super::super::roll::OfRoll;
use super::{Rerooting, of_service};
use crate::cloud::{Cloud, Error, Filter, VolumeId, tag};

/// Deletes a root that the run has replaced, where it is on no machine and its tags say so.
pub(in crate::undo) async fn delete_replaced(
    cloud: &impl Cloud,
    of: &OfRoll,
    volume: &VolumeId,
) -> Result<(), Error> {
    let group = cloud.group(&of.next).await?;
    let noted = group.as_ref().and_then(Rerooting::of);
    if noted.is_some_and(|one| one.root == *volume) {
        let text = format!("group {} is on its way back to it", of.next);
        return Err(Error::blocked("DeleteVolume", text));
    }
    let only = |name: &str, value: &str| Filter {
        name: name.to_owned(),
        values: vec![value.to_owned()],
    };
    let wanted = [
        only("volume-id", volume.as_str()),
        only("status", "available"),
        Filter::tag(tag::REPLACED, of.run.to_string()),
    ];
    for id in cloud.find_volumes(&wanted).await? {
        forgive(cloud.delete_volume(&id).await)?;
    }
    Ok(())
}

/// Deletes the snapshots that the run has made of data volumes.
pub(in crate::undo) async fn delete_snapshots(
    cloud: &impl Cloud,
    of: &OfRoll,
) -> Result<(), Error> {
    for id in cloud
        .find_snapshots(&of_service(of.run, &of.service))
        .await?
    {
        forgive(cloud.delete_snapshot(&id).await)?;
    }
    Ok(())
}

/// What is gone already need not go.
fn forgive(answer: Result<(), Error>) -> Result<(), Error> {
    match answer {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

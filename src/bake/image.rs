//! The product: made from the machine, waited for, shared, and marked as ready last of all.

use jiff::Timestamp;

use crate::bake::{BakePlan, Error};
use crate::cloud::{Cloud, Image, ImageId, ImageQuery, InstanceId, NewImage, Tags, tag};
use crate::run::{Ledger, Lifetime};
use crate::undo::{self, Undo};

/// Begins to make the image, tagged from the moment it exists.
pub(super) async fn create(
    plan: &BakePlan,
    instance: &InstanceId,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<ImageId, Error> {
    let run = plan.run;
    let wanted = NewImage {
        instance: instance.clone(),
        ..plan.image.clone()
    };
    let created = undo::make(
        made,
        Lifetime::Product,
        Undo::RemoveImagesOf { run },
        async || cloud.create_image(&wanted).await,
        async || {
            let found = cloud.find_images(&ImageQuery::own(undo::of(run))).await?;
            Ok(found.into_iter().next().map(|image| image.id))
        },
        |id: &ImageId| Undo::RemoveImage {
            id: id.clone(),
            run,
        },
    )
    .await;
    created.map_err(|error| Error::from(error).blame(|_| plan.places.image_name))
}

/// Lets others launch the image.
pub(super) async fn share(plan: &BakePlan, id: &ImageId, cloud: &impl Cloud) -> Result<(), Error> {
    let share = &plan.share;
    let shared = cloud.share_image(id, &share.accounts, &share.groups).await;
    shared.map_err(|error| Error::from(error).blame(|_| plan.places.share))
}

/// Says on image and snapshots that the bake ended well. Whoever looks for an image of a family takes no other.
///
/// Snapshots get their tags here too, and not with `CreateImage` as EC2 would let us: moto, on which teams try their
/// templates, answers that with a failure.
pub(super) async fn mark_ready(
    plan: &BakePlan,
    image: &Image,
    now: Timestamp,
    cloud: &impl Cloud,
) -> Result<(), Error> {
    let snapshots: Vec<String> = image.snapshots().iter().map(ToString::to_string).collect();
    let mut last: Tags = [(tag::READY.to_owned(), now.to_string())].into();
    match &plan.snapshot_tags {
        Some(own) => cloud.put_tags(&snapshots, own).await?,
        None => last.extend(plan.image.tags.clone()),
    }
    let ids: Vec<String> = [image.id.to_string()]
        .into_iter()
        .chain(snapshots)
        .collect();
    Ok(cloud.put_tags(&ids, &last).await?)
}

/// Every snapshot that was promised is there.
pub(super) fn check(image: &Image) -> Result<(), Error> {
    if image.snapshots().is_empty() {
        let text = format!("{} has no snapshot", image.id);
        return Err(Error::NotAsPlanned(text));
    }
    Ok(())
}

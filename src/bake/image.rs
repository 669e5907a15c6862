//! The image that is made from the machine: begun, waited for, checked.

use crate::bake::{BakePlan, Error, publish};
use crate::cloud::{Cloud, Image, ImageId, ImageQuery, InstanceId, NewImage};
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
        name: plan.publish.image_name(&plan.region, run),
        tags: publish::first_tags(plan, &plan.region),
        ..plan.image.clone()
    };
    let created = undo::make(
        made,
        if plan.publish.intermediary {
            Lifetime::Scratch
        } else {
            Lifetime::Product
        },
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

/// Every snapshot that was promised is there.
pub(super) fn check(image: &Image) -> Result<(), Error> {
    if image.snapshots().is_empty() {
        let text = format!("{} has no snapshot", image.id);
        return Err(Error::NotAsPlanned(text));
    }
    Ok(())
}

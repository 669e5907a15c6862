//! Whether a bake would only make again what is there: two calls to the account, and no machine.

use crate::bake::{Artifact, Fingerprint, LookUpError, PublishedImage, SourceImage, facts};
use crate::cloud::{Cloud, Filter, Image, ImageQuery, ImageState, Region, Result, tag};
use crate::template::bake::Build;

/// The image that a build would start from.
pub async fn source_image(
    build: &Build,
    cloud: &impl Cloud,
) -> std::result::Result<SourceImage, LookUpError> {
    let image = facts::find_source(&build.builder.source, cloud).await?;
    Ok(SourceImage {
        id: image.id,
        name: image.name,
        created: image.created,
        owner: image.owner,
        owner_alias: image.owner_alias,
    })
}

/// The newest finished image of this account that comes of the same.
pub async fn unchanged(
    build: &Build,
    fingerprint: Fingerprint,
    region: &Region,
    cloud: &impl Cloud,
) -> Result<Option<Artifact>> {
    let wanted = [
        Filter::tag(tag::FINGERPRINT, fingerprint.to_string()),
        Filter::new("tag-key", tag::READY),
    ];
    let mut found = cloud.find_images(&ImageQuery::own(wanted.into())).await?;
    found.retain(|image| image.state == ImageState::Available);
    let age = |image: &Image| (image.created, image.id.clone());
    found.sort_by_key(age);
    Ok(found.pop().map(|image| Artifact {
        build: build.name.value.clone(),
        region: region.clone(),
        images: vec![PublishedImage {
            region: region.clone(),
            snapshots: image.snapshots(),
            image: image.id,
        }],
        name: image.name,
    }))
}

//! Whether a bake would only make again what is there: two calls to the account, one more for each region that the image is
//! copied to, and no machine.

use crate::bake::{Artifact, Fingerprint, LookUpError, PublishedImage, SourceImage, facts};
use crate::cloud::{Cloud, Filter, Image, ImageQuery, ImageState, Region, Result, tag};
use crate::template::bake::Build;

/// The image that a build would start from.
pub async fn source_image(
    build: &Build,
    cloud: &impl Cloud,
) -> std::result::Result<SourceImage, LookUpError> {
    let image = facts::find_source(&build.builder.source, cloud).await?;
    Ok(SourceImage::of(&image))
}

/// The newest finished images of this account that come of the same, one in each region that the build has an image in. None
/// when one region lacks its own. A call a region.
pub async fn unchanged(
    build: &Build,
    fingerprint: Fingerprint,
    region: &Region,
    cloud: &impl Cloud,
) -> Result<Option<Artifact>> {
    let copies = &build.builder.image.copies;
    let own = (!copies.skip_build_region).then(|| region.clone());
    let others = copies.regions.iter().map(|name| Region::new(name.as_str()));
    let others = others.filter(|other| other != region);
    let (mut images, mut name) = (Vec::new(), None);
    for region in own.into_iter().chain(others) {
        let Some(image) = newest(fingerprint, &cloud.in_region(&region)).await? else {
            return Ok(None);
        };
        images.push(PublishedImage {
            region,
            snapshots: image.snapshots(),
            image: image.id,
        });
        name.get_or_insert(image.name);
    }
    Ok(name.map(|name| Artifact {
        build: build.name.value.clone(),
        region: region.clone(),
        images,
        name,
    }))
}

async fn newest(fingerprint: Fingerprint, cloud: &impl Cloud) -> Result<Option<Image>> {
    let wanted = [
        Filter::tag(tag::FINGERPRINT, fingerprint.to_string()),
        Filter::new("tag-key", tag::READY),
    ];
    let mut found = cloud.find_images(&ImageQuery::own(wanted.into())).await?;
    found.retain(|image| image.state == ImageState::Available);
    let age = |image: &Image| (image.created, image.id.clone());
    found.sort_by_key(age);
    Ok(found.pop())
}

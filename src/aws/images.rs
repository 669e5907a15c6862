//! Images and snapshots through the EC2 API.

use std::sync::Arc;

use aws_sdk_ec2::types as ec2;
use futures_util::FutureExt;
use jiff::Timestamp;

use crate::aws::Aws;
use crate::aws::convert::{devices, filters, specification, tags_of, text};
use crate::aws::error::failed;
use crate::aws::rounds::{Pacing, Rounds};
use crate::cloud::{
    Account, Error, Filter, Image, ImageDevice, ImageId, ImageQuery, ImageState, Images, NewImage,
    Result, SnapshotId,
};

/// Versions a page; the most that "`DescribeLaunchTemplateVersions`" gives.
const VERSIONS_PAGE: i32 = 200;

impl Images for Aws {
    async fn find_images(&self, query: &ImageQuery) -> Result<Vec<Image>> {
        // One image by its id is what waits ask for.
        match &query.ids[..] {
            [id] if *query == ImageQuery::id(id) => Ok(vec![self.images.look(id.as_str()).await?]),
            _ => find(&self.ec2, query).await,
        }
    }

    async fn create_image(&self, image: &NewImage) -> Result<ImageId> {
        const CALL: &str = "CreateImage";
        let answer = self
            .ec2
            .create_image()
            .instance_id(image.instance.as_str())
            .name(&image.name)
            .set_description(image.description.clone())
            .set_block_device_mappings(some(devices(&image.devices)))
            .tag_specifications(specification(ec2::ResourceType::Image, &image.tags))
            .send()
            .await
            .map_err(|error| failed(CALL, error))?;
        text(CALL, "image id", answer.image_id()).map(ImageId::new)
    }

    async fn deregister_image(&self, id: &ImageId) -> Result<()> {
        let request = self.ec2.deregister_image().image_id(id.as_str());
        let answer = request.send().await;
        answer
            .map(drop)
            .map_err(|error| failed("DeregisterImage", error))
    }

    async fn find_snapshots(&self, wanted: &[Filter]) -> Result<Vec<SnapshotId>> {
        const CALL: &str = "DescribeSnapshots";
        let request = self
            .ec2
            .describe_snapshots()
            .owner_ids("self")
            .set_filters(some(filters(wanted)));
        let mut found = Vec::new();
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed(CALL, error))?;
            for snapshot in page.snapshots() {
                let id = text(CALL, "snapshot id", snapshot.snapshot_id())?;
                found.push(SnapshotId::new(id));
            }
        }
        Ok(found)
    }

    async fn snapshot_progress(&self, id: &SnapshotId) -> Result<u8> {
        self.snapshots.look(id.as_str()).await
    }

    async fn delete_snapshot(&self, id: &SnapshotId) -> Result<()> {
        let request = self.ec2.delete_snapshot().snapshot_id(id.as_str());
        let answer = request.send().await;
        answer
            .map(drop)
            .map_err(|error| failed("DeleteSnapshot", error))
    }

    async fn image_users(&self, id: &ImageId) -> Result<Vec<String>> {
        let mut users = self.templates_of(id).await?;
        users.extend(self.groups_of(id).await?);
        users.extend(self.instances_of(id).await?);
        Ok(users)
    }
}

async fn find(ec2: &aws_sdk_ec2::Client, query: &ImageQuery) -> Result<Vec<Image>> {
    const CALL: &str = "DescribeImages";
    let ids = query.ids.iter().map(ToString::to_string);
    let request = ec2
        .describe_images()
        .set_image_ids(some(ids.collect()))
        .set_owners(some(query.owners.clone()))
        .set_filters(some(filters(&query.filters)))
        .set_include_deprecated(query.include_deprecated.then_some(true));
    let mut images = Vec::new();
    let mut pages = request.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failed(CALL, error))?;
        for image in page.images() {
            images.push(image_of(CALL, image)?);
        }
    }
    Ok(images)
}

/// The look-ups of images by id. Several are found by a filter, since one unknown id would fail the call for all; one is
/// named, since the refusal then says more.
pub(super) fn rounds(ec2: aws_sdk_ec2::Client, jitter: u64) -> Arc<Rounds<Image>> {
    Rounds::new("DescribeImages", Pacing::own(jitter), move |ids| {
        let ec2 = ec2.clone();
        let look = async move {
            let query = match &ids[..] {
                [id] => ImageQuery::id(&ImageId::new(id.as_str())),
                _ => ImageQuery {
                    filters: vec![Filter {
                        name: "image-id".to_owned(),
                        values: ids,
                    }],
                    include_deprecated: true,
                    ..ImageQuery::default()
                },
            };
            let found = find(&ec2, &query).await?.into_iter();
            Ok(found.map(|image| (image.id.to_string(), image)).collect())
        };
        look.boxed()
    })
}

/// How far snapshots are. "`Snapshot`" of the EC2 API has it as text, `87%`, and not at all while it has not begun.
pub(super) fn progress(ec2: aws_sdk_ec2::Client, jitter: u64) -> Arc<Rounds<u8>> {
    const CALL: &str = "DescribeSnapshots";
    Rounds::new(CALL, Pacing::own(jitter), move |ids| {
        let wanted = ec2::Filter::builder().name("snapshot-id");
        let wanted = wanted.set_values(Some(ids)).build();
        let request = ec2.describe_snapshots().filters(wanted);
        let look = async move {
            let answer = request.send().await.map_err(|error| failed(CALL, error))?;
            let known = answer.snapshots().iter().filter_map(|snapshot| {
                let done = snapshot.progress().unwrap_or_default();
                let done = done.trim_end_matches('%').parse().unwrap_or_default();
                Some((snapshot.snapshot_id()?.to_owned(), done))
            });
            Ok(known.collect())
        };
        look.boxed()
    })
}

impl Aws {
    /// Without an id of a template, "`DescribeLaunchTemplateVersions`" answers for `$Latest` and `$Default` of all.
    async fn templates_of(&self, id: &ImageId) -> Result<Vec<String>> {
        const CALL: &str = "DescribeLaunchTemplateVersions";
        let request = self
            .ec2
            .describe_launch_template_versions()
            .versions("$Latest")
            .versions("$Default")
            .filters(
                ec2::Filter::builder()
                    .name("image-id")
                    .values(id.as_str())
                    .build(),
            )
            .max_results(VERSIONS_PAGE);
        let mut users = Vec::new();
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed(CALL, error))?;
            for version in page.launch_template_versions() {
                let name = version.launch_template_name().unwrap_or("?");
                let number = version.version_number().unwrap_or_default();
                users.push(format!("launch template {name}, version {number}"));
            }
        }
        users.dedup();
        Ok(users)
    }

    async fn instances_of(&self, id: &ImageId) -> Result<Vec<String>> {
        use crate::cloud::Instances as _;
        let wanted = [Filter::new("image-id", id.as_str())];
        let found = self.find_instances(&wanted).await?.into_iter();
        let alive = found.filter(|instance| !instance.state.is_ending());
        Ok(alive
            .map(|instance| format!("instance {}", instance.id))
            .collect())
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn image_of(call: &'static str, image: &ec2::Image) -> Result<Image> {
    let created: Timestamp = text(call, "creation date", image.creation_date())?
        .parse()
        .map_err(|_| Error::malformed(call, "creation date that can be read"))?;
    Ok(Image {
        id: ImageId::new(text(call, "image id", image.image_id())?),
        name: image.name().unwrap_or_default().to_owned(),
        state: state_of(image),
        owner: Account::new(image.owner_id().unwrap_or_default()),
        owner_alias: image.image_owner_alias().map(ToOwned::to_owned),
        created,
        architecture: image
            .architecture()
            .map(|word| word.as_str().to_owned())
            .unwrap_or_default(),
        virtualization: image
            .virtualization_type()
            .map(|word| word.as_str().to_owned())
            .unwrap_or_default(),
        boot_mode: image.boot_mode().map(|word| word.as_str().to_owned()),
        root_device: image.root_device_name().unwrap_or_default().to_owned(),
        devices: image
            .block_device_mappings()
            .iter()
            .map(device_of)
            .collect(),
        billed: billed(
            image.usage_operation(),
            image.platform_details(),
            image.product_codes(),
        ),
        protected: image
            .deregistration_protection()
            .is_some_and(|word| word.starts_with("enabled")),
        tags: tags_of(image.tags()),
    })
}

fn device_of(mapping: &ec2::BlockDeviceMapping) -> ImageDevice {
    let volume = mapping.ebs();
    ImageDevice {
        device: mapping.device_name().unwrap_or_default().to_owned(),
        snapshot: volume
            .and_then(|volume| volume.snapshot_id())
            .map(SnapshotId::new),
        delete_on_termination: volume
            .and_then(aws_sdk_ec2::types::EbsBlockDevice::delete_on_termination)
            .unwrap_or(false),
        encrypted: volume
            .and_then(aws_sdk_ec2::types::EbsBlockDevice::encrypted)
            .unwrap_or(false),
    }
}

/// Operations beyond `RunInstances` itself carry a billing code ("AMI billing information fields").
pub(super) fn billed(
    operation: Option<&str>,
    platform: Option<&str>,
    codes: &[ec2::ProductCode],
) -> Option<String> {
    let plain = matches!(operation, None | Some("" | "RunInstances"));
    let code = codes.iter().find_map(|code| code.product_code_id());
    let platform = platform.unwrap_or("another platform");
    let platform = (!plain).then(|| platform.to_owned());
    platform.or_else(|| code.map(|code| format!("product code {code}")))
}

/// States that are neither good nor final (`transient`, `pending`) count as pending.
fn state_of(image: &ec2::Image) -> ImageState {
    let reason = || {
        let reason = image.state_reason().and_then(|reason| reason.message());
        reason.unwrap_or("no reason given").to_owned()
    };
    match image.state() {
        Some(ec2::ImageState::Available) => ImageState::Available,
        Some(
            state @ (ec2::ImageState::Failed
            | ec2::ImageState::Error
            | ec2::ImageState::Invalid
            | ec2::ImageState::Deregistered
            | ec2::ImageState::Disabled),
        ) => ImageState::Failed(format!("{}: {}", state.as_str(), reason())),
        _ => ImageState::Pending,
    }
}

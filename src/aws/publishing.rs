//! What becomes of images after they were made, through the EC2 API, and keys of KMS.

use aws_sdk_ec2::operation::register_image::builders::RegisterImageFluentBuilder;
use aws_sdk_ec2::types as ec2;
use jiff::Timestamp;

use crate::aws::Aws;
use crate::aws::convert::{specification, text};
use crate::aws::error::failed;
use crate::cloud::{
    EncryptionKey, Error, ImageId, ImageRights, Kind, NewCopy, Publishing, Region, Result,
    SnapshotId, SnapshotRights, Tags,
};

impl Publishing for Aws {
    async fn copy_image(&self, copy: &NewCopy) -> Result<ImageId> {
        const CALL: &str = "CopyImage";
        let answer = self
            .ec2
            .copy_image()
            .source_region(copy.from.as_str())
            .source_image_id(copy.source.as_str())
            .name(&copy.name)
            .set_description(copy.description.clone())
            .set_encrypted(copy.encrypted.then_some(true))
            .set_kms_key_id(copy.key.clone())
            .set_snapshot_copy_completion_duration_minutes(copy.minutes.map(i64::from))
            .client_token(&copy.token)
            .tag_specifications(specification(ec2::ResourceType::Image, &copy.tags))
            .tag_specifications(specification(
                ec2::ResourceType::Snapshot,
                &copy.snapshot_tags,
            ))
            .send()
            .await
            .map_err(|error| failed(CALL, error))?;
        text(CALL, "image id", answer.image_id()).map(ImageId::new)
    }

    async fn register_again(&self, of: &ImageId, name: &str, tags: &Tags) -> Result<ImageId> {
        const CALL: &str = "RegisterImage";
        let request = self.registration(of, name).await?;
        let answer = request
            .tag_specifications(specification(ec2::ResourceType::Image, tags))
            .send()
            .await
            .map_err(|error| failed(CALL, error))?;
        text(CALL, "image id", answer.image_id()).map(ImageId::new)
    }

    async fn may_register_again(&self, of: &ImageId, name: &str) -> Result<()> {
        let request = self.registration(of, name).await?;
        let answer = request.dry_run(true).send().await;
        match answer.map_err(|error| failed("RegisterImage", error)) {
            // How a dry run says yes ("Common error codes", `DryRunOperation`).
            Err(error) if error.code.as_deref() == Some("DryRunOperation") => Ok(()),
            answer => answer.map(drop),
        }
    }

    async fn share_image(&self, id: &ImageId, rights: &ImageRights) -> Result<()> {
        let permission = ec2::LaunchPermission::builder;
        let accounts = rights.accounts.iter();
        let accounts = accounts.map(|account| permission().user_id(account).build());
        let groups = rights.groups.iter().map(|group| {
            let group = ec2::PermissionGroup::from(group.as_str());
            permission().group(group).build()
        });
        let organizations = rights.organizations.iter();
        let organizations = organizations.map(|arn| permission().organization_arn(arn).build());
        let units = rights.units.iter();
        let units = units.map(|arn| permission().organizational_unit_arn(arn).build());
        let all = accounts.chain(groups).chain(organizations).chain(units);
        let change = ec2::LaunchPermissionModifications::builder()
            .set_add(Some(all.collect()))
            .build();
        let request = self.ec2.modify_image_attribute().image_id(id.as_str());
        let answer = request.launch_permission(change).send().await;
        answer
            .map(drop)
            .map_err(|error| failed("ModifyImageAttribute", error))
    }

    async fn require_tokens(&self, id: &ImageId) -> Result<()> {
        let value = ec2::AttributeValue::builder().value("v2.0").build();
        let request = self.ec2.modify_image_attribute().image_id(id.as_str());
        let answer = request.imds_support(value).send().await;
        answer
            .map(drop)
            .map_err(|error| failed("ModifyImageAttribute", error))
    }

    async fn share_snapshot(&self, id: &SnapshotId, rights: &SnapshotRights) -> Result<()> {
        let permission = ec2::CreateVolumePermission::builder;
        let accounts = rights.accounts.iter();
        let accounts = accounts.map(|account| permission().user_id(account).build());
        let groups = rights.groups.iter().map(|group| {
            let group = ec2::PermissionGroup::from(group.as_str());
            permission().group(group).build()
        });
        let change = ec2::CreateVolumePermissionModifications::builder()
            .set_add(Some(accounts.chain(groups).collect()))
            .build();
        let request = self
            .ec2
            .modify_snapshot_attribute()
            .snapshot_id(id.as_str());
        let answer = request.create_volume_permission(change).send().await;
        answer
            .map(drop)
            .map_err(|error| failed("ModifySnapshotAttribute", error))
    }

    async fn deprecate_image(&self, id: &ImageId, at: Timestamp) -> Result<()> {
        let at = aws_sdk_ec2::primitives::DateTime::from_secs(at.as_second());
        let request = self.ec2.enable_image_deprecation().image_id(id.as_str());
        let answer = request.deprecate_at(at).send().await;
        answer
            .map(drop)
            .map_err(|error| failed("EnableImageDeprecation", error))
    }

    async fn protect_image(&self, id: &ImageId, with_cooldown: bool) -> Result<()> {
        let request = self
            .ec2
            .enable_image_deregistration_protection()
            .image_id(id.as_str());
        let answer = request.with_cooldown(with_cooldown).send().await;
        answer
            .map(drop)
            .map_err(|error| failed("EnableImageDeregistrationProtection", error))
    }

    async fn regions(&self) -> Result<Vec<Region>> {
        const CALL: &str = "DescribeRegions";
        let answer = self.ec2.describe_regions().send().await;
        let answer = answer.map_err(|error| failed(CALL, error))?;
        let regions = answer.regions().iter();
        regions
            .map(|region| text(CALL, "region name", region.region_name()).map(Region::new))
            .collect()
    }

    async fn encryption_key(&self, name: &str) -> Result<EncryptionKey> {
        const CALL: &str = "DescribeKey";
        let answer = self.kms().describe_key().key_id(name).send().await;
        let answer = answer.map_err(|error| failed(CALL, error))?;
        let key = answer
            .key_metadata()
            .ok_or_else(|| Error::malformed(CALL, "key"))?;
        let manager = key.key_manager();
        Ok(EncryptionKey {
            arn: key.arn().unwrap_or(key.key_id()).to_owned(),
            state: key
                .key_state()
                .map_or("Enabled", aws_sdk_kms::types::KeyState::as_str)
                .to_owned(),
            of_aws: manager == Some(&aws_sdk_kms::types::KeyManagerType::Aws),
        })
    }
}

impl Aws {
    /// All that `DescribeImages` tells of an image and `RegisterImage` takes. Billing codes, product codes, launch
    /// permissions and UEFI variables are none of it.
    async fn registration(&self, of: &ImageId, name: &str) -> Result<RegisterImageFluentBuilder> {
        const CALL: &str = "DescribeImages";
        let request = self.ec2.describe_images().image_ids(of.as_str());
        let answer = request.send().await.map_err(|error| failed(CALL, error))?;
        let Some(image) = answer.images().first() else {
            return Err(Error {
                kind: Kind::NotFound,
                ..Error::malformed(CALL, "such image")
            });
        };
        let mut request = self
            .ec2
            .register_image()
            .name(name)
            .set_description(image.description().map(ToOwned::to_owned))
            .set_architecture(image.architecture().cloned())
            .set_root_device_name(image.root_device_name().map(ToOwned::to_owned))
            .set_ena_support(image.ena_support())
            .set_sriov_net_support(image.sriov_net_support().map(ToOwned::to_owned))
            .set_boot_mode(image.boot_mode().cloned())
            .set_tpm_support(image.tpm_support().cloned())
            .set_kernel_id(image.kernel_id().map(ToOwned::to_owned))
            .set_ramdisk_id(image.ramdisk_id().map(ToOwned::to_owned))
            .set_block_device_mappings(Some(again(image.block_device_mappings())));
        if let Some(kind) = image.virtualization_type() {
            request = request.virtualization_type(kind.as_str());
        }
        if let Some(support) = image.imds_support() {
            request = request.imds_support(support.clone());
        }
        Ok(request)
    }
}

/// Encryption is the snapshot's own, and must not be asked for beside one ("`RegisterImage`", `BlockDeviceMapping`).
fn again(mappings: &[ec2::BlockDeviceMapping]) -> Vec<ec2::BlockDeviceMapping> {
    let mappings = mappings.iter().cloned();
    mappings
        .map(|mut mapping| {
            if let Some(volume) = &mut mapping.ebs
                && volume.snapshot_id.is_some()
            {
                volume.encrypted = None;
                volume.kms_key_id = None;
            }
            mapping
        })
        .collect()
}

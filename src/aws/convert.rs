//! Values that several concerns turn into the SDK's types and back.

use aws_sdk_ec2::types as ec2;

use crate::cloud::{BlockDevice, Error, Filter, Result, Tags};

/// The text that the API promises, or an error that names what is missing.
pub(super) fn text<'a>(call: &'static str, what: &str, value: Option<&'a str>) -> Result<&'a str> {
    value
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Error::malformed(call, what))
}

pub(super) fn filters(filters: &[Filter]) -> Vec<ec2::Filter> {
    let filters = filters.iter();
    filters
        .map(|filter| {
            ec2::Filter::builder()
                .name(&filter.name)
                .set_values(Some(filter.values.clone()))
                .build()
        })
        .collect()
}

pub(super) fn tags(tags: &Tags) -> Vec<ec2::Tag> {
    tags.iter()
        .map(|(key, value)| ec2::Tag::builder().key(key).value(value).build())
        .collect()
}

/// Tags for one kind of thing, to be set as it is made. There is always one: the run's.
pub(super) fn specification(kind: ec2::ResourceType, tagged: &Tags) -> ec2::TagSpecification {
    ec2::TagSpecification::builder()
        .resource_type(kind)
        .set_tags(Some(tags(tagged)))
        .build()
}

pub(super) fn tags_of(tags: &[ec2::Tag]) -> Tags {
    tags.iter()
        .map(|tag| {
            let key = tag.key().unwrap_or_default().to_owned();
            (key, tag.value().unwrap_or_default().to_owned())
        })
        .collect()
}

pub(super) fn devices(devices: &[BlockDevice]) -> Vec<ec2::BlockDeviceMapping> {
    devices.iter().map(device).collect()
}

fn device(device: &BlockDevice) -> ec2::BlockDeviceMapping {
    let mapping = ec2::BlockDeviceMapping::builder().device_name(&device.device);
    if device.no_device {
        return mapping.no_device("").build();
    }
    if let Some(name) = &device.virtual_name {
        return mapping.virtual_name(name).build();
    }
    let volume = ec2::EbsBlockDevice::builder()
        .delete_on_termination(device.delete_on_termination)
        .set_encrypted(device.encrypted)
        .set_kms_key_id(device.kms_key.clone())
        .set_iops(device.iops.map(number))
        .set_throughput(device.throughput.map(number))
        .set_volume_size(device.size.map(number))
        .set_volume_type(device.volume_type.as_deref().map(ec2::VolumeType::from))
        .set_snapshot_id(device.snapshot.as_ref().map(ToString::to_string))
        .build();
    mapping.ebs(volume).build()
}

/// The API's numbers are signed; ours end far below.
pub(super) fn number(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

//! Values that several concerns turn into the SDK's types and back.

use aws_sdk_ec2::types as ec2;

use crate::cloud::{BlockDevice, Error, Filter, Result, Tags};

/// A device in either of EC2's two sets of types: of a launch or an image, and of a launch template.
macro_rules! mapping {
    ($mapping:ident, $volume:ident, $device:expr) => {{
        let device: &$crate::cloud::BlockDevice = $device;
        let mapping = aws_sdk_ec2::types::$mapping::builder().device_name(&device.device);
        if device.no_device {
            mapping.no_device("").build()
        } else if let Some(name) = &device.virtual_name {
            mapping.virtual_name(name).build()
        } else {
            let volume = aws_sdk_ec2::types::$volume::builder()
                .delete_on_termination(device.delete_on_termination)
                .set_encrypted(device.encrypted)
                .set_kms_key_id(device.kms_key.clone())
                .set_iops(device.iops.map($crate::aws::convert::number))
                .set_throughput(device.throughput.map($crate::aws::convert::number))
                .set_volume_size(device.size.map($crate::aws::convert::number))
                .set_volume_type(device.volume_type.as_deref().map(Into::into))
                .set_snapshot_id(device.snapshot.as_ref().map(ToString::to_string));
            mapping.ebs(volume.build()).build()
        }
    }};
}

/// The metadata service in either of EC2's two sets of types.
macro_rules! metadata {
    ($options:ident, $metadata:expr) => {{
        let metadata: &$crate::cloud::Metadata = $metadata;
        let word = |on: bool, yes: &'static str, no: &'static str| if on { yes } else { no };
        let tags = metadata.instance_tags.then_some("enabled");
        aws_sdk_ec2::types::$options::builder()
            .http_endpoint(word(metadata.enabled, "enabled", "disabled").into())
            .http_tokens(word(metadata.tokens_required, "required", "optional").into())
            .http_put_response_hop_limit(i32::from(metadata.hop_limit))
            .set_instance_metadata_tags(tags.map(Into::into))
            .build()
    }};
}

/// Where a machine is to stand, in either of EC2's two sets of types.
macro_rules! placement {
    ($kind:ident, $placement:expr) => {{
        let placement: &$crate::cloud::Placement = $placement;
        aws_sdk_ec2::types::$kind::builder()
            .set_tenancy(placement.tenancy.as_deref().map(Into::into))
            .set_host_id(placement.host.clone())
            .set_host_resource_group_arn(placement.host_group.clone())
    }};
}

/// Capacity that was reserved before, in either of EC2's two sets of types.
macro_rules! reserved {
    ($kind:ident, $reservation:expr) => {{
        use $crate::cloud::Reservation;
        let reserved = aws_sdk_ec2::types::$kind::builder();
        let target = aws_sdk_ec2::types::CapacityReservationTarget::builder();
        match $reservation {
            Reservation::Open => reserved.capacity_reservation_preference("open".into()),
            Reservation::None => reserved.capacity_reservation_preference("none".into()),
            Reservation::Id(id) => {
                reserved.capacity_reservation_target(target.capacity_reservation_id(id).build())
            }
            Reservation::Group(arn) => {
                let target = target.capacity_reservation_resource_group_arn(arn);
                reserved.capacity_reservation_target(target.build())
            }
        }
        .build()
    }};
}

pub(super) use {mapping, metadata, placement, reserved};

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
    mapping!(BlockDeviceMapping, EbsBlockDevice, device)
}

/// The API's numbers are signed; ours end far below.
pub(super) fn number(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

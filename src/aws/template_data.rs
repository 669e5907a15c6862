//! What a launch template says of a machine, in the words of "`RequestLaunchTemplateData`".

use aws_sdk_ec2::types as ec2;
use aws_sdk_ec2::types::builders::RequestLaunchTemplateDataBuilder;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::aws::convert::{mapping, metadata, placement, reserved, tags as tag_list};
use crate::cloud::{NewInstance, Placement, Spot, Tags};

/// Everything of a launch but its type, its place and its token, which the fleet says. That it is a spot machine the fleet
/// says too. Each field is named here, so that a new one cannot be forgotten.
pub(super) fn data(launch: &NewInstance) -> ec2::RequestLaunchTemplateData {
    let NewInstance {
        image,
        instance_type: _,
        profile,
        key_pair,
        security_groups: _,
        subnet: _,
        zone: _,
        public_address: _,
        devices,
        user_data,
        metadata,
        ebs_optimized,
        unlimited_credits: _,
        enclave: _,
        placement: _,
        reservation: _,
        licenses: _,
        terminate_on_shutdown,
        spot,
        token: _,
        tags,
        volume_tags,
    } = launch;
    let terminate = terminate_on_shutdown.then_some(ec2::ShutdownBehavior::Terminate);
    let mut data = ec2::RequestLaunchTemplateData::builder()
        .image_id(image.as_str())
        .set_key_name(key_pair.as_ref().map(ToString::to_string))
        .set_user_data(user_data.as_ref().map(|text| BASE64.encode(text)))
        .set_ebs_optimized(ebs_optimized.then_some(true))
        .set_instance_initiated_shutdown_behavior(terminate)
        .metadata_options(metadata!(
            LaunchTemplateInstanceMetadataOptionsRequest,
            metadata
        ))
        .tag_specifications(tagged(ec2::ResourceType::Instance, tags))
        .tag_specifications(tagged(ec2::ResourceType::Volume, volume_tags));
    if let Some(Spot { tags, .. }) = spot {
        data = data.tag_specifications(tagged(ec2::ResourceType::SpotInstancesRequest, tags));
    }
    if let Some(name) = profile {
        let profile = ec2::LaunchTemplateIamInstanceProfileSpecificationRequest::builder();
        data = data.iam_instance_profile(profile.name(name).build());
    }
    for device in devices {
        data = data.block_device_mappings(mapping!(
            LaunchTemplateBlockDeviceMappingRequest,
            LaunchTemplateEbsBlockDeviceRequest,
            device
        ));
    }
    networked(on_hardware(data, launch), launch).build()
}

fn on_hardware(
    mut data: RequestLaunchTemplateDataBuilder,
    launch: &NewInstance,
) -> RequestLaunchTemplateDataBuilder {
    if launch.placement != Placement::default() {
        data =
            data.placement(placement!(LaunchTemplatePlacementRequest, &launch.placement).build());
    }
    if launch.unlimited_credits {
        let credits = ec2::CreditSpecificationRequest::builder().cpu_credits("unlimited");
        data = data.credit_specification(credits.build());
    }
    if launch.enclave {
        let enclave = ec2::LaunchTemplateEnclaveOptionsRequest::builder().enabled(true);
        data = data.enclave_options(enclave.build());
    }
    if let Some(reservation) = &launch.reservation {
        data = data.capacity_reservation_specification(reserved!(
            LaunchTemplateCapacityReservationSpecificationRequest,
            reservation
        ));
    }
    for arn in &launch.licenses {
        let license = ec2::LaunchTemplateLicenseConfigurationRequest::builder();
        data = data.license_specifications(license.license_configuration_arn(arn).build());
    }
    data
}

/// As in a launch, an address can only be asked for on a network interface, and the groups stand there then.
fn networked(
    data: RequestLaunchTemplateDataBuilder,
    launch: &NewInstance,
) -> RequestLaunchTemplateDataBuilder {
    let groups = launch.security_groups.iter().map(ToString::to_string);
    let groups: Vec<String> = groups.collect();
    let groups = (!groups.is_empty()).then_some(groups);
    let Some(public) = launch.public_address else {
        return data.set_security_group_ids(groups);
    };
    let interface = ec2::LaunchTemplateInstanceNetworkInterfaceSpecificationRequest::builder()
        .device_index(0)
        .associate_public_ip_address(public)
        .delete_on_termination(true)
        .set_groups(groups);
    data.network_interfaces(interface.build())
}

fn tagged(kind: ec2::ResourceType, tags: &Tags) -> ec2::LaunchTemplateTagSpecificationRequest {
    ec2::LaunchTemplateTagSpecificationRequest::builder()
        .resource_type(kind)
        .set_tags(Some(tag_list(tags)))
        .build()
}

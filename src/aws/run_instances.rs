//! One machine to be launched, in the words of "`RunInstances`".

use aws_sdk_ec2::operation::run_instances::builders::RunInstancesFluentBuilder;
use aws_sdk_ec2::types as ec2;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::aws::Aws;
use crate::aws::convert::{devices, metadata, placement, reserved, specification};
use crate::cloud::{NewInstance, Placement, Spot};

impl Aws {
    pub(super) fn request(&self, launch: &NewInstance) -> RunInstancesFluentBuilder {
        let request = self
            .ec2
            .run_instances()
            .min_count(1)
            .max_count(1)
            .client_token(&launch.token)
            .image_id(launch.image.as_str())
            .instance_type(ec2::InstanceType::from(launch.instance_type.as_str()))
            .set_key_name(launch.key_pair.as_ref().map(ToString::to_string))
            .set_user_data(launch.user_data.as_ref().map(|text| BASE64.encode(text)))
            .set_ebs_optimized(launch.ebs_optimized.then_some(true))
            .metadata_options(metadata!(InstanceMetadataOptionsRequest, &launch.metadata))
            .tag_specifications(specification(ec2::ResourceType::Instance, &launch.tags))
            .tag_specifications(specification(
                ec2::ResourceType::Volume,
                &launch.volume_tags,
            ));
        placed(market(attached(request, launch), launch), launch)
    }
}

fn attached(
    mut request: RunInstancesFluentBuilder,
    launch: &NewInstance,
) -> RunInstancesFluentBuilder {
    if !launch.devices.is_empty() {
        request = request.set_block_device_mappings(Some(devices(&launch.devices)));
    }
    if let Some(name) = &launch.profile {
        let profile = ec2::IamInstanceProfileSpecification::builder();
        request = request.iam_instance_profile(profile.name(name).build());
    }
    if launch.unlimited_credits {
        let credits = ec2::CreditSpecificationRequest::builder().cpu_credits("unlimited");
        request = request.credit_specification(credits.build());
    }
    if launch.enclave {
        request =
            request.enclave_options(ec2::EnclaveOptionsRequest::builder().enabled(true).build());
    }
    for license in &launch.licenses {
        request = request.license_specifications(
            ec2::LicenseConfigurationRequest::builder()
                .license_configuration_arn(license)
                .build(),
        );
    }
    if let Some(reservation) = &launch.reservation {
        request = request.capacity_reservation_specification(reserved!(
            CapacityReservationSpecification,
            reservation
        ));
    }
    if launch.terminate_on_shutdown {
        request = request.instance_initiated_shutdown_behavior(ec2::ShutdownBehavior::Terminate);
    }
    request
}

fn market(request: RunInstancesFluentBuilder, launch: &NewInstance) -> RunInstancesFluentBuilder {
    let Some(Spot {
        max_price, tags, ..
    }) = &launch.spot
    else {
        return request;
    };
    let options = ec2::SpotMarketOptions::builder()
        .spot_instance_type(ec2::SpotInstanceType::OneTime)
        .set_max_price(max_price.clone())
        .build();
    let market = ec2::InstanceMarketOptionsRequest::builder()
        .market_type(ec2::MarketType::Spot)
        .spot_options(options)
        .build();
    let kind = ec2::ResourceType::SpotInstancesRequest;
    request
        .instance_market_options(market)
        .tag_specifications(specification(kind, tags))
}

/// An address can only be asked for on a network interface, and then subnet and security groups stand there too
/// ("`RunInstances`", `AssociatePublicIpAddress`).
fn placed(request: RunInstancesFluentBuilder, launch: &NewInstance) -> RunInstancesFluentBuilder {
    let mut request = request;
    if let Some(placement) = placement(launch) {
        request = request.placement(placement);
    }
    let groups: Vec<String> = launch
        .security_groups
        .iter()
        .map(ToString::to_string)
        .collect();
    let groups = (!groups.is_empty()).then_some(groups);
    let subnet = launch.subnet.as_ref().map(ToString::to_string);
    let Some(public) = launch.public_address else {
        return request.set_security_group_ids(groups).set_subnet_id(subnet);
    };
    let interface = ec2::InstanceNetworkInterfaceSpecification::builder()
        .device_index(0)
        .associate_public_ip_address(public)
        .delete_on_termination(true)
        .set_groups(groups)
        .set_subnet_id(subnet)
        .build();
    request.network_interfaces(interface)
}

fn placement(launch: &NewInstance) -> Option<ec2::Placement> {
    let zone = launch.zone.as_ref().map(ToString::to_string);
    let said = zone.is_some() || launch.placement != Placement::default();
    said.then(|| {
        let placement = placement!(Placement, &launch.placement);
        placement.set_availability_zone(zone).build()
    })
}

//! A machine out of a fleet, in the words of "`CreateLaunchTemplate`" and "`CreateFleet`".

use aws_sdk_ec2::types as ec2;
use aws_sdk_ec2::types::builders::RequestLaunchTemplateDataBuilder;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::aws::Aws;
use crate::aws::convert::{filters, number, specification, tags as tag_list, text};
use crate::aws::error::{failed, kind_of};
use crate::cloud::{
    BlockDevice, Choice, Error, Filter, Fleets, InstanceId, Kind, LaunchTemplateId, NewFleet,
    NewInstance, Result, Tags,
};

/// The allocation strategy that minds the order of the choices.
const IN_ORDER: &str = "capacity-optimized-prioritized";

/// Templates a page, the most that "`DescribeLaunchTemplates`" gives.
const TEMPLATES: i32 = 200;

impl Fleets for Aws {
    async fn create_fleet_template(
        &self,
        name: &str,
        launch: &NewInstance,
        tags: &Tags,
    ) -> Result<LaunchTemplateId> {
        const CALL: &str = "CreateLaunchTemplate";
        let kind = ec2::ResourceType::LaunchTemplate;
        let request = self
            .ec2
            .create_launch_template()
            .launch_template_name(name)
            .client_token(name)
            .launch_template_data(data(launch))
            .tag_specifications(specification(kind, tags));
        let answer = request.send().await.map_err(|error| failed(CALL, error))?;
        let made = answer.launch_template();
        let id = made.and_then(ec2::LaunchTemplate::launch_template_id);
        text(CALL, "launch template id", id).map(LaunchTemplateId::new)
    }

    async fn find_launch_templates(&self, wanted: &[Filter]) -> Result<Vec<LaunchTemplateId>> {
        const CALL: &str = "DescribeLaunchTemplates";
        let request = self
            .ec2
            .describe_launch_templates()
            .set_filters(Some(filters(wanted)))
            .max_results(TEMPLATES);
        let mut pages = request.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(template) = pages.next().await {
            let template = template.map_err(|error| failed(CALL, error))?;
            let id = template.launch_template_id();
            found.push(LaunchTemplateId::new(text(CALL, "launch template id", id)?));
        }
        Ok(found)
    }

    async fn launch_from_fleet(&self, fleet: &NewFleet<'_>) -> Result<InstanceId> {
        const CALL: &str = "CreateFleet";
        let strategy = fleet.spot.allocation_strategy.as_deref();
        let options = ec2::SpotOptionsRequest::builder()
            .set_allocation_strategy(strategy.map(ec2::SpotAllocationStrategy::from))
            .build();
        let target = ec2::TargetCapacitySpecificationRequest::builder()
            .total_target_capacity(1)
            .default_target_capacity_type(ec2::DefaultTargetCapacityType::Spot)
            .build();
        let request = self
            .ec2
            .create_fleet()
            .r#type(ec2::FleetType::Instant)
            .client_token(fleet.token)
            .spot_options(options)
            .target_capacity_specification(target)
            .launch_template_configs(choices(fleet))
            .tag_specifications(specification(ec2::ResourceType::Fleet, fleet.tags));
        let answer = request.send().await.map_err(|error| failed(CALL, error))?;
        let mut launched = answer
            .instances()
            .iter()
            .flat_map(ec2::CreateFleetInstance::instance_ids);
        match (launched.next(), answer.errors()) {
            (Some(id), _) => Ok(InstanceId::new(id)),
            (None, []) => Err(Error::malformed(CALL, "instance and no error")),
            (None, errors) => Err(refused(CALL, errors)),
        }
    }
}

/// Nothing was launched: what stands against each choice. It is a want of capacity only when each is.
fn refused(call: &'static str, errors: &[ec2::CreateFleetError]) -> Error {
    let code = |error: &ec2::CreateFleetError| error.error_code().unwrap_or_default().to_owned();
    let decides = errors
        .iter()
        .find(|error| kind_of(&code(error)) != Kind::Limit);
    let decides = code(decides.unwrap_or(&errors[0]));
    let texts: Vec<String> = errors
        .iter()
        .map(|error| {
            let over = error.launch_template_and_overrides();
            let over = over.and_then(|both| both.overrides());
            let kind = over.and_then(|over| over.instance_type());
            let kind = kind.map_or("", ec2::InstanceType::as_str);
            let place = over.and_then(|over| over.subnet_id().or(over.availability_zone()));
            let place = place
                .map(|place| format!(" in {place}"))
                .unwrap_or_default();
            let message = error.error_message().unwrap_or_default();
            format!("{kind}{place}: {message} ({})", code(error))
        })
        .collect();
    Error {
        call,
        kind: kind_of(&decides),
        code: Some(decides),
        message: texts.join("; "),
        request_id: None,
        source: None,
    }
}

fn choices(fleet: &NewFleet<'_>) -> ec2::FleetLaunchTemplateConfigRequest {
    let template = ec2::FleetLaunchTemplateSpecificationRequest::builder()
        .launch_template_id(fleet.template.as_str())
        .version("1");
    let in_order = fleet.spot.allocation_strategy.as_deref() == Some(IN_ORDER);
    let each = |(rank, choice): (u32, &Choice)| {
        // A subnet says where its zone is.
        let zone = choice.zone.as_ref().filter(|_| choice.subnet.is_none());
        ec2::FleetLaunchTemplateOverridesRequest::builder()
            .instance_type(choice.instance_type.as_str().into())
            .set_subnet_id(choice.subnet.as_ref().map(ToString::to_string))
            .set_availability_zone(zone.map(ToString::to_string))
            .set_max_price(fleet.spot.max_price.clone())
            .set_priority(in_order.then(|| rank.into()))
            .build()
    };
    let overrides = (0..).zip(fleet.choices).map(each).collect();
    ec2::FleetLaunchTemplateConfigRequest::builder()
        .launch_template_specification(template.build())
        .set_overrides(Some(overrides))
        .build()
}

/// What a launch says but type and place; a fleet's own words say that it is a spot machine.
fn data(launch: &NewInstance) -> ec2::RequestLaunchTemplateData {
    let metadata = ec2::LaunchTemplateInstanceMetadataOptionsRequest::builder()
        .http_endpoint(if launch.metadata.enabled {
            ec2::LaunchTemplateInstanceMetadataEndpointState::Enabled
        } else {
            ec2::LaunchTemplateInstanceMetadataEndpointState::Disabled
        })
        .http_tokens(if launch.metadata.tokens_required {
            ec2::LaunchTemplateHttpTokensState::Required
        } else {
            ec2::LaunchTemplateHttpTokensState::Optional
        })
        .http_put_response_hop_limit(i32::from(launch.metadata.hop_limit))
        .set_instance_metadata_tags(
            launch
                .metadata
                .instance_tags
                .then_some(ec2::LaunchTemplateInstanceMetadataTagsState::Enabled),
        )
        .build();
    let mut data = ec2::RequestLaunchTemplateData::builder()
        .image_id(launch.image.as_str())
        .set_key_name(launch.key_pair.as_ref().map(ToString::to_string))
        .set_user_data(launch.user_data.as_ref().map(|text| BASE64.encode(text)))
        .set_ebs_optimized(launch.ebs_optimized.then_some(true))
        .metadata_options(metadata)
        .tag_specifications(tagged(ec2::ResourceType::Instance, &launch.tags))
        .tag_specifications(tagged(ec2::ResourceType::Volume, &launch.volume_tags));
    if let Some(spot) = &launch.spot {
        let kind = ec2::ResourceType::SpotInstancesRequest;
        data = data.tag_specifications(tagged(kind, &spot.tags));
    }
    if let Some(name) = &launch.profile {
        let profile = ec2::LaunchTemplateIamInstanceProfileSpecificationRequest::builder();
        data = data.iam_instance_profile(profile.name(name).build());
    }
    if launch.unlimited_credits {
        let credits = ec2::CreditSpecificationRequest::builder().cpu_credits("unlimited");
        data = data.credit_specification(credits.build());
    }
    for device in &launch.devices {
        data = data.block_device_mappings(mapping(device));
    }
    placed(data, launch).build()
}

/// As in a launch, an address can only be asked for on a network interface, and the groups stand there then.
fn placed(
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

fn mapping(device: &BlockDevice) -> ec2::LaunchTemplateBlockDeviceMappingRequest {
    let mapping = ec2::LaunchTemplateBlockDeviceMappingRequest::builder();
    let mapping = mapping.device_name(&device.device);
    if device.no_device {
        return mapping.no_device("").build();
    }
    if let Some(name) = &device.virtual_name {
        return mapping.virtual_name(name).build();
    }
    let volume = ec2::LaunchTemplateEbsBlockDeviceRequest::builder()
        .delete_on_termination(device.delete_on_termination)
        .set_encrypted(device.encrypted)
        .set_kms_key_id(device.kms_key.clone())
        .set_iops(device.iops.map(number))
        .set_throughput(device.throughput.map(number))
        .set_volume_size(device.size.map(number))
        .set_volume_type(device.volume_type.as_deref().map(ec2::VolumeType::from))
        .set_snapshot_id(device.snapshot.as_ref().map(ToString::to_string));
    mapping.ebs(volume.build()).build()
}

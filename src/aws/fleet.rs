//! A machine out of a fleet, in the words of "`CreateLaunchTemplate`" and "`CreateFleet`".

use aws_sdk_ec2::operation::create_fleet::builders::CreateFleetFluentBuilder;
use aws_sdk_ec2::operation::create_launch_template::builders::CreateLaunchTemplateFluentBuilder;
use aws_sdk_ec2::types as ec2;

use crate::aws::Aws;
use crate::aws::convert::{filters, specification, text};
use crate::aws::error::{failed, kind_of, would_go};
use crate::aws::template_data;
use crate::cloud::{
    Choice, Error, Filter, Fleets, InstanceId, Kind, LaunchTemplateId, NewFleet, NewInstance,
    Result, Tags,
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
        let answer = self.template_request(name, launch, tags).send().await;
        let answer = answer.map_err(|error| failed(CALL, error))?;
        let made = answer.launch_template();
        let id = made.and_then(ec2::LaunchTemplate::launch_template_id);
        text(CALL, "launch template id", id).map(LaunchTemplateId::new)
    }

    async fn rehearse_fleet(
        &self,
        launch: &NewInstance,
        tags: &Tags,
        fleet: &NewFleet<'_>,
    ) -> Vec<Error> {
        let template = self.template_request(fleet.template, launch, tags);
        let template = template.dry_run(true).send().await;
        let template = would_go("CreateLaunchTemplate", template).err();
        let fleet = self.fleet_request(fleet).dry_run(true).send().await;
        // There is no template yet. A right that lacks is told before.
        let fleet = would_go("CreateFleet", fleet).err();
        let fleet = fleet.filter(|error| !error.is_not_found());
        template.into_iter().chain(fleet).collect()
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
        let answer = self.fleet_request(fleet).send().await;
        let answer = answer.map_err(|error| failed(CALL, error))?;
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

impl Aws {
    fn template_request(
        &self,
        name: &str,
        launch: &NewInstance,
        tags: &Tags,
    ) -> CreateLaunchTemplateFluentBuilder {
        let kind = ec2::ResourceType::LaunchTemplate;
        self.ec2
            .create_launch_template()
            .launch_template_name(name)
            .client_token(name)
            .launch_template_data(template_data::data(launch))
            .tag_specifications(specification(kind, tags))
    }

    fn fleet_request(&self, fleet: &NewFleet<'_>) -> CreateFleetFluentBuilder {
        let strategy = fleet.spot.allocation_strategy.as_deref();
        let options = ec2::SpotOptionsRequest::builder()
            .set_allocation_strategy(strategy.map(ec2::SpotAllocationStrategy::from))
            .build();
        let target = ec2::TargetCapacitySpecificationRequest::builder()
            .total_target_capacity(1)
            .default_target_capacity_type(ec2::DefaultTargetCapacityType::Spot)
            .build();
        self.ec2
            .create_fleet()
            .r#type(ec2::FleetType::Instant)
            .client_token(fleet.token)
            .spot_options(options)
            .target_capacity_specification(target)
            .launch_template_configs(choices(fleet))
            .tag_specifications(specification(ec2::ResourceType::Fleet, fleet.tags))
    }
}

/// Nothing was launched: what stands against each choice. It is a want of capacity when it is for one of them: the machine
/// may be had in another way then.
fn refused(call: &'static str, errors: &[ec2::CreateFleetError]) -> Error {
    let code = |error: &ec2::CreateFleetError| error.error_code().unwrap_or_default().to_owned();
    let scarce = errors
        .iter()
        .find(|error| kind(&code(error)) == Kind::Limit);
    let decides = code(scarce.unwrap_or(&errors[0]));
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
        kind: kind(&decides),
        code: Some(decides),
        message: texts.join("; "),
        request_id: None,
        source: None,
    }
}

fn kind(code: &str) -> Kind {
    match code {
        // Said of a choice, such as a type that its zone does not have.
        "InvalidFleetConfiguration" => Kind::Limit,
        code => kind_of(code),
    }
}

fn choices(fleet: &NewFleet<'_>) -> ec2::FleetLaunchTemplateConfigRequest {
    let template = ec2::FleetLaunchTemplateSpecificationRequest::builder()
        .launch_template_name(fleet.template)
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

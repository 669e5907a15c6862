//! Instance types through the EC2 API.

use aws_sdk_ec2::types as ec2;

use crate::aws::Aws;
use crate::aws::convert::text;
use crate::aws::error::failed;
use crate::cloud::{InstanceType, Offer, Result, Types, Zone};

impl Types for Aws {
    /// By a filter, so that a name that does not exist is missing from the answer and refuses no other.
    async fn instance_types(&self, names: &[String]) -> Result<Vec<InstanceType>> {
        const CALL: &str = "DescribeInstanceTypes";
        let request = self.ec2.describe_instance_types().filters(named(names));
        let mut found = Vec::new();
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed(CALL, error))?;
            for kind in page.instance_types() {
                found.push(type_of(CALL, kind)?);
            }
        }
        Ok(found)
    }

    async fn offers(&self, names: &[String]) -> Result<Vec<Offer>> {
        const CALL: &str = "DescribeInstanceTypeOfferings";
        let request = self
            .ec2
            .describe_instance_type_offerings()
            .location_type(ec2::LocationType::AvailabilityZone)
            .filters(named(names));
        let mut found = Vec::new();
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed(CALL, error))?;
            for offer in page.instance_type_offerings() {
                let name = offer.instance_type().map(ec2::InstanceType::as_str);
                found.push(Offer {
                    instance_type: text(CALL, "instance type", name)?.to_owned(),
                    zone: Zone::new(text(CALL, "location", offer.location())?),
                });
            }
        }
        Ok(found)
    }
}

fn named(names: &[String]) -> ec2::Filter {
    ec2::Filter::builder()
        .name("instance-type")
        .set_values(Some(names.to_vec()))
        .build()
}

fn type_of(call: &'static str, kind: &ec2::InstanceTypeInfo) -> Result<InstanceType> {
    let name = kind.instance_type().map(ec2::InstanceType::as_str);
    let processor = kind.processor_info();
    let architectures = processor.map(ec2::ProcessorInfo::supported_architectures);
    let words = architectures.unwrap_or_default().iter();
    let virtualization = kind.supported_virtualization_types().iter();
    let boot_modes = kind.supported_boot_modes().iter();
    let spot = kind
        .supported_usage_classes()
        .contains(&ec2::UsageClassType::Spot);
    Ok(InstanceType {
        name: text(call, "instance type", name)?.to_owned(),
        architectures: words.map(|word| word.as_str().to_owned()).collect(),
        virtualization: virtualization.map(|w| w.as_str().to_owned()).collect(),
        boot_modes: boot_modes.map(|w| w.as_str().to_owned()).collect(),
        spot,
    })
}

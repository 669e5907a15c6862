//! Which versions of a launch template something would start from, or runs.

use std::collections::BTreeSet;

use super::Aws;
use super::error::failed;
use crate::cloud::{LaunchTemplate, LaunchTemplateVersion, Result};

/// The tags that EC2 puts on what it launches from a template ("Launch instances from a launch template").
pub(super) const TEMPLATE: &str = "aws:ec2launchtemplate:id";
const VERSION: &str = "aws:ec2launchtemplate:version";

impl Aws {
    /// The numbers that Auto Scaling groups name, in mixes too, and those of instances that are there. What follows `$Latest` or
    /// `$Default` names none.
    pub(super) async fn users_of(
        &self,
        template: &LaunchTemplate,
    ) -> Result<BTreeSet<LaunchTemplateVersion>> {
        let mut used = BTreeSet::new();
        for (name, version) in self.starts().await?.versions.keys() {
            if name == template.id.as_str() || *name == template.name {
                used.extend(version.parse().ok().map(LaunchTemplateVersion));
            }
        }
        let filter = aws_sdk_ec2::types::Filter::builder()
            .name(format!("tag:{TEMPLATE}"))
            .values(template.id.as_str());
        let call = self.ec2.describe_instances().filters(filter.build());
        let mut pages = call.into_paginator().items().send();
        while let Some(found) = pages.next().await {
            let found = found.map_err(|error| failed("DescribeInstances", error))?;
            for instance in found.instances() {
                let ended = instance.state().and_then(|state| state.name())
                    == Some(&aws_sdk_ec2::types::InstanceStateName::Terminated);
                let mut tags = instance.tags().iter().filter(|_| !ended);
                let version = tags.find(|tag| tag.key() == Some(VERSION));
                let version = version.and_then(|tag| tag.value()?.parse().ok());
                used.extend(version.map(LaunchTemplateVersion));
            }
        }
        Ok(used)
    }
}

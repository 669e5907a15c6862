//! Which Auto Scaling groups start from an image, by whatever way: a launch template's version, a mix of them, or a launch
//! configuration.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_autoscaling::types as scaling;

use crate::aws::Aws;
use crate::aws::error::failed;
use crate::cloud::{ImageId, Result};

/// Launch configurations a call ("`DescribeLaunchConfigurations`").
const CONFIGURATIONS: usize = 50;

/// What groups start from, and the groups.
#[derive(Default)]
pub(super) struct Starts {
    /// Template id or name, and version.
    pub(super) versions: BTreeMap<(String, String), BTreeSet<String>>,
    configurations: BTreeMap<String, BTreeSet<String>>,
}

impl Aws {
    /// Groups whose next instance would be of that image, in words.
    pub(super) async fn groups_of(&self, id: &ImageId) -> Result<Vec<String>> {
        let starts = self.starts().await?;
        let mut groups = BTreeSet::new();
        for ((template, version), of) in &starts.versions {
            if self.image_of_version(template, version).await?.as_deref() == Some(id.as_str()) {
                groups.extend(of.iter().cloned());
            }
        }
        let names: Vec<_> = starts.configurations.keys().cloned().collect();
        for names in names.chunks(CONFIGURATIONS) {
            for name in self.configurations_with(id, names).await? {
                groups.extend(
                    starts
                        .configurations
                        .get(&name)
                        .into_iter()
                        .flatten()
                        .cloned(),
                );
            }
        }
        let groups = groups.into_iter();
        Ok(groups
            .map(|name| format!("Auto Scaling group {name}"))
            .collect())
    }

    /// Of every group of the region.
    pub(super) async fn starts(&self) -> Result<Starts> {
        const CALL: &str = "DescribeAutoScalingGroups";
        let mut starts = Starts::default();
        let request = self.scaling_to_read().await.describe_auto_scaling_groups();
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed(CALL, error))?;
            for group in page.auto_scaling_groups() {
                starts.add(group);
            }
        }
        Ok(starts)
    }

    /// The image of a template's version; none when the version is gone, which no instance can start from.
    async fn image_of_version(&self, template: &str, version: &str) -> Result<Option<String>> {
        const CALL: &str = "DescribeLaunchTemplateVersions";
        let request = self
            .ec2
            .describe_launch_template_versions()
            .versions(version);
        let request = if template.starts_with("lt-") {
            request.launch_template_id(template)
        } else {
            request.launch_template_name(template)
        };
        let answer = request.send().await.map_err(|error| failed(CALL, error));
        let answer = match answer {
            Err(error) if error.is_not_found() => return Ok(None),
            answer => answer?,
        };
        let mut versions = answer.launch_template_versions().iter();
        let data = versions.find_map(|version| version.launch_template_data());
        Ok(data.and_then(|data| data.image_id().map(ToOwned::to_owned)))
    }

    async fn configurations_with(&self, id: &ImageId, names: &[String]) -> Result<Vec<String>> {
        const CALL: &str = "DescribeLaunchConfigurations";
        let request = self
            .scaling_to_read()
            .await
            .describe_launch_configurations()
            .set_launch_configuration_names(Some(names.to_vec()));
        let answer = request.send().await.map_err(|error| failed(CALL, error))?;
        let found = answer.launch_configurations().iter();
        Ok(found
            .filter(|configuration| configuration.image_id() == Some(id.as_str()))
            .filter_map(|configuration| configuration.launch_configuration_name())
            .map(ToOwned::to_owned)
            .collect())
    }
}

impl Starts {
    fn add(&mut self, group: &scaling::AutoScalingGroup) {
        let name = group.auto_scaling_group_name().unwrap_or("?");
        if let Some(configuration) = group.launch_configuration_name() {
            let of = self.configurations.entry(configuration.to_owned());
            of.or_default().insert(name.to_owned());
        }
        let mix = group.mixed_instances_policy();
        let mix = mix.and_then(|policy| policy.launch_template());
        let overrides = mix.into_iter().flat_map(scaling::LaunchTemplate::overrides);
        let specifications = group
            .launch_template()
            .into_iter()
            .chain(mix.and_then(|mix| mix.launch_template_specification()))
            .chain(overrides.filter_map(|other| other.launch_template_specification()));
        for specification in specifications {
            let template = specification.launch_template_id();
            let template = template.or(specification.launch_template_name());
            // Without a version a group takes the default one.
            let version = specification.version().unwrap_or("$Default");
            let key = (template.unwrap_or("?").to_owned(), version.to_owned());
            self.versions
                .entry(key)
                .or_default()
                .insert(name.to_owned());
        }
    }
}

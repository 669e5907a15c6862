//! Who would start machines from a launch template, or has.

use aws_sdk_ec2::types;

use super::Aws;
use super::error::failed;
use super::version_users::TEMPLATE;
use crate::cloud::{GroupName, InstanceId, LaunchTemplate, Result, TemplateUser};

/// The tag that Auto Scaling puts on machines of a group.
const GROUP: &str = "aws:autoscaling:groupName";

impl Aws {
    /// Groups that name any of its versions, in mixes too, instances that are there, and fleets that are not being deleted.
    pub(super) async fn all_users_of(
        &self,
        template: &LaunchTemplate,
    ) -> Result<Vec<TemplateUser>> {
        let mut users = self.groups_with(template).await?;
        users.extend(self.instances_from(template).await?);
        users.extend(self.fleets_with(template).await?);
        users.extend(self.spot_fleets_with(template).await?);
        Ok(users)
    }

    async fn groups_with(&self, template: &LaunchTemplate) -> Result<Vec<TemplateUser>> {
        let starts = self.starts().await?;
        let named = starts.versions.iter();
        let named = named.filter(|((name, _), _)| is(template, Some(name), Some(name)));
        let mut groups: Vec<&String> = named.flat_map(|(_, groups)| groups).collect();
        groups.sort();
        groups.dedup();
        let users = groups.into_iter();
        Ok(users
            .map(|name| TemplateUser::Group(GroupName::new(name.as_str())))
            .collect())
    }

    async fn instances_from(&self, template: &LaunchTemplate) -> Result<Vec<TemplateUser>> {
        const CALL: &str = "DescribeInstances";
        let filter = types::Filter::builder()
            .name(format!("tag:{TEMPLATE}"))
            .values(template.id.as_str());
        let call = self.ec2.describe_instances().filters(filter.build());
        let mut pages = call.into_paginator().items().send();
        let mut users = Vec::new();
        while let Some(found) = pages.next().await {
            let found = found.map_err(|error| failed(CALL, error))?;
            for instance in found.instances() {
                let state = instance.state().and_then(|state| state.name());
                let Some(id) = instance.instance_id() else {
                    continue;
                };
                if state == Some(&types::InstanceStateName::Terminated) {
                    continue;
                }
                let mut tags = instance.tags().iter();
                let group = tags.find(|tag| tag.key() == Some(GROUP));
                users.push(TemplateUser::Instance {
                    id: InstanceId::new(id),
                    group: group.and_then(|tag| tag.value()).map(GroupName::new),
                });
            }
        }
        Ok(users)
    }

    async fn fleets_with(&self, template: &LaunchTemplate) -> Result<Vec<TemplateUser>> {
        const CALL: &str = "DescribeFleets";
        let mut pages = self.ec2.describe_fleets().into_paginator().items().send();
        let mut users = Vec::new();
        while let Some(fleet) = pages.next().await {
            let fleet = fleet.map_err(|error| failed(CALL, error))?;
            if names(&fleet, template) {
                let id = fleet.fleet_id().unwrap_or("?");
                users.push(TemplateUser::Fleet(id.to_owned()));
            }
        }
        Ok(users)
    }

    async fn spot_fleets_with(&self, template: &LaunchTemplate) -> Result<Vec<TemplateUser>> {
        const CALL: &str = "DescribeSpotFleetRequests";
        let call = self.ec2.describe_spot_fleet_requests();
        let mut pages = call.into_paginator().items().send();
        let mut users = Vec::new();
        while let Some(fleet) = pages.next().await {
            let fleet = fleet.map_err(|error| failed(CALL, error))?;
            if requests(&fleet, template) {
                let id = fleet.spot_fleet_request_id().unwrap_or("?");
                users.push(TemplateUser::Fleet(id.to_owned()));
            }
        }
        Ok(users)
    }
}

fn is(template: &LaunchTemplate, id: Option<&str>, name: Option<&str>) -> bool {
    id == Some(template.id.as_str()) || name == Some(template.name.as_str())
}

/// One that is being deleted starts nothing more.
fn names(fleet: &types::FleetData, template: &LaunchTemplate) -> bool {
    let ends = matches!(
        fleet.fleet_state(),
        Some(
            types::FleetStateCode::Deleted
                | types::FleetStateCode::DeletedRunning
                | types::FleetStateCode::DeletedTerminatingInstances
        )
    );
    let configs = fleet.launch_template_configs().iter();
    let mut named = configs.filter_map(|config| config.launch_template_specification());
    !ends
        && named.any(|one| {
            is(
                template,
                one.launch_template_id(),
                one.launch_template_name(),
            )
        })
}

/// One that is cancelled starts nothing more.
fn requests(fleet: &types::SpotFleetRequestConfig, template: &LaunchTemplate) -> bool {
    let ends = matches!(
        fleet.spot_fleet_request_state(),
        Some(
            types::BatchState::Cancelled
                | types::BatchState::CancelledRunning
                | types::BatchState::CancelledTerminatingInstances
        )
    );
    let config = fleet.spot_fleet_request_config();
    let configs = config
        .into_iter()
        .flat_map(types::SpotFleetRequestConfigData::launch_template_configs);
    let mut named = configs.filter_map(|config| config.launch_template_specification());
    !ends
        && named.any(|one| {
            is(
                template,
                one.launch_template_id(),
                one.launch_template_name(),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::{LaunchTemplateId, LaunchTemplateVersion, Tags};

    fn template() -> LaunchTemplate {
        LaunchTemplate {
            id: LaunchTemplateId::new("lt-1"),
            name: "web".to_owned(),
            default: LaunchTemplateVersion(1),
            latest: LaunchTemplateVersion(2),
            tags: Tags::new(),
        }
    }

    #[test]
    fn a_fleet_uses_what_it_names_by_id_or_name_until_it_is_deleted() {
        let fleet = |id: Option<&str>, name: Option<&str>, state| {
            let named = types::FleetLaunchTemplateSpecification::builder()
                .set_launch_template_id(id.map(ToOwned::to_owned))
                .set_launch_template_name(name.map(ToOwned::to_owned));
            let config = types::FleetLaunchTemplateConfig::builder()
                .launch_template_specification(named.build());
            let fleet = types::FleetData::builder().fleet_state(state);
            fleet.launch_template_configs(config.build()).build()
        };
        let active = types::FleetStateCode::Active;
        for (id, name, state, wanted) in [
            (Some("lt-1"), None, active.clone(), true),
            (None, Some("web"), active.clone(), true),
            (Some("lt-2"), None, active, false),
            (
                Some("lt-1"),
                None,
                types::FleetStateCode::DeletedRunning,
                false,
            ),
        ] {
            assert_eq!(names(&fleet(id, name, state), &template()), wanted);
        }
    }

    #[test]
    fn a_spot_fleet_uses_what_it_names_until_it_is_cancelled() {
        let fleet = |id: &str, state| {
            let named = types::FleetLaunchTemplateSpecification::builder().launch_template_id(id);
            let config =
                types::LaunchTemplateConfig::builder().launch_template_specification(named.build());
            let config = types::SpotFleetRequestConfigData::builder()
                .launch_template_configs(config.build());
            types::SpotFleetRequestConfig::builder()
                .spot_fleet_request_config(config.build())
                .spot_fleet_request_state(state)
                .build()
        };
        for (id, state, wanted) in [
            ("lt-1", types::BatchState::Active, true),
            ("lt-2", types::BatchState::Active, false),
            ("lt-1", types::BatchState::Cancelled, false),
        ] {
            assert_eq!(requests(&fleet(id, state), &template()), wanted, "{id}");
        }
    }
}

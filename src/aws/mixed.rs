//! Mixed instances policies: a launch template with instance types beside its own, on demand and spot.

use aws_sdk_autoscaling::types;

use super::Aws;
use super::error::failed;
use super::group_copy::described;
use super::groups::specified;
use crate::cloud::{GroupName, LaunchTemplateId, Mixed, Result, VersionRef};

/// Of what a policy does not say ("`API_InstancesDistribution`").
const ALL_ON_DEMAND: i32 = 100;
/// A machine on demand is of the first type that can be had; so it is too where types are named and nothing is said.
const IN_ORDER: &str = "prioritized";

/// The launch template of a group, in its policy or without one.
pub(super) fn template_of(
    group: &types::AutoScalingGroup,
) -> Option<&types::LaunchTemplateSpecification> {
    match group.mixed_instances_policy() {
        Some(policy) => policy.launch_template()?.launch_template_specification(),
        None => group.launch_template(),
    }
}

/// The template that a refresh was told to launch from, in a policy or without one.
pub(super) fn wanted(
    desired: &types::DesiredConfiguration,
) -> Option<&types::LaunchTemplateSpecification> {
    match desired.mixed_instances_policy() {
        Some(policy) => policy.launch_template()?.launch_template_specification(),
        None => desired.launch_template(),
    }
}

/// The policy of a group in our words.
pub(super) fn of(group: &types::AutoScalingGroup) -> Result<Option<Mixed>> {
    let Some(policy) = group.mixed_instances_policy() else {
        return Ok(None);
    };
    let share = policy.instances_distribution();
    let base = share.and_then(types::InstancesDistribution::on_demand_base_capacity);
    let percent =
        share.and_then(types::InstancesDistribution::on_demand_percentage_above_base_capacity);
    let number = |given: Option<i32>, usual| u32::try_from(given.unwrap_or(usual)).unwrap_or(0);
    let types = overrides(group).map(|one| match one.instance_type() {
        Some(kind) => kind.to_owned(),
        None => "any that meets its requirements".to_owned(),
    });
    let own = overrides(group).filter_map(|one| one.launch_template_specification());
    Ok(Some(Mixed {
        types: types.collect(),
        on_demand_base: number(base, 0),
        on_demand_percent: number(percent, ALL_ON_DEMAND),
        in_order: share
            .and_then(types::InstancesDistribution::on_demand_allocation_strategy)
            .is_none_or(|strategy| strategy == IN_ORDER),
        of_types: own.map(specified).collect::<Result<_>>()?,
    }))
}

/// What of a policy a roll cannot deal with: it counts machines, and makes one version.
pub(super) fn lost(group: &types::AutoScalingGroup) -> Vec<String> {
    let mut lost = Vec::new();
    if overrides(group).any(|one| one.launch_template_specification().is_some()) {
        lost.push("a mixed instances policy with launch templates of single types".to_owned());
    }
    if overrides(group).any(|one| one.weighted_capacity().is_some()) {
        lost.push("a mixed instances policy with weighted types".to_owned());
    }
    let unit = group.desired_capacity_type().unwrap_or("units");
    if unit != "units" {
        lost.push(format!("a capacity that is counted in {unit}"));
    }
    lost
}

fn overrides(
    group: &types::AutoScalingGroup,
) -> impl Iterator<Item = &types::LaunchTemplateOverrides> {
    let template = group.mixed_instances_policy();
    let template = template.and_then(types::MixedInstancesPolicy::launch_template);
    template
        .into_iter()
        .flat_map(types::LaunchTemplate::overrides)
}

/// A version of a launch template, as Auto Scaling takes it.
pub(super) fn specification(
    template: &LaunchTemplateId,
    version: VersionRef,
) -> types::LaunchTemplateSpecification {
    types::LaunchTemplateSpecification::builder()
        .launch_template_id(template.as_str())
        .version(version.to_string())
        .build()
}

/// The same policy with another version.
pub(super) fn with(
    mut policy: types::MixedInstancesPolicy,
    specification: types::LaunchTemplateSpecification,
) -> types::MixedInstancesPolicy {
    let empty = || types::LaunchTemplate::builder().build();
    let template = policy.launch_template.get_or_insert_with(empty);
    template.launch_template_specification = Some(specification);
    policy
}

/// A policy of these types, on demand the first that can be had. How many are spot stays as `before` says.
pub(super) fn of_types(
    before: Option<types::MixedInstancesPolicy>,
    names: &[String],
) -> types::MixedInstancesPolicy {
    let overrides = names.iter().map(|name| {
        let one = types::LaunchTemplateOverrides::builder();
        one.instance_type(name).build()
    });
    let mut policy = before.unwrap_or_else(|| types::MixedInstancesPolicy::builder().build());
    let empty = || types::LaunchTemplate::builder().build();
    let template = policy.launch_template.get_or_insert_with(empty);
    template.overrides = Some(overrides.collect());
    let all = || types::InstancesDistribution::builder().build();
    let share = policy.instances_distribution.get_or_insert_with(all);
    share.on_demand_allocation_strategy = Some(IN_ORDER.to_owned());
    policy
}

/// The policy that a group has now; `None` where it starts from a launch template alone. A version is written with the whole
/// of it: Auto Scaling would drop it from a group that is given a template, and compares nothing.
pub(super) async fn now(
    aws: &Aws,
    name: &GroupName,
) -> Result<Option<types::MixedInstancesPolicy>> {
    let group = described(aws, name).await?;
    Ok(group.and_then(|group| group.mixed_instances_policy.clone()))
}

/// Has a group start machines from a version of a launch template.
pub(super) async fn follow(
    aws: &Aws,
    name: &GroupName,
    specification: types::LaunchTemplateSpecification,
) -> Result<()> {
    let call = aws.scaling_to_write().await.update_auto_scaling_group();
    let call = call.auto_scaling_group_name(name.as_str());
    let call = match now(aws, name).await? {
        Some(policy) => call.mixed_instances_policy(with(policy, specification)),
        None => call.launch_template(specification),
    };
    let answer = call.send().await;
    answer.map_err(|error| failed("UpdateAutoScalingGroup", error))?;
    Ok(())
}

/// What a refresh of a group to a version is told.
pub(super) async fn desired(
    aws: &Aws,
    name: &GroupName,
    specification: types::LaunchTemplateSpecification,
) -> Result<types::DesiredConfiguration> {
    let call = types::DesiredConfiguration::builder();
    Ok(match now(aws, name).await? {
        Some(policy) => call.mixed_instances_policy(with(policy, specification)),
        None => call.launch_template(specification),
    }
    .build())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::StartsFrom;

    fn group(
        one: types::builders::LaunchTemplateOverridesBuilder,
    ) -> types::builders::AutoScalingGroupBuilder {
        let template = types::LaunchTemplate::builder()
            .launch_template_specification(specification(
                &LaunchTemplateId::new("lt-1"),
                VersionRef::Latest,
            ))
            .overrides(one.build());
        let policy = types::MixedInstancesPolicy::builder().launch_template(template.build());
        types::AutoScalingGroup::builder().mixed_instances_policy(policy.build())
    }

    fn typed(kind: &str) -> types::builders::LaunchTemplateOverridesBuilder {
        types::LaunchTemplateOverrides::builder().instance_type(kind)
    }

    #[test]
    fn what_is_not_one_machine_or_not_one_version_is_told() {
        assert_eq!(lost(&group(typed("t3.micro")).build()), [""; 0]);
        let weighted = group(typed("t3.micro").weighted_capacity("2")).build();
        assert!(lost(&weighted)[0].contains("weighted"));
        let own = specification(&LaunchTemplateId::new("lt-2"), VersionRef::Default);
        let own = group(typed("t4g.micro").launch_template_specification(own)).build();
        assert!(lost(&own)[0].contains("launch templates of single types"));
        let starts = &of(&own).unwrap().unwrap().of_types[0];
        assert!(matches!(starts, StartsFrom::Template { id, .. } if id.as_str() == "lt-2"));
        let counted = group(typed("t3.micro")).desired_capacity_type("vcpu");
        assert!(lost(&counted.build())[0].contains("vcpu"));
    }

    #[test]
    fn another_version_leaves_the_rest_of_a_policy() {
        let group = group(typed("t3.micro")).build();
        let policy = group.mixed_instances_policy().unwrap().clone();
        let next = specification(&LaunchTemplateId::new("lt-1"), VersionRef::Default);
        let policy = with(policy, next.clone());
        let template = policy.launch_template().unwrap();
        assert_eq!(template.launch_template_specification(), Some(&next));
        assert_eq!(template.overrides()[0].instance_type(), Some("t3.micro"));
        let mixed = of(&group).unwrap().unwrap();
        assert_eq!(mixed.types, ["t3.micro"]);
        assert_eq!((mixed.on_demand_base, mixed.on_demand_percent), (0, 100));
    }

    #[test]
    fn types_to_fall_back_to_leave_the_share_of_spot() {
        let names = ["t3.small".to_owned(), "t3a.small".to_owned()];
        let policy = of_types(None, &names);
        let made = types::AutoScalingGroup::builder().mixed_instances_policy(policy);
        let made = of(&made.build()).unwrap().unwrap();
        assert_eq!(made.types, names);
        assert_eq!((made.on_demand_percent, made.in_order), (100, true));
        let share = types::InstancesDistribution::builder()
            .on_demand_percentage_above_base_capacity(40)
            .on_demand_allocation_strategy("lowest-price");
        let before = types::MixedInstancesPolicy::builder().instances_distribution(share.build());
        let group = |policy| types::AutoScalingGroup::builder().mixed_instances_policy(policy);
        let before = before.build();
        let was = of(&group(before.clone()).build()).unwrap().unwrap();
        assert!(!was.in_order);
        let made = of(&group(of_types(Some(before), &names)).build());
        let made = made.unwrap().unwrap();
        assert_eq!((made.on_demand_percent, made.in_order), (40, true));
    }
}

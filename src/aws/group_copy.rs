//! Making a group like another one, setting by setting.
//!
//! Each field of the SDK's inputs stands in a table with what becomes of it; a field that a newer SDK brings fails the
//! test below until someone has decided. Every copier of the field has forgotten something (anchors/rollout.md 4, rows 17
//! and 18).

use std::sync::Arc;

use aws_sdk_autoscaling::operation::create_auto_scaling_group::builders::CreateAutoScalingGroupFluentBuilder as Create;
use aws_sdk_autoscaling::types;
use futures_util::FutureExt as _;

use super::Aws;
use super::error::failed;
use super::groups::{PAGE, signed};
use super::rounds::Rounds;
use super::services::Services;
use super::{mixed, policy_copy};
use crate::cloud::{Copying, Error, GroupName, NewGroup, Result, VersionRef};

/// kiln's own tags belong to one group and are never copied.
const OWN_TAGS: &str = "kiln:";
/// Tags of this prefix are AWS's; setting one is refused.
const AWS_TAGS: &str = "aws:";

/// The group as the SDK describes it.
pub(super) async fn described(
    aws: &Aws,
    name: &GroupName,
) -> Result<Option<Arc<types::AutoScalingGroup>>> {
    match aws.groups.look(name.as_str()).await {
        Err(error) if error.is_not_found() => Ok(None),
        found => found.map(Some),
    }
}

/// The look-ups of groups by name: the rolls of a process ask for theirs together.
pub(super) fn rounds(services: &Arc<Services>) -> Arc<Rounds<Arc<types::AutoScalingGroup>>> {
    const CALL: &str = "DescribeAutoScalingGroups";
    let pacing = services.pacing_of_groups(usize::from(PAGE));
    let services = Arc::clone(services);
    Rounds::new(CALL, pacing, move |names| {
        let call = services.autoscaling().describe_auto_scaling_groups();
        let call = call.max_records(i32::from(PAGE));
        let call = call.set_auto_scaling_group_names(Some(names));
        let look = async move {
            let answer = call.send().await.map_err(|error| failed(CALL, error))?;
            let found = answer.auto_scaling_groups.unwrap_or_default().into_iter();
            let named = found.map(|group| {
                let name = group.auto_scaling_group_name().unwrap_or_default();
                (name.to_owned(), Arc::new(group))
            });
            Ok(named.collect())
        };
        look.boxed()
    })
}

/// What a copy of this group would lose.
pub(super) fn not_copied(group: &types::AutoScalingGroup) -> Vec<String> {
    let mut lost = mixed::lost(group);
    if group.launch_configuration_name().is_some() {
        lost.push("a launch configuration".to_owned());
    }
    if !group.load_balancer_names().is_empty() {
        lost.push("a classic load balancer".to_owned());
    }
    if group.operator().is_some() {
        lost.push("a managing service (operator)".to_owned());
    }
    let other = group.traffic_sources().iter();
    let other = other.filter(|source| source.r#type() != Some("elbv2"));
    lost.extend(other.map(|source| {
        let kind = source.r#type().unwrap_or("unknown");
        format!("a traffic source of type {kind}")
    }));
    lost
}

/// Makes the group at size 0.
pub(super) async fn create(aws: &Aws, new: &NewGroup) -> Result<()> {
    let mut call = aws.scaling_to_write().await.create_auto_scaling_group();
    if let Some(like) = &new.like {
        let source = described(aws, like).await?.ok_or_else(|| gone(like))?;
        let hooks = hooks(aws, like).await?;
        call = copied(call, Arc::unwrap_or_clone(source))
            .set_lifecycle_hook_specification_list(Some(hooks));
    } else {
        let by = if new.target_group.is_some() {
            "ELB"
        } else {
            "EC2"
        };
        call = call.health_check_type(by);
    }
    let answer = named(call, new).send().await;
    answer.map_err(|error| failed("CreateAutoScalingGroup", error))?;
    Ok(())
}

fn gone(name: &GroupName) -> Error {
    Error {
        call: "DescribeAutoScalingGroups",
        kind: crate::cloud::Kind::NotFound,
        code: None,
        message: format!("group {name} is gone"),
        request_id: None,
        source: None,
    }
}

/// The fields marked `copied` in `GROUP_FIELDS`.
fn copied(call: Create, source: types::AutoScalingGroup) -> Create {
    let tags = source.tags.unwrap_or_default().into_iter();
    let tags = tags.filter(|tag| {
        let key = tag.key().unwrap_or_default();
        !key.starts_with(OWN_TAGS) && !key.starts_with(AWS_TAGS)
    });
    let tags = tags.map(|tag| {
        types::Tag::builder()
            .set_key(tag.key)
            .set_value(tag.value)
            .set_propagate_at_launch(tag.propagate_at_launch)
            .build()
    });
    call.set_default_cooldown(source.default_cooldown)
        .set_health_check_type(source.health_check_type)
        .set_health_check_grace_period(source.health_check_grace_period)
        .set_placement_group(source.placement_group)
        .set_termination_policies(source.termination_policies)
        .set_capacity_rebalance(source.capacity_rebalance)
        .set_service_linked_role_arn(source.service_linked_role_arn)
        .set_max_instance_lifetime(source.max_instance_lifetime)
        .set_context(source.context)
        .set_desired_capacity_type(source.desired_capacity_type)
        .set_mixed_instances_policy(source.mixed_instances_policy)
        .set_default_instance_warmup(source.default_instance_warmup)
        .set_instance_maintenance_policy(source.instance_maintenance_policy)
        .set_availability_zone_distribution(source.availability_zone_distribution)
        .set_availability_zone_impairment_policy(source.availability_zone_impairment_policy)
        .set_capacity_reservation_specification(source.capacity_reservation_specification)
        .set_instance_lifecycle_policy(source.instance_lifecycle_policy)
        .set_tags(Some(tags.collect()))
}

/// The fields marked `named` in `GROUP_FIELDS`.
fn named(call: Create, new: &NewGroup) -> Create {
    let version = VersionRef::Number(new.version);
    let version = mixed::specification(&new.template, version);
    let subnets: Vec<&str> = new
        .subnets
        .iter()
        .map(crate::cloud::SubnetId::as_str)
        .collect();
    let seconds =
        |duration: std::time::Duration| i32::try_from(duration.as_secs()).unwrap_or(i32::MAX);
    let mut call = call
        .auto_scaling_group_name(new.name.as_str())
        .min_size(0)
        .desired_capacity(0)
        .max_size(signed(new.max))
        .vpc_zone_identifier(subnets.join(","));
    let policy = call.get_mixed_instances_policy().clone();
    let policy = match new.types.as_slice() {
        [] => policy,
        types => Some(mixed::of_types(policy, types)),
    };
    call = match policy {
        Some(policy) => call.mixed_instances_policy(mixed::with(policy, version)),
        None => call.launch_template(version),
    };
    if let Some(target_group) = &new.target_group {
        call = call.target_group_arns(target_group.as_str());
    }
    if let Some(grace) = new.grace {
        call = call.health_check_grace_period(seconds(grace));
    }
    if let Some(warmup) = new.warmup {
        call = call.default_instance_warmup(seconds(warmup));
    }
    let mut tags = call.get_tags().clone().unwrap_or_default();
    tags.retain(|tag| !new.tags.iter().any(|own| tag.key() == Some(&own.key)));
    tags.extend(new.tags.iter().map(|tag| {
        types::Tag::builder()
            .key(&tag.key)
            .value(&tag.value)
            .propagate_at_launch(tag.launched)
            .build()
    }));
    call.set_tags(Some(tags))
}

/// Hooks go into the call that makes the group, so that its first instance meets them already.
pub(super) async fn hooks(
    aws: &Aws,
    of: &GroupName,
) -> Result<Vec<types::LifecycleHookSpecification>> {
    let call = aws.scaling_to_read().await.describe_lifecycle_hooks();
    let answer = call.auto_scaling_group_name(of.as_str()).send().await;
    let answer = answer.map_err(|error| failed("DescribeLifecycleHooks", error))?;
    let hooks = answer.lifecycle_hooks.unwrap_or_default().into_iter();
    Ok(hooks
        .map(|hook| {
            types::LifecycleHookSpecification::builder()
                .set_lifecycle_hook_name(hook.lifecycle_hook_name)
                .set_lifecycle_transition(hook.lifecycle_transition)
                .set_notification_metadata(hook.notification_metadata)
                .set_heartbeat_timeout(hook.heartbeat_timeout)
                .set_default_result(hook.default_result)
                .set_notification_target_arn(hook.notification_target_arn)
                .set_role_arn(hook.role_arn)
                .build()
        })
        .collect())
}

/// Copies what a group does beside starting instances.
pub(super) async fn behaviour(aws: &Aws, copying: &Copying) -> Result<()> {
    policy_copy::policies(aws, copying).await?;
    schedules(aws, copying).await?;
    notifications(aws, copying).await?;
    metrics(aws, copying).await
}

/// All scheduled actions of a group.
pub(super) async fn schedules_of(
    aws: &Aws,
    group: &GroupName,
) -> Result<Vec<types::ScheduledUpdateGroupAction>> {
    let call = aws.scaling_to_read().await.describe_scheduled_actions();
    let call = call.auto_scaling_group_name(group.as_str());
    let mut pages = call.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(action) = pages.next().await {
        found.push(action.map_err(|error| failed("DescribeScheduledActions", error))?);
    }
    Ok(found)
}

async fn schedules(aws: &Aws, copying: &Copying) -> Result<()> {
    for action in schedules_of(aws, &copying.from).await? {
        let client = aws.scaling_to_write().await;
        let answer = schedule_input(client, action, &copying.to).send().await;
        answer.map_err(|error| failed("PutScheduledUpdateGroupAction", error))?;
    }
    Ok(())
}

/// A recurring action's start time is its next run as often as not, and one in the past is refused: without it the
/// recurrence begins at once. One that runs once keeps it; when it has run, AWS has deleted it.
fn schedule_input(
    client: &aws_sdk_autoscaling::Client,
    action: types::ScheduledUpdateGroupAction,
    to: &GroupName,
) -> aws_sdk_autoscaling::operation::put_scheduled_update_group_action::builders::PutScheduledUpdateGroupActionFluentBuilder{
    let starts = action.start_time.filter(|_| action.recurrence.is_none());
    client
        .put_scheduled_update_group_action()
        .auto_scaling_group_name(to.as_str())
        .set_scheduled_action_name(action.scheduled_action_name)
        .set_start_time(starts)
        .set_end_time(action.end_time)
        .set_recurrence(action.recurrence)
        .set_min_size(action.min_size)
        .set_max_size(action.max_size)
        .set_desired_capacity(action.desired_capacity)
        .set_time_zone(action.time_zone)
}

/// All notifications of a group, one of a kind and a topic.
pub(super) async fn notifications_of(
    aws: &Aws,
    group: &GroupName,
) -> Result<Vec<types::NotificationConfiguration>> {
    let call = aws
        .scaling_to_read()
        .await
        .describe_notification_configurations();
    let call = call.auto_scaling_group_names(group.as_str());
    let mut pages = call.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(one) = pages.next().await {
        found.push(one.map_err(|error| failed("DescribeNotificationConfigurations", error))?);
    }
    Ok(found)
}

async fn notifications(aws: &Aws, copying: &Copying) -> Result<()> {
    let mut topics = std::collections::BTreeMap::<String, Vec<String>>::new();
    for one in notifications_of(aws, &copying.from).await? {
        if let (Some(topic), Some(kind)) = (one.topic_arn, one.notification_type) {
            topics.entry(topic).or_default().push(kind);
        }
    }
    for (topic, kinds) in topics {
        let call = aws
            .scaling_to_write()
            .await
            .put_notification_configuration();
        let answer = call
            .auto_scaling_group_name(copying.to.as_str())
            .topic_arn(topic)
            .set_notification_types(Some(kinds))
            .send()
            .await;
        answer.map_err(|error| failed("PutNotificationConfiguration", error))?;
    }
    Ok(())
}

async fn metrics(aws: &Aws, copying: &Copying) -> Result<()> {
    let source = described(aws, &copying.from).await?;
    let enabled = source.as_ref().map(|source| source.enabled_metrics());
    let enabled = enabled.unwrap_or_default();
    let Some(granularity) = enabled
        .first()
        .and_then(|metric| metric.granularity.clone())
    else {
        return Ok(());
    };
    let names = enabled.iter().filter_map(|metric| metric.metric.clone());
    let call = aws.scaling_to_write().await.enable_metrics_collection();
    let answer = call
        .auto_scaling_group_name(copying.to.as_str())
        .granularity(granularity)
        .set_metrics(Some(names.collect()))
        .send()
        .await;
    answer.map_err(|error| failed("EnableMetricsCollection", error))?;
    Ok(())
}

#[cfg(test)]
pub(super) mod tests;

//! A group's scaling policies, and copies of them for the next group, which look at its own metrics.

use aws_sdk_autoscaling::operation::put_scaling_policy::builders::PutScalingPolicyFluentBuilder as Put;
use aws_sdk_autoscaling::types;

use super::Aws;
use super::error::failed;
use super::relabel;
use crate::cloud::{Copying, GroupName, Result};

/// All policies of a group.
pub(super) async fn policies_of(aws: &Aws, group: &GroupName) -> Result<Vec<types::ScalingPolicy>> {
    let call = aws.scaling_to_read().await.describe_policies();
    let call = call.auto_scaling_group_name(group.as_str());
    let mut pages = call.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(policy) = pages.next().await {
        found.push(policy.map_err(|error| failed("DescribePolicies", error))?);
    }
    Ok(found)
}

/// Copies the policies from one group to another.
pub(super) async fn policies(aws: &Aws, copying: &Copying) -> Result<()> {
    for policy in policies_of(aws, &copying.from).await? {
        let answer = input(
            aws.scaling_to_write().await.put_scaling_policy(),
            policy,
            copying,
        );
        let answer = answer.send().await;
        answer.map_err(|error| failed("PutScalingPolicy", error))?;
    }
    Ok(())
}

fn input(call: Put, mut policy: types::ScalingPolicy, copying: &Copying) -> Put {
    if let Some(tracking) = policy.target_tracking_configuration.as_mut() {
        relabel_tracking(tracking, copying);
    }
    if let Some(prediction) = policy.predictive_scaling_configuration.as_mut() {
        relabel_prediction(prediction, copying);
    }
    call.auto_scaling_group_name(copying.to.as_str())
        .set_policy_name(policy.policy_name)
        .set_policy_type(policy.policy_type)
        .set_adjustment_type(policy.adjustment_type)
        .set_min_adjustment_step(policy.min_adjustment_step)
        .set_min_adjustment_magnitude(policy.min_adjustment_magnitude)
        .set_scaling_adjustment(policy.scaling_adjustment)
        .set_cooldown(policy.cooldown)
        .set_metric_aggregation_type(policy.metric_aggregation_type)
        .set_step_adjustments(policy.step_adjustments)
        .set_estimated_instance_warmup(policy.estimated_instance_warmup)
        .set_target_tracking_configuration(policy.target_tracking_configuration)
        .set_enabled(policy.enabled)
        .set_predictive_scaling_configuration(policy.predictive_scaling_configuration)
}

/// A policy on requests per target names its target group, one on a metric of one's own its group: the copy must look at its
/// own, or it follows what is idle.
fn relabel_tracking(tracking: &mut types::TargetTrackingConfiguration, copying: &Copying) {
    if let Some(metric) = tracking.predefined_metric_specification.as_mut() {
        relabel_text(metric.resource_label.as_mut(), copying);
    }
    let Some(metric) = tracking.customized_metric_specification.as_mut() else {
        return;
    };
    relabel_dimensions(metric.dimensions.as_mut(), copying);
    for query in metric.metrics.iter_mut().flatten() {
        relabel_text(query.expression.as_mut(), copying);
        let stat = query.metric_stat.as_mut();
        relabel_metric(stat.and_then(|stat| stat.metric.as_mut()), copying);
    }
}

fn relabel_prediction(prediction: &mut types::PredictiveScalingConfiguration, copying: &Copying) {
    for metric in prediction.metric_specifications.iter_mut().flatten() {
        let pair = metric.predefined_metric_pair_specification.as_mut();
        relabel_text(pair.and_then(|one| one.resource_label.as_mut()), copying);
        let scaling = metric.predefined_scaling_metric_specification.as_mut();
        relabel_text(scaling.and_then(|one| one.resource_label.as_mut()), copying);
        let load = metric.predefined_load_metric_specification.as_mut();
        relabel_text(load.and_then(|one| one.resource_label.as_mut()), copying);
        let scaling = metric.customized_scaling_metric_specification.as_mut();
        relabel_queries(
            scaling.and_then(|one| one.metric_data_queries.as_mut()),
            copying,
        );
        let load = metric.customized_load_metric_specification.as_mut();
        relabel_queries(
            load.and_then(|one| one.metric_data_queries.as_mut()),
            copying,
        );
        let capacity = metric.customized_capacity_metric_specification.as_mut();
        relabel_queries(
            capacity.and_then(|one| one.metric_data_queries.as_mut()),
            copying,
        );
    }
}

fn relabel_queries(queries: Option<&mut Vec<types::MetricDataQuery>>, copying: &Copying) {
    for query in queries.into_iter().flatten() {
        relabel_text(query.expression.as_mut(), copying);
        let stat = query.metric_stat.as_mut();
        relabel_metric(stat.and_then(|stat| stat.metric.as_mut()), copying);
    }
}

fn relabel_metric(metric: Option<&mut types::Metric>, copying: &Copying) {
    relabel_dimensions(
        metric.and_then(|metric| metric.dimensions.as_mut()),
        copying,
    );
}

fn relabel_dimensions(dimensions: Option<&mut Vec<types::MetricDimension>>, copying: &Copying) {
    for one in dimensions.into_iter().flatten() {
        if let Some(value) = relabel::dimension(one.name(), one.value(), copying) {
            one.value = Some(value);
        }
    }
}

fn relabel_text(text: Option<&mut String>, copying: &Copying) {
    if let Some(text) = text {
        *text = relabel::text(text, copying);
    }
}

#[cfg(test)]
mod tests;

//! Scaling policies, kept and shown. Nothing here measures load, so nothing sets them off.

use super::{
    NAME,
    echo::{echo, known},
    groups,
    groups::PAGES,
};
use crate::model::{Fault, Params, Tree, args::Args, elb, state::State};
use std::collections::BTreeMap;

pub(super) const TAKES_PUT: &str = "AutoScalingGroupName PolicyName PolicyType AdjustmentType MinAdjustmentStep \
    MinAdjustmentMagnitude ScalingAdjustment Cooldown MetricAggregationType StepAdjustments EstimatedInstanceWarmup \
    TargetTrackingConfiguration Enabled";

/// What is kept of a policy as it came.
const KEPT: &str = "AdjustmentType MinAdjustmentStep MinAdjustmentMagnitude ScalingAdjustment Cooldown \
    MetricAggregationType StepAdjustments EstimatedInstanceWarmup TargetTrackingConfiguration";

/// Policies that one group may have (Quotas for Amazon EC2 Auto Scaling).
const POLICIES: usize = 50;

#[derive(Clone, Debug)]
pub(super) struct Policy {
    arn: String,
    kind: String,
    enabled: bool,
    /// Names of the alarms that a target tracking policy has.
    alarms: Vec<String>,
    kept: BTreeMap<&'static str, Params>,
}

pub(super) fn put(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let (group, name) = (args.text(NAME)?, args.text("PolicyName")?);
    groups::refuse_deleting(groups::find(state, group)?, group)?;
    let kind = args
        .word(
            "PolicyType",
            "SimpleScaling StepScaling TargetTrackingScaling",
        )?
        .unwrap_or("SimpleScaling");
    check_shape(args, kind)?;
    let old = groups::find(state, group)?.policies.get(name).cloned();
    let old = old.filter(|old| old.kind == kind);
    let id = state.ids.uuid();
    let new_arn = state.arn(
        "autoscaling",
        &format!("scalingPolicy:{id}:autoScalingGroupName/{group}:policyName/{name}"),
    );
    let fresh_alarms = match kind {
        "TargetTrackingScaling" => alarm_names(state, group, args)?,
        _ => Vec::new(),
    };
    let mut kept = BTreeMap::new();
    for field in KEPT.split_whitespace() {
        if let (Some(field), Some(value)) = (known(field), args.raw().get(field)) {
            echo(value)?;
            kept.insert(field, value.clone());
        }
    }
    let policy = Policy {
        arn: old.as_ref().map_or(new_arn, |old| old.arn.clone()),
        kind: kind.to_owned(),
        enabled: args.flag("Enabled")?.unwrap_or(true),
        alarms: old
            .map(|old| old.alarms)
            .filter(|alarms| alarms.len() == fresh_alarms.len())
            .unwrap_or(fresh_alarms),
        kept,
    };
    let answer = Tree::new()
        .put("PolicyARN", &policy.arn)
        .put("Alarms", alarm_trees(state, &policy));
    let policies = &mut groups::named(state, args)?.policies;
    if policies.len() >= POLICIES && !policies.contains_key(name) {
        return Err(Fault::new(
            "LimitExceeded",
            "The maximum number of scaling policies for the group has been reached",
        ));
    }
    policies.insert(name.to_owned(), policy);
    Ok(answer)
}

fn check_shape(args: &Args<'_>, kind: &str) -> Result<(), Fault> {
    let needs = match kind {
        "SimpleScaling" => "AdjustmentType ScalingAdjustment",
        "StepScaling" => "AdjustmentType StepAdjustments",
        _ => "TargetTrackingConfiguration",
    };
    match needs.split_whitespace().find(|name| !args.has(name)) {
        Some(missing) => Err(Fault::validation(format!(
            "{missing} is required for policies of type {kind}"
        ))),
        None => Ok(()),
    }
}

/// Target tracking keeps two alarms, one of them only when it may scale in.
fn alarm_names(state: &mut State, group: &str, args: &Args<'_>) -> Result<Vec<String>, Fault> {
    let tracking = args
        .map("TargetTrackingConfiguration")?
        .ok_or_else(|| args.missing("TargetTrackingConfiguration"))?;
    tracking.text("TargetValue")?;
    if tracking.has("PredefinedMetricSpecification")
        == tracking.has("CustomizedMetricSpecification")
    {
        return Err(Fault::validation(
            "A target tracking policy needs either a predefined or a customized metric",
        ));
    }
    if let Some(metric) = tracking.map("PredefinedMetricSpecification")? {
        check_metric(state, group, &metric)?;
    }
    let ends: &[&str] = if tracking.flag("DisableScaleIn")? == Some(true) {
        &["High"]
    } else {
        &["High", "Low"]
    };
    Ok(ends
        .iter()
        .map(|end| format!("TargetTracking-{group}-Alarm{end}-{}", state.ids.uuid()))
        .collect())
}

/// Requests per target can only be counted where a load balancer sends some to a target group of this group
/// (`PredefinedMetricSpecification` in the API reference).
fn check_metric(state: &State, group: &str, metric: &Args<'_>) -> Result<(), Fault> {
    metric.text("PredefinedMetricType")?;
    let known = "ASGAverageCPUUtilization ASGAverageNetworkIn ASGAverageNetworkOut ALBRequestCountPerTarget";
    if metric.word("PredefinedMetricType", known)? != Some("ALBRequestCountPerTarget") {
        return Ok(());
    }
    let label = metric.text("ResourceLabel")?;
    let found = groups::find(state, group)?.targets();
    if found.iter().any(|arn| {
        elb::request_labels(state, arn)
            .iter()
            .any(|known| known == label)
    }) {
        return Ok(());
    }
    Err(Fault::validation(format!(
        "The resource label {label} is not valid: it must name a load balancer and a target group that it routes requests \
         to and that is attached to the Auto Scaling group."
    )))
}

fn alarm_trees(state: &State, policy: &Policy) -> Vec<Tree> {
    let alarm = |name: &String| {
        let arn = state.arn("cloudwatch", &format!("alarm:{name}"));
        Tree::new().put("AlarmName", name).put("AlarmARN", arn)
    };
    policy.alarms.iter().map(alarm).collect()
}

pub(super) fn describe(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let page = PAGES.read(args)?;
    let (names, kinds) = (args.texts("PolicyNames")?, args.texts("PolicyTypes")?);
    let only = args.maybe_text(NAME)?.filter(|name| !name.is_empty());
    if let Some(name) = only {
        groups::find(state, name)?;
    }
    let mut found = Vec::new();
    for (group, stored) in state
        .scaling
        .groups
        .iter()
        .filter(|(name, _)| only.is_none_or(|only| only == *name))
    {
        for (name, policy) in &stored.policies {
            let by_name = names.is_empty()
                || names.contains(&name.as_str())
                || names.contains(&policy.arn.as_str());
            if by_name && (kinds.is_empty() || kinds.contains(&policy.kind.as_str())) {
                found.push((
                    format!("{group}\n{name}"),
                    tree(state, group, name, policy)?,
                ));
            }
        }
    }
    let (shown, token) = page.cut(found);
    Ok(Tree::new()
        .put("ScalingPolicies", shown)
        .put_some("NextToken", token))
}

fn tree(state: &State, group: &str, name: &str, policy: &Policy) -> Result<Tree, Fault> {
    let mut tree = Tree::new()
        .put("AutoScalingGroupName", group)
        .put("PolicyName", name)
        .put("PolicyARN", &policy.arn)
        .put("PolicyType", &policy.kind);
    for (field, value) in &policy.kept {
        tree = tree.put(field, echo(value)?);
    }
    Ok(tree
        .put("Alarms", alarm_trees(state, policy))
        .put("Enabled", policy.enabled))
}

pub(super) fn delete(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = args.text("PolicyName")?;
    let only = args.maybe_text(NAME)?.filter(|name| !name.is_empty());
    if let Some(group) = only {
        groups::find(state, group)?;
    }
    let mut gone = false;
    for (group, stored) in &mut state.scaling.groups {
        if only.is_none_or(|only| only == group) {
            let before = stored.policies.len();
            stored
                .policies
                .retain(|policy, kept| policy != name && kept.arn != name);
            gone |= stored.policies.len() < before;
        }
    }
    if gone {
        Ok(Tree::new())
    } else {
        Err(Fault::validation(format!(
            "Policy '{name}' does not exist."
        )))
    }
}

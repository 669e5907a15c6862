//! Scaling policies, kept and shown. Alarms set them off, which `acting` carries out.

use super::{
    NAME,
    echo::{echo, known},
    groups,
    groups::PAGES,
};
use crate::model::{Fault, Params, Service, Tree, args::Args, elb, state::State, watch};
use jiff::Timestamp;
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
    pub(super) arn: String,
    pub(super) kind: String,
    pub(super) enabled: bool,
    /// Names of the alarms that a target tracking policy has.
    pub(super) alarms: Vec<String>,
    pub(super) kept: BTreeMap<&'static str, Params>,
    /// When it last changed the group.
    pub(super) acted: Option<Timestamp>,
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
        acted: None,
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
    policies.insert(name.to_owned(), policy.clone());
    for tracking in trackings(group, &policy)? {
        watch::track(state, tracking);
    }
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
    let kept = policy.alarms.iter();
    kept.chain(&watch::naming(state, &policy.arn))
        .map(alarm)
        .collect()
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
    let (mut gone, mut alarms) = (Vec::new(), Vec::new());
    for (group, stored) in &mut state.scaling.groups {
        if only.is_none_or(|only| only == group) {
            stored.policies.retain(|policy, kept| {
                let meant = policy == name || kept.arn == name;
                if meant {
                    gone.push(kept.arn.clone());
                    alarms.append(&mut kept.alarms);
                }
                !meant
            });
        }
    }
    watch::forget(state, &alarms);
    watch::disown(state, &gone, false);
    if gone.is_empty() {
        return Err(Fault::validation(format!(
            "Policy '{name}' does not exist."
        )));
    }
    Ok(Tree::new())
}

/// Takes all policies of a group away, with their alarms.
pub(super) fn clear(state: &mut State, group: &str) {
    let Some(group) = state.scaling.groups.get_mut(group) else {
        return;
    };
    let policies = std::mem::take(&mut group.policies).into_values();
    let (arns, alarms): (Vec<String>, Vec<_>) =
        policies.map(|policy| (policy.arn, policy.alarms)).unzip();
    watch::forget(state, &alarms.concat());
    watch::disown(state, &arns, true);
}

/// What the alarms of a target tracking policy go by.
fn trackings(group: &str, policy: &Policy) -> Result<Vec<watch::Tracking>, Fault> {
    let Some(Params::Map(configuration)) = policy.kept.get("TargetTrackingConfiguration") else {
        return Ok(Vec::new());
    };
    let configuration = Args::of_map(Service::AutoScaling, configuration);
    let target = configuration.text("TargetValue")?;
    let target: f64 = target
        .parse()
        .map_err(|_| configuration.invalid("TargetValue", target, "A number is expected."))?;
    let (metric, queries, statistic) = tracked(group, &configuration)?;
    let tracking = |alarm: &String| watch::Tracking {
        alarm: alarm.clone(),
        policy: policy.arn.clone(),
        low: alarm.contains("-AlarmLow-"),
        metric: metric.clone(),
        queries: queries.clone(),
        statistic: statistic.clone(),
        target,
    };
    Ok(policy.alarms.iter().map(tracking).collect())
}

type Tracked = (
    Option<(String, String, BTreeMap<String, String>)>,
    Vec<Params>,
    String,
);

fn tracked(group: &str, configuration: &Args<'_>) -> Result<Tracked, Fault> {
    if let Some(predefined) = configuration.map("PredefinedMetricSpecification")? {
        let of_group = |name: &str| {
            let dimensions = BTreeMap::from([(NAME.to_owned(), group.to_owned())]);
            ("AWS/EC2".to_owned(), name.to_owned(), dimensions)
        };
        let (metric, statistic) = match predefined.text("PredefinedMetricType")? {
            "ASGAverageNetworkIn" => (of_group("NetworkIn"), "Average"),
            "ASGAverageNetworkOut" => (of_group("NetworkOut"), "Average"),
            "ALBRequestCountPerTarget" => (of_balancer(predefined.text("ResourceLabel")?), "Sum"),
            _ => (of_group("CPUUtilization"), "Average"),
        };
        return Ok((Some(metric), Vec::new(), statistic.to_owned()));
    }
    let Some(custom) = configuration.map("CustomizedMetricSpecification")? else {
        return Ok((None, Vec::new(), String::new()));
    };
    if custom.has("Metrics") {
        return Ok((None, custom.list("Metrics")?.to_vec(), String::new()));
    }
    let mut dimensions = BTreeMap::new();
    for dimension in custom.maps("Dimensions")? {
        dimensions.insert(
            dimension.text("Name")?.to_owned(),
            dimension.text("Value")?.to_owned(),
        );
    }
    let metric = (
        custom.text("Namespace")?.to_owned(),
        custom.text("MetricName")?.to_owned(),
        dimensions,
    );
    Ok((
        Some(metric),
        Vec::new(),
        custom.text("Statistic")?.to_owned(),
    ))
}

/// `app/web/50dc6c495c0c9188/targetgroup/web-a/943f017f100becff` as dimensions.
fn of_balancer(label: &str) -> (String, String, BTreeMap<String, String>) {
    let (balancer, target_group) = label.split_once("/targetgroup/").unwrap_or((label, ""));
    let dimensions = [
        ("LoadBalancer", balancer.to_owned()),
        ("TargetGroup", format!("targetgroup/{target_group}")),
    ];
    let dimensions = dimensions
        .map(|(name, value)| (name.to_owned(), value))
        .into();
    (
        "AWS/ApplicationELB".to_owned(),
        "RequestCountPerTarget".to_owned(),
        dimensions,
    )
}

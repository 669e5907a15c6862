//! Scaling by alarms: what a policy does to its group when an alarm sets it off.
//!
//! Target tracking goes one machine at a time, towards its number from the side that the alarm is on: how much a machine
//! more or less would change the metric is nothing that is known here.

use super::{groups, policies::Policy, reconcile};
use crate::model::{Fault, Params, Service, args::Args, state::State};
use jiff::Timestamp;

/// Carries out the policy with this ARN. What a suspended process, a disabled policy or a cooldown forbids is not done, and
/// the alarm asks again.
pub(in crate::model) fn set_off(state: &mut State, arn: &str, alarm: &str, beyond: Option<f64>) {
    let now = state.now;
    let Some((name, policy, kept)) = find(state, arn) else {
        return;
    };
    let Some(group) = state.scaling.groups.get_mut(&name) else {
        return;
    };
    let may = group.deleting.is_none()
        && !group.suspends("AlarmNotification")
        && kept.enabled
        && !cools(&kept, group.cooldown(), now);
    if !may {
        return;
    }
    let settings = &group.settings;
    let Ok(wanted) = wanted(&kept, settings.desired, alarm, beyond) else {
        return;
    };
    let wanted = wanted.clamp(settings.min, settings.max);
    if wanted == settings.desired {
        return;
    }
    let why = format!("a monitor alarm {alarm} in state ALARM triggered policy {policy}");
    groups::set_capacity(group, wanted, now, &why);
    if let Some(policy) = group.policies.get_mut(&policy) {
        policy.acted = Some(now);
    }
    reconcile::touch(state, &name);
}

/// The group, the name and the policy that an ARN means.
fn find(state: &State, arn: &str) -> Option<(String, String, Policy)> {
    let mut groups = state.scaling.groups.iter();
    groups.find_map(|(group, stored)| {
        let mut policies = stored.policies.iter();
        let (name, policy) = policies.find(|(_, policy)| policy.arn == arn)?;
        Some((group.clone(), name.clone(), policy.clone()))
    })
}

/// Simple scaling alone waits between two times.
fn cools(policy: &Policy, usual: i64, now: Timestamp) -> bool {
    let own = match policy.kept.get("Cooldown") {
        Some(Params::Text(text)) => text.parse().ok(),
        _ => None,
    };
    let seconds: i64 = own.unwrap_or(usual);
    policy.kind == "SimpleScaling"
        && policy
            .acted
            .is_some_and(|at| now.duration_since(at).as_secs() < seconds)
}

fn wanted(policy: &Policy, desired: i64, alarm: &str, beyond: Option<f64>) -> Result<i64, Fault> {
    let kept: std::collections::BTreeMap<String, Params> = policy
        .kept
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    let kept = Args::of_map(Service::AutoScaling, &kept);
    if policy.kind == "TargetTrackingScaling" {
        let low = alarm.contains("-AlarmLow-");
        return Ok(if low { desired - 1 } else { desired + 1 });
    }
    let by = match policy.kind.as_str() {
        "SimpleScaling" => kept.int("ScalingAdjustment")?,
        _ => step(&kept, beyond.unwrap_or_default())?,
    };
    let by = by.unwrap_or_default();
    Ok(match kept.text("AdjustmentType")? {
        "ExactCapacity" => by,
        "PercentChangeInCapacity" => {
            desired + percent(desired, by, kept.int("MinAdjustmentMagnitude")?)
        }
        _ => desired + by,
    })
}

/// The adjustment of the step that a distance from the alarm's number is in ("Step and simple scaling policies").
fn step(kept: &Args<'_>, beyond: f64) -> Result<Option<i64>, Fault> {
    for step in kept.maps("StepAdjustments")? {
        let bound = |name| -> Result<Option<f64>, Fault> {
            Ok(step.maybe_text(name)?.and_then(|text| text.parse().ok()))
        };
        let (low, high) = (
            bound("MetricIntervalLowerBound")?,
            bound("MetricIntervalUpperBound")?,
        );
        // Below the number the upper bound belongs to a step, above it the lower one.
        let inside = if beyond < 0.0 || (low.is_none() && high == Some(0.0)) {
            low.is_none_or(|low| beyond > low) && high.is_none_or(|high| beyond <= high)
        } else {
            low.is_none_or(|low| beyond >= low) && high.is_none_or(|high| beyond < high)
        };
        if inside {
            return step.int("ScalingAdjustment");
        }
    }
    Ok(None)
}

/// Rounded towards nought, but by one at the least ("Scaling adjustment types").
fn percent(desired: i64, by: i64, least: Option<i64>) -> i64 {
    let change = desired.saturating_mul(by) / 100;
    let least = least.unwrap_or(1).max(1);
    if change.abs() >= least {
        change
    } else {
        by.signum() * least
    }
}

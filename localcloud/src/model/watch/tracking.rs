//! The alarms that Auto Scaling keeps for a target tracking policy ("Target tracking scaling policies").

use super::{
    alarms::{Kind, Settings, enter},
    metrics::{Key, Statistic},
    threshold::Threshold,
};
use crate::model::{Params, state::State};
use std::collections::BTreeMap;

/// One of the two alarms of a policy.
#[derive(Clone, Debug)]
pub(in crate::model) struct Tracking {
    pub(in crate::model) alarm: String,
    pub(in crate::model) policy: String,
    /// Sets the policy off to take machines away.
    pub(in crate::model) low: bool,
    /// Namespace, name and dimensions; nothing for an expression, which stands in `queries`.
    pub(in crate::model) metric: Option<(String, String, BTreeMap<String, String>)>,
    pub(in crate::model) queries: Vec<Params>,
    pub(in crate::model) statistic: String,
    pub(in crate::model) target: f64,
}

/// How many minutes the metric must be above the target, or below nine tenths of it, as AWS makes these alarms.
const HIGH: i64 = 3;
const LOW: i64 = 15;
const SHARE: f64 = 0.9;

/// Makes an alarm of a policy, or sets it anew.
pub(in crate::model) fn track(state: &mut State, tracking: Tracking) {
    let low = tracking.low;
    let metric = tracking.metric.map(|(namespace, name, dimensions)| Key {
        namespace,
        name,
        dimensions,
    });
    let threshold = Threshold {
        statistic: metric.as_ref().and(Statistic::read(&tracking.statistic)),
        metric,
        queries: tracking.queries,
        statistic_text: tracking.statistic,
        unit: None,
        period: 60,
        periods: if low { LOW } else { HIGH },
        datapoints: None,
        bound: if low {
            tracking.target * SHARE
        } else {
            tracking.target
        },
        comparison: if low {
            "LessThanThreshold"
        } else {
            "GreaterThanThreshold"
        }
        .to_owned(),
        missing: None,
    };
    let description = format!(
        "DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {}.",
        tracking.policy
    );
    let settings = Settings {
        description: Some(description),
        enabled: true,
        actions: BTreeMap::from([("ALARM", vec![tracking.policy])]),
        tags: BTreeMap::new(),
        kind: Kind::Metric(Box::new(threshold)),
    };
    enter(state, &tracking.alarm, settings);
}

/// Takes the alarms of a policy away.
pub(in crate::model) fn forget(state: &mut State, alarms: &[String]) {
    for name in alarms {
        state.watch.alarms.remove(name);
    }
}

/// Takes the actions of policies that are gone off the alarms of others ("`DeletePolicy`"). With their whole group an alarm
/// goes that has no other action ("`DeleteAutoScalingGroup`").
pub(in crate::model) fn disown(state: &mut State, policies: &[String], with_group: bool) {
    state.watch.alarms.retain(|_, alarm| {
        let named = alarm.actions().any(|action| policies.contains(action));
        for actions in alarm.settings.actions.values_mut() {
            actions.retain(|action| !policies.contains(action));
        }
        !(named && with_group && alarm.actions().next().is_none())
    });
}

/// The alarms of others that name a policy among their actions.
pub(in crate::model) fn naming(state: &State, policy: &str) -> Vec<String> {
    let alarms = state.watch.alarms.iter();
    let naming = alarms.filter(|(name, alarm)| {
        let mut actions = alarm.settings.actions.values().flatten();
        !name.starts_with("TargetTracking-") && actions.any(|action| action == policy)
    });
    naming.map(|(name, _)| name.clone()).collect()
}

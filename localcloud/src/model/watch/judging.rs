//! Judging alarms: what metrics and other alarms say of them.

use super::{alarms::change, metrics::Series, threshold::Found};
use crate::model::state::State;

/// Judges one alarm by what is known now.
pub(super) fn judge(state: &mut State, name: &str) {
    let Some(alarm) = state.watch.alarms.get(name) else {
        return;
    };
    if let Some(rule) = alarm.rule() {
        let states = |child: &str| state.watch.alarms.get(child).map(|alarm| alarm.state);
        let holds = rule.holds(&states);
        let to = if holds { "ALARM" } else { "OK" };
        if alarm.set.is_none() {
            let reason = format!("{name} transitioned to {to} by its alarm rule");
            change(state, name, to, &reason);
        }
        return;
    }
    let Some(threshold) = alarm.threshold() else {
        return;
    };
    let Some(key) = &threshold.metric else {
        return;
    };
    let none = Series::default();
    let series = state.watch.metrics.get(key).unwrap_or(&none);
    // What was set stays until there is something newer to go by.
    if alarm
        .set
        .is_some_and(|set| series.heard.is_none_or(|heard| heard <= set))
    {
        return;
    }
    let (to, reason) = match threshold.judge(series, state.now) {
        Found::Alarm(value) => (
            "ALARM",
            format!(
                "Threshold Crossed: the datapoint {value} passes the threshold ({}).",
                threshold.bound
            ),
        ),
        Found::Ok => (
            "OK",
            "Threshold Crossed: no datapoints pass the threshold.".to_owned(),
        ),
        Found::Nothing => (
            "INSUFFICIENT_DATA",
            "Insufficient Data: no datapoints.".to_owned(),
        ),
        Found::Same => return,
    };
    if let Some(alarm) = state.watch.alarms.get_mut(name) {
        alarm.set = None;
    }
    change(state, name, to, &reason);
}

/// Judges the composite alarms that name an alarm. One whose state was set goes by its rule again from now on
/// (`SetAlarmState`).
pub(super) fn judge_parents(state: &mut State, child: &str) {
    let alarms = state.watch.alarms.iter_mut();
    let parents: Vec<String> = alarms
        .filter(|(_, alarm)| alarm.rule().is_some_and(|rule| rule.names(child)))
        .map(|(name, alarm)| {
            alarm.set = None;
            name.clone()
        })
        .collect();
    for parent in parents {
        judge(state, &parent);
    }
}

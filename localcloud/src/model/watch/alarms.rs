//! Alarms and their states.

use super::{
    Due,
    metrics::{Key, Series},
    rule::Rule,
    set_off,
    threshold::{Found, Threshold},
    value,
};
use crate::model::{Fault, Tree, agenda, args::Args, state::State};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// The states that an alarm may be in (`StateValue`).
pub(super) const STATES: &str = "OK ALARM INSUFFICIENT_DATA";
/// How often an alarm carries out actions of Auto Scaling while it stays in a state ("Alarm actions" of the guide).
const AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// Alarms and metrics of one region.
#[derive(Clone, Debug, Default)]
pub(in crate::model) struct Watch {
    pub(in crate::model) alarms: BTreeMap<String, Alarm>,
    pub(super) metrics: BTreeMap<Key, Series>,
}

#[derive(Clone, Debug)]
pub(in crate::model) struct Alarm {
    pub(super) arn: String,
    pub(super) settings: Settings,
    pub(super) configured: Timestamp,
    pub(in crate::model) state: &'static str,
    pub(super) reason: String,
    pub(super) updated: Timestamp,
    /// Since when it is in its state.
    pub(super) since: Timestamp,
    /// Its state was set then and not seen.
    pub(super) set: Option<Timestamp>,
}

/// What a call sets, as a whole.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) description: Option<String>,
    pub(super) enabled: bool,
    /// By state.
    pub(super) actions: BTreeMap<&'static str, Vec<String>>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Metric(Box<Threshold>),
    Composite { text: String, rule: Rule },
}

/// The parameters of actions and the state that each belongs to.
pub(super) const ACTIONS: [(&str, &str); 3] = [
    ("OKActions", "OK"),
    ("AlarmActions", "ALARM"),
    ("InsufficientDataActions", "INSUFFICIENT_DATA"),
];

impl Alarm {
    pub(super) fn threshold(&self) -> Option<&Threshold> {
        match &self.settings.kind {
            Kind::Metric(threshold) => Some(threshold),
            Kind::Composite { .. } => None,
        }
    }

    pub(in crate::model) fn tags(&self) -> &BTreeMap<String, String> {
        &self.settings.tags
    }

    /// What it does in whatever state.
    pub(in crate::model) fn actions(&self) -> impl Iterator<Item = &String> {
        self.settings.actions.values().flatten()
    }

    /// The dimensions of its metric.
    pub(in crate::model) fn dimensions(&self) -> Option<&BTreeMap<String, String>> {
        Some(&self.threshold()?.metric.as_ref()?.dimensions)
    }

    pub(super) fn rule(&self) -> Option<&Rule> {
        match &self.settings.kind {
            Kind::Metric(_) => None,
            Kind::Composite { rule, .. } => Some(rule),
        }
    }
}

/// Makes an alarm or sets it anew; one that is there keeps its state (`PutMetricAlarm`).
pub(super) fn enter(state: &mut State, name: &str, settings: Settings) {
    let now = state.now;
    let arn = state.arn("cloudwatch", &format!("alarm:{name}"));
    let ends: Vec<Timestamp> = match &settings.kind {
        Kind::Metric(threshold) => threshold.ends_after(now).collect(),
        // A composite alarm is judged as soon as it is there.
        Kind::Composite { .. } => vec![now],
    };
    let alarm = state.watch.alarms.entry(name.to_owned());
    let alarm = alarm.or_insert_with(|| Alarm {
        arn,
        settings: settings.clone(),
        configured: now,
        state: "INSUFFICIENT_DATA",
        reason: "Unchecked: Initial alarm creation".to_owned(),
        updated: now,
        since: now,
        set: None,
    });
    // Tags of an alarm that is there are ignored ("`PutMetricAlarm`").
    let tags = std::mem::take(&mut alarm.settings.tags);
    (alarm.settings, alarm.configured) = (Settings { tags, ..settings }, now);
    for end in ends {
        let alarm = name.to_owned();
        state
            .agenda
            .add(end, agenda::Due::Watch(Due::Judge { alarm }));
    }
}

pub(super) fn set_state(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let (name, reason) = (args.text("AlarmName")?, args.text("StateReason")?);
    let wanted = args.word("StateValue", STATES)?;
    let wanted = wanted.ok_or_else(|| args.missing("StateValue"))?;
    let wanted = STATES
        .split(' ')
        .find(|one| *one == wanted)
        .ok_or_else(|| value("StateValue"))?;
    let now = state.now;
    let alarm = state.watch.alarms.get_mut(name).ok_or_else(not_found)?;
    alarm.set = Some(now);
    change(state, name, wanted, reason);
    Ok(Tree::new())
}

pub(super) fn not_found() -> Fault {
    Fault::new("ResourceNotFound", "Unknown").with_status(404)
}

/// Brings an alarm into a state, and what follows from it.
pub(super) fn change(state: &mut State, name: &str, to: &'static str, reason: &str) {
    let now = state.now;
    let Some(alarm) = state.watch.alarms.get_mut(name) else {
        return;
    };
    (alarm.updated, alarm.reason) = (now, reason.to_owned());
    if alarm.state == to {
        return;
    }
    (alarm.state, alarm.since) = (to, now);
    act(state, name, now);
    super::judging::judge_parents(state, name);
}

/// Carries out the actions of the state that an alarm has been in since then, and again while it stays so. Only Auto Scaling
/// listens here: messages and functions are kept and shown.
pub(super) fn act(state: &mut State, name: &str, since: Timestamp) {
    let Some(alarm) = state.watch.alarms.get(name) else {
        return;
    };
    if alarm.since != since || !alarm.settings.enabled {
        return;
    }
    let actions = alarm
        .settings
        .actions
        .get(alarm.state)
        .into_iter()
        .flatten();
    let policies = actions.filter(|arn| arn.contains(":scalingPolicy:"));
    let policies: Vec<String> = policies.cloned().collect();
    if policies.is_empty() {
        return;
    }
    let beyond = beyond(state, alarm);
    for policy in &policies {
        set_off(state, policy, name, beyond);
    }
    let alarm = name.to_owned();
    state.after(AGAIN, agenda::Due::Watch(Due::Act { alarm, since }));
}

/// How far the metric is from the alarm's number; nothing for a state that was set.
fn beyond(state: &State, alarm: &Alarm) -> Option<f64> {
    let threshold = alarm.threshold()?;
    let series = state.watch.metrics.get(threshold.metric.as_ref()?)?;
    match threshold.judge(series, state.now) {
        Found::Alarm(value) => Some(value - threshold.bound),
        _ => None,
    }
}

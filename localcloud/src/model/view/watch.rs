//! Alarms and the states that they are in.

use crate::model::Model;
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmView {
    pub name: String,
    /// `OK`, `ALARM`, `INSUFFICIENT_DATA`.
    pub state: &'static str,
    pub tags: BTreeMap<String, String>,
    /// What it does in whatever state.
    pub actions: Vec<String>,
    /// Of its metric; nothing for an expression.
    pub dimensions: BTreeMap<String, String>,
}

impl Model {
    pub fn view_alarms(&self) -> Vec<AlarmView> {
        let alarms = self.state.watch.alarms.iter();
        let view = alarms.map(|(name, alarm)| AlarmView {
            name: name.clone(),
            state: alarm.state,
            tags: alarm.tags().clone(),
            actions: alarm.actions().cloned().collect(),
            dimensions: alarm.dimensions().cloned().unwrap_or_default(),
        });
        view.collect()
    }
}

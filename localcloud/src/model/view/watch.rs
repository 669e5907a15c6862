//! Alarms and the states that they are in.

use crate::model::Model;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmView {
    pub name: String,
    /// `OK`, `ALARM`, `INSUFFICIENT_DATA`.
    pub state: &'static str,
}

impl Model {
    pub fn view_alarms(&self) -> Vec<AlarmView> {
        let alarms = self.state.watch.alarms.iter();
        let view = alarms.map(|(name, alarm)| AlarmView {
            name: name.clone(),
            state: alarm.state,
        });
        view.collect()
    }
}

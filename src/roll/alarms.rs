//! The alarms that a service file names, before anything is touched: each must be there, and none may be red.

use std::collections::BTreeSet;

use super::facts::Facts;
use super::plan::Refusal;
use super::refusals;
use crate::cloud::{Alarm, AlarmState, Alarms, Result};
use crate::source::Diagnostic;
use crate::template::service::{AlarmCheck, CheckKind, Service};

/// Every alarm check of the file.
fn named(service: &Service) -> impl Iterator<Item = &AlarmCheck> {
    let checks = &service.checks;
    let all = checks
        .before
        .iter()
        .chain(&checks.watch)
        .chain(&checks.after);
    all.filter_map(|check| match &check.kind {
        CheckKind::Alarm(name) => Some(name),
        _ => None,
    })
}

/// Looks up the alarms that the file names; one that is not there is a refusal at its place.
pub(super) async fn look_up(
    cloud: &impl Alarms,
    service: &Service,
    refused: &mut Vec<Refusal>,
) -> Result<Vec<Alarm>> {
    let names: BTreeSet<String> = named(service).map(|name| name.value.clone()).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let found = cloud.alarms(&names).await?;
    let is_there = |name: &AlarmCheck| found.iter().any(|alarm| alarm.name == name.value);
    let missing: Vec<&AlarmCheck> = named(service).filter(|name| !is_there(name)).collect();
    if !missing.is_empty() {
        let all = cloud.alarm_names().await?;
        refused.extend(missing.iter().map(|name| refusals::no_alarm(name, &all)));
    }
    Ok(found)
}

/// A roll does not begin while an alarm is red that it goes by: nobody could tell whose doing it is.
pub(super) fn red(service: &Service, facts: &Facts) -> Vec<Refusal> {
    let red = facts
        .alarms
        .iter()
        .filter(|alarm| alarm.state == AlarmState::Alarm);
    let refusal = |alarm: &Alarm| {
        let text = format!(
            "alarm {} is red before the roll: {}",
            alarm.name, alarm.reason
        );
        let finding = Diagnostic::error("roll::alarm_is_red", text);
        let finding = match named(service).find(|name| name.value == alarm.name) {
            Some(name) => finding.at_value(name, "the roll goes by it"),
            None => finding,
        };
        Refusal::account(finding.help("wait until it is OK, or roll all the same with `--force`"))
    };
    red.map(refusal).collect()
}

//! The alarms that a service file names, before anything is touched: each must be there, and none may be red.

use std::collections::BTreeSet;

use super::error::Error;
use super::facts::Facts;
use super::plan::{Plan, Refusal};
use super::refusals;
use crate::cloud::{Alarm, AlarmState, Alarms, Result};
use crate::source::Diagnostic;
use crate::template::service::{AlarmCheck, CheckKind, Checks, Service};

/// Every alarm check of the file.
fn named(checks: &Checks) -> impl Iterator<Item = &AlarmCheck> {
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
    let names: BTreeSet<String> = named(&service.checks)
        .map(|name| name.value.clone())
        .collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let found = cloud.alarms(&names).await?;
    let is_there = |name: &AlarmCheck| found.iter().any(|alarm| alarm.name == name.value);
    let missing: Vec<&AlarmCheck> = named(&service.checks)
        .filter(|name| !is_there(name))
        .collect();
    if !missing.is_empty() {
        let all = cloud.alarm_names().await?;
        refused.extend(missing.iter().map(|name| refusals::no_alarm(name, &all)));
    }
    Ok(found)
}

fn is_red(alarm: &Alarm) -> bool {
    alarm.state == AlarmState::Alarm
}

/// Those that are red.
pub(super) fn red_names(facts: &Facts) -> BTreeSet<String> {
    let red = facts.alarms.iter().filter(|alarm| is_red(alarm));
    red.map(|alarm| alarm.name.clone()).collect()
}

/// Whether a roll goes by alarms that it has not been told to pass over.
pub(super) fn are_heeded(plan: &Plan) -> bool {
    named(&plan.checks).any(|name| !plan.red.contains(&name.value))
}

/// The last look before traffic moves: one that turns red from then on may be the next version's doing. Errors when one is red,
/// which is no word about the image.
pub(super) async fn quiet(plan: &Plan, cloud: &impl Alarms) -> std::result::Result<(), Error> {
    let names = named(&plan.checks).map(|name| &name.value);
    let names: BTreeSet<String> = names
        .filter(|name| !plan.red.contains(*name))
        .cloned()
        .collect();
    let found = cloud.alarms(&names).await?;
    match found.iter().find(|alarm| is_red(alarm)) {
        None => Ok(()),
        Some(alarm) => Err(Error::Changed(format!(
            "alarm {} has turned red since the plan, before any traffic has moved: {}",
            alarm.name, alarm.reason
        ))),
    }
}

/// A roll does not begin while an alarm is red that it goes by: nobody could tell whose doing it is.
pub(super) fn red(service: &Service, facts: &Facts) -> Vec<Refusal> {
    let red = facts.alarms.iter().filter(|alarm| is_red(alarm));
    let refusal = |alarm: &Alarm| {
        let text = format!(
            "alarm {} is red before the roll: {}",
            alarm.name, alarm.reason
        );
        let finding = Diagnostic::error("roll::alarm_is_red", text);
        let finding = match named(&service.checks).find(|name| name.value == alarm.name) {
            Some(name) => finding.at_value(name, "the roll goes by it"),
            None => finding,
        };
        Refusal::account(finding.help("wait until it is OK, or roll all the same with `--force`"))
    };
    red.map(refusal).collect()
}

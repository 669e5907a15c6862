//! The alarms that a service file names, before anything is touched: each must be there, and none may be red.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::error::Error;
use super::facts::Facts;
use super::plan::{Plan, Refusal};
use super::refusals;
use crate::cloud::{Alarm, AlarmState, Alarms, Result};
use crate::run::RunId;
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

/// The names of those alarms.
pub(super) fn names(checks: &Checks) -> BTreeSet<String> {
    named(checks).map(|name| name.value.clone()).collect()
}

/// Looks up the alarms that the file names; one that is not there is a refusal at its place.
pub(super) async fn look_up(
    cloud: &impl Alarms,
    service: &Service,
    refused: &mut Vec<Refusal>,
) -> Result<Vec<Alarm>> {
    let names = names(&service.checks);
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

/// Those that are red, and since when.
pub(super) fn red_since(facts: &Facts) -> BTreeMap<String, Option<Timestamp>> {
    let red = facts.alarms.iter().filter(|alarm| is_red(alarm));
    red.map(|alarm| (alarm.name.clone(), alarm.since)).collect()
}

/// Whether an alarm says what it said before the roll, which goes on over it by force. Once it has been OK it counts again.
pub(super) fn is_passed_over(plan: &Plan, alarm: &Alarm) -> bool {
    is_red(alarm) && plan.red.get(&alarm.name) == Some(&alarm.since)
}

/// The last look before traffic moves: one that turns red from then on may be the next version's doing. Errors when one is red,
/// which is no word about the image.
pub(super) async fn quiet(plan: &Plan, cloud: &impl Alarms) -> std::result::Result<(), Error> {
    let found = cloud.alarms(&names(&plan.checks)).await?;
    let red = |alarm: &&Alarm| is_red(alarm) && !is_passed_over(plan, alarm);
    match found.iter().find(red) {
        None => Ok(()),
        Some(alarm) => Err(Error::Changed(format!(
            "alarm {} has turned red since the plan, before any traffic has moved: {}",
            alarm.name, alarm.reason
        ))),
    }
}

/// A roll does not begin while an alarm is red that it goes by: nobody could tell whose doing it is. `dead`: the run that
/// is gone on with.
pub(super) fn red(service: &Service, facts: &Facts, dead: Option<RunId>) -> Vec<Refusal> {
    let red = facts.alarms.iter().filter(|alarm| is_red(alarm));
    let refusal = |alarm: &Alarm| {
        let (name, reason) = (&alarm.name, &alarm.reason);
        let since = alarm
            .since
            .filter(|since| dead.is_some_and(|run| *since >= run.began()));
        let text = match since {
            Some(since) => format!(
                "alarm {name} has been red since {since}, behind the beginning of this roll: {reason}"
            ),
            None => format!("alarm {name} is red before the roll: {reason}"),
        };
        let finding = Diagnostic::error("roll::alarm_is_red", text);
        let finding = match named(&service.checks).find(|name| name.value == alarm.name) {
            Some(name) => finding.at_value(name, "the roll goes by it"),
            None => finding,
        };
        Refusal::account(
            finding.help("wait until it is OK, or roll all the same with `--force --reason`"),
        )
    };
    red.map(refusal).collect()
}

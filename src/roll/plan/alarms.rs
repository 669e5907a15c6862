//! The alarms of the previous group's step and simple policies, which the next group gets copies of.

use super::Refusal;
use crate::cloud::{AlarmCopy, Group, GroupName, ScalingAlarm};
use crate::roll::facts::Facts;
use crate::roll::names;
use crate::source::Diagnostic;

/// The copies that the next group needs, with every reason why there can be none.
pub(super) fn of(
    facts: &Facts,
    previous: &Group,
    next: &GroupName,
    refused: &mut Vec<Refusal>,
) -> Vec<AlarmCopy> {
    let alarms = facts.alarms_of(previous);
    let mut copies: Vec<AlarmCopy> = Vec::new();
    for alarm in alarms {
        refused.extend(lost(alarm, previous));
        let policy = alarm.policies.first().map_or("", String::as_str);
        let is_taken = |name: &str| copies.iter().any(|copy| copy.to == name);
        let to = names::alarm((&previous.name, next), policy, &alarm.name, is_taken);
        refused.extend(taken(facts, next, &to));
        copies.push(AlarmCopy {
            from: alarm.name.clone(),
            to,
            policies: alarm.policies.clone(),
        });
    }
    copies
}

fn lost(alarm: &ScalingAlarm, previous: &Group) -> Option<Refusal> {
    let mut members = previous.members.iter();
    let member = members.find(|member| alarm.machines.contains(&member.instance));
    let why = match (&alarm.not_copied, member) {
        (Some(why), _) => why.clone(),
        (None, Some(member)) => format!(
            "it goes by machine {}, which goes with the group",
            member.instance
        ),
        (None, None) => return None,
    };
    let (name, policies) = (&alarm.name, alarm.policies.join(", "));
    let text = format!(
        "alarm {name} sets off policy {policies} of group {}, and a next group would lack it: {why}",
        previous.name
    );
    let help =
        "set the policy off by a metric alarm of this account and region, or by target tracking";
    let finding = Diagnostic::error("roll::not_copied", text).help(help);
    Some(Refusal::account(finding))
}

/// An alarm of that name that is no half-made group's own would be overwritten.
fn taken(facts: &Facts, next: &GroupName, to: &str) -> Option<Refusal> {
    let is_there = facts.scaling.names.iter().any(|name| name == to);
    let is_flying = facts.groups.iter().any(|group| group.name == *next);
    if !is_there || is_flying || facts.scaling.stray.iter().any(|name| name == to) {
        return None;
    }
    let text = format!("alarm {to} is there already, and group {next} needs one of that name");
    let finding = Diagnostic::error("roll::alarm_name", text);
    Some(Refusal::account(finding.help(
        "rename it: kiln overwrites no alarm that it did not make",
    )))
}

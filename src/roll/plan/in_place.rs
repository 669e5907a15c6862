//! What is planned where the group that serves stays and its machines are replaced (`rolling`).

use std::time::Duration;

use serde::Serialize;

use super::{Refusal, Timing};
use crate::cloud::{Group, LaunchTemplateVersion, Stage};
use crate::roll::facts::Facts;
use crate::roll::names;
use crate::source::Diagnostic;
use crate::template::service::{Rolling, Service, Strategy};
use crate::undo::refresh::{LIMIT, Refreshing};

/// Beyond the time that a sick machine takes to be found out: for the group to hear of it and to act.
const SLACK: Duration = Duration::from_secs(30);
/// Processes without which a refresh does not go on, or goes on over sick machines.
const NEEDED: [&str; 3] = ["InstanceRefresh", "HealthCheck", "ReplaceUnhealthy"];

/// How the machines of a group are replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InPlace {
    /// What the group runs without this roll.
    pub before: LaunchTemplateVersion,
    /// From a machine's start of service to its counting: longer than a sick one takes to be found out, so that a refresh that
    /// nobody watches replaces nothing by what is sick.
    pub warmup: Duration,
    pub rolling: Rolling,
}

impl InPlace {
    /// How many machines of `count` are replaced at a time. Bounds that leave no room for one more are passed by one.
    pub(super) fn ahead(&self, count: u32) -> u32 {
        (count * self.rolling.most / 100).max(count + 1) - count
    }

    /// How long the refresh may take: its waits at checkpoints come on top of what it does.
    pub fn limit(&self) -> Duration {
        let waits = u32::try_from(self.rolling.checkpoints.len()).unwrap_or(u32::MAX);
        LIMIT.saturating_add(self.rolling.checkpoint_delay.saturating_mul(waits))
    }
}

/// The group whose machines are replaced; `None` of another strategy, and where none serves yet.
pub(in crate::roll) fn staying<'a>(service: &Service, facts: &'a Facts) -> Option<&'a Group> {
    let stays = service.strategy.is_in_place();
    serving(facts).filter(|group| stays && !names::is_next(group))
}

pub(super) fn serving(facts: &Facts) -> Option<&Group> {
    let group = facts.sides[facts.serving()?].group()?;
    Some(group).filter(|group| !group.deleting)
}

/// A refresh that a run began and has not finished.
pub(in crate::roll) fn unfinished(facts: &Facts) -> Option<(&Group, Refreshing)> {
    let group = serving(facts)?;
    Some((group, Refreshing::of(group)?))
}

/// The unfinished refresh that the same roll goes on with.
pub(in crate::roll) fn resumed(service: &Service, facts: &Facts) -> Option<Refreshing> {
    staying(service, facts).filter(|_| matches!(service.strategy, Strategy::Rolling(_)))?;
    let (_, of) = unfinished(facts)?;
    (of.image == facts.image.id).then_some(of)
}

/// The plan for a group that stays, with every reason against it.
pub(super) fn of(
    service: &Service,
    facts: &Facts,
    group: &Group,
    timing: Timing,
    refused: &mut Vec<Refusal>,
) -> Option<InPlace> {
    let Strategy::Rolling(rolling) = &service.strategy else {
        return None;
    };
    refuse_group(facts, group, refused);
    refuse_settings(service, group, refused);
    let unfinished = Refreshing::of(group);
    let before = match &unfinished {
        Some(of) => of.before,
        None => facts.template.as_ref()?.source.number,
    };
    let found_out = timing.unhealthy + SLACK;
    let named = service.set.default_instance_warmup.unwrap_or_default();
    Some(InPlace {
        before,
        warmup: found_out.max(named),
        rolling: rolling.clone(),
    })
}

fn refuse_group(facts: &Facts, group: &Group, refused: &mut Vec<Refusal>) {
    let name = &group.name;
    let mut refuse = |code, text: String, help: String| {
        let finding = Diagnostic::error(code, text);
        refused.push(Refusal::account(finding.help(help)));
    };
    if facts.balancer.is_some() && !group.asks_balancers {
        let text = format!(
            "group {name} does not ask its target group whether a machine is healthy: a refresh would go on over sick ones"
        );
        let mend = format!(
            "aws autoscaling update-auto-scaling-group --auto-scaling-group-name {name} --health-check-type ELB"
        );
        refuse("roll::health_check", text, mend);
    }
    for process in NEEDED.iter().filter(|one| group.suspended.contains(**one)) {
        let text = format!("process {process} of group {name} is suspended");
        let mend = format!(
            "aws autoscaling resume-processes --auto-scaling-group-name {name} --scaling-processes {process}"
        );
        refuse("roll::suspended", text, mend);
    }
    let members = group.members.iter();
    let kept = members.filter(|one| one.protected || matches!(one.stage, Stage::Other(_)));
    let kept: Vec<_> = kept.map(|one| one.instance.as_str()).collect();
    if !kept.is_empty() {
        let text = format!(
            "a refresh waits for instances of group {name} that are protected or in standby: {}",
            kept.join(", ")
        );
        refuse(
            "roll::protected",
            text,
            "take the protection off, or put them into service".to_owned(),
        );
    }
    refuse_refreshing(facts, group, refused);
}

/// A type with a launch template of its own would go on with the image that it has.
pub(super) fn refuse_of_types(group: &Group) -> Option<Refusal> {
    let mut of_types = group.mixed.iter().flat_map(|mixed| &mixed.of_types);
    of_types.next()?;
    let text = format!(
        "group {} has a mixed instances policy with launch templates of single types, whose machines would keep their image",
        group.name
    );
    let finding = Diagnostic::error("roll::not_copied", text);
    Some(Refusal::account(finding.help(
        "have all of its types start from the group's own launch template",
    )))
}

/// Somebody else replaces machines of the group at this moment.
pub(super) fn refuse_refreshing(facts: &Facts, group: &Group, refused: &mut Vec<Refusal>) {
    let (name, is_own) = (&group.name, Refreshing::of(group).is_some());
    let others = facts.refresh.as_ref();
    if let Some(refresh) = others.filter(|one| one.is_active() && !is_own) {
        let text = format!("group {name} is being refreshed already: {}", refresh.id);
        let mend =
            format!("aws autoscaling describe-instance-refreshes --auto-scaling-group-name {name}");
        let finding = Diagnostic::error("roll::refreshing", text);
        refused.push(Refusal::account(finding.help(mend)));
    }
}

/// The group stays what it is.
pub(super) fn refuse_settings(service: &Service, group: &Group, refused: &mut Vec<Refusal>) {
    let mut refuse = |what: &str| {
        let text = format!(
            "`set.{what}` is not what group {} has, and a roll in place changes no group",
            group.name
        );
        let finding = Diagnostic::error("roll::in_place", text);
        let finding = finding.at_place(service.groups.place, "for this group");
        refused.push(Refusal::input(finding.help(
            "change the group first, or roll with \"blue_green\" this time",
        )));
    };
    let set = &service.set;
    if let Some(subnets) = &set.subnets {
        let there = |id: &str| group.subnets.iter().any(|subnet| subnet.as_str() == id);
        if subnets.len() != group.subnets.len() || !subnets.iter().all(|id| there(id)) {
            refuse("subnets");
        }
    }
    if set
        .health_check_grace_period
        .is_some_and(|grace| grace != group.grace)
    {
        refuse("health_check_grace_period");
    }
    let fixed = set.tags.iter().flatten();
    let mut fixed = fixed.filter_map(|(key, value)| Some((key, value.text()?)));
    if fixed.any(|(key, value)| group.tag(key) != Some(value)) {
        refuse("tags");
    }
}

//! The group that serves now: what the next one is made like, and what is held against rolling over it.

use std::collections::BTreeSet;

use super::make_way::is_spent;
use super::{Previous, Refusal, in_place, pool};
use crate::cloud::{Group, LaunchTemplateId, LaunchTemplateVersion, StartsFrom, VersionRef, tag};
use crate::roll::facts::Facts;
use crate::roll::office;
use crate::source::Diagnostic;
use crate::template::service::{Service, Strategy};
use crate::undo::lease::{Lease, Leased, followed, followed_by, lasting};

/// Processes without which a group cannot do what the roll asks of it.
const NEEDED: [&str; 3] = ["Launch", "Terminate", ADD];
const ADD: &str = "AddToLoadBalancer";

/// The group that serves, with every reason why nothing can be rolled over it.
pub(super) fn of(
    service: &Service,
    facts: &Facts,
    group: &Group,
    refused: &mut Vec<Refusal>,
) -> Option<Previous> {
    let name = &group.name;
    let is_pair = service.groups.pair.is_some();
    let copied = in_place::staying(service, facts).is_none() && !is_pair;
    // With either a next group could not be taken back.
    let protections = group.protections.iter().map(ToString::to_string);
    let lost = group.not_copied.iter().cloned();
    for lost in lost.chain(protections).filter(|_| copied) {
        let text = format!("group {name} has {lost}, which a next group would lack");
        refused.push(Refusal::account(Diagnostic::error(
            "roll::not_copied",
            text,
        )));
    }
    if service.strategy.is_in_place() {
        refused.extend(in_place::refuse_of_types(group));
    }
    refused.extend(pool::refuse(service, group));
    // A root that is replaced needs none of them, and suspends them for a while.
    if !matches!(service.strategy, Strategy::ReplaceRoot(_)) {
        refused.extend(stopped(facts, group));
    }
    if group.size.desired == 0 {
        let text = format!("group {name} serves with a desired capacity of 0");
        let finding = Diagnostic::error("roll::empty", text);
        refused.push(Refusal::account(
            finding.help("raise it first: there is nothing to roll over"),
        ));
    }
    let template = facts.template.as_ref()?;
    // Of a pair the version is made in the idle group's.
    let own = facts.pair.as_ref().map_or(template, |pair| &pair.template);
    let id = &own.template.id;
    refused.extend(followers(service, facts, group, id));
    let StartsFrom::Template {
        id: starts,
        version,
    } = &group.starts_from
    else {
        return None;
    };
    let number = number(facts, group);
    let is_pinned = starts == id && number.is_some() && followed(*version).is_some();
    Some(Previous {
        group: name.clone(),
        image: template.source.image.clone(),
        template: starts.clone(),
        version: number.unwrap_or(template.source.number),
        pin: Some(*version).filter(|_| is_pinned).or(pinned(group)),
        size: group.size,
        suspended: lasting(group),
    })
}

/// What a group followed before a run pinned it that came to no end, since the group is still nobody's in particular: the
/// pin is the next run's then.
fn pinned(group: &Group) -> Option<VersionRef> {
    let lease = Lease::of(group, Leased::Version)?;
    let unknown = group.tag(tag::STATE).is_none();
    unknown.then(|| followed_by(&lease)).flatten()
}

/// What the group starts machines from by its number. Behind the swap the facts' template is the next group's, and only the
/// group's own words count.
fn number(facts: &Facts, group: &Group) -> Option<LaunchTemplateVersion> {
    let live = facts.serving().and_then(|side| facts.sides[side].group());
    if live.is_some_and(|live| live.name == group.name) {
        return facts.template.as_ref().map(|one| one.source.number);
    }
    let StartsFrom::Template { id, version } = &group.starts_from else {
        return None;
    };
    if let VersionRef::Number(number) = version {
        return Some(*number);
    }
    let from = group.members.iter().map(|member| member.from.as_ref());
    let numbers: Option<BTreeSet<_>> = from
        .map(|from| from.filter(|(of, _)| of == id).map(|(_, number)| *number))
        .collect();
    numbers.filter(|all| all.len() == 1)?.pop_first()
}

/// A group that serves and is being taken away: somebody is destroying the service.
pub(super) fn going(service: &Service, facts: &Facts) -> Option<Refusal> {
    let live = facts.sides[facts.serving()?].group()?;
    if live.tag(tag::STATE) != Some(tag::RETIRING) {
        return None;
    }
    let (name, service) = (&live.name, &service.name);
    let text = format!("group {name} serves, and is being taken away");
    let finding = Diagnostic::error("roll::empty", text);
    let help = format!(
        "`kiln destroy {service}` goes on with that; to have the group serve instead, give it machines, and the tag {}={}",
        tag::STATE,
        tag::LIVE
    );
    Some(Refusal::account(finding.help(help)))
}

/// Groups without a load balancer that carry the service's name, where nothing says which of them is in office.
pub(super) fn several(service: &Service, facts: &Facts) -> Option<Refusal> {
    if facts.balancer.is_some() {
        return None;
    }
    let rivals = office::rivals(&service.name, &facts.groups);
    let names: Vec<_> = rivals.iter().map(|group| group.name.as_str()).collect();
    let last = names.last()?;
    let text = format!(
        "several groups carry the tag {}={}, and nothing says which is in office: {}",
        tag::SERVICE,
        service.name,
        names.join(", ")
    );
    let help = format!(
        "take it off all but one: `aws autoscaling delete-tags --tags \
         ResourceId={last},ResourceType=auto-scaling-group,Key={}`",
        tag::SERVICE
    );
    let finding = Diagnostic::error("roll::several_groups", text);
    Some(Refusal::account(finding.help(help)))
}

/// Processes of a group that are suspended and without which it cannot do what the roll asks of it.
pub(super) fn stopped(facts: &Facts, group: &Group) -> Vec<Refusal> {
    let name = &group.name;
    let needed = NEEDED
        .iter()
        .filter(|process| facts.balancer.is_some() || **process != ADD);
    let stopped = needed.filter(|process| group.suspended.contains(**process));
    let refuse = |process: &&str| {
        let text = format!("process {process} of group {name} is suspended");
        let finding = Diagnostic::error("roll::suspended", text);
        let mend = format!(
            "aws autoscaling resume-processes --auto-scaling-group-name {name} --scaling-processes {process}"
        );
        Refusal::account(finding.help(mend))
    };
    stopped.map(refuse).collect()
}

/// Other groups that would start the new image as soon as its version exists. One that a roll of the service has emptied
/// starts nothing, and the idle group of a pair is pinned first.
fn followers(
    service: &Service,
    facts: &Facts,
    previous: &Group,
    template: &LaunchTemplateId,
) -> Vec<Refusal> {
    let follow = facts.groups.iter().filter(|group| {
        let follows = |from: &StartsFrom| matches!(from, StartsFrom::Template { id, version: VersionRef::Latest } if id == template);
        let latest = group.starts().any(follows);
        let is_over = is_spent(group) && group.tag(tag::SERVICE) == Some(&service.name);
        let is_pinned = service
            .groups
            .pair
            .iter()
            .flatten()
            .any(|name| **name == group.name.as_str());
        latest && group.name != previous.name && !is_over && !is_pinned
    });
    follow
        .map(|group| {
            let name = &group.name;
            let text = format!(
                "group {name} follows $Latest of the launch template of {}",
                service.name
            );
            let finding = Diagnostic::error("roll::shared_template", text);
            let finding = finding.at_value(&service.groups.template, "also used by that group");
            Refusal::input(finding.help("pin it to a number first, or it gets the new image too"))
        })
        .collect()
}

//! What a run that died behind its point of no return left: found by tags, put right by whoever comes next.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::commit::{keep_tags, later, retirement};
use super::doctor::{Known, Scene, State, Temporary, find, loose};
use super::error::Error;
use super::facts::Facts;
use super::plan::in_place::unfinished;
use super::plan::reroot;
use super::{aside, names, office};
use crate::cloud::{Cloud, Group, GroupName, TargetGroupArn, tag};
use crate::run::{Event, Events, LaterLists, RunId};
use crate::undo::Undo;
use crate::undo::lease::Sizes;

/// One thing to put right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Chore {
    /// A temporary change that has run out.
    Restore(Box<Temporary>),
    /// The previous group of a roll that went through but was never said to be kept.
    Keep(GroupName, Option<TargetGroupArn>),
    /// A retirement of a kept group that the due-list lacks.
    List(GroupName, Option<TargetGroupArn>, Timestamp),
}

/// What is to be put right. A half-made roll is another matter: while there is one, nothing is.
pub(super) fn chores(service: &str, facts: &Facts, listed: &[Undo], now: Timestamp) -> Vec<Chore> {
    let in_place = unfinished(facts).is_some() || reroot::unfinished(facts).is_some();
    if facts.in_flight(service).next().is_some() || in_place {
        return Vec::new();
    }
    let serving = facts.serving();
    let live = serving.and_then(|side| facts.sides[side].group());
    // Whoever rolls holds the lease of the store that all of the service's runs share.
    let known = Known {
        alone: true,
        ..Known::default()
    };
    let found = find(&Scene::of_facts(service, facts), &known, now).into_iter();
    let over = found.filter(|one| one.state == State::RunOut);
    let mut chores: Vec<Chore> = over.map(|one| Chore::Restore(Box::new(one))).collect();
    for (side, one) in facts.sides.iter().enumerate() {
        if Some(side) == serving || live.is_none() || facts.balancer.is_none() {
            continue;
        }
        let Some(group) = one.group() else {
            continue;
        };
        let arn = one.target_group.as_ref().map(|group| &group.arn);
        let was_before = arn.is_some_and(|arn| facts.is_watched(arn))
            || live.is_some_and(|live| office::is_before(live, group));
        chores.extend(idle(service, group, arn, was_before, listed));
    }
    if let (None, Some(live)) = (&facts.balancer, live) {
        chores.extend(out_of_office(service, live, &facts.sides[1].groups, listed));
    }
    chores
}

fn idle(
    service: &str,
    group: &Group,
    target_group: Option<&TargetGroupArn>,
    was_before: bool,
    listed: &[Undo],
) -> Option<Chore> {
    let (name, arn) = (group.name.clone(), target_group.cloned());
    let due = Undo::Retire(retirement(service, &name, target_group));
    match group.tag(tag::STATE) {
        Some(tag::LIVE) => Some(Chore::Keep(name, arn)),
        Some(tag::KEPT) if !listed.contains(&due) => {
            Some(Chore::List(name, arn, names::keep_until(group)?))
        }
        // Of others' making: kept when kiln's watch rule, or the group in office, says that it was the previous one.
        None if was_before && is_or_was_filled(group) => Some(Chore::Keep(name, arn)),
        _ => None,
    }
}

fn is_or_was_filled(group: &Group) -> bool {
    aside::is_filled(group) || Sizes::of(group).is_some()
}

/// Groups that the one in office has taken the place of.
fn out_of_office(service: &str, live: &Group, groups: &[Group], listed: &[Undo]) -> Vec<Chore> {
    let chores = groups.iter().filter_map(|group| {
        let was_before = office::is_before(live, group);
        idle(service, group, None, was_before, listed)
    });
    chores.collect()
}

impl fmt::Display for Chore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restore(one) => one.fmt(f),
            Self::Keep(group, _) => write!(f, "group {group}: kept from now on, to go back to"),
            Self::List(group, _, until) => {
                write!(f, "group {group}: on the due-list, kept until {until}")
            }
        }
    }
}

/// Puts things right, each of them again harmless.
pub(super) async fn tidy<S: LaterLists<Undo>>(
    service: &str,
    chores: &[Chore],
    run: RunId,
    keep: (Timestamp, Duration),
    cloud: &impl Cloud,
    store: &S,
    events: &dyn Events,
) -> Result<(), Error> {
    for chore in chores {
        match chore {
            Chore::Restore(one) => {
                if let Some(cure) = &one.cure {
                    loose(cure, cloud).await?;
                }
            }
            Chore::Keep(group, target_group) => {
                let until = keep.0 + keep.1;
                let due = retirement(service, group, target_group.as_ref());
                later(store, run, due, until, "kept to go back to")?;
                keep_tags(service, group, until, cloud).await?;
            }
            Chore::List(group, target_group, until) => {
                let due = retirement(service, group, target_group.as_ref());
                later(store, run, due, *until, "kept to go back to")?;
            }
        }
        let text = format!("put right what a run before left: {chore}");
        events.emit(Event::Note { text });
    }
    Ok(())
}

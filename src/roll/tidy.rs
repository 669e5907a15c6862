//! What a run that died behind its point of no return left: found by tags, put right by whoever comes next.

use std::time::Duration;

use jiff::Timestamp;

use super::commit::{keep_tags, later, retirement};
use super::error::Error;
use super::facts::Facts;
use super::names;
use crate::cloud::{Cloud, Group, GroupName, RuleArn, RulePlace, TargetGroupArn, tag};
use crate::run::{Event, Events, LaterLists, RunId};
use crate::undo::lease::{self, Leased};
use crate::undo::{Purpose, Undo};

/// One thing to put right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Chore {
    /// A probe rule of a run that is over, or a watch rule of a group that is gone or serves.
    DeleteRule(RuleArn),
    /// A temporary change of the group that serves.
    Release(GroupName, Leased),
    /// The previous group of a roll that went through but was never said to be kept.
    Keep(GroupName, TargetGroupArn),
    /// The mark of scratch on a group that serves.
    Unexpire(GroupName),
    /// A retirement of a kept group that the due-list lacks.
    List(GroupName, TargetGroupArn, Timestamp),
}

/// What is to be put right. A half-made roll is another matter: while there is one, nothing is.
pub(super) fn chores(service: &str, facts: &Facts, listed: &[Undo]) -> Vec<Chore> {
    if facts.in_flight(service).next().is_some() {
        return Vec::new();
    }
    let serving = facts.serving();
    let live = serving.and_then(|side| facts.sides[side].group());
    let mut chores = rules(service, facts, serving);
    if let Some(live) = live {
        let held = [Leased::Processes, Leased::MinSize].into_iter();
        let held = held.filter(|what| live.tag(what.tag()).is_some());
        chores.extend(held.map(|what| Chore::Release(live.name.clone(), what)));
        if live.tag(tag::EXPIRES).is_some() {
            chores.push(Chore::Unexpire(live.name.clone()));
        }
    }
    for (side, one) in facts.sides.iter().enumerate() {
        if Some(side) == serving || live.is_none() {
            continue;
        }
        let Some((group, target_group)) = one.group().zip(one.target_group.as_ref()) else {
            continue;
        };
        let watched = facts.leading.iter().any(|leading| {
            let watch = leading.tags.get(tag::RULE).map(String::as_str) == Purpose::Watch.tag();
            watch && leading.names(&target_group.arn)
        });
        chores.extend(idle(service, group, &target_group.arn, watched, listed));
    }
    chores
}

fn idle(
    service: &str,
    group: &Group,
    target_group: &TargetGroupArn,
    watched: bool,
    listed: &[Undo],
) -> Option<Chore> {
    let (name, arn) = (group.name.clone(), target_group.clone());
    let due = Undo::Retire(retirement(service, &name, &arn));
    match group.tag(tag::STATE) {
        Some(tag::LIVE) => Some(Chore::Keep(name, arn)),
        Some(tag::KEPT) if !listed.contains(&due) => {
            Some(Chore::List(name, arn, names::keep_until(group)?))
        }
        // Of others' making: kept when kiln's watch rule says that it was the previous one.
        None if watched && group.size.desired > 0 => Some(Chore::Keep(name, arn)),
        _ => None,
    }
}

fn rules(service: &str, facts: &Facts, serving: Option<usize>) -> Vec<Chore> {
    let own = facts
        .leading
        .iter()
        .filter(|one| one.tags.get(tag::SERVICE).map(String::as_str) == Some(service));
    let over = own.filter(|one| match one.tags.get(tag::RULE).map(String::as_str) {
        purpose if purpose == Purpose::Probe.tag() => true,
        purpose if purpose == Purpose::Watch.tag() => {
            // It watches an idle target group with a group behind it, or nothing any more.
            !(facts.sides.iter().enumerate()).any(|(side, there)| {
                let arn = there.target_group.as_ref().map(|group| &group.arn);
                Some(side) != serving
                    && arn.is_some_and(|arn| one.names(arn))
                    && there.groups.iter().any(|group| group.size.desired > 0)
            })
        }
        _ => false,
    });
    let arns = over.filter_map(|one| match &one.place {
        RulePlace::Rule(arn) => Some(Chore::DeleteRule(arn.clone())),
        RulePlace::Default(_) => None,
    });
    arns.collect()
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
            Chore::DeleteRule(arn) => match cloud.delete_rule(arn).await {
                Err(error) if error.is_not_found() => {}
                answer => answer?,
            },
            Chore::Release(group, what) => lease::release(cloud, group, *what, None).await?,
            Chore::Unexpire(group) => cloud.untag_group(group, &[tag::EXPIRES]).await?,
            Chore::Keep(group, target_group) => {
                let until = keep.0 + keep.1;
                let due = retirement(service, group, target_group);
                later(store, run, due, until, "kept to go back to")?;
                keep_tags(service, group, until, cloud).await?;
            }
            Chore::List(group, target_group, until) => {
                let due = retirement(service, group, target_group);
                later(store, run, due, *until, "kept to go back to")?;
            }
        }
        let text = format!("put right what a run before left: {chore:?}");
        events.emit(Event::Note { text });
    }
    Ok(())
}

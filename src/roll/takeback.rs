//! Taking a dead run's half-made roll back, from tags and listener alone.
//!
//! A dead run with the same image is gone on with instead; what this module cannot see, such as a launch template version
//! that nothing names yet, stands in the dead run's journal, which the caller settles after the roll.

use std::collections::BTreeSet;

use serde::Serialize;

use super::error::Error;
use super::facts::Facts;
use super::ground::Ground;
use super::names;
use super::plan::in_place::{resumed, staying, unfinished};
use super::plan::{led_to, reroot};
use super::swap::write;
use crate::cloud::{
    Action, Cloud, Group, GroupName, LaunchTemplateId, ListenerArn, RulePlace, StartsFrom, Tags,
    TargetGroupArn, tag,
};
use crate::run::{Ledger, Lifetime, RunId, Slot, Unwind};
use crate::template::service::Service;
use crate::undo::lease::{self, Lease, Leased};
use crate::undo::refresh::Refreshing;
use crate::undo::serving::{Leading, forwards};
use crate::undo::{Change, Moved, OfRoll, Purpose, Undo, Unwinder};

/// The step in which it is taken back.
pub(super) const STEP: &str = "take a dead roll back";

/// A roll that a dead run left half-made and that is not gone on with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dead {
    pub run: RunId,
    pub next: GroupName,
    /// Newest first, as they are taken back.
    #[serde(skip)]
    pub undos: Vec<OfRoll>,
    /// It serves, and there is nothing to go back to: it becomes the service's own group.
    pub adopt: bool,
    /// Then the rest of its traffic follows, where the run died between two rules.
    #[serde(skip)]
    pub follow: Vec<Following>,
}

/// A rule that is to lead where the others do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Following {
    place: RulePlace,
    now: Vec<Action>,
    after: Vec<Action>,
}

/// The dead roll that must be taken back before another can begin; `None` when there is none, or when it is the same roll.
pub(super) fn dead(service: &Service, facts: &Facts, flying: &[&Group]) -> Option<Dead> {
    if let Some((group, of)) = unfinished(facts)
        && resumed(service, facts).is_none()
    {
        return Some(refreshing(&service.name, group, &of));
    }
    if let Some((group, of)) = reroot::unfinished(facts)
        && reroot::resumed(service, facts).is_none()
    {
        return Some(rerooting(&service.name, group, of.run));
    }
    // One of a pair is gone on with as one of a pair, and no other.
    let is_pair = service.groups.pair.is_some();
    let same = |group: &&Group| {
        let is_standing = group.tag(tag::MADE_BY).is_none();
        group.image(tag::IMAGE).as_ref() == Some(&facts.image.id) && is_standing == is_pair
    };
    let group = match flying {
        [] => return None,
        // Going on needs a group that is there, in one of the two target groups.
        [one]
            if same(one)
                && !one.deleting
                && has_side(facts, one)
                && staying(service, facts).is_none() =>
        {
            return None;
        }
        several => several
            .iter()
            .find(|group| !same(group))
            .unwrap_or(&several[0]),
    };
    facts.on_ground(&service.name, |ground| undos(&ground, group))
}

/// Any half-made roll, also one that could be gone on with; `None` when there is none.
pub(super) fn any(service: &Service, facts: &Facts) -> Option<Dead> {
    if let Some((group, of)) = unfinished(facts) {
        return Some(refreshing(&service.name, group, &of));
    }
    if let Some((group, of)) = reroot::unfinished(facts) {
        return Some(rerooting(&service.name, group, of.run));
    }
    let group = facts.in_flight(&service.name).next()?;
    facts.on_ground(&service.name, |ground| undos(&ground, group))
}

/// All that there is of a roll that is gone on with, newest first.
pub(super) fn goes_on(service: &Service, facts: &Facts, run: RunId) -> Vec<OfRoll> {
    let Some(dead) = any(service, facts).filter(|dead| dead.run == run) else {
        return Vec::new();
    };
    let next = facts.groups.iter().find(|group| group.name == dead.next);
    let held = next
        .into_iter()
        .flat_map(|next| leases(next, run, &[Leased::MinSize, Leased::Processes]));
    let held = held.map(|change| OfRoll {
        service: service.name.value.clone(),
        run,
        next: dead.next.clone(),
        change,
    });
    let held: Vec<_> = held.filter(|one| !dead.undos.contains(one)).collect();
    // They go before their group, which may serve until its traffic has gone back.
    let mut all: Vec<OfRoll> = dead.goes().cloned().collect();
    let place = all
        .iter()
        .position(|one| matches!(one.change, Change::Group { .. } | Change::Taken { .. }));
    all.splice(place.unwrap_or(0)..place.unwrap_or(0), held);
    all
}

/// What takes the half-made roll of `group` back; nothing when no tag says whose it is.
pub(super) fn undos(ground: &Ground<'_>, group: &Group) -> Option<Dead> {
    let run = names::run_of(group)?;
    let side = ground.side_of(group);
    // Without a load balancer a machine that is in service may have begun to work.
    let served = if ground.led {
        side.is_some() && (side == ground.serving() || ground.is_shared())
    } else {
        group.in_service().next().is_some()
    };
    let back = side.and_then(|side| ground.sides[1 - side].group());
    let make = |change| OfRoll {
        service: ground.service.to_owned(),
        run,
        next: group.name.clone(),
        change,
    };
    let rules = |purpose| {
        let rules = ground.listeners.iter();
        rules.map(move |listener| make(rule(listener, purpose)))
    };
    // Clients may still go by records that led here a moment ago.
    let records = ground.production.iter();
    let followed = records.filter(|one| one.place.record().is_some()).count() > 0 && back.is_some();
    let mut undos = Vec::new();
    if served || followed {
        undos.extend(traffic(ground, group, back, side).map(make));
    }
    if let Some(back) = back {
        undos.extend(leases(back, run, &[Leased::MinSize]).map(make));
    }
    undos.extend(rules(Purpose::Watch));
    let tested = ground.tested.iter().filter(|(lease, _)| lease.run == run);
    undos.extend(tested.map(|(_, tested)| make(Change::Tested(tested.clone()))));
    undos.push(make(match group.tag(tag::MADE_BY) {
        Some(_) => Change::Group {
            served: served || followed,
        },
        // Its lease says what is suspended.
        None => Change::Taken {
            suspends: BTreeSet::new(),
        },
    }));
    undos.extend(rules(Purpose::Probe));
    undos.extend(version(group).map(|template| make(Change::Version { template })));
    let previous = ground.serving().and_then(|side| ground.sides[side].group());
    for pinned in [back, previous].into_iter().flatten() {
        undos.extend(leases(pinned, run, &[Leased::Version]).map(make));
    }
    let adopt = ground.led && served && back.is_none();
    let led = side.and_then(|side| ground.sides[side].target_group.as_ref());
    let follow = led.filter(|_| adopt).map(|led| following(ground, &led.arn));
    Some(Dead {
        run,
        next: group.name.clone(),
        adopt,
        undos,
        follow: follow.unwrap_or_default(),
    })
}

/// The rules that lead users elsewhere than to the target group.
fn following(ground: &Ground<'_>, to: &TargetGroupArn) -> Vec<Following> {
    let rules = ground.production.iter().map(|one| Following {
        place: one.place.clone(),
        now: one.actions().to_vec(),
        after: led_to(&one.place, one.actions(), to),
    });
    rules
        .filter(|one| forwards(&one.now).next().is_some() && one.now != one.after)
        .collect()
}

fn has_side(facts: &Facts, group: &Group) -> bool {
    facts.on_ground("", |ground| ground.side_of(group).is_some())
}

/// What takes back a refresh that a run began and did not finish.
pub(super) fn refreshing(service: &str, group: &Group, of: &Refreshing) -> Dead {
    let make = |change| OfRoll {
        service: service.to_owned(),
        run: of.run,
        next: group.name.clone(),
        change,
    };
    let mut undos: Vec<OfRoll> = leases(group, of.run, &[Leased::Refresh])
        .map(make)
        .collect();
    undos.extend(version(group).map(|template| make(Change::Version { template })));
    undos.extend(leases(group, of.run, &[Leased::Version]).map(make));
    Dead {
        run: of.run,
        next: group.name.clone(),
        adopt: false,
        undos,
        follow: Vec::new(),
    }
}

/// What takes back that a machine of a group got another root.
pub(super) fn rerooting(service: &str, group: &Group, run: RunId) -> Dead {
    let make = |change| OfRoll {
        service: service.to_owned(),
        run,
        next: group.name.clone(),
        change,
    };
    let mut undos: Vec<OfRoll> = leases(group, run, &[Leased::Root, Leased::Processes])
        .map(make)
        .collect();
    undos.extend(version(group).map(|template| make(Change::Version { template })));
    undos.extend(leases(group, run, &[Leased::Version]).map(make));
    Dead {
        run,
        next: group.name.clone(),
        adopt: false,
        undos,
        follow: Vec::new(),
    }
}

fn rule(listener: &ListenerArn, purpose: Purpose) -> Change {
    Change::Rule {
        listener: listener.clone(),
        purpose,
    }
}

fn version(group: &Group) -> Option<LaunchTemplateId> {
    match &group.starts_from {
        StartsFrom::Template { id, .. } => Some(id.clone()),
        StartsFrom::Other(_) => None,
    }
}

fn leases(group: &Group, run: RunId, kinds: &[Leased]) -> impl Iterator<Item = Change> {
    let held = kinds
        .iter()
        .copied()
        .filter(move |what| Lease::of(group, *what).is_some_and(|lease| lease.run == run));
    let changes = held.map(|what| Change::Lease {
        group: group.name.clone(),
        what,
    });
    changes.collect::<Vec<_>>().into_iter()
}

/// Traffic as it was before the dead run's swap: the same actions, led to the other target group.
fn traffic(
    ground: &Ground<'_>,
    next: &Group,
    back: Option<&Group>,
    side: Option<usize>,
) -> Option<Change> {
    back?;
    let previous = ground.sides[1 - side?].target_group.as_ref()?;
    let leads = |one: &&&Leading| next.target_groups.iter().any(|arn| one.names(arn));
    let moved = ground.production.iter().filter(leads).map(|one| {
        let now: Vec<Action> = one.actions().to_vec();
        let serves = next.target_groups.iter().any(|arn| one.may_lead_to(arn));
        Moved {
            place: one.place.clone(),
            // Records that lead back already are only waited for.
            before: if serves {
                led_to(&one.place, &now, &previous.arn)
            } else {
                now.clone()
            },
            after: vec![now],
        }
    });
    let moved: Vec<_> = moved.collect();
    (!moved.is_empty()).then_some(Change::Traffic { moved })
}

impl Dead {
    /// What of it goes, newest first. What leads to a group that serves proves nothing any more: by a test listener it would
    /// have all of the next one's requests.
    pub(super) fn goes(&self) -> impl DoubleEndedIterator<Item = &OfRoll> {
        let goes = |undo: &&OfRoll| !self.adopt || undo.proves();
        self.undos.iter().filter(goes)
    }

    /// Puts all of that on the ledger, and says where it stands, newest first.
    pub(super) fn owe(&self, made: &mut Ledger<'_, Undo>) -> Result<Vec<(Slot, Undo)>, Error> {
        let mut owed = Vec::new();
        for undo in self.goes().rev() {
            let undo = Undo::Roll(undo.clone());
            let slot = match made.owed(&undo) {
                Some(slot) => slot,
                None => made
                    .intend(Lifetime::Scratch, undo.clone())
                    .map_err(Error::Journal)?,
            };
            owed.push((slot, undo));
        }
        owed.reverse();
        Ok(owed)
    }
}

/// Takes it back, all of it journalled first.
pub(super) async fn take_back<C: Cloud>(
    dead: &Dead,
    cloud: &C,
    unwinder: &Unwinder<'_, C>,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    for (slot, undo) in dead.owe(made)? {
        unwinder.undo(&undo).await?;
        made.forget(slot).map_err(Error::Journal)?;
    }
    if dead.adopt {
        for one in &dead.follow {
            // One that somebody else has written since is seen by the write, or by the plan that comes next.
            if cloud.actions_at(&one.place).await?.as_ref() == Some(&one.now) {
                write(&one.place, &one.after, &one.now, cloud).await?;
            }
        }
        let live = Tags::from([(tag::STATE.to_owned(), tag::LIVE.to_owned())]);
        cloud.tag_group(&dead.next, &live).await?;
        for what in [Leased::Processes, Leased::MinSize] {
            lease::release(cloud, &dead.next, what, Some(dead.run)).await?;
        }
        cloud.untag_group(&dead.next, &[tag::EXPIRES]).await?;
    }
    Ok(())
}

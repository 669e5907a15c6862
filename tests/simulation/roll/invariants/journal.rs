//! I4: what a run makes or changes for a while stands in its journal before.

use std::collections::{BTreeMap, BTreeSet};

use kiln::cloud::{Action, RulePlace};
use kiln::run::RunId;
use kiln::undo::lease::Leased;
use kiln::undo::serving::{arns_of, forwards};
use kiln::undo::tested::LEASE;
use kiln::undo::{Change, Moved, Purpose, Undo};
use localcloud::model::view::GroupView;

use super::scene::{Scene, shares};
use crate::simulation::roll::journals::Journals;
use crate::simulation::roll::world::TEST_PORT;

/// Groups that have been held, each from when a tag said so.
pub type Held = BTreeSet<String>;

/// What test listeners do for their owners: where each leads.
pub type Rest = BTreeMap<String, Vec<(String, u32)>>;

/// Those that no run has borrowed.
pub fn at_rest(scene: &Scene) -> Rest {
    let test = scene.listeners.iter().filter(|one| one.port == TEST_PORT);
    let own = test.filter(|one| !one.tags.contains_key(LEASE));
    let leads = own.map(|listener| {
        let mut rules = listener.rules.iter();
        let default = rules.find(|rule| rule.priority.is_none());
        let to = default.map_or_else(Vec::new, |rule| shares(&rule.forwards));
        (listener.arn.clone(), to)
    });
    leads.collect()
}

/// A test listener does what its owner has it do, but for as long as its tag says what that is.
pub fn is_at_rest(scene: &Scene, rest: &Rest) -> Result<(), String> {
    for (listener, leads) in at_rest(scene) {
        if rest.get(&listener).is_some_and(|rest| *rest != leads) {
            return Err(format!(
                "I4: test listener {listener} leads to {leads:?}, and no tag says that it is borrowed"
            ));
        }
    }
    Ok(())
}

/// What carries a run's tag was announced in a journal before.
pub fn comes_first(scene: &Scene, journals: &Journals, held: &mut Held) -> Result<(), String> {
    let said = |run: &str, is: &dyn Fn(&Change) -> bool| {
        let Ok(run) = run.parse::<RunId>() else {
            return false;
        };
        journals.said(|undo| match undo {
            Undo::Roll(of) => of.run == run && is(&of.change),
            _ => false,
        })
    };
    for rule in scene.listeners.iter().flat_map(|listener| &listener.rules) {
        let Some(run) = rule.tags.get("kiln:run") else {
            continue;
        };
        let kind = rule.tags.get("kiln:rule").map(String::as_str);
        let purposes = [Purpose::Probe, Purpose::Watch, Purpose::Production];
        let is = |change: &Change| {
            let mut purposes = purposes.iter().filter(|one| one.tag() == kind);
            matches!(change, Change::Rule { purpose, .. } if purposes.any(|one| one == purpose))
        };
        if !said(run, &is) {
            return Err(format!("I4: nobody announced rule {rule:?}"));
        }
    }
    for listener in &scene.listeners {
        let Some(text) = listener.tags.get(LEASE) else {
            continue;
        };
        let run = text.split_whitespace().next().unwrap_or_default();
        let is = |change: &Change| matches!(change, Change::Tested(tested) if tested.listener.as_str() == listener.arn);
        if !said(run, &is) {
            return Err(format!(
                "I4: nobody announced test listener {}",
                listener.arn
            ));
        }
    }
    for target_group in &scene.targets {
        let Some(run) = target_group.tags.get("kiln:run") else {
            continue;
        };
        let is = |change: &Change| matches!(change, Change::TargetGroup { name } if *name == target_group.name);
        if !said(run, &is) {
            let name = &target_group.name;
            return Err(format!("I4: nobody announced target group {name}"));
        }
    }
    for alarm in &scene.alarms {
        let run = alarm.tags.get("kiln:run").cloned().unwrap_or_default();
        let is = |change: &Change| matches!(change, Change::Group { .. });
        if !run.is_empty() && !said(&run, &is) {
            return Err(format!("I4: nobody announced alarm {}", alarm.name));
        }
    }
    for group in &scene.groups {
        let run = group.tags.get("kiln:run").cloned().unwrap_or_default();
        let is = |change: &Change| matches!(change, Change::Group { .. } | Change::Taken { .. });
        if !run.is_empty() && !said(&run, &is) {
            return Err(format!("I4: nobody announced group {}", group.name));
        }
        leases_come_first(group, &said, held)?;
    }
    Ok(())
}

/// Whether a run has journalled a change that fits.
type Said<'a> = &'a dyn Fn(&str, &dyn Fn(&Change) -> bool) -> bool;

/// A pin, a suspension and a held minimum stand in a tag and in a journal before they hold.
fn leases_come_first(group: &GroupView, said: Said<'_>, held: &mut Held) -> Result<(), String> {
    let name = &group.name;
    for what in Leased::ALL {
        let Some(text) = group.tags.get(what.tag()) else {
            continue;
        };
        let run = text.split_whitespace().next().unwrap_or_default();
        let is = |change: &Change| {
            matches!(change, Change::Lease { group: of, what: one }
                if of.as_str() == name && *one == what)
        };
        if !said(run, &is) {
            return Err(format!("I4: nobody announced {what} of {name}"));
        }
    }
    let has = |what: Leased| group.tags.contains_key(what.tag());
    let suspended = suspended(group);
    if !suspended.is_empty() && !has(Leased::Processes) && group.tags.contains_key("kiln:run") {
        return Err(format!(
            "I4: {suspended:?} of {name} are suspended without a tag"
        ));
    }
    let is_next = group
        .tags
        .get("kiln:state")
        .is_some_and(|state| state == "next");
    if has(Leased::MinSize) {
        held.insert(name.clone());
    }
    if is_next && group.min > 0 && !held.contains(name) && !group.deleting {
        let min = group.min;
        return Err(format!("I4: the minimum of {name} is {min} without a tag"));
    }
    Ok(())
}

/// What is suspended on a group, but for the schedule of one that is kept without machines, as its tag says.
pub fn suspended(group: &GroupView) -> Vec<&String> {
    let size = group.tags.get("kiln:size");
    let spared = size.is_some_and(|text| text.ends_with(" scheduled"));
    let all = group.suspended.iter();
    all.filter(|name| !(spared && name.as_str() == "ScheduledActions"))
        .collect()
}

/// What is written when a place is.
fn written_at(place: &RulePlace) -> String {
    match (place, arns_of(place).as_slice()) {
        (RulePlace::Rule(_) | RulePlace::Default(_), [arn]) => arn.as_str().to_owned(),
        _ => place.to_string(),
    }
}

/// What gets requests.
fn weighty(shares: &[(String, u32)]) -> Vec<&String> {
    let weighty = shares.iter().filter(|(_, weight)| *weight > 0);
    weighty.map(|(arn, _)| arn).collect()
}

/// Whether something is true of target groups with their weights.
type Is<'a> = &'a dyn Fn(&[(String, u32)]) -> bool;

/// What a change says of traffic.
fn moved(change: &Change) -> &[Moved] {
    match change {
        Change::Traffic { moved } => moved,
        _ => &[],
    }
}

/// The target groups that actions lead to, with their weights.
fn forwarded(actions: &[Action]) -> Option<Vec<(String, u32)>> {
    let there = forwards(actions).next()?.shares.iter();
    Some(
        there
            .map(|(arn, weight)| (arn.to_string(), *weight))
            .collect(),
    )
}

/// Production rules do what they did before, or what a run has announced.
pub fn traffic_was_announced(
    scene: &Scene,
    before: &[Vec<(String, u32)>],
    journals: &Journals,
) -> Result<(), String> {
    for (rule, now) in scene.production.iter().zip(scene.written()) {
        if before.contains(&now) {
            continue;
        }
        let made = rule.tags.contains_key("kiln:run");
        let of_rule = |place: &RulePlace| written_at(place) == scene.place(rule);
        let led = |is: Is<'_>| {
            journals.said(|undo| {
                let moved = match undo {
                    Undo::Roll(of) => moved(&of.change),
                    _ => &[],
                };
                let mut moved = moved.iter().filter(|one| of_rule(&one.place));
                moved.any(|one| {
                    let mut actions = one.after.iter().chain([&one.before]);
                    actions.any(|actions| forwarded(actions).is_some_and(|there| is(&there)))
                })
            })
        };
        let as_before = || before.iter().any(|one| weighty(one) == weighty(&now));
        let named = || {
            journals.said(|undo| match undo {
                Undo::Roll(of) => match &of.change {
                    Change::Share { places, .. } => places.iter().any(of_rule),
                    _ => false,
                },
                _ => false,
            })
        };
        let said = led(&|there| shares(there) == now)
            || named() && (as_before() || led(&|there| weighty(there) == weighty(&now)));
        if !said && !made {
            return Err(format!(
                "I4: nobody announced that {} does {now:?}",
                rule.arn
            ));
        }
    }
    Ok(())
}

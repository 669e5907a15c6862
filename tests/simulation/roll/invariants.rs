//! The invariants of DESIGN.md section 8, looked at after every call, fact and step of time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use kiln::undo::lease::Leased;
use kiln::undo::{Change, Purpose, Undo};
use localcloud::model::Model;
use localcloud::model::view::{GroupView, RuleView};

use super::journals::Journals;
use crate::simulation::cloud::Cloud;

/// What is wrong, if anything; the first finding alone, since others follow from it.
#[derive(Clone, Default)]
pub struct Watchman(Arc<Mutex<Option<String>>>);

impl Watchman {
    #[track_caller]
    pub fn content(&self, about: &str) {
        let found = self.0.lock().unwrap().clone();
        assert!(found.is_none(), "{about}: {}", found.unwrap_or_default());
    }
}

/// What must hold from the moment at which the watch begins.
#[derive(Clone, Debug, Default)]
struct Floor {
    /// Healthy machines behind the production rule.
    count: usize,
    zones: BTreeMap<String, usize>,
    /// The group that serves, whole with so many.
    previous: Option<(String, usize)>,
    /// Things that were there and that kiln did not make.
    others: BTreeSet<String>,
}

/// Begins to watch; `forward` asks for the group that serves to stay whole until another is proven.
pub fn watch(cloud: &Cloud, journals: &Journals, forward: bool) -> Watchman {
    let watchman = Watchman::default();
    let found = watchman.clone();
    let journals = journals.clone();
    let mut floor = floor(&cloud.world().model);
    floor.previous = floor.previous.filter(|_| forward);
    cloud.world().watch(move |model, now| {
        let mut found = found.0.lock().unwrap();
        if found.is_none()
            && let Err(broken) = check(model, &floor, &journals)
        {
            *found = Some(format!("at {now}: {broken}"));
        }
    });
    watchman
}

/// The image of every instance.
pub fn images(model: &Model) -> BTreeMap<String, String> {
    let instances = model.view_instances().into_iter();
    instances
        .map(|instance| (instance.id, instance.image))
        .collect()
}

/// The rules that carry the service's requests: those that lead to its target groups and are no probes.
pub fn production(model: &Model) -> Vec<RuleView> {
    let groups = model.view_target_groups();
    let own: BTreeSet<&String> = (groups.iter())
        .filter(|group| group.name.starts_with("web-"))
        .map(|group| &group.arn)
        .collect();
    let listeners = model.view_listeners().into_iter();
    let rules = listeners.flat_map(|listener| listener.rules);
    rules
        .filter(|rule| {
            let leads = rule.forwards.iter().any(|(arn, _)| own.contains(arn));
            leads && !rule.tags.contains_key("kiln:rule")
        })
        .collect()
}

/// Healthy machines behind a rule, and the zone of each.
fn healthy(model: &Model, rule: &RuleView) -> Vec<(String, String)> {
    let groups = model.view_target_groups();
    let weighted = rule.forwards.iter().filter(|(_, weight)| *weight > 0);
    let behind = weighted.filter_map(|(arn, _)| groups.iter().find(|group| group.arn == *arn));
    let targets = behind.flat_map(|group| &group.targets);
    targets
        .filter(|target| target.state == "healthy")
        .map(|target| {
            (
                target.instance.clone(),
                target.zone.clone().unwrap_or_default(),
            )
        })
        .collect()
}

fn zones(healthy: &[(String, String)]) -> BTreeMap<String, usize> {
    let mut zones = BTreeMap::new();
    for (_, zone) in healthy {
        *zones.entry(zone.clone()).or_default() += 1;
    }
    zones
}

fn floor(model: &Model) -> Floor {
    let rules = production(model);
    let healthy = rules.iter().flat_map(|rule| healthy(model, rule));
    let (fresh, old): (Vec<_>, Vec<_>) = healthy.partition(|(id, _)| is_next(model, id));
    // What a canary has put beside is no floor.
    let healthy = if old.is_empty() { fresh } else { old };
    let live = model.view_groups().into_iter().find(|group| {
        group
            .members
            .iter()
            .any(|member| healthy.iter().any(|(id, _)| *id == member.instance))
    });
    Floor {
        count: healthy.len(),
        zones: zones(&healthy),
        previous: live.map(|group| (group.name, healthy.len())),
        others: others(model),
    }
}

/// Whether an instance is of a group that no roll has proven yet.
fn is_next(model: &Model, instance: &str) -> bool {
    let groups = model.view_groups();
    groups.iter().any(|group| {
        let is_next = group.tags.get("kiln:state").map(String::as_str) == Some("next");
        is_next
            && group
                .members
                .iter()
                .any(|member| member.instance == instance)
    })
}

/// Ids of what carries no tag of kiln's.
fn others(model: &Model) -> BTreeSet<String> {
    let ours = |tags: &BTreeMap<String, String>| tags.contains_key("kiln:made-by");
    let groups = model.view_groups().into_iter();
    let groups = groups
        .filter(|group| !ours(&group.tags))
        .map(|group| group.name);
    let targets = model.view_target_groups().into_iter();
    let targets = targets
        .filter(|group| !ours(&group.tags))
        .map(|group| group.arn);
    let images = model.view_images().into_iter().map(|image| image.id);
    let balancers = model
        .view_balancers()
        .into_iter()
        .map(|balancer| balancer.arn);
    let security = model
        .view_security_groups()
        .into_iter()
        .map(|group| group.id);
    groups
        .chain(targets)
        .chain(images)
        .chain(balancers)
        .chain(security)
        .collect()
}

fn check(model: &Model, floor: &Floor, journals: &Journals) -> Result<(), String> {
    floor_holds(model, floor)?;
    previous_is_whole(model, floor)?;
    journal_comes_first(model, journals)?;
    nothing_used_is_gone(model, floor)
}

/// I1 and I2.
fn floor_holds(model: &Model, floor: &Floor) -> Result<(), String> {
    let mut total = 0;
    let mut by_zone = BTreeMap::new();
    for rule in production(model) {
        let healthy = healthy(model, &rule);
        if healthy.is_empty() {
            let targets = model.view_target_groups();
            return Err(format!(
                "I2: {} leads only to what is not healthy: {targets:#?}",
                rule.arn
            ));
        }
        total += healthy.len();
        shares_fit(model, &rule, floor)?;
        for (zone, count) in zones(&healthy) {
            *by_zone.entry(zone).or_insert(0) += count;
        }
    }
    if total < floor.count {
        return Err(format!(
            "I1: {total} of {} healthy behind the production rule",
            floor.count
        ));
    }
    for (zone, count) in &floor.zones {
        let there = by_zone.get(zone).copied().unwrap_or_default();
        // A machine that is replaced one for one leaves its zone for a moment; more is the roll's doing.
        if there < *count {
            return Err(format!("I1: {there} of {count} healthy in {zone}"));
        }
    }
    Ok(())
}

/// A target group is never asked for a larger share of the requests than it has of the machines that must be there.
fn shares_fit(model: &Model, rule: &RuleView, floor: &Floor) -> Result<(), String> {
    let all: u32 = rule.forwards.iter().map(|(_, weight)| *weight).sum();
    for (arn, weight) in &rule.forwards {
        let alone = RuleView {
            forwards: vec![(arn.clone(), *weight)],
            ..rule.clone()
        };
        let there = healthy(model, &alone).len();
        let asked = floor.count * usize::try_from(*weight).unwrap() / usize::try_from(all).unwrap();
        if *weight > 0 && there < asked {
            return Err(format!(
                "I1: {there} machines of {arn} carry what {asked} must, {weight} of {all}"
            ));
        }
    }
    Ok(())
}

/// I3: until another group is live, the previous one has all its machines, healthy.
fn previous_is_whole(model: &Model, floor: &Floor) -> Result<(), String> {
    let Some((name, count)) = &floor.previous else {
        return Ok(());
    };
    let groups = model.view_groups();
    let proven = groups.iter().any(|group| {
        group.name != *name && group.tags.get("kiln:state").map(String::as_str) == Some("live")
    });
    if proven {
        return Ok(());
    }
    let Some(previous) = groups.iter().find(|group| group.name == *name) else {
        return Err(format!("I3: {name} is gone before another group is live"));
    };
    let targets = model.view_target_groups();
    let healthy = targets
        .iter()
        .flat_map(|group| &group.targets)
        .filter(|target| {
            target.state == "healthy"
                && previous
                    .members
                    .iter()
                    .any(|one| one.instance == target.instance)
        });
    let healthy = healthy.count();
    if healthy < *count {
        return Err(format!(
            "I3: {healthy} of {count} machines of {name} are known to be healthy"
        ));
    }
    Ok(())
}

/// I4: what carries a run's tag was announced in a journal before.
fn journal_comes_first(model: &Model, journals: &Journals) -> Result<(), String> {
    let intents = journals.intents();
    let said = |run: &str, is: &dyn Fn(&Change) -> bool| {
        intents.iter().any(|undo| match undo {
            Undo::Roll(of) => of.run.to_string() == run && is(&of.change),
            _ => false,
        })
    };
    for rule in model
        .view_listeners()
        .iter()
        .flat_map(|listener| &listener.rules)
    {
        let Some(run) = rule.tags.get("kiln:run") else {
            continue;
        };
        let kind = rule.tags.get("kiln:rule").map(String::as_str);
        let purpose = [Purpose::Probe, Purpose::Watch, Purpose::Production].into_iter();
        let purpose = purpose
            .filter(|purpose| purpose.tag() == kind)
            .collect::<Vec<_>>();
        let is = |change: &Change| matches!(change, Change::Rule { purpose: one, .. } if purpose.contains(one));
        if !said(run, &is) {
            return Err(format!("I4: nobody announced rule {rule:?}"));
        }
    }
    for group in model.view_groups() {
        let run = group.tags.get("kiln:run").cloned().unwrap_or_default();
        let is = |change: &Change| matches!(change, Change::Group { .. });
        if !run.is_empty() && !said(&run, &is) {
            return Err(format!("I4: nobody announced group {}", group.name));
        }
        leases_come_first(&group, &said)?;
    }
    Ok(())
}

/// Whether a run has journalled a change that fits.
type Said<'a> = &'a dyn Fn(&str, &dyn Fn(&Change) -> bool) -> bool;

/// A pin, a suspension and a held minimum stand in a tag and in a journal before they hold.
fn leases_come_first(group: &GroupView, said: Said<'_>) -> Result<(), String> {
    for what in Leased::ALL {
        let Some(text) = group.tags.get(what.tag()) else {
            continue;
        };
        let run = text.split_whitespace().next().unwrap_or_default();
        let is = |change: &Change| {
            matches!(change, Change::Lease { group: name, what: one }
                if name.as_str() == group.name && *one == what)
        };
        if !said(run, &is) {
            return Err(format!("I4: nobody announced {what} of {}", group.name));
        }
    }
    let suspended = !group.suspended.is_empty();
    if suspended && !group.tags.contains_key(Leased::Processes.tag()) {
        return Err(format!(
            "I4: {:?} of {} are suspended without a tag",
            group.suspended, group.name
        ));
    }
    Ok(())
}

/// I6.
fn nothing_used_is_gone(model: &Model, floor: &Floor) -> Result<(), String> {
    let now = all(model);
    if let Some(gone) = floor.others.iter().find(|id| !now.contains(*id)) {
        return Err(format!("I6: {gone} was not kiln's to delete"));
    }
    let templates = model.view_templates();
    for group in model.view_groups().iter().filter(|group| !group.deleting) {
        let Some((id, version)) = &group.template else {
            continue;
        };
        let template = templates.iter().find(|template| template.id == *id);
        let there = match (template, version.parse::<u64>()) {
            (Some(template), Ok(number)) => template.versions.contains_key(&number),
            (template, Err(_)) => template.is_some(),
            (None, _) => false,
        };
        if !there {
            return Err(format!(
                "I6: {} starts from {id} {version}, which is gone",
                group.name
            ));
        }
    }
    Ok(())
}

fn all(model: &Model) -> BTreeSet<String> {
    let groups = model.view_groups().into_iter().map(|group| group.name);
    let targets = model
        .view_target_groups()
        .into_iter()
        .map(|group| group.arn);
    let images = model.view_images().into_iter().map(|image| image.id);
    let balancers = model
        .view_balancers()
        .into_iter()
        .map(|balancer| balancer.arn);
    let security = model
        .view_security_groups()
        .into_iter()
        .map(|group| group.id);
    groups
        .chain(targets)
        .chain(images)
        .chain(balancers)
        .chain(security)
        .collect()
}

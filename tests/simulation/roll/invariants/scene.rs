//! What the model shows at one moment, looked up once.

use std::collections::{BTreeMap, BTreeSet};

use localcloud::model::Model;
use localcloud::model::view::{
    AlarmView, GroupView, ListenerView, RuleView, TargetGroupView, TargetView, TemplateView,
};

use crate::simulation::roll::world::TEST_PORT;

pub struct Scene {
    pub groups: Vec<GroupView>,
    pub targets: Vec<TargetGroupView>,
    pub listeners: Vec<ListenerView>,
    pub templates: Vec<TemplateView>,
    pub alarms: Vec<AlarmView>,
    /// The rules that carry the service's requests.
    pub production: Vec<RuleView>,
    /// No load balancer leads to the service: a machine serves when it is in service.
    pub alone: bool,
}

/// A machine and its zone.
pub type Machine = (String, String);

impl Scene {
    pub fn of(model: &Model) -> Self {
        let (targets, listeners) = (model.view_target_groups(), model.view_listeners());
        let own: BTreeSet<&String> = (targets.iter())
            .filter(|group| group.name.starts_with("web-"))
            .map(|group| &group.arn)
            .collect();
        // Before a roll has tagged it, a test listener is told by its port.
        let of_users = |listener: &&ListenerView| {
            listener.port != TEST_PORT && !listener.tags.contains_key("kiln:rule")
        };
        let rules = listeners.iter().filter(of_users);
        let rules = rules.flat_map(|listener| &listener.rules);
        let leads = |rule: &&RuleView| {
            let leads = rule.forwards.iter().any(|(arn, _)| own.contains(arn));
            leads && !rule.tags.contains_key("kiln:rule")
        };
        let mut production: Vec<RuleView> = rules.filter(leads).cloned().collect();
        let answers = answers(model, &listeners);
        if !answers.is_empty() {
            production = answers;
        }
        Self {
            alone: own.is_empty(),
            production,
            groups: model.view_groups(),
            templates: model.view_templates(),
            alarms: model.view_alarms(),
            targets,
            listeners,
        }
    }

    pub fn group(&self, name: &str) -> Option<&GroupView> {
        self.groups.iter().find(|group| group.name == name)
    }

    pub fn target_group(&self, arn: &str) -> Option<&TargetGroupView> {
        self.targets.iter().find(|group| group.arn == arn)
    }

    /// Whether some rule lets be known how its machines are; without a load balancer their group knows.
    pub fn is_asked(&self, group: &GroupView) -> bool {
        let rules = self.listeners.iter().flat_map(|listener| &listener.rules);
        let mut named = rules.flat_map(|rule| &rule.forwards);
        self.alone || named.any(|(arn, _)| group.target_groups.contains(arn))
    }

    /// The group that a machine is a member of.
    pub fn group_of(&self, instance: &str) -> Option<&GroupView> {
        let is = |group: &&GroupView| group.members.iter().any(|one| one.instance == instance);
        self.groups.iter().find(is)
    }

    /// Groups with machines behind a production rule that gives them requests.
    pub fn serving(&self) -> Vec<&GroupView> {
        if self.alone {
            let groups = self.own();
            return groups.filter(|group| !is_next(group)).collect();
        }
        let arns: BTreeSet<&String> = (self.production.iter())
            .flat_map(|rule| &rule.forwards)
            .filter(|(_, weight)| *weight > 0)
            .map(|(arn, _)| arn)
            .collect();
        let behind = |group: &&GroupView| group.target_groups.iter().any(|arn| arns.contains(arn));
        self.groups
            .iter()
            .filter(|group| behind(group) && !group.members.is_empty())
            .collect()
    }

    /// The youngest live group of a service without a load balancer.
    pub fn office(&self) -> Option<&GroupView> {
        let is_live = |group: &&GroupView| {
            let state = group.tags.get("kiln:state").map(String::as_str);
            state.is_none_or(|state| state == "live")
        };
        let live = self.own().filter(is_live);
        live.max_by_key(|group| &group.name).filter(|_| self.alone)
    }

    /// Groups of a service without a load balancer that have machines.
    fn own(&self) -> impl Iterator<Item = &GroupView> {
        let own = self.groups.iter().filter(|group| !is_again(group));
        own.filter(|group| group.name.starts_with("web-") && !group.members.is_empty())
    }

    /// Healthy machines behind a target group.
    pub fn healthy(&self, arn: &str) -> impl Iterator<Item = Machine> + '_ {
        let targets = self.target_group(arn).into_iter();
        let targets = targets
            .flat_map(|group| &group.targets)
            .filter(|one| is_healthy(one));
        targets.map(|target| {
            let zone = target.zone.clone().unwrap_or_default();
            (target.instance.clone(), zone)
        })
    }

    /// What is written when a rule is: it, its listener, or records.
    pub fn place<'s>(&'s self, rule: &'s RuleView) -> &'s str {
        if let Some((record, _)) = rule.arn.split_once(OLDER) {
            return record;
        }
        let has = |listener: &&ListenerView| listener.rules.iter().any(|one| one.arn == rule.arn);
        let listener = self
            .listeners
            .iter()
            .find(has)
            .filter(|_| rule.priority.is_none());
        listener.map_or(&rule.arn, |listener| &listener.arn)
    }

    /// Healthy machines behind a rule.
    pub fn behind(&self, rule: &RuleView) -> BTreeSet<Machine> {
        let weighted = rule.forwards.iter().filter(|(_, weight)| *weight > 0);
        weighted.flat_map(|(arn, _)| self.healthy(arn)).collect()
    }

    /// Healthy machines behind all production rules.
    pub fn produced(&self) -> BTreeSet<Machine> {
        if self.alone {
            // One that is not in office yet may be taken away again.
            let old = self.own().filter(|group| !is_next(group));
            let members = old.flat_map(|group| &group.members);
            let there = members.filter(|one| one.state == "InService");
            return there
                .map(|one| (one.instance.clone(), one.zone.clone()))
                .collect();
        }
        let rules = self.production.iter();
        rules.flat_map(|rule| self.behind(rule)).collect()
    }

    /// How many machines of a group some rule lets know to be healthy.
    pub fn healthy_of(&self, group: &GroupView) -> usize {
        self.known_of(group).len()
    }

    /// Those machines.
    pub fn known_of<'g>(&self, group: &'g GroupView) -> BTreeSet<&'g String> {
        let targets = self.targets.iter().flat_map(|group| &group.targets);
        let healthy: BTreeSet<&String> = targets
            .filter(|target| is_healthy(target))
            .map(|target| &target.instance)
            .collect();
        let members = group.members.iter();
        let known = members.filter(|one| {
            let is_there = self.alone && one.state == "InService";
            is_there || healthy.contains(&one.instance)
        });
        known.map(|one| &one.instance).collect()
    }

    /// What the production rules do.
    pub fn written(&self) -> Vec<Vec<(String, u32)>> {
        let rules = self.production.iter();
        rules.map(|rule| shares(&rule.forwards)).collect()
    }
}

/// Before the number of an answer that somebody may still go by.
const OLDER: char = '#';

/// Which rule, or name, an answer is of.
pub fn newest(arn: &str) -> &str {
    arn.split(OLDER).next().unwrap_or(arn)
}

/// Where records of DNS choose between load balancers: every answer that some client may go by, as a rule that leads to target groups.
fn answers(model: &Model, listeners: &[ListenerView]) -> Vec<RuleView> {
    let balancers = model.view_balancers();
    let front = |host: &str| {
        let balancer = balancers.iter().find(|one| one.dns_name == host)?;
        let mut own = listeners.iter().filter(|one| one.balancer == balancer.arn);
        own.find_map(|listener| listener.rules.last())
    };
    let mut all = Vec::new();
    for zone in model.view_zones() {
        let mut names: Vec<_> = (model.view_records(&zone.id).into_iter())
            .filter(|record| record.weighted.is_some() && record.name.starts_with("www."))
            .map(|record| (record.name, record.kind))
            .collect();
        names.dedup();
        for (name, kind) in names {
            let answers = model.view_answers(&zone.id, &name, &kind, model.view_now());
            let count = answers.len();
            for (index, answer) in answers.into_iter().enumerate() {
                let pointers = answer.pointers.iter();
                let forwards = pointers.filter_map(|one| {
                    let target_group = front(&one.host)?.forwards.first()?.0.clone();
                    Some((target_group, u32::try_from(one.weight).ok()?))
                });
                let reached = answer.reached().filter_map(|one| front(&one.host));
                let reach = reached.flat_map(|rule| rule.reach.clone()).collect();
                let mut arn = format!("record {} ({kind})", name.trim_end_matches('.'));
                if index + 1 < count {
                    arn = format!("{arn}{OLDER}{index}");
                }
                all.push(RuleView {
                    arn,
                    priority: None,
                    conditions: String::new(),
                    forwards: forwards.collect(),
                    reach,
                    tags: std::collections::BTreeMap::new(),
                });
            }
        }
    }
    all
}

/// The tag by which a tool knows the group that it has made again. A copy of the group has it with another's name.
pub const AGAIN: &str = "tool:group";

/// Whether others have made the group when kiln had deleted it: it is no part of the service, whatever its tags say.
pub fn is_again(group: &GroupView) -> bool {
    group.tags.get(AGAIN) == Some(&group.name)
}

pub fn is_next(group: &GroupView) -> bool {
    group
        .tags
        .get("kiln:state")
        .is_some_and(|state| state == "next")
}

fn is_healthy(target: &TargetView) -> bool {
    target.state == "healthy"
}

/// Shares in the order of their target groups. One alone has all of it, whatever its weight.
pub fn shares(forwards: &[(String, u32)]) -> Vec<(String, u32)> {
    let mut shares = forwards.to_vec();
    shares.sort();
    if let [(_, weight)] = shares.as_mut_slice() {
        *weight = 1;
    }
    shares
}

/// How many machines are in each zone.
pub fn zones<'a>(machines: impl IntoIterator<Item = &'a Machine>) -> BTreeMap<String, usize> {
    let mut zones = BTreeMap::new();
    for (_, zone) in machines {
        *zones.entry(zone.clone()).or_default() += 1;
    }
    zones
}

/// The image of every instance.
pub fn images(model: &Model) -> BTreeMap<String, String> {
    let instances = model.view_instances().into_iter();
    instances
        .map(|instance| (instance.id, instance.image))
        .collect()
}

/// The rules that carry the service's requests: those that lead to its target groups and are no probes.
/// Of records, what they say now.
pub fn production(model: &Model) -> Vec<RuleView> {
    let mut production = Scene::of(model).production;
    production.retain(|rule| !rule.arn.contains(OLDER));
    production
}

/// The group in office of a service without a load balancer.
pub fn office(model: &Model) -> Option<GroupView> {
    Scene::of(model).office().cloned()
}

/// Machines in service of live groups, by what `runs` on them, or else by their images.
pub fn in_office<'a>(
    model: &Model,
    runs: impl Fn(&str) -> Option<&'a str>,
) -> BTreeMap<String, usize> {
    let live = model.view_groups().into_iter();
    let live = live.filter(|group| group.tags.get("kiln:state").is_some_and(|is| is == "live"));
    let mut count = BTreeMap::new();
    for member in live.flat_map(|group| group.members) {
        if member.state == "InService" {
            let image = runs(&member.instance).map(ToOwned::to_owned);
            *count.entry(image.unwrap_or(member.image)).or_default() += 1;
        }
    }
    count
}

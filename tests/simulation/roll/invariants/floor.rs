//! I1 and I2: healthy capacity behind the production rule, in the whole, in each zone, and for each share of the requests.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use localcloud::model::view::{GroupView, RuleView};

use super::scene::{Machine, Scene, zones};

/// What has served for so long is what the service has: a roll has looked at it since.
const SETTLED: SignedDuration = SignedDuration::from_secs(60);

/// What must be there.
#[derive(Default)]
pub struct Floor {
    /// Healthy machines behind the production rule.
    need: usize,
    /// And in each zone.
    zones: BTreeMap<String, usize>,
    /// Machines that somebody else has harmed, and that have not been made up for.
    harmed: BTreeMap<String, Harm>,
    /// Images whose machines are sick by themselves.
    spoilt: BTreeSet<String>,
    /// Since when each machine behind production has been healthy.
    since: BTreeMap<String, Timestamp>,
}

struct Harm {
    group: String,
    zone: String,
    /// It was seen not to be healthy, so that from then on a whole service has made up for it.
    down: bool,
    /// It gets well and sick again until it is gone.
    lasting: bool,
}

impl Floor {
    pub fn of(scene: &Scene) -> Self {
        let healthy = scene.produced();
        let is_next = |(id, _): &&Machine| {
            let group = scene.group_of(id);
            group.is_some_and(|group| group.tags.get("kiln:state").is_some_and(|is| is == "next"))
        };
        let (fresh, old): (Vec<_>, Vec<_>) = healthy.iter().partition(is_next);
        // What a canary has put beside is no floor.
        let healthy = if old.is_empty() { fresh } else { old };
        let mut floor = Self {
            need: healthy.len(),
            zones: zones(healthy.iter().copied()),
            ..Self::default()
        };
        floor.even(scene);
        floor
    }

    pub fn need(&self) -> usize {
        self.need
    }

    /// Groups spread their machines, but nobody says which zone gets the one that is over.
    fn even(&mut self, scene: &Scene) {
        let serving = scene.serving();
        let zones = serving.iter().map(|group| group.zones.len()).max();
        let most = self.need / zones.unwrap_or(1).max(1);
        for count in self.zones.values_mut() {
            *count = (*count).min(most);
        }
    }

    pub fn harmed(&mut self, scene: &Scene, instance: &str, lasting: bool) {
        let Some(group) = scene.group_of(instance) else {
            return;
        };
        let member = group.members.iter().find(|one| one.instance == instance);
        let harm = Harm {
            group: group.name.clone(),
            zone: member.map(|one| one.zone.clone()).unwrap_or_default(),
            down: false,
            lasting,
        };
        self.harmed.insert(instance.to_owned(), harm);
    }

    pub fn spoilt(&mut self, image: &str) {
        self.spoilt.insert(image.to_owned());
    }

    /// Somebody else has written: less than what serves now, and what it wants from now on, nobody can ask for.
    pub fn rewritten(&mut self, scene: &Scene) {
        let serving = scene.serving();
        let wanted: usize = serving.iter().map(|group| desired(group)).sum();
        let healthy = scene.produced();
        self.need = self.need.min(wanted).min(healthy.len() + self.harmed.len());
        let there = zones(&healthy);
        for (zone, count) in &mut self.zones {
            let harmed = self.harmed.values().filter(|harm| harm.zone == *zone);
            *count = (*count).min(there.get(zone).copied().unwrap_or_default() + harmed.count());
        }
        self.even(scene);
    }

    /// How many machines of the groups are missing through no fault of kiln's.
    pub fn excused(&self, is: impl Fn(&str) -> bool) -> usize {
        self.harmed.values().filter(|harm| is(&harm.group)).count()
    }

    pub fn is_spoilt(&self, group: &GroupView) -> bool {
        let mut members = group.members.iter();
        members.any(|one| self.spoilt.contains(&one.image))
    }

    pub fn check(&mut self, scene: &Scene, now: Timestamp) -> Result<(), String> {
        let serving = scene.serving();
        let healthy = scene.produced();
        self.note(scene, &healthy, now);
        let names: BTreeSet<&str> = serving.iter().map(|group| group.name.as_str()).collect();
        // A group that is gone was harmed too, if its machines were.
        let counts = |name: &str| names.contains(name) || scene.group(name).is_none();
        let excused = self.excused(counts);
        let spoilt = serving.iter().any(|group| self.is_spoilt(group));
        for rule in &scene.production {
            let behind = scene.behind(rule);
            if behind.is_empty() && !spoilt && excused < self.need.max(1) {
                let targets = &scene.targets;
                let rule = &rule.arn;
                return Err(format!(
                    "I2: {rule} leads only to what is not healthy: {targets:#?}"
                ));
            }
            if !spoilt {
                self.shares_fit(scene, rule, excused)?;
            }
        }
        let whole = self.is_whole(&healthy);
        if spoilt {
            return Ok(());
        }
        if let Err(broken) = &whole
            && healthy.len() + excused < self.need
        {
            return Err(format!("I1: {broken}"));
        }
        for (zone, count) in &self.zones {
            let there = healthy.iter().filter(|(_, one)| one == zone).count();
            let mut harmed = self.harmed.values();
            let excused = harmed.any(|harm| counts(&harm.group));
            if there < *count && !excused {
                return Err(format!("I1: {there} of {count} healthy in {zone}"));
            }
        }
        let mut rules = scene.production.iter();
        if whole.is_ok() && rules.all(|rule| self.shares_fit(scene, rule, 0).is_ok()) {
            self.harmed.retain(|_, harm| harm.lasting || !harm.down);
        }
        Ok(())
    }

    fn is_whole(&self, healthy: &BTreeSet<Machine>) -> Result<(), String> {
        let (there, need) = (healthy.len(), self.need);
        if there < need {
            return Err(format!(
                "{there} of {need} healthy behind the production rule"
            ));
        }
        let by_zone = zones(healthy);
        for (zone, count) in &self.zones {
            let there = by_zone.get(zone).copied().unwrap_or_default();
            if there < *count {
                return Err(format!("{there} of {count} healthy in {zone}"));
            }
        }
        Ok(())
    }

    /// Follows what serves, and what becomes of harmed machines.
    fn note(&mut self, scene: &Scene, healthy: &BTreeSet<Machine>, now: Timestamp) {
        self.since
            .retain(|id, _| healthy.iter().any(|(one, _)| one == id));
        for (id, _) in healthy {
            self.since.entry(id.clone()).or_insert(now);
        }
        for (id, harm) in &mut self.harmed {
            harm.down |= !self.since.contains_key(id);
            harm.lasting &= scene.group_of(id).is_some();
        }
        if let [alone] = scene.serving()[..] {
            let settled = |since: &&Timestamp| now.duration_since(**since) >= SETTLED;
            let settled = self.since.values().filter(settled).count();
            self.need = self.need.max(settled.min(desired(alone)));
        }
    }

    /// A target group is never asked for a larger share of the requests than it has of the machines that must be there.
    fn shares_fit(&self, scene: &Scene, rule: &RuleView, excused: usize) -> Result<(), String> {
        let all: u32 = rule.forwards.iter().map(|(_, weight)| *weight).sum();
        for (arn, weight) in &rule.forwards {
            let share = |of: usize| (of * *weight as usize).div_ceil(all.max(1) as usize);
            let there: Vec<Machine> = scene.healthy(arn).collect();
            if there.len() + excused < share(self.need) {
                let (there, asked) = (there.len(), share(self.need));
                return Err(format!(
                    "I1: {there} machines of {arn} carry what {asked} must, {weight} of {all}"
                ));
            }
            let by_zone = zones(&there);
            for (zone, floor) in self.zones.iter().filter(|_| excused == 0) {
                let there = by_zone.get(zone).copied().unwrap_or_default();
                if there < share(*floor) {
                    return Err(format!(
                        "I1: {there} machines of {arn} in {zone} carry {weight} of {all} of what {floor} must"
                    ));
                }
            }
        }
        Ok(())
    }
}

fn desired(group: &GroupView) -> usize {
    usize::try_from(group.desired).unwrap_or_default()
}

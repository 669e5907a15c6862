//! I1 and I2: healthy capacity behind the production rule, in the whole, in each zone, and for each share of the requests.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use localcloud::model::view::{GroupView, RuleView};

use super::scene::{Machine, Scene, newest, zones};

/// What has served for so long is what the service has: a roll has looked at it since.
const SETTLED: SignedDuration = SignedDuration::from_secs(60);

/// What was healthy so lately may have been seen so.
pub const LATELY: SignedDuration = SignedDuration::from_secs(20);

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
    /// Those of them whose machines are well for a while first.
    mortal: BTreeSet<String>,
    /// Since when each machine behind production has been healthy.
    since: BTreeMap<String, Timestamp>,
    /// When each target group last had a healthy machine.
    well: BTreeMap<String, Timestamp>,
    /// What each production rule did when it was last looked at.
    led: BTreeMap<String, Vec<(String, u32)>>,
    /// Rules that led to no healthy machine when they were found, and where to.
    bare: BTreeMap<String, BTreeSet<String>>,
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
        let mut healthy = scene.produced();
        if let Some(live) = scene.office() {
            // Of a rollback or a roll that died between its words for two groups, both may be there.
            let of = |id: &String| {
                scene
                    .group_of(id)
                    .is_some_and(|group| group.name == live.name)
            };
            healthy.retain(|(id, _)| of(id));
        }
        let is_coming = |(id, _): &&Machine| {
            let group = scene.group_of(id);
            group.is_some_and(|group| {
                let is_next = group.tags.get("kiln:state").is_some_and(|is| is == "next");
                is_next || group.tags.contains_key("kiln:back") && scene.serving().len() > 1
            })
        };
        let (fresh, old): (Vec<_>, Vec<_>) = healthy.iter().partition(is_coming);
        // What a canary, or a rollback that died between two rules, has put beside is no floor.
        let healthy = if old.is_empty() { fresh } else { old };
        let mut floor = Self {
            need: healthy.len(),
            zones: zones(healthy.iter().copied()),
            ..Self::default()
        };
        floor.even(scene);
        floor.lead(scene);
        let rules = scene.production.iter();
        let bare = rules.filter(|rule| scene.behind(rule).is_empty());
        floor.bare = bare
            .map(|rule| (newest(&rule.arn).to_owned(), led_to(rule)))
            .collect();
        floor
    }

    /// Takes what rules do for given.
    fn lead(&mut self, scene: &Scene) {
        let rules = scene.production.iter();
        let led = rules.map(|rule| (rule.arn.clone(), rule.forwards.clone()));
        self.led = led.collect();
    }

    /// No write gives more requests to a target group of which nothing has been healthy, however its machines came to be sick.
    fn leads_to_health(&mut self, scene: &Scene, now: Timestamp) -> Result<(), String> {
        for target_group in &scene.targets {
            if scene.healthy(&target_group.arn).next().is_some() {
                self.well.insert(target_group.arn.clone(), now);
            }
        }
        // An older answer was the newest once, and is no write.
        let is_newest = |rule: &&RuleView| newest(&rule.arn) == rule.arn;
        for rule in scene.production.iter().filter(is_newest) {
            for (arn, weight) in &rule.forwards {
                let led = self.led.get(&rule.arn).map_or(&[][..], Vec::as_slice);
                let before = led.iter().find(|(led, _)| led == arn);
                let before = before.map_or(0, |(_, weight)| *weight);
                // Of all, since one target group alone has any weight.
                let more = weight * all(led) > before * all(&rule.forwards);
                if (more || before == 0 && *weight > 0) && !self.is_well(arn, now) {
                    return Err(format!(
                        "I2: {} is led to {arn}, which is not healthy",
                        rule.arn
                    ));
                }
            }
        }
        self.lead(scene);
        Ok(())
    }

    /// Whether a rule, or an answer that somebody still goes by, leads to no healthy machine as it was found.
    fn is_bare(&self, rule: &RuleView) -> bool {
        self.bare.get(newest(&rule.arn)) == Some(&led_to(rule))
    }

    fn is_well(&self, target_group: &str, now: Timestamp) -> bool {
        let well = self.well.get(target_group);
        let lately = well.is_some_and(|well| now.duration_since(*well) <= LATELY);
        lately || self.excused(|_| true) >= self.need.max(1)
    }

    /// I2 again, for a roll that says that it is done: what it leads to is not sick, whatever its image. One whose machines die
    /// by themselves was well while the checks looked; it may die behind them, while the low alarms are waited for.
    pub fn serves(&self, scene: &Scene, now: Timestamp) -> Result<(), String> {
        // An older answer may still lead where it was found to lead.
        let now_led = |rule: &&RuleView| newest(&rule.arn) == rule.arn || !self.is_bare(rule);
        let rules = scene.production.iter().filter(now_led);
        let shares = rules.flat_map(|rule| &rule.forwards);
        for (arn, _) in shares.filter(|(_, weight)| *weight > 0) {
            // Nothing may have happened for a while.
            let was_well = self.well.contains_key(arn) && self.is_mortal(scene, arn);
            if scene.healthy(arn).next().is_none() && !self.is_well(arn, now) && !was_well {
                return Err(format!("done, and {arn} is not healthy"));
            }
        }
        Ok(())
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

    /// Machines are replaced in place, so many of them started ahead of those that go. Auto Scaling says which goes first, and
    /// that may be one of a zone whose new one is not ready yet: but for one, all may be elsewhere.
    pub fn ahead(&mut self, machines: usize) {
        for count in self.zones.values_mut() {
            *count = count.saturating_sub(machines.saturating_sub(1));
        }
    }

    /// From now on zones may have fewer than they had.
    pub fn spread_no_more(&mut self) {
        self.zones.clear();
    }

    pub fn spoilt(&mut self, image: &str, dies: bool) {
        self.spoilt.insert(image.to_owned());
        if dies {
            self.mortal.insert(image.to_owned());
        }
    }

    fn is_mortal(&self, scene: &Scene, target_group: &String) -> bool {
        let groups = scene.groups.iter();
        let behind = groups.filter(|group| group.target_groups.contains(target_group));
        let mut members = behind.flat_map(|group| &group.members);
        members.any(|one| self.mortal.contains(&one.image))
    }

    /// Machines of a group that are not healthy yet: one that is made smaller may keep these.
    pub fn coming(&self, scene: &Scene, group: &GroupView) -> usize {
        let healthy = scene.known_of(group);
        let coming = group.members.iter().filter(|one| {
            let is_there = matches!(one.state, "Pending" | "InService");
            is_there && !healthy.contains(&one.instance) && !self.harmed.contains_key(&one.instance)
        });
        coming.count()
    }

    /// Somebody else has written: less than what serves now, and what it wants from now on, nobody can ask for.
    pub fn rewritten(&mut self, scene: &Scene) {
        let serving = scene.serving();
        let wanted: usize = serving.iter().map(|group| desired(group)).sum();
        let healthy = scene.produced();
        let coming: usize = serving.iter().map(|group| self.coming(scene, group)).sum();
        let wanted = wanted.saturating_sub(coming);
        self.need = self.need.min(wanted).min(healthy.len() + self.harmed.len());
        let there = zones(&healthy);
        for (zone, count) in &mut self.zones {
            let harmed = self.harmed.values().filter(|harm| harm.zone == *zone);
            *count = (*count).min(there.get(zone).copied().unwrap_or_default() + harmed.count());
        }
        self.even(scene);
        self.lead(scene);
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
        self.leads_to_health(scene, now)?;
        let names: BTreeSet<&str> = serving.iter().map(|group| group.name.as_str()).collect();
        // A group that is gone, or has none left, was harmed too, if its machines were.
        let counts = |name: &str| {
            let group = scene.group(name);
            names.contains(name) || group.is_none_or(|group| group.members.is_empty())
        };
        let excused = self.excused(counts);
        let spoilt = serving.iter().any(|group| self.is_spoilt(group));
        for rule in scene.production.iter().filter(|rule| !self.is_bare(rule)) {
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
            // Of several that serve, one may still miss what the others make up for.
            let is_back = |harm: &Harm| {
                let group = scene.group(&harm.group);
                group.is_none_or(|group| {
                    let healthy = scene.healthy_of(group);
                    // One that somebody has made smaller may still end the healthy ones, and keep those that are not.
                    healthy >= desired(group) && group.members.len() <= desired(group)
                })
            };
            self.harmed
                .retain(|_, harm| harm.lasting || !harm.down || !is_back(harm));
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
        // What has all of the traffic and is not proven gives it back to a group that is as large as it was.
        if let [alone] = scene.serving()[..]
            && alone.tags.get("kiln:state").is_none_or(|is| is != "next")
        {
            let settled = |since: &&Timestamp| now.duration_since(**since) >= SETTLED;
            let settled = self.since.values().filter(settled).count();
            // One that is being made smaller may keep those that have only come.
            let lasting = desired(alone).saturating_sub(self.coming(scene, alone));
            self.need = self.need.max(settled.min(lasting));
        }
    }

    /// A target group is never asked for a larger share of the requests than it has of the machines that must be there.
    fn shares_fit(&self, scene: &Scene, rule: &RuleView, excused: usize) -> Result<(), String> {
        let all = all(&rule.forwards);
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

/// The target groups that a rule gives requests to.
fn led_to(rule: &RuleView) -> BTreeSet<String> {
    let shares = rule.forwards.iter().filter(|(_, weight)| *weight > 0);
    shares.map(|(arn, _)| arn.clone()).collect()
}

fn all(forwards: &[(String, u32)]) -> u32 {
    forwards.iter().map(|(_, weight)| *weight).sum()
}

fn desired(group: &GroupView) -> usize {
    usize::try_from(group.desired).unwrap_or_default()
}

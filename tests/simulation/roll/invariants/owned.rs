//! I6: nothing in use goes, nor anything that kiln did not make. The first half of I8: nothing is there twice.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use localcloud::model::Model;
use localcloud::model::view::GroupView;

use super::floor::LATELY;
use super::scene::{Scene, is_again};

/// The tag of volumes that hold a service's data, which outlive their machines.
pub const DATA: &str = "web:data";

/// Things that carry no tag of kiln's.
#[derive(Default)]
pub struct Others {
    there: BTreeSet<String>,
    /// Volumes that hold data.
    data: BTreeSet<String>,
    /// Groups that others have made again, and when.
    again: BTreeMap<String, Timestamp>,
    /// Those of them whose version went as they came: whoever deletes one has looked for its users a moment before.
    late: BTreeSet<String>,
}

impl Others {
    pub fn of(model: &Model) -> Self {
        let mut others = Self::default();
        others.also(model, &Scene::of(model));
        others
    }

    /// Those that are there by now, too.
    pub fn also(&mut self, model: &Model, scene: &Scene) {
        let ours = |tags: &BTreeMap<String, String>| tags.contains_key("kiln:made-by");
        self.there = all(model, scene, ours);
        self.data = data(model);
    }

    pub fn check(&mut self, model: &Model, scene: &Scene, now: Timestamp) -> Result<(), String> {
        let all = all(model, scene, |_| false);
        if let Some(gone) = self.there.iter().find(|id| !all.contains(*id)) {
            return Err(format!("I6: {gone} was not kiln's to delete"));
        }
        // Most services have none, and there are as many volumes as machines.
        if !self.data.is_empty()
            && let Some(gone) = self.data.difference(&data(model)).next()
        {
            return Err(format!("I6: {gone} holds the service's data"));
        }
        let again: BTreeSet<&String> = (scene.groups.iter())
            .filter(|group| is_again(group) && !group.deleting)
            .map(|group| &group.name)
            .collect();
        self.again.retain(|name, _| again.contains(name));
        self.late.retain(|name| again.contains(name));
        for name in again {
            self.again.entry(name.clone()).or_insert(now);
        }
        self.used_versions_are_there(scene, now)
    }

    fn used_versions_are_there(&mut self, scene: &Scene, now: Timestamp) -> Result<(), String> {
        for group in scene.groups.iter().filter(|group| !group.deleting) {
            let Some((id, version)) = missing(scene, group) else {
                continue;
            };
            let name = &group.name;
            let made = self.again.get(name);
            if made.is_some_and(|made| now.duration_since(*made) <= LATELY) {
                self.late.insert(name.clone());
            }
            if !self.late.contains(name) {
                return Err(format!(
                    "I6: {name} starts from {id} {version}, which is gone"
                ));
            }
        }
        Ok(())
    }
}

fn data(model: &Model) -> BTreeSet<String> {
    let volumes = model.view_volumes().into_iter();
    let data = volumes.filter(|volume| volume.tags.contains_key(DATA));
    data.map(|volume| volume.id).collect()
}

/// The names of all things but those that `but` says, by their tags.
fn all(
    model: &Model,
    scene: &Scene,
    but: impl Fn(&BTreeMap<String, String>) -> bool,
) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut add = |tags: &BTreeMap<String, String>, name: String| {
        if !but(tags) {
            all.insert(name);
        }
    };
    // One that is being deleted is as good as gone.
    for group in scene.groups.iter().filter(|group| !group.deleting) {
        add(&group.tags, group.name.clone());
    }
    for group in &scene.targets {
        add(&group.tags, group.arn.clone());
    }
    for listener in &scene.listeners {
        for rule in &listener.rules {
            add(&rule.tags, rule.arn.clone());
        }
        add(&listener.tags, listener.arn.clone());
    }
    for template in &scene.templates {
        let first = template.versions.keys().next();
        add(&template.tags, format!("{} {first:?}", template.id));
    }
    for image in model.view_images() {
        add(&image.tags, image.id);
    }
    for snapshot in model.view_snapshots() {
        add(&snapshot.tags, snapshot.id);
    }
    for balancer in model.view_balancers() {
        add(&balancer.tags, balancer.arn);
    }
    // Those that do nothing but set off policies go with their group, by AWS's own hand.
    let sets_off = |action: &String| action.contains(":scalingPolicy:");
    for alarm in &scene.alarms {
        if !alarm.actions.iter().all(sets_off) {
            add(&alarm.tags, format!("alarm {}", alarm.name));
        }
    }
    for group in model.view_security_groups() {
        add(&group.tags, group.id);
    }
    all
}

/// The template and the version that a group starts from, where that is gone.
fn missing<'g>(scene: &Scene, group: &'g GroupView) -> Option<&'g (String, String)> {
    let of = group.template.as_ref()?;
    let (id, version) = of;
    let template = scene.templates.iter().find(|template| template.id == *id);
    let there = match (template, version.parse::<u64>()) {
        (Some(template), Ok(number)) => template.versions.contains_key(&number),
        (template, Err(_)) => template.is_some(),
        (None, _) => false,
    };
    (!there).then_some(of)
}

/// A run that is gone on with makes nothing a second time.
pub fn once(scene: &Scene) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for rule in scene.listeners.iter().flat_map(|listener| &listener.rules) {
        let Some(run) = rule.tags.get("kiln:run") else {
            continue;
        };
        // Of production rules a service may have several, each for other requests.
        let kind = rule.tags.get("kiln:rule").cloned();
        let kind = kind.unwrap_or_else(|| format!("{} {}", scene.place(rule), rule.conditions));
        if !seen.insert((run.clone(), kind.clone())) {
            return Err(format!("I8: run {run} has two rules of the kind `{kind}`"));
        }
    }
    for group in scene.groups.iter().filter(|group| !group.deleting) {
        let next = group
            .tags
            .get("kiln:state")
            .is_some_and(|state| state == "next");
        if next && !seen.insert(("next".to_owned(), String::new())) {
            return Err("I8: two groups are next".to_owned());
        }
    }
    Ok(())
}

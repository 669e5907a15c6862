//! I3: until another group is live, the previous one is whole, and as it was but for what its tags say is changed for a while.

use std::collections::BTreeSet;

use kiln::cloud::tag;
use kiln::undo::lease::{Leased, SCHEDULE};
use localcloud::model::view::GroupView;

use super::floor::Floor;
use super::scene::{Scene, is_again};

/// The group that serves when a roll begins.
pub struct Previous {
    was: GroupView,
    /// Healthy machines.
    count: usize,
    /// A live group that somebody else has taken out of traffic.
    left: Option<String>,
}

impl Previous {
    pub fn of(scene: &Scene, need: usize) -> Option<Self> {
        let serving = scene.serving().into_iter();
        let mut old = serving.filter(|group| state(group) != Some("next") && !is_again(group));
        // Machines of an emptied group may not have gone yet.
        let group = scene.office().or_else(|| old.next())?;
        Some(Self {
            was: asked(group),
            count: need.min(scene.healthy_of(group)),
            left: None,
        })
    }

    pub fn is_there(&self, scene: &Scene) -> bool {
        let group = scene.group(&self.was.name);
        group.is_some_and(|group| !group.deleting)
    }

    /// Whether another group has become the service's own.
    pub fn is_over(&self, scene: &Scene) -> bool {
        let mut groups = scene.groups.iter().filter(|group| !is_again(group));
        groups.any(|group| {
            let is_other = group.name != self.was.name && Some(&group.name) != self.left.as_ref();
            is_other && state(group) == Some("live")
        })
    }

    /// As somebody else wants it to be from now on: another one, where it was taken out of traffic.
    pub fn rewritten(self, scene: &Scene, floor: &Floor) -> Option<Self> {
        let group = scene.group(&self.was.name)?;
        if !scene.is_asked(group) {
            let name = self.was.name;
            return Some(Self {
                left: Some(name),
                ..Self::of(scene, floor.need())?
            });
        }
        let desired = usize::try_from(group.desired).unwrap_or_default();
        // What no rule names any more is not asked.
        // What kiln has changed for a while is to come back as it was.
        let (min, template) = (self.was.min, self.was.template);
        let mut was = asked(group);
        if group.tags.contains_key(Leased::MinSize.tag()) {
            was.min = min;
        }
        if group.tags.contains_key(Leased::Version.tag()) {
            was.template = template;
        }
        Some(Self {
            was,
            count: self
                .count
                .min(desired.saturating_sub(floor.coming(scene, group))),
            left: self.left,
        })
    }

    pub fn check(&self, scene: &Scene, floor: &Floor) -> Result<(), String> {
        if self.is_over(scene) {
            return Ok(());
        }
        let name = &self.was.name;
        let Some(group) = scene.group(name) else {
            return Err(format!("I3: {name} is gone before another group is live"));
        };
        let (healthy, count) = (scene.healthy_of(group), self.count);
        if healthy + floor.excused(|of| of == name) < count && !floor.is_spoilt(group) {
            return Err(format!(
                "I3: {healthy} of {count} machines of {name} are known to be healthy"
            ));
        }
        Ok(())
    }

    pub fn is_untouched(&self, scene: &Scene) -> Result<(), String> {
        let (was, name) = (&self.was, &self.was.name);
        let Some(group) = scene.group(name).filter(|_| !self.is_over(scene)) else {
            return Ok(());
        };
        let leased = |what: Leased| group.tags.contains_key(what.tag());
        let changed = |what: &str, was: &dyn std::fmt::Debug, is: &dyn std::fmt::Debug| {
            Err(format!("I3: {what} of {name} was {was:?} and is {is:?}"))
        };
        if group.desired < was.desired || group.max != was.max {
            return changed("size", &(was.desired, was.max), &(group.desired, group.max));
        }
        if group.min != was.min && !is_held(group) {
            return changed("minimum", &was.min, &group.min);
        }
        if group.template != was.template && !leased(Leased::Version) {
            return changed("template", &was.template, &group.template);
        }
        let of = |group: &GroupView| group.target_groups.iter().cloned().collect::<BTreeSet<_>>();
        if of(was) != of(group) {
            return changed("target groups", &was.target_groups, &group.target_groups);
        }
        let suspended = asked(group).suspended;
        if was.suspended != suspended {
            return changed("suspended processes", &was.suspended, &suspended);
        }
        Ok(())
    }

    /// Whether the group that has come after it has its warm pool, and its minimum unless a lease says that it is still held.
    pub fn is_inherited(&self, scene: &Scene) -> Result<(), String> {
        let (was, pool) = (self.was.min, &self.was.pool_is);
        let ours = scene.groups.iter().filter(|group| !is_again(group));
        let live = ours.filter(|group| state(group) == Some("live"));
        if let Some(group) = live.clone().find(|group| group.pool_is != *pool) {
            return Err(format!(
                "the warm pool of {} is {:?}, and {pool:?} it was before",
                group.name, group.pool_is
            ));
        }
        let mut live = live.filter(|group| {
            let held = [Leased::MinSize, Leased::LowAlarm];
            let mut held = held.iter().map(|what| what.tag());
            !held.any(|tag| group.tags.contains_key(tag))
        });
        match live.find(|group| group.min != was) {
            Some(group) => Err(format!(
                "the minimum of {} is {}, and {was} it was before",
                group.name, group.min
            )),
            None => Ok(()),
        }
    }

    /// Whether a finished run has given back what it had changed for a while. A group that is kept stays as it is held.
    pub fn is_given_back(&self, scene: &Scene) -> Result<(), String> {
        let group = scene.group(&self.was.name);
        let Some(group) = group.filter(|group| state(group) != Some("kept")) else {
            return Ok(());
        };
        // That hold stays behind the run that made it, and is the next one's to find.
        let mut group = group.clone();
        if group.tags.contains_key(Leased::LowAlarm.tag()) {
            group.min = asked(&group).min;
        }
        if group.min == self.was.min && group.template == self.was.template {
            return Ok(());
        }
        let of = |group: &GroupView| format!("{} from {:?}", group.min, group.template);
        let (was, is) = (of(&self.was), of(&group));
        Err(format!("{} had at least {was} and has {is}", group.name))
    }
}

/// The group as others want it: without what a lease, or the tag of an emptied one, says was changed for a while.
fn asked(group: &GroupView) -> GroupView {
    let mut asked = group.clone();
    let before = |what: Leased| {
        let text = group.tags.get(what.tag())?;
        text.split_whitespace().nth(2).map(ToOwned::to_owned)
    };
    let held = MINIMUM.into_iter().filter_map(|what| {
        let text = group.tags.get(what.tag())?;
        let words = text.split_whitespace().skip(2);
        words.map(|word| word.parse().ok()).collect()
    });
    let held: Vec<Vec<i64>> = held.collect();
    // What no lease names is somebody else's.
    let is_ours = held.iter().any(|held| held.contains(&group.min));
    let emptied = group.tags.get(tag::SIZE).map(String::as_str);
    let size = emptied.and_then(|size| size.split_whitespace().next()?.parse().ok());
    let lowest = held.first().and_then(|held| held.first().copied());
    if let Some(min) = lowest.filter(|_| is_ours).or(size) {
        asked.min = min;
    }
    if let Some(text) = group.tags.get(Leased::Processes.tag()) {
        let leased: BTreeSet<&str> = text.split_whitespace().skip(2).collect();
        asked
            .suspended
            .retain(|name| !leased.contains(name.as_str()));
    }
    // So does the tag of one that was emptied: its schedule goes on once it is filled again, whoever ends that rollback.
    let mut words = emptied.into_iter().flat_map(str::split_whitespace);
    if words.any(|word| word == tag::SCHEDULED) {
        asked.suspended.retain(|name| name != SCHEDULE);
    }
    if let (Some(followed), Some((_, version))) = (before(Leased::Version), &mut asked.template) {
        *version = match followed.as_str() {
            "latest" => "$Latest".to_owned(),
            _ => "$Default".to_owned(),
        };
    }
    asked
}

/// The leases that hold a minimum.
const MINIMUM: [Leased; 3] = [Leased::MinSize, Leased::GrownMin, Leased::LowAlarm];

/// Whether a tag says that the minimum is another one for a while: a lease, or the size of a group that is filled again.
fn is_held(group: &GroupView) -> bool {
    let mut tags = MINIMUM.iter().map(|what| what.tag());
    tags.any(|tag| group.tags.contains_key(tag)) || group.tags.contains_key(tag::SIZE)
}

fn state(group: &GroupView) -> Option<&str> {
    group.tags.get("kiln:state").map(String::as_str)
}

//! What a service file's alarm says counts: no group becomes the service's own while it has been red for long.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use localcloud::model::view::GroupView;

use super::scene::{Scene, is_next};

/// The alarm that rolls go by, where they go by one.
pub const ALARM: &str = "web-5xx";
/// Longer than a roll takes from its last look at it, with answers that are late or stale, to its point of no return.
const HEARD: SignedDuration = SignedDuration::from_secs(90);

#[derive(Default)]
pub struct Paged {
    red: Option<Timestamp>,
    /// Groups that are not proven.
    next: BTreeSet<String>,
}

impl Paged {
    /// `forward`: a roll is at work, and there is a group to go back to.
    pub fn check(&mut self, scene: &Scene, forward: bool, now: Timestamp) -> Result<(), String> {
        let mut alarms = scene.alarms.iter();
        let red = alarms.any(|alarm| alarm.name == ALARM && alarm.state == "ALARM");
        self.red = red.then(|| self.red.unwrap_or(now));
        let is_new = |group: &&GroupView| {
            let is_live = group.tags.get("kiln:state").is_some_and(|is| is == "live");
            is_live && self.next.contains(&group.name)
        };
        let new = scene.groups.iter().find(is_new);
        let long = self.red.filter(|red| now.duration_since(*red) > HEARD);
        if let (true, Some(group), Some(red)) = (forward, new, long) {
            let name = &group.name;
            return Err(format!(
                "alarm: {name} is put in office, and {ALARM} has been red since {red}"
            ));
        }
        let next = scene.groups.iter().filter(|group| is_next(group));
        self.next = next.map(|group| group.name.clone()).collect();
        Ok(())
    }
}

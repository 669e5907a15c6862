//! How a service without a load balancer stands, found from its name alone: tags say which group is in office.

use jiff::Timestamp;

use super::error::Error;
use super::health::status::of_members;
use super::status::{Serving, Status, Waiting};
use super::{address, doctor, drift, hold, names, office, refresh_back};
use crate::cloud::{Cloud, Group, Member, TargetHealth, tag};
use crate::undo::floor::{self, Floor};
use crate::undo::lease::Sizes;
use crate::undo::refresh::rolled;
use crate::undo::root::{Rerooting, rerooted};

/// A group with what is known of its machines.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub group: Group,
    pub health: Vec<TargetHealth>,
}

/// Where such a service stands.
#[derive(Clone, Debug)]
pub(super) struct Stand {
    pub live: Option<Known>,
    /// The group that was in office before.
    pub back: Option<Known>,
    /// The half-made group of a roll that runs or died.
    pub next: Option<Group>,
    pub hold: Option<String>,
}

/// Looks up where it stands; nothing where no group carries the service's name.
pub(super) async fn stand(
    cloud: &impl Cloud,
    service: &str,
    now: Timestamp,
) -> Result<Option<Stand>, Error> {
    let mut groups = cloud.groups().await?;
    groups.retain(|group| group.tag(tag::SERVICE) == Some(service));
    if groups.is_empty() {
        return Ok(None);
    }
    let live = office::in_office(service, &groups);
    let mut hold = groups.iter().map(|group| hold::in_force(&group.tags, now));
    Ok(Some(Stand {
        hold: hold.find_map(|hold| hold),
        live: known(live, cloud).await?,
        back: known(office::kept(service, &groups), cloud).await?,
        next: groups.iter().find(|group| names::is_next(group)).cloned(),
    }))
}

async fn known(group: Option<&Group>, cloud: &impl Cloud) -> Result<Option<Known>, Error> {
    let Some(group) = group else {
        return Ok(None);
    };
    Ok(Some(Known {
        health: of_members(group, cloud).await?,
        group: group.clone(),
    }))
}

impl Known {
    /// Its machines that are in service and pass EC2's checks.
    fn healthy(&self) -> Vec<&Member> {
        floor::healthy(&self.group, &self.health)
    }

    fn serving(&self) -> Serving {
        Serving {
            group: self.group.name.clone(),
            target_group: None,
            image: self.group.tag(tag::IMAGE).map(ToOwned::to_owned),
            healthy: self.healthy().len(),
            desired: self.group.size.desired,
            warm_pool: Waiting::of(&self.group),
        }
    }
}

impl Stand {
    /// How many machines a group needs to be no worse than the one in office, one at the least.
    fn wanted(&self) -> u32 {
        let wanted = |live: &Known| {
            let healthy = u32::try_from(live.healthy().len()).unwrap_or(u32::MAX);
            live.group.size.desired.max(healthy)
        };
        self.live.as_ref().map_or(1, wanted).max(1)
    }

    /// What a kept group must have healthy to be no worse than the one in office, as far as it may grow.
    pub fn floor(&self, of: &Group) -> Floor {
        let count = self.wanted().min(Sizes::largest(of)).max(1);
        let serving = self.live.as_ref().map(Known::healthy).unwrap_or_default();
        Floor::even(count, &of.zones).lowered_to(&serving)
    }

    /// How many machines the kept group must have before it is in office again, where it is short of them.
    fn waits_for(&self) -> Option<u32> {
        let back = self.back.as_ref()?;
        // Machines of a group that has just been emptied may not have gone yet.
        let is_short = back.group.size.desired < self.wanted()
            || self.floor(&back.group).lack(&back.healthy()).is_some();
        is_short.then(|| self.wanted())
    }

    /// Why one cannot go back now; empty when one can.
    pub fn not_ready(&self) -> Vec<String> {
        let Some(live) = &self.live else {
            return vec!["no group is in office".to_owned()];
        };
        if rolled(&live.group).is_some() {
            let is_back = refresh_back::is_back(&live.group, self.hold.as_deref());
            return is_back.into_iter().collect();
        }
        if rerooted(&live.group).is_some() || Rerooting::of(&live.group).is_some() {
            return Vec::new();
        }
        let Some(back) = &self.back else {
            return vec!["no previous group is kept".to_owned()];
        };
        let (name, count) = (&back.group.name, self.wanted());
        let most = Sizes::largest(&back.group);
        let mut reasons = Vec::new();
        if let Some(hold) = self
            .hold
            .as_deref()
            .filter(|hold| is_from(hold, name.as_str()))
        {
            reasons.push(format!(
                "{} is back already ({hold}): with --force --reason group {name} is in office again",
                live.group.name
            ));
        }
        if count > most {
            reasons.push(format!(
                "group {name} may have {most} machines and {count} serve: `aws autoscaling \
                 update-auto-scaling-group --auto-scaling-group-name {name} --max-size {count}`"
            ));
        }
        if back.group.suspended.contains("Launch") {
            reasons.push(format!(
                "process Launch of group {name} is suspended: `aws autoscaling resume-processes \
                 --auto-scaling-group-name {name} --scaling-processes Launch`"
            ));
        }
        reasons
    }
}

/// Whether a hold was set by a rollback from that group (`rollback::bar`).
fn is_from(hold: &str, group: &str) -> bool {
    let mut words = hold.split_whitespace().skip(1);
    ["rolled", "back", "from", group]
        .iter()
        .all(|word| words.next() == Some(*word))
}

/// What `kiln status` shows of it.
pub(super) async fn status(
    stand: &Stand,
    cloud: &impl Cloud,
    service: &str,
    now: Timestamp,
) -> Status {
    let (live, back) = (stand.live.as_ref(), stand.back.as_ref());
    let in_place = live.and_then(|live| rolled(&live.group));
    let by_root = live.and_then(|live| rerooted(&live.group));
    let by_root = by_root.as_ref();
    let is_half_way =
        |group: &Group| group.tag(tag::BACK).is_some() || Rerooting::of(group).is_some();
    let changed = live.filter(|live| stand.next.is_none() && !is_half_way(&live.group));
    Status {
        drift: changed
            .map(|live| drift::of_group(&live.group))
            .unwrap_or_default(),
        service: service.to_owned(),
        state: live.and_then(|live| address::of(&live.group.tags)),
        live: live.map(Known::serving),
        rules: Vec::new(),
        canary: None,
        previous: back.map(Known::serving),
        kept_until: back
            .and_then(|back| names::keep_until(&back.group))
            .or_else(|| Some(by_root?.until)),
        rollback_brings_root: by_root.map(|one| one.root.clone()),
        rollback_not_ready: stand.not_ready(),
        rollback_waits_for: stand
            .waits_for()
            .filter(|_| in_place.is_none() && by_root.is_none()),
        rollback_takes: None,
        rollback_refreshes_to: in_place.map(|rolled| rolled.before.0),
        hold: stand.hold.clone(),
        half_made: stand.next.as_ref().map(|group| group.name.clone()),
        temporary: doctor::words(cloud, service, now).await,
    }
}

/// The minimum that a kept group has for good.
pub(super) fn lasting_min(group: &Group) -> u32 {
    let sizes = Sizes::of(group);
    sizes.map_or(group.size.min, |sizes| sizes.min.min(group.size.desired))
}

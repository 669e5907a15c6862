//! Emptying a group, and waiting for a group to come to what is asked of it.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use super::roll::lookup;
use super::{DEPENDENCY_LIMIT, LONGEST_PAUSE, persist};
use crate::cloud::{Cloud, Error, Group, GroupName, Size, Stage};
use crate::run::{Event, Events};

/// How long the lifecycle hooks of machines that are taken back may wait. They have worked for minutes, if at all, and the
/// undo has a limit of its own.
const HOOKS: Duration = Duration::from_mins(4);

/// A wait that lasts longer than most says how long it may take, and how it goes, at every change and from time to time.
const SOON: Duration = Duration::from_mins(1);
const SAYS: Duration = Duration::from_mins(5);

/// Waits until a group of size 0 has no machines any more, and no warm pool, for as long as an undo may.
pub(super) async fn ended_soon(cloud: &impl Cloud, group: &Group) -> Result<(), Error> {
    let is_gone = |group: Option<&Group>| group.is_none_or(|group| group.remains().is_none());
    until(cloud, &group.name, is_gone, MACHINES).await
}

/// How long the machines of a group may take to go.
struct Leaving {
    /// Their target groups let requests end.
    drains: Duration,
    /// Nobody answers their lifecycle hooks.
    hooks: Duration,
    /// One that is just starting comes up first.
    grace: Duration,
}

impl Leaving {
    async fn of(group: &Group, cloud: &impl Cloud) -> Result<Self, Error> {
        let (mut drains, mut hooks) = (Duration::ZERO, Duration::ZERO);
        persist(async || {
            for target_group in &group.target_groups {
                drains = drains.max(cloud.habits(target_group).await?.drains);
            }
            hooks = cloud.longest_hook(&group.name).await?;
            Ok(())
        })
        .await?;
        let grace = group.grace;
        Ok(Self {
            drains,
            hooks,
            grace,
        })
    }

    fn limit(&self) -> Duration {
        DEPENDENCY_LIMIT + self.drains + self.hooks + self.grace
    }
}

impl fmt::Display for Leaving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (drains, hooks) = (self.drains.as_secs(), self.hooks.as_secs());
        let limit = self.limit().as_secs();
        write!(
            f,
            "requests have {drains} s to end, lifecycle hooks {hooks} s; {limit} s at the most"
        )
    }
}

/// Waits until the machines of an emptied group have let their requests end and are gone, and says how that goes. Errors when
/// they take longer than the group's own numbers allow.
pub async fn ended(cloud: &impl Cloud, group: &Group, events: &dyn Events) -> Result<(), Error> {
    let name = &group.name;
    let began = Instant::now();
    let mut pause = Duration::from_secs(1);
    let (mut leaving, mut said) = (None, None);
    loop {
        let there = lookup(cloud, name).await?;
        let Some(remains) = there.and_then(|group| group.remains()) else {
            return Ok(());
        };
        let passed = began.elapsed();
        if passed >= SOON && leaving.is_none() {
            leaving = Some(Leaving::of(group, cloud).await?);
        }
        if let Some(leaving) = &leaving {
            if passed > leaving.limit() {
                let text = format!(
                    "group {name} still has {remains} after {} s ({leaving}); what it waits for: `aws autoscaling \
                     describe-scaling-activities --auto-scaling-group-name {name}`",
                    passed.as_secs()
                );
                return Err(Error::blocked("DescribeAutoScalingGroups", text));
            }
            let now = (remains, passed.as_secs() / SAYS.as_secs());
            if said.as_ref() != Some(&now) {
                let text = format!("group {name} still has {}: {leaving}", now.0);
                said = Some(now);
                events.emit(Event::Note { text });
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The same for a group that is taken back: its lifecycle hooks are answered before the undo's time is up.
pub(super) async fn empty_soon(cloud: &impl Cloud, group: &Group) -> Result<(), Error> {
    shrink(cloud, group).await?;
    if within(HOOKS, cloud, &group.name, is_empty).await? {
        return Ok(());
    }
    let there = lookup(cloud, &group.name).await?;
    let members = there.iter().flat_map(|group| &group.members);
    for member in members.filter(|one| one.stage == Stage::Terminating) {
        persist(async || cloud.let_go(&group.name, &member.instance).await).await?;
    }
    until(cloud, &group.name, is_empty, INSTANCES).await
}

const INSTANCES: &str = "it still has instances";
const MACHINES: &str = "it still has machines, or a warm pool";

fn is_empty(group: Option<&Group>) -> bool {
    group.is_none_or(|group| group.members.is_empty())
}

/// Takes the group to size 0.
pub(super) async fn shrink(cloud: &impl Cloud, group: &Group) -> Result<(), Error> {
    let none = Size {
        min: 0,
        desired: 0,
        ..group.size
    };
    persist(async || cloud.resize_group(&group.name, none).await).await
}

/// Waits for a group to come to what is asked of it.
pub(super) async fn until(
    cloud: &impl Cloud,
    name: &GroupName,
    done: impl Fn(Option<&Group>) -> bool,
    otherwise: &str,
) -> Result<(), Error> {
    if within(DEPENDENCY_LIMIT, cloud, name, done).await? {
        return Ok(());
    }
    let text = format!("group {name}: {otherwise}");
    Err(Error::blocked("DescribeAutoScalingGroups", text))
}

/// Whether it comes to that in time.
async fn within(
    limit: Duration,
    cloud: &impl Cloud,
    name: &GroupName,
    done: impl Fn(Option<&Group>) -> bool,
) -> Result<bool, Error> {
    let began = Instant::now();
    let mut pause = Duration::from_secs(1);
    while !done(lookup(cloud, name).await?.as_ref()) {
        if began.elapsed() > limit {
            return Ok(false);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    Ok(true)
}

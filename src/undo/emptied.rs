//! Emptying a group, and waiting for a group to come to what is asked of it.

use std::time::Duration;

use tokio::time::Instant;

use super::roll::lookup;
use super::{DEPENDENCY_LIMIT, LONGEST_PAUSE, persist};
use crate::cloud::{Cloud, Error, Group, GroupName, Size, Stage};

/// How long the lifecycle hooks of machines that are taken back may wait. They have worked for minutes, if at all, and the
/// undo has a limit of its own.
const HOOKS: Duration = Duration::from_mins(4);

/// Takes the group to size 0 and waits until its machines have let their requests end and are gone.
pub(super) async fn empty(cloud: &impl Cloud, group: &Group) -> Result<(), Error> {
    shrink(cloud, group).await?;
    until(cloud, &group.name, is_empty, INSTANCES).await
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

fn is_empty(group: Option<&Group>) -> bool {
    group.is_none_or(|group| group.members.is_empty())
}

async fn shrink(cloud: &impl Cloud, group: &Group) -> Result<(), Error> {
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

//! Emptying a group, and waiting for a group to come to what is asked of it.

use std::time::Duration;

use tokio::time::Instant;

use super::roll::lookup;
use super::{DEPENDENCY_LIMIT, LONGEST_PAUSE, persist};
use crate::cloud::{Cloud, Error, Group, GroupName, Size};

/// Takes the group to size 0 and waits until its machines have let their requests end and are gone.
pub(super) async fn empty(cloud: &impl Cloud, group: &Group) -> Result<(), Error> {
    let none = Size {
        min: 0,
        desired: 0,
        ..group.size
    };
    persist(async || cloud.resize_group(&group.name, none).await).await?;
    let gone = |group: Option<&Group>| group.is_none_or(|group| group.members.is_empty());
    until(cloud, &group.name, gone, "it still has instances").await
}

/// Waits for a group to come to what is asked of it.
pub(super) async fn until(
    cloud: &impl Cloud,
    name: &GroupName,
    done: impl Fn(Option<&Group>) -> bool,
    otherwise: &str,
) -> Result<(), Error> {
    let began = Instant::now();
    let mut pause = Duration::from_secs(1);
    while !done(lookup(cloud, name).await?.as_ref()) {
        if began.elapsed() > DEPENDENCY_LIMIT {
            let text = format!("group {name}: {otherwise}");
            return Err(Error::blocked("DescribeAutoScalingGroups", text));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    Ok(())
}

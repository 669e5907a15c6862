//! A kept group without machines: emptied when it has gone out of office, and filled again to go back to it.

use std::time::Duration;

use super::error::Error;
use super::making::group;
use crate::cloud::{Cloud, GroupName, Size, Stage, Tags};
use crate::run::{Failure, Patience, Readiness, Run};
use crate::undo::Undo;
use crate::undo::lease::{Leased, Sizes, release};

/// Between two looks at a group that drains.
const LOOK: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(15));
/// What ends without its hooks takes a moment more to go.
const ENDING: Duration = Duration::from_mins(10);

/// Empties a kept group, with its sizes before in a tag. Its maximum is none too, or its policies would fill it again. A
/// second time is harmless.
pub(super) async fn empty(name: &GroupName, cloud: &impl Cloud) -> Result<(), Error> {
    let there = group(cloud, name).await?;
    if Sizes::of(&there).is_none() {
        let tags = Tags::from([Sizes::before(&there).tag()]);
        cloud.tag_group(name, &tags).await?;
    }
    let none = Size {
        min: 0,
        max: 0,
        desired: 0,
    };
    if there.size != none {
        cloud.resize_group(name, none).await?;
    }
    for what in [Leased::MinSize, Leased::LowAlarm] {
        release(cloud, name, what, None).await?;
    }
    Ok(())
}

/// Waits until the machines of an emptied group have ended what they do; at the deadline their lifecycle hooks are let go.
pub(super) async fn drained(
    name: &GroupName,
    deadline: Duration,
    cloud: &impl Cloud,
    run: &mut Run<'_, Undo>,
) -> Result<(), Failure> {
    let began = tokio::time::Instant::now();
    let patience = Patience::new(deadline + ENDING, LOOK.0, LOOK.1);
    let look = async || {
        let members = match cloud.group(name).await {
            Err(error) if error.is_passing() => return Ok(Readiness::NotYet(error.to_string())),
            found => found?.map(|group| group.members).unwrap_or_default(),
        };
        if members.is_empty() {
            return Ok(Readiness::Ready(()));
        }
        if began.elapsed() >= deadline {
            let waiting = members.iter().filter(|one| one.stage == Stage::Terminating);
            for member in waiting {
                match cloud.let_go(name, &member.instance).await {
                    Err(error) if error.is_passing() => {
                        return Ok(Readiness::NotYet(error.to_string()));
                    }
                    answer => answer?,
                }
            }
        }
        let count = members.len();
        Ok::<_, Error>(Readiness::NotYet(format!(
            "{count} machines of group {name} have not ended"
        )))
    };
    run.wait("previous group empty", &patience, look).await
}

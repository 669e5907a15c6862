//! Taking away what a destroyed service had: in order, and without force.

use std::time::Duration;

use super::Parting;
use super::belongings::is_ours;
use crate::cloud::{Cloud, Error as CloudError, GroupName, Size, Tags, TargetGroupArn, tag};
use crate::roll::commit::retirement;
use crate::roll::error::Error;
use crate::roll::retiring::{self, Wait};
use crate::run::{Failure, Patience, Readiness, Run, Stop};
use crate::undo::Undo;

/// Requests have an hour at the most (deregistration delay), and lifecycle hooks what they are given.
const LONGEST: Patience = Patience::new(
    Duration::from_hours(2),
    Duration::from_secs(2),
    Duration::from_secs(15),
);

/// Does one thing of a service's end. A stop ends what only waits; what is done once is harmless a second time.
pub(super) async fn carry_out<C: Cloud>(
    parting: &Parting,
    (service, stop): (&str, &Stop),
    cloud: &C,
    run: &mut Run<'_, Undo>,
) -> Result<(), Failure> {
    match parting {
        Parting::Empty(name) => {
            let shrink = async |_: &mut _| shrink(name, service, cloud).await;
            run.step("empty a group", shrink).await?;
            let look = async || is_empty(name, cloud).await;
            run.wait("group empty", &LONGEST, look).await
        }
        Parting::Drain(arn, name) => {
            let look = async || is_drained(arn, name, cloud).await;
            run.wait("target group drained", &LONGEST, look).await
        }
        Parting::DeleteGroup(name) => {
            let due = retirement(service, name, None);
            let wait = Wait {
                events: run.events(),
                stop,
                is_pressed: false,
            };
            let delete = async || retiring::retire(&due, cloud, &wait).await;
            run.work("delete a group", delete).await
        }
        simple => {
            let step = async |_: &mut _| simple.carry_out(cloud).await;
            run.step("take away", step).await
        }
    }
}

/// No machine, and room for none: neither a policy nor a schedule starts one again.
async fn shrink(name: &GroupName, service: &str, cloud: &impl Cloud) -> Result<(), Error> {
    let Some(group) = cloud.group(name).await?.filter(|group| !group.deleting) else {
        return Ok(());
    };
    if !is_ours(&group, service) {
        let text = format!("group {name} is not kiln's any more");
        return Err(Error::Changed(text));
    }
    let state = Tags::from([(tag::STATE.to_owned(), tag::RETIRING.to_owned())]);
    cloud.tag_group(name, &state).await?;
    let none = Size {
        min: 0,
        desired: 0,
        max: 0,
    };
    Ok(cloud.resize_group(name, none).await?)
}

async fn is_empty(name: &GroupName, cloud: &impl Cloud) -> Result<Readiness<()>, CloudError> {
    let there = match cloud.group(name).await {
        Err(error) if error.is_passing() => return Ok(Readiness::NotYet(error.to_string())),
        found => found?,
    };
    let count = there.map_or(0, |group| group.members.len());
    Ok(match count {
        0 => Readiness::Ready(()),
        _ => Readiness::NotYet(format!("{count} machines of group {name} have not ended")),
    })
}

async fn is_drained(
    arn: &TargetGroupArn,
    name: &str,
    cloud: &impl Cloud,
) -> Result<Readiness<()>, CloudError> {
    let targets = match cloud.target_health(arn).await {
        Err(error) if error.is_passing() => return Ok(Readiness::NotYet(error.to_string())),
        Err(error) if error.is_not_found() => Vec::new(),
        found => found?,
    };
    Ok(match targets.len() {
        0 => Readiness::Ready(()),
        count => Readiness::NotYet(format!(
            "{count} targets of target group {name} have requests"
        )),
    })
}

//! Taking away what a destroyed service had: in order, and without force.

use std::time::Duration;

use tokio::time::Instant;

use super::Parting;
use super::belongings::is_ours;
use crate::cloud::{Cloud, Error as CloudError, GroupName, Kind, Tags, TargetGroupArn, tag};
use crate::roll::aside;
use crate::roll::commit::retirement;
use crate::roll::error::Error;
use crate::roll::retiring::{self, Wait};
use crate::run::{Events, Failure, Patience, Readiness, Run, Stop};
use crate::undo::{self, LONGEST_PAUSE, Undo};

/// Requests have an hour at the most to end ("deregistration delay").
const DRAINS: Patience = Patience::new(
    Duration::from_mins(65),
    Duration::from_secs(2),
    Duration::from_secs(15),
);
/// Reads may be of a moment ago: a group that is emptied may look as if it were in office, or a rule led to it still.
const SEEN: Duration = Duration::from_mins(1);

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
            let events = run.events();
            let ended = async || ended(name, cloud, events).await;
            run.work("group empty", ended).await
        }
        Parting::Drain(arn, name) => {
            let look = async || is_drained(arn, name, cloud).await;
            run.wait("target group drained", &DRAINS, look).await
        }
        Parting::DeleteGroup(name) => {
            let wait = Wait {
                events: run.events(),
                stop,
                is_needed: true,
            };
            let delete = async || delete(name, service, cloud, &wait).await;
            run.work("delete a group", delete).await
        }
        simple => {
            let call = async |_: &mut _| simple.carry_out(cloud).await;
            run.step("take away", call).await
        }
    }
}

/// No machine, and room for none: neither a policy nor a schedule starts one again. What there was stands in its tag.
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
    aside::clear(name, None, cloud).await
}

/// Waits for as long as the machines may take to end, by the group's own numbers.
async fn ended(name: &GroupName, cloud: &impl Cloud, events: &dyn Events) -> Result<(), Error> {
    let Some(group) = cloud.group(name).await? else {
        return Ok(());
    };
    Ok(undo::ended(cloud, &group, events).await?)
}

/// Deletes an emptied group, and what hangs on it, until it is not there any more.
async fn delete(
    name: &GroupName,
    service: &str,
    cloud: &impl Cloud,
    wait: &Wait<'_>,
) -> Result<(), Error> {
    let due = retirement(service, name, None);
    let began = Instant::now();
    loop {
        let gone = retiring::retire(&due, cloud, wait).await;
        let there = match gone {
            Ok(_) if cloud.group(name).await?.is_none() => return Ok(()),
            Ok(_) => Error::Changed(format!("group {name} is still there")),
            Err(error) if matches!(error.kind, Kind::Denied | Kind::Invalid) => {
                return Err(error.into());
            }
            Err(error) => error.into(),
        };
        if began.elapsed() > SEEN {
            return Err(there);
        }
        tokio::time::sleep(LONGEST_PAUSE).await;
    }
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

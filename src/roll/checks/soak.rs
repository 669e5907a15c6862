//! Time spent healthy: the check `soak`, and the hold of a canary's step.

use std::time::Duration;

use tokio::time::Instant;

use super::super::error::Error;
use super::super::examine::{asked, look};
use super::super::flow::Flow;
use super::super::making::group;
use super::super::next_group::wanted;
use super::super::plan::Plan;
use super::super::probe::Probe;
use crate::cloud::Cloud;
use crate::run::{Failure, Patience, Readiness};

/// Between two looks of a soak.
const LOOK: Duration = Duration::from_secs(5);
/// A soak that cannot look for this long has not been healthy all the while.
const BLIND: Duration = Duration::from_mins(1);
/// Bad looks in a row that end a soak: one machine may be replaced meanwhile, two looks apart is a state.
const BAD_LOOKS: u32 = 3;

/// How many machines the next group is to have now, which may be more than the plan knew of, and how many it had to have when
/// it was looked at last. Those that it has grown by since have their own time to get healthy, and count from then on.
async fn whole(plan: &Plan, before: Option<u32>, cloud: &impl Cloud) -> Result<(u32, u32), Error> {
    let counts = async {
        let desired = group(cloud, &plan.next.group).await?.size.desired;
        let before = match before {
            Some(before) => before,
            None => wanted(plan, cloud).await?,
        };
        Ok((desired, before.min(desired)))
    };
    match counts.await {
        Err(Error::Cloud(error)) if error.is_passing() => {
            let count = plan.next.size.desired;
            Ok((count, before.unwrap_or(count)))
        }
        counts => counts,
    }
}

/// Waits for `time` with the next group healthy all the while.
pub(in crate::roll) async fn soak<C: Cloud, P: Probe, S>(
    flow: &mut Flow<'_, '_, C, P, S>,
    time: Duration,
) -> Result<(), Failure> {
    let began = Instant::now();
    flow.health.again(began);
    let (plan, cloud) = (flow.plan, flow.on.cloud);
    let (mut seen, mut bad, mut needed) = (began, 0, None);
    let patience = Patience::new(time + BLIND + 2 * LOOK, LOOK, LOOK);
    let behind = flow.target_group();
    let poll = async || {
        let (desired, count) = whole(plan, needed, cloud).await?;
        let floor = asked(plan, count);
        match look(plan, floor, behind.as_ref(), cloud, &mut flow.health).await? {
            Readiness::Ready(healthy) => {
                (seen, bad) = (Instant::now(), 0);
                let there = u32::try_from(healthy.len()).unwrap_or(u32::MAX);
                needed = Some(count.max(desired.min(there)));
            }
            Readiness::NotYet(reason)
            | Readiness::Moving { reason, .. }
            | Readiness::Never(reason) => {
                bad += 1;
                if bad >= BAD_LOOKS && seen.elapsed() >= BAD_LOOKS * LOOK {
                    return Err(Error::Unhealthy {
                        instance: None,
                        reason,
                        console: None,
                        log: None,
                    });
                }
                if bad < BAD_LOOKS {
                    return Ok(Readiness::NotYet(reason));
                }
            }
        }
        if began.elapsed() >= time && bad == 0 {
            return Ok(Readiness::Ready(()));
        }
        let left = time.saturating_sub(began.elapsed()).as_secs();
        Ok(Readiness::NotYet(format!("healthy, {left} s to go")))
    };
    let about = (plan, flow.on);
    let waited = flow
        .watches
        .during(flow.run, about, "soak", &patience, poll)
        .await;
    flow.with_log(waited).await
}

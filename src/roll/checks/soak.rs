//! Time spent healthy: the check `soak`, and the hold of a canary's step.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

use super::super::error::Error;
use super::super::examine::{asked, look};
use super::super::flow::Flow;
use super::super::next_group::wanted;
use super::super::plan::Plan;
use super::super::probe::Probe;
use crate::cloud::{Cloud, Group};
use crate::run::{Failure, Patience, Readiness};

/// Between two looks of a soak.
const LOOK: Duration = Duration::from_secs(5);
/// A soak that cannot look for this long has not been healthy all the while.
const BLIND: Duration = Duration::from_mins(1);
/// Bad looks in a row that end a soak: one machine may be replaced meanwhile, two looks apart is a state.
const BAD_LOOKS: u32 = 3;

/// How many machines must serve when the soak begins: what does by now, or where that cannot be asked, what the plan knew.
async fn first_need(plan: &Plan, cloud: &impl Cloud) -> Result<u32, Error> {
    match wanted(plan, cloud).await {
        Err(Error::Cloud(error)) if error.is_passing() => Ok(plan.next.size.desired),
        count => count,
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
    // How many had to be healthy at the last look. Those that the group has grown by since have their own time to get healthy,
    // and count from then on.
    let (mut seen, mut bad, mut needed) = (began, 0, None);
    let patience = Patience::new(time + BLIND + 2 * LOOK, LOOK, LOOK);
    let behind = flow.target_group();
    let poll = async || {
        let need = match needed {
            Some(need) => need,
            None => first_need(plan, cloud).await?,
        };
        let desired = Cell::new(need);
        let floor = |next: &Group| {
            desired.set(next.size.desired);
            asked(plan, need.min(next.size.desired))(next)
        };
        match look(plan, floor, behind.as_ref(), cloud, &mut flow.health).await? {
            Readiness::Ready(healthy) => {
                (seen, bad) = (Instant::now(), 0);
                let there = u32::try_from(healthy.len()).unwrap_or(u32::MAX);
                needed = Some(need.max(there).min(desired.get()));
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

//! The steps of a canary before the swap: a share of the traffic, held and checked, then a larger one.

use super::super::checks::{Stage, Way, soak};
use super::super::flow::{Flow, Led};
use super::super::next_group;
use super::super::plan::{Doing, Plan};
use super::super::probe::Probe;
use super::super::swap::shift;
use super::beside::catch_up;
use super::records::spread;
use crate::cloud::Cloud;
use crate::run::{Event, Failure};

/// Takes every step but the last, each with all rules before it is held, and returns what production traffic does then. The next group is as large as what serves
/// before each, so that its share of the traffic is never more than its share of the machines; the previous one is held
/// whole, also when it has grown. What a dead run has reached is not given back first.
pub(super) async fn share<C: Cloud, P: Probe, S>(
    flow: &mut Flow<'_, '_, C, P, S>,
    led: &Led<'_>,
) -> Result<Doing, Failure> {
    let (plan, on) = (flow.plan, flow.on);
    let mut now = led.now();
    if led.traffic.rules.iter().all(|rule| rule.place.is_none()) {
        return Ok(now);
    }
    // A run that died between two rules had held the step before: the others follow.
    let reached = led.traffic.reached(&led.target_group);
    let stages = plan.stages(led.traffic, &led.target_group);
    let steps = plan.steps().iter().zip(&stages);
    for (step, stage) in steps.filter(|(step, _)| (reached..100).contains(&*step.weight)) {
        flow.watches_pass().await?;
        catch_up(flow).await?;
        let write = async |made: &mut _| {
            next_group::hold_previous(plan, on.cloud, made).await?;
            next_group::heed_alarms(plan, on.cloud).await?;
            shift(plan, led, (&now, stage), on.cloud, made).await
        };
        flow.run.step("shift traffic", write).await?;
        flow.watches.reached(Stage::Shared);
        now.clone_from(stage);
        let text = format!(
            "{} % of the traffic goes to {}",
            step.weight, plan.next.group
        );
        on.events.emit(Event::Note { text });
        spread(flow, led).await?;
        soak(flow, plan.hold(step)).await?;
        // Through production both versions answer; the probe rule still leads to the new one alone.
        flow.run_checks(&flow.service.checks.before, Way::Probe)
            .await?;
    }
    Ok(now)
}

/// How far a dead run has come with the traffic.
pub(super) fn stage(plan: &Plan, led: &Led<'_>) -> Stage {
    let traffic = led.traffic;
    if plan.swapped {
        Stage::Swapped
    } else if traffic.reached(&led.target_group) > 0 {
        Stage::Shared
    } else {
        Stage::Making
    }
}

/// Holds the last step, once the swap has moved all of the traffic.
pub(super) async fn hold_all<C: Cloud, P: Probe, S>(
    flow: &mut Flow<'_, '_, C, P, S>,
) -> Result<(), Failure> {
    match flow.plan.steps().last() {
        // What is held for clients to follow is over by then.
        Some(last) => soak(flow, last.hold.saturating_sub(flow.plan.follows())).await,
        None => Ok(()),
    }
}

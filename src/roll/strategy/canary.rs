//! The steps of a canary before the swap: a share of the traffic, held and checked, then a larger one.

use super::super::checks::{Stage, Way, soak};
use super::super::flow::{Flow, Led};
use super::super::next_group;
use super::super::plan::{Doing, NextTargetGroup, Plan, Traffic};
use super::super::probe::Probe;
use super::super::swap::{shift, take_down};
use super::beside::catch_up;
use super::records::spread;
use crate::cloud::Cloud;
use crate::run::{Event, Failure, Run};
use crate::undo::Undo;

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

/// Makes what a run that died before the end of its swap has moved this run's own, before anything else can fail: it goes with the rest.
pub(super) async fn inherit(
    plan: &Plan,
    traffic: &Traffic,
    run: &mut Run<'_, Undo>,
) -> Result<(), Failure> {
    let NextTargetGroup::There { arn, .. } = &traffic.next else {
        return Ok(());
    };
    if plan.swapped || !traffic.is_moved() {
        return Ok(());
    }
    let led = Led {
        traffic,
        target_group: arn.clone(),
    };
    let inherit = async |made: &mut _| take_down(plan, &led, made);
    run.step("go on with the canary", inherit).await
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

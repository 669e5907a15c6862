//! The steps of a canary before the swap: a share of the traffic, held and checked, then a larger one.

use super::blue_green::catch_up;
use super::checks::{Way, run_all, soak};
use super::error::Error;
use super::health::Health;
use super::plan::Plan;
use super::probe::Probe;
use super::run_roll::Tools;
use super::swap::shift;
use crate::cloud::{Cloud, TargetGroupArn};
use crate::run::{Event, Failure, Run};
use crate::template::service::Service;
use crate::undo::Undo;

/// Takes every step but the last. The next group is as large as what serves before each, so that its share of the traffic
/// is never more than its share of the machines. A dead run's steps are gone on with where it stopped.
pub(super) async fn share<C: Cloud, P: Probe, S>(
    plan: &Plan,
    service: &Service,
    target_group: &TargetGroupArn,
    on: &Tools<'_, C, P, S>,
    run: &mut Run<'_, Undo>,
    health: &mut Health,
) -> Result<(), Failure> {
    let Some(place) = &plan.traffic.place else {
        return Ok(());
    };
    let steps = plan.steps().iter().filter(|step| *step.weight < 100);
    let look = async |_: &mut _| Ok::<_, Error>(on.cloud.actions_at(place).await?);
    let now = if plan.resumed {
        run.step("look at what serves", look).await?
    } else {
        None
    };
    let stages = plan.stages(target_group);
    let reached = now.and_then(|now| stages.iter().position(|stage| *stage == now));
    for (stage, step) in steps.enumerate().skip(reached.unwrap_or(0)) {
        catch_up(plan, target_group, on, run, health).await?;
        let write =
            async |made: &mut _| shift(plan, place, target_group, stage, on.cloud, made).await;
        run.step("shift traffic", write).await?;
        let text = format!(
            "{} % of the traffic goes to {}",
            step.weight, plan.next.group
        );
        on.events.emit(Event::Note { text });
        soak(step.hold, plan, target_group, on.cloud, run, health).await?;
        // Through production both versions answer; the probe rule still leads to the new one alone.
        let checks = &service.checks.before;
        run_all(checks, Way::Probe, plan, target_group, on, run, health).await?;
    }
    Ok(())
}

/// Holds the last step, once the swap has moved all of the traffic.
pub(super) async fn hold_all<C: Cloud, P: Probe, S>(
    plan: &Plan,
    target_group: &TargetGroupArn,
    on: &Tools<'_, C, P, S>,
    run: &mut Run<'_, Undo>,
    health: &mut Health,
) -> Result<(), Failure> {
    match plan.steps().last() {
        Some(last) => soak(last.hold, plan, target_group, on.cloud, run, health).await,
        None => Ok(()),
    }
}

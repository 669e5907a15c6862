//! `replace`: a service without a load balancer. The next group is made and proven beside the one in office, then told that
//! it is its turn, and put in office; the previous one is emptied, or goes on running for as long as it is kept.
//!
//! There is no traffic to move: a machine works as soon as it is in service, unless it waits for its turn. Which turn it is
//! the tag [`STATE`](crate::cloud::tag::STATE) of its group says, and the hooks of `activate` may say it in another way.
//! Before the commit the previous group is whole and untouched but for what a lease tag names. How its machines end what
//! they do is waited for when the roll is over (`drained`).

use jiff::Timestamp;
use tokio::time::Instant;

use super::super::aside;
use super::super::bounds;
use super::super::calm;
use super::super::checks::{Stage, Way};
use super::super::commit;
use super::super::flow::Flow;
use super::super::next_group;
use super::super::plan::Plan;
use super::super::probe::Probe;
use super::super::run_roll::Tools;
use super::super::template;
use super::beside::{catch_up, hand_over, holding, prove, settle};
use crate::cloud::Cloud;
use crate::run::{Failure, LaterLists, Run};
use crate::template::service::{Service, Strategy};
use crate::undo::Undo;

/// Rolls. What is left to finish behind the point of no return is returned, not failed.
pub(super) async fn roll<C: Cloud, P: Probe, S: LaterLists<Undo>>(
    plan: &Plan,
    service: &Service,
    on: &Tools<'_, C, P, S>,
    run: &mut Run<'_, Undo>,
) -> Result<Vec<String>, Failure> {
    let began = make(plan, on, run).await?;
    let mut flow = Flow::new(plan, service, on, run, (None, began));
    let started = prove(&mut flow).await?;
    flow.watches.reached(Stage::Proven);
    activate(&mut flow).await?;
    flow.health.again(Instant::now());
    flow.run_checks(&service.checks.after, Way::Production)
        .await?;
    // What the previous group has grown to meanwhile is asked of this one too, before that one goes.
    flow.watches_pass().await?;
    catch_up(&mut flow).await?;
    let office = async |made: &mut _| {
        let hold = holding(plan, plan.expires);
        bounds::take_over(plan, on.cloud).await?;
        calm::hold(&plan.next.group, hold, on.cloud, made).await?;
        next_group::let_alarms_act(plan, None, on.cloud).await?;
        commit::put_in_office(plan, (started, on.clock.now()), on.cloud).await
    };
    flow.run.step("put in office", office).await?;
    flow.run.commit()?;
    Ok(finish(plan, on, on.clock.now(), flow.run).await)
}

/// Makes the next group, empty. Says when it began.
async fn make<C: Cloud, P, S>(
    plan: &Plan,
    on: &Tools<'_, C, P, S>,
    run: &mut Run<'_, Undo>,
) -> Result<Timestamp, Failure> {
    let cloud = on.cloud;
    if let Some(previous) = &plan.previous {
        let pin = async |made: &mut _| template::pin(plan, previous, cloud, made).await;
        run.step("pin the previous version", pin).await?;
    }
    let create = async |made: &mut _| template::create(plan, cloud, made).await;
    let (id, version) = run.step("launch template", create).await?;
    let began = on.clock.now();
    let from = (&id, version);
    let create = async |made: &mut _| next_group::create(plan, from, None, cloud, made).await;
    run.step("next group", create).await?;
    Ok(began)
}

/// Tells the next group that it is its turn, while the previous one is held whole.
async fn activate<C: Cloud, P: Probe, S>(flow: &mut Flow<'_, '_, C, P, S>) -> Result<(), Failure> {
    let (plan, cloud) = (flow.plan, flow.on.cloud);
    let hold = async |made: &mut _| next_group::hold_previous(plan, cloud, made).await;
    flow.run.step("keep the previous group whole", hold).await?;
    flow.run_hooks("before the swap", &plan.hooks.before_swap)
        .await?;
    catch_up(flow).await?;
    let serves = async |made: &mut _| {
        next_group::serves_from_now(plan, made)?;
        next_group::heed_alarms(plan, cloud).await
    };
    flow.run.step("its turn", serves).await?;
    flow.run_hooks("activation", &plan.hooks.activate).await?;
    flow.watches.reached(Stage::Swapped);
    flow.run_hooks("after the swap", &plan.hooks.after_swap)
        .await
}

/// What is done behind the point of no return. Failures are returned as what is left to do.
async fn finish<C: Cloud, P: Probe, S: LaterLists<Undo>>(
    plan: &Plan,
    on: &Tools<'_, C, P, S>,
    now: Timestamp,
    run: &mut Run<'_, Undo>,
) -> Vec<String> {
    let mut loose = hand_over(plan, on, now, run).await;
    if let (Some(previous), Strategy::Replace(replace)) = (&plan.previous, &plan.strategy)
        && !replace.keep_running
    {
        let until = replace.drain.map(|drain| now + drain);
        let empty = async |_: &mut _| aside::empty(&previous.group, until, on.cloud).await;
        loose.extend(run.step("empty the previous group", empty).await.err());
    }
    settle(plan, on, now, &loose, run).await
}

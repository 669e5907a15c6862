//! The strategies `blue_green` and `canary`: the next group is made and proven beside the previous one, then one write moves
//! traffic, or several that each move a share of it.
//!
//! This file is the table of contents. Every step is idempotent by name, token and tag, so that a dead run is gone on with
//! by doing the same again; before the commit nothing of the previous group is touched but what a lease tag names.

use jiff::Timestamp;
use tokio::time::Instant;

use super::canary;
use super::checks::{Way, run_all};
use super::commit;
use super::error::Error;
use super::health::Health;
use super::next_group::{self, grow, look, wanted};
use super::plan::Plan;
use super::probe::Probe;
use super::run_roll::Tools;
use super::swap::{claim, still_holds, swap};
use super::{targets, template};
use crate::cloud::{Cloud, RulePlace, TargetGroupArn};
use crate::run::{Failure, LaterLists, Patience, Run, Unwind};
use crate::template::service::Service;
use crate::undo::{Undo, Unwinder};

/// Between two looks at a starting group; targets change at the pace of their health checks, 5 s at the least.
const LOOK: (std::time::Duration, std::time::Duration) = (
    std::time::Duration::from_secs(2),
    std::time::Duration::from_secs(10),
);
/// Healthy counts when it was seen this many times in a row: one good look may be a lucky moment.
const IN_A_ROW: u32 = 3;
/// How often the live group may grow while the next one catches up.
const ROUNDS: u32 = 10;

/// Rolls. What is left to finish behind the point of no return is returned, not failed.
pub(super) async fn blue_green<C: Cloud, P: Probe, S: LaterLists<Undo>>(
    plan: &Plan,
    service: &Service,
    on: &Tools<'_, C, P, S>,
    run: &mut Run<'_, Undo>,
) -> Result<Vec<String>, Failure> {
    let cloud = on.cloud;
    canary::inherit(plan, run).await?;
    make_way(plan, on, run).await?;
    if let Some(previous) = &plan.previous {
        let pin = async |made: &mut _| template::pin(plan, previous, cloud, made).await;
        run.step("pin the previous version", pin).await?;
    }
    let create = async |made: &mut _| template::create(plan, cloud, made).await;
    let (id, version) = run.step("launch template", create).await?;
    let create = async |made: &mut _| targets::create(plan, service, cloud, made).await;
    let target_group = run.step("target groups", create).await?;
    let probe = async |made: &mut _| targets::probe(plan, &target_group, cloud, made).await;
    run.step("probe rule", probe).await?;
    let began = on.clock.now();
    let template = (&id, version);
    let create =
        async |made: &mut _| next_group::create(plan, template, &target_group, cloud, made).await;
    run.step("next group", create).await?;
    let mut health = Health::new(plan.patience, began, Instant::now());
    if !plan.swapped {
        prove(plan, service, &target_group, on, run, &mut health).await?;
    }
    let place = bring_in(plan, service, &target_group, on, run, &mut health).await?;
    health.again(Instant::now());
    canary::hold_all(plan, &target_group, on, run, &mut health).await?;
    let after = &service.checks.after;
    run_all(
        after,
        Way::Production,
        plan,
        &target_group,
        on,
        run,
        &mut health,
    )
    .await?;
    let office = async |_: &mut _| {
        still_holds(plan, &place, &target_group, cloud).await?;
        commit::put_in_office(plan, cloud).await
    };
    run.step("put in office", office).await?;
    run.commit()?;
    Ok(finish(plan, on, on.clock.now(), run).await)
}

/// Frees the idle target group of a group that is kept there.
async fn make_way<C: Cloud, P: Probe, S: LaterLists<Undo>>(
    plan: &Plan,
    on: &Tools<'_, C, P, S>,
    run: &mut Run<'_, Undo>,
) -> Result<(), Failure> {
    let Some(way) = &plan.make_way else {
        return Ok(());
    };
    let due = commit::retirement(&plan.service, &way.group, &way.target_group);
    let undo = Undo::Retire(due);
    let retire = async |_: &mut _| {
        Unwinder::new(on.cloud).undo(&undo).await?;
        commit::no_longer(on.store, &plan.service, &way.group)
    };
    run.step("retire the kept group", retire).await
}

/// Starts a pilot, then as many machines as serve now, and proves them healthy and right.
async fn prove<C: Cloud, P: Probe, S>(
    plan: &Plan,
    service: &Service,
    target_group: &TargetGroupArn,
    on: &Tools<'_, C, P, S>,
    run: &mut Run<'_, Undo>,
    health: &mut Health,
) -> Result<(), Failure> {
    let pilot = async |made: &mut _| grow(plan, 1, on.cloud, made).await;
    run.step("pilot machine", pilot).await?;
    healthy("pilot healthy", 1, 1, plan, target_group, on, run, health).await?;
    catch_up(plan, target_group, on, run, health).await?;
    let before = &service.checks.before;
    run_all(before, Way::Probe, plan, target_group, on, run, health).await
}

/// Waits until `count` machines are healthy `times` times in a row; a machine that never gets so speaks for itself.
#[expect(
    clippy::too_many_arguments,
    reason = "what is waited for, and the four things that waiting needs"
)]
async fn healthy<C: Cloud, P: Probe, S>(
    name: &'static str,
    count: u32,
    times: u32,
    plan: &Plan,
    target_group: &TargetGroupArn,
    on: &Tools<'_, C, P, S>,
    run: &mut Run<'_, Undo>,
    health: &mut Health,
) -> Result<(), Failure> {
    // The watch has limits of its own and says why; this one only ends a wait that cannot look at all.
    let limit = 2 * (plan.patience.healthy + plan.patience.launch);
    let patience = Patience::new(limit, LOOK.0, LOOK.1).in_a_row(times);
    health.again(Instant::now());
    run.wait(name, &patience, async || {
        look(plan, count, target_group, on.cloud, health).await
    })
    .await?;
    Ok(())
}

/// Grows the next group to what the live one is, for as long as that grows too.
pub(super) async fn catch_up<C: Cloud, P: Probe, S>(
    plan: &Plan,
    target_group: &TargetGroupArn,
    on: &Tools<'_, C, P, S>,
    run: &mut Run<'_, Undo>,
    health: &mut Health,
) -> Result<(), Failure> {
    for _ in 0..ROUNDS {
        let step = async |made: &mut _| {
            let count = wanted(plan, on.cloud).await?;
            grow(plan, count, on.cloud, made).await?;
            Ok::<_, Error>(count)
        };
        let count = run.step("grow to what serves", step).await?;
        healthy(
            "next group healthy",
            count,
            IN_A_ROW,
            plan,
            target_group,
            on,
            run,
            health,
        )
        .await?;
        let now = async |_: &mut _| wanted(plan, on.cloud).await;
        if run.step("look at what serves", now).await? <= count {
            return Ok(());
        }
    }
    let text = "the live group grew faster than the next one could follow".to_owned();
    Err(Failure::new("grow to what serves", Error::Launch(text)))
}

/// Keeps the previous group whole and watched, makes sure of the next one once more, and swaps; where traffic was moved.
async fn bring_in<C: Cloud, P: Probe, S>(
    plan: &Plan,
    service: &Service,
    target_group: &TargetGroupArn,
    on: &Tools<'_, C, P, S>,
    run: &mut Run<'_, Undo>,
    health: &mut Health,
) -> Result<RulePlace, Failure> {
    if let Some(previous) = &plan.previous {
        let watch = async |made: &mut _| {
            targets::watch(plan, previous, on.cloud, made).await?;
            next_group::hold_previous(plan, on.cloud, made).await
        };
        run.step("keep the previous group whole", watch).await?;
    }
    let mut from = plan.traffic.before.clone();
    if !plan.swapped {
        from = canary::share(plan, service, target_group, on, run, health).await?;
        catch_up(plan, target_group, on, run, health).await?;
    }
    let step = async |made: &mut _| {
        next_group::hold_previous(plan, on.cloud, made).await?;
        let place = swap(plan, target_group, &from, on.cloud, made).await?;
        claim(plan, &place, on.cloud).await?;
        Ok::<_, Error>(place)
    };
    run.step("swap", step).await
}

/// What is done behind the point of no return. Failures are returned as what is left to do.
async fn finish<C: Cloud, P: Probe, S: LaterLists<Undo>>(
    plan: &Plan,
    on: &Tools<'_, C, P, S>,
    now: Timestamp,
    run: &mut Run<'_, Undo>,
) -> Vec<String> {
    let mut loose = Vec::new();
    if let Some(previous) = &plan.previous {
        let until = now + plan.keep;
        let keep = async |_: &mut _| commit::keep(plan, previous, until, on.cloud, on.store).await;
        loose.extend(run.step("keep the previous group", keep).await.err());
    }
    let unexpire = async |_: &mut _| commit::unexpire(plan, on.cloud).await;
    loose.extend(
        run.step("take the mark of scratch off", unexpire)
            .await
            .err(),
    );
    loose
        .iter()
        .map(|failure| format!("{failure}: {}", failure.cause))
        .collect()
}

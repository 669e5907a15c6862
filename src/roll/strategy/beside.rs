//! The next group beside the previous one: made and proven there, then traffic moves to it, in one write a rule (`blue_green`)
//! or in several that each move a share of it (`canary`).
//!
//! This file is the table of contents. Every step is idempotent by name, token and tag, so that a dead run is gone on with
//! by doing the same again; before the commit nothing of the previous group is touched but what a lease tag names.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::super::alarms;
use super::super::bounds;
use super::super::calm::{self, Holding};
use super::super::checks::{Stage, Way, soak};
use super::super::commit;
use super::super::diagnosis::keep_log;
use super::super::error::Error;
use super::super::examine::{asked, look, pilot};
use super::super::flow::{Flow, Led};
use super::super::next_group::{self, grow, wanted};
use super::super::plan::{Plan, Traffic};
use super::super::probe::Probe;
use super::super::retiring::{self, Retiring, Wait, before};
use super::super::run_roll::Tools;
use super::super::swap::{claim, claim_what_serves, name, still_holds, swap};
use super::super::{take, targets, template, test_listener};
use super::{canary, records};
use crate::cloud::{Cloud, Group, RulePlace};
use crate::run::{Clock, Failure, LaterLists, Patience, Readiness, Run};
use crate::template::service::Service;
use crate::undo::Undo;
use crate::undo::floor::Floor;

/// Between two looks at a starting group; targets change at the pace of their health checks, 5 s at the least.
const LOOK: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));
/// Healthy counts when it was seen this many times in a row: one good look may be a lucky moment.
const IN_A_ROW: u32 = 3;
/// How often the live group may grow while the next one catches up.
const ROUNDS: u32 = 10;

/// Rolls. What is left to finish behind the point of no return is returned, not failed.
pub(super) async fn roll<C: Cloud, P: Probe, S: LaterLists<Undo>>(
    plan: &Plan,
    traffic: &Traffic,
    service: &Service,
    on: &Tools<'_, C, P, S>,
    run: &mut Run<'_, Undo>,
) -> Result<Vec<String>, Failure> {
    make_way(plan, service, on, run).await?;
    let (led, began) = make((plan, traffic), service, on, run).await?;
    let mut flow = Flow::new(plan, service, on, run, (Some(led.clone()), began));
    flow.watches.reached(canary::stage(plan, &led));
    let mut started = None;
    if !plan.swapped {
        started = prove(&mut flow).await?;
    }
    flow.watches.reached(Stage::Proven);
    let places = bring_in(&mut flow, &led).await?;
    flow.health.again(Instant::now());
    canary::hold_all(&mut flow).await?;
    flow.run_checks(&service.checks.after, Way::Production)
        .await?;
    flow.watches_pass().await?;
    let office = async |made: &mut _| {
        still_holds(&led, &places, on.cloud).await?;
        bounds::follow(plan, on.cloud, made).await?;
        next_group::let_alarms_act(plan, Some(&led), on.cloud).await?;
        let lacking = next_group::copy_pool(plan, on.cloud).await;
        commit::put_in_office(plan, (started, on.clock.now()), on.cloud).await?;
        Ok::<_, Error>(lacking)
    };
    let lacking = flow.run.step("put in office", office).await?;
    flow.run.commit()?;
    let loose = finish(plan, on, on.clock.now(), flow.run).await;
    Ok(lacking.into_iter().chain(loose).collect())
}

/// Makes everything that the next group needs and the group itself, empty. Returns what leads to it and when the group began.
async fn make<'f, C: Cloud, P, S>(
    (plan, traffic): (&Plan, &'f Traffic),
    service: &Service,
    on: &Tools<'_, C, P, S>,
    run: &mut Run<'_, Undo>,
) -> Result<(Led<'f>, Timestamp), Failure> {
    let cloud = on.cloud;
    if let Some(previous) = &plan.previous {
        let pin = async |made: &mut _| template::pin(plan, previous, cloud, made).await;
        run.step("pin the previous version", pin).await?;
    }
    if let Some(idle) = &plan.next.idle {
        let take = async |made: &mut _| take::take((plan, traffic), idle, cloud, made).await;
        run.step("take the idle group", take).await?;
    }
    let create = async |made: &mut _| template::create(plan, cloud, made).await;
    let (id, version) = run.step("launch template", create).await?;
    let create = async |made: &mut _| targets::create((plan, traffic), service, cloud, made).await;
    let target_group = run.step("target groups", create).await?;
    let led = Led {
        traffic,
        target_group,
    };
    if traffic.follows() > Duration::ZERO {
        let claim = async |_: &mut _| {
            for place in traffic.places() {
                claim(plan, place, cloud).await?;
            }
            Ok::<_, Error>(())
        };
        run.step("name what the records lead to", claim).await?;
    } else if traffic.network {
        let name = async |made: &mut _| name(plan, &led, cloud, made).await;
        run.step("name the next target group", name).await?;
    } else {
        let probe = async |made: &mut _| targets::probe(plan, &led, cloud, made).await;
        run.step("probe rule", probe).await?;
    }
    let began = on.clock.now();
    let template = (&id, version);
    let create =
        async |made: &mut _| next_group::create(plan, template, Some(&led), cloud, made).await;
    run.step("next group", create).await?;
    if traffic.test.is_some() {
        let tested = async |made: &mut _| test_listener::lead(plan, &led, cloud, made).await;
        run.step("test listener", tested).await?;
    }
    Ok((led, began))
}

/// Frees the idle target group of a group that is kept there.
async fn make_way<C: Cloud, P: Probe, S: LaterLists<Undo>>(
    plan: &Plan,
    service: &Service,
    on: &Tools<'_, C, P, S>,
    run: &mut Run<'_, Undo>,
) -> Result<(), Failure> {
    let Some(way) = &plan.make_way else {
        return Ok(());
    };
    if !plan.follows().is_zero() {
        unfollowed(plan, way.kept_until, on.clock, run).await?;
    }
    let by = Retiring {
        service,
        region: plan.region.clone(),
        run: plan.run,
        probe: on.probe,
        stop: on.stop.clone(),
    };
    let hooks = async |_: &mut _| before(&way.group, Some(&by), on.cloud, on.events).await;
    run.step("before it is retired", hooks).await?;
    let due = commit::retirement(&plan.service, &way.group, Some(&way.target_group));
    let wait = Wait {
        events: on.events,
        stop: &on.stop,
        is_needed: true,
    };
    let retire = async || {
        retiring::retire(&due, on.cloud, &wait).await?;
        commit::no_longer(on.store, &plan.service, &way.group)
    };
    run.work("retire the kept group", retire).await
}

/// Waits until no client can still be on the way to a kept group: a rollback may have come from it a moment ago.
async fn unfollowed(
    plan: &Plan,
    kept: Option<Timestamp>,
    clock: &dyn Clock,
    run: &mut Run<'_, Undo>,
) -> Result<(), Failure> {
    let until = clock.now() + plan.follows();
    let until = kept.map_or(until, |kept| kept.min(until));
    let patience = Patience::new(2 * plan.follows(), LOOK.1, LOOK.1);
    let poll = async || {
        Ok::<_, Error>(if until > clock.now() {
            Readiness::NotYet(format!("they may go to the kept group until {until}"))
        } else {
            Readiness::Ready(())
        })
    };
    run.wait("clients follow", &patience, poll).await
}

/// Starts a pilot, then as many machines as serve now, and proves them healthy and right.
/// Returns how long the pilot took, unless it was there before.
pub(super) async fn prove<C: Cloud, P: Probe, S>(
    flow: &mut Flow<'_, '_, C, P, S>,
) -> Result<Option<Duration>, Failure> {
    let (plan, on) = (flow.plan, flow.on);
    let began = Instant::now();
    let first = async |made: &mut _| grow(plan, 1, on.cloud, made).await;
    flow.run.step("pilot machine", first).await?;
    healthy("pilot healthy", pilot, 1, flow).await?;
    let started = (!plan.resumed).then(|| began.elapsed());
    catch_up(flow).await?;
    // Targets that join healthy ones get less than their share for a while: the pilot would have most of the traffic.
    if let Some(slow) = plan.slow_start() {
        soak(flow, slow).await?;
    }
    flow.run_checks(&flow.service.checks.before, Way::Probe)
        .await?;
    Ok(started)
}

/// Waits until as many machines are healthy as must be, `times` times in a row; a machine that never gets so speaks for itself.
async fn healthy<C: Cloud, P: Probe, S>(
    name: &'static str,
    floor: impl Fn(&Group) -> Floor,
    times: u32,
    flow: &mut Flow<'_, '_, C, P, S>,
) -> Result<(), Failure> {
    let (plan, cloud) = (flow.plan, flow.on.cloud);
    // The watch has limits of its own and says why; this one only ends a wait that cannot look at all.
    let limit = 2 * (plan.patience.healthy + plan.patience.tried());
    let patience = Patience::new(limit, LOOK.0, LOOK.1).in_a_row(times);
    flow.health.again(Instant::now());
    let behind = flow.target_group();
    let poll = async || {
        let health = &mut flow.health;
        let looked = look(plan, &floor, behind.as_ref(), cloud, health).await?;
        if flow.watches.is_spare() {
            keep_log(flow.service, health, flow.on).await;
        }
        Ok(looked)
    };
    let about = (plan, flow.on);
    let waited = flow
        .watches
        .during(flow.run, about, name, &patience, poll)
        .await;
    flow.with_log(waited).await.map(drop)
}

/// Grows the next group to what the live one is, for as long as that grows too.
pub(super) async fn catch_up<C: Cloud, P: Probe, S>(
    flow: &mut Flow<'_, '_, C, P, S>,
) -> Result<(), Failure> {
    let (plan, cloud) = (flow.plan, flow.on.cloud);
    for _ in 0..ROUNDS {
        let step = async |made: &mut _| {
            let count = wanted(plan, cloud).await?;
            grow(plan, count, cloud, made).await?;
            Ok::<_, Error>(count)
        };
        let count = flow.run.step("grow to what serves", step).await?;
        healthy("next group healthy", asked(plan, count), IN_A_ROW, flow).await?;
        let now = async |_: &mut _| wanted(plan, cloud).await;
        if flow.run.step("look at what serves", now).await? <= count {
            return Ok(());
        }
    }
    let text = "the live group grew faster than the next one could follow".to_owned();
    Err(Failure::new("grow to what serves", Error::Launch(text)))
}

/// Looks at the alarms once more before traffic moves first.
async fn alarms_quiet<C: Cloud, P: Probe, S>(
    flow: &mut Flow<'_, '_, C, P, S>,
) -> Result<(), Failure> {
    let (plan, cloud) = (flow.plan, flow.on.cloud);
    if alarms::names(&plan.checks).is_empty() {
        return Ok(());
    }
    let look = async |_: &mut _| alarms::quiet(plan, cloud).await;
    flow.run.step("look at the alarms", look).await
}

/// Keeps the previous group whole and watched, makes sure of the next one once more, and swaps; where traffic was moved.
async fn bring_in<C: Cloud, P: Probe, S>(
    flow: &mut Flow<'_, '_, C, P, S>,
    led: &Led<'_>,
) -> Result<Vec<RulePlace>, Failure> {
    let (plan, cloud) = (flow.plan, flow.on.cloud);
    if plan.previous.is_some() {
        let watch = async |made: &mut _| {
            targets::watch(plan, led.traffic, cloud, made).await?;
            claim_what_serves(plan, led.traffic, cloud).await?;
            next_group::hold_previous(plan, cloud, made).await
        };
        flow.run
            .step("keep the previous group whole", watch)
            .await?;
    }
    let mut from = led.before();
    if !plan.swapped {
        flow.run_hooks("before the swap", &plan.hooks.before_swap)
            .await?;
        // Behind a share that a dead run has moved they are the watches' to judge.
        if !plan.steps().is_empty() && flow.watches.is_spare() {
            alarms_quiet(flow).await?;
        }
        from = canary::share(flow, led).await?;
        flow.watches_pass().await?;
        // The last look before the write is at health.
        catch_up(flow).await?;
        if flow.watches.is_spare() {
            alarms_quiet(flow).await?;
        }
    }
    let step = async |made: &mut _| {
        next_group::hold_previous(plan, cloud, made).await?;
        bounds::take_over(plan, cloud).await?;
        calm::hold(&plan.next.group, holding(plan, plan.expires), cloud, made).await?;
        next_group::heed_alarms(plan, cloud).await?;
        let places = swap(plan, led, &from, cloud, made).await?;
        for place in &places {
            claim(plan, place, cloud).await?;
        }
        Ok::<_, Error>(places)
    };
    let places = flow.run.step("swap", step).await?;
    flow.watches.reached(Stage::Swapped);
    records::followed(flow, led).await?;
    flow.run_hooks("after the swap", &plan.hooks.after_swap)
        .await?;
    Ok(places)
}

/// What is done behind the point of no return. Failures are returned as what is left to do.
async fn finish<C: Cloud, P: Probe, S: LaterLists<Undo>>(
    plan: &Plan,
    on: &Tools<'_, C, P, S>,
    now: Timestamp,
    run: &mut Run<'_, Undo>,
) -> Vec<String> {
    let loose = hand_over(plan, on, now, run).await;
    settle(plan, on, now, &loose, run).await
}

/// Keeps the previous group, and makes the next one no scratch any more. Gives what failed.
pub(super) async fn hand_over<C: Cloud, P, S: LaterLists<Undo>>(
    plan: &Plan,
    on: &Tools<'_, C, P, S>,
    now: Timestamp,
    run: &mut Run<'_, Undo>,
) -> Vec<Failure> {
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
}

/// Releases the held minimum as soon as that is safe. Gives what is left to do, with what failed before.
pub(super) async fn settle<C: Cloud, P, S: LaterLists<Undo>>(
    plan: &Plan,
    on: &Tools<'_, C, P, S>,
    now: Timestamp,
    failed: &[Failure],
    run: &mut Run<'_, Undo>,
) -> Vec<String> {
    let mut loose: Vec<String> = failed
        .iter()
        .map(|failure| format!("{failure}: {}", failure.cause))
        .collect();
    let by = holding(plan, calm::until(now));
    let settled = calm::settle(&plan.next.group, by, (on.cloud, on.store), run).await;
    let error = settled.err();
    loose.extend(error.map(|error| format!("release the held minimum: {error}")));
    loose
}

pub(super) fn holding(plan: &Plan, until: Timestamp) -> Holding<'_> {
    Holding {
        service: &plan.service,
        run: plan.run,
        until,
    }
}

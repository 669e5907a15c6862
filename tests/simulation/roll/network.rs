//! Services behind a network load balancer: its listeners have no rules, so that what is to be known of a target group is named by them
//! at weight 0.

mod back;
mod kills;
mod others;
mod paired;
mod refused;
mod several;
mod tested;
mod zonal;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use kiln::roll::{Decision, NAMELESS, Verdict, status, work_off_alone};
use kiln::run::Clock as _;
use localcloud::physics::{Behaviour, Service as Answers};

use super::plain::{nothing_left, three};
use super::retire::waiting;
use super::{BLUE_GREEN, Bench, V1, V2, V3, canary, expect, holder, production, quick, soak};

const CANARY: &str = r#"{ "type": "canary", "steps": [
    { "weight": 10, "hold": "10s" }, { "weight": 50, "hold": "10s" }, { "weight": 100, "hold": "10s" } ] }"#;

/// `V1` serves from `web-b`: the listener led to `web-a`, which has no machines, before the first roll.
pub async fn rolled_once() -> Bench {
    by(BLUE_GREEN).await
}

/// The same, and the next roll is a canary.
pub async fn a_canary() -> Bench {
    by(CANARY).await
}

async fn by(strategy: &str) -> Bench {
    let bench = Bench::network(strategy).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    bench
}

/// What the listener gives each target group, by name.
fn led(bench: &Bench) -> BTreeMap<String, u32> {
    let world = bench.cloud.world();
    let rules = production(&world.model).into_iter();
    let shares = rules.flat_map(|rule| rule.forwards);
    let name = |arn: &str| arn.split('/').nth(1).unwrap().to_owned();
    shares.map(|(arn, weight)| (name(&arn), weight)).collect()
}

fn shares(shares: [(&str, u32); 2]) -> BTreeMap<String, u32> {
    shares
        .map(|(name, weight)| (name.to_owned(), weight))
        .into()
}

/// All of the traffic goes to one target group, and the other is named.
fn alone(bench: &Bench, about: &str) {
    let mut weights: Vec<u32> = led(bench).into_values().collect();
    weights.sort_unstable();
    assert_eq!(weights, [0, 1], "{about}");
}

#[tokio::test(start_paused = true)]
async fn rolls_go_there_and_back_and_the_other_target_group_stays_named() {
    let bench = rolled_once().await;
    let watchman = bench.watched();
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(led(&bench), shares([("web-a", 0), ("web-b", 1)]));
    let Some(Decision::Roll(plan)) = bench.plan(V2).await.decision else {
        panic!("it rolls");
    };
    insta::assert_snapshot!(plan.to_string());
    let before = bench.cloud.calls().len();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("second");
    let calls = bench.cloud.calls().split_off(before);
    let writes = calls.iter().filter(|call| *call == "ModifyListener");
    assert_eq!(writes.count(), 1, "it is named already");
    assert!(
        !calls
            .iter()
            .any(|call| call.ends_with("Rule") || call == "DescribeRules"),
        "{calls:?}"
    );
    assert_eq!(led(&bench), shares([("web-a", 1), ("web-b", 0)]));
    let stands = status(&bench.client, "web", bench.cloud.now())
        .await
        .unwrap();
    assert_eq!(stands.rollback_not_ready, [""; 0]);
    assert_eq!((stands.drift, stands.temporary), (vec![], vec![]));
    assert_eq!(stands.rules[0].leads_to.len(), 1);
    let watchman = bench.watched_back();
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    watchman.content("rollback");
    assert_eq!(led(&bench), shares([("web-a", 0), ("web-b", 1)]));
    assert_eq!(bench.serving(), three(V1));
    kiln::roll::clear_hold(&bench.client, "web").await.unwrap();
    expect(&bench.roll(V3).await, Verdict::Done);
    watchman.content("third");
    assert_eq!(bench.serving(), three(V3));
    nothing_left(&bench, "third");
}

#[tokio::test(start_paused = true)]
async fn a_canary_takes_its_steps_by_new_connections() {
    let bench = a_canary().await;
    let watchman = bench.watched();
    let seen = async {
        for percent in [10, 50] {
            canary::reaches(&bench, percent).await;
            let stands = status(&bench.client, "web", bench.cloud.now())
                .await
                .unwrap();
            assert_eq!(stands.canary.map(|(_, share)| share), Some(percent));
        }
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), seen);
    expect(&ended, Verdict::Done);
    watchman.content("a canary");
    assert_eq!(led(&bench), shares([("web-a", 1), ("web-b", 0)]));
    assert_eq!(bench.serving(), three(V2));
    nothing_left(&bench, "a canary");
}

#[tokio::test(start_paused = true)]
async fn machines_of_a_group_that_stays_are_replaced() {
    let bench = Bench::network(r#"{ "type": "rolling" }"#).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    let watchman = bench.watched();
    let before = led(&bench);
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("a refresh");
    assert_eq!(bench.serving(), three(V2));
    assert_eq!(led(&bench), before);
}

/// What fails is as it was found, to the letter: a target group that the roll made is named no more, and is gone.
#[tokio::test(start_paused = true)]
async fn a_roll_that_fails_leaves_the_listener_as_it_was() {
    for service in [
        Answers::WrongStatus(500),
        Answers::DiesAfter(jiff::SignedDuration::from_secs(110)),
    ] {
        let mut bench = others::by_hand().await;
        bench.service.checks.after = vec![soak(5)];
        let before = led(&bench);
        assert_eq!(before.len(), 1);
        let broken = Behaviour { service, ..quick() };
        bench.cloud.world().physics.set_behaviour(V2, broken);
        let watchman = bench.watched();
        watchman.spoilt(V2, false);
        expect(&bench.roll(V2).await, Verdict::Rejected);
        watchman.content("a broken image");
        assert_eq!(led(&bench), before);
        assert_eq!(bench.serving(), three(V1));
        let groups = bench.cloud.world().model.view_target_groups();
        assert_eq!(groups.len(), 1, "{groups:?}");
        nothing_left(&bench, "a broken image");
    }
}

/// docs/complaints.md, row 63: connections of a machine that leaves last until their delay is over, and it is there for so long.
#[tokio::test(start_paused = true)]
async fn no_machine_of_a_retired_group_ends_before_its_connections_may() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    bench.pass(3700).await;
    let left = async {
        let (mut draining, mut ended): (BTreeMap<String, Timestamp>, BTreeMap<String, Timestamp>) =
            Default::default();
        let until = bench.cloud.now() + Duration::from_mins(30);
        while ended.len() < 3 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let now = bench.cloud.now();
            assert!(now < until, "they left {draining:?} and ended {ended:?}");
            let world = bench.cloud.world();
            for group in world.model.view_target_groups() {
                let leaving = group.targets.iter().filter(|one| one.state == "draining");
                for target in leaving {
                    draining.entry(target.instance.clone()).or_insert(now);
                }
            }
            let running = world.model.view_instances().into_iter();
            let running: Vec<_> = running.filter(|one| one.state == "running").collect();
            for id in draining.keys() {
                if !running.iter().any(|one| one.id == *id) {
                    ended.entry(id.clone()).or_insert(now);
                }
            }
        }
        for (id, at) in ended {
            let lasted = at.duration_since(draining[&id]).as_secs();
            assert!(lasted >= 19, "{id} ended {lasted} s after it left");
        }
    };
    let wait = waiting(&bench);
    let now = bench.cloud.now();
    let sweep = holder(bench.next_run(), now);
    let (client, store) = (&bench.client, &bench.store);
    let retire = work_off_alone("web", &sweep, (now, NAMELESS), client, store, &wait);
    let (done, ()) = tokio::join!(retire, left);
    assert_eq!(done.unwrap().unwrap().gone, 1);
    assert_eq!(bench.serving(), three(V2));
    alone(&bench, "a group is retired");
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V3));
}

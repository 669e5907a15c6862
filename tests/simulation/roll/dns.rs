//! Services behind two load balancers, between which weighted records of DNS choose: clients go on to where an old answer led them, and
//! what served them stays whole for as long.

mod destroyed;
mod families;
mod given_back;
mod kills;
mod others;
mod refused;

use std::collections::BTreeMap;

use kiln::roll::{Decision, Verdict, status};
use kiln::run::{Clock as _, Urgency};

use super::plain::{nothing_left, three};
use super::retire::slow::Notes;
use localcloud::model::Service as Api;
use localcloud::physics::{Behaviour, Service as Answers};

use super::{Bench, V1, V2, V3, canary, expect, quick, soak};

const AT_ONCE: &str = r#"{ "type": "dns" }"#;
const STEPS: &str = r#"{ "type": "dns", "steps": [
    { "weight": 10, "hold": "10s" }, { "weight": 50, "hold": "3m" }, { "weight": 100, "hold": "10s" } ] }"#;

/// `V1` serves from `web-b`: the records led to `web-a`, which has no machines, before the first roll.
async fn rolled_once(strategy: &str) -> Bench {
    by(strategy, None).await
}

async fn by(strategy: &str, ttl: Option<i64>) -> Bench {
    let bench = Bench::by_records(strategy, ttl).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    follow(&bench).await;
    bench
}

/// Lets clients follow: nobody goes by the records of before any more.
async fn follow(bench: &Bench) {
    bench.pass(180).await;
    // The model comes to the moment with a call.
    bench.meanwhile(Api::Elb, "DescribeLoadBalancers", &serde_json::json!({}));
}

/// The weight of each record, by its set identifier.
fn weights(bench: &Bench) -> BTreeMap<String, i64> {
    let world = bench.cloud.world();
    let zones = world.model.view_zones();
    let records = world.model.view_records(&zones[0].id).into_iter();
    records.filter_map(|record| record.weighted).collect()
}

fn led(weights: [(&str, i64); 2]) -> BTreeMap<String, i64> {
    weights
        .map(|(name, weight)| (name.to_owned(), weight))
        .into()
}

/// All of the traffic goes to one load balancer.
fn alone(bench: &Bench, about: &str) {
    let mut weights: Vec<i64> = weights(bench).into_values().collect();
    weights.sort_unstable();
    assert_eq!(weights, [0, 1], "{about}");
}

#[tokio::test(start_paused = true)]
async fn rolls_go_there_and_back_by_the_records() {
    let bench = rolled_once(AT_ONCE).await;
    let watchman = bench.watched();
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(weights(&bench), led([("a", 0), ("b", 1)]));
    let Some(Decision::Roll(plan)) = bench.plan(V2).await.decision else {
        panic!("it rolls");
    };
    insta::assert_snapshot!(plan.to_string());
    let before = bench.cloud.calls().len();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("second");
    follow(&bench).await;
    let calls = bench.cloud.calls().split_off(before);
    let writes = calls
        .iter()
        .filter(|call| *call == "ChangeResourceRecordSets");
    assert_eq!(writes.count(), 1);
    let rules = ["CreateRule", "ModifyRule", "ModifyListener", "DeleteRule"];
    assert!(
        !calls.iter().any(|call| rules.contains(&call.as_str())),
        "{calls:?}"
    );
    assert_eq!(weights(&bench), led([("a", 1), ("b", 0)]));
    let stands = status(&bench.client, "web", bench.cloud.now())
        .await
        .unwrap();
    assert_eq!(stands.rollback_not_ready, [""; 0]);
    // A write for the name, and then clients follow.
    assert!(stands.rollback_takes.is_some_and(|seconds| seconds > 60));
    assert_eq!((stands.drift, stands.temporary), (vec![], vec![]));
    let watchman = bench.watched_back();
    let notes = Notes::default();
    let back = bench.go_back(bench.next_run(), None, &notes).await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    let said = notes.0.into_inner().unwrap();
    let old = "clients may go by the old records for 180 s more";
    assert!(said.iter().any(|note| note == old), "{said:?}");
    follow(&bench).await;
    watchman.content("rollback");
    assert_eq!(weights(&bench), led([("a", 0), ("b", 1)]));
    assert_eq!(bench.serving(), three(V1));
    kiln::roll::clear_hold(&bench.client, "web").await.unwrap();
    expect(&bench.roll(V3).await, Verdict::Done);
    follow(&bench).await;
    watchman.content("third");
    assert_eq!(bench.serving(), three(V3));
    nothing_left(&bench, "third");
}

#[tokio::test(start_paused = true)]
async fn shares_rise_in_steps_and_each_is_held_until_clients_follow() {
    let bench = rolled_once(STEPS).await;
    let watchman = bench.watched();
    let seen = async {
        let mut at = Vec::new();
        for percent in [10, 50] {
            canary::reaches(&bench, percent).await;
            at.push(bench.cloud.now());
        }
        let held = at[1].duration_since(at[0]).as_secs();
        assert!(held >= 180, "{held} s");
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), seen);
    expect(&ended, Verdict::Done);
    watchman.content("steps");
    assert_eq!(weights(&bench), led([("a", 1), ("b", 0)]));
    assert_eq!(bench.serving(), three(V2));
    nothing_left(&bench, "steps");
}

/// What fails is as it was found: clients who were led to the next group are served until they have followed.
#[tokio::test(start_paused = true)]
async fn a_roll_that_fails_gives_the_traffic_back_before_its_machines_go() {
    for service in [
        Answers::WrongStatus(500),
        Answers::DiesAfter(jiff::SignedDuration::from_secs(110)),
    ] {
        for strategy in [AT_ONCE, STEPS] {
            let mut bench = rolled_once(strategy).await;
            bench.service.checks.after = vec![soak(5)];
            let before = weights(&bench);
            let broken = Behaviour { service, ..quick() };
            bench.cloud.world().physics.set_behaviour(V2, broken);
            let watchman = bench.watched();
            watchman.spoilt(V2, false);
            expect(&bench.roll(V2).await, Verdict::Rejected);
            watchman.content("a broken image");
            assert_eq!(weights(&bench), before);
            assert_eq!(bench.serving(), three(V1));
            nothing_left(&bench, "a broken image");
        }
    }
}

/// A check fails when half of the clients go to a next group that is well: its machines stay until nobody goes there.
#[tokio::test(start_paused = true)]
async fn machines_that_clients_still_go_to_are_not_taken_away() {
    let bench = rolled_once(STEPS).await;
    let watchman = bench.watched();
    let stopped = async {
        canary::reaches(&bench, 50).await;
        bench.pass(10).await;
        bench.stop.request(Urgency::Ask);
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), stopped);
    expect(&ended, Verdict::Stopped);
    watchman.content("stopped");
    assert_eq!(bench.serving(), three(V1));
    nothing_left(&bench, "stopped");
}

/// The group that a rollback came from has users until clients have followed, and the next roll needs its target group.
#[tokio::test(start_paused = true)]
async fn a_roll_right_behind_a_rollback_waits_until_clients_have_followed() {
    let bench = rolled_once(AT_ONCE).await;
    expect(&bench.roll(V2).await, Verdict::Done);
    follow(&bench).await;
    let watchman = bench.watched_back();
    assert_eq!(bench.rollback().await.verdict, Verdict::Done);
    kiln::roll::clear_hold(&bench.client, "web").await.unwrap();
    expect(&bench.roll(V3).await, Verdict::Done);
    follow(&bench).await;
    watchman.content("a roll behind a rollback");
    assert_eq!(bench.serving(), three(V3));
}

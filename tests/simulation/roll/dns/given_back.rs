//! What clients may still go to stays, whoever takes a roll back, and however.

use kiln::roll::Verdict;
use kiln::run::Urgency;

use super::super::plain::three;
use super::super::{Bench, V1, V2, V3, canary, expect};
use super::others::write;
use super::{STEPS, follow, led, rolled_once, weights};

/// The process dies ten seconds after half of the traffic has moved.
async fn dead_at_half(bench: &Bench) {
    let half = async {
        canary::reaches(bench, 50).await;
        bench.pass(10).await;
    };
    tokio::select! {
        biased;
        () = half => {}
        ended = bench.roll(V2) => panic!("{ended:#?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_group_of_a_dead_roll_that_a_rollback_gave_back_stays_until_nobody_goes_there() {
    let bench = rolled_once(STEPS).await;
    let watchman = bench.watched_back();
    dead_at_half(&bench).await;
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::CleanUpDue, "{back:?}");
    kiln::roll::clear_hold(&bench.client, "web").await.unwrap();
    expect(&bench.roll(V3).await, Verdict::Done);
    watchman.content("a canary that a rollback ended");
    assert_eq!(bench.serving(), three(V3));
}

#[tokio::test(start_paused = true)]
async fn a_death_while_clients_follow_back_makes_nobody_hurry() {
    let mut bench = rolled_once(STEPS).await;
    let watchman = bench.watched();
    let back = async {
        canary::reaches(&bench, 50).await;
        bench.pass(10).await;
        bench.stop.request(Urgency::Ask);
        while weights(&bench) != led([("a", 0), ("b", 1)]) {
            bench.pass(1).await;
        }
        bench.pass(10).await;
    };
    tokio::select! {
        biased;
        () = back => {}
        ended = bench.roll(V2) => panic!("{ended:#?}"),
    }
    bench.stop_again();
    expect(&bench.roll(V3).await, Verdict::Done);
    watchman.content("a death while clients follow");
    assert_eq!(bench.serving(), three(V3));
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_leads_away_in_the_middle_stays_until_nobody_goes_there() {
    let bench = rolled_once(STEPS).await;
    let watchman = bench.watched();
    let meanwhile = async {
        canary::reaches(&bench, 50).await;
        bench.pass(10).await;
        watchman.elsewhere(&bench.cloud, || write(&bench, [("a", 0), ("b", 7)]));
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), meanwhile);
    expect(&ended, Verdict::Traffic);
    follow(&bench).await;
    watchman.content("led away by somebody");
    assert_eq!(weights(&bench), led([("a", 0), ("b", 7)]));
    assert_eq!(bench.serving(), three(V1));
}

//! Canaries that died with a share of the traffic: gone on with, taken back, or ended by a rollback.

use std::time::Duration;

use kiln::roll::{Verdict, status};
use kiln::run::{Clock as _, Urgency};
use localcloud::model::Service as Api;
use serde_json::json;

use super::canary::{base, members, reaches, weights};
use super::plain::{nothing_left, three};
use super::{Bench, DEFAULT_RULE, V1, V2, V3, expect};
use crate::simulation::cloud::Mishap;

/// A canary that was killed with a tenth of the traffic.
async fn dead_at_a_tenth() -> Bench {
    let bench = base().await;
    tokio::select! {
        biased;
        () = reaches(&bench, 10) => {}
        ended = bench.roll(V2) => panic!("{ended:?}"),
    }
    bench.pass(10).await;
    assert_eq!(weights(&bench), [90, 10]);
    bench
}

#[tokio::test(start_paused = true)]
async fn a_dead_canary_shows_and_a_rollback_ends_it() {
    let bench = dead_at_a_tenth().await;
    let stands = status(&bench.client, "web", bench.cloud.now())
        .await
        .unwrap();
    assert!(
        stands.to_string().contains("10 % of the traffic"),
        "{stands}"
    );
    assert_eq!(stands.live.unwrap().group.as_str(), "web-v001");
    assert_eq!(stands.rollback_not_ready, [""; 0]);
    let watchman = bench.watched_back();
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::CleanUpDue, "{back:?}");
    assert_eq!(back.from.unwrap().as_str(), "web-v002");
    assert_eq!(bench.serving(), three(V1));
    expect(&bench.roll(V3).await, Verdict::Frozen);
    kiln::roll::clear_hold(&bench.client, "web").await.unwrap();
    expect(&bench.roll(V3).await, Verdict::Done);
    watchman.content("a rollback of a dead canary");
    assert_eq!(bench.serving(), three(V3));
    nothing_left(&bench, "a rollback of a dead canary");
}

#[tokio::test(start_paused = true)]
async fn trouble_at_any_call_of_that_rollback_leaves_it_to_be_done_again() {
    let base = dead_at_a_tenth().await;
    for mishap in [
        Mishap::Refused,
        Mishap::AnswersLost,
        Mishap::KilledBefore,
        Mishap::KilledAfter,
    ] {
        for at in 1.. {
            let bench = base.fork().await;
            let watchman = bench.watched_back();
            bench.cloud.plan(at, mishap);
            let back = tokio::select! {
                biased;
                () = bench.cloud.killed() => None,
                back = bench.rollback() => Some(back),
            };
            bench.cloud.calm();
            let calls = bench.cloud.calls();
            let Some(call) = calls.get(at - 1) else { break };
            let about = format!("{mishap:?} at call {at}, {call}: {back:?}");
            match back.map(|back| back.verdict) {
                Some(Verdict::Failed) => assert_eq!(weights(&bench), [90, 10], "{about}"),
                Some(Verdict::CleanUpDue) => assert_eq!(weights(&bench), [1], "{about}"),
                Some(Verdict::Traffic) | None => {}
                Some(other) => panic!("{about}: {other:?}"),
            }
            if weights(&bench) == [1] {
                let stands = status(&bench.client, "web", bench.cloud.now())
                    .await
                    .unwrap();
                // What could not be said is told.
                let told = matches!(mishap, Mishap::Refused | Mishap::AnswersLost);
                assert!(stands.hold.is_some() || told, "{about}");
            } else {
                let again = bench.rollback().await;
                assert_eq!(again.verdict, Verdict::CleanUpDue, "{about}: {again:?}");
                assert_eq!(weights(&bench), [1], "{about}");
            }
            watchman.content(&about);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_canary_that_was_scaled_away_is_left_by_a_rollback() {
    let bench = dead_at_a_tenth().await;
    let given = json!({ "AutoScalingGroupName": "web-v002", "MinSize": 0, "DesiredCapacity": 0 });
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &given);
    bench.pass(120).await;
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::CleanUpDue, "{back:?}");
    assert_eq!(weights(&bench), [1]);
    assert_eq!(bench.serving(), three(V1));
}

#[tokio::test(start_paused = true)]
async fn a_rollback_does_not_lead_all_of_the_traffic_to_a_sick_group() {
    let bench = dead_at_a_tenth().await;
    for id in members(&bench, "web-v001").into_iter().take(2) {
        let given = json!({ "InstanceId": [id] });
        bench.meanwhile(Api::Ec2, "TerminateInstances", &given);
    }
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Failed, "{back:?}");
    assert_eq!(weights(&bench), [90, 10]);
    let back = bench.rollback_by(Some("it is worse")).await;
    assert_eq!(back.verdict, Verdict::CleanUpDue, "{back:?}");
    assert_eq!(weights(&bench), [1]);
}

#[tokio::test(start_paused = true)]
async fn other_steps_go_on_from_what_a_dead_canary_reached() {
    for strategy in [
        r#"{ "type": "canary", "steps": [{ "weight": 25, "hold": "5s" }, { "weight": 100, "hold": "5s" }] }"#,
        super::BLUE_GREEN,
    ] {
        let mut bench = dead_at_a_tenth().await;
        bench.service.strategy = Bench::by(DEFAULT_RULE, strategy).await.service.strategy;
        let watchman = bench.watched();
        for second in [0, 2, 20] {
            let stopped = bench.fork().await;
            let stop = async {
                tokio::time::sleep(Duration::from_secs(second)).await;
                stopped.stop.request(Urgency::Ask);
            };
            let (ended, ()) = tokio::join!(stopped.roll(V2), stop);
            expect(&ended, Verdict::Stopped);
            assert_eq!(weights(&stopped), [1], "stopped after {second} s");
        }
        expect(&bench.roll(V2).await, Verdict::Done);
        watchman.content(strategy);
        assert_eq!(weights(&bench), [1]);
        assert_eq!(bench.serving(), three(V2));
        nothing_left(&bench, strategy);
    }
}

#[tokio::test(start_paused = true)]
async fn what_goes_on_with_a_dead_canary_can_still_take_all_of_it_back() {
    for lost in [false, true] {
        let bench = dead_at_a_tenth().await;
        let watchman = bench.watched();
        if lost {
            bench.journals.lose();
        }
        let stop = async {
            reaches(&bench, 50).await;
            bench.stop.request(Urgency::Ask);
        };
        let (ended, ()) = tokio::join!(bench.roll(V2), stop);
        expect(&ended, Verdict::Stopped);
        assert_eq!(weights(&bench), [1], "lost: {lost}");
        assert_eq!(bench.serving(), three(V1), "lost: {lost}");
        nothing_left(&bench, "a canary gone on with and stopped");
        watchman.content("a canary gone on with and stopped");
    }
}

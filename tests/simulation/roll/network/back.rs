//! The way back by a listener of a network load balancer, whatever dies or fails on it.

use kiln::roll::{Verdict, status};
use kiln::run::Clock as _;
use localcloud::model::Service as Api;
use serde_json::json;

use super::super::plain::three;
use super::super::trouble::{about, killed_back_is_finished};
use super::super::{Bench, V1, V2, V3, expect};
use super::{alone, rolled_once};
use crate::simulation::cloud::Mishap;

/// `V2` serves, and `V1` is kept.
async fn swapped() -> Bench {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    bench
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_dies_anywhere_is_finished_by_the_next() {
    let is_led = |bench: &Bench| bench.serving() == three(V1);
    killed_back_is_finished(&swapped().await, is_led, alone).await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_says_failed_has_moved_nothing() {
    let base = swapped().await;
    for mishap in [Mishap::Refused, Mishap::Down, Mishap::AnswersLost] {
        for at in 1.. {
            let bench = base.fork().await;
            let watchman = bench.watched_back();
            bench.cloud.plan(at, mishap);
            let back = bench.rollback().await;
            bench.cloud.calm();
            if bench.cloud.calls().len() < at {
                break;
            }
            let about = format!("{}: {back:?}", about(&bench, at, mishap));
            watchman.content(&about);
            alone(&bench, &about);
            match back.verdict {
                Verdict::Failed => assert_eq!(bench.serving(), three(V2), "{about}"),
                Verdict::Traffic => {}
                _ => assert_eq!(bench.serving(), three(V1), "{about}"),
            }
        }
    }
}

/// Its health is known for as long as it is named, and it is no group to go back to.
#[tokio::test(start_paused = true)]
async fn a_second_rollback_does_not_lead_to_what_the_first_came_from() {
    let bench = swapped().await;
    assert_eq!(bench.rollback().await.verdict, Verdict::Done);
    let shown = status(&bench.client, "web", bench.cloud.now())
        .await
        .unwrap();
    let reasons = shown.rollback_not_ready.join("");
    assert!(
        reasons.contains("group web-v002 is not the one that web-v001 took the place of"),
        "{reasons}"
    );
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Failed, "{back:?}");
    assert_eq!(bench.serving(), three(V1));
}

/// A tool that owns the listener too puts back what it knows: nobody knows the kept group's health then.
#[tokio::test(start_paused = true)]
async fn a_kept_group_that_somebody_takes_out_of_the_listener_is_not_gone_back_to() {
    let bench = swapped().await;
    let (listener, serving) = {
        let world = bench.cloud.world();
        let mut groups = world.model.view_target_groups().into_iter();
        let serving = groups.find(|group| group.name == "web-a").unwrap().arn;
        (world.model.view_listeners().remove(0).arn, serving)
    };
    let alone = json!([{ "Type": "forward", "TargetGroupArn": serving }]);
    let given = json!({ "ListenerArn": listener, "DefaultActions": alone });
    bench.meanwhile(Api::Elb, "ModifyListener", &given);
    bench.pass(60).await;
    let shown = status(&bench.client, "web", bench.cloud.now())
        .await
        .unwrap();
    let reasons = shown.rollback_not_ready.join("");
    assert!(
        reasons.contains("nobody knows whether group web-v001 is healthy"),
        "{reasons}"
    );
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Failed, "{back:?}");
    assert_eq!(bench.serving(), three(V2));
    // The next roll names its target group again.
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V3));
}

//! Traffic that a failed roll puts back: to as many machines as there were, but at once where what serves is worse.

use std::time::Duration;

use kiln::roll::Verdict;
use kiln::run::Urgency;
use kiln::template::service::CheckKind;
use localcloud::model::Service as Api;
use serde_json::json;

use super::canary::members;
use super::plain::{rolled_once, three};
use super::{Bench, V1, V2, expect};

/// Ends one machine of a group, as a spot interruption does.
fn lose_one(bench: &Bench, group: &str) {
    let id = members(bench, group).remove(0);
    bench.meanwhile(
        Api::Ec2,
        "TerminateInstances",
        &json!({ "InstanceId": [id] }),
    );
}

/// A second roll that is stopped in its soak, a moment after what served before has lost a machine.
async fn stopped_short(also: impl FnOnce(&Bench)) -> usize {
    let mut bench = rolled_once().await;
    bench.service.checks.after[0].kind = CheckKind::Soak(Duration::from_mins(5));
    let trouble = async {
        tokio::time::sleep(Duration::from_secs(200)).await;
        assert_eq!(bench.serving(), three(V2), "the swap was made");
        lose_one(&bench, "web-v001");
        also(&bench);
        tokio::time::sleep(Duration::from_secs(1)).await;
        bench.stop.request(Urgency::Ask);
        while !bench.serving().contains_key(V1) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        bench.serving()[V1]
    };
    let (ended, healthy) = tokio::join!(bench.roll(V2), trouble);
    expect(&ended, Verdict::Stopped);
    healthy
}

#[tokio::test(start_paused = true)]
async fn traffic_goes_back_once_what_served_before_is_whole_again() {
    let healthy = stopped_short(|_| {}).await;
    assert_eq!(healthy, 3);
}

#[tokio::test(start_paused = true)]
async fn traffic_goes_back_at_once_where_what_serves_is_worse() {
    let all = |bench: &Bench| {
        for id in members(bench, "web-v002") {
            bench.meanwhile(
                Api::Ec2,
                "TerminateInstances",
                &json!({ "InstanceId": [id] }),
            );
        }
    };
    let healthy = stopped_short(all).await;
    assert_eq!(healthy, 2);
}

#[tokio::test(start_paused = true)]
async fn where_no_group_is_kept_any_more_a_rollback_names_the_image_before() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    bench.pass(2 * 60 * 60).await;
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    assert_eq!(bench.groups().len(), 1);
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Failed, "{back:?}");
    let said = back.reasons.join("; ");
    let roll = format!("`kiln roll web.json --image {V1}` rolls the one that served before");
    assert!(said.contains(&roll), "{said}");
    assert_eq!(bench.serving(), three(V2));
}

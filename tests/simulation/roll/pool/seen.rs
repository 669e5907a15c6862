//! What the invariants see of warm pools.

use kiln::roll::Verdict;
use kiln::run::Clock as _;
use localcloud::model::Service as Api;
use serde_json::json;

use super::super::plain::rolled_once;
use super::super::{Bench, V2, Watchman, expect, left_over};
use super::{pooled, untag};

fn delete(bench: &Bench) {
    let given = json!({ "AutoScalingGroupName": "web-v001" });
    bench.meanwhile(Api::AutoScaling, "DeleteWarmPool", &given);
}

#[track_caller]
fn finds(watchman: &Watchman, what: &str) {
    let found = watchman.finding().unwrap_or_default();
    assert!(found.contains(what), "{found}");
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_goes_before_its_group_is_retired_is_seen() {
    let base = pooled(rolled_once().await).await;
    expect(&base.roll(V2).await, Verdict::Done);
    for (is_ours, found) in [(true, "I3: the warm pool of web-v001"), (false, "I6: ")] {
        let bench = base.fork().await;
        if !is_ours {
            untag(&bench);
        }
        let watchman = bench.watched();
        bench.pass(5).await;
        watchman.content("before");
        delete(&bench);
        bench.pass(5).await;
        finds(&watchman, found);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_does_not_go_over_is_seen() {
    let bench = pooled(rolled_once().await).await;
    bench.cloud.deny("PutWarmPool");
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::CleanUpDue);
    watchman.content("it is not done");
    let now = bench.cloud.now();
    watchman.done(&bench.cloud.world().model, now);
    finds(&watchman, "I5: the warm pool of web-v002 is None");
}

#[tokio::test(start_paused = true)]
async fn a_pool_of_an_emptied_group_is_seen() {
    let bench = pooled(rolled_once().await).await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let left = |bench: &Bench| left_over(&bench.cloud.world().model, &bench.store.due());
    assert_eq!(left(&bench), [""; 0]);
    let given = json!({ "AutoScalingGroupName": "web-v001", "MinSize": 0, "DesiredCapacity": 0 });
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &given);
    assert_eq!(left(&bench), ["a warm pool on web-v001, which is empty"]);
}

//! A pair of groups behind a network load balancer.

use kiln::roll::Verdict;
use localcloud::model::Service as Api;
use serde_json::json;

use super::super::pair::{make_group, make_template, paired};
use super::super::plain::{nothing_left, three};
use super::super::trouble::{
    killed_at_each, killed_back_is_finished, killed_for_another, stopped_everywhere,
    trouble_everywhere,
};
use super::super::world::{account, by_connections, seed_connections};
use super::super::{BLUE_GREEN, Bench, V1, V2, V3, expect, text};
use super::{CANARY, alone, led, shares};
use crate::simulation::cloud::Mishap;

/// `web-blue` serves `V1` from `web-a`, `web-green` is empty, and no roll has been there.
async fn untouched(strategy: &str) -> Bench {
    let file = paired(&by_connections())
        .replace("STRATEGY", strategy)
        .replace("RULE", r#"{ "port": 80 }"#);
    let bench = Bench::seeded(account(), seed_connections, &file).await;
    let (vpc, serving) = {
        let world = bench.cloud.world();
        let vpc = world.model.view_vpc().to_owned();
        (vpc, world.model.view_target_groups().remove(0).arn)
    };
    let given = json!({"Name": "web-b", "Protocol": "TCP", "Port": 80, "VpcId": vpc, "HealthCheckProtocol": "HTTP",
        "HealthCheckPath": "/healthz", "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2,
        "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2});
    let made = bench.meanwhile(Api::Elb, "CreateTargetGroup", &given);
    let idle = text(&made, "TargetGroups.0.TargetGroupArn");
    let delay = json!([{"Key": "deregistration_delay.timeout_seconds", "Value": "20"}]);
    let given = json!({"TargetGroupArn": idle, "Attributes": delay});
    bench.meanwhile(Api::Elb, "ModifyTargetGroupAttributes", &given);
    make_template(&bench, "web", V1, "t3.small");
    make_group(&bench, "web-blue", ("web", "1"), 3, &serving);
    make_group(&bench, "web-green", ("web", "1"), 0, &idle);
    bench.pass(90).await;
    assert_eq!(bench.serving(), three(V1));
    bench
}

fn filled(bench: &Bench) -> Vec<(String, i64)> {
    let groups = bench.groups().into_iter();
    groups.map(|(name, count, _)| (name, count)).collect()
}

#[tokio::test(start_paused = true)]
async fn rolls_alternate_and_go_back_by_one_write() {
    let bench = untouched(BLUE_GREEN).await;
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("to the other group");
    assert_eq!(led(&bench), shares([("web-a", 0), ("web-b", 1)]));
    nothing_left(&bench, "to the other group");
    let watchman = bench.watched_back();
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    watchman.content("rollback");
    assert_eq!(led(&bench), shares([("web-a", 1), ("web-b", 0)]));
    assert_eq!(bench.serving(), three(V1));
    kiln::roll::clear_hold(&bench.client, "web").await.unwrap();
    let watchman = bench.watched();
    expect(&bench.roll(V3).await, Verdict::Done);
    watchman.content("to the other group again");
    assert_eq!(bench.serving(), three(V3));
    bench.pass(3700).await;
    expect(&bench.roll(V3).await, Verdict::NothingToDo);
    let there = |name: &str, count| (name.to_owned(), count);
    assert_eq!(
        filled(&bench),
        [there("web-blue", 0), there("web-green", 3)]
    );
    alone(&bench, "emptied");
    nothing_left(&bench, "emptied");
}

#[tokio::test(start_paused = true)]
async fn a_kill_at_any_call_is_gone_on_with() {
    killed_at_each(
        &untouched(BLUE_GREEN).await,
        (Mishap::KilledBefore, 3),
        alone,
    )
    .await;
    killed_at_each(&untouched(CANARY).await, (Mishap::KilledAfter, 3), alone).await;
}

#[tokio::test(start_paused = true)]
async fn trouble_at_any_call_or_a_stop_gives_the_idle_group_back() {
    let base = untouched(BLUE_GREEN).await;
    for mishap in [Mishap::Refused, Mishap::AnswersLost] {
        trouble_everywhere(&base, mishap).await;
    }
    stopped_everywhere(&base, 60, 3).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_another_image_or_a_rollback_goes_on() {
    let base = untouched(BLUE_GREEN).await;
    killed_for_another(&base, 2, alone).await;
    expect(&base.roll(V2).await, Verdict::Done);
    let is_back = |bench: &Bench| led(bench) == shares([("web-a", 1), ("web-b", 0)]);
    killed_back_is_finished(&base, is_back, alone).await;
}

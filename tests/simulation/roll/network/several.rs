//! Several listeners of a network load balancer that are rolled as one.

use std::collections::BTreeSet;

use kiln::roll::Verdict;
use localcloud::model::Service as Api;
use serde_json::json;

use super::super::plain::{nothing_left, three};
use super::super::trouble::{
    first_killed, killed_at_each, killed_back_is_finished, killed_for_another, stopped_everywhere,
    trouble_everywhere,
};
use super::super::world::{account, by_connections, seed_connections};
use super::super::{BLUE_GREEN, Bench, V1, V2, expect};
use super::CANARY;
use crate::simulation::cloud::Mishap;

/// Nothing serves yet; both listeners lead to `web-a`.
async fn fresh(strategy: &str) -> Bench {
    let text = by_connections()
        .replace("STRATEGY", strategy)
        .replace("RULE", r#"{ "port": 80 }, { "port": 443 }"#);
    let bench = Bench::seeded(account(), seed_connections, &text).await;
    let (balancer, group) = {
        let world = bench.cloud.world();
        let listener = world.model.view_listeners().remove(0);
        (
            listener.balancer,
            world.model.view_target_groups().remove(0).arn,
        )
    };
    let leads = json!([{ "Type": "forward", "TargetGroupArn": group }]);
    let given = json!({ "LoadBalancerArn": balancer, "Protocol": "TCP", "Port": 443, "DefaultActions": leads });
    bench.meanwhile(Api::Elb, "CreateListener", &given);
    bench
}

/// `V1` serves from `web-b` by both.
async fn rolled_once(strategy: &str) -> Bench {
    let bench = fresh(strategy).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    bench
}

/// What the listeners do, each once.
fn led(bench: &Bench) -> BTreeSet<Vec<(String, u32)>> {
    let listeners = bench.cloud.world().model.view_listeners().into_iter();
    let each = listeners.map(|listener| {
        let shares = listener.rules[0].forwards.iter();
        let name = |arn: &String| arn.split('/').nth(1).unwrap().to_owned();
        let mut shares: Vec<_> = shares.map(|(arn, weight)| (name(arn), *weight)).collect();
        shares.sort();
        shares
    });
    each.collect()
}

/// Both do the same: all goes to one target group, and the other is named.
#[track_caller]
fn together(bench: &Bench, about: &str) {
    let led = led(bench);
    assert_eq!(led.len(), 1, "{about}: {led:?}");
    let mut weights: Vec<u32> = led.iter().flatten().map(|(_, weight)| *weight).collect();
    weights.sort_unstable();
    assert_eq!(weights, [0, 1], "{about}: {led:?}");
}

#[tokio::test(start_paused = true)]
async fn they_go_there_and_back_as_one() {
    let bench = rolled_once(CANARY).await;
    together(&bench, "first");
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("two listeners");
    together(&bench, "second");
    assert_eq!(bench.serving(), three(V2));
    nothing_left(&bench, "two listeners");
    let watchman = bench.watched_back();
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    watchman.content("rollback");
    together(&bench, "back");
    assert_eq!(bench.serving(), three(V1));
}

#[tokio::test(start_paused = true)]
async fn a_kill_at_any_call_is_gone_on_with_by_both() {
    let base = rolled_once(BLUE_GREEN).await;
    killed_at_each(&base, (Mishap::KilledBefore, 3), together).await;
    killed_at_each(
        &rolled_once(CANARY).await,
        (Mishap::KilledAfter, 3),
        together,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn trouble_at_any_call_or_a_stop_leads_both_back_or_none() {
    let base = rolled_once(BLUE_GREEN).await;
    for mishap in [Mishap::Refused, Mishap::AnswersLost] {
        trouble_everywhere(&base, mishap).await;
    }
    stopped_everywhere(&base, 60, 3).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_another_image_and_a_rollback_lead_both() {
    killed_for_another(&rolled_once(BLUE_GREEN).await, 2, together).await;
    let bench = rolled_once(BLUE_GREEN).await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let is_back = |bench: &Bench| {
        let led = led(bench);
        led.len() == 1
            && led
                .iter()
                .flatten()
                .any(|one| *one == ("web-b".to_owned(), 1))
    };
    killed_back_is_finished(&bench, is_back, together).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_of_the_first_roll_both_lead_to_what_is_there() {
    first_killed(&fresh(BLUE_GREEN).await, false, together).await;
}

/// The first has moved already.
#[tokio::test(start_paused = true)]
async fn somebody_elses_write_between_the_two_takes_the_first_back() {
    let bench = rolled_once(BLUE_GREEN).await;
    let mut written = false;
    bench.cloud.accustom(Box::new(move |mut call| {
        let is_first = call.action == "ModifyListener" && !std::mem::replace(&mut written, true);
        let listeners = call.world.model.view_listeners();
        let groups = call.world.model.view_target_groups();
        let answer = call.world.answer(&call.request, call.now);
        if is_first {
            let second = listeners.iter().find(|one| one.port == 443).unwrap();
            let serving = groups.iter().find(|one| one.name == "web-b").unwrap();
            let leads = json!([{ "Type": "forward", "TargetGroupArn": serving.arn }]);
            let given = json!({ "ListenerArn": second.arn, "DefaultActions": leads });
            call.also(Api::Elb, "ModifyListener", &given);
        }
        written |= is_first;
        answer
    }));
    let watchman = bench.watched();
    let ended = bench.roll(V2).await;
    watchman.content("a second writer of the second listener");
    expect(&ended, Verdict::Traffic);
    assert_eq!(bench.serving(), three(V1));
    let led: Vec<_> = led(&bench).into_iter().collect();
    let alone = vec![("web-b".to_owned(), 1)];
    let named = vec![("web-a".to_owned(), 0), ("web-b".to_owned(), 1)];
    assert_eq!(led, [named, alone], "the other is as its writer wanted");
}

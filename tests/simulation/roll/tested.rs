//! Services with a test listener: the next group is proven by a listener of its own, which has no users.

mod refused;

use std::collections::BTreeSet;
use std::time::Duration;

use kiln::roll::{Decision, Verdict, status};
use kiln::run::Clock as _;
use localcloud::model::Service as Api;
use localcloud::physics::Behaviour;
use serde_json::json;

use super::plain::{nothing_left, three};
use super::trouble::{
    first_killed, killed_and, killed_for_another, stopped_everywhere, trouble_everywhere,
};
use super::world::{self, TEST_PORT as PORT, account, seed};
use super::{BLUE_GREEN, Bench, V1, V2, V3, canary, expect, quick};
use crate::simulation::cloud::Mishap;

const CANARY: &str = r#"{ "type": "canary", "steps": [
    { "weight": 50, "hold": "10s" }, { "weight": 100, "hold": "10s" } ] }"#;

/// Nothing serves yet; the test listener answers 404 by itself.
async fn fresh(strategy: &str) -> Bench {
    let header = r#""probe": { "header": "x-kiln-probe" }"#;
    assert!(world::SERVICE.contains(header));
    let text = world::SERVICE
        .replace(header, &format!(r#""probe": {{ "port": {PORT} }}"#))
        .replace("RULE", r#"{ "port": 80 }"#)
        .replace("STRATEGY", strategy);
    let bench = Bench::seeded(account(), seed, &text).await;
    let fixed = json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]);
    let balancer = bench
        .cloud
        .world()
        .model
        .view_listeners()
        .remove(0)
        .balancer;
    let given = json!({ "LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": PORT, "DefaultActions": fixed });
    bench.meanwhile(Api::Elb, "CreateListener", &given);
    bench
}

/// `V1` serves, and the test listener leads to its target group, as code that makes both may have it.
async fn rolled_once() -> Bench {
    by(BLUE_GREEN).await
}

async fn by(strategy: &str) -> Bench {
    let bench = fresh(strategy).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    led(&bench, "web-a");
    bench
}

/// Somebody leads the test listener to a target group.
fn led(bench: &Bench, name: &str) {
    let (listener, arn) = (test_listener(bench).arn, arn_of(bench, name));
    let actions = json!([{ "Type": "forward", "TargetGroupArn": arn }]);
    let given = json!({ "ListenerArn": listener, "DefaultActions": actions });
    bench.meanwhile(Api::Elb, "ModifyListener", &given);
}

fn arn_of(bench: &Bench, name: &str) -> String {
    let groups = bench.cloud.world().model.view_target_groups();
    let mut named = groups.into_iter().filter(|group| group.name == name);
    named.next().unwrap().arn
}

fn test_listener(bench: &Bench) -> localcloud::model::view::ListenerView {
    let listeners = bench.cloud.world().model.view_listeners();
    let mut found = listeners.into_iter().filter(|one| one.port == PORT);
    found.next().unwrap()
}

/// What is on the test listener: what kiln's rules there are for, and what its owner has it do.
fn at_rest(bench: &Bench, about: &str) {
    let listener = test_listener(bench);
    let (rules, defaults): (Vec<_>, Vec<_>) =
        (listener.rules.iter()).partition(|rule| rule.priority.is_some());
    let kinds = rules.iter().map(|rule| rule.tags["kiln:rule"].as_str());
    assert!(kinds.eq(["watch"]), "{about}: {rules:?}");
    let to: Vec<_> = defaults[0].forwards.iter().map(|(arn, _)| arn).collect();
    assert_eq!(to, [&arn_of(bench, "web-a")], "{about}");
}

/// The ports of the listeners that have rules of kiln's now.
fn ports_with_rules(bench: &Bench) -> BTreeSet<u16> {
    let listeners = bench.cloud.world().model.view_listeners().into_iter();
    let with = listeners.filter(|one| one.rules.iter().any(|rule| rule.priority.is_some()));
    with.map(|one| one.port).collect()
}

#[tokio::test(start_paused = true)]
async fn the_next_group_is_proven_there_and_nothing_is_made_where_users_come_in() {
    let bench = rolled_once().await;
    let Some(Decision::Roll(plan)) = bench.plan(V2).await.decision else {
        panic!("it rolls");
    };
    let plan = plan.to_string();
    let line =
        "+ rule on port 8443, the test listener: all requests to web-b, until the end of the roll";
    assert!(plan.contains(line), "{plan}");
    let watchman = bench.watched();
    let seen = async {
        let mut seen = BTreeSet::new();
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            seen.extend(ports_with_rules(&bench));
            if bench.serving() == three(V2) {
                return seen;
            }
        }
    };
    let (ended, ports) = tokio::join!(bench.roll(V2), seen);
    expect(&ended, Verdict::Done);
    watchman.content("by a test listener");
    assert_eq!(ports, BTreeSet::from([PORT]));
    at_rest(&bench, "rolled");
    nothing_left(&bench, "rolled");
    let stands = status(&bench.client, "web", bench.cloud.now())
        .await
        .unwrap();
    assert_eq!(stands.rollback_not_ready, [""; 0]);
    assert_eq!((stands.drift, stands.rules.len()), (vec![], 1));
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(bench.serving(), three(V1));
    kiln::roll::clear_hold(&bench.client, "web").await.unwrap();
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V3));
    nothing_left(&bench, "third");
}

/// Users come by port 80, where the old version answers.
#[tokio::test(start_paused = true)]
async fn what_answers_there_wrongly_never_gets_traffic() {
    let bench = rolled_once().await;
    let wrong = world::SERVICE.replace("{{ image.id }}", V1);
    assert_ne!(wrong, world::SERVICE);
    let wrong = wrong
        .replace("RULE", r#"{ "port": 80 }"#)
        .replace("STRATEGY", BLUE_GREEN);
    let other = Bench::of(&wrong).await;
    let mut bench = bench.fork().await;
    bench.service.checks.before = other.service.checks.before;
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Rejected);
    watchman.content("asked for the old version");
    assert_eq!(bench.serving(), three(V1));
    nothing_left(&bench, "asked for the old version");
}

#[tokio::test(start_paused = true)]
async fn a_group_that_never_gets_healthy_leaves_the_listener_as_it_was() {
    let bench = rolled_once().await;
    let broken = Behaviour {
        service: localcloud::physics::Service::WrongStatus(500),
        ..quick()
    };
    bench.cloud.world().physics.set_behaviour(V2, broken);
    expect(&bench.roll(V2).await, Verdict::Rejected);
    nothing_left(&bench, "never healthy");
    let listener = test_listener(&bench);
    assert_eq!(listener.rules.len(), 1, "{listener:?}");
}

fn rests(bench: &Bench, about: &str) {
    assert_eq!(canary::weights(bench), [1], "{about}");
    at_rest(bench, about);
}

#[tokio::test(start_paused = true)]
async fn a_kill_at_any_call_is_gone_on_with() {
    killed_and(&by(CANARY).await, Mishap::KilledAfter, rests).await;
    killed_and(&rolled_once().await, Mishap::KilledBefore, rests).await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_or_lost_answers_at_any_call_leave_nothing() {
    for mishap in [Mishap::Refused, Mishap::AnswersLost] {
        trouble_everywhere(&rolled_once().await, mishap).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_second_gives_everything_back() {
    stopped_everywhere(&rolled_once().await, 60, 2).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_another_image_first_takes_the_dead_roll_back() {
    killed_for_another(&rolled_once().await, 2, rests).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_of_the_first_roll_any_image_goes_on() {
    first_killed(&fresh(BLUE_GREEN).await, true, |_, _| ()).await;
}

/// Journal and file are lost: names and tags lead to all of it.
#[tokio::test(start_paused = true)]
async fn a_release_takes_the_name_off_and_a_destruction_says_who_leads_there() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let gone = Box::pin(bench.fork()).await;
    bench.pass(300).await;
    let left = bench.leave().await;
    assert_eq!(left.verdict, Verdict::Done, "{left:?}");
    assert_eq!(super::leave::tagged(&bench), [""; 0]);
    let listener = test_listener(&bench);
    assert_eq!(listener.rules.len(), 1, "{listener:?}");
    let look = gone.last_look().await;
    let reasons = look.refused.join(" ");
    assert!(reasons.contains(&test_listener(&gone).arn), "{reasons}");
}

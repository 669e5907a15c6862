//! Network load balancers with a test listener, which leads to the next target group while that is proven.

use std::time::Duration;

use kiln::roll::doctor::Known;
use kiln::roll::{Decision, Verdict, status};
use kiln::run::Clock as _;
use localcloud::model::Service as Api;
use localcloud::physics::{Behaviour, Service as Answers};
use serde_json::{Value, json};

use super::super::doctor::dead_run;
use super::super::plain::{nothing_left, three};
use super::super::trouble::half_made::abandoned;
use super::super::trouble::{
    first_killed, killed, killed_and, killed_at_each, killed_back_is_finished, killed_for_another,
    points, stopped_everywhere, trouble_everywhere,
};
use super::super::world::{TEST_PORT as PORT, account, by_connections, seed_connections};
use super::super::{BLUE_GREEN, Bench, V1, V2, V3, call, expect, quick};
use super::{CANARY, alone};
use crate::simulation::cloud::Mishap;

const LEASE: &str = "kiln:lease:test";

/// Nothing serves yet; the test listener leads to `web-a`, as code that made it wants it for good.
async fn fresh(strategy: &str) -> Bench {
    let command = r#"{ "command": ["check"], "times": 2, "timeout": "1m" }"#;
    let http = r#"{ "http": { "path": "/version", "body": { "equals": "{{ image.id }}" } }, "times": 2, "timeout": "1m" }"#;
    let rules = r#""rules": [ RULE ]"#;
    let text = by_connections();
    assert!(text.contains(command) && text.contains(rules), "{text}");
    let probed = format!(r#""rules": [ {{ "port": 80 }} ], "probe": {{ "port": {PORT} }}"#);
    let text = text.replace(command, http).replace(rules, &probed);
    let text = text.replace("STRATEGY", strategy);
    let bench = Bench::seeded(account(), seed_connections, &text).await;
    let balancer = bench
        .cloud
        .world()
        .model
        .view_listeners()
        .remove(0)
        .balancer;
    let given = json!({ "LoadBalancerArn": balancer, "Protocol": "TCP", "Port": PORT, "DefaultActions": to(&bench, &["web-a"]) });
    bench.meanwhile(Api::Elb, "CreateListener", &given);
    bench
}

/// `V1` serves from `web-b`.
async fn rolled_once() -> Bench {
    by(BLUE_GREEN).await
}

async fn by(strategy: &str) -> Bench {
    let bench = fresh(strategy).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    rests(&bench, "a first roll");
    bench
}

/// A forward to target groups in equal shares.
fn to(bench: &Bench, names: &[&str]) -> Value {
    let groups = bench.cloud.world().model.view_target_groups();
    let of = |name: &&str| {
        let mut of = groups.iter().filter(|group| group.name == **name);
        json!({ "TargetGroupArn": of.next().unwrap().arn, "Weight": 1 })
    };
    let shares: Vec<_> = names.iter().map(of).collect();
    json!([{ "Type": "forward", "ForwardConfig": { "TargetGroups": shares } }])
}

fn listener(bench: &Bench) -> localcloud::model::view::ListenerView {
    let listeners = bench.cloud.world().model.view_listeners();
    let mut found = listeners.into_iter().filter(|one| one.port == PORT);
    found.next().unwrap()
}

/// The names of the target groups that the test listener leads to.
fn led(bench: &Bench) -> Vec<String> {
    let forwards = listener(bench).rules.remove(0).forwards;
    let names = forwards.iter().map(|(arn, _)| arn.split('/').nth(1));
    names.map(|name| name.unwrap().to_owned()).collect()
}

/// Somebody else leads the test listener.
fn lead(bench: &Bench, names: &[&str]) {
    let given = json!({ "ListenerArn": listener(bench).arn, "DefaultActions": to(bench, names) });
    bench.meanwhile(Api::Elb, "ModifyListener", &given);
}

/// It does what its owner has it do, and nothing is borrowed.
#[track_caller]
fn rests(bench: &Bench, about: &str) {
    alone(bench, about);
    assert_eq!(led(bench), ["web-a"], "{about}");
    let tags = listener(bench).tags;
    assert!(!tags.contains_key(LEASE), "{about}: {tags:?}");
}

async fn until_led(bench: &Bench, name: &str) {
    while led(bench) != [name] {
        bench.pass(1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn it_leads_to_the_next_group_while_that_is_proven_and_then_where_it_did() {
    let bench = rolled_once().await;
    assert_eq!(bench.serving(), three(V1));
    let Some(Decision::Roll(plan)) = bench.plan(V2).await.decision else {
        panic!("it rolls");
    };
    let plan = plan.to_string();
    let line = "~ port 8443, the test listener: leads to web-a until the end of the roll, then where it does now";
    assert!(plan.contains(line), "{plan}");
    expect(&bench.roll(V2).await, Verdict::Done);
    rests(&bench, "to where it leads anyway");
    let watchman = bench.watched();
    let seen = async {
        until_led(&bench, "web-b").await;
        let found = bench.examine(Known::default()).await;
        let mut words = found.temporary.iter().map(ToString::to_string);
        assert!(
            words.any(|one| one.contains("test listener of") && one.contains("web-a=1 next:web-b")),
            "{found:?}"
        );
    };
    let (ended, ()) = tokio::join!(bench.roll(V3), seen);
    expect(&ended, Verdict::Done);
    watchman.content("by a test listener");
    assert_eq!(bench.serving(), three(V3));
    rests(&bench, "rolled");
    nothing_left(&bench, "rolled");
    let stands = status(&bench.client, "web", bench.cloud.now())
        .await
        .unwrap();
    assert_eq!(stands.rollback_not_ready, [""; 0]);
    assert_eq!((stands.drift, stands.temporary), (vec![], vec![]));
    let watchman = bench.watched_back();
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    watchman.content("rollback");
    rests(&bench, "back");
    kiln::roll::clear_hold(&bench.client, "web").await.unwrap();
    bench.pass(3700).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    nothing_left(&bench, "after the way back");
}

/// Users come by port 80, where the old version answers.
#[tokio::test(start_paused = true)]
async fn what_answers_wrongly_or_is_never_healthy_gets_no_traffic() {
    let base = rolled_once().await;
    for service in [Answers::WrongStatus(500), Answers::WrongStatus(200)] {
        let mut bench = base.fork().await;
        if service == Answers::WrongStatus(200) {
            let asked = r#""equals": "ami-0000000000000001""#;
            let text = super::super::world::SERVICE.replace(r#""equals": "{{ image.id }}""#, asked);
            let text = text.replace("RULE", r#"{ "port": 80 }"#);
            let other = Bench::of(&text.replace("STRATEGY", BLUE_GREEN)).await;
            bench.service.checks.before = other.service.checks.before;
        } else {
            let broken = Behaviour { service, ..quick() };
            bench.cloud.world().physics.set_behaviour(V2, broken);
        }
        lead(&bench, &["web-b"]);
        let watchman = bench.watched();
        let ended = bench.roll(V2).await;
        expect(&ended, Verdict::Rejected);
        watchman.content("no good");
        assert_eq!(led(&bench), ["web-b"]);
        assert_eq!(bench.serving(), three(V1));
        nothing_left(&bench, "no good");
    }
}

/// The next roll goes to where the listener does not lead at rest.
async fn away(strategy: &str) -> Bench {
    let bench = by(strategy).await;
    lead(&bench, &["web-b"]);
    bench
}

/// As [`rests`], of those.
#[track_caller]
fn rests_away(bench: &Bench, about: &str) {
    alone(bench, about);
    assert_eq!(led(bench), ["web-b"], "{about}");
    let tags = listener(bench).tags;
    assert!(!tags.contains_key(LEASE), "{about}: {tags:?}");
}

#[tokio::test(start_paused = true)]
async fn a_kill_at_any_call_is_gone_on_with() {
    let base = away(BLUE_GREEN).await;
    killed_at_each(&base, (Mishap::KilledBefore, 2), rests_away).await;
    killed_and(&base, Mishap::KilledAfter, rests_away).await;
    killed_at_each(&away(CANARY).await, (Mishap::KilledAfter, 3), rests_away).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_another_image_first_takes_the_dead_roll_back() {
    killed_for_another(&away(BLUE_GREEN).await, 1, rests_away).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_of_the_first_roll_any_image_goes_on() {
    let base = fresh(BLUE_GREEN).await;
    first_killed(&base, false, rests).await;
}

#[tokio::test(start_paused = true)]
async fn trouble_at_any_call_leaves_it_as_it_was() {
    let base = away(BLUE_GREEN).await;
    for mishap in [Mishap::Refused, Mishap::AnswersLost, Mishap::AnswerLost] {
        trouble_everywhere(&base, mishap).await;
        rests_away(&base, "before");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_second_gives_everything_back() {
    stopped_everywhere(&away(BLUE_GREEN).await, 60, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_is_killed_is_finished() {
    let base = away(BLUE_GREEN).await;
    expect(&base.roll(V2).await, Verdict::Done);
    let back = base.fork().await;
    assert_eq!(back.rollback().await.verdict, Verdict::Done);
    let wanted = super::led(&back);
    let is_back = move |bench: &Bench| super::led(bench) == wanted;
    killed_back_is_finished(&base, is_back, rests_away).await;
}

/// Its journal is lost: the tag of the listener says what comes back.
#[tokio::test(start_paused = true)]
async fn the_doctor_leads_it_back_without_a_journal() {
    let base = away(BLUE_GREEN).await;
    let mut led_away = 0;
    for at in points(&base).await {
        let Some(bench) = killed(&base, at, Mishap::KilledAfter).await else {
            panic!("a roll has a call {at}");
        };
        if !listener(&bench).tags.contains_key(LEASE) {
            continue;
        }
        led_away += 1;
        let found = bench.examine(Known::default()).await;
        let known = Known {
            given_up: dead_run(&found),
            ..Known::default()
        };
        let watchman = bench.watched_back();
        let healed = bench.heal(known).await;
        assert_eq!(healed.verdict, Verdict::Done, "{at}: {healed:?}");
        watchman.content("healed");
        rests_away(&bench, "healed");
    }
    assert!(led_away > 10, "{led_away}");
}

/// A roll that died behind its commit, and a rollback instead of the next roll.
#[tokio::test(start_paused = true)]
async fn a_rollback_gives_back_what_a_roll_that_went_through_could_not() {
    let base = away(BLUE_GREEN).await;
    let counted = base.fork().await;
    expect(&counted.roll(V2).await, Verdict::Done);
    let calls = counted.cloud.calls();
    let at = calls.iter().rposition(|call| call == "ModifyListener");
    let bench = killed(&base, at.unwrap(), Mishap::KilledBefore).await;
    let Some(bench) = bench else {
        panic!("a roll has its last call");
    };
    assert!(listener(&bench).tags.contains_key(LEASE));
    assert_eq!(bench.serving(), three(V2));
    let at_rest = bench.fork().await;
    assert_eq!(bench.rollback().await.verdict, Verdict::Done);
    rests_away(&bench, "went back");
    expect(&at_rest.roll(V2).await, Verdict::NothingToDo);
    rests_away(&at_rest, "put right");
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_writes_to_it_stays_and_proves_nothing() {
    let base = away(BLUE_GREEN).await;
    for (at_once, names) in [
        (true, &["web-a", "web-b"][..]),
        (false, &["web-b"]),
        (false, &["web-a", "web-b"]),
    ] {
        let mut bench = base.fork().await;
        // Whatever answers passes.
        for check in &mut bench.service.checks.before {
            if let kiln::template::service::CheckKind::Http(http) = &mut check.kind {
                http.body = None;
            }
        }
        let given =
            json!({ "ListenerArn": listener(&bench).arn, "DefaultActions": to(&bench, names) });
        let watchman = bench.watched();
        if at_once {
            let told = watchman.clone();
            bench
                .cloud
                .ahead("CreateAutoScalingGroup", move |world, now| {
                    told.ahead(world, |world| {
                        call(world, now, Api::Elb, "ModifyListener", &given);
                    });
                });
        }
        let meanwhile = async {
            if !at_once {
                until_led(&bench, "web-a").await;
                watchman.elsewhere(&bench.cloud, || lead(&bench, names));
            }
        };
        let (ended, ()) = tokio::join!(bench.roll(V2), meanwhile);
        watchman.content("a second writer");
        expect(&ended, Verdict::Failed);
        let why = format!("{:?}", ended.failure);
        assert!(why.contains("led elsewhere by someone else"), "{why}");
        assert_eq!(led(&bench), names, "as its writer wanted");
        assert_eq!(bench.serving(), three(V1));
        let tags = listener(&bench).tags;
        assert!(!tags.contains_key(LEASE), "{tags:?}");
        nothing_left(&bench, "a second writer");
    }
}

/// Reads of the load balancer are of up to half a minute before, of whatever a dead run has written.
#[tokio::test(start_paused = true)]
async fn stale_reads_hide_nothing_that_is_to_be_given_back() {
    let base = away(BLUE_GREEN).await;
    let counted = base.fork().await;
    expect(&counted.roll(V2).await, Verdict::Done);
    let calls = counted.cloud.calls();
    for action in ["ModifyListener", "AddTags"] {
        let at = calls.iter().position(|one| one == action).unwrap() + 1;
        let bench = base.fork().await;
        bench.cloud.remember();
        bench.cloud.plan(at, Mishap::KilledAfter);
        assert!(bench.roll_killed(V2).await.is_none());
        bench.cloud.calm();
        let since = tokio::time::Instant::now();
        bench.cloud.ordain(move |call| {
            let passed = since.elapsed();
            let is_read = ["DescribeListeners", "DescribeTags"].contains(&call.action);
            let of_before = is_read && passed < Duration::from_secs(29);
            of_before.then(|| Mishap::Stale(passed + Duration::from_secs(1)))
        });
        expect(&abandoned(&bench).await, Verdict::Done);
        rests_away(&bench, action);
    }
}

#[tokio::test(start_paused = true)]
async fn who_leaves_finds_no_tag_and_who_destroys_is_told() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    bench.pass(300).await;
    let gone = bench.fork().await;
    let left = bench.leave().await;
    assert_eq!(left.verdict, Verdict::Done, "{left:?}");
    assert_eq!(super::super::leave::tagged(&bench), [""; 0]);
    assert_eq!(led(&bench), ["web-a"]);
    let reasons = gone.last_look().await.refused.join(" ");
    assert!(reasons.contains(&listener(&gone).arn), "{reasons}");
}

/// By the invariants, at the next write or fact.
#[tokio::test(start_paused = true)]
async fn a_listener_that_leads_elsewhere_without_a_tag_is_seen() {
    let bench = rolled_once().await;
    let watchman = bench.watched();
    bench.pass(5).await;
    watchman.content("at rest");
    lead(&bench, &["web-b"]);
    bench.pass(5).await;
    let found = watchman.finding().unwrap_or_default();
    assert!(found.contains("I4: test listener"), "{found}");
}

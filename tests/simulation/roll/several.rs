//! Services with several production rules: they are moved one after the other, as one thing, whatever happens between two.

mod asked;
mod back;

use std::time::Duration;

use kiln::roll::{Decision, Verdict};
use localcloud::model::Service as Api;
use serde_json::json;

use super::plain::{nothing_left, three};
use super::trouble::{
    first_killed, killed_and, killed_for_another, stopped_everywhere, trouble_everywhere,
};
use super::{BLUE_GREEN, Bench, V1, V2, V3, canary, expect, production};
use crate::simulation::cloud::Mishap;

/// The default actions of two listeners.
const TWO_PORTS: &str = r#"{ "port": 80 }, { "port": 443 }"#;
/// Two hosts of one listener.
const TWO_HOSTS: &str = r#"{ "port": 80, "match": { "host": ["web.example"] }, "create": true },
    { "port": 80, "match": { "host": ["www.example"] }, "create": true }"#;

const CANARY: &str = r#"{ "type": "canary", "steps": [
    { "weight": 50, "hold": "10s" }, { "weight": 100, "hold": "10s" } ] }"#;

/// A second listener of the load balancer, which answers 404.
fn listen(bench: &Bench, port: u16) {
    let balancer = {
        let world = bench.cloud.world();
        world.model.view_listeners().remove(0).balancer
    };
    let fixed = json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]);
    let given = json!({ "LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": port,
        "DefaultActions": fixed });
    bench.meanwhile(Api::Elb, "CreateListener", &given);
}

/// Nothing serves yet.
async fn ports(strategy: &str) -> Bench {
    let bench = Bench::by(TWO_PORTS, strategy).await;
    listen(&bench, 443);
    bench
}

/// `V1` serves by both listeners.
pub async fn two_ports() -> Bench {
    let bench = ports(BLUE_GREEN).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    bench
}

/// `V1` serves both hosts, and the next roll is a canary.
async fn two_hosts() -> Bench {
    let bench = Bench::by(TWO_HOSTS, CANARY).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    bench
}

/// What each production rule gives its requests to, by the names of target groups.
fn led(bench: &Bench) -> Vec<String> {
    let world = bench.cloud.world();
    let rules = production(&world.model).into_iter();
    let names = rules.map(|rule| {
        let shares = rule.forwards.iter().filter(|(_, weight)| *weight > 0);
        let names = shares.map(|(arn, _)| arn.split('/').nth(1).unwrap().to_owned());
        names.collect::<Vec<_>>().join("+")
    });
    names.collect()
}

/// Both rules lead to one target group and nothing else.
fn together(bench: &Bench, about: &str) {
    let led = led(bench);
    assert_eq!(led.len(), 2, "{about}: {led:?}");
    assert!(
        led[0] == led[1] && !led[0].contains('+'),
        "{about}: {led:?}"
    );
}

/// Has somebody else write to the second listener.
fn close_second(bench: &Bench) {
    let listener = {
        let world = bench.cloud.world();
        let mut listeners = world.model.view_listeners().into_iter();
        listeners.find(|one| one.port == 443).unwrap().arn
    };
    let fixed = json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}]);
    let given = json!({ "ListenerArn": listener, "DefaultActions": fixed });
    bench.meanwhile(Api::Elb, "ModifyListener", &given);
}

#[tokio::test(start_paused = true)]
async fn two_listeners_are_rolled_as_one_and_led_back_as_one() {
    let bench = ports(BLUE_GREEN).await;
    let watchman = bench.watched();
    expect(&bench.roll(V1).await, Verdict::Done);
    watchman.content("a first roll by two listeners");
    together(&bench, "first");
    let ended = bench.plan(V2).await;
    let Some(Decision::Roll(plan)) = &ended.decision else {
        panic!("{ended:?}");
    };
    insta::assert_snapshot!(plan.to_string());
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("a roll by two listeners");
    together(&bench, "second");
    assert_eq!(bench.serving(), three(V2));
    nothing_left(&bench, "two listeners");
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    together(&bench, "back");
    assert_eq!(bench.serving(), three(V1));
}

#[tokio::test(start_paused = true)]
async fn both_rules_of_one_listener_take_each_step_of_a_canary() {
    let bench = two_hosts().await;
    together(&bench, "made");
    let watchman = bench.watched();
    let seen = async {
        while canary::weights(&bench) != [50, 50, 50, 50] {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), seen);
    expect(&ended, Verdict::Done);
    watchman.content("a canary by two rules");
    together(&bench, "a canary by two rules");
    assert_eq!(bench.serving(), three(V2));
    nothing_left(&bench, "a canary by two rules");
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_joins_later_is_led_with_the_others() {
    let both = ports(BLUE_GREEN).await;
    for (first, then) in [
        (r#"{ "port": 80 }"#, TWO_PORTS),
        (r#"{ "port": 80 }"#, MADE),
    ] {
        let mut bench = both.fork().await;
        let rules = async |text: &str| Bench::by(text, BLUE_GREEN).await.service.traffic;
        bench.service.traffic = rules(first).await;
        expect(&bench.roll(V1).await, Verdict::Done);
        bench.service.traffic = rules(then).await;
        let watchman = bench.watched();
        expect(&bench.roll(V2).await, Verdict::Done);
        watchman.content(then);
        together(&bench, then);
        let back = bench.rollback().await;
        assert_eq!(back.verdict, Verdict::Done, "{back:?}");
        together(&bench, then);
        assert_eq!(bench.serving(), three(V1));
    }
}

/// One is there, one is made.
const MADE: &str =
    r#"{ "port": 80 }, { "port": 443, "match": { "path": ["/shop/*"] }, "create": true }"#;

#[tokio::test(start_paused = true)]
async fn a_refusal_at_any_call_takes_all_rules_back() {
    trouble_everywhere(&two_ports().await, Mishap::Refused).await;
}

#[tokio::test(start_paused = true)]
async fn lost_answers_at_any_call_take_all_rules_back_or_none() {
    trouble_everywhere(&two_ports().await, Mishap::AnswersLost).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_second_leads_all_rules_back() {
    stopped_everywhere(&two_ports().await, 60, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_kill_at_any_call_is_gone_on_with_by_all_rules() {
    let base = two_ports().await;
    killed_and(&base, Mishap::KilledBefore, together).await;
    killed_and(&base, Mishap::KilledAfter, together).await;
}

#[tokio::test(start_paused = true)]
async fn a_kill_at_any_call_of_a_canary_is_gone_on_with_by_all_rules() {
    killed_and(&two_hosts().await, Mishap::KilledAfter, together).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_another_image_takes_all_rules_back_first() {
    killed_for_another(&two_ports().await, 1, together).await;
}

/// A first roll that dies between two rules leaves a group that serves by one of them.
#[tokio::test(start_paused = true)]
async fn after_a_kill_of_the_first_roll_any_image_goes_on_by_all_rules() {
    let bases = [
        ports(BLUE_GREEN).await,
        Bench::by(TWO_HOSTS, BLUE_GREEN).await,
    ];
    for base in bases {
        first_killed(&base, true, together).await;
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_write_to_one_rule_before_the_swap_moves_none() {
    let bench = two_ports().await;
    let close = async {
        tokio::time::sleep(Duration::from_secs(15)).await;
        close_second(&bench);
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), close);
    expect(&ended, Verdict::Traffic);
    assert_eq!(led(&bench), ["web-a"], "the other is as its writer wanted");
    assert_eq!(bench.serving(), three(V1));
    nothing_left(&bench, "a second writer of the second rule");
}

/// The first rule has moved already.
#[tokio::test(start_paused = true)]
async fn somebody_elses_write_between_two_rules_takes_the_first_back() {
    let bench = two_ports().await;
    let mut written = false;
    bench.cloud.accustom(Box::new(move |mut call| {
        let is_first = call.action == "ModifyListener" && !std::mem::replace(&mut written, true);
        let mut listeners = call.world.model.view_listeners().into_iter();
        let answer = call.world.answer(&call.request, call.now);
        if is_first {
            let fixed =
                json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}]);
            let second = listeners.find(|one| one.port == 443).unwrap().arn;
            let given = json!({ "ListenerArn": second, "DefaultActions": fixed });
            call.also(Api::Elb, "ModifyListener", &given);
        }
        written |= is_first;
        answer
    }));
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Traffic);
    assert_eq!(led(&bench), ["web-a"], "the other is as its writer wanted");
    assert_eq!(bench.serving(), three(V1));
}

#[tokio::test(start_paused = true)]
async fn two_rolls_at_once_are_one_roll_by_all_rules() {
    let bench = two_ports().await;
    let watchman = bench.watched();
    let (one, other) = tokio::join!(bench.roll(V2), bench.roll(V3));
    let mut ended = [one.verdict, other.verdict];
    ended.sort_by_key(|verdict| *verdict != Verdict::Done);
    assert_eq!(ended, [Verdict::Done, Verdict::Busy]);
    watchman.content("two at once");
    together(&bench, "two at once");
}

#[tokio::test(start_paused = true)]
async fn rules_that_lead_apart_are_refused_with_the_command_that_leads_them_together() {
    let bench = two_ports().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let (listener, first) = {
        let world = bench.cloud.world();
        let listener = world.model.view_listeners().remove(0).arn;
        let mut groups = world.model.view_target_groups().into_iter();
        let first = groups.find(|group| group.name == "web-a");
        (listener, first.unwrap().arn)
    };
    let actions = json!([{ "Type": "forward", "TargetGroupArn": first }]);
    let given = json!({ "ListenerArn": listener, "DefaultActions": actions });
    bench.meanwhile(Api::Elb, "ModifyListener", &given);
    let ended = super::refused::refused(&bench, Verdict::Failed, &["roll::apart"]).await;
    let finding = format!("{:?}", ended.refused);
    for text in [
        "to web-a",
        "to web-b",
        "aws elbv2 modify-listener --listener-arn",
    ] {
        assert!(finding.contains(text), "{finding}");
    }
    let shown = kiln::roll::status(&bench.client, "web", kiln::run::Clock::now(&bench.cloud)).await;
    let drift = shown.unwrap().drift.join("");
    assert!(drift.contains("its rules lead apart"), "{drift}");
}

#[tokio::test(start_paused = true)]
async fn what_keeps_any_of_the_rules_off_is_said_at_its_place() {
    let bench = Bench::by(r#"{ "port": 80 }, { "port": 8443 }"#, BLUE_GREEN).await;
    drop(super::refused::refused(&bench, Verdict::Refused, &["roll::no_listener"]).await);
    let unmade = TWO_HOSTS.replace(
        r#"["www.example"] }, "create": true"#,
        r#"["www.example"] }"#,
    );
    let bench = Bench::by(&unmade, BLUE_GREEN).await;
    drop(super::refused::refused(&bench, Verdict::Refused, &["roll::no_rule"]).await);
}

//! Canaries: shares of the traffic that rise, whatever fails between two of them.

use std::time::Duration;

use kiln::roll::Verdict;
use kiln::run::Clock as _;
use localcloud::model::Service as Api;
use serde_json::json;

use super::plain::{nothing_left, three};
use super::trouble::{killed_for_another, stopped_everywhere, trouble_everywhere};
use super::{Bench, DEFAULT_RULE, V1, V2, V3, expect};
use crate::simulation::cloud::Mishap;

const CANARY: &str = r#"{ "type": "canary", "steps": [
    { "weight": 10, "hold": "20s" }, { "weight": 50, "hold": "20s" }, { "weight": 100, "hold": "10s" } ] }"#;

/// A service that runs `V1` and whose next roll is a canary.
pub async fn base() -> Bench {
    let bench = Bench::by(DEFAULT_RULE, CANARY).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    bench
}

/// The weights that the production rule has, in the order of its target groups.
pub fn weights(bench: &Bench) -> Vec<u32> {
    let world = bench.cloud.world();
    let rules = super::invariants::production(&world.model);
    let forwards = rules.iter().flat_map(|rule| &rule.forwards);
    forwards.map(|(_, weight)| *weight).collect()
}

fn resize(bench: &Bench, group: &str, desired: u32) {
    let given = json!({ "AutoScalingGroupName": group, "DesiredCapacity": desired });
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &given);
}

/// Waits until the canary has so many percent of the traffic.
pub async fn reaches(bench: &Bench, percent: u32) {
    while !weights(bench).contains(&percent) {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_canary_takes_its_steps_and_holds_each() {
    let bench = base().await;
    let plan = bench.plan(V2).await;
    let Some(kiln::roll::Decision::Roll(plan)) = plan.decision else {
        panic!("{plan:?}");
    };
    let text = plan.to_string();
    assert!(
        text.contains("    10 % for 20 s\n    50 % for 20 s\n    100 % for 10 s\n"),
        "{text}"
    );
    let watchman = bench.watched();
    let watch = async {
        let mut seen = Vec::new();
        for percent in [10, 50] {
            reaches(&bench, percent).await;
            seen.push((bench.cloud.now(), weights(&bench)));
        }
        seen
    };
    let (ended, seen) = tokio::join!(bench.roll(V2), watch);
    expect(&ended, Verdict::Done);
    // The holds of 50 and 100 % and the soak behind them.
    let held = bench.cloud.now().duration_since(seen[1].0);
    assert!(held.as_secs() >= 20 + 10 + 30, "{held}");
    watchman.content("a canary");
    assert_eq!((&*seen[0].1, &*seen[1].1), (&[90, 10][..], &[50, 50][..]));
    let between = seen[1].0.duration_since(seen[0].0);
    assert!((20..40).contains(&between.as_secs()), "{between}");
    assert_eq!(bench.serving(), three(V2));
    nothing_left(&bench, "a canary");
    expect(&bench.roll(V3).await, Verdict::Done);
    watchman.content("a second one");
    assert_eq!(bench.serving(), three(V3));
}

#[tokio::test(start_paused = true)]
async fn a_first_roll_has_nothing_to_share_with() {
    let bench = base().await;
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(weights(&bench), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_at_any_call_of_a_canary_is_taken_back() {
    trouble_everywhere(&base().await, Mishap::Refused).await;
}

#[tokio::test(start_paused = true)]
async fn lost_answers_at_any_call_of_a_canary_do_no_harm() {
    trouble_everywhere(&base().await, Mishap::AnswersLost).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_second_of_a_canary_gives_all_traffic_back() {
    stopped_everywhere(&base().await, 100, 1).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_of_a_canary_another_image_first_takes_it_back() {
    killed_for_another(&base().await, 2, |_, _| ()).await;
}

#[tokio::test(start_paused = true)]
async fn the_checks_run_again_at_every_step() {
    let bench = base().await;
    let spoil = async {
        reaches(&bench, 10).await;
        let rules = {
            let world = bench.cloud.world();
            let listener = world.model.view_listeners().remove(0);
            listener.rules
        };
        let is_probe = |rule: &&localcloud::model::view::RuleView| {
            rule.tags.get("kiln:rule").map(String::as_str) == Some("probe")
        };
        let probe = rules.iter().find(is_probe).unwrap();
        bench.meanwhile(Api::Elb, "DeleteRule", &json!({ "RuleArn": probe.arn }));
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), spoil);
    expect(&ended, Verdict::Rejected);
    assert_eq!(bench.serving(), three(V1));
}

#[tokio::test(start_paused = true)]
async fn a_canary_that_sickens_is_left_alone_with_its_share() {
    let bench = base().await;
    let sicken = async {
        reaches(&bench, 50).await;
        for id in members(&bench, "web-v002") {
            let given = json!({ "InstanceId": [id] });
            bench.meanwhile(Api::Ec2, "TerminateInstances", &given);
        }
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), sicken);
    expect(&ended, Verdict::Rejected);
    assert_eq!(bench.serving(), three(V1));
    nothing_left(&bench, "a canary that sickens");
}

pub fn members(bench: &Bench, group: &str) -> Vec<String> {
    let groups = bench.cloud.world().model.view_groups();
    let found = groups.into_iter().find(|one| one.name == group).unwrap();
    let members = found.members.into_iter();
    members.map(|member| member.instance).collect()
}

#[tokio::test(start_paused = true)]
async fn the_next_group_follows_what_serves_between_two_steps() {
    let bench = base().await;
    let watchman = bench.watched();
    let grow = async {
        reaches(&bench, 10).await;
        resize(&bench, "web-v001", 6);
        reaches(&bench, 50).await;
        let there = members(&bench, "web-v002").len();
        let groups = bench.cloud.world().model.view_groups();
        let previous = groups.iter().find(|one| one.name == "web-v001").unwrap();
        let next = groups.iter().find(|one| one.name == "web-v002").unwrap();
        assert!(
            !next.suspended.contains(&"AlarmNotification".to_owned()),
            "it serves"
        );
        let min = previous.min;
        reaches(&bench, 1).await;
        for id in members(&bench, "web-v002").into_iter().take(3) {
            watchman.harmed(&bench.cloud.world().model, &id, false);
            let given = json!({ "InstanceId": [id] });
            bench.meanwhile(Api::Ec2, "TerminateInstances", &given);
        }
        (there, min)
    };
    let (ended, (there, min)) = tokio::join!(bench.roll(V2), grow);
    assert_eq!(there, 6, "before it is asked for half of it");
    assert_eq!(min, 6, "it must be able to take all of it back");
    watchman.content("a scale-out in a canary");
    match ended.verdict {
        Verdict::Done => assert_eq!(bench.serving().get(V2), Some(&6)),
        _ => assert_eq!(bench.serving().get(V1), Some(&6), "{ended:#?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_write_between_two_steps_ends_the_canary() {
    let bench = base().await;
    let reset = async {
        reaches(&bench, 10).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let (listener, first) = {
            let world = bench.cloud.world();
            let rules = super::invariants::production(&world.model);
            let listener = world.model.view_listeners().remove(0).arn;
            (listener, rules[0].forwards[0].0.clone())
        };
        let actions = json!([{ "Type": "forward", "TargetGroupArn": first }]);
        let given = json!({ "ListenerArn": listener, "DefaultActions": actions });
        bench.meanwhile(Api::Elb, "ModifyListener", &given);
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), reset);
    assert_eq!(ended.verdict, Verdict::Failed, "{ended:#?}");
    assert_eq!(bench.serving(), three(V1));
    nothing_left(&bench, "a reset in a canary");
}

//! Step and simple scaling policies: the alarms that set them off are copied with them, and go with their group.

use std::collections::BTreeMap;
use std::time::Duration;

use kiln::roll::{Decision, Verdict};
use localcloud::model::Service as Api;
use localcloud::model::view::AlarmView;
use serde_json::json;

use super::plain::{nothing_left, rolled_once, three};
use super::trouble::{killed_in, stopped_everywhere, trouble_everywhere};
use super::{Bench, V1, V2, V3, expect, text};
use crate::simulation::cloud::Mishap;

const PAGE: &str = "arn:aws:sns:eu-central-1:012345678901:page";

/// A policy of a group, by its ARN.
fn policy(bench: &Bench, group: &str, name: &str, by: i32) -> String {
    let steps = json!([{ "MetricIntervalLowerBound": "0", "ScalingAdjustment": by }]);
    let mut given = json!({"AutoScalingGroupName": group, "PolicyName": name, "PolicyType": "StepScaling",
        "AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps});
    if by < 0 {
        given["StepAdjustments"] =
            json!([{ "MetricIntervalUpperBound": "0", "ScalingAdjustment": by }]);
    }
    let put = bench.meanwhile(Api::AutoScaling, "PutScalingPolicy", &given);
    text(&put, "PolicyARN")
}

fn put(bench: &Bench, name: &str, more: &serde_json::Value) {
    let mut given = json!({"AlarmName": name, "Namespace": "web", "MetricName": "load", "Statistic": "Average",
        "Period": "60", "EvaluationPeriods": "1", "Threshold": "80", "ComparisonOperator": "GreaterThanThreshold",
        "Tags": [{"Key": "team", "Value": "web"}]});
    for (key, value) in more.as_object().unwrap() {
        given[key] = value.clone();
    }
    bench.meanwhile(Api::CloudWatch, "PutMetricAlarm", &given);
}

fn of_group(group: &str) -> serde_json::Value {
    json!([{"Name": "AutoScalingGroupName", "Value": group}])
}

/// Two step policies on the group that serves, one of them for growing by its own load, the other for shrinking by a queue's.
async fn stepped() -> Bench {
    let bench = rolled_once().await;
    step(&bench).await;
    bench
}

/// The same on any service's group.
pub async fn step(bench: &Bench) {
    let out = policy(bench, "web-v001", "out", 1);
    let into = policy(bench, "web-v001", "in", -1);
    put(
        bench,
        "load high",
        &json!({"AlarmActions": [out, PAGE], "OKActions": [PAGE], "Dimensions": of_group("web-v001")}),
    );
    put(
        bench,
        "queue short",
        &json!({"AlarmActions": [into], "MetricName": "queue", "Threshold": "10",
            "ComparisonOperator": "LessThanThreshold"}),
    );
    let now = kiln::run::Clock::now(&bench.cloud);
    let data: Vec<_> = (0..110)
        .map(|minute| {
            let at = now + jiff::SignedDuration::from_mins(minute);
            json!({"MetricName": "queue", "Value": "48", "Timestamp": at.to_string()})
        })
        .collect();
    let data = json!({"Namespace": "web", "MetricData": data});
    bench.meanwhile(Api::CloudWatch, "PutMetricData", &data);
    bench.pass(120).await;
}

pub fn alarms(bench: &Bench) -> BTreeMap<String, AlarmView> {
    let alarms = bench.cloud.world().model.view_alarms().into_iter();
    alarms.map(|alarm| (alarm.name.clone(), alarm)).collect()
}

fn names(bench: &Bench) -> Vec<String> {
    alarms(bench).into_keys().collect()
}

pub fn set(bench: &Bench, name: &str, state: &str) {
    let given = json!({"AlarmName": name, "StateValue": state, "StateReason": "test"});
    bench.meanwhile(Api::CloudWatch, "SetAlarmState", &given);
}

pub fn desired(bench: &Bench, group: &str) -> i64 {
    let groups = bench.groups();
    let found = groups.iter().find(|(name, _, _)| name == group);
    found.unwrap().1
}

#[tokio::test(start_paused = true)]
async fn the_next_group_has_alarms_of_its_own_that_set_its_policies_off() {
    let bench = stepped().await;
    let watchman = bench.watched();
    let Some(Decision::Roll(plan)) = bench.plan(V2).await.decision else {
        panic!("it rolls");
    };
    let shown = plan.to_string();
    assert!(
        shown.contains("+ alarm web-v002-out-load high: as load high, for policy out of web-v002"),
        "{shown}"
    );
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("step policies");
    nothing_left(&bench, "step policies");
    let all = alarms(&bench);
    let high = &all["web-v002-out-load high"];
    assert_eq!(high.dimensions["AutoScalingGroupName"], "web-v002");
    let of = |alarm: &AlarmView, what: &str| {
        let mut actions = alarm.actions.iter();
        actions.any(|action| action.contains(what))
    };
    assert!(
        of(high, "autoScalingGroupName/web-v002:policyName/out"),
        "{high:?}"
    );
    assert!(of(high, PAGE) && !of(high, "web-v001"), "{high:?}");
    let tags = ["team", "kiln:service", "kiln:group"].map(|key| high.tags[key].as_str());
    assert_eq!(tags, ["web", "web", "web-v002"]);
    let low = &all["web-v002-in-queue short"];
    assert!(
        of(low, "autoScalingGroupName/web-v002:policyName/in"),
        "{low:?}"
    );
    set(&bench, "web-v002-out-load high", "ALARM");
    bench.pass(30).await;
    assert_eq!(desired(&bench, "web-v002"), 4);
    assert_eq!(desired(&bench, "web-v001"), 3, "it has its own");
}

#[tokio::test(start_paused = true)]
async fn no_alarm_moves_the_next_group_before_it_serves() {
    let bench = stepped().await;
    let red = async {
        while !names(&bench).contains(&"web-v002-in-queue short".to_owned()) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        set(&bench, "web-v002-in-queue short", "ALARM");
        set(&bench, "web-v002-out-load high", "ALARM");
        while bench.serving() == three(V1) {
            let high = &alarms(&bench)["web-v002-out-load high"].actions;
            assert!(!high.iter().any(|one| one == PAGE), "{high:?}");
            let now = desired(&bench, "web-v002");
            assert!(now <= 3, "{now} machines");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let watchman = bench.watched();
    let (ended, ()) = tokio::join!(bench.roll(V2), red);
    expect(&ended, Verdict::Done);
    watchman.content("red while it is proven");
}

#[tokio::test(start_paused = true)]
async fn a_low_alarm_that_was_copied_does_not_shrink_what_took_over() {
    let bench = stepped().await;
    let red = async {
        while !bench.serving().contains_key(V2) {
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        set(&bench, "web-v002-in-queue short", "ALARM");
    };
    let watchman = bench.watched();
    let (ended, ()) = tokio::join!(bench.roll(V2), red);
    expect(&ended, Verdict::Done);
    bench.pass(50).await;
    watchman.content("a copied low alarm that is red");
    assert_eq!(bench.serving(), three(V2));
}

#[tokio::test(start_paused = true)]
async fn every_roll_copies_them_again_and_they_go_with_their_group() {
    let bench = stepped().await;
    let watchman = bench.watched();
    for image in [V2, V3, V1] {
        expect(&bench.roll(image).await, Verdict::Done);
        nothing_left(&bench, image);
    }
    watchman.content("three in a row");
    // The user's own do what else they did; with their group went what could do nothing any more.
    let of_two = |name: &str| {
        let of = |group: &str| format!("web-{group}-{name}");
        [of("v003"), of("v004")]
    };
    let mut expected = vec!["load high".to_owned()];
    expected.extend(of_two("in-queue short"));
    expected.extend(of_two("out-load high"));
    expected.sort();
    assert_eq!(names(&bench), expected);
    assert_eq!(alarms(&bench)["load high"].actions, [PAGE, PAGE]);
    let fourth = &alarms(&bench)["web-v004-out-load high"].actions;
    assert!(fourth.iter().any(|one| one == PAGE), "{fourth:?}");
    bench.pass(3700).await;
    expect(&bench.roll(V1).await, Verdict::NothingToDo);
    nothing_left(&bench, "retired");
    assert!(!names(&bench).iter().any(|name| name.contains("v003")));
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_cannot_be_copied_is_refused_in_the_plan() {
    let bench = stepped().await;
    let out = policy(&bench, "web-v001", "out", 1);
    let member = {
        let groups = bench.cloud.world().model.view_groups();
        groups[0].members[0].instance.clone()
    };
    put(
        &bench,
        "one machine",
        &json!({"AlarmActions": [out], "Dimensions": [{"Name": "InstanceId", "Value": member}]}),
    );
    put(&bench, "web-v002-out-load high", &json!({}));
    let before = bench.cloud.writes().len();
    let refused = bench.roll(V2).await;
    expect(&refused, Verdict::Failed);
    let found: Vec<_> = (refused.refused.iter())
        .map(|refusal| (refusal.finding.code, refusal.finding.message.clone()))
        .collect();
    let [(name, there), (lost, machine)] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!([*name, *lost], ["roll::alarm_name", "roll::not_copied"]);
    assert!(there.contains("alarm web-v002-out-load high is there already"));
    assert!(
        machine.contains(&format!("it goes by machine {member}")),
        "{machine}"
    );
    assert_eq!(bench.cloud.writes().len(), before);
}

#[tokio::test(start_paused = true)]
async fn alarms_of_a_group_that_somebody_deleted_go_with_the_next_run() {
    let bench = stepped().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let group = json!({"AutoScalingGroupName": "web-v001", "ForceDelete": "true"});
    bench.meanwhile(Api::AutoScaling, "DeleteAutoScalingGroup", &group);
    bench.pass(300).await;
    expect(&bench.roll(V3).await, Verdict::Done);
    let group = json!({"AutoScalingGroupName": "web-v002", "ForceDelete": "true"});
    bench.meanwhile(Api::AutoScaling, "DeleteAutoScalingGroup", &group);
    bench.pass(300).await;
    assert!(names(&bench).contains(&"web-v002-out-load high".to_owned()));
    // Somebody else's that is named alike stays.
    put(&bench, "web-v002-mine", &json!({"AlarmActions": [PAGE]}));
    let plan = bench.plan(V3).await;
    let first = plan.first.join("\n");
    assert!(
        first.contains("alarm web-v002-out-load high of a group that is gone"),
        "{first}"
    );
    let ended = bench.roll(V3).await;
    expect(&ended, Verdict::NothingToDo);
    let left: Vec<_> = (names(&bench).into_iter())
        .filter(|name| name.starts_with("web-v002"))
        .collect();
    assert_eq!(left, ["web-v002-mine"]);
}

#[tokio::test(start_paused = true)]
async fn trouble_leaves_no_alarm() {
    let base = stepped().await;
    trouble_everywhere(&base, Mishap::Refused).await;
    trouble_everywhere(&base, Mishap::AnswersLost).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_leaves_no_alarm() {
    stopped_everywhere(&stepped().await, 60, 5).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_the_same_command_goes_on_with_the_alarms() {
    let base = stepped().await;
    killed_in(&base, Mishap::KilledBefore).await;
    killed_in(&base, Mishap::KilledAfter).await;
}

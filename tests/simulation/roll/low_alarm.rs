//! A group that has just taken over and its own low alarm: its minimum is held until the alarm has been OK once.

use std::time::Duration;

use kiln::roll::{Verdict, status};
use kiln::undo::Undo;
use localcloud::model::Service as Api;
use localcloud::physics::{Behaviour, Service as Answers};
use serde_json::json;

use super::addressed::Warnings;
use super::plain::{nothing_left, rolled_once, three};
use super::regrow::minimum;
use super::trouble::{killed_in, stopped_everywhere, trouble_everywhere};
use super::{Bench, V1, V2, expect, quick};
use crate::simulation::cloud::Mishap;

/// Target tracking on the group that serves, whose copy the next one gets, and a load that neither alarm minds.
async fn tracked() -> Bench {
    let bench = rolled_once().await;
    track(&bench).await;
    bench
}

/// The same on any service's group.
pub async fn track(bench: &Bench) {
    put(bench, "web-v001", &json!([]));
    measure(bench, &json!([]), 110, 48);
    bench.pass(120).await;
}

/// Target tracking of a load of 50 on a group.
pub fn put(bench: &Bench, group: &str, of: &serde_json::Value) {
    let metric =
        json!({"Namespace": "web", "MetricName": "load", "Statistic": "Average", "Dimensions": of});
    let policy = json!({"AutoScalingGroupName": group, "PolicyName": "load", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingConfiguration": {"TargetValue": "50", "CustomizedMetricSpecification": metric}});
    bench.meanwhile(Api::AutoScaling, "PutScalingPolicy", &policy);
}

/// The load of so many minutes from now on.
pub fn measure(bench: &Bench, of: &serde_json::Value, minutes: i64, load: u32) {
    let now = kiln::run::Clock::now(&bench.cloud);
    let data: Vec<_> = (0..minutes)
        .map(|minute| {
            let at = now + jiff::SignedDuration::from_mins(minute);
            json!({"MetricName": "load", "Value": load, "Timestamp": at.to_string(), "Dimensions": of})
        })
        .collect();
    let data = json!({"Namespace": "web", "MetricData": data});
    bench.meanwhile(Api::CloudWatch, "PutMetricData", &data);
}

pub fn set(bench: &Bench, group: &str, state: &str) {
    let alarms = bench.cloud.world().model.view_alarms();
    let prefix = format!("TargetTracking-{group}-AlarmLow-");
    let low = alarms.iter().find(|alarm| alarm.name.starts_with(&prefix));
    let given = json!({"AlarmName": low.unwrap().name, "StateValue": state, "StateReason": "test"});
    bench.meanwhile(Api::CloudWatch, "SetAlarmState", &given);
}

/// The minimum and the desired capacity.
pub fn sizes(bench: &Bench, group: &str) -> (i64, i64) {
    let groups = bench.cloud.world().model.view_groups();
    let group = groups.iter().find(|one| one.name == group).unwrap();
    (group.min, group.desired)
}

/// The low alarm goes by the time without traffic: it is red from the swap on.
async fn red_at_the_swap(bench: &Bench) {
    while !bench.serving().contains_key(V2) {
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    set(bench, "web-v002", "ALARM");
}

/// `V2` serves, and its low alarm is red.
pub async fn taken_over() -> Bench {
    let bench = tracked().await;
    let watchman = bench.watched();
    let (ended, ()) = tokio::join!(bench.roll(V2), red_at_the_swap(&bench));
    expect(&ended, Verdict::Done);
    bench.pass(600).await;
    watchman.content("a low alarm that is red");
    bench
}

/// Its checks have passed, and its machines break while the roll waits for nothing but the alarm.
#[tokio::test(start_paused = true)]
async fn what_dies_while_the_alarm_is_waited_for_is_told() {
    let bench = tracked().await;
    let warnings = Warnings::default();
    let dies = async {
        red_at_the_swap(&bench).await;
        let in_office = |bench: &Bench| {
            let groups = bench.groups();
            groups
                .iter()
                .any(|(name, _, state)| name == "web-v002" && state == "live")
        };
        while !in_office(&bench) {
            bench.pass(1).await;
        }
        let broken = Behaviour {
            service: Answers::Absent,
            ..quick()
        };
        bench.cloud.world().physics.set_behaviour(V2, broken);
    };
    let (ended, ()) = tokio::join!(bench.roll_with(V2, &warnings), dies);
    expect(&ended, Verdict::Done);
    let said = warnings.said();
    let lost = "group web-v002 has lost machines since its checks passed: 0 of 3 healthy: ";
    assert!(
        said.iter()
            .any(|text| text.starts_with(lost) && text.ends_with("`kiln rollback web` leads back")),
        "{said:?}"
    );
}

/// Its own alarms make it larger meanwhile.
#[tokio::test(start_paused = true)]
async fn what_only_grows_while_the_alarm_is_waited_for_has_lost_nothing() {
    let bench = tracked().await;
    let warnings = Warnings::default();
    let grows = async {
        red_at_the_swap(&bench).await;
        bench.pass(200).await;
        let larger = json!({ "AutoScalingGroupName": "web-v002", "DesiredCapacity": 5 });
        bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &larger);
    };
    let (ended, ()) = tokio::join!(bench.roll_with(V2, &warnings), grows);
    expect(&ended, Verdict::Done);
    assert_eq!(warnings.said(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_minimum_that_somebody_sets_meanwhile_is_left_to_them() {
    for min in [4, 1] {
        let bench = taken_over().await;
        let given = json!({ "AutoScalingGroupName": "web-v002", "MinSize": min });
        bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &given);
        set(&bench, "web-v002", "OK");
        expect(&bench.roll(V2).await, Verdict::NothingToDo);
        assert_eq!(minimum(&bench, "web-v002"), (min, false));
        nothing_left(&bench, "a minimum of somebody else");
    }
}

fn is_due(bench: &Bench) -> bool {
    let due = bench.store.due();
    due.iter().any(|later| matches!(later.undo, Undo::Roll(_)))
}

#[tokio::test(start_paused = true)]
async fn a_low_alarm_that_has_seen_no_traffic_does_not_shrink_what_took_over() {
    let bench = taken_over().await;
    assert_eq!(sizes(&bench, "web-v002"), (3, 3));
    assert_eq!(bench.serving(), three(V2));
    assert!(is_due(&bench), "{:?}", bench.store.due());
    nothing_left(&bench, "held beyond the roll");
    let now = kiln::run::Clock::now(&bench.cloud);
    let stand = status(&bench.client, "web", now).await.unwrap();
    let says = |text: &String| text.contains("until the low alarm has been OK");
    assert!(stand.temporary.iter().any(says), "{stand:?}");
    // A run that comes while the alarm is still red leaves it so.
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    assert_eq!(sizes(&bench, "web-v002"), (3, 3));
    set(&bench, "web-v002", "OK");
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    assert_eq!(sizes(&bench, "web-v002"), (2, 3));
    assert!(!is_due(&bench), "{:?}", bench.store.due());
    nothing_left(&bench, "released");
    // It was the minimum alone that held the alarm off.
    set(&bench, "web-v002", "ALARM");
    bench.pass(120).await;
    assert_eq!(sizes(&bench, "web-v002"), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_stays_red_is_heard_when_the_time_is_up() {
    let bench = taken_over().await;
    bench.pass(3600).await;
    assert_eq!(
        sizes(&bench, "web-v002"),
        (3, 3),
        "nothing of kiln runs by itself"
    );
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    assert_eq!(sizes(&bench, "web-v002").0, 2);
    nothing_left(&bench, "time is up");
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_is_ok_soon_is_waited_for_by_the_roll_itself() {
    let bench = tracked().await;
    let soon = async {
        red_at_the_swap(&bench).await;
        tokio::time::sleep(Duration::from_mins(2)).await;
        set(&bench, "web-v002", "OK");
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), soon);
    expect(&ended, Verdict::Done);
    assert_eq!(sizes(&bench, "web-v002"), (2, 3));
    nothing_left(&bench, "calm");
}

/// Two leases hold it, and each leaves it to the other: a look that is from before the first has gone would leave it for good.
/// Found by seed 1716.
#[tokio::test(start_paused = true)]
async fn a_minimum_comes_back_whatever_the_looks_before_its_end_are_from() {
    let base = tracked().await;
    let calm = base.fork().await;
    expect(&calm.roll(V2).await, Verdict::Done);
    assert_eq!(sizes(&calm, "web-v002"), (2, 3));
    let calls = calm.cloud.calls();
    let looks = calls.iter().zip(1..);
    let looks = looks.filter(|(call, _)| *call == "DescribeAutoScalingGroups");
    let looks: Vec<usize> = looks.map(|(_, at)| at).collect();
    for at in looks.into_iter().rev().take(6) {
        let bench = base.fork().await;
        bench.cloud.remember();
        let stale = Mishap::Stale(Duration::from_secs(4));
        bench.cloud.plan(at, stale);
        expect(&bench.roll(V2).await, Verdict::Done);
        assert_eq!(sizes(&bench, "web-v002"), (2, 3), "look {at}");
        nothing_left(&bench, &format!("look {at}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_next_roll_over_a_held_group_takes_over_its_true_minimum() {
    let bench = taken_over().await;
    let watchman = bench.watched();
    let calm = async {
        while !bench.serving().contains_key(V1) {
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        set(&bench, "web-v003", "OK");
    };
    let (ended, ()) = tokio::join!(bench.roll(V1), calm);
    expect(&ended, Verdict::Done);
    bench.pass(600).await;
    watchman.content("over a held group");
    assert_eq!(sizes(&bench, "web-v003"), (2, 3));
    assert_eq!(
        sizes(&bench, "web-v002"),
        (3, 3),
        "what is kept stays whole"
    );
    nothing_left(&bench, "over a held group");
}

#[tokio::test(start_paused = true)]
async fn a_group_that_a_rollback_leads_to_is_held_too() {
    let bench = tracked().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    set(&bench, "web-v001", "ALARM");
    bench.pass(300).await;
    let watchman = bench.watched_back();
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    bench.pass(600).await;
    watchman.content("rollback");
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(sizes(&bench, "web-v001"), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_is_refused_leaves_the_kept_group_as_it_was() {
    let bench = tracked().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    set(&bench, "web-v001", "ALARM");
    let tags = |bench: &Bench| {
        let groups = bench.cloud.world().model.view_groups();
        groups
            .into_iter()
            .map(|group| (group.name, group.min, group.tags))
            .collect::<Vec<_>>()
    };
    let before = tags(&bench);
    bench.cloud.deny("ModifyListener");
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Failed, "{back:?}");
    let mark = |(name, min, mut tags): (String, i64, super::BTreeMap<String, String>)| {
        tags.remove("kiln:back");
        (name, min, tags)
    };
    let after: Vec<_> = tags(&bench).into_iter().map(mark).collect();
    assert_eq!(after, before);
}

#[tokio::test(start_paused = true)]
async fn trouble_leaves_no_minimum_held() {
    let base = tracked().await;
    trouble_everywhere(&base, Mishap::Refused).await;
    trouble_everywhere(&base, Mishap::AnswersLost).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_leaves_no_minimum_held() {
    stopped_everywhere(&tracked().await, 60, 5).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_the_same_command_releases_the_minimum() {
    let base = tracked().await;
    killed_in(&base, Mishap::KilledBefore).await;
    killed_in(&base, Mishap::KilledAfter).await;
}

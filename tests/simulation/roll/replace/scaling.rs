//! Policies, alarms and schedules of a service without a load balancer.

use kiln::roll::{Verdict, clear_hold};
use kiln::run::Clock as _;
use localcloud::model::Service as Api;
use serde_json::json;

use super::super::low_alarm::{self, sizes, track};
use super::super::plain::{nothing_left, three};
use super::super::policies::{alarms, desired, set, step};
use super::super::trouble::{killed_in, trouble_everywhere};
use super::super::{Bench, V1, V2, expect};
use super::replaced;
use crate::simulation::cloud::Mishap;

#[tokio::test(start_paused = true)]
async fn a_group_that_a_rollback_filled_is_held_until_its_low_alarm_has_been_ok() {
    let bench = replaced().await;
    track(&bench).await;
    expect(&bench.roll(V2).await, Verdict::Done);
    low_alarm::set(&bench, "web-v001", "ALARM");
    let watchman = bench.watched_back();
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    bench.pass(600).await;
    watchman.content("rollback");
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(sizes(&bench, "web-v001"), (3, 3));
    clear_hold(&bench.client, "web").await.unwrap();
    expect(&bench.roll(V1).await, Verdict::NothingToDo);
    assert_eq!(sizes(&bench, "web-v001"), (3, 3), "it is still red");
    nothing_left(&bench, "held after a rollback");
    low_alarm::set(&bench, "web-v001", "OK");
    expect(&bench.roll(V1).await, Verdict::NothingToDo);
    assert_eq!(sizes(&bench, "web-v001"), (2, 3));
    nothing_left(&bench, "released after a rollback");
}

/// Killed anywhere, the next rollback goes on, and the minimum comes back.
#[tokio::test(start_paused = true)]
async fn a_rollback_that_was_killed_holds_no_minimum_for_good() {
    let base = replaced().await;
    track(&base).await;
    expect(&base.roll(V2).await, Verdict::Done);
    let counted = base.fork().await;
    assert_eq!(counted.rollback().await.verdict, Verdict::Done);
    let calls = counted.cloud.calls();
    let writes = (1..calls.len()).filter(|at| !calls[at - 1].starts_with("Describe"));
    for at in writes {
        let bench = base.fork().await;
        bench.cloud.plan(at, Mishap::KilledAfter);
        tokio::select! {
            biased;
            () = bench.cloud.killed() => {}
            ended = bench.rollback() => assert_eq!(ended.verdict, Verdict::Done, "{at}"),
        }
        bench.cloud.calm();
        if bench.serving() != three(V1) {
            let again = bench.rollback().await;
            assert_eq!(again.verdict, Verdict::Done, "{at}: {again:?}");
        }
        low_alarm::set(&bench, "web-v001", "OK");
        clear_hold(&bench.client, "web").await.unwrap();
        // One that died behind its last word but one is finished first.
        if bench.roll(V1).await.verdict == Verdict::Frozen {
            clear_hold(&bench.client, "web").await.unwrap();
            expect(&bench.roll(V1).await, Verdict::NothingToDo);
        }
        assert_eq!(sizes(&bench, "web-v001"), (2, 3), "{at}");
        assert_eq!(bench.serving(), three(V1), "{at}");
    }
}

#[tokio::test(start_paused = true)]
async fn step_policies_with_their_alarms_and_schedules_are_copied() {
    let bench = replaced().await;
    step(&bench).await;
    let at = bench.cloud.now() + jiff::SignedDuration::from_mins(50);
    schedule(&bench, &at);
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("step policies");
    nothing_left(&bench, "step policies");
    let all = alarms(&bench);
    let high = &all["web-v002-out-load high"];
    assert_eq!(high.dimensions["AutoScalingGroupName"], "web-v002");
    let copied = |action: &String| action.contains("autoScalingGroupName/web-v002:policyName/out");
    assert!(high.actions.iter().any(copied), "{high:?}");
    set(&bench, "web-v002-out-load high", "ALARM");
    set(&bench, "load high", "ALARM");
    bench.pass(30).await;
    assert_eq!(desired(&bench, "web-v002"), 4);
    assert_eq!(desired(&bench, "web-v001"), 0, "it is out of office");
    set(&bench, "web-v002-out-load high", "OK");
    bench.pass(3000).await;
    assert_eq!(desired(&bench, "web-v002"), 5, "by its schedule");
    bench.pass(3600).await;
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    assert!(!alarms(&bench).keys().any(|name| name.contains("v001")));
}

#[tokio::test(start_paused = true)]
async fn trouble_and_kills_leave_no_alarm() {
    let base = replaced().await;
    step(&base).await;
    trouble_everywhere(&base, Mishap::Refused).await;
    killed_in(&base, Mishap::KilledAfter).await;
}

fn schedule(bench: &Bench, at: &jiff::Timestamp) {
    let action = json!({"AutoScalingGroupName": "web-v001", "ScheduledActionName": "evening", "StartTime": at.to_string(),
        "MinSize": "2", "MaxSize": "6", "DesiredCapacity": "5"});
    bench.meanwhile(Api::AutoScaling, "PutScheduledUpdateGroupAction", &action);
}

fn suspended(bench: &Bench) -> Vec<String> {
    let groups = bench.cloud.world().model.view_groups();
    groups[0].suspended.clone()
}

#[tokio::test(start_paused = true)]
async fn a_schedule_fills_no_emptied_group_and_comes_back_with_it() {
    let bench = replaced().await;
    let at = bench.cloud.now() + jiff::SignedDuration::from_mins(30);
    schedule(&bench, &at);
    expect(&bench.roll(V2).await, Verdict::Done);
    bench.pass(2400).await;
    assert_eq!(desired(&bench, "web-v002"), 5);
    assert_eq!(desired(&bench, "web-v001"), 0);
    assert_eq!(suspended(&bench), ["ScheduledActions"]);
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(desired(&bench, "web-v001"), 5);
    assert_eq!(suspended(&bench), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_somebody_has_suspended_stays_so() {
    let bench = replaced().await;
    let off = json!({"AutoScalingGroupName": "web-v001", "ScalingProcesses": ["ScheduledActions"]});
    bench.meanwhile(Api::AutoScaling, "SuspendProcesses", &off);
    expect(&bench.roll(V2).await, Verdict::Done);
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(suspended(&bench), ["ScheduledActions"]);
}

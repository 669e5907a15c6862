//! What others change in the same moment as kiln, between its look and its write.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kiln::roll::Verdict;
use localcloud::model::Service as Api;
use localcloud::model::view::GroupView;
use serde_json::json;

use super::plain::{nothing_left, rolled_once, three};
use super::replace::replaced;
use super::{Bench, DEFAULT_RULE, V1, V2, expect, soak};
use crate::simulation::cloud::Mishap;

fn group(bench: &Bench, name: &str) -> GroupView {
    let groups = bench.cloud.world().model.view_groups();
    groups.into_iter().find(|group| group.name == name).unwrap()
}

/// Returns as soon as it is so, which takes an hour at the most.
async fn until(is: impl Fn() -> bool) {
    for _ in 0..5 * 3600 {
        if is() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("it never comes to that");
}

/// Somebody's scale-out comes right before each write of kiln's to the sizes of a group with machines. Gives for
/// each which group it was, and whether that write made it smaller again.
fn growing(bench: &Bench) -> Arc<Mutex<Vec<(String, bool)>>> {
    let grown = Arc::<Mutex<Vec<(String, bool)>>>::default();
    let seen = Arc::clone(&grown);
    bench.cloud.accustom(Box::new(move |mut call| {
        let number = |name: &str| call.says(name).and_then(|text| text.parse::<i64>().ok());
        let (max, desired) = (number("MaxSize"), number("DesiredCapacity"));
        let is_resize = call.action == "UpdateAutoScalingGroup" && number("MinSize").is_some();
        let empties = max == Some(0) || desired == Some(0);
        let has_room = |group: &GroupView| group.desired > 0 && group.desired < group.max;
        if let Some(group) = call
            .group()
            .filter(|group| is_resize && !empties && has_room(group))
        {
            let more = group.desired + 1;
            let shrinks = desired.is_some_and(|desired| desired < more);
            seen.lock().unwrap().push((group.name.clone(), shrinks));
            let more = json!({"AutoScalingGroupName": group.name, "DesiredCapacity": more});
            call.also(Api::AutoScaling, "SetDesiredCapacity", &more);
        }
        call.go()
    }));
    grown
}

#[tokio::test(start_paused = true)]
async fn a_scale_out_between_a_look_and_a_write_is_not_taken_back() {
    for bench in [
        rolled_once().await,
        super::canary::base().await,
        replaced().await,
    ] {
        let grown = there_and_back(&bench).await;
        assert!(!grown.is_empty(), "no size was written");
        assert!(grown.iter().all(|(_, shrinks)| !shrinks), "{grown:?}");
    }
    let grown = there_and_back(&super::rolling::rolling().await).await;
    assert_eq!(grown, [], "a refresh writes no size");
}

/// Rolls and goes back, with somebody's scale-out before each size that is written.
async fn there_and_back(bench: &Bench) -> Vec<(String, bool)> {
    super::low_alarm::track(bench).await;
    let grown = growing(bench);
    expect(&bench.roll(V2).await, Verdict::Done);
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    std::mem::take(&mut *grown.lock().unwrap())
}

/// What is suspended on the next group while production leads to it.
#[tokio::test(start_paused = true)]
async fn what_serves_grows_by_its_alarms_from_the_swap_on() {
    let mut bench = rolled_once().await;
    bench.service.checks.after = vec![soak(10)];
    let look = async {
        until(|| bench.serving().contains_key(V2)).await;
        group(&bench, "web-v002").suspended
    };
    let (ended, suspended) = tokio::join!(bench.roll(V2), look);
    expect(&ended, Verdict::Done);
    assert!(
        !suspended.iter().any(|name| name == "AlarmNotification"),
        "{suspended:?}"
    );
    assert!(
        suspended.iter().any(|name| name == "AZRebalance"),
        "{suspended:?}"
    );
}

/// The same where a run that died behind the swap is gone on with.
#[tokio::test(start_paused = true)]
async fn what_serves_goes_on_growing_when_a_dead_run_is_gone_on_with() {
    let mut bench = rolled_once().await;
    bench.service.checks.after = vec![soak(10)];
    let kill = async {
        until(|| bench.serving().contains_key(V2)).await;
        tokio::time::sleep(Duration::from_mins(1)).await;
        bench
            .cloud
            .plan(bench.cloud.calls().len() + 1, Mishap::KilledBefore);
    };
    let (ended, ()) = tokio::join!(bench.roll_killed(V2), kill);
    assert!(ended.is_none(), "{ended:#?}");
    bench.cloud.calm();
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let quiet = Arc::clone(&seen);
    bench.cloud.accustom(Box::new(move |call| {
        if call.action == "SuspendProcesses" && call.names("AlarmNotification") {
            quiet.lock().unwrap().push(call.action.to_owned());
        }
        call.go()
    }));
    expect(&bench.roll(V2).await, Verdict::Done);
    assert_eq!(*seen.lock().unwrap(), [""; 0]);
    nothing_left(&bench, "gone on with");
}

/// A schedule or a person gives the group that serves a larger minimum while it is rolled.
#[tokio::test(start_paused = true)]
async fn a_minimum_that_is_raised_meanwhile_is_the_next_groups_too() {
    let bench = rolled_once().await;
    let raise = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        let more = json!({"AutoScalingGroupName": "web-v001", "MinSize": 3});
        bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &more);
    };
    assert!(group(&bench, "web-v001").min < 3);
    let (ended, ()) = tokio::join!(bench.roll(V2), raise);
    expect(&ended, Verdict::Done);
    assert_eq!(group(&bench, "web-v002").min, 3);
}

/// The group in office grows while the kept one is filled.
#[tokio::test(start_paused = true)]
async fn a_way_back_without_a_load_balancer_follows_what_is_in_office() {
    let bench = replaced().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    bench.pass(60).await;
    let more = async {
        tokio::time::sleep(Duration::from_secs(8)).await;
        let more = json!({"AutoScalingGroupName": "web-v002", "DesiredCapacity": 4});
        bench.meanwhile(Api::AutoScaling, "SetDesiredCapacity", &more);
    };
    let (back, ()) = tokio::join!(bench.rollback(), more);
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(group(&bench, "web-v001").desired, 4);
}

fn tags(name: &str, key: &str, value: &str) -> serde_json::Value {
    json!({"Tags": [{"ResourceId": name, "ResourceType": "auto-scaling-group", "Key": key, "Value": value,
        "PropagateAtLaunch": false}]})
}

/// A rollback from elsewhere marks the kept group right before it is retired: whoever comes second sees the other.
#[tokio::test(start_paused = true)]
async fn a_kept_group_that_a_rollback_has_marked_is_not_retired() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    bench.pass(7200).await;
    let until = kiln::run::Clock::now(&bench.cloud) + jiff::SignedDuration::from_hours(1);
    let mark = tags(
        "web-v001",
        "kiln:back",
        &format!("{} {until}", bench.next_run()),
    );
    bench.cloud.accustom(Box::new(move |mut call| {
        if call.action == "CreateOrUpdateTags" && call.names("retiring") {
            call.also(Api::AutoScaling, "CreateOrUpdateTags", &mark);
        }
        call.go()
    }));
    drop(bench.roll(V2).await);
    let there = group(&bench, "web-v001");
    assert_eq!(there.tags["kiln:state"], "kept");
    assert_eq!(there.desired, 3);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_leads_nobody_to_a_group_that_is_being_retired() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let goes = tags("web-v001", "kiln:state", "retiring");
    bench.cloud.accustom(Box::new(move |mut call| {
        if call.action == "CreateOrUpdateTags" && call.names("kiln%3Aback") {
            call.also(Api::AutoScaling, "CreateOrUpdateTags", &goes);
        }
        call.go()
    }));
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Failed, "{back:?}");
    assert!(back.reasons[0].contains("is being retired"), "{back:?}");
    assert_eq!(bench.serving(), three(V2));
    assert!(!group(&bench, "web-v001").tags.contains_key("kiln:back"));
}

/// What is read right behind the start of a refresh is from before it.
#[tokio::test(start_paused = true)]
async fn a_refresh_that_does_not_show_yet_is_waited_for() {
    let bench = super::rolling::rolling().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    bench.cloud.remember();
    bench.cloud.ordain(|call| {
        let stale = call.action == "DescribeInstanceRefreshes";
        stale.then_some(Mishap::Stale(Duration::from_secs(20)))
    });
    expect(&bench.roll(V1).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V1));
}

/// A hold that is set while a dead roll is taken back says so, with its own verdict.
#[tokio::test(start_paused = true)]
async fn a_hold_that_comes_while_a_dead_roll_is_taken_back_is_told() {
    let bench = Bench::by(DEFAULT_RULE, r#"{ "type": "blue_green" }"#).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    let kill = async {
        until(|| bench.groups().len() > 1).await;
        bench
            .cloud
            .plan(bench.cloud.calls().len() + 1, Mishap::KilledBefore);
    };
    let (ended, ()) = tokio::join!(bench.roll_killed(V2), kill);
    assert!(ended.is_none(), "{ended:#?}");
    bench.cloud.calm();
    let hold = async {
        until(|| bench.groups().len() == 1).await;
        kiln::roll::set_hold(&bench.client, "web", "by hand", None)
            .await
            .unwrap();
    };
    let (ended, ()) = tokio::join!(bench.roll(super::V3), hold);
    expect(&ended, Verdict::Frozen);
    assert!(format!("{ended:?}").contains("by hand"), "{ended:#?}");
}

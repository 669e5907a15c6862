//! The warm pool of a kept group, which goes before its machines do or keeps it from going.

use std::time::Duration;

use kiln::roll::Verdict;
use kiln::template::service::{Command, Hook};
use localcloud::model::Service as Api;
use serde_json::json;

use super::super::plain::{nothing_left, rolled_once, three};
use super::super::policies::{alarms, step};
use super::super::retire::slow::Notes;
use super::super::{Bench, V2, V3, expect};
use super::{ids, pooled, untag};
use crate::simulation::cloud::Mishap;

const MEND: &str = "aws autoscaling delete-warm-pool --auto-scaling-group-name web-v001";

/// A service whose previous group others have made, and put a pool beside while it was kept; and whose file has a hook.
async fn of_others() -> Bench {
    let mut bench = rolled_once().await;
    untag(&bench);
    expect(&bench.roll(V2).await, Verdict::Done);
    bench.service.hooks.before_retire = vec![Hook {
        command: Command::Line("farewell".to_owned()),
        timeout: Duration::from_mins(1),
    }];
    pooled(bench).await
}

fn farewells(bench: &Bench) -> usize {
    let ran = bench.outside.ran.borrow();
    ran.iter().filter(|one| *one == "farewell").count()
}

fn empty_it(bench: &Bench) {
    let gone = json!({ "AutoScalingGroupName": "web-v001" });
    bench.meanwhile(Api::AutoScaling, "DeleteWarmPool", &gone);
}

#[tokio::test(start_paused = true)]
async fn one_of_others_keeps_the_group_from_being_emptied_and_no_hook_runs() {
    let bench = of_others().await;
    bench.pass(3700).await;
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::CleanUpDue);
    assert!(ended.loose[0].contains(MEND), "{:?}", ended.loose);
    assert_eq!(farewells(&bench), 0);
    let groups = bench.cloud.world().model.view_groups();
    assert_eq!(groups[0].desired, 3);
    empty_it(&bench);
    bench.pass(120).await;
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    assert_eq!(farewells(&bench), 1);
    nothing_left(&bench, "a group of others");
}

#[tokio::test(start_paused = true)]
async fn one_of_others_that_is_to_make_way_is_refused_in_the_plan() {
    let bench = of_others().await;
    let writes = bench.cloud.writes().len();
    let ended = bench.roll(V3).await;
    expect(&ended, Verdict::Failed);
    let [refusal] = &ended.refused[..] else {
        panic!("{:?}", ended.refused);
    };
    assert_eq!(refusal.finding.code, "roll::warm_pool");
    let help = refusal.finding.help.as_deref().unwrap_or_default();
    assert!(help.contains(MEND), "{help}");
    assert_eq!(bench.cloud.writes().len(), writes);
    assert_eq!(farewells(&bench), 0);
    empty_it(&bench);
    bench.pass(120).await;
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(farewells(&bench), 1);
    assert_eq!(bench.serving(), three(V3));
}

/// The group of `V2` is to be retired, with alarms and a pool of kiln's making.
async fn due() -> Bench {
    let bench = rolled_once().await;
    step(&bench).await;
    let bench = pooled(bench).await;
    for image in [V2, V3] {
        expect(&bench.roll(image).await, Verdict::Done);
        bench.pass(3700).await;
    }
    bench
}

/// What there is of the group of `V2`: its alarms, its pool and how many machines it wants.
fn whole(bench: &Bench) -> (Vec<String>, Vec<String>, i64) {
    let named = alarms(bench).into_keys();
    let wants = bench.cloud.world().model.view_groups()[0].desired;
    (
        named.filter(|name| name.contains("web-v002")).collect(),
        ids(bench, "web-v002"),
        wants,
    )
}

#[tokio::test(start_paused = true)]
async fn where_it_cannot_be_deleted_the_group_stays_whole_and_is_the_way_back() {
    let base = due().await;
    let before = whole(&base);
    assert!(!before.0.is_empty() && !before.1.is_empty(), "{before:?}");
    let tagged = {
        let bench = base.fork().await;
        expect(&bench.roll(V3).await, Verdict::NothingToDo);
        let calls = bench.cloud.calls();
        let deleted = calls.iter().position(|call| call == "DeleteWarmPool");
        let tags = |call: &String| call == "CreateOrUpdateTags";
        1 + calls[..deleted.unwrap()].iter().rposition(tags).unwrap()
    };
    for killed in [false, true] {
        let bench = base.fork().await;
        if killed {
            // Behind the word that it goes, and before its pool does.
            bench.cloud.plan(tagged, Mishap::KilledAfter);
            assert!(bench.roll_killed(V3).await.is_none());
            bench.cloud.calm();
        }
        bench.cloud.deny("DeleteWarmPool");
        expect(&bench.roll(V3).await, Verdict::CleanUpDue);
        assert_eq!(whole(&bench), before, "killed: {killed}");
        let back = bench.rollback().await;
        assert_eq!(back.verdict, Verdict::Done, "killed: {killed}, {back:?}");
        assert_eq!(bench.serving(), three(V2));
        assert_eq!(whole(&bench), before, "killed: {killed}");
    }
}

/// Machines of the pool have the hook too, at the same time.
#[tokio::test(start_paused = true)]
async fn who_waits_for_it_says_so_and_waits_for_its_hooks_once() {
    let bench = pooled(rolled_once().await).await;
    let hook = json!({ "AutoScalingGroupName": "web-v001", "LifecycleHookName": "farewell", "HeartbeatTimeout": 1800,
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING", "DefaultResult": "CONTINUE" });
    bench.meanwhile(Api::AutoScaling, "PutLifecycleHook", &hook);
    expect(&bench.roll(V2).await, Verdict::Done);
    let (notes, watchman) = (Notes::default(), bench.watched());
    let began = tokio::time::Instant::now();
    expect(&bench.roll_with(V3, &notes).await, Verdict::Done);
    watchman.content("a pool's farewell");
    assert_eq!(bench.serving(), three(V3));
    let said = notes.0.lock().unwrap().join("\n");
    let how = "group web-v001 still has 3 machines and 2 machines in its warm pool: requests have 20 s to end, lifecycle \
               hooks 1800 s";
    assert!(said.contains(how), "{said}");
    assert!(began.elapsed() < Duration::from_hours(1));
}

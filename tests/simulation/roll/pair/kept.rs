//! A pair whose other group is kept: the way back, a roll over it, its retirement, and others at work.

use kiln::roll::doctor::Known;
use kiln::roll::{Error, Verdict, clear_hold, status};
use kiln::run::{Clock as _, Unwind as _};
use kiln::undo::{Undo, Unwinder};
use localcloud::model::Service as Api;
use serde_json::json;

use super::super::doctor::dead_run;
use super::super::plain::{nothing_left, three};
use super::super::trouble::{killed, points};
use super::super::{BLUE_GREEN, V1, V2, V3, expect};
use super::{LATEST, group, made_by_others, owners, rolled_once, scaling, stay, untouched};
use crate::simulation::cloud::Mishap;

#[tokio::test(start_paused = true)]
async fn a_rollback_is_one_write_while_the_other_group_is_kept() {
    let bench = untouched().await;
    let blue = owners(&bench, "web-blue");
    expect(&bench.roll(V2).await, Verdict::Done);
    let shown = status(&bench.client, "web", bench.cloud.now())
        .await
        .unwrap();
    assert_eq!(shown.rollback_not_ready, [""; 0], "{shown}");
    let watchman = bench.watched_back();
    assert_eq!(bench.rollback().await.verdict, Verdict::Done);
    watchman.content("a rollback");
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(owners(&bench, "web-blue"), blue);
    // The group that is given up is emptied by the next roll, which takes it.
    clear_hold(&bench.client, "web").await.unwrap();
    bench.pass(60).await;
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V3));
    assert_eq!(group(&bench, "web-green").desired, 3);
    nothing_left(&bench, "a roll after a rollback");
    stay(&bench, "a rollback");
}

#[tokio::test(start_paused = true)]
async fn a_roll_while_the_other_group_is_kept_empties_it_first() {
    for pinned in [false, true] {
        let bench = if pinned {
            let bench = made_by_others(BLUE_GREEN, V3, LATEST).await;
            expect(&bench.roll(V1).await, Verdict::Done);
            bench
        } else {
            rolled_once().await
        };
        let watchman = bench.watched();
        expect(&bench.roll(V2).await, Verdict::Done);
        watchman.content("a hotfix");
        assert_eq!(bench.serving(), three(V2));
        assert_eq!(group(&bench, "web-blue").desired, 3);
        nothing_left(&bench, "a hotfix");
        stay(&bench, "a hotfix");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_retired_is_emptied_and_what_it_followed_is_given_back() {
    let bench = made_by_others(BLUE_GREEN, V1, LATEST).await;
    expect(&bench.roll(V2).await, Verdict::Done);
    assert_eq!(
        group(&bench, "web-blue").template.unwrap().1,
        "1",
        "pinned while it is kept"
    );
    bench.pass(3700).await;
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    let blue = group(&bench, "web-blue");
    assert_eq!((blue.min, blue.max, blue.desired), (0, 6, 0));
    assert_eq!(blue.template.unwrap().1, "$Latest");
    assert!(blue.members.is_empty());
    assert_eq!(bench.serving(), three(V2));
    nothing_left(&bench, "retired");
    stay(&bench, "retired");
}

#[tokio::test(start_paused = true)]
async fn a_second_writer_of_the_listener_is_never_overwritten() {
    let bench = untouched().await;
    let green = owners(&bench, "web-green");
    let other = async {
        bench.pass(15).await;
        let listener = bench.cloud.world().model.view_listeners().remove(0).arn;
        let fixed =
            json!([{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "503" } }]);
        let given = json!({ "ListenerArn": listener, "DefaultActions": fixed });
        bench.meanwhile(Api::Elb, "ModifyListener", &given);
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), other);
    expect(&ended, Verdict::Traffic);
    assert_eq!(bench.serving().len(), 0, "as the other writer wanted");
    assert_eq!(owners(&bench, "web-green"), green);
    nothing_left(&bench, "a second writer");
    stay(&bench, "a second writer");
}

#[tokio::test(start_paused = true)]
async fn what_outgrows_the_other_group_fails_and_raises_nothing() {
    let bench = untouched().await;
    let max = json!({ "AutoScalingGroupName": "web-green", "MaxSize": 3 });
    scaling(&bench, "UpdateAutoScalingGroup", &max);
    let green = owners(&bench, "web-green");
    let grow = async {
        bench.pass(12).await;
        let size = json!({ "AutoScalingGroupName": "web-blue", "DesiredCapacity": 5 });
        scaling(&bench, "UpdateAutoScalingGroup", &size);
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), grow);
    expect(&ended, Verdict::Failed);
    let failure = ended.failure.unwrap();
    let Some(Error::Launch(why)) = failure.error() else {
        panic!("{failure:?}");
    };
    assert!(
        why.contains("--auto-scaling-group-name web-green --max-size 5"),
        "{why}"
    );
    assert_eq!(owners(&bench, "web-green"), green);
    nothing_left(&bench, "outgrown");
}

/// Without a journal, a store or a file.
#[tokio::test(start_paused = true)]
async fn the_doctor_gives_a_taken_group_back() {
    let base = made_by_others(BLUE_GREEN, V1, LATEST).await;
    let green = owners(&base, "web-green");
    let mut taken = 0;
    for at in points(&base).await.into_iter().step_by(3) {
        let bench = killed(&base, at, Mishap::KilledAfter).await.unwrap();
        let is_next = |name: &str| {
            group(&bench, name)
                .tags
                .get("kiln:state")
                .is_some_and(|state| state == "next")
        };
        if !is_next("web-green") {
            continue;
        }
        taken += 1;
        let run = dead_run(&bench.examine(Known::default()).await);
        let known = Known {
            given_up: run,
            ..Known::default()
        };
        let done = bench.heal(known).await;
        assert!(!is_next("web-green"), "call {at}: {done:?}");
        assert_eq!(bench.serving(), three(V1), "call {at}");
        assert_eq!(owners(&bench, "web-green"), green, "call {at}");
        stay(&bench, "the doctor");
    }
    assert!(taken > 5, "{taken}");
}

#[tokio::test(start_paused = true)]
async fn replaying_a_journal_changes_nothing_whatever_came_after() {
    let bench = untouched().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let first = bench.journals.intents();
    let look = |bench: &super::Bench| {
        let world = bench.cloud.world();
        let groups = world.model.view_groups();
        format!("{groups:?} {:?}", world.model.view_listeners())
    };
    for _ in 0..2 {
        let before = look(&bench);
        let unwinder = Unwinder::new(&bench.client);
        for undo in first
            .iter()
            .rev()
            .filter(|undo| matches!(undo, Undo::Roll(_)))
        {
            unwinder
                .undo(undo)
                .await
                .unwrap_or_else(|error| panic!("{undo}: {error}"));
        }
        assert_eq!(look(&bench), before);
        bench.pass(3700).await;
        expect(&bench.roll(V3).await, Verdict::Done);
        bench.pass(3700).await;
        expect(&bench.roll(V1).await, Verdict::Done);
    }
}

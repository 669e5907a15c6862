//! Rollbacks that died behind their one write: nothing is rolled before the rest of them is done.

use kiln::roll::{Verdict, clear_hold};

use super::plain::{nothing_left, rolled_once, three};
use super::trouble::about;
use super::{Bench, V1, V2, V3, expect};
use crate::simulation::cloud::Mishap;

/// A service that runs `V2`, whose previous group is kept.
async fn rolled_twice() -> Bench {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    bench
}

/// Its calls from the write on, each with its number.
async fn behind_the_write(base: &Bench) -> Vec<usize> {
    let bench = base.fork().await;
    assert_eq!(bench.rollback().await.verdict, Verdict::Done);
    let calls = bench.cloud.calls();
    let write = calls.iter().position(|call| call == "ModifyListener");
    (write.unwrap() + 1..=calls.len()).collect()
}

async fn killed_at(base: &Bench, at: usize) -> (Bench, String) {
    let bench = base.fork().await;
    bench.cloud.plan(at, Mishap::KilledAfter);
    tokio::select! {
        biased;
        () = bench.cloud.killed() => {}
        ended = bench.rollback() => panic!("{at}: {ended:?}"),
    }
    bench.cloud.calm();
    let about = about(&bench, at, Mishap::KilledAfter);
    (bench, about)
}

#[tokio::test(start_paused = true)]
async fn a_roll_first_does_what_a_rollback_left() {
    let base = rolled_twice().await;
    for at in behind_the_write(&base).await {
        let (bench, about) = killed_at(&base, at).await;
        let watchman = bench.watched_back();
        expect(&bench.plan(V2).await, Verdict::Frozen);
        expect(&bench.roll(V2).await, Verdict::Frozen);
        assert_eq!(bench.serving(), three(V1), "{about}");
        let groups = bench.cloud.world().model.view_groups();
        let marked = groups
            .iter()
            .any(|group| group.tags.contains_key("kiln:back"));
        assert!(!marked, "{about}: {groups:?}");
        expect(&bench.roll(V3).await, Verdict::Frozen);
        clear_hold(&bench.client, "web").await.unwrap();
        let again = bench.roll(V2).await;
        assert_eq!(
            again.refused[0].finding.code, "roll::quarantined",
            "{about}"
        );
        expect(&bench.roll(V3).await, Verdict::Done);
        watchman.content(&about);
        assert_eq!(bench.serving(), three(V3), "{about}");
        nothing_left(&bench, &about);
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_changes_nothing_of_it() {
    let base = rolled_twice().await;
    let at = behind_the_write(&base).await[0];
    let (bench, _) = killed_at(&base, at).await;
    let before = bench.cloud.writes().len();
    expect(&bench.plan(V3).await, Verdict::Frozen);
    assert_eq!(bench.cloud.writes().len(), before);
}

/// The group that it came from is gone before anybody could do the rest: the mark tells what is to be barred.
#[tokio::test(start_paused = true)]
async fn the_mark_alone_tells_the_image() {
    let base = rolled_twice().await;
    let at = behind_the_write(&base).await[0];
    let (bench, about) = killed_at(&base, at).await;
    let gone = serde_json::json!({"AutoScalingGroupName": "web-v002", "ForceDelete": "true"});
    bench.meanwhile(
        localcloud::model::Service::AutoScaling,
        "DeleteAutoScalingGroup",
        &gone,
    );
    bench.pass(300).await;
    expect(&bench.roll(V2).await, Verdict::Frozen);
    clear_hold(&bench.client, "web").await.unwrap();
    let again = bench.roll(V2).await;
    assert_eq!(
        again.refused[0].finding.code, "roll::quarantined",
        "{about}"
    );
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V3));
}

#[tokio::test(start_paused = true)]
async fn while_the_image_cannot_be_barred_nothing_is_rolled() {
    let base = rolled_twice().await;
    let at = behind_the_write(&base).await[0];
    let (bench, _) = killed_at(&base, at).await;
    bench.cloud.deny("CreateTags");
    for image in [V2, V3] {
        expect(&bench.roll(image).await, Verdict::Frozen);
        clear_hold(&bench.client, "web").await.unwrap();
    }
    assert_eq!(bench.serving(), three(V1));
}

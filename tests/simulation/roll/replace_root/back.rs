//! The old root comes back by hand of a person: `kiln rollback`.

use std::time::Duration;

use kiln::roll::Verdict;
use localcloud::model::Service as Api;
use serde_json::json;

use super::super::trouble::{killed, killed_back};
use super::super::{Bench, V1, V2, V3, expect};
use super::{as_before, last, machine, rooted, stand, tag, volumes};
use crate::simulation::cloud::Mishap;

/// A machine that got a root of `V2`, and what it had before.
async fn rerooted() -> (Bench, (String, Vec<String>)) {
    let bench = rooted().await;
    let was = (machine(&bench), volumes(&bench).0);
    expect(&bench.roll(V2).await, Verdict::Done);
    (bench, was)
}

fn back(bench: &Bench, was: &(String, Vec<String>), about: &str) {
    as_before(bench, was, about);
    assert_eq!(tag(bench, "kiln:image").as_deref(), Some(V1), "{about}");
    assert_eq!(tag(bench, "kiln:rerooted"), None, "{about}");
    let images = bench.cloud.world().model.view_images();
    let barred = |id: &str| {
        let image = images.iter().find(|image| image.id == id).unwrap();
        image.tags.contains_key("kiln:quarantine:web")
    };
    assert_eq!((barred(V1), barred(V2)), (false, true), "{about}");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_brings_the_old_root_back_and_bars_the_image() {
    let (bench, was) = rerooted().await;
    let before = stand(&bench).await;
    assert_eq!(before.rollback_not_ready, [""; 0]);
    assert!(before.rollback_brings_root.is_some());
    assert!(before.kept_until.is_some());
    assert!(
        before.to_string().contains("ready by the old root vol-"),
        "{before}"
    );
    let watchman = bench.watched_back();
    let ended = bench.rollback().await;
    assert_eq!(ended.verdict, Verdict::Done, "{ended:?}");
    watchman.content("rollback");
    back(&bench, &was, "rollback");
    assert_eq!(stand(&bench).await.drift, [""; 0]);
    expect(&bench.roll(V3).await, Verdict::Frozen);
    let again = bench.rollback().await;
    assert_eq!(again.verdict, Verdict::Failed, "{again:?}");
    kiln::roll::clear_hold(&bench.client, "web").await.unwrap();
    // What the due-list says of the old root is of no machine's root.
    bench.pass(2 * 3600).await;
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(bench.serving(), bench.all(V3));
    assert_eq!(machine(&bench), was.0);
}

#[tokio::test(start_paused = true)]
async fn an_old_root_that_is_gone_is_no_way_back() {
    let (bench, was) = rerooted().await;
    bench.pass(3601).await;
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    is_refused(&bench).await;
    assert_eq!(machine(&bench), was.0);
}

/// A rollback that is refused has only looked.
async fn is_refused(bench: &Bench) {
    let writes = bench.cloud.writes().len();
    let ended = bench.rollback().await;
    assert_eq!(ended.verdict, Verdict::Failed, "{ended:?}");
    assert_eq!(bench.cloud.writes().split_off(writes), [""; 0]);
}

/// What is read of the group may be of before the rollback has begun.
#[tokio::test(start_paused = true)]
async fn a_rollback_that_reads_what_was_goes_back_all_the_same() {
    let (base, was) = rerooted().await;
    for at in 1..=8 {
        let bench = base.fork().await;
        bench.cloud.remember();
        let (mut is_open, mut reads) = (false, 0);
        bench.cloud.ordain(move |call| {
            // The old root is barred and held before that.
            is_open |= call.action == "DeleteTags";
            let is_look = is_open && call.action == "DescribeAutoScalingGroups";
            reads += usize::from(is_look);
            let stale = is_look && (at..at + 2).contains(&reads);
            stale.then_some(Mishap::Stale(Duration::from_secs(4)))
        });
        let ended = bench.rollback().await;
        assert_eq!(ended.verdict, Verdict::Done, "{at}: {ended:?}");
        back(&bench, &was, &at.to_string());
    }
}

/// What somebody has put on the machine since would be lost.
#[tokio::test(start_paused = true)]
async fn a_root_of_somebody_else_goes_by_force_alone() {
    let (bench, was) = rerooted().await;
    let other = json!({ "InstanceId": was.0, "ImageId": V3 });
    bench.meanwhile(Api::Ec2, "CreateReplaceRootVolumeTask", &other);
    bench.pass(600).await;
    assert_eq!(bench.serving(), bench.all(V3));
    is_refused(&bench).await;
    let ended = bench.rollback_by(Some("the wiki is down")).await;
    assert_eq!(ended.verdict, Verdict::Done, "{ended:?}");
    assert_eq!(bench.serving(), bench.all(V1));
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_is_killed_is_finished_by_the_next() {
    let (base, was) = rerooted().await;
    killed_back(&base, async |bench, about| {
        let again = bench.rollback().await;
        let is_over = tag(bench, "kiln:image").as_deref() == Some(V1);
        assert!(
            again.verdict == Verdict::Done || is_over,
            "{about}: {again:?}"
        );
        back(bench, &was, about);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_roll_that_died_is_given_back_by_a_rollback() {
    let base = rooted().await;
    let was = (machine(&base), volumes(&base).0);
    let at = last(&base, "CreateReplaceRootVolumeTask").await;
    let bench = killed(&base, at, Mishap::KilledAfter).await.unwrap();
    let ended = bench.rollback().await;
    assert_eq!(ended.verdict, Verdict::Done, "{ended:?}");
    assert_eq!((machine(&bench), volumes(&bench).0), was);
    assert_eq!(bench.serving(), bench.all(V1));
    assert_eq!(tag(&bench, "kiln:lease:root"), None);
    assert_eq!(tag(&bench, "kiln:lease:processes"), None);
}

/// A person has given the machine a root of their own where a run had died.
#[tokio::test(start_paused = true)]
async fn a_root_of_somebody_else_is_put_away_and_not_deleted() {
    let base = rooted().await;
    let at = last(&base, "CreateReplaceRootVolumeTask").await;
    let bench = killed(&base, at, Mishap::KilledBefore).await.unwrap();
    let other = json!({ "InstanceId": machine(&bench), "ImageId": V3 });
    bench.meanwhile(Api::Ec2, "CreateReplaceRootVolumeTask", &other);
    bench.pass(600).await;
    let theirs = volumes(&bench).0;
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(bench.serving(), bench.all(V1));
    let off = volumes(&bench).1;
    assert_eq!(off.iter().filter(|id| theirs.contains(id)).count(), 1);
}

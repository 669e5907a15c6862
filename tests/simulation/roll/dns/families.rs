//! A name with addresses of both families: its records of type A and AAAA are two places that move as one.

use std::collections::BTreeSet;

use kiln::roll::Verdict;
use localcloud::model::view::RecordView;

use super::super::plain::three;
use super::super::trouble::{first_killed, killed_at_each};
use super::super::{Bench, V1, V2, expect};
use super::AT_ONCE;
use crate::simulation::cloud::Mishap;

/// Nothing serves yet; all of the records lead to `web-a`.
async fn fresh() -> Bench {
    let bench = Bench::by_records(AT_ONCE, None).await;
    {
        let mut world = bench.cloud.world();
        let zone = world.model.view_zones().remove(0).id;
        for record in world.model.view_records(&zone) {
            let kind = "AAAA".to_owned();
            let other = RecordView { kind, ..record };
            world.model.plant_record(&zone, &other).unwrap();
        }
    }
    bench
}

async fn rolled_once() -> Bench {
    let bench = fresh().await;
    expect(&bench.roll(V1).await, Verdict::Done);
    super::follow(&bench).await;
    bench
}

/// Both do the same: all goes to one load balancer.
#[track_caller]
fn together(bench: &Bench, about: &str) {
    let world = bench.cloud.world();
    let zone = world.model.view_zones().remove(0).id;
    let records = world.model.view_records(&zone).into_iter();
    let all: Vec<_> = records.filter_map(|record| record.weighted).collect();
    let different: BTreeSet<_> = all.iter().collect();
    assert_eq!((all.len(), different.len()), (4, 2), "{about}: {all:?}");
    let weights: BTreeSet<_> = all.iter().map(|(_, weight)| *weight).collect();
    assert_eq!(weights, BTreeSet::from([0, 1]), "{about}: {all:?}");
}

#[tokio::test(start_paused = true)]
async fn they_go_there_and_back_as_one() {
    let bench = rolled_once().await;
    together(&bench, "first");
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("both families");
    together(&bench, "second");
    assert_eq!(bench.serving(), three(V2));
    let watchman = bench.watched_back();
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    super::follow(&bench).await;
    watchman.content("back");
    together(&bench, "back");
    assert_eq!(bench.serving(), three(V1));
}

#[tokio::test(start_paused = true)]
async fn a_kill_behind_any_call_is_gone_on_with() {
    killed_at_each(&rolled_once().await, (Mishap::KilledAfter, 3), together).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_of_the_first_roll_any_image_goes_on_and_all_follow() {
    first_killed(&fresh().await, false, together).await;
}

//! A kept group whose time is up stays while it is the way back.

use kiln::roll::{NAMELESS, Verdict, work_off_alone};
use kiln::run::Clock as _;
use localcloud::model::Service as Api;
use localcloud::physics::{Behaviour, Service as Answers};
use serde_json::json;

use super::super::canary::members;
use super::super::plain::{rolled_once, three};
use super::super::{Bench, V1, V2, V3, expect, holder, quick};
use super::waiting;

/// What comes of what is due, by `kiln sweep`: groups that went, and why others did not.
async fn swept(bench: &Bench) -> (usize, Vec<String>) {
    let now = bench.cloud.now();
    let sweep = holder(bench.next_run(), now);
    let (client, store, wait) = (&bench.client, &bench.store, waiting(bench));
    let work = work_off_alone("web", &sweep, (now, NAMELESS), client, store, &wait);
    let done = work.await.unwrap().unwrap();
    let reasons = done.left.into_iter().map(|left| left.reason);
    (done.gone, reasons.collect())
}

/// Has every machine of an image, and each that is still to start, answer so.
fn answers(bench: &Bench, image: &str, group: &str, service: Answers) {
    let behaviour = Behaviour { service, ..quick() };
    let members = members(bench, group);
    let mut world = bench.cloud.world();
    for of in members.iter().map(String::as_str).chain([image]) {
        world.physics.set_behaviour(of, behaviour.clone());
    }
}

/// `V2` serves and is sick, and the group of `V1` is kept.
async fn sick() -> Bench {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    answers(&bench, V2, "web-v002", Answers::WrongStatus(500));
    bench
}

#[tokio::test(start_paused = true)]
async fn a_kept_group_stays_while_nothing_of_what_serves_is_healthy() {
    let bench = sick().await;
    bench.pass(2 * 3600).await;
    for _ in 0..2 {
        let (gone, reasons) = swept(&bench).await;
        assert_eq!(gone, 0);
        assert!(reasons[0].contains("`kiln rollback web`"), "{reasons:?}");
        // And while a nightly run finds nothing new: somebody must look.
        let ended = bench.roll(V2).await;
        expect(&ended, Verdict::CleanUpDue);
        assert!(ended.loose[0].contains("`kiln rollback web`"), "{ended:?}");
    }
    answers(&bench, V2, "web-v002", quick().service);
    bench.pass(300).await;
    assert_eq!(swept(&bench).await, (1, Vec::new()));
    assert_eq!(bench.serving(), three(V2));
}

/// Whoever asks for another version does not ask for the way back.
#[tokio::test(start_paused = true)]
async fn a_roll_of_what_is_well_again_takes_its_place() {
    let bench = sick().await;
    bench.pass(2 * 3600).await;
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V3));
}

/// One that is no better than what serves is no way back.
#[tokio::test(start_paused = true)]
async fn a_kept_group_that_is_sick_too_goes() {
    let bench = sick().await;
    answers(&bench, V1, "web-v001", Answers::WrongStatus(500));
    bench.pass(2 * 3600).await;
    assert_eq!(swept(&bench).await, (1, Vec::new()));
}

/// What is to have no machines, for a night, is not sick.
#[tokio::test(start_paused = true)]
async fn a_service_that_is_parked_needs_no_way_back() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let parked = json!({ "AutoScalingGroupName": "web-v002", "MinSize": 0, "DesiredCapacity": 0 });
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &parked);
    bench.pass(2 * 3600).await;
    assert_eq!(swept(&bench).await, (1, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn without_a_load_balancer_the_groups_say_who_is_well() {
    let bench = super::super::replace::kept_running().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let never = Behaviour {
        boot_failure: Some("no root".to_owned()),
        ..quick()
    };
    bench.cloud.world().physics.set_behaviour(V2, never);
    for id in members(&bench, "web-v002") {
        bench.cloud.world().physics.crash(&id, bench.cloud.now());
    }
    bench.pass(2 * 3600).await;
    let (gone, reasons) = swept(&bench).await;
    assert_eq!((gone, reasons.len()), (0, 1), "{reasons:?}");
}

//! Machines of a group that was emptied, while lifecycle hooks have them end what they do.

use std::time::Duration;

use kiln::roll::Verdict;
use kiln::roll::doctor::{Known, State};
use kiln::run::{Clock as _, Urgency};
use localcloud::model::Service as Api;
use serde_json::json;

use super::super::outside::Word;
use super::super::plain::{nothing_left, three};
use super::super::{Bench, V1, V2, V3, expect};
use super::{by, group, hook, replaced, stand};

/// Machines that end what they do for two hours.
fn slow_to_end(bench: &Bench) {
    let hook = json!({"AutoScalingGroupName": "web-v001", "LifecycleHookName": "drain", "HeartbeatTimeout": 7200,
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING"});
    bench.meanwhile(Api::AutoScaling, "PutLifecycleHook", &hook);
}

async fn with(drain: &str) -> Bench {
    let bench = by(&format!(r#"{{ "type": "replace", "drain": "{drain}" }}"#)).await;
    slow_to_end(&bench);
    bench
}

fn members(bench: &Bench) -> usize {
    let groups = bench.cloud.world().model.view_groups();
    let found = groups.iter().find(|one| one.name == "web-v001");
    found.map_or(0, |group| group.members.len())
}

/// Until the machines of the previous group end, and the roll has done all else.
async fn in_the_middle(bench: &Bench) {
    while bench.groups().first() != Some(&group("web-v001", 0, "kept")) {
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(bench.store.holder()(), None, "nobody holds the lease");
    nothing_left(bench, "while it drains");
    let groups = bench.cloud.world().model.view_groups();
    assert_eq!(groups[1].min, 2, "{:?}", groups[1]);
    assert_eq!(members(bench), 3);
}

/// A roll to `V2` that somebody stops while machines of the previous group end.
async fn stopped() -> Bench {
    let mut bench = with("1h").await;
    let watchman = bench.watched();
    let stop = async {
        in_the_middle(&bench).await;
        bench.stop.request(Urgency::Ask);
    };
    let began = bench.cloud.now();
    let (ended, ()) = tokio::join!(bench.roll(V2), stop);
    expect(&ended, Verdict::Done);
    watchman.content("stopped while it drains");
    let took = bench.cloud.now().duration_since(began).as_secs();
    assert!(took < 1200, "{took} s");
    assert_eq!(members(&bench), 3);
    bench.stop_again();
    bench
}

#[tokio::test(start_paused = true)]
async fn lifecycle_hooks_have_until_the_deadline() {
    let bench = with("5m").await;
    let watchman = bench.watched();
    bench.one_writer(&watchman);
    let began = bench.cloud.now();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("drain");
    let took = bench.cloud.now().duration_since(began);
    assert!((300..1200).contains(&took.as_secs()), "{took}");
    assert_eq!(members(&bench), 0);
    let healed = bench.heal(Known::default()).await;
    assert_eq!(healed.verdict, Verdict::NothingToDo, "{healed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_wait_and_the_next_roll_does_the_rest() {
    let bench = stopped().await;
    let shown = stand(&bench).await.temporary;
    assert!(
        shown
            .iter()
            .any(|text| text.contains("machines that end what they do")),
        "{shown:?}"
    );
    // Before its time nothing is cut short.
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    bench.pass(1200).await;
    assert_eq!(members(&bench), 3);
    bench.pass(2400).await;
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    assert_eq!(members(&bench), 0);
    nothing_left(&bench, "drained by the next roll");
}

#[tokio::test(start_paused = true)]
async fn a_doctor_and_a_sweep_let_go_what_was_stopped() {
    let bench = stopped().await;
    let found = bench.heal(Known::default()).await;
    assert_eq!(found.verdict, Verdict::NothingToDo, "{found:?}");
    bench.pass(3600).await;
    let healed = bench.heal(Known::default()).await;
    assert_eq!(healed.verdict, Verdict::Done, "{healed:?}");
    bench.pass(120).await;
    assert_eq!(members(&bench), 0);
    let again = bench.heal(Known::default()).await;
    assert_eq!(again.verdict, Verdict::NothingToDo, "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_in_the_middle_the_next_run_finishes() {
    let bench = with("1h").await;
    tokio::select! {
        ended = bench.roll(V2) => panic!("{ended:?}"),
        () = in_the_middle(&bench) => {}
    }
    let found = bench.examine(Known::default()).await;
    assert!(
        found
            .temporary
            .iter()
            .all(|one| one.state == State::InForce),
        "{found:?}"
    );
    bench.pass(3600).await;
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    assert_eq!(members(&bench), 0);
    nothing_left(&bench, "killed while it drains");
}

/// While its first machines still end, the group is filled again: what comes later keeps its hooks.
#[tokio::test(start_paused = true)]
async fn a_group_that_is_filled_again_while_it_drains_drains_no_more() {
    let bench = stopped().await;
    let watchman = bench.watched_back();
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    watchman.content("back while it drains");
    assert_eq!(bench.serving(), three(V1));
    let groups = bench.cloud.world().model.view_groups();
    assert!(!groups[0].tags.contains_key("kiln:drain-until"));
    assert!(
        groups[1].tags.contains_key("kiln:drain-until"),
        "the other group has as long: {:?}",
        groups[1].tags
    );
}

/// The half-made group's machines have begun to work, and would end it for hours.
#[tokio::test(start_paused = true)]
async fn a_next_group_that_is_slow_to_end_is_taken_back_all_the_same() {
    let mut bench = replaced().await;
    slow_to_end(&bench);
    bench.service.hooks.activate = hook("activate");
    bench.outside.says(|_, _| Some(Word::No));
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Failed);
    watchman.content("slow to end");
    assert_eq!(bench.groups(), [group("web-v001", 3, "live")]);
    nothing_left(&bench, "slow to end");
    bench.outside.says(|_, _| Some(Word::Yes));
    expect(&bench.roll(V3).await, Verdict::Done);
}

//! Rolls without trouble, and with images that are no good.

use std::collections::BTreeMap;

use kiln::roll::{Decision, Verdict, set_hold, status};
use kiln::run::Clock as _;
use kiln::template::service::{Body, CheckKind};
use localcloud::model::Service as Api;
use localcloud::physics::{Behaviour, Service as Answers};
use serde_json::json;

use super::left_over::left_over;
use super::{Bench, OWN_RULE, V1, V2, V3, expect, quick, soak};

pub fn three(image: &str) -> BTreeMap<String, usize> {
    BTreeMap::from([(image.to_owned(), 3)])
}

#[track_caller]
pub fn nothing_left(bench: &Bench, about: &str) {
    let left = left_over(&bench.cloud.world().model, &bench.store.due());
    assert_eq!(left, [""; 0], "{about}");
}

fn group(name: &str, desired: i64, state: &str) -> (String, i64, String) {
    (name.to_owned(), desired, state.to_owned())
}

/// A service that runs `V1`.
pub async fn rolled_once() -> Bench {
    let bench = Bench::new().await;
    expect(&bench.roll(V1).await, Verdict::Done);
    bench
}

#[tokio::test(start_paused = true)]
async fn a_first_roll_makes_everything_and_serves() {
    let bench = Bench::new().await;
    let watchman = bench.watched();
    expect(&bench.roll(V1).await, Verdict::Done);
    watchman.content("first roll");
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(bench.groups(), [group("web-v001", 3, "live")]);
    nothing_left(&bench, "first roll");
}

#[tokio::test(start_paused = true)]
async fn a_first_roll_makes_its_own_rule_when_told_to() {
    let bench = Bench::with(OWN_RULE).await;
    let watchman = bench.watched();
    expect(&bench.roll(V1).await, Verdict::Done);
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("own rule");
    assert_eq!(bench.serving(), three(V2));
    let status = status(&bench.client, "web", bench.cloud.now())
        .await
        .unwrap();
    assert_eq!(status.rollback_not_ready, [""; 0]);
    assert!(
        status
            .to_string()
            .contains("ready, back in about 5 s, until")
    );
    nothing_left(&bench, "own rule");
}

#[tokio::test(start_paused = true)]
async fn a_second_roll_swaps_and_keeps_the_previous_group() {
    let bench = rolled_once().await;
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("second roll");
    assert_eq!(bench.serving(), three(V2));
    let kept = [group("web-v001", 3, "kept"), group("web-v002", 3, "live")];
    assert_eq!(bench.groups(), kept);
    assert_eq!(bench.store.due().len(), 1);
    nothing_left(&bench, "second roll");
    let swaps = bench
        .cloud
        .calls()
        .iter()
        .filter(|call| *call == "ModifyListener")
        .count();
    assert_eq!(swaps, 2, "one write a roll");
}

#[tokio::test(start_paused = true)]
async fn the_same_image_again_does_nothing() {
    let bench = rolled_once().await;
    let before = bench.cloud.calls().len();
    expect(&bench.roll(V1).await, Verdict::NothingToDo);
    let calls = bench.cloud.calls().split_off(before);
    let writes = calls.iter().filter(|call| !call.starts_with("Describe"));
    assert_eq!(writes.collect::<Vec<_>>(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_third_roll_frees_the_target_group_of_the_first() {
    let bench = rolled_once().await;
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    expect(&bench.roll(V3).await, Verdict::Done);
    watchman.content("third roll");
    let kept = [group("web-v002", 3, "kept"), group("web-v003", 3, "live")];
    assert_eq!(bench.groups(), kept);
    assert_eq!(bench.serving(), three(V3));
}

#[tokio::test(start_paused = true)]
async fn what_is_due_is_retired_by_the_next_roll_even_of_the_same_image() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let watchman = bench.watched();
    bench.pass(3700).await;
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    watchman.content("retiring");
    assert_eq!(bench.groups(), [group("web-v002", 3, "live")]);
    assert_eq!(bench.store.due(), []);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_is_one_write_and_bars_the_image() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let watchman = bench.watched_back();
    let before = bench.cloud.calls().len();
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    watchman.content("rollback");
    assert_eq!(bench.serving(), three(V1));
    let calls = bench.cloud.calls().split_off(before);
    assert_eq!(
        calls
            .iter()
            .filter(|call| *call == "ModifyListener")
            .count(),
        1
    );
    let tags = image_tags(&bench, V2);
    assert!(tags.contains_key("kiln:quarantine:web"), "{tags:?}");
    expect(&bench.roll(V3).await, Verdict::Frozen);
    kiln::roll::clear_hold(&bench.client, "web").await.unwrap();
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Failed);
    assert_eq!(ended.refused[0].finding.code, "roll::quarantined");
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V3));
    watchman.content("roll after rollback");
    nothing_left(&bench, "roll after rollback");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_refuses_a_group_that_is_not_whole() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let name = "web-v001";
    let sizes = json!({"AutoScalingGroupName": name, "MinSize": 0, "DesiredCapacity": 0});
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &sizes);
    bench.pass(300).await;
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Failed, "{back:?}");
    assert_eq!(bench.serving(), three(V2));
    assert!(
        !status(&bench.client, "web", bench.cloud.now())
            .await
            .unwrap()
            .rollback_not_ready
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn a_broken_image_is_rejected_in_words_and_nothing_is_left() {
    let bench = rolled_once().await;
    let broken = Behaviour {
        console_tail: "web.service: failed to start".to_owned(),
        service: Answers::WrongStatus(500),
        ..quick()
    };
    bench.cloud.world().physics.set_behaviour(V2, broken);
    let watchman = bench.watched();
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Rejected);
    watchman.content("broken image");
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(bench.groups(), [group("web-v001", 3, "live")]);
    nothing_left(&bench, "broken image");
    let reason = ended.failure.as_ref().unwrap().cause.to_string();
    assert!(reason.contains("ResponseCodeMismatch"), "{reason}");
    assert!(reason.contains("web.service: failed to start"), "{reason}");
    assert!(image_tags(&bench, V2).contains_key("kiln:quarantine:web"));
    expect(&bench.roll(V2).await, Verdict::Failed);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_never_listens_is_rejected_on_its_first_roll_too() {
    let bench = Bench::new().await;
    let absent = Behaviour {
        service: Answers::Absent,
        ..quick()
    };
    bench.cloud.world().physics.set_behaviour(V1, absent);
    expect(&bench.roll(V1).await, Verdict::Rejected);
    assert_eq!(bench.groups(), []);
    let world = bench.cloud.world();
    assert_eq!(world.model.view_target_groups(), []);
    assert_eq!(world.model.view_templates(), []);
    drop(world);
    nothing_left(&bench, "first roll of a broken image");
}

#[tokio::test(start_paused = true)]
async fn an_image_that_dies_after_the_swap_gives_traffic_back_first() {
    let mut bench = rolled_once().await;
    bench.service.checks.after = vec![soak(5)];
    let dies = Behaviour {
        service: Answers::DiesAfter(jiff::SignedDuration::from_secs(110)),
        ..quick()
    };
    bench.cloud.world().physics.set_behaviour(V2, dies);
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Rejected);
    let swaps = bench
        .cloud
        .calls()
        .iter()
        .filter(|call| *call == "ModifyListener")
        .count();
    assert_eq!(swaps, 3, "there and back");
    assert_eq!(bench.serving(), three(V1));
    nothing_left(&bench, "dies after the swap");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_answer_to_the_check_rejects_the_image() {
    let mut bench = rolled_once().await;
    let text = kiln::template::Late::fixed("something else");
    for check in &mut bench.service.checks.before {
        if let CheckKind::Http(http) = &mut check.kind {
            http.body = Some(Body::Equals(text.clone()));
        }
    }
    let watchman = bench.watched();
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Rejected);
    watchman.content("wrong answer");
    let reason = ended.failure.unwrap().cause.to_string();
    assert!(reason.contains("instead of `something else`"), "{reason}");
    nothing_left(&bench, "wrong answer");
}

#[tokio::test(start_paused = true)]
async fn a_plan_changes_nothing_and_says_what_it_would_do() {
    let bench = rolled_once().await;
    let before = bench.cloud.calls().len();
    let ended = bench.plan(V2).await;
    let Some(Decision::Roll(plan)) = &ended.decision else {
        panic!("{ended:?}");
    };
    insta::assert_snapshot!(plan.to_string());
    let calls = bench.cloud.calls().split_off(before);
    assert_eq!(
        calls.iter().find(|call| !call.starts_with("Describe")),
        None
    );
}

#[tokio::test(start_paused = true)]
async fn a_hold_stops_rolls_until_it_is_taken_off() {
    let bench = rolled_once().await;
    set_hold(&bench.client, "web", "the shop is full", None)
        .await
        .unwrap();
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Frozen);
    assert!(ended.loose[0].contains("the shop is full"), "{ended:?}");
    kiln::roll::clear_hold(&bench.client, "web").await.unwrap();
    expect(&bench.roll(V2).await, Verdict::Done);
}

#[tokio::test(start_paused = true)]
async fn what_the_file_names_and_is_not_there_is_said_at_its_place() {
    let mut bench = Bench::new().await;
    bench.service.traffic.as_mut().unwrap().load_balancer.value = "publik".to_owned();
    bench.service.set.security_groups.as_mut().unwrap()[0].value =
        "sg-0123456789abcdef0".to_owned();
    let ended = bench.roll("ami-00000000000000ff").await;
    expect(&ended, Verdict::Refused);
    let codes: Vec<_> = ended
        .refused
        .iter()
        .map(|refusal| refusal.finding.code)
        .collect();
    assert_eq!(codes, ["roll::no_image", "roll::no_load_balancer"]);
    let help = ended.refused[1].finding.help.clone().unwrap();
    assert_eq!(help, "did you mean `public`?");
    assert_eq!(ended.refused[1].finding.labels.len(), 1);
    bench.service.traffic.as_mut().unwrap().load_balancer.value = "public".to_owned();
    bench.service.traffic.as_mut().unwrap().rules[0].port.value = 8080;
    let ended = bench.roll(V1).await;
    expect(&ended, Verdict::Refused);
    let codes: Vec<_> = ended
        .refused
        .iter()
        .map(|refusal| refusal.finding.code)
        .collect();
    assert_eq!(codes, ["roll::no_listener", "roll::not_found"]);
    let calls = bench.cloud.calls();
    assert_eq!(
        calls.iter().find(|call| !call.starts_with("Describe")),
        None
    );
}

#[tokio::test(start_paused = true)]
async fn two_rolls_at_once_are_one_roll() {
    let bench = rolled_once().await;
    let watchman = bench.watched();
    let (first, second) = tokio::join!(bench.roll(V2), bench.roll(V3));
    expect(&first, Verdict::Done);
    expect(&second, Verdict::Busy);
    watchman.content("two at once");
    assert_eq!(bench.serving(), three(V2));
}

fn image_tags(bench: &Bench, id: &str) -> BTreeMap<String, String> {
    let images = bench.cloud.world().model.view_images();
    images
        .into_iter()
        .find(|image| image.id == id)
        .unwrap()
        .tags
}

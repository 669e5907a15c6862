//! The strategy `replace`: a service without a load balancer, whose next group takes the previous one's place.

mod drain;
mod office;
mod scaling;

use std::time::Duration;

use kiln::roll::{Decision, Verdict, status};
use kiln::run::Clock as _;
use kiln::template::service::{Command, Hook};
use localcloud::model::Service as Api;
use localcloud::physics::{Behaviour, Service as Answers};
use serde_json::json;

use super::outside::Word;
use super::plain::{nothing_left, three};
use super::trouble::{about, killed_for_another, stopped_everywhere, trouble_everywhere};
use super::{Bench, V1, V2, V3, expect, quick};
use crate::simulation::cloud::Mishap;

const REPLACE: &str = r#"{ "type": "replace" }"#;

/// A service without a load balancer that runs `V1`.
pub async fn replaced() -> Bench {
    by(REPLACE).await
}

/// The same, whose previous group goes on running.
pub async fn kept_running() -> Bench {
    by(r#"{ "type": "replace", "keep_running": true }"#).await
}

async fn by(strategy: &str) -> Bench {
    let bench = Bench::alone(strategy).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    bench
}

fn group(name: &str, desired: i64, state: &str) -> (String, i64, String) {
    (name.to_owned(), desired, state.to_owned())
}

fn hook(line: &str) -> Vec<Hook> {
    vec![Hook {
        command: Command::Line(line.to_owned()),
        timeout: Duration::from_mins(1),
    }]
}

async fn stand(bench: &Bench) -> kiln::roll::Status {
    let now = bench.cloud.now();
    status(&bench.client, "web", now).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_first_roll_makes_a_group_that_ec2_judges() {
    let bench = Bench::alone(REPLACE).await;
    let watchman = bench.watched();
    expect(&bench.roll(V1).await, Verdict::Done);
    watchman.content("first roll");
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(bench.groups(), [group("web-v001", 3, "live")]);
    nothing_left(&bench, "first roll");
    expect(&bench.roll(V1).await, Verdict::NothingToDo);
}

#[tokio::test(start_paused = true)]
async fn the_next_group_is_told_its_turn_and_the_previous_one_is_emptied() {
    let mut bench = replaced().await;
    bench.service.hooks.activate = hook("activate");
    let watchman = bench.watched();
    watchman.beside();
    let plan = bench.plan(V2).await;
    let Some(Decision::Roll(plan)) = &plan.decision else {
        panic!("{plan:?}");
    };
    insta::assert_snapshot!(plan.to_string());
    bench.outside.says(|_, _| Some(Word::Yes));
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("replace");
    assert_eq!(*bench.outside.ran.borrow(), ["activate"]);
    let told = bench.outside.environment.borrow()["KILN_ADDRESSES"].clone();
    assert_eq!(told.split(' ').count(), 3, "{told}");
    assert_eq!(bench.serving(), three(V2));
    let after = [group("web-v001", 0, "kept"), group("web-v002", 3, "live")];
    assert_eq!(bench.groups(), after);
    nothing_left(&bench, "replace");
    let stand = stand(&bench).await;
    assert_eq!(stand.rollback_not_ready, [""; 0]);
    assert_eq!(stand.rollback_waits_for, Some(3));
    bench.pass(2 * 3600).await;
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    assert_eq!(bench.groups(), [group("web-v002", 3, "live")]);
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_does_not_activate_gives_everything_back() {
    let mut bench = replaced().await;
    bench.service.hooks.activate = hook("activate");
    bench.outside.says(|_, _| Some(Word::No));
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Failed);
    watchman.content("no activation");
    assert_eq!(bench.groups(), [group("web-v001", 3, "live")]);
    nothing_left(&bench, "no activation");
}

#[tokio::test(start_paused = true)]
async fn an_image_whose_machines_do_not_come_up_costs_none_that_works() {
    let bench = replaced().await;
    let broken = Behaviour {
        service: Answers::DiesAfter(jiff::SignedDuration::from_secs(1)),
        boot: localcloud::physics::Spread::seconds(4000, 4000),
        start: localcloud::physics::Spread::seconds(4000, 4000),
        ..quick()
    };
    bench.cloud.world().physics.set_behaviour(V2, broken);
    let watchman = bench.watched();
    let ended = bench.roll(V2).await;
    watchman.content("broken");
    assert_ne!(ended.verdict, Verdict::Done);
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(bench.groups(), [group("web-v001", 3, "live")]);
    nothing_left(&bench, "broken");
}

#[tokio::test(start_paused = true)]
async fn a_previous_group_that_keeps_running_is_a_way_back_at_once() {
    let bench = kept_running().await;
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("side by side");
    let after = [group("web-v001", 3, "kept"), group("web-v002", 3, "live")];
    assert_eq!(bench.groups(), after);
    assert_eq!(stand(&bench).await.rollback_waits_for, None);
    let watchman = bench.watched_back();
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    watchman.content("back");
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(bench.groups()[1], group("web-v002", 0, "kept"));
}

#[tokio::test(start_paused = true)]
async fn a_group_with_nothing_but_the_services_name_is_taken_over() {
    let bench = replaced().await;
    for key in ["kiln:state", "kiln:run", "kiln:made-by", "kiln:image"] {
        let tag = json!({"Tags": [{"ResourceId": "web-v001", "ResourceType": "auto-scaling-group", "Key": key}]});
        bench.meanwhile(Api::AutoScaling, "DeleteTags", &tag);
    }
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("taken over");
    bench.pass(2 * 3600).await;
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    // What kiln has not made stays, emptied.
    let after = [
        group("web-v001", 0, "retiring"),
        group("web-v002", 3, "live"),
    ];
    assert_eq!(bench.groups(), after);
    nothing_left(&bench, "taken over");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_any_call_leaves_nothing() {
    trouble_everywhere(&replaced().await, Mishap::Refused).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_happens_and_is_never_answered_leaves_nothing() {
    trouble_everywhere(&replaced().await, Mishap::AnswersLost).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_time_gives_everything_back() {
    stopped_everywhere(&replaced().await, 40, 1).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_another_image_takes_its_turn() {
    killed_for_another(&replaced().await, 2, |_, _| ()).await;
}

fn back(bench: &Bench, about: &str) {
    assert_eq!(bench.serving(), three(V1), "{about}");
    let after = [group("web-v001", 3, "live"), group("web-v002", 0, "kept")];
    assert_eq!(bench.groups(), after, "{about}");
    let groups = bench.cloud.world().model.view_groups();
    assert_eq!(groups[0].min, 2, "{about}");
    let marks: Vec<_> = groups[0]
        .tags
        .keys()
        .filter(|key| ["kiln:back", "kiln:size", "kiln:keep-until"].contains(&key.as_str()))
        .collect();
    assert_eq!(marks, [""; 0], "{about}");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_fills_the_previous_group_and_empties_the_other() {
    let bench = replaced().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let watchman = bench.watched_back();
    let ended = bench.rollback().await;
    assert_eq!(ended.verdict, Verdict::Done, "{ended:?}");
    watchman.content("rollback");
    back(&bench, "rollback");
    // Somebody impatient.
    let again = bench.rollback().await;
    assert_eq!(again.verdict, Verdict::Failed, "{again:?}");
    back(&bench, "a second rollback");
    expect(&bench.roll(V3).await, Verdict::Frozen);
    kiln::roll::clear_hold(&bench.client, "web").await.unwrap();
    let ended = bench.roll(V2).await;
    assert_eq!(ended.refused[0].finding.code, "roll::quarantined");
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V3));
    nothing_left(&bench, "after a rollback");
}

/// What is in office is no better than before when a half-made group works beside it.
#[tokio::test(start_paused = true)]
async fn a_rollback_of_a_held_or_dead_roll_takes_the_next_group_away_and_no_other() {
    let mut base = replaced().await;
    expect(&base.roll(V2).await, Verdict::Done);
    base.service.hooks.activate = hook("activate");
    let counted = base.fork().await;
    expect(&counted.roll(V3).await, Verdict::Done);
    let calls = counted.cloud.calls();
    let office = calls
        .iter()
        .rposition(|call| call == "CreateAutoScalingGroup");
    for at in office.unwrap() + 1..calls.len() {
        let bench = base.fork().await;
        bench.cloud.plan(at, Mishap::KilledAfter);
        assert!(bench.roll_killed(V3).await.is_none(), "{at}");
        bench.cloud.calm();
        let next = stand(&bench).await.half_made;
        if next.is_none() {
            continue;
        }
        let about = about(&bench, at, Mishap::KilledAfter);
        let watchman = bench.watched_back();
        let back = bench.rollback().await;
        assert_eq!(back.verdict, Verdict::Done, "{about}: {back:?}");
        watchman.content(&about);
        assert_eq!(bench.serving(), three(V2), "{about}");
        kiln::roll::clear_hold(&bench.client, "web").await.unwrap();
        let again = bench.roll(V3).await;
        assert_eq!(
            again.refused[0].finding.code, "roll::quarantined",
            "{about}"
        );
    }
}

/// A queue that grows wakes the policies of both groups.
#[tokio::test(start_paused = true)]
async fn an_emptied_group_is_not_filled_again_by_its_policies() {
    let bench = replaced().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let groups = bench.cloud.world().model.view_groups();
    let emptied = groups
        .iter()
        .find(|group| group.name == "web-v001")
        .unwrap();
    assert_eq!((emptied.min, emptied.desired, emptied.max), (0, 0, 0));
    expect_back(&bench).await;
}

async fn expect_back(bench: &Bench) {
    let ended = bench.rollback().await;
    assert_eq!(ended.verdict, Verdict::Done, "{ended:?}");
    let groups = bench.cloud.world().model.view_groups();
    let filled = groups
        .iter()
        .find(|group| group.name == "web-v001")
        .unwrap();
    assert_eq!((filled.min, filled.desired, filled.max), (2, 3, 6));
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_was_killed_is_finished_by_the_next() {
    let base = replaced().await;
    expect(&base.roll(V2).await, Verdict::Done);
    let counted = base.fork().await;
    assert_eq!(counted.rollback().await.verdict, Verdict::Done);
    let calls = counted.cloud.calls();
    let writes = (1..=calls.len()).filter(|at| !calls[at - 1].starts_with("Describe"));
    let writes: Vec<usize> = writes.collect();
    for at in writes.iter().copied() {
        for kill in [Mishap::KilledBefore, Mishap::KilledAfter] {
            // Behind its last write it is through, and another one goes the other way.
            if writes.last() == Some(&at) && matches!(kill, Mishap::KilledAfter) {
                continue;
            }
            let bench = base.fork().await;
            bench.cloud.plan(at, kill);
            let ended = tokio::select! {
                biased;
                () = bench.cloud.killed() => None,
                ended = bench.rollback() => Some(ended),
            };
            assert!(ended.is_none(), "{at}: {ended:?}");
            bench.cloud.calm();
            let about = about(&bench, at, kill);
            let watchman = bench.watched_back();
            let again = bench.rollback().await;
            assert_eq!(again.verdict, Verdict::Done, "{about}: {again:?}");
            watchman.content(&about);
            back(&bench, &about);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollback_with_trouble_at_any_call_leaves_enough_machines() {
    let base = replaced().await;
    expect(&base.roll(V2).await, Verdict::Done);
    for at in 1.. {
        let bench = base.fork().await;
        let watchman = bench.watched_back();
        bench.cloud.plan(at, Mishap::Refused);
        let ended = bench.rollback().await;
        bench.cloud.calm();
        let about = about(&bench, at, Mishap::Refused);
        watchman.content(&about);
        if bench.cloud.calls().len() < at {
            break;
        }
        match ended.verdict {
            Verdict::Failed => {
                assert_eq!(bench.serving(), three(V2), "{about}: {ended:?}");
                assert_eq!(bench.groups()[0], group("web-v001", 0, "kept"), "{about}");
            }
            _ => assert_eq!(bench.serving().get(V1), Some(&3), "{about}: {ended:?}"),
        }
    }
}

/// Without a load balancer the machines of a group are replaced by what EC2 says of them.
#[tokio::test(start_paused = true)]
async fn a_refresh_needs_no_load_balancer() {
    let bench = by(r#"{ "type": "rolling" }"#).await;
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("rolling");
    assert_eq!(bench.serving(), three(V2));
    assert_eq!(bench.groups(), [group("web-v001", 3, "live")]);
    nothing_left(&bench, "rolling");
    assert_eq!(stand(&bench).await.rollback_refreshes_to, Some(1));
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(bench.serving(), three(V1));
}

//! The doctor: what tags say of dead runs, with no journal, no store and no file, and what is done about it.

use std::time::Duration;

use kiln::roll::Verdict;
use kiln::roll::doctor::{Doctor, Doctored, Known, Owner, State, examine, heal};
use kiln::run::{Clock as _, RunId, Silent, Urgency};
use localcloud::model::Service as Api;
use serde_json::json;

use super::left_over::left_over;
use super::plain::{nothing_left, rolled_once, three};
use super::regrow::{minimum, scaled_out};
use super::{Bench, V1, V2, V3, expect, holder};
use crate::simulation::cloud::Mishap;

impl Bench {
    pub fn doctor<'a>(
        &'a self,
        known: Known,
        journal: &'a super::store::SharedJournal,
    ) -> Doctor<'a> {
        Doctor {
            service: "web",
            known,
            clock: &self.cloud,
            events: &Silent,
            journal,
            stop: self.stop.clone(),
        }
    }

    pub async fn examine(&self, known: Known) -> Doctored {
        let journal = super::store::SharedJournal::default();
        examine(&self.doctor(known, &journal), &self.client).await
    }

    pub async fn heal(&self, known: Known) -> Doctored {
        let journal = self.journals.begin(self.next_run());
        heal(&self.doctor(known, &journal), &self.client).await
    }
}

/// The run of the half-made group, or of whatever else is temporary.
pub fn dead_run(found: &Doctored) -> Option<RunId> {
    found.temporary.iter().find_map(|one| one.run)
}

fn given_up(run: Option<RunId>) -> Known {
    Known {
        given_up: run,
        ..Known::default()
    }
}

/// Calls of a second roll that change something.
async fn writes(base: &Bench) -> Vec<usize> {
    let counted = base.fork().await;
    let before = counted.cloud.calls().len();
    expect(&counted.roll(V2).await, Verdict::Done);
    let calls = counted.cloud.calls();
    let at = |index: &usize| !calls[*index].starts_with("Describe");
    let writes: Vec<usize> = (before..calls.len()).filter(at).collect();
    writes.into_iter().map(|index| index - before + 1).collect()
}

/// The calls at which trouble is tried: all but questions between the second and the last of the same, which find the same
/// state.
fn telling(calls: &[String]) -> Vec<usize> {
    let tells = |at: &usize| {
        let call = &calls[at - 1];
        let earlier = calls[..at - 1]
            .iter()
            .filter(|other| *other == call)
            .count();
        earlier < 2 || !calls[*at..].contains(call) || !call.starts_with("Describe")
    };
    (1..=calls.len()).filter(tells).collect()
}

async fn killed(base: &Bench, at: usize, image: &str) -> Bench {
    let bench = base.fork().await;
    bench.cloud.plan(at, Mishap::KilledAfter);
    assert!(bench.roll_killed(image).await.is_none(), "call {at}");
    bench.cloud.calm();
    bench
}

/// A second roll that was killed behind its swap, of which nothing but the cloud is left.
pub async fn swapped() -> Bench {
    let base = rolled_once().await;
    let counted = base.fork().await;
    expect(&counted.roll(V2).await, Verdict::Done);
    let calls = counted.cloud.calls();
    let at = calls.iter().rposition(|call| call == "ModifyListener");
    let bench = killed(&base, at.unwrap() + 1, V2).await;
    assert_eq!(bench.serving(), three(V2));
    bench
}

#[tokio::test(start_paused = true)]
async fn what_a_roll_that_died_anywhere_left_is_in_force_until_its_run_is_given_up() {
    let base = rolled_once().await;
    for at in writes(&base).await {
        let bench = killed(&base, at, V2).await;
        let about = format!("killed behind call {at}, {}", bench.cloud.calls()[at - 1]);
        let before = bench.cloud.writes().len();
        let found = bench.examine(Known::default()).await;
        assert_eq!(found.verdict, Verdict::Done, "{about}: {found:?}");
        assert_eq!(bench.cloud.writes().len(), before, "{about}: it only looks");
        let over: Vec<_> = (found.temporary.iter())
            .filter(|one| one.state == State::RunOut && !one.why.contains("for good"))
            .filter(|one| !one.why.contains("gone through"))
            .collect();
        assert!(over.is_empty(), "{about}: {over:?}");
        let watchman = bench.watched_back();
        let healed = bench.heal(given_up(dead_run(&found))).await;
        let good = matches!(healed.verdict, Verdict::Done | Verdict::NothingToDo);
        assert!(good, "{about}: {healed:?}");
        watchman.content(&about);
        let serving = bench.serving();
        assert!(
            serving == three(V1) || serving == three(V2),
            "{about}: {serving:?}"
        );
        let mut left = left_over(&bench.cloud.world().model, &bench.store.due());
        // A roll that went through keeps its previous group; that is no temporary change.
        if bench.groups().len() > 1 {
            left.retain(|left| !left.contains("watch") && !left.contains("web-v001"));
        }
        assert_eq!(left, [""; 0], "{about}");
        let again = bench.examine(Known::default()).await;
        let over = again
            .temporary
            .iter()
            .find(|one| one.state == State::RunOut);
        assert!(over.is_none(), "{about}: {over:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_run_out_is_restored_and_what_has_not_is_left_alone() {
    let bench = swapped().await;
    let healed = bench.heal(Known::default()).await;
    assert_eq!(healed.verdict, Verdict::NothingToDo, "{healed:?}");
    assert_eq!(bench.serving(), three(V2));
    let lines: Vec<String> = healed.temporary.iter().map(ToString::to_string).collect();
    assert!(
        lines[0].starts_with("half-made roll of group web-v002, run "),
        "{lines:#?}"
    );
    assert!(
        lines[0].contains("(no journal here), until 2026-11-02"),
        "{lines:#?}"
    );
    assert!(
        lines.iter().any(|line| line.starts_with("probe rule")),
        "{lines:#?}"
    );
    let run = dead_run(&healed).unwrap();
    let alive = Known {
        alive: vec![run],
        given_up: Some(run),
        ..Known::default()
    };
    let busy = Known {
        holder: Some(holder(bench.next_run(), bench.cloud.now())),
        given_up: Some(run),
        ..Known::default()
    };
    for known in [alive, busy] {
        let healed = bench.heal(known).await;
        assert_eq!(healed.verdict, Verdict::NothingToDo, "{healed:?}");
    }
    let dead = bench
        .examine(Known {
            dead: vec![run],
            ..Known::default()
        })
        .await;
    assert!(
        dead.temporary.iter().all(|one| one.owner == Owner::Dead),
        "{dead:?}"
    );
    let watchman = bench.watched_back();
    bench.pass(25 * 3600).await;
    let shown = bench.examine(Known::default()).await;
    assert!(
        shown.temporary.iter().all(|one| one.state == State::RunOut),
        "{shown:#?}"
    );
    let healed = bench.heal(Known::default()).await;
    assert_eq!(healed.verdict, Verdict::Done, "{healed:?}");
    watchman.content("a roll that ran out");
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(healed.temporary, [], "{healed:?}");
    nothing_left(&bench, "a roll that ran out");
    expect(&bench.roll(V3).await, Verdict::Done);
}

#[tokio::test(start_paused = true)]
async fn trouble_at_any_call_of_it_is_told_and_the_next_one_goes_through() {
    let base = swapped().await;
    let known = given_up(dead_run(&base.examine(Known::default()).await));
    let counted = base.fork().await;
    assert_eq!(counted.heal(known.clone()).await.verdict, Verdict::Done);
    let calls = telling(&counted.cloud.calls());
    for mishap in [
        Mishap::Refused,
        Mishap::AnswerLost,
        Mishap::AnswersLost,
        Mishap::Down,
        Mishap::KilledBefore,
        Mishap::KilledAfter,
    ] {
        for at in calls.clone() {
            let bench = base.fork().await;
            let watchman = bench.watched_back();
            bench.cloud.plan(at, mishap);
            let healed = tokio::select! {
                biased;
                () = bench.cloud.killed() => None,
                healed = bench.heal(known.clone()) => Some(healed),
            };
            bench.cloud.calm();
            let call = bench.cloud.calls()[at - 1].clone();
            let about = format!("{mishap:?} at call {at}, {call}: {healed:?}");
            watchman.content(&about);
            match healed.map(|healed| healed.verdict) {
                Some(Verdict::Done) => nothing_left(&bench, &about),
                Some(Verdict::Failed) => assert_eq!(bench.serving(), three(V2), "{about}"),
                Some(Verdict::CleanUpDue | Verdict::Traffic) | None => {}
                other => panic!("{about}: {other:?}"),
            }
            let again = bench.heal(known.clone()).await;
            let good = matches!(again.verdict, Verdict::Done | Verdict::NothingToDo);
            assert!(good, "{about}, then again: {again:?}");
            watchman.content(&about);
            assert_eq!(bench.serving(), three(V1), "{about}");
            nothing_left(&bench, &about);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_second_of_it_leaves_the_rest_to_the_next() {
    let base = swapped().await;
    let known = given_up(dead_run(&base.examine(Known::default()).await));
    for second in 0.. {
        let bench = base.fork().await;
        let watchman = bench.watched_back();
        let stop = async {
            tokio::time::sleep(Duration::from_secs(second)).await;
            bench.stop.request(Urgency::Ask);
        };
        let (healed, ()) = tokio::join!(bench.heal(known.clone()), stop);
        let about = format!("stopped after {second} s: {healed:?}");
        watchman.content(&about);
        if healed.verdict == Verdict::Done {
            break;
        }
        assert_eq!(healed.verdict, Verdict::Stopped, "{about}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_minimum_that_a_dead_rollback_raised_comes_down_when_its_hour_is_up() {
    for min in [2, 3] {
        let bench = scaled_out(min).await;
        let before = minimum(&bench, "web-v001");
        tokio::select! {
            biased;
            () = tokio::time::sleep(Duration::from_secs(6)) => {}
            back = bench.rollback() => panic!("{back:?}"),
        }
        assert_eq!(minimum(&bench, "web-v001").0, 6);
        bench.pass(600).await;
        let healed = bench.heal(Known::default()).await;
        assert_eq!(healed.verdict, Verdict::NothingToDo, "{healed:?}");
        bench.pass(3600).await;
        let healed = bench.heal(Known::default()).await;
        assert_eq!(healed.verdict, Verdict::Done, "{healed:?}");
        assert!(
            healed.restored[0].contains("minimum held for a rollback"),
            "{healed:?}"
        );
        assert_eq!(minimum(&bench, "web-v001"), before);
    }
}

#[tokio::test(start_paused = true)]
async fn the_mark_of_a_rollback_that_wrote_nothing_goes_and_that_of_one_that_wrote_stays() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let counted = bench.fork().await;
    let before = counted.cloud.calls().len();
    assert_eq!(counted.rollback().await.verdict, Verdict::Done);
    let calls = counted.cloud.calls().split_off(before);
    let write = calls
        .iter()
        .position(|call| call == "ModifyListener")
        .unwrap()
        + 1;
    for (at, kill) in [(write, Mishap::KilledBefore), (write, Mishap::KilledAfter)] {
        let bench = bench.fork().await;
        bench.cloud.plan(at, kill);
        tokio::select! {
            biased;
            () = bench.cloud.killed() => {}
            back = bench.rollback() => panic!("{back:?}"),
        }
        bench.cloud.calm();
        let serving = bench.serving();
        let found = bench.examine(Known::default()).await;
        let run = found
            .temporary
            .iter()
            .find(|one| one.what == "mark of a rollback")
            .unwrap()
            .run;
        let healed = bench.heal(given_up(run)).await;
        let mark = healed
            .temporary
            .iter()
            .find(|one| one.what == "mark of a rollback");
        if serving == three(V2) {
            assert!(mark.is_none(), "{healed:?}");
            assert_eq!(healed.verdict, Verdict::Done, "{healed:?}");
        } else {
            let why = &mark.unwrap().why;
            assert!(why.contains("`kiln rollback web` finishes it"), "{why}");
            assert_eq!(bench.rollback().await.verdict, Verdict::Done);
            let after = bench.examine(Known::default()).await;
            assert_eq!(after.temporary, [], "{after:?}");
        }
        assert_eq!(bench.serving(), serving);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_cannot_be_read_is_told_with_the_command_that_takes_it_off() {
    let bench = rolled_once().await;
    tag_group(&bench, "web-v001", "kiln:lease:processes", "nonsense");
    let healed = bench.heal(Known::default()).await;
    let [one] = &healed.temporary[..] else {
        panic!("{healed:?}");
    };
    assert_eq!(one.state, State::Stays);
    assert!(one.why.contains("aws autoscaling delete-tags"), "{one}");
}

#[tokio::test(start_paused = true)]
async fn a_pin_stays_where_the_group_would_start_another_image_without_it() {
    let bench = rolled_once().await;
    let template = bench.cloud.world().model.view_templates()[0].id.clone();
    let spec = json!({ "LaunchTemplateId": template, "Version": "$Latest" });
    let change = json!({ "AutoScalingGroupName": "web-v001", "LaunchTemplate": spec });
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &change);
    expect(&bench.roll(V2).await, Verdict::Done);
    assert_eq!(bench.rollback().await.verdict, Verdict::Done);
    let found = bench.examine(Known::default()).await;
    let run = found
        .temporary
        .iter()
        .find(|one| one.what.contains("pinned"))
        .unwrap()
        .run;
    let healed = bench.heal(given_up(run)).await;
    let pin = healed
        .temporary
        .iter()
        .find(|one| one.what.contains("pinned"))
        .unwrap();
    assert_eq!(pin.state, State::Stays, "{pin}");
    assert!(pin.why.contains("would start version 2"), "{pin}");
    assert_eq!(pin.before.as_deref(), Some("latest"));
}

pub fn tag_group(bench: &Bench, name: &str, key: &str, value: &str) {
    let tag = json!([{ "ResourceId": name, "ResourceType": "auto-scaling-group", "Key": key, "Value": value,
        "PropagateAtLaunch": false }]);
    bench.meanwhile(
        Api::AutoScaling,
        "CreateOrUpdateTags",
        &json!({ "Tags": tag }),
    );
}

#[tokio::test(start_paused = true)]
async fn a_name_that_nothing_carries_is_an_error() {
    let bench = Bench::new().await;
    let found = bench.examine(Known::default()).await;
    assert_eq!(found.verdict, Verdict::Failed);
    assert!(found.left[0].contains("kiln:service=web"), "{found:?}");
}

//! A rollback after a scale-out: the kept group first becomes as large as what serves, whatever fails on the way.

use std::collections::BTreeMap;
use std::time::Duration;

use kiln::roll::{RolledBack, Verdict, status};
use kiln::run::{Clock as _, Urgency};
use localcloud::model::Service as Api;
use serde_json::json;

use super::canary::members;
use super::plain::{rolled_once, three};
use super::{Bench, V1, V2, expect};
use crate::simulation::cloud::Mishap;

fn six(image: &str) -> BTreeMap<String, usize> {
    BTreeMap::from([(image.to_owned(), 6)])
}

fn resize(bench: &Bench, group: &str, sizes: &serde_json::Value) {
    let mut given = json!({ "AutoScalingGroupName": group });
    for (key, value) in sizes.as_object().unwrap() {
        given[key] = value.clone();
    }
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &given);
}

/// `V1` is kept with three machines, `V2` serves with six. The first group's minimum is `min`: three needs no holding.
pub async fn scaled_out(min: u32) -> Bench {
    let bench = rolled_once().await;
    resize(&bench, "web-v001", &json!({ "MinSize": min }));
    expect(&bench.roll(V2).await, Verdict::Done);
    resize(&bench, "web-v002", &json!({ "DesiredCapacity": 6 }));
    bench.pass(300).await;
    assert_eq!(bench.serving(), six(V2));
    bench
}

pub fn minimum(bench: &Bench, group: &str) -> (i64, bool) {
    let groups = bench.cloud.world().model.view_groups();
    let found = groups.into_iter().find(|one| one.name == group).unwrap();
    let keys = ["kiln:lease:min-size", "kiln:lease:grown-min"];
    let held = keys.iter().any(|key| found.tags.contains_key(*key));
    (found.min, held)
}

/// Whatever happened: six machines of one image serve, and what says that it moved nothing has moved nothing.
fn stands(bench: &Bench, back: &RolledBack, about: &str) {
    let image = match back.verdict {
        Verdict::Done | Verdict::CleanUpDue => V1,
        Verdict::Failed | Verdict::Stopped => V2,
        // It was written, and no read came through.
        Verdict::Traffic => return,
        other => panic!("{about}: {other:?}"),
    };
    assert_eq!(bench.serving(), six(image), "{about}: {back:?}");
}

#[tokio::test(start_paused = true)]
async fn the_kept_group_grows_to_what_serves_first() {
    for min in [2, 3] {
        let bench = scaled_out(min).await;
        let stands = status(&bench.client, "web", bench.cloud.now())
            .await
            .unwrap();
        assert_eq!(stands.rollback_not_ready, [""; 0]);
        assert_eq!(stands.rollback_waits_for, Some(6));
        let text = "ready, as soon as 6 machines of the previous group are healthy";
        assert!(stands.to_string().contains(text), "{stands}");
        let watchman = bench.watched_back();
        let look = async {
            tokio::time::sleep(Duration::from_secs(6)).await;
            minimum(&bench, "web-v001")
        };
        let (back, meanwhile) = tokio::join!(bench.rollback(), look);
        assert_eq!(meanwhile, (6, true), "or its own alarms would shrink it");
        assert_eq!(back.verdict, Verdict::Done, "{back:?}");
        watchman.content("a rollback after a scale-out");
        assert_eq!(bench.serving(), six(V1));
        assert_eq!(minimum(&bench, "web-v001"), (i64::from(min), false));
    }
}

#[tokio::test(start_paused = true)]
async fn trouble_at_any_call_of_it_leaves_six_machines_serving() {
    for min in [2, 3] {
        let base = scaled_out(min).await;
        for mishap in [
            Mishap::Refused,
            Mishap::AnswerLost,
            Mishap::AnswersLost,
            Mishap::Down,
        ] {
            for at in 1.. {
                let bench = base.fork().await;
                let watchman = bench.watched_back();
                bench.cloud.plan(at, mishap);
                let back = bench.rollback().await;
                bench.cloud.calm();
                let calls = bench.cloud.calls();
                let Some(call) = calls.get(at - 1) else { break };
                let about = format!("minimum {min}, {mishap:?} at call {at}, {call}");
                watchman.content(&about);
                stands(&bench, &back, &about);
                let again = bench.rollback().await;
                // Once it is back, there is nothing more to go back to.
                let wanted = match back.verdict {
                    Verdict::Done => Verdict::Failed,
                    Verdict::Failed => Verdict::Done,
                    _ => again.verdict,
                };
                assert_eq!(again.verdict, wanted, "{about}, then again: {again:?}");
                watchman.content(&about);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_second_of_it_gives_the_minimum_back() {
    for min in [2, 3] {
        let base = scaled_out(min).await;
        let before = minimum(&base, "web-v001");
        for second in 0.. {
            let bench = base.fork().await;
            let watchman = bench.watched_back();
            let stop = async {
                tokio::time::sleep(Duration::from_secs(second)).await;
                bench.stop.request(Urgency::Ask);
            };
            let (back, ()) = tokio::join!(bench.rollback(), stop);
            let about = format!("minimum {min}, stopped after {second} s");
            watchman.content(&about);
            stands(&bench, &back, &about);
            if back.verdict == Verdict::Done {
                assert!(second > 10, "growing takes longer than {second} s");
                break;
            }
            assert_eq!(back.verdict, Verdict::Stopped, "{about}: {back:?}");
            // What the roll held stays held, as far as it held it; what the rollback held does not.
            assert_eq!(minimum(&bench, "web-v001"), before, "{about}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_at_any_call_of_it_the_same_command_goes_on() {
    for min in [2, 3] {
        let base = scaled_out(min).await;
        for kill in [Mishap::KilledBefore, Mishap::KilledAfter] {
            for at in 1.. {
                let bench = base.fork().await;
                let watchman = bench.watched_back();
                bench.cloud.plan(at, kill);
                let ended = tokio::select! {
                    biased;
                    () = bench.cloud.killed() => None,
                    back = bench.rollback() => Some(back),
                };
                bench.cloud.calm();
                if ended.is_some() {
                    break;
                }
                let calls = bench.cloud.calls();
                let about = format!("minimum {min}, {kill:?} {at}, {:?}", calls.get(at - 1));
                bench.pass(7).await;
                let said = |state: &str| ("web-v001".to_owned(), 6, state.to_owned());
                if bench.groups().contains(&said("live")) {
                    // It died when all was done and said.
                    continue;
                }
                let again = bench.rollback().await;
                watchman.content(&about);
                assert_eq!(again.verdict, Verdict::Done, "{about}: {again:?}");
                assert_eq!(bench.serving(), six(V1), "{about}");
                let after = minimum(&bench, "web-v001");
                assert_eq!(after, (i64::from(min), false), "{about}");
                assert!(bench.groups().contains(&said("live")), "{about}");
                let stands = status(&bench.client, "web", bench.cloud.now())
                    .await
                    .unwrap();
                assert!(stands.hold.is_some(), "{about}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn there_and_back_again_is_no_rollback() {
    let bench = scaled_out(2).await;
    assert_eq!(bench.rollback().await.verdict, Verdict::Done);
    bench.pass(60).await;
    let began = bench.cloud.now();
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Failed, "{back:?}");
    assert!(back.reasons[0].contains("nobody knows"), "{back:?}");
    assert!(bench.cloud.now().duration_since(began) < jiff::SignedDuration::from_secs(10));
    assert_eq!(bench.serving(), six(V1));
}

#[tokio::test(start_paused = true)]
async fn a_kept_group_that_may_not_grow_so_far_is_told_and_forced_only() {
    let bench = scaled_out(2).await;
    resize(&bench, "web-v001", &json!({ "MaxSize": 4 }));
    let writes = bench.cloud.writes().len();
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Failed, "{back:?}");
    assert!(back.reasons[0].contains("--max-size 6"), "{back:?}");
    assert_eq!(bench.cloud.writes().len(), writes);
    assert_eq!(bench.serving(), six(V2));
    let back = bench.rollback_by(Some("five hundreds")).await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(bench.serving(), three(V1));
    let hold = status(&bench.client, "web", bench.cloud.now())
        .await
        .unwrap()
        .hold
        .unwrap();
    assert!(hold.contains("by force: five hundreds"), "{hold}");
}

/// Leads production traffic to a target group, as somebody with a console.
fn lead_to(bench: &Bench, name: &str) {
    let (listener, target) = {
        let world = bench.cloud.world();
        let groups = world.model.view_target_groups().into_iter();
        let mut target = groups
            .filter(|group| group.name == name)
            .map(|group| group.arn);
        let listener = world.model.view_listeners().remove(0).arn;
        (listener, target.next_back().unwrap())
    };
    let actions = json!([{ "Type": "forward", "TargetGroupArn": target }]);
    let given = json!({ "ListenerArn": listener, "DefaultActions": actions });
    bench.meanwhile(Api::Elb, "ModifyListener", &given);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_led_to_a_kept_group_is_no_rollback_that_died() {
    let bench = scaled_out(2).await;
    assert_eq!(bench.rollback().await.verdict, Verdict::Done);
    kiln::roll::clear_hold(&bench.client, "web").await.unwrap();
    lead_to(&bench, "web-b");
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Failed, "{back:?}");
    assert_eq!(bench.serving().keys().collect::<Vec<_>>(), [V2]);
    assert!(
        status(&bench.client, "web", bench.cloud.now())
            .await
            .unwrap()
            .hold
            .is_none()
    );
}

#[tokio::test(start_paused = true)]
async fn a_write_of_somebody_else_while_the_kept_group_grows_stays() {
    let bench = scaled_out(2).await;
    let other = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let listener = bench.cloud.world().model.view_listeners().remove(0).arn;
        let fixed = json!({ "StatusCode": "503" });
        let actions = json!([{ "Type": "fixed-response", "FixedResponseConfig": fixed }]);
        let given = json!({ "ListenerArn": listener, "DefaultActions": actions });
        bench.meanwhile(Api::Elb, "ModifyListener", &given);
    };
    let (back, ()) = tokio::join!(bench.rollback(), other);
    assert_eq!(back.verdict, Verdict::Failed, "{back:?}");
    assert_eq!(bench.serving(), BTreeMap::new());
}

#[tokio::test(start_paused = true)]
async fn a_group_that_cannot_start_machines_is_told_at_once() {
    let bench = scaled_out(2).await;
    let given = json!({ "AutoScalingGroupName": "web-v001", "ScalingProcesses": ["Launch"] });
    bench.meanwhile(Api::AutoScaling, "SuspendProcesses", &given);
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Failed, "{back:?}");
    assert!(back.reasons[0].contains("resume-processes"), "{back:?}");
    assert_eq!(bench.serving(), six(V2));
}

#[tokio::test(start_paused = true)]
async fn force_takes_what_is_sick_and_not_what_is_dead() {
    let bench = scaled_out(2).await;
    resize(
        &bench,
        "web-v001",
        &json!({ "MinSize": 0, "DesiredCapacity": 1 }),
    );
    bench.pass(300).await;
    let fork = bench.fork().await;
    let back = bench.rollback_by(Some("it burns")).await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(bench.serving().get(V1), Some(&1));
    for id in members(&fork, "web-v001") {
        let given = json!({ "InstanceId": [id] });
        fork.meanwhile(Api::Ec2, "TerminateInstances", &given);
    }
    fork.pass(1).await;
    let back = fork.rollback_by(Some("it burns")).await;
    assert_eq!(back.verdict, Verdict::Failed, "{back:?}");
    assert_eq!(fork.serving(), six(V2));
}

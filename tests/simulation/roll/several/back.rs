//! The way back of several production rules, from the service's name alone.

use kiln::roll::{Verdict, status};
use kiln::run::Clock as _;
use localcloud::model::Service as Api;
use serde_json::json;

use super::super::plain::three;
use super::super::trouble::{about, killed_back_is_finished};
use super::super::{Bench, V1, V2, V3, expect};
use super::{led, together, two_ports};
use crate::simulation::cloud::Mishap;

/// `V2` serves by both listeners, and `V1` is kept.
async fn swapped() -> Bench {
    let bench = two_ports().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    bench
}

#[tokio::test(start_paused = true)]
async fn a_rollback_with_trouble_at_any_call_moves_all_rules_or_says_that_it_did_not() {
    let base = swapped().await;
    let (mut half, mut moved) = (0, 0);
    for mishap in [Mishap::Refused, Mishap::Down, Mishap::AnswersLost] {
        for at in 1.. {
            let bench = base.fork().await;
            let watchman = bench.watched_back();
            bench.cloud.plan(at, mishap);
            let back = bench.rollback().await;
            bench.cloud.calm();
            let calls = bench.cloud.calls();
            if calls.len() < at {
                break;
            }
            let about = format!("{}: {back:?}", about(&bench, at, mishap));
            match back.verdict {
                Verdict::Failed => assert_eq!(led(&bench), ["web-b"; 2], "{about}"),
                Verdict::Traffic => {
                    moved += 1;
                    half += usize::from(led(&bench) == ["web-a", "web-b"]);
                    let again = bench.rollback().await;
                    let gone_on = matches!(again.verdict, Verdict::Done | Verdict::CleanUpDue);
                    assert!(gone_on, "{about}: {again:?}");
                    assert_eq!(led(&bench), ["web-a"; 2], "{about}");
                }
                _ => assert_eq!(led(&bench), ["web-a"; 2], "{about}"),
            }
            watchman.content(&about);
        }
    }
    assert!(
        half > 0 && moved > half,
        "{half} of {moved} cases met the second write"
    );
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_dies_anywhere_is_finished_by_the_next() {
    let is_led = |bench: &Bench| led(bench) == ["web-a"; 2];
    killed_back_is_finished(&swapped().await, is_led, together).await;
}

/// The image that was no good is not rolled further by what comes next.
#[tokio::test(start_paused = true)]
async fn a_roll_behind_a_rollback_that_died_between_two_rules_finishes_it() {
    let mut halves = 0;
    let base = swapped().await;
    for at in 1.. {
        let bench = base.fork().await;
        bench.cloud.plan(at, Mishap::KilledAfter);
        let ended = tokio::select! {
            biased;
            () = bench.cloud.killed() => None,
            ended = Box::pin(bench.rollback()) => Some(ended),
        };
        if ended.is_some() {
            break;
        }
        bench.cloud.calm();
        if led(&bench) != ["web-a", "web-b"] {
            continue;
        }
        halves += 1;
        let about = about(&bench, at, Mishap::KilledAfter);
        let shown = status(&bench.client, "web", bench.cloud.now())
            .await
            .unwrap();
        let live = shown.live.as_ref().map(|live| live.group.to_string());
        assert_eq!(live.as_deref(), Some("web-v002"), "{about}: {shown}");
        assert_eq!(shown.rollback_not_ready, [""; 0], "{about}");
        assert_eq!(
            shown.to_string().matches("  rule      ").count(),
            2,
            "{shown}"
        );
        let ended = Box::pin(bench.roll(V3)).await;
        expect(&ended, Verdict::Frozen);
        together(&bench, &about);
        assert_eq!(bench.serving(), three(V1), "{about}");
    }
    assert!(halves > 1, "{halves}");
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_somebody_led_elsewhere_is_drift_and_the_others_go_back() {
    let bench = swapped().await;
    super::close_second(&bench);
    let shown = status(&bench.client, "web", bench.cloud.now())
        .await
        .unwrap();
    let drift = shown.drift.join("");
    assert!(
        drift.contains("leads to no target group of the service"),
        "{drift}"
    );
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(led(&bench), ["web-a"]);
}

/// A canary that died between two rules is ended by its name alone.
#[tokio::test(start_paused = true)]
async fn a_rollback_ends_a_canary_that_died_between_two_rules() {
    let base = super::two_hosts().await;
    let counted = base.fork().await;
    expect(&counted.roll(V2).await, Verdict::Done);
    let calls = counted.cloud.calls();
    let writes = (1..=calls.len()).filter(|at| calls[at - 1] == "ModifyRule");
    for at in writes {
        let bench = base.fork().await;
        bench.cloud.plan(at, Mishap::KilledAfter);
        assert!(bench.roll_killed(V2).await.is_none());
        bench.cloud.calm();
        let about = about(&bench, at, Mishap::KilledAfter);
        let watchman = bench.watched_back();
        let back = Box::pin(bench.rollback()).await;
        let done = matches!(back.verdict, Verdict::Done | Verdict::CleanUpDue);
        assert!(done, "{about}: {back:?}");
        watchman.content(&about);
        together(&bench, &about);
        assert_eq!(bench.serving(), three(V1), "{about}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_left_has_its_name_on_none_of_its_rules() {
    let bench = swapped().await;
    let named = |bench: &Bench| {
        let listeners = bench.cloud.world().model.view_listeners();
        listeners
            .iter()
            .filter(|one| one.tags.contains_key("kiln:service"))
            .count()
    };
    assert_eq!(named(&bench), 2);
    drop(bench.leave().await);
    assert_eq!(named(&bench), 0);
    together(&bench, "left");
}

/// No rule leads there any more, whichever of them did.
#[tokio::test(start_paused = true)]
async fn a_kept_group_that_any_rule_leads_to_is_not_retired() {
    let bench = swapped().await;
    let (second, first) = {
        let world = bench.cloud.world();
        let second = world
            .model
            .view_listeners()
            .into_iter()
            .find(|one| one.port == 443);
        let mut groups = world.model.view_target_groups().into_iter();
        let first = groups.find(|group| group.name == "web-a");
        (second.unwrap().arn, first.unwrap().arn)
    };
    let actions = json!([{ "Type": "forward", "TargetGroupArn": first }]);
    let given = json!({ "ListenerArn": second, "DefaultActions": actions });
    bench.meanwhile(Api::Elb, "ModifyListener", &given);
    bench.pass(2 * 3600).await;
    drop(Box::pin(bench.roll(V2)).await);
    let groups = bench.groups();
    assert!(
        groups
            .iter()
            .any(|(name, desired, _)| name == "web-v001" && *desired == 3),
        "{groups:?}"
    );
}

//! Ways back with something left to do: pins that stay, calls that are refused, stops, and a refresh that goes back already.

use std::cell::Cell;
use std::time::Duration;

use kiln::roll::doctor::Known;
use kiln::roll::{Error, Verdict, status};
use kiln::run::{Clock as _, Urgency};
use kiln::template::service::{Check, OnFail};
use localcloud::model::Service as Api;
use localcloud::physics::{Behaviour, Service as Answers};
use serde_json::json;

use super::super::outside::Word;
use super::super::plain::{nothing_left, three};
use super::super::rolling::{rolling, start_of};
use super::super::trouble::killed;
use super::super::{Bench, V1, V2, V3, call, expect, quick};
use super::{command, given_back, held_on, mixed, stopped, tag};
use crate::simulation::cloud::Mishap;

/// The version of the launch template that the group names.
fn follows(bench: &Bench) -> String {
    let groups = bench.cloud.world().model.view_groups();
    groups[0].template.clone().unwrap().1
}

/// The version stays while machines run it: a group that followed the newest one would start it on every scale-out.
#[tokio::test(start_paused = true)]
async fn a_pin_stays_while_the_group_would_follow_the_version_of_the_run() {
    let bench = rolling().await;
    let latest = json!({"AutoScalingGroupName": "web-v001",
        "LaunchTemplate": {"LaunchTemplateName": "web", "Version": "$Latest"}});
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &latest);
    let broken = Behaviour {
        service: Answers::WrongStatus(500),
        ..quick()
    };
    bench.cloud.world().physics.set_behaviour(V2, broken);
    let base = bench.fork().await;
    bench.cloud.deny("RollbackInstanceRefresh");
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Traffic);
    assert_eq!(ended.left.len(), 3, "refresh, version, pin: {ended:?}");
    assert_eq!(follows(&bench), "1");
    assert!(tag(&bench, "kiln:lease:version").is_some());
    let bench = bench.fork().await;
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(follows(&bench), "$Latest");
    given_back(&bench, "pinned").await;
    // All machines are back, and only the version cannot go.
    base.cloud.world().physics.set_behaviour(V2, quick());
    let bench = held_on(base).await;
    bench.pass(120).await;
    let denied = bench.fork().await;
    denied.cloud.deny("DeleteLaunchTemplateVersions");
    let back = denied.rollback().await;
    assert_eq!(back.verdict, Verdict::CleanUpDue, "{back:?}");
    assert_eq!(follows(&denied), "1");
    let bench = denied.fork().await;
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(follows(&bench), "$Latest");
}

/// A service of `V3`, which came after `V1`, with a roll of `V2` that is held.
async fn held_later() -> Bench {
    let bench = rolling().await;
    expect(&bench.roll(V3).await, Verdict::Done);
    let bench = held_on(bench).await;
    bench.pass(120).await;
    bench
}

fn barred(bench: &Bench, id: &str) -> bool {
    let images = bench.cloud.world().model.view_images();
    let image = images.iter().find(|image| image.id == id).unwrap();
    image.tags.contains_key("kiln:quarantine:web")
}

#[tokio::test(start_paused = true)]
async fn a_way_back_that_has_something_left_is_finished_by_the_next_and_goes_no_further() {
    let base = held_later().await;
    for action in [
        "AddTags",
        "CreateTags",
        "DeleteLaunchTemplateVersions",
        "nothing",
    ] {
        let bench = base.fork().await;
        bench.cloud.deny(action);
        let back = bench.rollback().await;
        let is_whole = action == "nothing";
        let verdict = if is_whole {
            Verdict::Done
        } else {
            Verdict::CleanUpDue
        };
        assert_eq!(back.verdict, verdict, "{action}: {back:?}");
        let bench = bench.fork().await;
        if !is_whole {
            let back = bench.rollback().await;
            assert_eq!(back.verdict, Verdict::Done, "{action}: {back:?}");
        }
        assert!(barred(&bench, V2), "{action}");
        nothing_left(&bench, action);
        let stand = status(&bench.client, "web", bench.cloud.now()).await;
        let reasons = stand.unwrap().rollback_not_ready;
        let back = bench.rollback().await;
        assert_eq!(back.verdict, Verdict::Failed, "{action}: {back:?}");
        assert_eq!(back.reasons, reasons, "{action}");
        assert!(reasons[0].contains("is back already"), "{reasons:?}");
        assert_eq!(bench.serving(), three(V3), "{action}");
        assert!(!barred(&bench, V3), "{action}");
        let back = bench.rollback_by(Some("V3 is bad too")).await;
        assert_eq!(back.verdict, Verdict::Done, "{action}: {back:?}");
        assert_eq!(bench.serving(), three(V1), "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_way_back_that_is_stopped_promises_only_what_goes_on_by_itself() {
    let base = stopped().await;
    let held = base.fork().await;
    held.stop.request(Urgency::Ask);
    let back = held.rollback().await;
    assert_eq!(back.verdict, Verdict::Traffic, "{back:?}");
    let reasons = back.reasons.join("\n");
    assert!(reasons.contains("nothing goes back"), "{reasons}");
    held.pass(3600).await;
    assert!(mixed(&held), "{:?}", held.serving());
    let bench = base.fork().await;
    let stop = async {
        tokio::time::sleep(Duration::from_mins(1)).await;
        bench.stop.request(Urgency::Ask);
    };
    let (back, ()) = tokio::join!(bench.rollback(), stop);
    assert_eq!(back.verdict, Verdict::Stopped, "{back:?}");
    let reasons = back.reasons.join("\n");
    assert!(reasons.contains("goes back by itself"), "{reasons}");
    bench.pass(3600).await;
    assert_eq!(bench.serving(), three(V1));
}

/// A cancel would end what Auto Scaling takes back as well.
#[tokio::test(start_paused = true)]
async fn a_roll_that_is_held_leaves_a_refresh_alone_that_goes_back() {
    let mut bench = rolling().await;
    bench.service.checks.watch = vec![Check {
        times: 1,
        ..command("watch")
    }];
    bench.service.checks.on_fail = OnFail::Hold;
    let (cloud, turned) = (bench.cloud.clone(), Cell::new(false));
    bench.outside.says(move |what, share| {
        let is_new = what == "watch" && share > 0;
        if is_new && !turned.replace(true) {
            let group = json!({"AutoScalingGroupName": "web-v001"});
            let (now, world) = (cloud.now(), &mut cloud.world());
            call(
                world,
                now,
                Api::AutoScaling,
                "RollbackInstanceRefresh",
                &group,
            );
        }
        let word = if is_new { Word::No } else { Word::Yes };
        (what == "watch").then_some(word)
    });
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Traffic);
    let failure = ended.failure.unwrap();
    assert!(
        matches!(failure.error(), Some(Error::Held(_))),
        "{failure:?}"
    );
    let calls = bench.cloud.calls();
    assert!(!calls.iter().any(|call| call == "CancelInstanceRefresh"));
    bench.pass(3600).await;
    assert_eq!(bench.serving(), three(V1));
}

#[tokio::test(start_paused = true)]
async fn a_doctor_whose_refresh_does_not_go_back_says_that_both_versions_serve() {
    let base = rolling().await;
    let at = start_of(&base).await;
    let bench = killed(&base, at, Mishap::KilledAfter).await.unwrap();
    while !mixed(&bench) {
        bench.pass(5).await;
    }
    let given_up = Known {
        given_up: bench.examine(Known::default()).await.temporary[0].run,
        ..Known::default()
    };
    let denied = bench.fork().await;
    denied.cloud.deny("RollbackInstanceRefresh");
    let healed = denied.heal(given_up.clone()).await;
    assert_eq!(healed.verdict, Verdict::Traffic, "{healed:?}");
    assert_eq!(healed.left.len(), 1, "{healed:?}");
    // Whatever else would not go is no matter of traffic.
    let denied = bench.fork().await;
    denied.cloud.deny("DeleteTags");
    let healed = denied.heal(given_up.clone()).await;
    assert_eq!(healed.verdict, Verdict::CleanUpDue, "{healed:?}");
    let healed = bench.heal(given_up).await;
    assert_eq!(healed.verdict, Verdict::Done, "{healed:?}");
    assert_eq!(bench.serving(), three(V1));
}

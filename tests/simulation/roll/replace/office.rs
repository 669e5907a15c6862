//! Which group is in office: what a run that died leaves of a change, and what others do to tags.

use kiln::roll::doctor::Known;
use kiln::roll::{Verdict, clear_hold, set_hold};
use kiln::run::Clock as _;
use localcloud::model::Service as Api;
use serde_json::json;
use std::time::Duration;

use super::super::plain::{nothing_left, three};
use super::super::trouble::{about, killed};
use super::super::{Bench, V1, V2, V3, expect};
use super::{group, replaced};
use crate::simulation::cloud::Mishap;

fn tag(bench: &Bench, group: &str, key: &str, value: &str) {
    let tag = json!({"Tags": [{"ResourceId": group, "ResourceType": "auto-scaling-group", "Key": key, "Value": value,
        "PropagateAtLaunch": "false"}]});
    bench.meanwhile(Api::AutoScaling, "CreateOrUpdateTags", &tag);
}

fn untag(bench: &Bench, group: &str, keys: &[&str]) {
    for key in keys {
        let tag = json!({"Tags": [{"ResourceId": group, "ResourceType": "auto-scaling-group", "Key": key}]});
        bench.meanwhile(Api::AutoScaling, "DeleteTags", &tag);
    }
}

/// Makes the group of the first roll one of others' making, which carries the service's name alone.
fn of_others(bench: &Bench) {
    untag(
        bench,
        "web-v001",
        &["kiln:state", "kiln:run", "kiln:made-by", "kiln:image"],
    );
}

/// Worlds in which a roll of `V2` died between its word for the next group and the emptying of the one before.
async fn both_work(base: &Bench) -> Vec<(Bench, String)> {
    let counted = base.fork().await;
    expect(&counted.roll(V2).await, Verdict::Done);
    let calls = counted.cloud.calls();
    let mut found = Vec::new();
    for at in (1..=calls.len()).filter(|at| !calls[at - 1].starts_with("Describe")) {
        let Some(bench) = killed(base, at, Mishap::KilledAfter).await else {
            continue;
        };
        let groups = bench.groups();
        if groups.contains(&group("web-v002", 3, "live")) && groups[0].1 == 3 {
            let about = about(&bench, at, Mishap::KilledAfter);
            found.push((bench, about));
        }
    }
    assert!(found.len() > 1, "a roll dies between the two");
    found
}

#[tokio::test(start_paused = true)]
async fn a_group_that_a_dead_roll_did_not_empty_is_emptied_by_the_doctor() {
    let base = replaced().await;
    let nameless = replaced().await;
    of_others(&nameless);
    for base in [base, nameless] {
        for (bench, about) in both_work(&base).await {
            set_hold(&bench.client, "web", "fair", None).await.unwrap();
            expect(&bench.roll(V2).await, Verdict::Frozen);
            let watchman = bench.watched_back();
            let healed = bench.heal(Known::default()).await;
            assert_eq!(healed.verdict, Verdict::Done, "{about}: {healed:?}");
            watchman.content(&about);
            assert_eq!(bench.groups()[0].1, 0, "{about}");
            bench.pass(60).await;
            assert_eq!(bench.serving(), three(V2), "{about}");
            clear_hold(&bench.client, "web").await.unwrap();
            expect(&bench.roll(V2).await, Verdict::NothingToDo);
            assert_eq!(bench.groups()[0], group("web-v001", 0, "kept"), "{about}");
            nothing_left(&bench, &about);
        }
    }
}

/// While a rollback fills the kept group, nobody who cannot see its run empties it; what a dead one left, the next does.
#[tokio::test(start_paused = true)]
async fn a_group_that_a_rollback_fills_is_left_alone_until_its_time_is_up() {
    let base = replaced().await;
    expect(&base.roll(V2).await, Verdict::Done);
    let before = base.cloud.calls().len();
    let counted = base.fork().await;
    assert_eq!(counted.rollback().await.verdict, Verdict::Done);
    let calls = counted.cloud.calls();
    let filled = calls
        .iter()
        .position(|call| call == "UpdateAutoScalingGroup");
    let bench = base.fork().await;
    bench.cloud.plan(filled.unwrap() + 1, Mishap::KilledAfter);
    let ended = tokio::select! {
        biased;
        () = bench.cloud.killed() => None,
        ended = bench.rollback() => Some(ended),
    };
    assert!(ended.is_none(), "{before}: {ended:?}");
    bench.cloud.calm();
    bench.pass(60).await;
    assert_eq!(bench.groups()[0], group("web-v001", 3, "kept"));
    let left = bench.heal(Known::default()).await;
    assert_eq!(left.verdict, Verdict::NothingToDo, "{left:?}");
    assert_eq!(bench.groups()[0].1, 3);
    bench.pass(3600).await;
    let healed = bench.heal(Known::default()).await;
    assert_eq!(healed.verdict, Verdict::Done, "{healed:?}");
    assert_eq!(bench.groups()[0].1, 0);
    assert_eq!(bench.serving(), three(V2));
}

#[tokio::test(start_paused = true)]
async fn two_groups_of_which_nothing_says_which_is_in_office_are_refused() {
    let bench = replaced().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    bench.pass(2 * 3600).await;
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    let (template, version) = {
        let groups = bench.cloud.world().model.view_groups();
        groups[0].template.clone().unwrap()
    };
    let subnets = {
        let world = bench.cloud.world();
        let mut subnets = world.model.view_subnets().into_iter();
        subnets.next().unwrap().id
    };
    let other = json!({"AutoScalingGroupName": "web-other", "MinSize": "1", "MaxSize": "2", "DesiredCapacity": "2",
        "VPCZoneIdentifier": subnets, "LaunchTemplate": {"LaunchTemplateId": template, "Version": version}});
    bench.meanwhile(Api::AutoScaling, "CreateAutoScalingGroup", &other);
    tag(&bench, "web-other", "kiln:service", "web");
    bench.pass(300).await;
    let refused = async || {
        let before = bench.cloud.writes().len();
        let ended = bench.roll(V3).await;
        expect(&ended, Verdict::Failed);
        let finding = &ended.refused[0].finding;
        assert_eq!(finding.code, "roll::several_groups");
        for name in ["web-v002", "web-other"] {
            assert!(finding.message.contains(name), "{}", finding.message);
        }
        assert_eq!(bench.cloud.writes().len(), before);
        let left = bench.heal(Known::default()).await;
        assert_eq!(left.verdict, Verdict::NothingToDo, "{left:?}");
    };
    refused().await;
    untag(
        &bench,
        "web-v002",
        &["kiln:state", "kiln:run", "kiln:made-by", "kiln:image"],
    );
    refused().await;
    untag(&bench, "web-other", &["kiln:service"]);
    expect(&bench.roll(V3).await, Verdict::Done);
    let groups = bench.groups();
    assert!(groups.contains(&group("web-other", 2, "")), "{groups:?}");
}

#[tokio::test(start_paused = true)]
async fn a_hold_that_is_set_during_a_roll_outlasts_the_group_that_carries_it() {
    let bench = replaced().await;
    let hold = async {
        while !bench
            .cloud
            .calls()
            .contains(&"CreateLaunchTemplateVersion".to_owned())
        {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        tag(&bench, "web-v001", "kiln:hold", "fair");
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), hold);
    expect(&ended, Verdict::Done);
    untag(&bench, "web-v001", &["kiln:hold"]);
    expect(&bench.roll(V3).await, Verdict::Frozen);
    clear_hold(&bench.client, "web").await.unwrap();
    expect(&bench.roll(V3).await, Verdict::Done);
    nothing_left(&bench, "held and rolled");
}

/// A look behind the write that empties a group shows it as it was before.
#[tokio::test(start_paused = true)]
async fn an_emptied_group_that_looks_as_if_it_were_not_gets_no_minimum() {
    let base = replaced().await;
    // Its minimum is held since a roll before.
    let until = base.cloud.now() + jiff::SignedDuration::from_hours(1);
    let held = format!("{} {until} 2 3", base.next_run());
    tag(&base, "web-v001", "kiln:lease:low-alarm", &held);
    let larger = json!({ "AutoScalingGroupName": "web-v001", "MinSize": 3 });
    base.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &larger);
    let calm = base.fork().await;
    expect(&calm.roll(V2).await, Verdict::Done);
    let calls = calm.cloud.calls();
    let suspended = calls.iter().rposition(|call| call == "SuspendProcesses");
    let looks = calls.iter().zip(1..).skip(suspended.unwrap());
    let looks = looks.filter(|(call, _)| *call == "DescribeAutoScalingGroups");
    for (_, at) in looks.take(6) {
        let stale = Mishap::Stale(Duration::from_secs(4));
        let bench = base.fork().await;
        bench.cloud.remember();
        bench.cloud.plan(at, stale);
        let ended = bench.roll(V2).await;
        let about = about(&bench, at, stale);
        let image = match ended.verdict {
            Verdict::Done => V2,
            Verdict::Failed => V1,
            other => panic!("{about}: {other:?} {ended:#?}"),
        };
        assert_eq!(bench.serving(), three(image), "{about}: {ended:#?}");
        nothing_left(&bench, &about);
    }
}

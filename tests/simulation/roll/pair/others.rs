//! Others at the groups of a pair while a roll has them, and what a run that died behind its swap has left.

use std::time::Duration;

use kiln::roll::{Ended, Error, Verdict};
use kiln::run::{Unwind as _, Urgency};
use kiln::undo::{Undo, Unwinder};
use localcloud::model::Service as Api;
use localcloud::physics::{Behaviour, Service as Answers};
use serde_json::json;

use super::super::plain::{nothing_left, three};
use super::super::trouble::{about, killed, points};
use super::super::{BLUE_GREEN, Bench, V1, V2, expect, quick};
use super::{
    LATEST, NUMBER, OWN, group, made_by_others, make_group, make_target_group, owners, scaling,
    stay, untouched,
};
use crate::simulation::cloud::Mishap;

/// Both templates are the groups' own, and the one that serves follows the newest version of its own.
const OWN_LATEST: [(&str, &str); 2] = [("blue", "$Latest"), ("green", "1")];

#[tokio::test(start_paused = true)]
async fn after_a_kill_the_kept_group_starts_from_its_own_template() {
    let base = made_by_others(BLUE_GREEN, V1, OWN_LATEST).await;
    let before = group(&base, "web-blue").template;
    let mut swapped = 0;
    for at in points(&base).await {
        let bench = killed(&base, at, Mishap::KilledAfter).await.unwrap();
        let about = about(&bench, at, Mishap::KilledAfter);
        swapped += usize::from(bench.serving() == three(V2));
        bench.pass(7).await;
        let again = bench.roll(V2).await;
        let good = matches!(again.verdict, Verdict::Done | Verdict::NothingToDo);
        assert!(good, "{about}: {again:#?}");
        assert_eq!(group(&bench, "web-blue").template, before, "{about}");
        stay(&bench, &about);
    }
    assert!(swapped > 3, "{swapped}");
}

/// The owner's tool puts the kept group back on the newest version, which is the dead run's.
#[tokio::test(start_paused = true)]
async fn a_kept_group_that_its_owner_led_to_the_newest_version_is_pinned_to_its_own_again() {
    let base = made_by_others(BLUE_GREEN, V1, LATEST).await;
    let mut swapped = 0;
    for at in points(&base).await {
        let bench = killed(&base, at, Mishap::KilledAfter).await.unwrap();
        let about = about(&bench, at, Mishap::KilledAfter);
        let tags = group(&bench, "web-green").tags;
        let is_next = tags.get("kiln:state").is_some_and(|state| state == "next");
        if bench.serving() != three(V2) || !is_next {
            continue;
        }
        swapped += 1;
        let given = json!({ "AutoScalingGroupName": "web-blue",
            "LaunchTemplate": { "LaunchTemplateName": "web", "Version": "$Latest" } });
        scaling(&bench, "UpdateAutoScalingGroup", &given);
        bench.pass(7).await;
        expect(&bench.roll(V2).await, Verdict::Done);
        assert_eq!(
            group(&bench, "web-blue").template.unwrap().1,
            "1",
            "{about}"
        );
        assert_eq!(bench.rollback().await.verdict, Verdict::Done, "{about}");
        assert_eq!(bench.serving(), three(V1), "{about}");
    }
    assert!(swapped > 2, "{swapped}");
}

/// What is read right behind the take may be from before it, and does not say that the group was never taken.
#[tokio::test(start_paused = true)]
async fn a_stop_right_behind_the_take_is_not_fooled_by_a_stale_read() {
    let base = made_by_others(BLUE_GREEN, V1, LATEST).await;
    let green = owners(&base, "web-green");
    for (tagging, stale) in (1..4).flat_map(|tagging| (1..8).map(move |stale| (tagging, stale))) {
        let bench = base.fork().await;
        bench.cloud.remember();
        let (stop, mut tagged, mut read) = (bench.stop.clone(), 0, 0);
        bench.cloud.ordain(move |call| {
            tagged += usize::from(call.action == "CreateOrUpdateTags");
            if tagged < tagging {
                return None;
            }
            stop.request(Urgency::Ask);
            read += usize::from(call.action == "DescribeAutoScalingGroups");
            let is_stale = call.action == "DescribeAutoScalingGroups" && read == stale;
            is_stale.then_some(Mishap::Stale(Duration::from_secs(1)))
        });
        let ended = bench.roll(V2).await;
        bench.cloud.calm();
        let about = format!("stopped at tagging {tagging}, read {stale} is stale");
        assert_eq!(ended.verdict, Verdict::Stopped, "{about}: {ended:#?}");
        assert_eq!(owners(&bench, "web-green"), green, "{about}");
        nothing_left(&bench, &about);
        stay(&bench, &about);
    }
}

/// Rolls `V2` while somebody does something as soon as the idle group has a machine in service.
async fn meanwhile(bench: &Bench, act: impl Fn()) -> Ended {
    let other = async {
        while group(bench, "web-green").members.is_empty() {
            bench.pass(1).await;
        }
        act();
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), other);
    ended
}

fn changed(ended: &Ended) -> String {
    let failure = ended.failure.as_ref().unwrap();
    match failure.error() {
        Some(Error::Changed(why)) => why.clone(),
        other => panic!("{other:?}"),
    }
}

fn lead(bench: &Bench, template: &str, version: &str) {
    let given = json!({ "AutoScalingGroupName": "web-green",
        "LaunchTemplate": { "LaunchTemplateName": template, "Version": version } });
    scaling(bench, "UpdateAutoScalingGroup", &given);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_led_to_another_version_meanwhile_gets_no_traffic() {
    for of in [NUMBER, LATEST, OWN] {
        let bench = made_by_others(BLUE_GREEN, V1, of).await;
        let green = owners(&bench, "web-green");
        let watchman = bench.watched();
        let ended = meanwhile(&bench, || lead(&bench, of[1].0, "1")).await;
        expect(&ended, Verdict::Failed);
        assert!(changed(&ended).contains("another launch template version"));
        watchman.content("led elsewhere");
        assert_eq!(bench.serving(), three(V1));
        assert_eq!(owners(&bench, "web-green"), green, "{of:?}");
        stay(&bench, "led elsewhere");
    }
}

/// What the group followed is the rejected version for as long as that stays.
#[tokio::test(start_paused = true)]
async fn a_group_does_not_follow_a_version_again_that_another_keeps() {
    let bench = made_by_others(BLUE_GREEN, V1, OWN).await;
    let subnet = bench.cloud.world().model.view_subnets().remove(0).id;
    let batch = json!({ "AutoScalingGroupName": "batch", "MinSize": 0, "MaxSize": 1, "VPCZoneIdentifier": subnet,
        "LaunchTemplate": { "LaunchTemplateName": "green", "Version": "2" } });
    let broken = Behaviour {
        service: Answers::Absent,
        ..quick()
    };
    bench.cloud.world().physics.set_behaviour(V2, broken);
    let ended = meanwhile(&bench, || {
        scaling(&bench, "CreateAutoScalingGroup", &batch);
    })
    .await;
    expect(&ended, Verdict::CleanUpDue);
    let version = || group(&bench, "web-green").template.unwrap().1;
    assert_eq!(version(), "1");
    let gone = json!({ "AutoScalingGroupName": "batch" });
    scaling(&bench, "DeleteAutoScalingGroup", &gone);
    bench.pass(60).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    assert_eq!(version(), "$Latest");
    assert_eq!(bench.serving(), three(V1));
    nothing_left(&bench, "a version that another has kept");
}

/// Behind the last look at its health and before the write that moves the traffic.
#[tokio::test(start_paused = true)]
async fn a_group_that_is_led_elsewhere_right_before_the_swap_gets_no_traffic() {
    let base = untouched().await;
    let calls = {
        let bench = base.fork().await;
        bench.cloud.slow(Duration::from_millis(20));
        expect(&bench.roll(V2).await, Verdict::Done);
        bench.cloud.calls()
    };
    let swap = calls.iter().position(|call| call == "ModifyListener");
    let swap = swap.expect("it swaps");
    let bench = base.fork().await;
    bench.cloud.slow(Duration::from_millis(20));
    let green = owners(&bench, "web-green");
    let other = async {
        while bench.cloud.calls().len() < swap - 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        lead(&bench, "web", "1");
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), other);
    expect(&ended, Verdict::Failed);
    assert!(changed(&ended).contains("another launch template version"));
    assert!(!bench.cloud.calls().contains(&"ModifyListener".to_owned()));
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(owners(&bench, "web-green"), green);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_led_to_another_template_meanwhile_stays_there() {
    let bench = made_by_others(BLUE_GREEN, V1, OWN).await;
    let other = group(&bench, "web-blue").template;
    let ended = meanwhile(&bench, || lead(&bench, "blue", "1")).await;
    expect(&ended, Verdict::Failed);
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(group(&bench, "web-green").template, other);
    assert_eq!(group(&bench, "web-green").members.len(), 0);
}

/// Takes all tags of kiln's off the group.
fn untag(bench: &Bench) {
    let keys = group(bench, "web-green").tags.into_keys();
    let tags: Vec<_> = keys
        .filter(|key| key.starts_with("kiln:"))
        .map(
            |key| json!({ "ResourceId": "web-green", "ResourceType": "auto-scaling-group", "Key": key }),
        )
        .collect();
    scaling(bench, "DeleteTags", &json!({ "Tags": tags }));
}

/// What the roll had suspended of it is its own, whatever tags say.
#[tokio::test(start_paused = true)]
async fn an_empty_group_without_its_tags_gets_its_processes_back() {
    let bench = untouched().await;
    bench.cloud.slow(Duration::from_millis(20));
    let suspended = || group(&bench, "web-green").suspended;
    assert_eq!(suspended(), [""; 0]);
    let other = async {
        while suspended().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        untag(&bench);
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), other);
    expect(&ended, Verdict::Failed);
    assert_eq!(suspended(), [""; 0]);
    assert_eq!(bench.serving(), three(V1));
}

#[tokio::test(start_paused = true)]
async fn a_group_without_its_tags_gets_no_traffic_and_is_left_to_be_looked_at() {
    let bench = untouched().await;
    let watchman = bench.watched();
    let ended = meanwhile(&bench, || untag(&bench)).await;
    expect(&ended, Verdict::CleanUpDue);
    assert!(changed(&ended).contains("tags of group web-green"));
    let words = format!("{ended:#?}");
    for part in [
        "no tag kiln:run says whose",
        "--min-size 0 --desired-capacity 0",
        "aws autoscaling resume-processes --auto-scaling-group-name web-green --scaling-processes AZRebalance \
         AlarmNotification ScheduledActions",
    ] {
        assert!(words.contains(part), "{words}");
    }
    watchman.content("without tags");
    assert_eq!(bench.serving(), three(V1));
    assert_ne!(group(&bench, "web-green").members.len(), 0);
    stay(&bench, "without tags");
}

/// Of a run that nobody knows any more.
#[tokio::test(start_paused = true)]
async fn what_another_run_has_suspended_of_the_idle_group_is_resumed_with_the_rest() {
    let bench = untouched().await;
    let before = owners(&bench, "web-green");
    let stopped =
        json!({ "AutoScalingGroupName": "web-green", "ScalingProcesses": ["AZRebalance"] });
    scaling(&bench, "SuspendProcesses", &stopped);
    let lease = "01M6AGSCW00000000000000007 2100-01-01T00:00:00Z AZRebalance";
    let tags = json!([{ "ResourceId": "web-green", "ResourceType": "auto-scaling-group", "PropagateAtLaunch": false,
        "Key": "kiln:lease:processes", "Value": lease }]);
    scaling(&bench, "CreateOrUpdateTags", &json!({ "Tags": tags }));
    let mut bench = bench;
    bench.service.checks.after = vec![super::super::soak(5)];
    let fail = async {
        while bench.serving() != three(V2) {
            bench.pass(1).await;
        }
        for member in group(&bench, "web-green").members {
            let given = json!({ "InstanceId": [member.instance] });
            bench.meanwhile(Api::Ec2, "TerminateInstances", &given);
        }
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), fail);
    expect(&ended, Verdict::Rejected);
    assert_eq!(owners(&bench, "web-green"), before);
}

/// A dead run of the mode `new` knows a group that it has not made yet by its name alone: what somebody else made is theirs.
#[tokio::test(start_paused = true)]
async fn a_group_of_others_with_the_name_of_one_that_was_never_made_keeps_no_journal_open() {
    let base = super::super::plain::rolled_once().await;
    let calls = {
        let bench = base.fork().await;
        expect(&bench.roll(V2).await, Verdict::Done);
        bench.cloud.calls()
    };
    let create = calls
        .iter()
        .position(|call| call == "CreateAutoScalingGroup");
    let bench = killed(&base, create.unwrap() + 1, Mishap::KilledBefore)
        .await
        .unwrap();
    let said = bench.journals.intents();
    let target_group = make_target_group(&bench, "theirs");
    make_group(&bench, "web-v002", ("web", "1"), 1, &target_group);
    bench.pass(60).await;
    let theirs = owners(&bench, "web-v002");
    let unwinder = Unwinder::new(&bench.client);
    for undo in said
        .iter()
        .rev()
        .filter(|undo| matches!(undo, Undo::Roll(_)))
    {
        let undone = unwinder.undo(undo).await;
        undone.unwrap_or_else(|error| panic!("{undo}: {error}"));
    }
    assert_eq!(owners(&bench, "web-v002"), theirs);
    assert_eq!(bench.serving(), three(V1));
}

//! Others at the groups of a pair while a roll has them, and what a run that died behind its swap has left.

use kiln::roll::{Ended, Error, Verdict};
use localcloud::model::Service as Api;
use serde_json::json;

use super::super::plain::three;
use super::super::trouble::{about, killed, points};
use super::super::{BLUE_GREEN, Bench, V1, V2, expect};
use super::{LATEST, NUMBER, OWN, group, made_by_others, owners, scaling, stay, untouched};
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
    let failure = ended.failure.as_ref().expect("it failed");
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

#[tokio::test(start_paused = true)]
async fn a_group_without_its_tags_gets_no_traffic_and_is_left_to_be_looked_at() {
    let bench = untouched().await;
    let watchman = bench.watched();
    let ended = meanwhile(&bench, || {
        let keys = group(&bench, "web-green").tags.into_keys();
        let tags: Vec<_> = keys
            .filter(|key| key.starts_with("kiln:"))
            .map(|key| {
                json!({ "ResourceId": "web-green", "ResourceType": "auto-scaling-group", "Key": key })
            })
            .collect();
        scaling(&bench, "DeleteTags", &json!({ "Tags": tags }));
    })
    .await;
    expect(&ended, Verdict::CleanUpDue);
    assert!(changed(&ended).contains("tags of group web-green"));
    let words = format!("{ended:#?}");
    for part in [
        "no tag kiln:run says whose",
        "--min-size 0 --desired-capacity 0",
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

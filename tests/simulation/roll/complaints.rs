//! Rows of docs/complaints.md that no other test shows: what users of other tools report, tried here.

use std::collections::BTreeMap;
use std::time::Duration;

use kiln::cloud::{LaunchTemplateId, LaunchTemplateVersion, LaunchTemplates as _};
use kiln::roll::{Verdict, roll, status};
use kiln::run::{Clock as _, Silent};
use kiln::template::service::ImageChoice;
use localcloud::model::{Service as Api, Tree};
use localcloud::physics::{Behaviour, Service as Answers};
use serde_json::{Value, json};

use super::canary::members;
use super::plain::{nothing_left, rolled_once, three};
use super::rolling::rolling;
use super::{Bench, V1, V2, V3, expect, quick};
use crate::simulation::cloud::Mishap;

fn scaling(bench: &Bench, action: &str, group: &str, more: Value) -> Tree {
    let mut given = json!({ "AutoScalingGroupName": group });
    if let Value::Object(more) = more {
        given.as_object_mut().unwrap().extend(more);
    }
    bench.meanwhile(Api::AutoScaling, action, &given)
}

/// Rolls `V2`, and does something after so many seconds.
async fn roll_and(bench: &Bench, seconds: u64, other: impl FnOnce(&Bench)) -> kiln::roll::Ended {
    let meanwhile = async {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        other(bench);
    };
    tokio::join!(bench.roll(V2), meanwhile).0
}

fn suspended(bench: &Bench, name: &str) -> Vec<String> {
    let groups = bench.cloud.world().model.view_groups();
    let group = groups.into_iter().find(|group| group.name == name);
    group.unwrap().suspended
}

/// Row 4.
#[tokio::test(start_paused = true)]
async fn a_machine_that_is_scaled_in_during_a_refresh_is_progress() {
    for second in [20, 150, 300] {
        let bench = rolling().await;
        let ended = roll_and(&bench, second, |bench| {
            let sizes = json!({ "DesiredCapacity": 2 });
            scaling(bench, "UpdateAutoScalingGroup", "web-v001", sizes);
        })
        .await;
        expect(&ended, Verdict::Done);
        let two = BTreeMap::from([(V2.to_owned(), 2)]);
        assert_eq!(bench.serving(), two, "at {second} s");
        nothing_left(&bench, "scaled in");
    }
}

/// Row 12: a group of the service's own name that somebody has left, which can start nothing.
#[tokio::test(start_paused = true)]
async fn a_broken_group_beside_the_service_keeps_no_roll_off() {
    let bench = rolled_once().await;
    let groups = bench.cloud.world().model.view_groups();
    let (template, version) = groups[0].template.clone().unwrap();
    let launch = json!({ "LaunchTemplateId": template, "Version": version });
    let tag = json!([{ "Key": "kiln:service", "Value": "web", "PropagateAtLaunch": false }]);
    let zones = bench.cloud.world().model.view_subnets()[0].id.clone();
    let broken = json!({ "MinSize": 0, "MaxSize": 1, "DesiredCapacity": 0, "LaunchTemplate": launch,
        "VPCZoneIdentifier": zones, "Tags": tag });
    scaling(&bench, "CreateAutoScalingGroup", "web-v007", broken);
    let halt = json!({ "ScalingProcesses": ["Launch", "Terminate"] });
    scaling(&bench, "SuspendProcesses", "web-v007", halt);
    expect(&bench.roll(V2).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V2));
    let names: Vec<_> = bench.groups().into_iter().map(|group| group.0).collect();
    assert_eq!(names, ["web-v001", "web-v007", "web-v008"]);
}

/// Rows 14 and 55: what somebody has suspended stays so on both groups, and nothing else does.
#[tokio::test(start_paused = true)]
async fn what_was_suspended_before_is_suspended_afterwards() {
    let quiet = ["AZRebalance"];
    for broken in [false, true] {
        let bench = rolled_once().await;
        let halt = json!({ "ScalingProcesses": quiet });
        scaling(&bench, "SuspendProcesses", "web-v001", halt);
        if broken {
            let service = Answers::Absent;
            let broken = Behaviour { service, ..quick() };
            bench.cloud.world().physics.set_behaviour(V2, broken);
        }
        let ended = bench.roll(V2).await;
        assert_eq!(suspended(&bench, "web-v001"), quiet, "{ended:?}");
        if broken {
            expect(&ended, Verdict::Rejected);
        } else {
            expect(&ended, Verdict::Done);
            assert_eq!(suspended(&bench, "web-v002"), quiet);
        }
    }
}

/// Row 56: whatever is suspended for a roll is suspended on the group that does not serve yet.
#[tokio::test(start_paused = true)]
async fn the_group_that_serves_can_always_scale() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let said = bench.cloud.said("SuspendProcesses");
    assert!(!said.is_empty());
    let last = said.last().unwrap();
    assert!(last.contains("Name=web-v002"), "{said:?}");
    let on_previous = said.iter().filter(|body| body.contains("Name=web-v001"));
    assert_eq!(on_previous.count(), 1, "its own roll made that: {said:?}");
    assert_eq!(suspended(&bench, "web-v001"), [""; 0]);
    assert_eq!(suspended(&bench, "web-v002"), [""; 0]);
}

/// Policy, schedule and hook of a group, as the cloud tells them but for what goes with the group.
fn behaviour(bench: &Bench, group: &str) -> String {
    let lists = [
        ("DescribePolicies", "ScalingPolicies.0"),
        ("DescribeScheduledActions", "ScheduledUpdateGroupActions.0"),
        ("DescribeLifecycleHooks", "LifecycleHooks.0"),
    ];
    let of = lists.map(|(action, path)| {
        let tree = scaling(bench, action, group, Value::Null);
        let field = |name: &str| {
            let found = tree.at(&format!("{path}.{name}")).and_then(Tree::text);
            found.unwrap_or_default()
        };
        let fields = [
            "PolicyName",
            "TargetTrackingConfiguration.TargetValue",
            "ScheduledActionName",
            "Recurrence",
            "TimeZone",
            "DesiredCapacity",
            "LifecycleHookName",
            "HeartbeatTimeout",
            "DefaultResult",
        ];
        fields.map(field).join(" ")
    });
    of.join("\n")
}

/// Rows 18 and 36: the copy of a copy is whole, and it is so before the first machine starts.
#[tokio::test(start_paused = true)]
async fn the_copy_of_a_copy_behaves_as_the_first() {
    let bench = rolled_once().await;
    let cpu = json!({ "PredefinedMetricSpecification":
        { "PredefinedMetricType": "ASGAverageCPUUtilization" }, "TargetValue": "50.5" });
    let policy = json!({ "PolicyName": "cpu", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingConfiguration": cpu });
    scaling(&bench, "PutScalingPolicy", "web-v001", policy);
    let schedule = json!({ "ScheduledActionName": "day", "Recurrence": "0 12 * * *",
        "TimeZone": "Europe/Berlin", "DesiredCapacity": 3 });
    scaling(
        &bench,
        "PutScheduledUpdateGroupAction",
        "web-v001",
        schedule,
    );
    let hook = json!({ "LifecycleHookName": "warm", "HeartbeatTimeout": 30, "DefaultResult": "CONTINUE",
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING" });
    scaling(&bench, "PutLifecycleHook", "web-v001", hook);
    let first = behaviour(&bench, "web-v001");
    for word in ["cpu 50.5", "Europe/Berlin", "warm 30 CONTINUE"] {
        assert!(first.contains(word), "{first}");
    }
    let early = async {
        loop {
            let groups = bench.cloud.world().model.view_groups();
            let next = groups.iter().find(|group| group.name == "web-v002");
            if next.is_some_and(|group| group.desired > 0) {
                return behaviour(&bench, "web-v002");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let (ended, early) = tokio::join!(bench.roll(V2), early);
    expect(&ended, Verdict::Done);
    assert_eq!(early, first, "before its first machine");
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(behaviour(&bench, "web-v003"), first);
}

/// Row 21.
#[tokio::test(start_paused = true)]
async fn more_machines_than_are_needed_are_enough() {
    let bench = rolled_once().await;
    let ended = roll_and(&bench, 35, |bench| {
        let sizes = json!({ "DesiredCapacity": 5 });
        scaling(bench, "UpdateAutoScalingGroup", "web-v002", sizes);
    })
    .await;
    expect(&ended, Verdict::Done);
    assert_eq!(bench.serving(), BTreeMap::from([(V2.to_owned(), 5)]));
}

/// Row 28: the first tries find a profile that AWS does not know everywhere yet, and one that it never gets to know.
#[tokio::test(start_paused = true)]
async fn a_profile_that_is_new_fails_no_roll() {
    for (unknown, verdict) in [(3, Verdict::Done), (u32::MAX, Verdict::Failed)] {
        let bench = rolled_once().await;
        let mut tried = 0;
        bench.cloud.ordain(move |call| {
            let creates = call.action == "CreateAutoScalingGroup";
            tried += u32::from(creates);
            (creates && tried <= unknown).then_some(Mishap::NoProfile)
        });
        let began = tokio::time::Instant::now();
        expect(&bench.roll(V2).await, verdict);
        bench.cloud.calm();
        assert!(began.elapsed() < Duration::from_mins(4));
        nothing_left(&bench, "a new profile");
    }
}

/// Row 35: AWS answers such a call with success, and says inside which versions it kept.
#[tokio::test(start_paused = true)]
async fn a_version_that_was_not_deleted_is_an_error() {
    let bench = rolled_once().await;
    let template = bench.cloud.world().model.view_templates().remove(0);
    let id = LaunchTemplateId::new(template.id.as_str());
    let default = LaunchTemplateVersion(template.default);
    let refused = bench.client.delete_template_version(&id, default).await;
    assert!(refused.is_err(), "{refused:?}");
}

/// Row 40: by the listener, whichever way traffic has gone since.
#[tokio::test(start_paused = true)]
async fn the_status_names_the_target_groups_as_the_listener_has_them() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    for (live, previous) in [("web-b", "web-a"), ("web-a", "web-b")] {
        let stands = status(&bench.client, "web", bench.cloud.now()).await;
        let stands = stands.unwrap();
        assert!(
            stands.to_string().contains(&format!("healthy in {live}\n")),
            "{stands}"
        );
        assert_eq!(stands.live.unwrap().target_group.unwrap().name(), live);
        assert_eq!(
            stands.previous.unwrap().target_group.unwrap().name(),
            previous
        );
        if live == "web-b" {
            assert_eq!(bench.rollback().await.verdict, Verdict::Done);
        }
    }
}

/// Row 60: services of one machine and of two, rolled beside and in place.
#[tokio::test(start_paused = true)]
async fn one_machine_is_replaced_by_one() {
    for count in [1, 2] {
        for bench in [rolled_once().await, rolling().await] {
            let sizes = json!({ "MinSize": count, "MaxSize": count, "DesiredCapacity": count });
            scaling(&bench, "UpdateAutoScalingGroup", "web-v001", sizes);
            bench.pass(300).await;
            let watchman = bench.watched();
            expect(&bench.roll(V2).await, Verdict::Done);
            watchman.content("few machines");
            let all = BTreeMap::from([(V2.to_owned(), count)]);
            assert_eq!(bench.serving(), all);
            nothing_left(&bench, "few machines");
        }
    }
}

/// Rows 61 and 64: no roll picks a machine to end. Groups are emptied as a whole, and only once they serve nothing.
#[tokio::test(start_paused = true)]
async fn no_machine_is_ended_by_its_id() {
    let bench = rolled_once().await;
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    expect(&bench.roll(V3).await, Verdict::Done);
    bench.pass(4000).await;
    expect(&bench.roll(V3).await, Verdict::NothingToDo);
    watchman.content("emptied");
    let named = bench.cloud.writes().into_iter().filter(|action| {
        let by_id = ["TerminateInstance", "DetachInstances", "EnterStandby"];
        by_id.iter().any(|one| action.starts_with(one)) || action == "DeregisterTargets"
    });
    assert_eq!(named.collect::<Vec<_>>(), [""; 0]);
    let emptied = bench.cloud.said("UpdateAutoScalingGroup").into_iter();
    let emptied: Vec<_> = emptied
        .filter(|body| body.contains("DesiredCapacity=0"))
        .collect();
    let of_kept = |body: &String| !body.contains("Name=web-v003");
    assert!(emptied.len() >= 2 && emptied.iter().all(of_kept));
}

/// Row 62: a kept group that cannot be emptied stays whole, and is told of until it can.
#[tokio::test(start_paused = true)]
async fn a_group_that_cannot_be_drained_is_not_deleted() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let one = members(&bench, "web-v001").remove(0);
    let protect = json!({ "InstanceIds": [one], "ProtectedFromScaleIn": true });
    scaling(&bench, "SetInstanceProtection", "web-v001", protect);
    bench.pass(3700).await;
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::CleanUpDue);
    let said = ended.loose.join("; ");
    assert!(said.contains(&one), "{said}");
    assert_eq!(members(&bench, "web-v001").len(), 3);
    assert_eq!(bench.store.due().len(), 1);
    let deleted = bench.cloud.writes();
    assert!(!deleted.contains(&"DeleteAutoScalingGroup".to_owned()));
    let release = json!({ "InstanceIds": [one], "ProtectedFromScaleIn": false });
    scaling(&bench, "SetInstanceProtection", "web-v001", release);
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    assert_eq!(bench.groups().len(), 1);
}

/// Row 65: an image that is no good any more is rolled over by one that is.
#[tokio::test(start_paused = true)]
async fn sick_machines_of_what_serves_do_not_keep_their_replacement_off() {
    let bench = rolled_once().await;
    for id in members(&bench, "web-v001") {
        let sick = Behaviour {
            service: Answers::WrongStatus(500),
            ..quick()
        };
        bench.cloud.world().physics.set_behaviour(&id, sick);
    }
    let broken = Behaviour {
        service: Answers::WrongStatus(500),
        ..quick()
    };
    bench.cloud.world().physics.set_behaviour(V1, broken);
    bench.pass(60).await;
    expect(&bench.roll(V2).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V2));
}

/// Row 71: the newest image of the family that a bake has called ready, and that this service has not rejected.
#[tokio::test(start_paused = true)]
async fn a_roll_takes_up_what_a_bake_has_made() {
    let mut bench = Bench::new().await;
    let family = kiln::source::Spanned::unplaced("web".to_owned());
    bench.service.image = ImageChoice::Family {
        family,
        channel: None,
    };
    let tag = |id: &str, keys: &[(&str, &str)]| {
        let tags: Vec<_> = (keys.iter())
            .map(|(key, value)| json!({ "Key": key, "Value": value }))
            .collect();
        let given = json!({ "ResourceId": [id], "Tag": tags });
        bench.meanwhile(Api::Ec2, "CreateTags", &given);
    };
    tag(V1, &[("kiln:family", "web"), ("kiln:ready", "true")]);
    tag(V2, &[("kiln:family", "web")]);
    tag(V3, &[("kiln:family", "other"), ("kiln:ready", "true")]);
    let run = async |bench: &Bench| {
        let run = bench.next_run();
        let journal = bench.journals.begin(run);
        let request = kiln::roll::Request {
            image: None,
            ..bench.request(V1, run)
        };
        let probe = bench.probe();
        let tools = bench.tools(&bench.client, &probe, &journal, &Silent);
        Box::pin(roll(&request, &tools)).await
    };
    expect(&run(&bench).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V1));
    tag(V2, &[("kiln:ready", "true")]);
    expect(&run(&bench).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V2));
    tag(V2, &[("kiln:quarantine:web", "no good")]);
    expect(&run(&bench).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V1), "the newest that is not barred");
}

//! What taking back and retiring must not touch, since somebody else began to use it meanwhile.

use std::time::Duration;

use kiln::roll::Verdict;
use kiln::run::Urgency;
use localcloud::model::{Model, Service as Api};
use localcloud::physics::{Behaviour, Service as Answers};
use serde_json::{Value, json};

use super::plain::{nothing_left, rolled_once, three};
use super::{Bench, V1, V2, V3, call, expect, quick, soak};
use crate::simulation::cloud::Mishap;

/// Where a roll of `V2` puts its first rule, as one in another world says.
async fn first_priority(bench: &Bench) -> u32 {
    let fork = bench.fork().await;
    expect(&fork.roll(V2).await, Verdict::Done);
    let said = fork.cloud.said("CreateRule").swap_remove(0);
    let mut fields = said.split('&');
    let priority = fields.find_map(|field| field.strip_prefix("Priority="));
    priority.unwrap().parse().unwrap()
}

/// A rule of somebody else's that leads users to a target group.
fn rule(model: &Model, target_group: &str, priority: u32) -> Value {
    json!({"ListenerArn": model.view_listeners()[0].arn, "Priority": priority,
        "Conditions": [{"Field": "host-header", "Values": ["beta.example"]}],
        "Actions": [{"Type": "forward", "TargetGroupArn": target_group}]})
}

/// Rolls `V2`; after so many seconds somebody does something, and a second later the roll is stopped.
async fn stopped_after(
    bench: &Bench,
    seconds: u64,
    other: impl FnOnce(&Bench),
) -> kiln::roll::Ended {
    let meanwhile = async {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        other(bench);
        tokio::time::sleep(Duration::from_secs(1)).await;
        bench.stop.request(Urgency::Ask);
    };
    tokio::join!(bench.roll(V2), meanwhile).0
}

#[tokio::test(start_paused = true)]
async fn a_group_that_somebody_led_users_to_is_not_taken_back() {
    let bench = rolled_once().await;
    let ended = stopped_after(&bench, 20, |bench| {
        let model = bench.cloud.world().model.clone();
        let group = &model.view_groups()[1];
        assert_eq!(group.name, "web-v002");
        let change = rule(&model, &group.target_groups[0], 7);
        bench.meanwhile(Api::Elb, "CreateRule", &change);
    })
    .await;
    expect(&ended, Verdict::Stopped);
    assert!(!ended.left.is_empty(), "{ended:#?}");
    assert!(
        format!("{ended:?}").contains("group web-v002 serves: a production rule names"),
        "{ended:#?}"
    );
    let groups: Vec<_> = bench.groups().into_iter().map(|group| group.0).collect();
    assert_eq!(groups, ["web-v001", "web-v002"]);
    assert_eq!(bench.serving()[V1], 3);
}

#[tokio::test(start_paused = true)]
async fn traffic_is_not_put_back_to_machines_of_which_none_is_healthy() {
    let mut bench = rolled_once().await;
    bench.service.checks.after = vec![soak(10)];
    let ended = stopped_after(&bench, 300, |bench| {
        assert_eq!(bench.serving(), three(V2), "the swap was made");
        let model = bench.cloud.world().model.clone();
        let before = &model.view_groups()[0];
        assert_eq!(before.name, "web-v001");
        let targets: Vec<_> = (before.members.iter())
            .map(|member| json!({"Id": member.instance}))
            .collect();
        let change = json!({"TargetGroupArn": before.target_groups[0], "Targets": targets});
        bench.meanwhile(Api::Elb, "DeregisterTargets", &change);
    })
    .await;
    expect(&ended, Verdict::Traffic);
    assert!(
        format!("{ended:?}").contains("is healthy: traffic stays"),
        "{ended:#?}"
    );
    assert_eq!(bench.serving(), three(V2), "who is served stays served");
}

#[tokio::test(start_paused = true)]
async fn a_group_that_served_lets_its_requests_end_before_it_goes() {
    let mut bench = rolled_once().await;
    bench.service.checks.after = vec![soak(10)];
    let ended = stopped_after(&bench, 300, |bench| {
        assert_eq!(bench.serving(), three(V2), "the swap was made");
    })
    .await;
    expect(&ended, Verdict::Stopped);
    let emptied =
        |body: &String| body.contains("Name=web-v002") && body.contains("DesiredCapacity=0");
    let resized = bench.cloud.said("UpdateAutoScalingGroup");
    assert!(resized.iter().any(emptied), "{resized:#?}");
    assert_eq!(bench.serving(), three(V1));
    nothing_left(&bench, "stopped in the soak");
}

#[tokio::test(start_paused = true)]
async fn a_priority_that_is_taken_at_the_last_moment_makes_way_for_the_next() {
    let bench = rolled_once().await;
    let first = first_priority(&bench).await;
    let model = bench.cloud.world().model.clone();
    let serving = &model.view_groups()[0].target_groups[0];
    let change = rule(&model, serving, first);
    bench.cloud.ahead("CreateRule", move |world, now| {
        call(world, now, Api::Elb, "CreateRule", &change);
    });
    expect(&bench.roll(V2).await, Verdict::Done);
    assert!(
        bench
            .cloud
            .calls()
            .iter()
            .filter(|call| *call == "CreateRule")
            .count()
            > 1
    );
    assert_eq!(bench.serving()[V2], 3);
}

/// Somebody has a group start from the version of a roll that is rejected: both versions stay.
async fn kept_by(act: impl Fn(&Bench, &str)) {
    let bench = rolled_once().await;
    let broken = Behaviour {
        service: Answers::Absent,
        ..quick()
    };
    bench.cloud.world().physics.set_behaviour(V2, broken);
    let meanwhile = async {
        tokio::time::sleep(Duration::from_secs(15)).await;
        let template = bench.cloud.world().model.view_templates().remove(0).id;
        act(&bench, &template);
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), meanwhile);
    expect(&ended, Verdict::Rejected);
    let templates = bench.cloud.world().model.view_templates();
    let versions: Vec<_> = templates[0].versions.keys().copied().collect();
    assert_eq!(versions, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_another_group_starts_from_stays() {
    kept_by(|bench, template| {
        let spec = json!({"LaunchTemplateId": template, "Version": "2"});
        let change = json!({"AutoScalingGroupName": "web-v001", "LaunchTemplate": spec});
        bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &change);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_version_that_a_type_of_a_mix_is_started_from_stays() {
    kept_by(|bench, template| {
        let subnet = bench.cloud.world().model.view_subnets().remove(0).id;
        let version = |number: &str| json!({"LaunchTemplateId": template, "Version": number});
        let overrides = json!([{"InstanceType": "t3.small"},
            {"InstanceType": "t3.medium", "LaunchTemplateSpecification": version("2")}]);
        let mix = json!({"LaunchTemplate":
            {"LaunchTemplateSpecification": version("1"), "Overrides": overrides}});
        let group = json!({"AutoScalingGroupName": "batch", "MixedInstancesPolicy": mix, "MinSize": 0, "MaxSize": 1,
            "VPCZoneIdentifier": subnet});
        bench.meanwhile(Api::AutoScaling, "CreateAutoScalingGroup", &group);
    })
    .await;
}

/// What is read right behind the write may be from before it, and does not say that traffic has gone back already.
#[tokio::test(start_paused = true)]
async fn a_stop_right_behind_the_swap_is_not_fooled_by_a_stale_read() {
    let base = rolled_once().await;
    for stale in 0..6 {
        let bench = base.fork().await;
        bench.cloud.remember();
        let watchman = bench.watched();
        let (stop, mut since) = (bench.stop.clone(), None);
        bench.cloud.ordain(move |call| {
            match (call.action, &mut since) {
                ("ModifyListener", None) => {
                    stop.request(Urgency::Ask);
                    since = Some(0);
                }
                ("DescribeListeners", Some(count)) => {
                    *count += 1;
                    return (*count == stale + 1).then_some(Mishap::Stale(Duration::from_secs(1)));
                }
                _ => {}
            }
            None
        });
        let ended = bench.roll(V2).await;
        bench.cloud.calm();
        let about = format!("read {stale} is stale");
        watchman.content(&about);
        assert_eq!(ended.verdict, Verdict::Stopped, "{about}: {ended:#?}");
        assert_eq!(bench.serving(), three(V1), "{about}");
        nothing_left(&bench, &about);
    }
}

/// Both versions get sick: traffic stays where it is, and what served before stays watched, so that it can be found well again.
#[tokio::test(start_paused = true)]
async fn what_traffic_may_go_back_to_stays_watched() {
    let mut bench = rolled_once().await;
    bench.service.checks.after = vec![soak(10)];
    let sick = |bench: &Bench, group: usize| {
        let mut groups = bench.cloud.world().model.view_groups();
        groups.sort_by(|one, other| one.name.cmp(&other.name));
        let members = groups[group].members.iter();
        let ids: Vec<String> = members.map(|one| one.instance.clone()).collect();
        for id in ids {
            let broken = Behaviour {
                service: Answers::WrongStatus(500),
                ..quick()
            };
            bench.cloud.world().physics.set_behaviour(&id, broken);
        }
    };
    let replaces =
        json!({"AutoScalingGroupName": "web-v001", "ScalingProcesses": ["ReplaceUnhealthy"]});
    let meanwhile = async {
        while bench.serving() != three(V2) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        // The previous one first, and for good: it must be found out before anything asks whether traffic can go back.
        bench.meanwhile(Api::AutoScaling, "SuspendProcesses", &replaces);
        sick(&bench, 0);
        tokio::time::sleep(Duration::from_secs(20)).await;
        sick(&bench, 1);
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), meanwhile);
    expect(&ended, Verdict::Traffic);
    assert_eq!(bench.serving().keys().collect::<Vec<_>>(), [V2]);
    bench.meanwhile(Api::AutoScaling, "ResumeProcesses", &replaces);
    bench.pass(600).await;
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V3));
    nothing_left(&bench, "both were sick");
}

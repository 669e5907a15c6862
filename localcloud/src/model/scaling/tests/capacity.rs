//! How groups reach their size, keep it, and what they say about it.

use crate::model::{Fault, FaultPlan};
use crate::physics::{
    Behaviour, Service,
    fixture::{BROKEN, Cloud, text},
};
use serde_json::json;
use std::collections::BTreeMap;

fn zones(cloud: &Cloud) -> BTreeMap<String, usize> {
    let mut zones = BTreeMap::new();
    for member in &cloud.model().view_groups()[0].members {
        *zones.entry(member.zone.clone()).or_default() += 1;
    }
    zones
}

#[test]
fn instances_come_up_in_time_and_spread_over_the_zones() {
    let mut cloud = Cloud::new();
    cloud.group(
        "web",
        [0, 4, 4],
        json!({"Tags": [{"Key": "team", "Value": "x", "PropagateAtLaunch": true}]}),
    );
    assert!(
        cloud.members("web", "Pending").is_empty(),
        "nothing happens within the call"
    );
    cloud.pass(2);
    assert_eq!(cloud.members("web", "Pending").len(), 4);
    let ids = cloud.settled("web", 4);
    assert_eq!(zones(&cloud).into_values().collect::<Vec<_>>(), [2, 2]);
    let instances = cloud.model().view_instances();
    let instance = instances
        .iter()
        .find(|instance| instance.id == ids[0])
        .unwrap();
    assert_eq!(instance.tags["aws:autoscaling:groupName"], "web");
    assert_eq!(instance.tags["team"], "x");
    let done = cloud.activities("web");
    assert_eq!(done.len(), 4);
    assert!(done.iter().all(
        |(what, status, _)| what.starts_with("Launching a new EC2 instance: i-")
            && status == "Successful"
    ));
}

#[test]
fn instances_show_the_version_that_they_were_launched_from() {
    let mut cloud = Cloud::new();
    cloud.group(
        "web",
        [0, 1, 4],
        json!({"LaunchTemplate": {"LaunchTemplateName": "web", "Version": "$Latest"}}),
    );
    cloud.settled("web", 1);
    cloud.ec2("CreateLaunchTemplateVersion", json!({"LaunchTemplateName": "web", "SourceVersion": "1", "LaunchTemplateData": {"ImageId": BROKEN}}));
    cloud.scaling(
        "SetDesiredCapacity",
        json!({"AutoScalingGroupName": "web", "DesiredCapacity": 2}),
    );
    cloud.settled("web", 2);
    let group = &cloud.model().view_groups()[0];
    let mut versions: Vec<_> = group
        .members
        .iter()
        .map(|member| (member.version, member.image.clone()))
        .collect();
    versions.sort();
    assert_eq!(
        versions[1],
        (Some(2), BROKEN.to_owned()),
        "a group on $Latest mixes versions"
    );
    assert_eq!(versions[0].0, Some(1));
    let shown = cloud.scaling(
        "DescribeAutoScalingInstances",
        json!({"InstanceIds": ["i-00000000000000000"]}),
    );
    assert_eq!(
        crate::physics::fixture::count(&shown, "AutoScalingInstances"),
        0,
        "unknown ids are left out"
    );
}

#[test]
fn terminated_stopped_and_declared_unhealthy_instances_are_replaced() {
    for (what, why) in [
        ("TerminateInstances", "EC2 health check"),
        ("StopInstances", "EC2 health check"),
        ("", "user health-check"),
    ] {
        let mut cloud = Cloud::new();
        cloud.group("web", [2, 2, 2], json!({}));
        let before = cloud.settled("web", 2);
        match what {
            "" => drop(cloud.scaling(
                "SetInstanceHealth",
                json!({"InstanceId": before[0], "HealthStatus": "Unhealthy"}),
            )),
            action => drop(cloud.ec2(action, json!({"InstanceId": [before[0]]}))),
        }
        cloud.pass(2);
        let after = cloud.settled("web", 2);
        assert!(
            !after.contains(&before[0]) && after.contains(&before[1]),
            "{what}"
        );
        let answer = cloud.scaling(
            "DescribeScalingActivities",
            json!({"AutoScalingGroupName": "web"}),
        );
        assert!(format!("{answer:?}").contains(why), "{what}: {answer:?}");
    }
}

#[test]
fn suspended_processes_do_not_happen() {
    let mut cloud = Cloud::new();
    cloud.group("web", [0, 2, 4], json!({}));
    let ids = cloud.settled("web", 2);
    let suspend =
        |processes: &[&str]| json!({"AutoScalingGroupName": "web", "ScalingProcesses": processes});
    let size = |size: i64| json!({"AutoScalingGroupName": "web", "DesiredCapacity": size});
    cloud.scaling("SuspendProcesses", suspend(&["Launch"]));
    cloud.scaling("SetDesiredCapacity", size(4));
    cloud.pass(300);
    assert_eq!(
        cloud.members("web", "InService").len(),
        2,
        "launch is suspended"
    );
    // The hazard: what is unhealthy goes, and nothing comes.
    cloud.ec2("TerminateInstances", json!({"InstanceId": [ids[0]]}));
    cloud.pass(300);
    assert_eq!(cloud.members("web", "InService").len(), 1);
    cloud.scaling("ResumeProcesses", suspend(&["Launch"]));
    cloud.settled("web", 4);
    cloud.scaling("SuspendProcesses", suspend(&["Terminate"]));
    cloud.scaling("SetDesiredCapacity", size(1));
    cloud.pass(300);
    assert_eq!(
        cloud.members("web", "InService").len(),
        4,
        "terminate is suspended"
    );
    cloud.scaling("ResumeProcesses", suspend(&[]));
    cloud.settled("web", 1);
    let unknown = suspend(&["Lunch"]);
    assert_eq!(
        cloud.refused(
            crate::model::Service::AutoScaling,
            "SuspendProcesses",
            unknown
        ),
        "ValidationError"
    );
}

#[test]
fn unhealthy_instances_stay_while_nobody_may_look_or_replace() {
    for process in ["HealthCheck", "ReplaceUnhealthy"] {
        let mut cloud = Cloud::new();
        cloud.group("web", [1, 1, 1], json!({}));
        let ids = cloud.settled("web", 1);
        cloud.scaling(
            "SuspendProcesses",
            json!({"AutoScalingGroupName": "web", "ScalingProcesses": [process]}),
        );
        cloud.ec2("StopInstances", json!({"InstanceId": [ids[0]]}));
        cloud.pass(300);
        assert_eq!(cloud.members("web", "InService"), ids, "{process}");
        let healthy = cloud.model().view_groups()[0].members[0].healthy;
        assert_eq!(healthy, process == "HealthCheck");
    }
}

#[test]
fn protected_instances_are_not_taken_and_others_go_first() {
    let mut cloud = Cloud::new();
    cloud.group("web", [0, 4, 4], json!({}));
    let ids = cloud.settled("web", 4);
    let protect = json!({"AutoScalingGroupName": "web", "InstanceIds": ids[..3], "ProtectedFromScaleIn": true});
    cloud.scaling("SetInstanceProtection", protect);
    cloud.scaling(
        "SetDesiredCapacity",
        json!({"AutoScalingGroupName": "web", "DesiredCapacity": 1}),
    );
    cloud.pass(600);
    assert_eq!(cloud.members("web", "InService"), ids[..3]);
}

#[test]
fn the_default_policy_takes_the_fullest_zone_then_the_outdated_version() {
    let mut cloud = Cloud::new();
    cloud.group("web", [0, 2, 8], json!({}));
    let old = cloud.settled("web", 2);
    cloud.ec2(
        "CreateLaunchTemplateVersion",
        json!({"LaunchTemplateName": "web", "SourceVersion": "1", "LaunchTemplateData": {}}),
    );
    let next = json!({"AutoScalingGroupName": "web", "LaunchTemplate": {"LaunchTemplateName": "web", "Version": "2"}, "DesiredCapacity": 4});
    cloud.scaling("UpdateAutoScalingGroup", next);
    cloud.settled("web", 4);
    cloud.scaling(
        "SetDesiredCapacity",
        json!({"AutoScalingGroupName": "web", "DesiredCapacity": 2}),
    );
    let kept = cloud.settled("web", 2);
    assert!(
        old.iter().all(|id| !kept.contains(id)),
        "the outdated ones go"
    );
    assert_eq!(zones(&cloud).len(), 2);
}

#[test]
fn one_instance_is_terminated_with_or_without_replacement() {
    let mut cloud = Cloud::new();
    cloud.group("web", [1, 2, 4], json!({}));
    let ids = cloud.settled("web", 2);
    let end = |id: &str, decrement: bool| json!({"InstanceId": id, "ShouldDecrementDesiredCapacity": decrement});
    let answer = cloud.scaling("TerminateInstanceInAutoScalingGroup", end(&ids[0], false));
    assert!(text(&answer, "Activity.Description").contains(&ids[0]));
    assert_eq!(text(&answer, "Activity.StatusCode"), "InProgress");
    cloud.pass(2);
    let now = cloud.settled("web", 2);
    assert!(!now.contains(&ids[0]));
    cloud.scaling("TerminateInstanceInAutoScalingGroup", end(&now[0], true));
    cloud.pass(2);
    let left = cloud.settled("web", 1);
    assert_eq!(cloud.model().view_groups()[0].desired, 1);
    let refused = cloud.refused(
        crate::model::Service::AutoScaling,
        "TerminateInstanceInAutoScalingGroup",
        end(&left[0], true),
    );
    assert_eq!(refused, "ValidationError", "below the minimum");
}

#[test]
fn a_launch_that_is_refused_is_an_activity_in_the_words_of_ec2_and_is_tried_again() {
    let mut cloud = Cloud::new();
    cloud
        .world
        .model
        .inject(FaultPlan::default().launches(2, &Fault::vcpu_limit(32)));
    cloud.group("web", [1, 1, 1], json!({}));
    cloud.pass(5);
    let failed = cloud.activities("web");
    assert_eq!(failed.len(), 1);
    let (description, status, message) = &failed[0];
    assert_eq!(
        (description.as_str(), status.as_str()),
        ("Launching a new EC2 instance.", "Failed")
    );
    assert!(
        message.starts_with(
            "You have requested more vCPU capacity than your current vCPU limit of 32 allows"
        ),
        "{message}"
    );
    assert!(
        message.ends_with("Launching EC2 instance failed."),
        "{message}"
    );
    cloud.settled("web", 1);
    let statuses: Vec<_> = cloud
        .activities("web")
        .into_iter()
        .map(|(_, status, _)| status)
        .collect();
    assert_eq!(statuses, ["Successful", "Failed", "Failed"]);
}

#[test]
fn a_zone_without_capacity_gives_way_to_another_at_once() {
    let mut cloud = Cloud::new();
    let fault = Fault::insufficient_capacity("t3.micro", "eu-central-1a");
    cloud
        .world
        .model
        .inject(FaultPlan::default().launches(1, &fault));
    cloud.group("web", [1, 1, 1], json!({}));
    cloud.pass(2);
    assert_eq!(cloud.members("web", "Pending").len(), 1);
    assert!(
        cloud
            .activities("web")
            .iter()
            .any(|(_, status, message)| status == "Failed"
                && message.starts_with("We currently do not have sufficient"))
    );
}

#[test]
fn a_machine_that_never_comes_up_is_given_up_and_another_one_tried() {
    let mut cloud = Cloud::new();
    let broken = Behaviour {
        boot_failure: Some("no init".into()),
        ..Behaviour::default()
    };
    cloud
        .world
        .physics
        .set_behaviour(crate::physics::fixture::IMAGE, broken);
    cloud.group("web", [1, 1, 1], json!({}));
    cloud.pass(240);
    let tried = cloud.activities("web");
    assert!(tried.len() >= 3, "{tried:?}");
    let (_, status, message) = tried.last().unwrap();
    assert_eq!(status, "Cancelled");
    assert!(
        message.contains("Server.InternalError: Internal error on launch: no init"),
        "{message}"
    );
    cloud.world.physics.set_behaviour(
        crate::physics::fixture::IMAGE,
        Behaviour::with_service(Service::Healthy),
    );
    cloud.settled("web", 1);
}

#[test]
fn zones_are_evened_out_by_one_more_before_one_less() {
    let mut cloud = Cloud::new();
    let subnets = cloud.subnets();
    cloud.group("web", [4, 4, 4], json!({"VPCZoneIdentifier": subnets[0]}));
    cloud.settled("web", 4);
    cloud.world.watch(|model, _| {
        let group = &model.view_groups()[0];
        let serving = group
            .members
            .iter()
            .filter(|member| member.state == "InService")
            .count();
        assert!(serving >= 4, "rebalancing went below the desired capacity");
    });
    cloud.scaling(
        "UpdateAutoScalingGroup",
        json!({"AutoScalingGroupName": "web", "VPCZoneIdentifier": subnets[..2].join(",")}),
    );
    cloud.pass(900);
    cloud.settled("web", 4);
    assert_eq!(zones(&cloud).into_values().collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn an_instance_past_its_lifetime_is_replaced() {
    let mut cloud = Cloud::new();
    cloud.group("web", [1, 1, 1], json!({"MaxInstanceLifetime": 86400}));
    let before = cloud.settled("web", 1);
    cloud.pass(86_500);
    assert_ne!(cloud.settled("web", 1), before);
}

//! Groups and target groups: registration, draining, attachment, health by the load balancer.

#![expect(
    clippy::needless_pass_by_value,
    reason = "cases read best with their JSON in place"
)]

use crate::model::Service::AutoScaling;
use crate::physics::{
    Behaviour, Service,
    fixture::{Cloud, text},
};
use serde_json::{Value, json};

/// A load balancer with a target group in use, with a short deregistration delay.
fn target_group(cloud: &mut Cloud) -> String {
    let (balancer, group) = (cloud.balancer("front"), cloud.target_group("web-a"));
    let delay = json!([{"Key": "deregistration_delay.timeout_seconds", "Value": "40"}]);
    cloud.elb(
        "ModifyTargetGroupAttributes",
        json!({"TargetGroupArn": group, "Attributes": delay}),
    );
    cloud.listener(&balancer, 80, &group);
    group
}

fn healthy(cloud: &Cloud) -> Vec<String> {
    let groups = cloud.model().view_target_groups();
    groups[0]
        .targets
        .iter()
        .filter(|target| target.state == "healthy")
        .map(|target| target.instance.clone())
        .collect()
}

/// A machine goes for one of an emptier zone only when that one is healthy to the load balancer that the group asks.
#[test]
fn zones_are_evened_out_without_a_loss_behind_a_load_balancer() {
    let mut cloud = Cloud::new();
    let group = target_group(&mut cloud);
    let subnets = cloud.subnets();
    let more = json!({"TargetGroupARNs": [group], "HealthCheckType": "ELB", "HealthCheckGracePeriod": 120,
        "VPCZoneIdentifier": subnets[0]});
    cloud.group("web", [2, 2, 4], more);
    cloud.settled("web", 2);
    cloud.pass(60);
    assert_eq!(healthy(&cloud).len(), 2);
    let both = json!({"AutoScalingGroupName": "web", "VPCZoneIdentifier": subnets[..2].join(",")});
    cloud.scaling("UpdateAutoScalingGroup", both);
    for _ in 0..180 {
        cloud.pass(1);
        assert!(healthy(&cloud).len() >= 2);
    }
    let zones = |cloud: &Cloud| {
        let groups = cloud.model().view_groups();
        let members = groups[0].members.iter();
        members
            .map(|one| one.zone.clone())
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(zones(&cloud).len(), 2);
    assert_eq!(cloud.settled("web", 2).len(), 2);
}

#[test]
fn instances_are_registered_when_in_service_and_drained_before_they_go() {
    let mut cloud = Cloud::new();
    let group = target_group(&mut cloud);
    cloud.group("web", [0, 2, 2], json!({"TargetGroupARNs": [group]}));
    let ids = cloud.settled("web", 2);
    cloud.pass(60);
    assert_eq!(healthy(&cloud), ids);
    cloud.scaling(
        "SetDesiredCapacity",
        json!({"AutoScalingGroupName": "web", "DesiredCapacity": 1}),
    );
    cloud.pass(30);
    let going = cloud.members("web", "Terminating")[0].clone();
    assert_eq!(
        cloud.activities("web")[0].1,
        "WaitingForELBConnectionDraining"
    );
    assert_eq!(
        cloud.health(&group, &going),
        "draining Target.DeregistrationInProgress"
    );
    let alive = cloud
        .model()
        .view_instances()
        .into_iter()
        .find(|instance| instance.id == going)
        .unwrap();
    assert_eq!(alive.state, "running", "it lives while it drains");
    cloud.settled("web", 1);
}

#[test]
fn a_replacement_is_registered_too() {
    let mut cloud = Cloud::new();
    let group = target_group(&mut cloud);
    cloud.group(
        "web",
        [1, 1, 1],
        json!({"TrafficSources": [{"Identifier": group, "Type": "elbv2"}]}),
    );
    let before = cloud.settled("web", 1);
    cloud.ec2("TerminateInstances", json!({"InstanceId": before}));
    cloud.pass(2);
    let after = cloud.settled("web", 1);
    cloud.pass(60);
    assert_eq!(healthy(&cloud), after);
}

fn attachment(cloud: &mut Cloud) -> String {
    let shown = cloud.scaling(
        "DescribeLoadBalancerTargetGroups",
        json!({"AutoScalingGroupName": "web"}),
    );
    text(&shown, "LoadBalancerTargetGroups.0.State")
}

#[test]
fn attachment_and_detachment_take_their_time() {
    let mut cloud = Cloud::new();
    let group = target_group(&mut cloud);
    cloud.group("web", [1, 1, 1], json!({}));
    let ids = cloud.settled("web", 1);
    let given = json!({"AutoScalingGroupName": "web", "TargetGroupARNs": [group]});
    cloud.scaling("AttachLoadBalancerTargetGroups", given.clone());
    assert_eq!(attachment(&mut cloud), "Adding");
    cloud.pass(2);
    assert_eq!(attachment(&mut cloud), "Added");
    cloud.pass(60);
    assert_eq!(attachment(&mut cloud), "InService");
    cloud.scaling("DetachLoadBalancerTargetGroups", given.clone());
    assert_eq!(attachment(&mut cloud), "Removing");
    assert_eq!(
        cloud.health(&group, &ids[0]),
        "draining Target.DeregistrationInProgress"
    );
    cloud.pass(45);
    let shown = cloud.scaling(
        "DescribeTrafficSources",
        json!({"AutoScalingGroupName": "web"}),
    );
    assert_eq!(crate::physics::fixture::count(&shown, "TrafficSources"), 0);
    assert_eq!(cloud.members("web", "InService"), ids, "the instance stays");
    assert_eq!(
        cloud.refused(AutoScaling, "DetachLoadBalancerTargetGroups", given),
        "ValidationError"
    );
}

fn sick(cloud: &mut Cloud, more: Value) -> (String, Vec<String>) {
    let group = target_group(cloud);
    let mut given = json!({"TargetGroupARNs": [group]});
    for (field, value) in more.as_object().unwrap() {
        given[field] = value.clone();
    }
    cloud.group("web", [1, 1, 1], given);
    let ids = cloud.settled("web", 1);
    cloud
        .world
        .physics
        .set_behaviour(&ids[0], Behaviour::with_service(Service::WrongStatus(500)));
    (group, ids)
}

#[test]
fn a_group_with_elb_checks_replaces_what_the_load_balancer_calls_unhealthy_after_the_grace_period()
{
    let mut cloud = Cloud::new();
    let (group, ids) = sick(
        &mut cloud,
        json!({"HealthCheckType": "ELB", "HealthCheckGracePeriod": 120}),
    );
    cloud.pass(110);
    assert_eq!(
        cloud.health(&group, &ids[0]),
        "unhealthy Target.ResponseCodeMismatch"
    );
    assert_eq!(cloud.members("web", "InService"), ids, "grace");
    cloud.pass(15);
    assert!(!cloud.members("web", "InService").contains(&ids[0]));
    let answer = cloud.scaling(
        "DescribeScalingActivities",
        json!({"AutoScalingGroupName": "web"}),
    );
    assert!(format!("{answer:?}").contains("ELB system health check failure"));
}

#[test]
fn a_group_with_ec2_checks_does_not_care_what_the_load_balancer_says() {
    let mut cloud = Cloud::new();
    let (group, ids) = sick(&mut cloud, json!({"HealthCheckType": "EC2"}));
    cloud.pass(600);
    assert_eq!(
        cloud.health(&group, &ids[0]),
        "unhealthy Target.ResponseCodeMismatch"
    );
    assert_eq!(cloud.members("web", "InService"), ids);
}

#[test]
fn without_a_grace_period_slow_instances_are_killed_for_ever() {
    let mut cloud = Cloud::new();
    let slow = Behaviour {
        start: crate::physics::Spread::seconds(120, 120),
        ..Behaviour::default()
    };
    cloud.world.physics.set_usual(slow);
    let group = target_group(&mut cloud);
    cloud.group(
        "web",
        [1, 1, 1],
        json!({"TargetGroupARNs": [group], "HealthCheckType": "ELB"}),
    );
    cloud.pass(1200);
    let launches = cloud
        .activities("web")
        .iter()
        .filter(|(what, _, _)| what.starts_with("Launching"))
        .count();
    assert!(launches > 3, "{launches}");
    assert!(healthy(&cloud).is_empty());
}

#[test]
fn instances_are_not_added_while_that_is_suspended() {
    let mut cloud = Cloud::new();
    let group = target_group(&mut cloud);
    cloud.group("web", [0, 0, 2], json!({"TargetGroupARNs": [group]}));
    cloud.pass(5);
    cloud.scaling(
        "SuspendProcesses",
        json!({"AutoScalingGroupName": "web", "ScalingProcesses": ["AddToLoadBalancer"]}),
    );
    cloud.scaling(
        "SetDesiredCapacity",
        json!({"AutoScalingGroupName": "web", "DesiredCapacity": 1}),
    );
    let ids = cloud.settled("web", 1);
    cloud.pass(60);
    assert_eq!(cloud.health(&group, &ids[0]), "unused Target.NotRegistered");
    // Resuming does not catch up (SuspendProcesses, "Considerations").
    cloud.scaling("ResumeProcesses", json!({"AutoScalingGroupName": "web"}));
    cloud.pass(60);
    assert_eq!(cloud.health(&group, &ids[0]), "unused Target.NotRegistered");
}

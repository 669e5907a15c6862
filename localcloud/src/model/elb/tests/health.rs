//! Target health: `unused` until a rule names the group, then what the checks saw, then `draining` for its delay.

use crate::model::{Effect, Model, Service, Service::Elb};
use crate::physics::{
    Behaviour,
    fixture::{Cloud, text},
};
use jiff::SignedDuration;
use serde_json::json;

fn register(cloud: &mut Cloud, group: &str, instance: &str) {
    cloud.elb(
        "RegisterTargets",
        json!({"TargetGroupArn": group, "Targets": [{"Id": instance}]}),
    );
}

#[test]
fn a_target_is_unused_until_a_rule_names_its_group() {
    let mut cloud = Cloud::new();
    let (balancer, group) = (cloud.balancer("front"), cloud.target_group("web-a"));
    let instance = cloud.instance(0);
    assert_eq!(
        cloud.health(&group, &instance),
        "unused Target.NotRegistered"
    );
    register(&mut cloud, &group, &instance);
    cloud.pass(300);
    assert_eq!(cloud.health(&group, &instance), "unused Target.NotInUse");
    cloud.listener(&balancer, 80, &group);
    assert_eq!(
        cloud.health(&group, &instance),
        "initial Elb.RegistrationInProgress"
    );
    cloud.pass(2);
    assert_eq!(
        cloud.health(&group, &instance),
        "initial Elb.InitialHealthChecking"
    );
    cloud.pass(60);
    assert_eq!(cloud.health(&group, &instance), "healthy");
}

#[test]
fn health_is_proven_anew_when_a_group_comes_back_into_use() {
    let mut cloud = Cloud::new();
    let (balancer, group) = (cloud.balancer("front"), cloud.target_group("web-a"));
    let instance = cloud.instance(0);
    register(&mut cloud, &group, &instance);
    let listener = cloud.listener(&balancer, 80, &group);
    cloud.pass(60);
    cloud.elb("DeleteListener", json!({"ListenerArn": listener}));
    assert_eq!(cloud.health(&group, &instance), "unused Target.NotInUse");
    cloud.listener(&balancer, 80, &group);
    assert_eq!(
        cloud.health(&group, &instance),
        "initial Elb.RegistrationInProgress"
    );
}

#[test]
fn a_target_drains_for_the_delay_even_without_connections() {
    let mut cloud = Cloud::new();
    let (balancer, group) = (cloud.balancer("front"), cloud.target_group("web-a"));
    let delay = json!([{"Key": "deregistration_delay.timeout_seconds", "Value": "90"}]);
    cloud.elb(
        "ModifyTargetGroupAttributes",
        json!({"TargetGroupArn": group, "Attributes": delay}),
    );
    let instance = cloud.instance(0);
    register(&mut cloud, &group, &instance);
    cloud.listener(&balancer, 80, &group);
    cloud.pass(60);
    let given = json!({"TargetGroupArn": group, "Targets": [{"Id": instance}]});
    cloud.elb("DeregisterTargets", given.clone());
    cloud.pass(89);
    assert_eq!(
        cloud.health(&group, &instance),
        "draining Target.DeregistrationInProgress"
    );
    // A second deregistration does not begin the delay anew.
    cloud.elb("DeregisterTargets", given);
    cloud.pass(1);
    assert_eq!(
        cloud.health(&group, &instance),
        "unused Target.NotRegistered"
    );
}

#[test]
fn a_target_that_no_load_balancer_used_is_gone_at_once() {
    let mut cloud = Cloud::new();
    let group = cloud.target_group("web-a");
    let instance = cloud.instance(0);
    register(&mut cloud, &group, &instance);
    cloud.elb(
        "DeregisterTargets",
        json!({"TargetGroupArn": group, "Targets": [{"Id": instance}]}),
    );
    assert_eq!(
        cloud.health(&group, &instance),
        "unused Target.NotRegistered"
    );
}

#[test]
fn a_target_registered_again_while_it_drains_stays() {
    let mut cloud = Cloud::new();
    let (balancer, group) = (cloud.balancer("front"), cloud.target_group("web-a"));
    let instance = cloud.instance(0);
    register(&mut cloud, &group, &instance);
    cloud.listener(&balancer, 80, &group);
    cloud.pass(60);
    cloud.elb(
        "DeregisterTargets",
        json!({"TargetGroupArn": group, "Targets": [{"Id": instance}]}),
    );
    cloud.pass(5);
    register(&mut cloud, &group, &instance);
    assert_eq!(
        cloud.health(&group, &instance),
        "initial Elb.RegistrationInProgress"
    );
    cloud.pass(600);
    assert_eq!(cloud.health(&group, &instance), "healthy");
}

#[test]
fn only_running_instances_can_be_registered() {
    let mut cloud = Cloud::new();
    let group = cloud.target_group("web-a");
    let instance = cloud.instance(0);
    cloud.ec2("StopInstances", json!({"InstanceId": [instance]}));
    cloud.pass(60);
    let given = |id: &str| json!({"TargetGroupArn": group, "Targets": [{"Id": id}]});
    assert_eq!(
        cloud.refused(Elb, "RegisterTargets", given(&instance)),
        "InvalidTarget"
    );
    assert_eq!(
        cloud.refused(Elb, "RegisterTargets", given("i-00000000000000000")),
        "InvalidTarget"
    );
    // What is not registered can be deregistered all the same.
    cloud.elb("DeregisterTargets", given("i-00000000000000000"));
}

#[test]
fn a_stopped_target_is_unused_and_a_terminated_one_drains() {
    let mut cloud = Cloud::new();
    let (balancer, group) = (cloud.balancer("front"), cloud.target_group("web-a"));
    let (stopped, ended) = (cloud.instance(0), cloud.instance(1));
    register(&mut cloud, &group, &stopped);
    register(&mut cloud, &group, &ended);
    cloud.listener(&balancer, 80, &group);
    cloud.pass(60);
    cloud.ec2("StopInstances", json!({"InstanceId": [stopped]}));
    cloud.ec2("TerminateInstances", json!({"InstanceId": [ended]}));
    assert_eq!(cloud.health(&group, &stopped), "unused Target.InvalidState");
    assert_eq!(
        cloud.health(&group, &ended),
        "draining Target.DeregistrationInProgress"
    );
    cloud.pass(301);
    assert_eq!(cloud.health(&group, &ended), "unused Target.NotRegistered");
}

#[test]
fn a_zone_that_the_load_balancer_does_not_serve_has_unused_targets() {
    let mut cloud = Cloud::new();
    let (balancer, group) = (cloud.balancer("front"), cloud.target_group("web-a"));
    let outside = cloud.instance(2);
    register(&mut cloud, &group, &outside);
    cloud.listener(&balancer, 80, &group);
    cloud.pass(120);
    let given = json!({"TargetGroupArn": group});
    let answer = cloud.elb("DescribeTargetHealth", given);
    let health = answer
        .at("TargetHealthDescriptions.0.TargetHealth")
        .unwrap();
    assert_eq!(
        (text(health, "State"), text(health, "Reason")),
        ("unused".into(), "Target.NotInUse".into())
    );
    assert!(text(health, "Description").contains("Availability Zone"));
    cloud.elb(
        "SetSubnets",
        json!({"LoadBalancerArn": balancer, "Subnets": cloud.subnets()}),
    );
    cloud.pass(60);
    assert_eq!(cloud.health(&group, &outside), "healthy");
}

#[test]
fn the_reasons_of_unhealthy_targets_are_those_that_the_checks_saw() {
    use crate::physics::Service::{Absent, Hangs, WrongStatus};
    for (service, said) in [
        (WrongStatus(503), "unhealthy Target.ResponseCodeMismatch"),
        (Hangs, "unhealthy Target.Timeout"),
        (Absent, "unhealthy Target.FailedHealthChecks"),
    ] {
        let mut cloud = Cloud::new();
        let (balancer, group) = (cloud.balancer("front"), cloud.target_group("web-a"));
        let instance = cloud.instance(0);
        cloud.pass(60);
        cloud
            .world
            .physics
            .set_behaviour(&instance, Behaviour::with_service(service));
        register(&mut cloud, &group, &instance);
        cloud.listener(&balancer, 80, &group);
        cloud.pass(30);
        assert_eq!(cloud.health(&group, &instance), said);
    }
}

fn reach(model: &Model) -> (Vec<String>, bool) {
    let rule = &model.view_listeners()[0].rules[0];
    let reach = rule.reach.first().unwrap();
    (reach.targets.clone(), reach.failed_open)
}

#[test]
fn without_a_healthy_target_requests_go_to_all_of_them() {
    let mut cloud = Cloud::new();
    let (balancer, group) = (cloud.balancer("front"), cloud.target_group("web-a"));
    cloud.listener(&balancer, 80, &group);
    assert_eq!(
        reach(cloud.model()),
        (vec![], false),
        "an empty group answers 503"
    );
    let (good, bad) = (cloud.instance(0), cloud.instance(1));
    cloud.pass(60);
    cloud.world.physics.set_behaviour(
        &bad,
        Behaviour::with_service(crate::physics::Service::Absent),
    );
    register(&mut cloud, &group, &bad);
    cloud.pass(30);
    assert_eq!(reach(cloud.model()), (vec![bad], true));
    register(&mut cloud, &group, &good);
    cloud.pass(60);
    assert_eq!(reach(cloud.model()), (vec![good], false));
}

#[test]
fn each_change_tells_the_world_once_and_whole() {
    let mut cloud = Cloud::new();
    let (balancer, group) = (cloud.balancer("front"), cloud.target_group("web-a"));
    let instance = cloud.instance(0);
    register(&mut cloud, &group, &instance);
    cloud.listener(&balancer, 80, &group);
    let now = cloud.world.now();
    let mut told_by = |action: &str, given: serde_json::Value| {
        let crate::model::Params::Map(params) = crate::physics::fixture::params(&given) else {
            panic!("a map")
        };
        let request = crate::model::Request {
            service: Service::Elb,
            action: action.into(),
            params: crate::model::Params::Map(params),
        };
        let answer = cloud.world.model.call(&request, now);
        assert!(answer.result.is_ok(), "{:?}", answer.result);
        let told = answer
            .effects
            .into_iter()
            .filter_map(|effect| match effect {
                Effect::Balance(balancer) => Some(balancer),
                _ => None,
            });
        told.collect::<Vec<_>>()
    };
    let told = told_by(
        "DeregisterTargets",
        json!({"TargetGroupArn": group, "Targets": [{"Id": instance}]}),
    );
    assert_eq!(told.len(), 1);
    assert!(told[0].groups[0].targets[0].draining);
    assert_eq!(told[0].listeners[0].rules.len(), 1);
    // Saying the same again changes nothing, so nothing is told.
    assert!(
        told_by(
            "DeregisterTargets",
            json!({"TargetGroupArn": group, "Targets": [{"Id": instance}]})
        )
        .is_empty()
    );
    assert!(told_by("DescribeTargetHealth", json!({"TargetGroupArn": group})).is_empty());
}

#[test]
fn a_flapping_target_goes_up_and_down() {
    let mut cloud = Cloud::new();
    let (balancer, group) = (cloud.balancer("front"), cloud.target_group("web-a"));
    let instance = cloud.instance(0);
    let flaps = crate::physics::Service::Flaps(SignedDuration::from_secs(60));
    cloud
        .world
        .physics
        .set_behaviour(&instance, Behaviour::with_service(flaps));
    register(&mut cloud, &group, &instance);
    cloud.listener(&balancer, 80, &group);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..300 {
        cloud.pass(1);
        seen.insert(cloud.health(&group, &instance));
    }
    assert!(
        seen.contains("healthy") && seen.contains("unhealthy Target.ResponseCodeMismatch"),
        "{seen:?}"
    );
}

//! The world is deterministic, fails as it was told to, and a whole swap can be watched in it.

use super::{
    Behaviour, Service, Spread,
    fixture::{BROKEN, Cloud, IMAGE, text},
};
use crate::model::Model;
use jiff::SignedDuration;
use serde_json::json;

/// A short life of a cloud, as text.
fn history(seed: u64) -> String {
    let mut cloud = Cloud::seeded(seed);
    let (balancer, group) = (cloud.balancer("front"), cloud.target_group("web-a"));
    cloud.listener(&balancer, 80, &group);
    cloud.group("web", [2, 3, 4], json!({"TargetGroupARNs": [group]}));
    cloud.pass(300);
    let doomed = cloud.members("web", "InService")[0].clone();
    cloud.ec2("TerminateInstances", json!({"InstanceId": [doomed]}));
    cloud.pass(300);
    format!(
        "{:?} {:?} {:?}",
        cloud.activities("web"),
        cloud.model().view_instances(),
        cloud.model().view_target_groups()
    )
}

#[test]
fn the_same_seed_lives_the_same_life() {
    assert_eq!(history(3), history(3));
    assert_ne!(history(3), history(4));
}

#[test]
fn time_passes_the_same_in_one_step_and_in_many() {
    let run = |step: i64| {
        let mut cloud = Cloud::new();
        cloud.group("web", [2, 2, 2], json!({}));
        for _ in 0..(600 / step) {
            cloud.pass(step);
        }
        format!("{:?}", cloud.activities("web"))
    };
    assert_eq!(run(1), run(600));
}

fn health(cloud: &mut Cloud, group: &str) -> Vec<&'static str> {
    cloud.pass(120);
    let groups = cloud.model().view_target_groups();
    let found = groups.iter().find(|found| found.arn == group).unwrap();
    found.targets.iter().map(|target| target.state).collect()
}

#[test]
fn an_image_whose_service_is_broken_never_gets_healthy() {
    let mut cloud = Cloud::new();
    cloud
        .world
        .physics
        .set_behaviour(BROKEN, Behaviour::with_service(Service::WrongStatus(500)));
    cloud.template("broken", BROKEN);
    let (balancer, group) = (cloud.balancer("front"), cloud.target_group("web-a"));
    cloud.listener(&balancer, 80, &group);
    let template = json!({"LaunchTemplateName": "broken"});
    cloud.group(
        "web",
        [2, 2, 2],
        json!({"TargetGroupARNs": [group], "LaunchTemplate": template}),
    );
    cloud.settled("web", 2);
    assert_eq!(health(&mut cloud, &group), ["unhealthy", "unhealthy"]);
}

#[test]
fn a_slow_boot_is_pending_for_as_long() {
    let mut cloud = Cloud::new();
    let slow = Behaviour {
        boot: Spread::seconds(300, 300),
        ..Behaviour::default()
    };
    cloud.world.physics.set_behaviour(IMAGE, slow);
    cloud.group("web", [1, 1, 1], json!({}));
    cloud.pass(299);
    assert_eq!(cloud.members("web", "Pending").len(), 1);
    cloud.pass(5);
    assert_eq!(cloud.members("web", "InService").len(), 1);
}

#[test]
fn a_crash_is_seen_and_mended() {
    let mut cloud = Cloud::new();
    cloud.group("web", [1, 1, 1], json!({}));
    let before = cloud.settled("web", 1);
    let now = cloud.world.now();
    cloud.world.physics.crash(&before[0], now);
    cloud.pass(2);
    assert_ne!(cloud.settled("web", 1), before);
}

#[test]
fn a_service_that_dies_turns_its_target_unhealthy() {
    let mut cloud = Cloud::new();
    let (balancer, group) = (cloud.balancer("front"), cloud.target_group("web-a"));
    cloud.listener(&balancer, 80, &group);
    let dies = Service::DiesAfter(SignedDuration::from_secs(200));
    cloud
        .world
        .physics
        .set_behaviour(IMAGE, Behaviour::with_service(dies));
    cloud.group("web", [1, 1, 1], json!({"TargetGroupARNs": [group]}));
    cloud.settled("web", 1);
    assert_eq!(health(&mut cloud, &group), ["healthy"]);
    cloud.pass(120);
    assert_eq!(health(&mut cloud, &group), ["unhealthy"]);
}

#[test]
fn a_reboot_takes_the_service_away_for_a_while_and_a_stop_for_good() {
    let mut cloud = Cloud::new();
    let (balancer, group) = (cloud.balancer("front"), cloud.target_group("web-a"));
    cloud.listener(&balancer, 80, &group);
    let steady = Behaviour {
        boot: Spread::seconds(60, 60),
        ..Behaviour::default()
    };
    cloud.world.physics.set_usual(steady);
    let id = cloud.instance(0);
    cloud.elb(
        "RegisterTargets",
        json!({"TargetGroupArn": group, "Targets": [{"Id": id}]}),
    );
    assert_eq!(health(&mut cloud, &group), ["healthy"]);
    cloud.ec2("RebootInstances", json!({"InstanceId": [id]}));
    cloud.pass(30);
    assert_eq!(
        cloud.health(&group, &id),
        "unhealthy Target.FailedHealthChecks"
    );
    assert_eq!(health(&mut cloud, &group), ["healthy"]);
    cloud.ec2("StopInstances", json!({"InstanceId": [id]}));
    assert_eq!(health(&mut cloud, &group), ["unused"]);
}

#[test]
fn another_root_takes_the_service_away_for_a_while_and_may_bring_a_worse_one() {
    let mut cloud = Cloud::new();
    let (balancer, group) = (cloud.balancer("front"), cloud.target_group("web-a"));
    cloud.listener(&balancer, 80, &group);
    cloud
        .world
        .physics
        .set_behaviour(BROKEN, Behaviour::with_service(Service::WrongStatus(500)));
    let id = cloud.instance(0);
    cloud.elb(
        "RegisterTargets",
        json!({"TargetGroupArn": group, "Targets": [{"Id": id}]}),
    );
    assert_eq!(health(&mut cloud, &group), ["healthy"]);
    let root = |cloud: &Cloud| cloud.model().view_instances()[0].volumes[0].clone();
    let old = root(&cloud);
    let broken = json!({"InstanceId": id, "ImageId": BROKEN});
    cloud.ec2("CreateReplaceRootVolumeTask", broken);
    cloud.pass(40);
    assert_eq!(
        cloud.health(&group, &id),
        "unhealthy Target.FailedHealthChecks"
    );
    assert_eq!(health(&mut cloud, &group), ["unhealthy"]);
    let new = root(&cloud);
    assert_ne!(new, old);
    let back = json!({"InstanceId": id, "VolumeId": old});
    cloud.ec2("CreateReplaceRootVolumeTask", back);
    cloud.pass(120);
    assert_eq!(health(&mut cloud, &group), ["healthy"]);
    assert_eq!(root(&cloud), old);
    cloud.ec2("DeleteVolume", json!({"VolumeId": new}));
}

#[test]
fn the_console_shows_the_host_key() {
    let mut cloud = Cloud::new();
    let tail = Behaviour {
        console_tail: "web: no such file\r\n".into(),
        ..Behaviour::default()
    };
    cloud.world.physics.set_usual(tail);
    let id = cloud.instance(0);
    cloud.pass(120);
    let answer = cloud.ec2("GetConsoleOutput", json!({"InstanceId": id}));
    let bytes = base64::Engine::decode(
        &base64::engine::general_purpose::STANDARD,
        text(&answer, "output"),
    )
    .unwrap();
    let console = String::from_utf8(bytes).unwrap();
    let block = console
        .split_once("-----BEGIN SSH HOST KEY KEYS-----")
        .unwrap()
        .1;
    let line = block.lines().nth(1).unwrap();
    assert!(ssh_key::PublicKey::from_openssh(line).is_ok(), "{line}");
    assert!(console.ends_with("web: no such file\r\n"));
}

#[test]
fn an_image_inherits_how_its_machine_behaved() {
    let mut cloud = Cloud::new();
    cloud
        .world
        .physics
        .set_behaviour(IMAGE, Behaviour::with_service(Service::Absent));
    let id = cloud.instance(0);
    let made = cloud.ec2("CreateImage", json!({"InstanceId": id, "Name": "next"}));
    let image = text(&made, "imageId");
    cloud.pass(600);
    assert!(
        cloud
            .model()
            .view_images()
            .iter()
            .any(|seen| seen.id == image && seen.state == "available")
    );
    assert_eq!(
        cloud.world.physics.behaviour("", &image).service,
        Service::Absent
    );
    let broken = Behaviour {
        freeze_failure: Some("no space".into()),
        ..Behaviour::default()
    };
    cloud.world.physics.set_behaviour(&id, broken);
    cloud.ec2("CreateImage", json!({"InstanceId": id, "Name": "other"}));
    cloud.pass(600);
    assert!(
        cloud
            .model()
            .view_images()
            .iter()
            .any(|seen| seen.name == "other" && seen.state == "failed")
    );
}

/// Healthy targets that requests may reach through the production rule.
fn serving(model: &Model) -> usize {
    let listeners = model.view_listeners();
    let rule = listeners[0].rules.last().unwrap();
    rule.reach
        .iter()
        .filter(|reach| !reach.failed_open)
        .map(|reach| reach.targets.len())
        .sum()
}

#[test]
fn a_swap_with_a_probe_rule_never_has_less_than_before() {
    let mut cloud = Cloud::new();
    let (balancer, a) = (cloud.balancer("front"), cloud.target_group("web-a"));
    let b = cloud.target_group("web-b");
    let listener = cloud.listener(&balancer, 80, &a);
    cloud.group("web-1", [2, 2, 4], json!({"TargetGroupARNs": [a]}));
    cloud.pass_until(300, |model| serving(model) == 2);
    cloud
        .world
        .watch(|model, now| assert!(serving(model) >= 2, "{now}: below the floor"));
    let conditions = json!([{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x-kiln-probe", "Values": ["1"]}}]);
    let forward = |group: &str| json!([{"Type": "forward", "TargetGroupArn": group}]);
    cloud.elb("CreateRule", json!({"ListenerArn": listener, "Priority": 1, "Conditions": conditions, "Actions": forward(&b)}));
    cloud.group("web-2", [2, 2, 4], json!({"TargetGroupARNs": [b]}));
    let arn = b.clone();
    let ready = move |model: &Model| {
        let groups = model.view_target_groups();
        let group = groups.iter().find(|group| group.arn == arn).unwrap();
        group
            .targets
            .iter()
            .filter(|target| target.state == "healthy")
            .count()
            == 2
    };
    cloud.pass_until(300, ready);
    cloud.elb(
        "ModifyListener",
        json!({"ListenerArn": listener, "DefaultActions": forward(&b)}),
    );
    cloud.scaling(
        "UpdateAutoScalingGroup",
        json!({"AutoScalingGroupName": "web-1", "MinSize": 0, "DesiredCapacity": 0}),
    );
    cloud.pass(600);
    cloud.settled("web-1", 0);
}

#[test]
#[should_panic(expected = "below the floor")]
fn a_swap_without_one_is_caught() {
    let mut cloud = Cloud::new();
    let (balancer, a) = (cloud.balancer("front"), cloud.target_group("web-a"));
    let b = cloud.target_group("web-b");
    let listener = cloud.listener(&balancer, 80, &a);
    cloud.group("web-1", [2, 2, 4], json!({"TargetGroupARNs": [a]}));
    cloud.group("web-2", [2, 2, 4], json!({"TargetGroupARNs": [b]}));
    cloud.pass_until(300, |model| serving(model) == 2);
    cloud.pass(300);
    cloud
        .world
        .watch(|model, now| assert!(serving(model) >= 2, "{now}: below the floor"));
    // All of them are in service, and not one of them was ever checked by the load balancer.
    assert_eq!(cloud.members("web-2", "InService").len(), 2);
    cloud.elb("ModifyListener", json!({"ListenerArn": listener, "DefaultActions": [{"Type": "forward", "TargetGroupArn": b}]}));
}

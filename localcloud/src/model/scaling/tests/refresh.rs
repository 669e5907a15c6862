//! Instance refreshes, each case against "How an instance refresh works" of the user guide and the API's own words.

use crate::model::Service as Aws;
use crate::physics::{
    Behaviour, Service,
    fixture::{BROKEN, Cloud, IMAGE, text},
};
use serde_json::{Value, json};

/// A cloud with a group of that many instances behind a load balancer, and version 2 of its template.
fn cloud(desired: i64, image: &str, more: &Value) -> (Cloud, String) {
    let mut cloud = Cloud::new();
    let balancer = cloud.balancer("web");
    let target_group = cloud.target_group("web");
    cloud.listener(&balancer, 80, &target_group);
    let mut given = json!({"TargetGroupARNs": [target_group], "HealthCheckType": "ELB", "HealthCheckGracePeriod": 60});
    for (key, value) in more.as_object().unwrap() {
        given[key] = value.clone();
    }
    cloud.group("web", [0, desired, desired], given);
    cloud.settled("web", usize::try_from(desired).unwrap());
    cloud.pass(60);
    cloud.ec2(
        "CreateLaunchTemplateVersion",
        json!({"LaunchTemplateName": "web", "SourceVersion": "1",
        "LaunchTemplateData": {"ImageId": image}}),
    );
    (cloud, target_group)
}

fn begin(cloud: &mut Cloud, preferences: &Value) -> String {
    let made = cloud.scaling(
        "StartInstanceRefresh",
        json!({"AutoScalingGroupName": "web", "Preferences": preferences,
            "DesiredConfiguration": {"LaunchTemplate": {"LaunchTemplateName": "web", "Version": "2"}}}),
    );
    text(&made, "InstanceRefreshId")
}

fn launch_first() -> Value {
    json!({"MinHealthyPercentage": 100, "MaxHealthyPercentage": 110, "InstanceWarmup": 90})
}

fn look(cloud: &mut Cloud, what: &str) -> String {
    let seen = cloud.scaling(
        "DescribeInstanceRefreshes",
        json!({"AutoScalingGroupName": "web"}),
    );
    seen.at(&format!("InstanceRefreshes.0.{what}"))
        .and_then(crate::model::Tree::text)
        .unwrap_or_default()
}

/// Seconds until the refresh has that status; what was in service and how many there were meanwhile, at the least and most.
fn status(cloud: &mut Cloud, wanted: &str, limit: i64) -> (i64, usize, usize) {
    let (mut least, mut most) = (usize::MAX, 0);
    for second in 0..limit {
        if look(cloud, "Status") == wanted {
            return (second, least, most);
        }
        cloud.pass(1);
        let in_service = cloud.members("web", "InService").len();
        least = least.min(in_service);
        most = most.max(in_service + cloud.members("web", "Pending").len());
    }
    panic!(
        "never {wanted}: {} {}",
        look(cloud, "Status"),
        look(cloud, "StatusReason")
    );
}

fn images(cloud: &Cloud) -> Vec<String> {
    let group = &cloud.model().view_groups()[0];
    let there = group
        .members
        .iter()
        .filter(|one| !one.state.starts_with("Terminating"));
    let mut images: Vec<_> = there.map(|one| one.image.clone()).collect();
    images.sort();
    images
}

fn version(cloud: &Cloud) -> String {
    cloud.model().view_groups()[0].template.clone().unwrap().1
}

#[test]
fn one_more_is_launched_before_one_goes_and_the_group_takes_the_new_version_over() {
    let (mut cloud, target_group) = cloud(3, IMAGE, &json!({}));
    let old = cloud.members("web", "InService");
    let id = begin(&mut cloud, &launch_first());
    assert_eq!(look(&mut cloud, "Status"), "Pending");
    assert_eq!(look(&mut cloud, "InstanceRefreshId"), id);
    cloud.pass(2);
    assert_eq!(look(&mut cloud, "Status"), "InProgress");
    assert_eq!(version(&cloud), "1", "the settings change at the end only");
    let (seconds, least, most) = status(&mut cloud, "Successful", 3600);
    assert_eq!((least, most), (3, 4), "one more at most, none less");
    assert!(seconds > 3 * 90, "each batch warms up: {seconds}");
    assert_eq!(version(&cloud), "2");
    assert_eq!(look(&mut cloud, "PercentageComplete"), "100");
    assert_eq!(look(&mut cloud, "InstancesToUpdate"), "0");
    let new = cloud.settled("web", 3);
    assert!(new.iter().all(|id| !old.contains(id)));
    for id in new {
        assert_eq!(cloud.health(&target_group, &id), "healthy");
    }
}

/// The status reason of a refresh names what it waits for: one that "has insufficient data to evaluate its health with Elastic
/// Load Balancing".
#[test]
fn what_no_target_group_knows_yet_makes_up_for_nothing() {
    let (mut cloud, target_group) = cloud(2, IMAGE, &json!({}));
    let group = |more: Value| {
        let mut given = json!({"AutoScalingGroupName": "web"});
        for (key, value) in more.as_object().unwrap() {
            given[key] = value.clone();
        }
        given
    };
    let old = cloud.members("web", "InService");
    let healthy = |cloud: &mut Cloud| {
        let there = cloud.members("web", "InService");
        let health = there.iter().map(|id| cloud.health(&target_group, id));
        health.filter(|health| health == "healthy").count()
    };
    // One more than there are to be, which has only just come.
    let keep = group(json!({"ScalingProcesses": ["Terminate"]}));
    cloud.scaling("SuspendProcesses", keep.clone());
    let size = json!({"MaxSize": 3, "DesiredCapacity": 3});
    cloud.scaling("UpdateAutoScalingGroup", group(size));
    while cloud.members("web", "InService").len() < 3 {
        cloud.pass(1);
    }
    cloud.scaling("SetDesiredCapacity", group(json!({"DesiredCapacity": 2})));
    cloud.scaling("ResumeProcesses", keep);
    assert_eq!(healthy(&mut cloud), 2, "it is not healthy yet");
    begin(&mut cloud, &launch_first());
    for second in 0..85 {
        cloud.pass(1);
        assert_eq!(healthy(&mut cloud).min(2), 2, "after {second} s");
    }
    status(&mut cloud, "Successful", 3600);
    let new = cloud.settled("web", 2);
    assert!(new.iter().all(|id| !old.contains(id)));
}

#[test]
fn without_a_maximum_one_goes_as_its_replacement_is_launched() {
    let (mut cloud, _) = cloud(2, IMAGE, &json!({}));
    begin(
        &mut cloud,
        &json!({"MinHealthyPercentage": 100, "InstanceWarmup": 10}),
    );
    let (_, least, most) = status(&mut cloud, "Successful", 3600);
    assert_eq!((least, most), (1, 2), "omitting the maximum is not 100");
    let (mut cloud, _) = self::cloud(2, IMAGE, &json!({}));
    begin(
        &mut cloud,
        &json!({"MinHealthyPercentage": 100, "MaxHealthyPercentage": 100, "InstanceWarmup": 10}),
    );
    let (_, least, most) = status(&mut cloud, "Successful", 3600);
    assert_eq!((least, most), (2, 3), "bounds without room launch first");
}

#[test]
fn a_wide_range_replaces_several_at_once_and_a_policy_of_the_group_is_heeded() {
    let policy = json!({"MinHealthyPercentage": 100, "MaxHealthyPercentage": 200});
    let (mut cloud, _) = cloud(
        3,
        IMAGE,
        &json!({"InstanceMaintenancePolicy": policy, "DefaultInstanceWarmup": 30}),
    );
    begin(&mut cloud, &json!({}));
    let (seconds, least, most) = status(&mut cloud, "Successful", 3600);
    assert_eq!((least, most), (3, 6));
    assert!(seconds < 200, "{seconds}");
}

#[test]
fn instances_that_match_are_skipped_and_protected_ones_waited_for_or_left() {
    let (mut cloud, _) = cloud(2, IMAGE, &json!({}));
    begin(&mut cloud, &launch_first());
    status(&mut cloud, "Successful", 3600);
    let there = cloud.members("web", "InService");
    let mut skipping = launch_first();
    skipping["SkipMatching"] = json!(true);
    begin(&mut cloud, &skipping);
    status(&mut cloud, "Successful", 5);
    assert_eq!(cloud.members("web", "InService"), there);
    cloud.scaling("SetInstanceProtection", json!({"AutoScalingGroupName": "web", "InstanceIds": [there[0]], "ProtectedFromScaleIn": true}));
    let mut leaving = launch_first();
    leaving["ScaleInProtectedInstances"] = json!("Ignore");
    begin(&mut cloud, &leaving);
    status(&mut cloud, "Successful", 3600);
    let after = cloud.members("web", "InService");
    assert!(after.contains(&there[0]) && !after.contains(&there[1]));
    begin(&mut cloud, &launch_first());
    let (seconds, ..) = status(&mut cloud, "Failed", 7200);
    assert!(seconds > 3600, "an hour: {seconds}");
    assert!(look(&mut cloud, "StatusReason").contains("protected from scale in"));
    assert!(cloud.members("web", "InService").contains(&there[0]));
}

#[test]
fn a_checkpoint_is_waited_at_and_the_last_one_below_100_ends_it() {
    let (mut cloud, _) = cloud(4, IMAGE, &json!({}));
    let mut careful = launch_first();
    careful["CheckpointPercentages"] = json!([25, 50]);
    careful["CheckpointDelay"] = json!(600);
    let began = cloud.world.now();
    begin(&mut cloud, &careful);
    cloud.pass(400);
    assert_eq!(look(&mut cloud, "PercentageComplete"), "25");
    assert_eq!(look(&mut cloud, "Status"), "InProgress");
    let group = &cloud.model().view_groups()[0];
    let new = group.members.iter().filter(|one| one.version == Some(2));
    assert_eq!(new.count(), 1);
    status(&mut cloud, "Successful", 7200);
    assert!(cloud.world.now().duration_since(began).as_secs() > 1200);
    assert_eq!(look(&mut cloud, "PercentageComplete"), "50");
}

#[test]
fn what_never_gets_healthy_fails_after_an_hour_or_is_rolled_back() {
    let (mut cloud, target_group) = cloud(2, BROKEN, &json!({}));
    cloud
        .world
        .physics
        .set_behaviour(BROKEN, Behaviour::with_service(Service::Absent));
    let before = cloud.members("web", "InService");
    begin(&mut cloud, &launch_first());
    let (seconds, least, _) = status(&mut cloud, "Failed", 7200);
    assert!(seconds >= 3600 && least >= 2, "{seconds} {least}");
    assert_eq!(version(&cloud), "1");
    cloud.pass(600);
    assert_eq!(
        cloud.members("web", "InService"),
        before,
        "the new one goes, being another version than the group's"
    );
    let mut back = launch_first();
    back["AutoRollback"] = json!(true);
    begin(&mut cloud, &back);
    status(&mut cloud, "RollbackSuccessful", 7200);
    assert_eq!(images(&cloud), [IMAGE, IMAGE]);
    assert_eq!(version(&cloud), "1");
    for id in before {
        assert_eq!(cloud.health(&target_group, &id), "healthy");
    }
}

#[test]
fn a_rollback_replaces_what_was_replaced_and_a_cancel_leaves_it() {
    let (mut cloud, _) = cloud(3, BROKEN, &json!({}));
    begin(&mut cloud, &launch_first());
    for _ in 0..600 {
        if look(&mut cloud, "PercentageComplete") == "33" {
            break;
        }
        cloud.pass(1);
    }
    cloud.scaling(
        "RollbackInstanceRefresh",
        json!({"AutoScalingGroupName": "web"}),
    );
    assert_eq!(look(&mut cloud, "Status"), "RollbackInProgress");
    assert_eq!(
        look(&mut cloud, "RollbackDetails.PercentageCompleteOnRollback"),
        "33"
    );
    let (_, least, most) = status(&mut cloud, "RollbackSuccessful", 3600);
    assert!(least >= 3 && most <= 4, "{least} {most}");
    assert_eq!(images(&cloud), [IMAGE, IMAGE, IMAGE]);
    assert_eq!(look(&mut cloud, "PercentageComplete"), "0");

    begin(&mut cloud, &launch_first());
    for _ in 0..600 {
        if look(&mut cloud, "PercentageComplete") == "33" {
            break;
        }
        cloud.pass(1);
    }
    cloud.pass(5);
    cloud.scaling(
        "CancelInstanceRefresh",
        json!({"AutoScalingGroupName": "web"}),
    );
    assert_eq!(
        look(&mut cloud, "Status"),
        "Cancelling",
        "what is under way ends first"
    );
    status(&mut cloud, "Cancelled", 600);
    cloud.settled("web", 3);
    assert_eq!(
        version(&cloud),
        "1",
        "a mixed group that launches what it did"
    );
    assert!(
        images(&cloud).contains(&BROKEN.to_owned()) && images(&cloud).contains(&IMAGE.to_owned())
    );
}

#[test]
fn a_group_that_grows_meanwhile_grows_by_the_new_version() {
    let (mut cloud, _) = cloud(2, BROKEN, &json!({}));
    cloud.scaling(
        "UpdateAutoScalingGroup",
        json!({"AutoScalingGroupName": "web", "MaxSize": 6}),
    );
    begin(&mut cloud, &launch_first());
    cloud.pass(5);
    cloud.scaling(
        "SetDesiredCapacity",
        json!({"AutoScalingGroupName": "web", "DesiredCapacity": 4}),
    );
    status(&mut cloud, "Successful", 3600);
    cloud.settled("web", 4);
    assert_eq!(images(&cloud), [BROKEN; 4]);
}

#[test]
fn what_cannot_be_is_refused() {
    let (mut cloud, target_group) = cloud(2, IMAGE, &json!({}));
    let group = json!({"AutoScalingGroupName": "web"});
    let none = cloud.refused(Aws::AutoScaling, "CancelInstanceRefresh", group.clone());
    assert_eq!(none, "ActiveInstanceRefreshNotFound");
    let none = cloud.refused(Aws::AutoScaling, "RollbackInstanceRefresh", group.clone());
    assert_eq!(none, "ActiveInstanceRefreshNotFound");
    for wrong in [
        json!({"MaxHealthyPercentage": 110}),
        json!({"MinHealthyPercentage": 50, "MaxHealthyPercentage": 200}),
        json!({"MinHealthyPercentage": 101}),
        json!({"CheckpointDelay": 5}),
        json!({"CheckpointPercentages": [50, 20]}),
        json!({"AutoRollback": true}),
        json!({"AlarmSpecification": {"Alarms": ["web"]}}),
    ] {
        let given = json!({"AutoScalingGroupName": "web", "Preferences": wrong});
        let code = cloud.refused(Aws::AutoScaling, "StartInstanceRefresh", given);
        assert_eq!(code, "ValidationError", "{wrong}");
    }
    cloud.scaling("StartInstanceRefresh", group.clone());
    let code = cloud.refused(Aws::AutoScaling, "RollbackInstanceRefresh", group.clone());
    assert_eq!(
        code, "IrreversibleInstanceRefresh",
        "it has no desired configuration"
    );
    cloud.scaling(
        "CancelInstanceRefresh",
        json!({"AutoScalingGroupName": "web", "WaitForTransitioningInstances": false}),
    );
    cloud.settled("web", 2);
    begin(&mut cloud, &launch_first());
    let busy = cloud.refused(Aws::AutoScaling, "StartInstanceRefresh", group);
    assert_eq!(busy, "InstanceRefreshInProgress");
    let attach = json!({"AutoScalingGroupName": "web", "TargetGroupARNs": [target_group]});
    let busy = cloud.refused(Aws::AutoScaling, "AttachLoadBalancerTargetGroups", attach);
    assert_eq!(busy, "InstanceRefreshInProgress");
    let other = json!({"AutoScalingGroupName": "web", "LaunchTemplate": {"LaunchTemplateName": "web", "Version": "1"}});
    let code = cloud.refused(Aws::AutoScaling, "UpdateAutoScalingGroup", other);
    assert_eq!(code, "ValidationError");
    cloud.scaling(
        "UpdateAutoScalingGroup",
        json!({"AutoScalingGroupName": "web", "MinSize": 1}),
    );
    cloud.scaling(
        "DeleteAutoScalingGroup",
        json!({"AutoScalingGroupName": "web", "ForceDelete": true}),
    );
    assert_eq!(look(&mut cloud, "Status"), "Cancelled");
}

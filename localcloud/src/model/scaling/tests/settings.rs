//! What groups are told: validation, defaults, tags, protection from deletion.

#![expect(
    clippy::needless_pass_by_value,
    reason = "cases read best with their JSON in place"
)]

use crate::model::Service::AutoScaling;
use crate::physics::fixture::{Cloud, count, text};
use serde_json::{Value, json};

/// A request for a group that would be accepted, with a change.
fn request(cloud: &Cloud, change: Value) -> Value {
    let mut given = json!({
        "AutoScalingGroupName": "web", "LaunchTemplate": {"LaunchTemplateName": "web", "Version": "1"},
        "MinSize": 1, "MaxSize": 3, "VPCZoneIdentifier": cloud.subnets().join(","),
    });
    for (field, value) in change.as_object().unwrap() {
        given[field] = value.clone();
    }
    given
}

#[test]
fn what_aws_refuses_at_creation_is_refused() {
    let mut cloud = Cloud::new();
    for (change, code) in [
        (json!({"MinSize": 4}), "ValidationError"),
        (json!({"DesiredCapacity": 4}), "ValidationError"),
        (json!({"DesiredCapacity": 0}), "ValidationError"),
        (
            json!({"VPCZoneIdentifier": "subnet-00000000000000000"}),
            "ValidationError",
        ),
        (json!({"VPCZoneIdentifier": ""}), "ValidationError"),
        (
            json!({"AvailabilityZones": ["eu-central-1z"], "VPCZoneIdentifier": ""}),
            "ValidationError",
        ),
        (
            json!({"LaunchTemplate": {"LaunchTemplateName": "none"}}),
            "ValidationError",
        ),
        (
            json!({"LaunchTemplate": {"LaunchTemplateName": "web", "Version": "2"}}),
            "ValidationError",
        ),
        (
            json!({"LaunchTemplate": {"Version": "1"}}),
            "ValidationError",
        ),
        (
            json!({"TargetGroupARNs": ["arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/x/1"]}),
            "ValidationError",
        ),
        (json!({"AutoScalingGroupName": "a:b"}), "ValidationError"),
        (json!({"HealthCheckType": "PING"}), "ValidationError"),
        (json!({"MaxInstanceLifetime": 3600}), "ValidationError"),
        (
            json!({"TerminationPolicies": ["Random"]}),
            "ValidationError",
        ),
        (json!({"NoSuchField": "1"}), "ValidationError"),
        (
            json!({"InstanceMaintenancePolicy": {"NoSuchField": "1"}}),
            "ValidationError",
        ),
    ] {
        let given = request(&cloud, change.clone());
        assert_eq!(
            cloud.refused(AutoScaling, "CreateAutoScalingGroup", given),
            code,
            "{change}"
        );
    }
    assert!(cloud.model().view_groups().is_empty());
}

#[test]
fn a_template_without_a_launchable_image_is_refused() {
    let mut cloud = Cloud::new();
    cloud.template("gone", "ami-0cccccccccccccccc");
    let given = request(
        &cloud,
        json!({"LaunchTemplate": {"LaunchTemplateName": "gone"}}),
    );
    let fault = cloud
        .call(AutoScaling, "CreateAutoScalingGroup", &given)
        .unwrap_err();
    assert!(
        fault
            .message
            .starts_with("You must use a valid fully-formed launch template."),
        "{fault}"
    );
}

#[test]
fn a_name_is_taken_once_and_the_first_group_stays_as_it_is() {
    let mut cloud = Cloud::new();
    cloud.group("web", [1, 2, 3], json!({}));
    let instances = cloud.settled("web", 2);
    let given = request(&cloud, json!({"MaxSize": 9}));
    assert_eq!(
        cloud.refused(AutoScaling, "CreateAutoScalingGroup", given),
        "AlreadyExists"
    );
    assert_eq!(cloud.model().view_groups()[0].max, 3);
    assert_eq!(cloud.settled("web", 2), instances);
}

#[test]
fn everything_that_was_given_comes_back() {
    let mut cloud = Cloud::new();
    let more = json!({
        "HealthCheckType": "ELB", "HealthCheckGracePeriod": 90, "DefaultInstanceWarmup": 30, "DefaultCooldown": 10,
        "NewInstancesProtectedFromScaleIn": true, "MaxInstanceLifetime": 86400, "TerminationPolicies": ["OldestInstance"],
        "Context": "x", "InstanceMaintenancePolicy": {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150},
        "AvailabilityZoneDistribution": {"CapacityDistributionStrategy": "balanced-only"}, "CapacityRebalance": true,
        "Tags": [{"Key": "kiln:service", "Value": "web", "PropagateAtLaunch": true}],
        "LifecycleHookSpecificationList": [{"LifecycleHookName": "up", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"}],
    });
    cloud.group("web", [0, 0, 3], more);
    let shown = cloud.scaling(
        "DescribeAutoScalingGroups",
        json!({"AutoScalingGroupNames": ["web"]}),
    );
    let group = shown.at("AutoScalingGroups.0").unwrap();
    for (path, value) in [
        ("HealthCheckType", "ELB"),
        ("HealthCheckGracePeriod", "90"),
        ("DefaultInstanceWarmup", "30"),
        ("DefaultCooldown", "10"),
        ("NewInstancesProtectedFromScaleIn", "true"),
        ("MaxInstanceLifetime", "86400"),
        ("TerminationPolicies.0", "OldestInstance"),
        ("InstanceMaintenancePolicy.MaxHealthyPercentage", "150"),
        (
            "AvailabilityZoneDistribution.CapacityDistributionStrategy",
            "balanced-only",
        ),
        ("Tags.0.PropagateAtLaunch", "true"),
        ("LaunchTemplate.LaunchTemplateName", "web"),
        ("LaunchTemplate.Version", "1"),
    ] {
        assert_eq!(text(group, path), value, "{path}");
    }
    let hooks = cloud.scaling(
        "DescribeLifecycleHooks",
        json!({"AutoScalingGroupName": "web"}),
    );
    assert_eq!(text(&hooks, "LifecycleHooks.0.HeartbeatTimeout"), "3600");
    assert_eq!(text(&hooks, "LifecycleHooks.0.DefaultResult"), "ABANDON");
}

#[test]
fn an_update_moves_the_desired_capacity_into_its_bounds() {
    let mut cloud = Cloud::new();
    cloud.group("web", [0, 2, 3], json!({}));
    let desired = |cloud: &Cloud| cloud.model().view_groups()[0].desired;
    cloud.scaling(
        "UpdateAutoScalingGroup",
        json!({"AutoScalingGroupName": "web", "MaxSize": 1}),
    );
    assert_eq!(desired(&cloud), 1);
    cloud.scaling(
        "UpdateAutoScalingGroup",
        json!({"AutoScalingGroupName": "web", "MinSize": 3, "MaxSize": 4}),
    );
    assert_eq!(desired(&cloud), 3);
    for (action, sizes) in [
        ("UpdateAutoScalingGroup", json!({"MinSize": 5})),
        ("SetDesiredCapacity", json!({"DesiredCapacity": 5})),
        ("SetDesiredCapacity", json!({"DesiredCapacity": 2})),
    ] {
        let mut given = sizes;
        given["AutoScalingGroupName"] = json!("web");
        assert_eq!(
            cloud.refused(AutoScaling, action, given),
            "ValidationError",
            "{action}"
        );
    }
    assert_eq!(desired(&cloud), 3);
    let missing = json!({"AutoScalingGroupName": "none", "DesiredCapacity": 1});
    assert_eq!(
        cloud.refused(AutoScaling, "SetDesiredCapacity", missing),
        "ValidationError"
    );
}

#[test]
fn groups_are_found_by_name_and_tag_in_pages() {
    let mut cloud = Cloud::new();
    for name in ["a", "b", "c"] {
        let tags = json!({"Tags": [{"Key": "service", "Value": name, "PropagateAtLaunch": false}]});
        cloud.group(name, [0, 0, 1], tags);
    }
    cloud.group("d", [1, 1, 1], json!({}));
    cloud.settled("d", 1);
    let mut names = |given: Value| {
        let shown = cloud.scaling("DescribeAutoScalingGroups", given);
        (0..count(&shown, "AutoScalingGroups"))
            .map(|n| {
                text(
                    &shown,
                    &format!("AutoScalingGroups.{n}.AutoScalingGroupName"),
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(json!({"AutoScalingGroupNames": ["c", "none"]})),
        ["c"]
    );
    assert_eq!(
        names(json!({"Filters": [{"Name": "tag:service", "Values": ["a", "b"]}]})),
        ["a", "b"]
    );
    assert_eq!(
        names(json!({"Filters": [{"Name": "tag-key", "Values": ["service"]}]})),
        ["a", "b", "c"]
    );
    let first = cloud.scaling("DescribeAutoScalingGroups", json!({"MaxRecords": 3}));
    let token = text(&first, "NextToken");
    let second = cloud.scaling(
        "DescribeAutoScalingGroups",
        json!({"MaxRecords": 3, "NextToken": token}),
    );
    assert_eq!(
        text(&second, "AutoScalingGroups.0.AutoScalingGroupName"),
        "d"
    );
    assert_eq!(count(&second, "AutoScalingGroups.0.Instances"), 1);
    let bare = cloud.scaling(
        "DescribeAutoScalingGroups",
        json!({"AutoScalingGroupNames": ["d"], "IncludeInstances": false}),
    );
    assert_eq!(count(&bare, "AutoScalingGroups.0.Instances"), 0);
}

#[test]
fn tags_are_set_found_and_removed() {
    let mut cloud = Cloud::new();
    cloud.group("web", [0, 0, 1], json!({}));
    let tag = |key: &str, value: &str| json!({"Tags": [{"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": key, "Value": value, "PropagateAtLaunch": false}]});
    cloud.scaling("CreateOrUpdateTags", tag("kiln:state", "next"));
    cloud.scaling("CreateOrUpdateTags", tag("kiln:state", "live"));
    let filter = json!({"Filters": [{"Name": "auto-scaling-group", "Values": ["web"]}]});
    let shown = cloud.scaling("DescribeTags", filter.clone());
    assert_eq!(
        (count(&shown, "Tags"), text(&shown, "Tags.0.Value")),
        (1, "live".into())
    );
    let mut reserved = tag("aws:x", "1");
    assert_eq!(
        cloud.refused(AutoScaling, "CreateOrUpdateTags", reserved.clone()),
        "ValidationError"
    );
    reserved["Tags"][0]["ResourceId"] = json!("none");
    assert_eq!(
        cloud.refused(AutoScaling, "CreateOrUpdateTags", reserved),
        "ValidationError"
    );
    cloud.scaling("DeleteTags", tag("kiln:state", "live"));
    assert_eq!(count(&cloud.scaling("DescribeTags", filter), "Tags"), 0);
}

#[test]
fn a_group_is_deleted_when_it_is_empty_and_stays_visible_for_a_while() {
    let mut cloud = Cloud::new();
    cloud.group("web", [1, 1, 1], json!({}));
    cloud.settled("web", 1);
    let named = json!({"AutoScalingGroupName": "web"});
    assert_eq!(
        cloud.refused(AutoScaling, "DeleteAutoScalingGroup", named.clone()),
        "ResourceInUse"
    );
    cloud.scaling(
        "UpdateAutoScalingGroup",
        json!({"AutoScalingGroupName": "web", "MinSize": 0, "DesiredCapacity": 0}),
    );
    cloud.pass(2);
    assert_eq!(
        cloud.refused(AutoScaling, "DeleteAutoScalingGroup", named.clone()),
        "ScalingActivityInProgress"
    );
    cloud.settled("web", 0);
    cloud.scaling("DeleteAutoScalingGroup", named.clone());
    let shown = cloud.scaling("DescribeAutoScalingGroups", json!({}));
    assert_eq!(
        text(&shown, "AutoScalingGroups.0.Status"),
        "Delete in progress"
    );
    let again = request(&cloud, json!({}));
    assert_eq!(
        cloud.refused(AutoScaling, "CreateAutoScalingGroup", again.clone()),
        "AlreadyExists"
    );
    cloud.pass(10);
    assert!(cloud.model().view_groups().is_empty());
    let kept = json!({"AutoScalingGroupName": "web", "IncludeDeletedGroups": true});
    assert_eq!(
        count(
            &cloud.scaling("DescribeScalingActivities", kept),
            "Activities"
        ),
        2
    );
    assert_eq!(
        cloud.refused(AutoScaling, "DescribeScalingActivities", named),
        "ValidationError"
    );
    cloud.scaling("CreateAutoScalingGroup", again);
}

#[test]
fn force_deletes_the_instances_too_unless_protected() {
    let mut cloud = Cloud::new();
    cloud.group("web", [2, 2, 2], json!({"DeletionProtection": "prevent-force-deletion", "NewInstancesProtectedFromScaleIn": true}));
    cloud.settled("web", 2);
    let force = json!({"AutoScalingGroupName": "web", "ForceDelete": true});
    assert_eq!(
        cloud.refused(AutoScaling, "DeleteAutoScalingGroup", force.clone()),
        "ValidationError"
    );
    cloud.scaling(
        "UpdateAutoScalingGroup",
        json!({"AutoScalingGroupName": "web", "DeletionProtection": "none"}),
    );
    cloud.scaling("DeleteAutoScalingGroup", force);
    cloud.pass(120);
    assert!(cloud.model().view_groups().is_empty());
    assert!(
        cloud
            .model()
            .view_instances()
            .iter()
            .all(|instance| instance.state == "terminated")
    );
}

//! Groups of several instance types.

use crate::model::{Fault, FaultPlan, Service};
use crate::physics::fixture::{Cloud, IMAGE, text};
use serde_json::json;

#[test]
fn a_mixed_group_uses_its_types_in_order() {
    let mut cloud = Cloud::new();
    cloud.world.model.inject(FaultPlan::default().launches(
        1,
        &Fault::insufficient_capacity("t3.small", "eu-central-1a"),
    ));
    let spec = json!({"LaunchTemplateName": "web", "Version": "1"});
    let policy = json!({"LaunchTemplate": {"LaunchTemplateSpecification": spec, "Overrides": [{"InstanceType": "t3.small"}, {"InstanceType": "t3.medium"}]}});
    let given = json!({"AutoScalingGroupName": "mix", "MinSize": 2, "MaxSize": 2, "VPCZoneIdentifier": cloud.subnets().join(","), "MixedInstancesPolicy": policy});
    cloud.scaling("CreateAutoScalingGroup", given);
    cloud.settled("mix", 2);
    let mut types: Vec<_> = cloud
        .model()
        .view_instances()
        .into_iter()
        .map(|instance| instance.instance_type)
        .collect();
    types.sort();
    assert_eq!(types, ["t3.medium", "t3.small"]);
    let shown = cloud.scaling("DescribeAutoScalingGroups", json!({}));
    assert_eq!(
        text(
            &shown,
            "AutoScalingGroups.0.MixedInstancesPolicy.LaunchTemplate.Overrides.1.InstanceType"
        ),
        "t3.medium"
    );
}

/// A type is launched from the template that it has for itself, and a refresh that skips what matches leaves it.
#[test]
fn a_type_may_have_a_launch_template_of_its_own() {
    let mut cloud = Cloud::new();
    cloud.template("other", IMAGE);
    let templates = cloud.model().view_templates();
    let other = templates.iter().find(|template| template.name == "other");
    let other = other.unwrap().id.clone();
    cloud.world.model.inject(FaultPlan::default().launches(
        1,
        &Fault::insufficient_capacity("t3.small", "eu-central-1a"),
    ));
    let spec = |name| json!({"LaunchTemplateName": name, "Version": "1"});
    let overrides = json!([{"InstanceType": "t3.small"},
        {"InstanceType": "t3.medium", "LaunchTemplateSpecification": spec("other")}]);
    let policy = json!({"LaunchTemplate": {"LaunchTemplateSpecification": spec("web"), "Overrides": overrides}});
    let given = json!({"AutoScalingGroupName": "mix", "MinSize": 2, "MaxSize": 2, "VPCZoneIdentifier": cloud.subnets().join(","), "MixedInstancesPolicy": policy});
    cloud.scaling("CreateAutoScalingGroup", given);
    let there = cloud.settled("mix", 2);
    let instances = cloud.model().view_instances();
    let of_other: Vec<_> = (instances.iter())
        .filter(|instance| instance.template == Some((other.clone(), 1)))
        .map(|instance| instance.instance_type.as_str())
        .collect();
    assert_eq!(of_other, ["t3.medium"]);
    let shown = cloud.scaling("DescribeAutoScalingGroups", json!({}));
    let at = "AutoScalingGroups.0.MixedInstancesPolicy.LaunchTemplate.Overrides.1.LaunchTemplateSpecification.LaunchTemplateId";
    assert_eq!(text(&shown, at), other, "by its id, too");

    let skipping = json!({"AutoScalingGroupName": "mix", "Preferences": {"SkipMatching": true}});
    cloud.scaling("StartInstanceRefresh", skipping);
    cloud.pass(5);
    let refreshes = cloud.scaling(
        "DescribeInstanceRefreshes",
        json!({"AutoScalingGroupName": "mix"}),
    );
    assert_eq!(text(&refreshes, "InstanceRefreshes.0.Status"), "Successful");
    assert_eq!(cloud.settled("mix", 2), there);
}

/// What cannot be launched of a type is refused with the group, as what the mix itself names is.
#[test]
fn a_type_without_its_launch_template_is_refused() {
    let mut cloud = Cloud::new();
    let spec = |name| json!({"LaunchTemplateName": name, "Version": "1"});
    let overrides =
        json!([{"InstanceType": "t3.small", "LaunchTemplateSpecification": spec("gone")}]);
    let policy = json!({"LaunchTemplate": {"LaunchTemplateSpecification": spec("web"), "Overrides": overrides}});
    let given = json!({"AutoScalingGroupName": "mix", "MinSize": 0, "MaxSize": 2, "VPCZoneIdentifier": cloud.subnets().join(","), "MixedInstancesPolicy": policy});
    let refused = cloud.refused(Service::AutoScaling, "CreateAutoScalingGroup", given);
    assert_eq!(refused, "ValidationError");
}

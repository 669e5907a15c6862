//! Policies and schedules.

use crate::model::Service::AutoScaling;
use crate::physics::fixture::{Cloud, count, text};
use serde_json::json;

#[test]
fn target_tracking_has_two_alarms_and_comes_back_as_given() {
    let mut cloud = Cloud::new();
    cloud.group("web", [0, 0, 1], json!({}));
    let tracking = json!({"PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"}, "TargetValue": 50.5});
    let mut given = json!({"AutoScalingGroupName": "web", "PolicyName": "cpu", "PolicyType": "TargetTrackingScaling"});
    assert_eq!(
        cloud.refused(AutoScaling, "PutScalingPolicy", given.clone()),
        "ValidationError"
    );
    given["TargetTrackingConfiguration"] = tracking;
    let made = cloud.scaling("PutScalingPolicy", given.clone());
    assert_eq!(count(&made, "Alarms"), 2);
    let again = cloud.scaling("PutScalingPolicy", given);
    assert_eq!(
        again, made,
        "the same policy again keeps its ARN and alarms"
    );
    let shown = cloud.scaling("DescribePolicies", json!({"AutoScalingGroupName": "web"}));
    assert_eq!(
        text(
            &shown,
            "ScalingPolicies.0.TargetTrackingConfiguration.TargetValue"
        ),
        "50.5"
    );
    assert_eq!(text(&shown, "ScalingPolicies.0.Enabled"), "true");
    cloud.scaling(
        "DeletePolicy",
        json!({"AutoScalingGroupName": "web", "PolicyName": "cpu"}),
    );
    let gone = json!({"AutoScalingGroupName": "web", "PolicyName": "cpu"});
    assert_eq!(
        cloud.refused(AutoScaling, "DeletePolicy", gone),
        "ValidationError"
    );
}

#[test]
fn scheduled_actions_run_in_their_time_zone_again_and_again() {
    let mut cloud = Cloud::new();
    cloud.group("web", [0, 0, 4], json!({}));
    let given = json!({"AutoScalingGroupName": "web", "ScheduledActionName": "day", "Recurrence": "0 12 * * *",
        "TimeZone": "Europe/Berlin", "DesiredCapacity": 2});
    cloud.scaling("PutScheduledUpdateGroupAction", given);
    let asked = json!({"AutoScalingGroupName": "web"});
    let shown = cloud.scaling("DescribeScheduledActions", asked.clone());
    // It is 10:00 in UTC, so the next noon in Berlin is in an hour.
    assert_eq!(
        text(&shown, "ScheduledUpdateGroupActions.0.StartTime"),
        "2026-01-05T11:00:00Z"
    );
    assert_eq!(
        text(&shown, "ScheduledUpdateGroupActions.0.TimeZone"),
        "Europe/Berlin"
    );
    let desired = |cloud: &Cloud| cloud.model().view_groups()[0].desired;
    cloud.pass(3599);
    assert_eq!(desired(&cloud), 0);
    cloud.pass(1);
    assert_eq!(desired(&cloud), 2);
    let shown = cloud.scaling("DescribeScheduledActions", asked.clone());
    assert_eq!(
        text(&shown, "ScheduledUpdateGroupActions.0.StartTime"),
        "2026-01-06T11:00:00Z"
    );
    cloud.scaling(
        "SetDesiredCapacity",
        json!({"AutoScalingGroupName": "web", "DesiredCapacity": 1}),
    );
    cloud.scaling(
        "SuspendProcesses",
        json!({"AutoScalingGroupName": "web", "ScalingProcesses": ["ScheduledActions"]}),
    );
    cloud.pass(24 * 3600);
    assert_eq!(desired(&cloud), 1, "a suspended schedule does not run");
    cloud.scaling(
        "DeleteScheduledAction",
        json!({"AutoScalingGroupName": "web", "ScheduledActionName": "day"}),
    );
    assert_eq!(
        count(
            &cloud.scaling("DescribeScheduledActions", asked),
            "ScheduledUpdateGroupActions"
        ),
        0
    );
}

#[test]
fn a_schedule_that_runs_once_is_gone_then() {
    let mut cloud = Cloud::new();
    cloud.group("web", [0, 0, 4], json!({}));
    let put = |start: &str| json!({"AutoScalingGroupName": "web", "ScheduledActionName": "once", "StartTime": start, "MinSize": 3});
    assert_eq!(
        cloud.refused(
            AutoScaling,
            "PutScheduledUpdateGroupAction",
            put("2026-01-05T09:00:00Z")
        ),
        "ValidationError"
    );
    cloud.scaling("PutScheduledUpdateGroupAction", put("2026-01-05T11:00:00Z"));
    cloud.pass(3601);
    let group = &cloud.model().view_groups()[0];
    assert_eq!((group.min, group.desired), (3, 3));
    let shown = cloud.scaling(
        "DescribeScheduledActions",
        json!({"AutoScalingGroupName": "web"}),
    );
    assert_eq!(count(&shown, "ScheduledUpdateGroupActions"), 0);
}

#[test]
fn a_policy_on_requests_per_target_needs_a_group_that_takes_them() {
    let mut cloud = Cloud::new();
    let (balancer, group) = (cloud.balancer("front"), cloud.target_group("web-a"));
    cloud.group("web", [0, 0, 1], json!({"TargetGroupARNs": [group]}));
    let part = |arn: &str, marker: &str| arn.split_once(marker).unwrap().1.to_owned();
    let label = format!(
        "{}/targetgroup/{}",
        part(&balancer, "loadbalancer/"),
        part(&group, "targetgroup/")
    );
    let put = |label: &str| {
        let metric =
            json!({"PredefinedMetricType": "ALBRequestCountPerTarget", "ResourceLabel": label});
        json!({"AutoScalingGroupName": "web", "PolicyName": "requests", "PolicyType": "TargetTrackingScaling",
            "TargetTrackingConfiguration": {"PredefinedMetricSpecification": metric, "TargetValue": 100}})
    };
    assert_eq!(
        cloud.refused(AutoScaling, "PutScalingPolicy", put(&label)),
        "ValidationError",
        "not in use"
    );
    cloud.listener(&balancer, 80, &group);
    cloud.scaling("PutScalingPolicy", put(&label));
    assert_eq!(
        cloud.refused(
            AutoScaling,
            "PutScalingPolicy",
            put("app/x/1/targetgroup/y/2")
        ),
        "ValidationError"
    );
    assert_eq!(
        cloud.refused(AutoScaling, "PutScalingPolicy", put("")),
        "ValidationError"
    );
    let detach = json!({"AutoScalingGroupName": "web", "TargetGroupARNs": [group]});
    cloud.scaling("DetachLoadBalancerTargetGroups", detach);
    assert_eq!(
        cloud.refused(AutoScaling, "PutScalingPolicy", put(&label)),
        "ValidationError",
        "not attached"
    );
}

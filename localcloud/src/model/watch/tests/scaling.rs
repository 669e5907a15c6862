use super::*;

/// A group of three machines that are never launched, with a policy that its low alarm sets off.
fn tracked() -> (Cloud, String) {
    let mut cloud = Cloud::new();
    let subnets: Vec<String> = cloud
        .model
        .view_subnets()
        .into_iter()
        .map(|subnet| subnet.id)
        .collect();
    let data = serde_json::json!({"ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.micro"});
    let made = serde_json::json!({"LaunchTemplateName": "web", "LaunchTemplateData": data});
    cloud
        .call(Service::Ec2, "CreateLaunchTemplate", &made)
        .unwrap();
    let made = serde_json::json!({"AutoScalingGroupName": "web", "MinSize": "1", "MaxSize": "5", "DesiredCapacity": "3",
        "VPCZoneIdentifier": subnets.join(","), "LaunchTemplate": {"LaunchTemplateName": "web"}});
    cloud
        .call(Service::AutoScaling, "CreateAutoScalingGroup", &made)
        .unwrap();
    let target = serde_json::json!({"TargetValue": "50",
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"}});
    let made = serde_json::json!({"AutoScalingGroupName": "web", "PolicyName": "cpu",
        "PolicyType": "TargetTrackingScaling", "TargetTrackingConfiguration": target});
    let put = cloud
        .call(Service::AutoScaling, "PutScalingPolicy", &made)
        .unwrap();
    let low = put.at("Alarms.1.AlarmName").unwrap().text().unwrap();
    (cloud, low)
}

fn desired(cloud: &Cloud) -> i64 {
    cloud.model.view_groups()[0].desired
}

#[test]
fn a_low_alarm_shrinks_its_group_to_the_minimum_while_it_lasts() {
    let (mut cloud, low) = tracked();
    cloud.set(&low, "ALARM");
    assert_eq!(desired(&cloud), 2);
    cloud.pass(60);
    assert_eq!(desired(&cloud), 1);
    cloud.pass(300);
    assert_eq!(desired(&cloud), 1, "the minimum holds");
    let more = serde_json::json!({"AutoScalingGroupName": "web", "MinSize": "0"});
    cloud
        .call(Service::AutoScaling, "UpdateAutoScalingGroup", &more)
        .unwrap();
    cloud.pass(60);
    assert_eq!(desired(&cloud), 0, "the alarm lasts");
}

#[test]
fn a_suspended_group_is_left_alone_and_an_alarm_that_is_over_is_still() {
    let (mut cloud, low) = tracked();
    let processes = serde_json::json!({"AutoScalingGroupName": "web", "ScalingProcesses": ["AlarmNotification"]});
    cloud
        .call(Service::AutoScaling, "SuspendProcesses", &processes)
        .unwrap();
    cloud.set(&low, "ALARM");
    cloud.pass(120);
    assert_eq!(desired(&cloud), 3);
    cloud.set(&low, "OK");
    cloud
        .call(Service::AutoScaling, "ResumeProcesses", &processes)
        .unwrap();
    cloud.pass(120);
    assert_eq!(desired(&cloud), 3);
}

#[test]
fn alarms_go_with_their_policy() {
    let (mut cloud, low) = tracked();
    let policy = serde_json::json!({"AutoScalingGroupName": "web", "PolicyName": "cpu"});
    cloud
        .call(Service::AutoScaling, "DeletePolicy", &policy)
        .unwrap();
    assert!(
        cloud
            .model
            .view_alarms()
            .iter()
            .all(|alarm| alarm.name != low)
    );
}

#[test]
fn step_policies_go_by_the_step_and_simple_ones_wait() {
    let (mut cloud, _) = tracked();
    let steps = serde_json::json!([
        {"MetricIntervalUpperBound": "10", "ScalingAdjustment": "1"},
        {"MetricIntervalLowerBound": "10", "ScalingAdjustment": "2"}]);
    let step = serde_json::json!({"AutoScalingGroupName": "web", "PolicyName": "step", "PolicyType": "StepScaling",
        "AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps});
    let simple = serde_json::json!({"AutoScalingGroupName": "web", "PolicyName": "simple",
        "AdjustmentType": "ChangeInCapacity", "ScalingAdjustment": "-1", "Cooldown": "300"});
    let put = |cloud: &mut Cloud, given| {
        let put = cloud
            .call(Service::AutoScaling, "PutScalingPolicy", given)
            .unwrap();
        put.get("PolicyARN").unwrap().text().unwrap()
    };
    let (step, simple) = (put(&mut cloud, &step), put(&mut cloud, &simple));
    cloud.alarm(
        "high",
        &serde_json::json!({"EvaluationPeriods": "1", "AlarmActions": [step]}),
    );
    cloud.alarm(
        "low",
        &serde_json::json!({"MetricName": "load", "AlarmActions": [simple]}),
    );
    cloud.put(50.0);
    cloud.pass(60);
    assert_eq!(desired(&cloud), 5, "15 or more beyond the threshold");
    cloud.set("low", "ALARM");
    cloud.pass(299);
    // The high alarm is over by now: its metric has had no data.
    assert_eq!(desired(&cloud), 4, "one machine in five minutes");
    cloud.pass(60);
    assert_eq!(desired(&cloud), 3);
}

/// "If the group has scaling policies, deleting the group deletes the policies, the underlying alarm actions, and any alarm
/// that no longer has an associated action" (`DeleteAutoScalingGroup`).
#[test]
fn with_a_group_alarms_go_that_do_nothing_else() {
    let (mut cloud, _) = tracked();
    let simple = serde_json::json!({"AutoScalingGroupName": "web", "PolicyName": "simple",
        "AdjustmentType": "ChangeInCapacity", "ScalingAdjustment": "1"});
    let put = cloud
        .call(Service::AutoScaling, "PutScalingPolicy", &simple)
        .unwrap();
    let policy = put.get("PolicyARN").unwrap().text().unwrap();
    let page = "arn:aws:sns:eu-central-1:012345678901:page";
    let actions = |all: &[&str]| serde_json::json!({"AlarmActions": all, "Tags": [{"Key": "team", "Value": "web"}]});
    cloud.alarm("alone", &actions(&[&policy]));
    cloud.alarm("both", &actions(&[&policy, page]));
    let other = serde_json::json!({"AlarmActions": [&policy, page], "Tags": [{"Key": "team", "Value": "other"}]});
    cloud.alarm("both", &other);
    let composite = serde_json::json!({"AlarmName": "any", "AlarmRule": "ALARM(both)", "AlarmActions": [&policy]});
    let refused = cloud.call(Service::CloudWatch, "PutCompositeAlarm", &composite);
    assert!(refused.is_err(), "no Auto Scaling actions");
    let group = serde_json::json!({"AutoScalingGroupName": "web", "ForceDelete": "true"});
    cloud
        .call(Service::AutoScaling, "DeleteAutoScalingGroup", &group)
        .unwrap();
    let alarms = cloud.model.view_alarms();
    let [left] = &alarms[..] else {
        panic!("{alarms:?}");
    };
    assert_eq!(
        (left.name.as_str(), &left.actions[..]),
        ("both", &[page.to_owned()][..])
    );
    assert_eq!(left.tags["team"], "web", "an update sets no tags");
}

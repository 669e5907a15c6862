//! Lifecycle hooks: both waits, their ends, and heartbeats.

use crate::model::Service::AutoScaling;
use crate::physics::fixture::{Cloud, text};
use serde_json::{Value, json};

fn hook(transition: &str, result: &str) -> Value {
    json!({"LifecycleHookSpecificationList": [{"LifecycleHookName": "hook", "HeartbeatTimeout": 60,
        "LifecycleTransition": format!("autoscaling:EC2_INSTANCE_{transition}"), "DefaultResult": result}]})
}

fn waiting(cloud: &mut Cloud, state: &'static str) -> String {
    cloud.pass_until(200, |model| {
        model.view_groups()[0]
            .members
            .iter()
            .any(|member| member.state == state)
    });
    cloud.members("web", state)[0].clone()
}

fn complete(id: &str, result: &str) -> Value {
    json!({"AutoScalingGroupName": "web", "LifecycleHookName": "hook", "InstanceId": id, "LifecycleActionResult": result})
}

#[test]
fn a_launching_instance_waits_until_it_is_told_to_go_on() {
    let mut cloud = Cloud::new();
    cloud.group("web", [1, 1, 1], hook("LAUNCHING", "ABANDON"));
    let id = waiting(&mut cloud, "Pending:Wait");
    cloud.pass(50);
    cloud.scaling(
        "RecordLifecycleActionHeartbeat",
        json!({"AutoScalingGroupName": "web", "LifecycleHookName": "hook", "InstanceId": id}),
    );
    cloud.pass(50);
    assert_eq!(
        cloud.members("web", "Pending:Wait"),
        std::slice::from_ref(&id),
        "the heartbeat gave it another minute"
    );
    cloud.scaling("CompleteLifecycleAction", complete(&id, "CONTINUE"));
    assert_eq!(cloud.settled("web", 1), std::slice::from_ref(&id));
    assert_eq!(
        cloud.refused(
            AutoScaling,
            "CompleteLifecycleAction",
            complete(&id, "CONTINUE")
        ),
        "ValidationError"
    );
}

#[test]
fn a_wait_that_runs_out_or_is_abandoned_ends_the_instance() {
    for told in [false, true] {
        let mut cloud = Cloud::new();
        cloud.group("web", [1, 1, 1], hook("LAUNCHING", "ABANDON"));
        let id = waiting(&mut cloud, "Pending:Wait");
        if told {
            cloud.scaling("CompleteLifecycleAction", complete(&id, "ABANDON"));
            cloud.pass(2);
        } else {
            cloud.pass(62);
        }
        assert!(!cloud.members("web", "Pending:Wait").contains(&id));
        let done = cloud.activities("web");
        let (_, status, message) = done.iter().find(|(what, _, _)| what.contains(&id)).unwrap();
        assert_eq!(status, "Failed");
        assert!(
            message.contains("failed to complete user's Lifecycle Action"),
            "{message}"
        );
        cloud.pass(120);
        let ended = cloud
            .model()
            .view_instances()
            .into_iter()
            .find(|instance| instance.id == id)
            .unwrap();
        assert_eq!(ended.state, "terminated");
    }
}

#[test]
fn a_wait_with_continue_as_default_goes_on_by_itself() {
    let mut cloud = Cloud::new();
    cloud.group("web", [1, 1, 1], hook("LAUNCHING", "CONTINUE"));
    let id = waiting(&mut cloud, "Pending:Wait");
    cloud.pass(62);
    assert_eq!(cloud.members("web", "InService"), [id]);
}

#[test]
fn a_terminating_instance_waits_and_then_goes_whatever_is_said() {
    for result in ["CONTINUE", "ABANDON"] {
        let mut cloud = Cloud::new();
        cloud.group("web", [0, 1, 1], hook("TERMINATING", "CONTINUE"));
        cloud.settled("web", 1);
        cloud.scaling(
            "SetDesiredCapacity",
            json!({"AutoScalingGroupName": "web", "DesiredCapacity": 0}),
        );
        let id = waiting(&mut cloud, "Terminating:Wait");
        assert_eq!(cloud.activities("web")[0].1, "MidLifecycleAction");
        let alive = cloud
            .model()
            .view_instances()
            .into_iter()
            .find(|instance| instance.id == id)
            .unwrap();
        assert_eq!(alive.state, "running");
        cloud.scaling("CompleteLifecycleAction", complete(&id, result));
        cloud.settled("web", 0);
    }
}

#[test]
fn hooks_are_checked_changed_and_deleted() {
    let mut cloud = Cloud::new();
    cloud.group("web", [1, 1, 1], hook("LAUNCHING", "ABANDON"));
    let put = |timeout: i64| json!({"AutoScalingGroupName": "web", "LifecycleHookName": "hook", "HeartbeatTimeout": timeout});
    assert_eq!(
        cloud.refused(AutoScaling, "PutLifecycleHook", put(29)),
        "ValidationError"
    );
    cloud.scaling("PutLifecycleHook", put(7200));
    let shown = cloud.scaling(
        "DescribeLifecycleHooks",
        json!({"AutoScalingGroupName": "web"}),
    );
    assert_eq!(text(&shown, "LifecycleHooks.0.GlobalTimeout"), "172800");
    assert_eq!(
        text(&shown, "LifecycleHooks.0.LifecycleTransition"),
        "autoscaling:EC2_INSTANCE_LAUNCHING"
    );
    waiting(&mut cloud, "Pending:Wait");
    cloud.scaling(
        "DeleteLifecycleHook",
        json!({"AutoScalingGroupName": "web", "LifecycleHookName": "hook"}),
    );
    cloud.settled("web", 1);
}

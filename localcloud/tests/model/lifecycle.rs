//! States of instances as calls and facts move them.

use super::Cloud;
use jiff::SignedDuration;
use localcloud::model::{Effect, Fact};

#[test]
fn stop_and_start_wait_for_the_machine() {
    let mut cloud = Cloud::new();
    let id = cloud.launch("");
    cloud.asked();
    cloud.refused(
        "IncorrectInstanceState",
        "StopInstances",
        &format!("InstanceId.1={id}"),
    );
    cloud.see(Fact::Running {
        instance: id.clone(),
    });
    cloud.ok("StopInstances", &format!("InstanceId.1={id}"));
    assert_eq!(
        cloud.asked(),
        [Effect::Stop {
            instance: id.clone()
        }]
    );
    assert_eq!(cloud.state(&id), "stopping");
    cloud.refused(
        "IncorrectInstanceState",
        "StartInstances",
        &format!("InstanceId.1={id}"),
    );
    cloud.see(Fact::Stopped {
        instance: id.clone(),
        asked: true,
    });
    assert_eq!(cloud.state(&id), "stopped");
    cloud.ok("StartInstances", &format!("InstanceId.1={id}"));
    assert_eq!(
        cloud.asked(),
        [Effect::Start {
            instance: id.clone()
        }]
    );
    assert_eq!(cloud.state(&id), "pending");
}

#[test]
fn shutdown_inside_stops_or_terminates_as_configured() {
    let mut cloud = Cloud::new();
    let stops = cloud.running("");
    cloud.see(Fact::Stopped {
        instance: stops.clone(),
        asked: false,
    });
    assert_eq!(cloud.state(&stops), "stopped");
    let ends = cloud.running("InstanceInitiatedShutdownBehavior=terminate");
    cloud.see(Fact::Stopped {
        instance: ends.clone(),
        asked: false,
    });
    assert_eq!(
        cloud.asked(),
        [Effect::Terminate {
            instance: ends.clone()
        }]
    );
    assert_eq!(cloud.state(&ends), "shutting-down");
}

#[test]
fn a_terminated_instance_is_shown_for_an_hour() {
    let mut cloud = Cloud::new();
    let id = cloud.running("");
    cloud.ok("TerminateInstances", &format!("InstanceId.1={id}"));
    cloud.ok("TerminateInstances", &format!("InstanceId.1={id}"));
    assert_eq!(
        cloud.asked(),
        [Effect::Terminate {
            instance: id.clone()
        }],
        "twice asked, once done"
    );
    cloud.see(Fact::Gone {
        instance: id.clone(),
    });
    assert_eq!(cloud.state(&id), "terminated");
    let due = cloud.model.next_due().unwrap();
    assert!(due.duration_since(cloud.now) <= SignedDuration::from_hours(1));
    cloud.pass(SignedDuration::from_hours(1));
    cloud.refused(
        "InvalidInstanceID.NotFound",
        "DescribeInstances",
        &format!("InstanceId.1={id}"),
    );
    assert_eq!(cloud.model.next_due(), None);
}

#[test]
fn a_machine_that_does_not_boot_ends_with_the_reason() {
    let mut cloud = Cloud::new();
    let id = cloud.launch("");
    cloud.asked();
    cloud.see(Fact::BootFailed {
        instance: id.clone(),
        reason: "no space left".into(),
    });
    assert_eq!(
        cloud.asked(),
        [Effect::Terminate {
            instance: id.clone()
        }]
    );
    let path = "reservationSet.0.instancesSet.0.stateReason.message";
    let reason = cloud.get("DescribeInstances", &format!("InstanceId.1={id}"), path);
    assert!(
        reason.starts_with("Server.InternalError") && reason.contains("no space left"),
        "{reason}"
    );
}

#[test]
fn a_machine_that_ran_before_is_kept_when_it_does_not_start_again() {
    let mut cloud = Cloud::new();
    let id = cloud.running("");
    cloud.ok("StopInstances", &format!("InstanceId.1={id}"));
    cloud.see(Fact::Stopped {
        instance: id.clone(),
        asked: true,
    });
    cloud.ok("StartInstances", &format!("InstanceId.1={id}"));
    cloud.asked();
    cloud.see(Fact::BootFailed {
        instance: id.clone(),
        reason: "no space left".into(),
    });
    assert_eq!(cloud.asked(), []);
    assert_eq!(cloud.state(&id), "stopped");
}

#[test]
fn protection_and_spot_have_their_own_refusals() {
    let mut cloud = Cloud::new();
    let kept = cloud.running("DisableApiTermination=true");
    cloud.refused(
        "OperationNotPermitted",
        "TerminateInstances",
        &format!("InstanceId.1={kept}"),
    );
    cloud.ok(
        "ModifyInstanceAttribute",
        &format!("InstanceId={kept} DisableApiTermination.Value=false"),
    );
    cloud.ok("TerminateInstances", &format!("InstanceId.1={kept}"));
    let spot = cloud.running("InstanceMarketOptions.MarketType=spot");
    cloud.refused(
        "UnsupportedOperation",
        "StopInstances",
        &format!("InstanceId.1={spot}"),
    );
}

#[test]
fn one_unknown_id_refuses_the_whole_call() {
    let mut cloud = Cloud::new();
    let id = cloud.running("");
    let both = format!("InstanceId.1={id} InstanceId.2=i-00000000000000000");
    for action in [
        "StopInstances",
        "TerminateInstances",
        "RebootInstances",
        "DescribeInstances",
    ] {
        cloud.refused("InvalidInstanceID.NotFound", action, &both);
    }
    cloud.refused(
        "InvalidInstanceID.Malformed",
        "DescribeInstances",
        "InstanceId.1=server",
    );
    assert_eq!(cloud.state(&id), "running");
}

#[test]
fn console_output_is_empty_until_something_was_printed() {
    let mut cloud = Cloud::new();
    let id = cloud.running("");
    let of = format!("InstanceId={id}");
    assert!(cloud.ok("GetConsoleOutput", &of).get("output").is_none());
    cloud.see(Fact::Console {
        instance: id,
        text: "hi".into(),
    });
    assert_eq!(cloud.get("GetConsoleOutput", &of, "output"), "aGk=");
}

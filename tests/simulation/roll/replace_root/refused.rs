//! What a root cannot be replaced by, and on which machines it cannot.

use std::time::Duration;

use kiln::roll::Verdict;
use kiln::template::service::{Command, Hook};
use localcloud::model::Service as Api;
use serde_json::json;

use super::super::plain::nothing_left;
use super::super::{Bench, V1, V2, expect};
use super::{ROOT, machine, rooted};

/// Rolls `V2`, which is refused with these codes and touches nothing.
async fn codes(bench: &Bench, verdict: Verdict) -> Vec<&'static str> {
    let calls = bench.cloud.calls().len();
    let ended = bench.roll(V2).await;
    expect(&ended, verdict);
    let calls = bench.cloud.calls().split_off(calls);
    assert_eq!(
        calls.iter().find(|call| !call.starts_with("Describe")),
        None
    );
    ended.refused.iter().map(|one| one.finding.code).collect()
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_not_of_one_machine_is_refused() {
    let bench = Bench::alone(ROOT).await;
    let ended = bench.roll(V1).await;
    expect(&ended, Verdict::Refused);
    let all: Vec<_> = ended.refused.iter().map(|one| one.finding.code).collect();
    assert_eq!(all, ["roll::one_machine"; 2]);
    assert!(!ended.refused[0].finding.labels.is_empty());
    let bench = rooted().await;
    let grow = json!({"AutoScalingGroupName": "web-v001", "MaxSize": 2});
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &grow);
    assert_eq!(codes(&bench, Verdict::Failed).await, ["roll::one_machine"]);
    let grow = json!({"AutoScalingGroupName": "web-v001", "DesiredCapacity": 2});
    bench.meanwhile(Api::AutoScaling, "SetDesiredCapacity", &grow);
    bench.pass(300).await;
    let two = codes(&bench, Verdict::Failed).await;
    assert_eq!(two, ["roll::one_machine"; 2]);
}

/// What EC2 refuses is known before the hook that stops the service.
#[tokio::test(start_paused = true)]
async fn a_right_that_is_lacking_shows_before_the_hooks_run() {
    let mut bench = rooted().await;
    bench.service.hooks.before_swap = vec![Hook {
        command: Command::Line("stop-the-service".to_owned()),
        timeout: Duration::from_mins(1),
    }];
    bench.cloud.deny("CreateReplaceRootVolumeTask");
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Failed);
    let failure = ended.failure.unwrap().to_string();
    assert!(failure.contains("rehearse another root"), "{failure}");
    assert_eq!(*bench.outside.ran.borrow(), [""; 0]);
    assert!(
        !bench
            .cloud
            .calls()
            .iter()
            .any(|call| call == "CreateSnapshot")
    );
    nothing_left(&bench, "no right");
}

#[tokio::test(start_paused = true)]
async fn what_another_root_does_not_change_is_refused() {
    let mut bench = rooted().await;
    let kind = kiln::source::Spanned::unplaced("t3.large".to_owned());
    bench.service.set.instance_type = Some(kind);
    bench.service.set.health_check_grace_period = Some(std::time::Duration::from_secs(91));
    assert_eq!(codes(&bench, Verdict::Refused).await, ["roll::in_place"; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_does_not_run_and_one_that_is_replaced_are_refused() {
    let bench = rooted().await;
    let halt = json!({"AutoScalingGroupName": "web-v001",
        "ScalingProcesses": ["HealthCheck", "ReplaceUnhealthy", "Terminate", "Launch"]});
    bench.meanwhile(Api::AutoScaling, "SuspendProcesses", &halt);
    let stop = json!({"InstanceId": [machine(&bench)]});
    bench.meanwhile(Api::Ec2, "StopInstances", &stop);
    bench.pass(120).await;
    assert_eq!(codes(&bench, Verdict::Failed).await, ["roll::root"]);
    bench.meanwhile(Api::Ec2, "StartInstances", &stop);
    bench.pass(300).await;
    expect(&bench.roll(V2).await, Verdict::Done);
    assert_eq!(bench.serving(), bench.all(V2));
    let suspended = bench.cloud.world().model.view_groups()[0].suspended.len();
    assert_eq!(suspended, 4, "what was suspended before stays so");
}

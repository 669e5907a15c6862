//! What a roll asks of AWS for its service, in the words of the API.

use kiln::roll::Verdict;

use super::plain::rolled_once;
use super::{Bench, V2, expect};

#[track_caller]
fn says(bench: &Bench, action: &str, words: &[&str]) {
    let said = bench.cloud.said(action);
    let all = |said: &String| words.iter().all(|word| said.contains(word));
    assert!(said.iter().any(all), "{action} {words:?}: {said:?}");
}

#[tokio::test(start_paused = true)]
async fn the_groups_are_made_and_held_as_the_service_says() {
    let bench = rolled_once().await;
    let before = bench.cloud.said("UpdateAutoScalingGroup").len();
    expect(&bench.roll(V2).await, Verdict::Done);
    let tag = ["Key=team&", "Value=web&", "PropagateAtLaunch=true"];
    says(&bench, "CreateAutoScalingGroup", &tag);
    let quiet = ["=AZRebalance", "=AlarmNotification", "=ScheduledActions"];
    says(&bench, "SuspendProcesses", &quiet);
    // Without requests its own alarms would shrink it.
    let sizes = bench.cloud.said("UpdateAutoScalingGroup").split_off(before);
    let held = |said: &String| said.contains("Name=web-v001&") && said.contains("MinSize=3");
    assert!(sizes.iter().any(held), "{sizes:?}");
    let delay = ["Key=deregistration_delay.timeout_seconds", "Value=20"];
    says(&bench, "ModifyTargetGroupAttributes", &delay);
}

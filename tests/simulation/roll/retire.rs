//! How long a previous group is kept, what keeps it from going, and holds that end.

pub mod slow;
mod spared;
mod versions;

use jiff::SignedDuration;
use kiln::roll::{Decision, Verdict, Wait, set_hold, status};
use kiln::run::{Clock as _, Silent};
use localcloud::model::Service as Api;
use serde_json::json;
use std::time::Duration;

use super::plain::{rolled_once, three};
use super::{Bench, V1, V2, V3, expect};

/// Somebody waits for groups to go.
pub fn waiting(bench: &Bench) -> Wait<'_> {
    Wait {
        events: &Silent,
        stop: &bench.stop,
        is_needed: false,
    }
}

/// Has somebody else write the production rule: weights of the target groups, and how long clients stick.
pub fn lead(bench: &Bench, weights: &[(&str, u32)], sticky: Option<u32>) {
    let (listener, groups) = {
        let world = bench.cloud.world();
        let listener = world.model.view_listeners().remove(0).arn;
        (listener, world.model.view_target_groups())
    };
    let arn = |name: &str| {
        groups
            .iter()
            .find(|group| group.name == name)
            .unwrap()
            .arn
            .clone()
    };
    let shares: Vec<_> = (weights.iter())
        .map(|(name, weight)| json!({ "TargetGroupArn": arn(name), "Weight": weight }))
        .collect();
    let mut config = json!({ "TargetGroups": shares });
    if let Some(seconds) = sticky {
        config["TargetGroupStickinessConfig"] =
            json!({ "Enabled": true, "DurationSeconds": seconds });
    }
    let actions = json!([{ "Type": "forward", "ForwardConfig": config }]);
    let given = json!({ "ListenerArn": listener, "DefaultActions": actions });
    bench.meanwhile(Api::Elb, "ModifyListener", &given);
}

/// By then another one is kept behind the same target group, and nobody would know how that is.
#[tokio::test(start_paused = true)]
async fn a_group_that_somebody_has_deleted_takes_no_rule_of_another_with_it() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let gone = json!({ "AutoScalingGroupName": "web-v001", "ForceDelete": true });
    bench.meanwhile(Api::AutoScaling, "DeleteAutoScalingGroup", &gone);
    bench.pass(600).await;
    for image in [V3, V1] {
        expect(&bench.roll(image).await, Verdict::Done);
    }
    bench.pass(3100).await;
    expect(&bench.roll(V1).await, Verdict::NothingToDo);
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(bench.serving(), three(V3));
}

#[tokio::test(start_paused = true)]
async fn a_group_is_kept_for_as_long_as_clients_stick_to_it() {
    let mut bench = rolled_once().await;
    lead(&bench, &[("web-a", 1)], Some(7200));
    let refused = bench.plan(V2).await;
    expect(&refused, Verdict::Refused);
    let finding = &refused.refused[0].finding;
    assert_eq!(finding.code, "roll::keep");
    assert_eq!(finding.labels.len(), 1, "at its place: {finding:?}");
    // A file that does not say how long leaves it to kiln.
    bench.service.keep.place = None;
    let Some(Decision::Roll(plan)) = bench.plan(V2).await.decision else {
        panic!("it rolls");
    };
    assert_eq!(plan.keep, Duration::from_hours(2));
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_still_names_the_kept_group_is_refused_in_the_plan() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    lead(&bench, &[("web-b", 100), ("web-a", 0)], None);
    let writes = bench.cloud.writes().len();
    let refused = bench.roll(V3).await;
    expect(&refused, Verdict::Failed);
    let finding = &refused.refused[0].finding;
    assert_eq!(finding.code, "roll::still_named");
    let mend = finding.help.clone().unwrap();
    assert!(
        mend.contains("aws elbv2 modify-listener --listener-arn"),
        "{mend}"
    );
    assert_eq!(bench.cloud.writes().len(), writes);
    lead(&bench, &[("web-b", 1)], None);
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V3));
}

#[tokio::test(start_paused = true)]
async fn a_hold_with_an_end_is_over_then() {
    let bench = rolled_once().await;
    let until = bench.cloud.now() + SignedDuration::from_mins(10);
    let why = "2026-11-01T03:00:00Z by root: fair";
    set_hold(&bench.client, "web", why, Some(until))
        .await
        .unwrap();
    let shown = status(&bench.client, "web", bench.cloud.now())
        .await
        .unwrap();
    assert_eq!(shown.hold, Some(format!("{why} (until {until})")));
    expect(&bench.roll(V2).await, Verdict::Frozen);
    bench.pass(601).await;
    assert_eq!(
        status(&bench.client, "web", bench.cloud.now())
            .await
            .unwrap()
            .hold,
        None
    );
    let ended = bench.roll(V1).await;
    expect(&ended, Verdict::NothingToDo);
    // One without an end takes the place of one with it.
    set_hold(&bench.client, "web", why, Some(bench.cloud.now()))
        .await
        .unwrap();
    set_hold(&bench.client, "web", why, None).await.unwrap();
    bench.pass(60).await;
    expect(&bench.roll(V2).await, Verdict::Frozen);
}

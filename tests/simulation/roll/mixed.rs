//! A group with a mixed instances policy: types of several sizes, on demand and spot. It goes over to the next group as it is, and
//! stays when its version changes.

use kiln::roll::{Decision, Verdict};
use localcloud::model::{Service as Api, Tree};
use serde_json::json;

use super::plain::{nothing_left, rolled_once, three};
use super::refused::{refused, refused_input};
use super::rolling::rolling;
use super::trouble::killed_and;
use super::{Bench, V1, V2, expect, text};
use crate::simulation::cloud::Mishap;

const TYPES: [&str; 2] = ["t3.micro", "t3.small"];

/// Gives the group that serves a policy of two types, one machine of three on demand at the least.
pub fn mix(bench: Bench, version: &str) -> Bench {
    let (template, _) = bench.cloud.world().model.view_groups()[0]
        .template
        .clone()
        .unwrap();
    let overrides: Vec<_> = TYPES
        .iter()
        .map(|kind| json!({ "InstanceType": kind }))
        .collect();
    let policy = json!({
        "LaunchTemplate": { "Overrides": overrides,
            "LaunchTemplateSpecification": { "LaunchTemplateId": template, "Version": version } },
        "InstancesDistribution": { "OnDemandBaseCapacity": 1, "OnDemandPercentageAboveBaseCapacity": 50 } });
    let given = json!({ "AutoScalingGroupName": "web-v001", "MixedInstancesPolicy": policy });
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &given);
    bench
}

fn described(bench: &Bench, group: &str) -> Tree {
    let given = json!({ "AutoScalingGroupNames": [group] });
    bench.meanwhile(Api::AutoScaling, "DescribeAutoScalingGroups", &given)
}

/// The version that the policy of a group names; the rest of it is as it was given.
fn version(bench: &Bench, group: &str) -> String {
    let group = described(bench, group);
    let policy = |path: &str| {
        text(
            &group,
            &format!("AutoScalingGroups.0.MixedInstancesPolicy.{path}"),
        )
    };
    for (number, kind) in TYPES.iter().enumerate() {
        let path = format!("LaunchTemplate.Overrides.{number}.InstanceType");
        assert_eq!(policy(&path), *kind);
    }
    assert_eq!(policy("InstancesDistribution.OnDemandBaseCapacity"), "1");
    let percent = "InstancesDistribution.OnDemandPercentageAboveBaseCapacity";
    assert_eq!(policy(percent), "50");
    policy("LaunchTemplate.LaunchTemplateSpecification.Version")
}

#[tokio::test(start_paused = true)]
async fn the_policy_goes_over_to_the_next_group_with_its_version() {
    let bench = mix(rolled_once().await, "1");
    let watchman = bench.watched();
    let plan = bench.plan(V2).await;
    let Some(Decision::Roll(plan)) = &plan.decision else {
        panic!("{plan:?}");
    };
    let shown = plan.to_string();
    let line = "instance types stay: t3.micro, t3.small: 1 on demand, and 50 % of the others; the rest spot";
    assert!(shown.contains(line), "{shown}");
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("a mixed group");
    assert_eq!(bench.serving(), three(V2));
    assert_eq!(
        (version(&bench, "web-v001"), version(&bench, "web-v002")),
        ("1".to_owned(), "2".to_owned())
    );
    let members = described(&bench, "web-v002");
    let kinds: Vec<_> = (0..3)
        .map(|number| {
            text(
                &members,
                &format!("AutoScalingGroups.0.Instances.{number}.InstanceType"),
            )
        })
        .collect();
    assert!(
        kinds.iter().all(|kind| TYPES.contains(&kind.as_str())),
        "{kinds:?}"
    );
    nothing_left(&bench, "a mixed group");
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(bench.serving(), three(V1));
}

#[tokio::test(start_paused = true)]
async fn a_mixed_group_that_follows_the_latest_version_is_pinned_with_its_policy() {
    let bench = mix(rolled_once().await, "$Latest");
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("a mixed group that is pinned");
    assert_eq!(version(&bench, "web-v001"), "1");
    assert_eq!(version(&bench, "web-v002"), "2");
    // A failed roll gives the pin back, and the policy stays.
    let bench = mix(rolled_once().await, "$Latest");
    bench.cloud.deny("CreateTargetGroup");
    bench.cloud.deny("CreateRule");
    expect(&bench.roll(V2).await, Verdict::Failed);
    assert_eq!(version(&bench, "web-v001"), "$Latest");
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_a_mixed_group_has_its_policy() {
    let base = mix(rolled_once().await, "$Latest");
    let has = |bench: &Bench, _: &str| {
        version(bench, "web-v001");
        version(bench, "web-v002");
    };
    killed_and(&base, Mishap::KilledAfter, has).await;
}

#[tokio::test(start_paused = true)]
async fn machines_of_a_mixed_group_are_replaced_by_its_types() {
    let bench = mix(rolling().await, "1");
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("a mixed group that is refreshed");
    assert_eq!(bench.serving(), three(V2));
    assert_eq!(version(&bench, "web-v001"), "2");
    nothing_left(&bench, "a mixed group that is refreshed");
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(bench.serving(), three(V1));
    assert_eq!(version(&bench, "web-v001"), "1");
}

/// Its machines would go on with the image that they have, and the roll would call itself done.
#[tokio::test(start_paused = true)]
async fn a_roll_in_place_over_a_type_with_a_launch_template_of_its_own_is_refused() {
    let bench = rolling().await;
    let own = |version: &str| json!({ "LaunchTemplateName": "web", "Version": version });
    let policy = json!({ "LaunchTemplate": { "LaunchTemplateSpecification": own("1"),
        "Overrides": [{ "InstanceType": "t3.micro" },
            { "InstanceType": "t3.small", "LaunchTemplateSpecification": own("1") }] } });
    let given = json!({ "AutoScalingGroupName": "web-v001", "MixedInstancesPolicy": policy });
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &given);
    let ended = refused(&bench, Verdict::Failed, &["roll::not_copied"]).await;
    let message = &ended.refused[0].finding.message;
    assert!(message.contains("would keep their image"), "{message}");
    assert_eq!(bench.serving(), three(V1));
}

#[tokio::test(start_paused = true)]
async fn a_type_of_the_file_that_the_policy_overrides_is_refused() {
    let mut bench = mix(rolled_once().await, "1");
    bench.service.set.instance_type.as_mut().unwrap().value = "t3.large".to_owned();
    let help = refused_input(&bench, "roll::mixed").await;
    assert!(help.contains("leave it out of `set`"), "{help}");
}

//! What keeps a service from being destroyed, and what stays of it.

use std::collections::BTreeSet;
use std::time::Duration;

use kiln::roll::{Farewell, Leave, Verdict, set_hold};
use kiln::template::service::{Command, Hook};
use localcloud::model::Service as Api;
use serde_json::{Value, json};

use super::{lead_elsewhere, rolled_with_own_rule, tagged, things};
use crate::simulation::cloud::Mishap;
use crate::simulation::roll::pair::untouched;
use crate::simulation::roll::plain::rolled_once;
use crate::simulation::roll::trouble::killed;
use crate::simulation::roll::{Bench, V2, expect, text};

/// Nothing is touched, and the reason says what helps.
#[track_caller]
fn untouched_by(bench: &Bench, writes: usize, left: &[String], parts: &[&str]) {
    assert_eq!(bench.cloud.writes().len(), writes, "{left:?}");
    for part in parts {
        assert!(
            left.iter().any(|line| line.contains(part)),
            "{part}: {left:?}"
        );
    }
}

async fn is_refused(bench: &Bench, parts: &[&str]) {
    let writes = bench.cloud.writes().len();
    let done = bench.destroy().await;
    assert_eq!(done.verdict, Verdict::Failed, "{done:?}");
    untouched_by(bench, writes, &done.left, parts);
}

#[tokio::test(start_paused = true)]
async fn users_that_come_by_a_listener_of_others_keep_it() {
    let bench = rolled_once().await;
    is_refused(
        &bench,
        &[
            "leads to target group web-a, and kiln did not make it",
            "`aws elbv2 modify-listener --listener-arn arn:",
        ],
    )
    .await;
    // As it says.
    lead_elsewhere(&bench);
    let done = bench.destroy().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    assert_eq!(tagged(&bench), [""; 0]);
    assert_eq!(bench.groups(), []);
}

#[tokio::test(start_paused = true)]
async fn groups_of_others_keep_it() {
    let bench = untouched().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    is_refused(
        &bench,
        &[
            "group web-blue has machines, and kiln did not make it: `kiln release web`",
            "group web-green has machines",
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_group_with_kilns_tags_and_another_name_is_not_kilns() {
    let bench = rolled_with_own_rule().await;
    let groups = bench.cloud.world().model.view_groups();
    let run = groups[0].tags["kiln:run"].clone();
    group_of(&bench, "copy", 1, json!({}));
    for (key, value) in [
        ("kiln:service", "web"),
        ("kiln:made-by", "kiln"),
        ("kiln:run", &run),
    ] {
        let tag = json!({"Tags": [{"ResourceId": "copy", "ResourceType": "auto-scaling-group", "Key": key, "Value": value,
            "PropagateAtLaunch": false}]});
        bench.meanwhile(Api::AutoScaling, "CreateOrUpdateTags", &tag);
    }
    is_refused(
        &bench,
        &["group copy has machines, and kiln did not make it"],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_hold_a_protected_machine_and_a_target_of_nobodys_keep_it() {
    let base = rolled_with_own_rule().await;
    let bench = base.fork().await;
    set_hold(&bench.client, "web", "fair", None).await.unwrap();
    is_refused(&bench, &["web is held: fair: `kiln unhold web` first"]).await;

    let bench = base.fork().await;
    let machine = bench.cloud.world().model.view_groups()[0].members[0]
        .instance
        .clone();
    let given = json!({"AutoScalingGroupName": "web-v001", "InstanceIds": [machine], "ProtectedFromScaleIn": true});
    bench.meanwhile(Api::AutoScaling, "SetInstanceProtection", &given);
    is_refused(
        &bench,
        &["is protected from scale-in: `aws autoscaling set-instance-protection"],
    )
    .await;

    let bench = base.fork().await;
    let processes = json!({"AutoScalingGroupName": "web-v001", "ScalingProcesses": ["Terminate"]});
    bench.meanwhile(Api::AutoScaling, "SuspendProcesses", &processes);
    is_refused(
        &bench,
        &["group web-v001 ends no machine: `aws autoscaling resume-processes"],
    )
    .await;

    let bench = base.fork().await;
    group_of(&bench, "shop", 1, json!({}));
    bench.pass(60).await;
    let groups = bench.cloud.world().model.view_groups();
    let shop = groups.iter().find(|group| group.name == "shop").unwrap();
    let target = bench.cloud.world().model.view_target_groups().into_iter();
    let target = target
        .into_iter()
        .find(|one| one.name == "web-a")
        .unwrap()
        .arn;
    let given = json!({"TargetGroupArn": target, "Targets": [{"Id": shop.members[0].instance}]});
    bench.meanwhile(Api::Elb, "RegisterTargets", &given);
    is_refused(
        &bench,
        &["is of no group: `aws elbv2 deregister-targets --target-group-arn"],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_half_made_roll_keeps_it() {
    let base = rolled_with_own_rule().await;
    let counted = base.fork().await;
    expect(&counted.roll(V2).await, Verdict::Done);
    let calls = counted.cloud.calls();
    let made = calls
        .iter()
        .rposition(|call| call == "CreateAutoScalingGroup");
    let bench = killed(&base, made.unwrap() + 1, Mishap::KilledAfter).await;
    is_refused(
        &bench.unwrap(),
        &[
            "half-made roll of group web-v002",
            "`kiln doctor web --run 0",
        ],
    )
    .await;
}

/// Their commands stand in a file that is not there.
#[tokio::test(start_paused = true)]
async fn hooks_before_a_group_goes_keep_it_until_somebody_says_otherwise() {
    let mut bench = rolled_with_own_rule().await;
    bench.service.hooks.before_retire = vec![Hook {
        command: Command::Line("farewell".to_owned()),
        timeout: Duration::from_mins(1),
    }];
    expect(&bench.roll(V2).await, Verdict::Done);
    let parts = ["the hook `before_retire` of the service file comes before group web-v002 goes"];
    is_refused(&bench, &parts).await;
    let how = Leave::Destroy {
        without_hooks: true,
    };
    let done = bench.destroy_as(how, async |_: &Farewell| true).await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    assert_eq!(bench.groups(), []);
}

/// A group that starts machines from the service's launch template, alone or in a mix.
fn group_of(bench: &Bench, name: &str, count: u32, with: Value) {
    let subnets = bench.cloud.world().model.view_subnets();
    let mut given = json!({ "AutoScalingGroupName": name, "MinSize": count, "MaxSize": count, "DesiredCapacity": count,
        "VPCZoneIdentifier": subnets[0].id });
    match with {
        Value::Object(with) if !with.is_empty() => given.as_object_mut().unwrap().extend(with),
        _ => {
            let of = json!({ "LaunchTemplateName": "web", "Version": "1" });
            given["LaunchTemplate"] = of;
        }
    }
    bench.meanwhile(Api::AutoScaling, "CreateAutoScalingGroup", &given);
}

async fn template_stays(bench: &Bench, why: &str) {
    let shown = bench.last_look().await;
    let note = format!("(web) stays: {why}");
    assert!(
        shown.notes.iter().any(|line| line.contains(&note)),
        "{shown}"
    );
    let done = bench.destroy().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    let templates = bench.cloud.world().model.view_templates();
    assert_eq!(templates.len(), 1, "{templates:?}");
    assert_eq!(tagged(bench), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_launch_template_that_others_use_stays_with_the_versions_that_they_need() {
    let base = rolled_with_own_rule().await;
    expect(&base.roll(V2).await, Verdict::Done);
    let bench = base.fork().await;
    group_of(&bench, "shop", 0, json!({}));
    template_stays(&bench, "Auto Scaling group shop uses it").await;
    let versions = bench
        .cloud
        .world()
        .model
        .view_templates()
        .remove(0)
        .versions;
    assert!(versions.contains_key(&1), "{versions:?}");

    let bench = base.fork().await;
    let of = json!({ "LaunchTemplateName": "web", "Version": "$Latest" });
    let mix = json!({ "MixedInstancesPolicy": { "LaunchTemplate": { "LaunchTemplateSpecification": of,
        "Overrides": [{ "InstanceType": "t3.small" }] } } });
    group_of(&bench, "mixed", 0, mix);
    template_stays(&bench, "Auto Scaling group mixed uses it").await;

    let bench = base.fork().await;
    let subnet = bench.cloud.world().model.view_subnets().remove(0).id;
    let given = json!({ "LaunchTemplate": { "LaunchTemplateName": "web", "Version": "1" }, "MinCount": 1, "MaxCount": 1,
        "SubnetId": subnet });
    let made = bench.meanwhile(Api::Ec2, "RunInstances", &given);
    let id = text(&made, "instancesSet.0.instanceId");
    template_stays(&bench, &format!("instance {id} uses it")).await;

    let bench = base.fork().await;
    bench.cloud.deny("DescribeFleets");
    template_stays(&bench, "whether anybody else uses it is not known").await;
}

#[tokio::test(start_paused = true)]
async fn what_has_changed_since_it_was_shown_stops_it() {
    let bench = rolled_with_own_rule().await;
    let writes = bench.cloud.writes().len();
    let meanwhile = async |_: &Farewell| {
        group_of(&bench, "shop", 0, json!({}));
        true
    };
    let done = bench.destroy_if(meanwhile).await;
    assert_eq!(done.verdict, Verdict::Failed, "{done:?}");
    untouched_by(
        &bench,
        writes,
        &done.left,
        &["it is not what was shown any more, look again"],
    );
    let done = bench.destroy_if(async |_: &Farewell| false).await;
    assert_eq!(done.verdict, Verdict::Stopped, "{done:?}");
    untouched_by(&bench, writes, &done.left, &["it was not confirmed"]);
}

/// Draining takes its time, in which others go on.
#[tokio::test(start_paused = true)]
async fn what_others_begin_to_use_meanwhile_is_left() {
    let bench = rolled_with_own_rule().await;
    let subnet = bench.cloud.world().model.view_subnets().remove(0).id;
    bench.cloud.ahead("DeleteRule", move |world, now| {
        let given = json!({ "AutoScalingGroupName": "shop", "MinSize": 0, "MaxSize": 1, "VPCZoneIdentifier": subnet,
            "LaunchTemplate": { "LaunchTemplateName": "web", "Version": "$Latest" } });
        crate::simulation::roll::call(world, now, Api::AutoScaling, "CreateAutoScalingGroup", &given);
    });
    let done = bench.destroy().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    let left: BTreeSet<_> = things(&bench)
        .into_iter()
        .filter(|one| one.starts_with("template"))
        .collect();
    assert_eq!(left, BTreeSet::from(["template web".to_owned()]));
}

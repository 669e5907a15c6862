//! Versions of launch templates: each roll makes one, and a retired group's goes with it (rows 34 and 35 of the complaints).

use kiln::roll::Verdict;
use localcloud::model::Service as Api;
use serde_json::json;

use super::super::plain::{nothing_left, rolled_once};
use super::super::{Bench, V1, V2, V3, expect};
use crate::simulation::cloud::Mishap;

fn versions(bench: &Bench) -> Vec<u64> {
    let world = bench.cloud.world();
    let templates = world.model.view_templates();
    templates[0].versions.keys().copied().collect()
}

#[tokio::test(start_paused = true)]
async fn many_rolls_leave_the_versions_that_are_needed() {
    let bench = rolled_once().await;
    let watchman = bench.watched();
    for image in [V2, V3, V1, V2, V3, V1] {
        expect(&bench.roll(image).await, Verdict::Done);
        nothing_left(&bench, image);
    }
    watchman.content("many rolls");
    // The default one, the kept group's and the one that serves.
    assert_eq!(versions(&bench), [1, 6, 7]);
}

#[tokio::test(start_paused = true)]
async fn what_others_use_or_made_stays() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let template = bench.cloud.world().model.view_templates().remove(0).id;
    let subnets: Vec<String> = {
        let world = bench.cloud.world();
        let subnets = world.model.view_subnets().into_iter();
        subnets.map(|subnet| subnet.id).collect()
    };
    // Version 2 is in a group's mix.
    let version = |number: &str| json!({"LaunchTemplateId": template, "Version": number});
    let mix = json!({"LaunchTemplate": {"LaunchTemplateSpecification": version("2"),
        "Overrides": [{"InstanceType": "t3.small"}]}});
    let group = json!({"AutoScalingGroupName": "batch", "MixedInstancesPolicy": mix, "MinSize": "0", "MaxSize": "1",
        "VPCZoneIdentifier": subnets.join(",")});
    bench.meanwhile(Api::AutoScaling, "CreateAutoScalingGroup", &group);
    expect(&bench.roll(V3).await, Verdict::Done);
    // Somebody starts a machine from version 3, which no group will start from soon, and makes a version.
    let run = json!({"LaunchTemplate": version("3"), "MinCount": "1", "MaxCount": "1", "SubnetId": subnets[0]});
    bench.meanwhile(Api::Ec2, "RunInstances", &run);
    let made = json!({"LaunchTemplateId": template, "SourceVersion": "1", "VersionDescription": "by hand",
        "LaunchTemplateData": {"KeyName": "mine"}});
    bench.meanwhile(Api::Ec2, "CreateLaunchTemplateVersion", &made);
    for image in [V1, V2, V3, V1] {
        expect(&bench.roll(image).await, Verdict::Done);
    }
    // The default, the mix's, the machine's, the one by hand, the kept group's and the one that serves.
    assert_eq!(versions(&bench), [1, 2, 3, 4, 7, 8]);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_not_deleted_goes_with_a_later_roll() {
    let bench = rolled_once().await;
    for image in [V2, V3, V1] {
        expect(&bench.roll(image).await, Verdict::Done);
    }
    assert_eq!(versions(&bench), [1, 3, 4]);
    bench.pass(3700).await;
    bench.cloud.deny("DeleteLaunchTemplateVersions");
    expect(&bench.roll(V1).await, Verdict::NothingToDo);
    assert_eq!(bench.groups().len(), 1, "the group is gone all the same");
    assert_eq!(versions(&bench), [1, 3, 4]);
    let bench = bench.fork().await;
    expect(&bench.roll(V1).await, Verdict::NothingToDo);
    for image in [V2, V3] {
        expect(&bench.roll(image).await, Verdict::Done);
    }
    assert_eq!(versions(&bench), [1, 5, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_right_to_prune_that_is_lacking_fails_no_roll() {
    let bench = rolled_once().await;
    for image in [V2, V3] {
        expect(&bench.roll(image).await, Verdict::Done);
    }
    bench.cloud.deny("DeleteLaunchTemplateVersions");
    let watchman = bench.watched();
    expect(&bench.roll(V1).await, Verdict::Done);
    watchman.content("a right that is lacking");
    nothing_left(&bench, "a right that is lacking");
    assert_eq!(versions(&bench), [1, 2, 3, 4]);
}

/// A kill at any call of a retirement.
#[tokio::test(start_paused = true)]
async fn after_a_kill_a_retirement_is_gone_on_with() {
    let base = rolled_once().await;
    for image in [V2, V3] {
        expect(&base.roll(image).await, Verdict::Done);
    }
    base.pass(3700).await;
    let counted = base.fork().await;
    expect(&counted.roll(V3).await, Verdict::NothingToDo);
    let calls = counted.cloud.calls();
    for at in (1..=calls.len()).filter(|at| !calls[at - 1].starts_with("Describe")) {
        for kill in [Mishap::KilledBefore, Mishap::KilledAfter] {
            let bench = base.fork().await;
            bench.cloud.plan(at, kill);
            assert!(bench.roll_killed(V3).await.is_none());
            bench.cloud.calm();
            expect(&bench.roll(V3).await, Verdict::NothingToDo);
            nothing_left(&bench, &format!("{kill:?} at {at}, {}", calls[at - 1]));
            assert_eq!(bench.groups().len(), 1);
        }
    }
}

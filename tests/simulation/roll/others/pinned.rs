//! What serves follows `$Latest`: it is pinned while the next version is made, and follows again once it may.

use kiln::roll::Verdict;
use localcloud::model::Service as Api;
use localcloud::physics::{Behaviour, Service as Answers};
use serde_json::json;

use super::super::left_over::unused_versions;
use super::super::plain::{nothing_left, rolled_once};
use super::super::trouble::killed;
use super::super::{Bench, V1, V2, V3, expect, quick};
use super::roll_and;
use crate::simulation::cloud::Mishap;

fn follow_latest(bench: &Bench) {
    let template = bench.cloud.world().model.view_templates()[0].id.clone();
    let spec = json!({"LaunchTemplateId": template, "Version": "$Latest"});
    let change = json!({"AutoScalingGroupName": "web-v001", "LaunchTemplate": spec});
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &change);
}

/// The images of a group's machines, and the version that it starts the next one from.
fn made_of(bench: &Bench, name: &str) -> (Vec<String>, String) {
    let groups = bench.cloud.world().model.view_groups();
    let group = groups.into_iter().find(|group| group.name == name).unwrap();
    let mut images: Vec<_> = group
        .members
        .into_iter()
        .map(|member| member.image)
        .collect();
    images.dedup();
    (images, group.template.unwrap().1)
}

#[tokio::test(start_paused = true)]
async fn a_group_that_follows_latest_is_pinned_before_the_version_is_made() {
    let bench = rolled_once().await;
    follow_latest(&bench);
    let watchman = bench.watched();
    let ended = roll_and(&bench, 20, |bench| {
        let sizes = json!({"AutoScalingGroupName": "web-v001", "DesiredCapacity": 4});
        bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &sizes);
    })
    .await;
    expect(&ended, Verdict::Done);
    watchman.content("latest");
    assert_eq!(
        made_of(&bench, "web-v001"),
        (vec![V1.to_owned()], "1".to_owned())
    );
    nothing_left(&bench, "latest");
}

#[tokio::test(start_paused = true)]
async fn a_failed_roll_lets_it_follow_latest_again() {
    let bench = rolled_once().await;
    follow_latest(&bench);
    let broken = Behaviour {
        service: Answers::Absent,
        ..quick()
    };
    bench.cloud.world().physics.set_behaviour(V2, broken);
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Rejected);
    watchman.content("latest, broken image");
    assert_eq!(
        made_of(&bench, "web-v001"),
        (vec![V1.to_owned()], "$Latest".to_owned())
    );
    nothing_left(&bench, "latest, broken image");
}

/// From `base` a roll of `V2` has died behind its first call of an action.
async fn dead_behind(base: &Bench, action: &str) -> Bench {
    let counted = base.fork().await;
    expect(&counted.roll(V2).await, Verdict::Done);
    let calls = counted.cloud.calls();
    let first = calls.iter().position(|call| call == action).unwrap();
    let dead = killed(base, first + 1, Mishap::KilledAfter).await;
    dead.unwrap()
}

/// What a dead roll has pinned would start the image of the next one without its pin.
#[tokio::test(start_paused = true)]
async fn a_pin_of_a_dead_roll_stays_with_the_next() {
    let base = rolled_once().await;
    follow_latest(&base);
    for image in [V2, V3] {
        let bench = dead_behind(&base, "UpdateAutoScalingGroup").await;
        expect(&bench.roll(image).await, Verdict::Done);
        assert_eq!(
            made_of(&bench, "web-v001"),
            (vec![V1.to_owned()], "1".to_owned())
        );
        nothing_left(&bench, "a dead pin");
        expect(&bench.roll(V1).await, Verdict::Done);
    }
}

/// A tool has made a group from the version of a dead roll, and deletes it again.
#[tokio::test(start_paused = true)]
async fn a_pin_goes_once_nothing_starts_from_the_version_that_it_keeps_off() {
    let base = rolled_once().await;
    follow_latest(&base);
    let bench = dead_behind(&base, "CreateAutoScalingGroup").await;
    let (template, subnet) = {
        let model = &bench.cloud.world().model;
        let subnet = model.view_subnets().remove(0).id;
        (model.view_templates()[0].id.clone(), subnet)
    };
    let from = json!({ "LaunchTemplateId": template, "Version": "2" });
    let tool = json!({ "AutoScalingGroupName": "tool", "LaunchTemplate": from, "MinSize": 0, "MaxSize": 1, "VPCZoneIdentifier": subnet });
    bench.meanwhile(Api::AutoScaling, "CreateAutoScalingGroup", &tool);
    expect(&bench.roll(V1).await, Verdict::CleanUpDue);
    assert_eq!(made_of(&bench, "web-v001").1, "1", "pinned");
    let gone = json!({ "AutoScalingGroupName": "tool" });
    bench.meanwhile(Api::AutoScaling, "DeleteAutoScalingGroup", &gone);
    bench.pass(60).await;
    expect(&bench.roll(V1).await, Verdict::NothingToDo);
    assert_eq!(made_of(&bench, "web-v001").1, "$Latest");
    assert_eq!(unused_versions(&bench.cloud.world().model), [""; 0]);
    nothing_left(&bench, "a version that a tool has used");
}

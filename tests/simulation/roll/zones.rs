//! A zone that is out: what serves has nothing healthy there, and nothing more is asked of the next group.

use std::collections::{BTreeMap, BTreeSet};

use kiln::roll::{Verdict, status};
use kiln::run::Clock as _;
use localcloud::model::{FaultPlan, Scarcity, Service as Api};
use serde_json::json;

use super::plain::{nothing_left, rolled_once, three};
use super::{BLUE_GREEN, Bench, V1, V2, expect};

const OUT: &str = "eu-central-1c";

/// The zone has no room from now on, and the machines there end.
async fn out(bench: &Bench) {
    full(bench, OUT);
    let gone: Vec<String> = {
        let world = bench.cloud.world();
        let groups = world.model.view_groups().into_iter();
        let members = groups.flat_map(|group| group.members);
        let there = members.filter(|member| member.zone == OUT);
        there.map(|member| member.instance).collect()
    };
    assert!(!gone.is_empty(), "machines are in zone {OUT}");
    let given = json!({ "InstanceId": gone });
    bench.meanwhile(Api::Ec2, "TerminateInstances", &given);
    bench.pass(600).await;
    assert!(!zones(bench, "web-v001").contains(OUT));
}

/// No machine more starts in a zone.
fn full(bench: &Bench, zone: &str) {
    let scarcity = Scarcity {
        times: 100_000,
        zone: Some(zone.to_owned()),
        ..Scarcity::default()
    };
    let plan = FaultPlan::default().scarce(scarcity);
    bench.cloud.world().model.inject(plan);
}

fn zones(bench: &Bench, group: &str) -> BTreeSet<String> {
    let groups = bench.cloud.world().model.view_groups();
    let found = groups.into_iter().find(|one| one.name == group).unwrap();
    let members = found.members.into_iter();
    members.map(|member| member.zone).collect()
}

#[tokio::test(start_paused = true)]
async fn a_hotfix_is_rolled_and_taken_back_while_a_zone_is_out() {
    let bench = rolled_once().await;
    out(&bench).await;
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("a roll while a zone is out");
    assert_eq!(bench.serving(), three(V2));
    assert!(!zones(&bench, "web-v002").contains(OUT));
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(bench.serving(), three(V1));
}

#[tokio::test(start_paused = true)]
async fn the_same_without_a_load_balancer() {
    let strategy = BLUE_GREEN.replace("blue_green", "replace");
    let bench = Bench::alone(&strategy).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    out(&bench).await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(bench.serving(), three(V1));
    assert!(!zones(&bench, "web-v001").contains(OUT));
}

/// A launch that finds no room in its zone goes to another one.
#[tokio::test(start_paused = true)]
async fn a_lopsided_next_group_is_evened_out_before_it_serves() {
    let bench = rolled_once().await;
    let scarcity = Scarcity {
        times: 1,
        zone: Some(OUT.to_owned()),
        ..Scarcity::default()
    };
    let plan = FaultPlan::default().scarce(scarcity);
    bench.cloud.world().model.inject(plan);
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("a lopsided group");
    assert_eq!(bench.serving(), three(V2));
    assert!(zones(&bench, "web-v002").contains(OUT));
    nothing_left(&bench, "a lopsided group");
}

/// Has the requests of a zone go to machines of that zone alone.
fn cross_zone_off(bench: &Bench, name: &str) {
    let groups = bench.cloud.world().model.view_target_groups();
    let arn = &groups.iter().find(|one| one.name == name).unwrap().arn;
    let off = json!([{ "Key": "load_balancing.cross_zone.enabled", "Value": "false" }]);
    let given = json!({ "TargetGroupArn": arn, "Attributes": off });
    bench.meanwhile(Api::Elb, "ModifyTargetGroupAttributes", &given);
}

#[tokio::test(start_paused = true)]
async fn where_zones_keep_their_requests_a_group_that_leaves_one_out_is_refused() {
    let bench = rolled_once().await;
    leave_out(&bench, "web-v001");
    expect(&bench.plan(V2).await, Verdict::Done);
    cross_zone_off(&bench, "web-b");
    let refused = bench.plan(V2).await;
    expect(&refused, Verdict::Failed);
    let finding = &refused.refused[0].finding;
    assert_eq!(finding.code, "roll::zone");
    assert!(finding.message.contains(OUT), "{finding:?}");
    let mend = finding.help.clone().unwrap();
    let command = "aws elbv2 modify-target-group-attributes --target-group-arn";
    assert!(mend.contains(command), "{mend}");
    // Requests of that zone find nothing as it is.
    cross_zone_off(&bench, "web-a");
    expect(&bench.plan(V2).await, Verdict::Done);
}

/// A service with machines in two zones of three, of which one is full from now on.
async fn two_zones(target_groups: &[&str]) -> (Bench, BTreeSet<String>) {
    let bench = rolled_once().await;
    let given = json!({ "AutoScalingGroupName": "web-v001", "DesiredCapacity": 2 });
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &given);
    bench.pass(300).await;
    let served = zones(&bench, "web-v001");
    assert_eq!(served.len(), 2);
    full(&bench, served.first().unwrap());
    for name in target_groups {
        cross_zone_off(&bench, name);
    }
    (bench, served)
}

fn two(image: &str) -> BTreeMap<String, usize> {
    BTreeMap::from([(image.to_owned(), 2)])
}

#[tokio::test(start_paused = true)]
async fn where_zones_keep_their_requests_nothing_is_led_to_a_group_that_leaves_one_out() {
    let (bench, served) = two_zones(&["web-a", "web-b"]).await;
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Failed);
    watchman.content("a zone is left out");
    assert_eq!(bench.serving(), two(V1));
    assert_eq!(zones(&bench, "web-v001"), served);
    // Elsewhere the other zones' machines have them.
    let (bench, _) = two_zones(&[]).await;
    expect(&bench.roll(V2).await, Verdict::Done);
    assert_eq!(bench.serving(), two(V2));
}

/// Has a group start machines in no subnet of the zone any more.
fn leave_out(bench: &Bench, group: &str) {
    let mut subnets = bench.cloud.world().model.view_subnets();
    subnets.retain(|subnet| subnet.zone != OUT);
    let subnets: Vec<String> = subnets.into_iter().map(|subnet| subnet.id).collect();
    let given = json!({ "AutoScalingGroupName": group, "VPCZoneIdentifier": subnets.join(",") });
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &given);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_to_a_group_that_can_have_no_machine_in_a_zone_is_not_waited_for() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    leave_out(&bench, "web-v001");
    let gone: Vec<_> = members_in(&bench, "web-v001", OUT);
    for id in gone {
        let given = json!({ "InstanceId": id, "ShouldDecrementDesiredCapacity": false });
        bench.meanwhile(
            Api::AutoScaling,
            "TerminateInstanceInAutoScalingGroup",
            &given,
        );
    }
    bench.pass(400).await;
    assert!(!zones(&bench, "web-v001").contains(OUT));
    cross_zone_off(&bench, "web-a");
    let began = bench.cloud.now();
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Failed, "{back:?}");
    let reason = format!("group web-v001 has no subnet in zone {OUT}");
    assert!(back.reasons.join("\n").contains(&reason), "{back:?}");
    assert!(bench.cloud.now().duration_since(began) < jiff::SignedDuration::from_secs(30));
    assert_eq!(bench.serving(), three(V2));
    let back = bench.rollback_by(Some("now")).await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(bench.serving(), three(V1));
}

fn members_in(bench: &Bench, group: &str, zone: &str) -> Vec<String> {
    let groups = bench.cloud.world().model.view_groups();
    let group = groups.into_iter().find(|one| one.name == group).unwrap();
    let members = group.members.into_iter();
    let there = members.filter(|member| member.zone == zone);
    there.map(|member| member.instance).collect()
}

#[tokio::test(start_paused = true)]
async fn nor_is_a_rollback_but_by_force() {
    let (bench, served) = two_zones(&[]).await;
    expect(&bench.roll(V2).await, Verdict::Done);
    assert_ne!(zones(&bench, "web-v002"), served);
    cross_zone_off(&bench, "web-a");
    let stands = status(&bench.client, "web", bench.cloud.now()).await;
    assert_eq!(stands.unwrap().rollback_waits_for, Some(2));
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Failed, "{back:?}");
    assert_eq!(bench.serving(), two(V2));
    let back = bench.rollback_by(Some("now")).await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(bench.serving(), two(V1));
}

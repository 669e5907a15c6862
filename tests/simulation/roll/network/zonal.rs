//! Cross-zone load balancing of a network load balancer is off unless somebody says otherwise: connections of a zone find the machines of
//! that zone alone.

use std::collections::{BTreeMap, BTreeSet};

use kiln::roll::Verdict;
use localcloud::model::{FaultPlan, Scarcity, Service as Api};
use serde_json::json;

use super::super::plain::{nothing_left, three};
use super::super::refused::refused;
use super::super::{BLUE_GREEN, Bench, V1, V2, expect};
use super::{a_canary, alone, rolled_once};

/// So many machines of a type start in no more of a zone.
fn scarce(bench: &Bench, zone: &str, times: u32) {
    let scarcity = Scarcity {
        times,
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

/// `V1` serves by two machines, in two zones of three, of which one has no more room.
async fn two_zones() -> (Bench, BTreeSet<String>) {
    let bench = rolled_once().await;
    let given = json!({ "AutoScalingGroupName": "web-v001", "DesiredCapacity": 2 });
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &given);
    bench.pass(300).await;
    let served = zones(&bench, "web-v001");
    assert_eq!(served.len(), 2);
    scarce(&bench, served.first().unwrap(), 100_000);
    (bench, served)
}

fn two(image: &str) -> BTreeMap<String, usize> {
    BTreeMap::from([(image.to_owned(), 2)])
}

#[tokio::test(start_paused = true)]
async fn nothing_is_led_to_a_group_that_leaves_a_served_zone_out() {
    let (bench, served) = two_zones().await;
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Failed);
    watchman.content("a zone is left out");
    assert_eq!(bench.serving(), two(V1));
    assert_eq!(zones(&bench, "web-v001"), served);
    alone(&bench, "a zone is left out");
    nothing_left(&bench, "a zone is left out");
    // With it on, machines of the other zones have its connections.
    let (bench, _) = two_zones().await;
    cross_zone_on(&bench);
    expect(&bench.roll(V2).await, Verdict::Done);
    assert_eq!(bench.serving(), two(V2));
}

/// So that machines of other zones have the connections of one without.
fn cross_zone_on(bench: &Bench) {
    let balancer = bench.cloud.world().model.view_balancers().remove(0).arn;
    let on = json!([{ "Key": "load_balancing.cross_zone.enabled", "Value": "true" }]);
    let given = json!({ "LoadBalancerArn": balancer, "Attributes": on });
    bench.meanwhile(Api::Elb, "ModifyLoadBalancerAttributes", &given);
}

#[tokio::test(start_paused = true)]
async fn a_first_group_of_fewer_machines_than_zones_is_refused() {
    let mut bench = Bench::network(BLUE_GREEN).await;
    bench.service.groups.initial.as_mut().unwrap().desired.value = 2;
    let ended = refused(&bench, Verdict::Refused, &["roll::zone"]).await;
    let finding = &ended.refused[0].finding;
    assert!(
        finding
            .message
            .contains("2 machines cannot be in each of the 3 zones"),
        "{finding:?}"
    );
    cross_zone_on(&bench);
    expect(&bench.roll(V1).await, Verdict::Done);
    assert_eq!(bench.serving(), two(V1));
}

/// A launch that finds no room goes to another zone, and no connection of that zone to a group that lacks it.
#[tokio::test(start_paused = true)]
async fn a_lopsided_next_group_is_evened_out_before_it_has_a_share() {
    let bench = a_canary().await;
    scarce(&bench, "eu-central-1c", 1);
    let watchman = bench.watched();
    expect(&bench.roll(V2).await, Verdict::Done);
    watchman.content("a lopsided group");
    assert_eq!(bench.serving(), three(V2));
    assert_eq!(zones(&bench, "web-v002").len(), 3);
    nothing_left(&bench, "a lopsided group");
}

/// The kept group has lost its machine of a zone, and has room for none there.
#[tokio::test(start_paused = true)]
async fn a_rollback_leads_no_zone_to_nothing() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let zone = zones(&bench, "web-v001").first().unwrap().clone();
    scarce(&bench, &zone, 100_000);
    let gone = {
        let groups = bench.cloud.world().model.view_groups();
        let kept = groups.into_iter().find(|one| one.name == "web-v001");
        let members = kept.unwrap().members.into_iter();
        let mut there = members.filter(|member| member.zone == zone);
        there.next().unwrap().instance
    };
    let given = json!({ "InstanceId": gone, "ShouldDecrementDesiredCapacity": false });
    bench.meanwhile(
        Api::AutoScaling,
        "TerminateInstanceInAutoScalingGroup",
        &given,
    );
    bench.pass(400).await;
    assert!(!zones(&bench, "web-v001").contains(&zone));
    let watchman = bench.watched_back();
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Failed, "{back:?}");
    watchman.content("a rollback that leaves a zone out");
    assert_eq!(bench.serving(), three(V2));
    let back = bench.rollback_by(Some("now")).await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(bench.serving(), three(V1));
}

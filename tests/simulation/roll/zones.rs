//! A zone that is out: what serves has nothing healthy there, and nothing more is asked of the next group.

use std::collections::BTreeSet;

use kiln::roll::Verdict;
use localcloud::model::{FaultPlan, Scarcity, Service as Api};
use serde_json::json;

use super::plain::{rolled_once, three};
use super::{BLUE_GREEN, Bench, V1, V2, expect};

const OUT: &str = "eu-central-1c";

/// The zone has no room from now on, and the machines there end.
async fn out(bench: &Bench) {
    let scarcity = Scarcity {
        times: 100_000,
        zone: Some(OUT.to_owned()),
        ..Scarcity::default()
    };
    let gone: Vec<String> = {
        let mut world = bench.cloud.world();
        world.model.inject(FaultPlan::default().scarce(scarcity));
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

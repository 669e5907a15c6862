//! `capacity`: what a roll does while no machine can be had.

use std::time::Duration;

use kiln::roll::{Decision, Ended, Verdict};
use kiln::source::Spanned;
use kiln::template::service::{Capacity, WhenShort};
use localcloud::model::{Fault, FaultPlan, Scarcity, Service as Api};
use serde_json::json;
use tokio::time::Instant;

use super::plain::{nothing_left, rolled_once, three};
use super::refused::refused;
use super::trouble::killed_and;
use super::{BLUE_GREEN, Bench, V1, V2, V3, expect, text};
use crate::simulation::cloud::Mishap;

const TYPES: [&str; 2] = ["t3.small", "t3a.small"];

/// Has the service file say what is done, and for how long.
fn says(bench: &mut Bench, when_short: WhenShort, minutes: Option<u64>) {
    if matches!(when_short, WhenShort::Fallback(_)) {
        bench.service.set.instance_type = None;
    }
    bench.service.capacity = Some(Capacity {
        when_short,
        timeout: minutes.map(Duration::from_mins),
    });
}

fn types(names: &[&str]) -> WhenShort {
    let names = names
        .iter()
        .map(|name| Spanned::unplaced((*name).to_owned()));
    WhenShort::Fallback(names.collect())
}

fn falls_back(mut bench: Bench) -> Bench {
    says(&mut bench, types(&TYPES), Some(10));
    bench
}

/// So many launches find no machine, of this type or of any.
fn short(bench: &Bench, kind: Option<&str>, times: u32) {
    let scarcity = Scarcity {
        times,
        instance_type: kind.map(ToOwned::to_owned),
        ..Scarcity::default()
    };
    let plan = FaultPlan::default().scarce(scarcity);
    bench.cloud.world().model.inject(plan);
}

/// The types of the machines of a group, each once.
fn kinds(bench: &Bench, group: &str) -> Vec<String> {
    let world = bench.cloud.world();
    let groups = world.model.view_groups();
    let group = groups.into_iter().find(|one| one.name == group).unwrap();
    let instances = world.model.view_instances().into_iter();
    let members: Vec<_> = group.members.into_iter().map(|one| one.instance).collect();
    let mut kinds: Vec<_> = instances
        .filter(|one| members.contains(&one.id))
        .map(|one| one.instance_type)
        .collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

/// A field of the policy of a group.
fn policy(bench: &Bench, group: &str, path: &str) -> String {
    let given = json!({ "AutoScalingGroupNames": [group] });
    let shown = bench.meanwhile(Api::AutoScaling, "DescribeAutoScalingGroups", &given);
    text(
        &shown,
        &format!("AutoScalingGroups.0.MixedInstancesPolicy.{path}"),
    )
}

async fn planned(bench: &Bench) -> Box<kiln::roll::Plan> {
    match bench.plan(V2).await.decision {
        Some(Decision::Roll(plan)) => plan,
        other => panic!("it rolls: {other:?}"),
    }
}

/// Rolls `V2`, which fails and spares the image; gives how long that took.
async fn fails(bench: &Bench, about: &str) -> (Duration, Ended) {
    let watchman = bench.watched();
    let began = Instant::now();
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Failed);
    watchman.content(about);
    assert_eq!(bench.serving(), three(V1), "{about}");
    nothing_left(bench, about);
    let plan = bench.plan(V2).await;
    assert!(
        matches!(plan.decision, Some(Decision::Roll(_))),
        "{about}: the image is spared"
    );
    (began.elapsed(), ended)
}

#[tokio::test(start_paused = true)]
async fn what_is_short_is_waited_for_as_long_as_the_file_says() {
    for (minutes, least, most) in [(None, 15, 17), (Some(4), 4, 6), (Some(30), 30, 33)] {
        let mut bench = rolled_once().await;
        says(&mut bench, WhenShort::Wait, minutes);
        short(&bench, None, 100_000);
        let (took, ended) = fails(&bench, "a wait for capacity").await;
        let (least, most) = (Duration::from_mins(least), Duration::from_mins(most));
        assert!(took > least && took < most, "{minutes:?}: {took:?}");
        assert!(
            format!("{ended:?}").contains("do not have sufficient t3.small"),
            "{ended:?}"
        );
    }
    // It passes, and the roll goes on.
    let mut bench = rolled_once().await;
    says(&mut bench, WhenShort::Wait, Some(20));
    short(&bench, None, 12);
    expect(&bench.roll(V2).await, Verdict::Done);
    assert_eq!(bench.serving(), three(V2));
}

#[tokio::test(start_paused = true)]
async fn a_roll_that_is_to_fail_does_so_at_the_first_refusal() {
    let mut bench = rolled_once().await;
    says(&mut bench, WhenShort::Fail, None);
    let calm = bench.fork().await;
    short(&bench, None, 1);
    let (took, ended) = fails(&bench, "no capacity").await;
    assert!(took < Duration::from_mins(2), "{took:?}");
    assert!(
        format!("{ended:?}").contains("`capacity`: not waited for"),
        "{ended:?}"
    );
    // Trouble of the cloud's own passes.
    let own = Fault::new("InternalError", "An internal error has occurred");
    let plan = FaultPlan::default().launches(2, &own);
    calm.cloud.world().model.inject(plan);
    expect(&calm.roll(V2).await, Verdict::Done);
}

#[tokio::test(start_paused = true)]
async fn the_next_type_is_taken_at_once() {
    let bench = falls_back(rolled_once().await);
    short(&bench, Some(TYPES[0]), 100_000);
    let plan = planned(&bench).await;
    let line = "instance types: t3.small, t3a.small: all on demand; each where those before it cannot be had";
    assert!(plan.to_string().contains(line), "{plan}");
    let watchman = bench.watched();
    let began = Instant::now();
    expect(&bench.roll(V2).await, Verdict::Done);
    let took = began.elapsed();
    watchman.content("another type");
    assert!(
        took <= plan.outlook.least + Duration::from_mins(1),
        "{took:?}"
    );
    assert_eq!(bench.serving(), three(V2));
    assert_eq!(kinds(&bench, "web-v002"), [TYPES[1]]);
    let strategy = "InstancesDistribution.OnDemandAllocationStrategy";
    assert_eq!(policy(&bench, "web-v002", strategy), "prioritized");
    nothing_left(&bench, "another type");
    let back = bench.rollback().await;
    assert_eq!(back.verdict, Verdict::Done, "{back:?}");
    assert_eq!(
        (bench.serving(), kinds(&bench, "web-v001")),
        (three(V1), vec![TYPES[0].to_owned()])
    );
}

/// The first type is taken again when it can be had, and a file that says nothing takes the policy over.
#[tokio::test(start_paused = true)]
async fn a_later_roll_has_the_first_type_again() {
    let mut bench = falls_back(rolled_once().await);
    short(&bench, Some(TYPES[0]), 3);
    expect(&bench.roll(V2).await, Verdict::Done);
    let again = bench.roll(V2).await;
    expect(&again, Verdict::NothingToDo);
    bench.pass(3700).await;
    bench.service.capacity = None;
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(kinds(&bench, "web-v003"), [TYPES[0]]);
    let kind = "LaunchTemplate.Overrides.1.InstanceType";
    assert_eq!(policy(&bench, "web-v003", kind), TYPES[1]);
    // Other types are another service, and the same image rolls anew.
    bench.pass(3700).await;
    says(&mut bench, types(&["t3.medium", "t3a.medium"]), None);
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(kinds(&bench, "web-v004"), ["t3.medium"]);
}

#[tokio::test(start_paused = true)]
async fn where_all_types_are_short_they_are_waited_for() {
    let mut bench = falls_back(rolled_once().await);
    says(&mut bench, types(&TYPES), Some(5));
    let base = bench.fork().await;
    short(&bench, None, 100_000);
    let (took, _) = fails(&bench, "all types are short").await;
    let minutes = |count| Duration::from_mins(count);
    assert!(took > minutes(5) && took < minutes(7), "{took:?}");
    short(&base, None, 12);
    expect(&base.roll(V2).await, Verdict::Done);
    assert_eq!(base.serving(), three(V2));
}

#[tokio::test(start_paused = true)]
async fn a_first_roll_and_one_without_a_load_balancer_fall_back_too() {
    let bench = falls_back(Bench::new().await);
    short(&bench, Some(TYPES[0]), 100_000);
    expect(&bench.roll(V1).await, Verdict::Done);
    assert_eq!(
        (bench.serving(), kinds(&bench, "web-v001")),
        (three(V1), vec![TYPES[1].to_owned()])
    );
    let strategy = BLUE_GREEN.replace("blue_green", "replace");
    let mut bench = Bench::alone(&strategy).await;
    expect(&bench.roll(V1).await, Verdict::Done);
    says(&mut bench, types(&TYPES), None);
    short(&bench, Some(TYPES[0]), 100_000);
    expect(&bench.roll(V2).await, Verdict::Done);
    assert_eq!(kinds(&bench, "web-v002"), [TYPES[1]]);
}

/// Types of the file go before those of a policy that is there; how many machines are spot stays.
#[tokio::test(start_paused = true)]
async fn the_types_of_a_policy_that_is_there_are_replaced_and_its_share_of_spot_stays() {
    let bench = falls_back(rolled_once().await);
    let (template, _) = bench.cloud.world().model.view_groups()[0]
        .template
        .clone()
        .unwrap();
    let mix = json!({ "AutoScalingGroupName": "web-v001", "MixedInstancesPolicy": {
        "LaunchTemplate": { "Overrides": [{ "InstanceType": "t3.micro" }],
            "LaunchTemplateSpecification": { "LaunchTemplateId": template, "Version": "1" } },
        "InstancesDistribution": { "OnDemandBaseCapacity": 1, "OnDemandPercentageAboveBaseCapacity": 50 } } });
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &mix);
    let shown = planned(&bench).await.to_string();
    assert!(
        shown.contains("t3.small, t3a.small: 1 on demand, and 50 %"),
        "{shown}"
    );
    expect(&bench.roll(V2).await, Verdict::Done);
    let value = |path: &str| policy(&bench, "web-v002", path);
    assert_eq!(value("LaunchTemplate.Overrides.0.InstanceType"), TYPES[0]);
    assert_eq!(value("InstancesDistribution.OnDemandBaseCapacity"), "1");
    assert_eq!(
        value("LaunchTemplate.LaunchTemplateSpecification.Version"),
        "2"
    );
}

#[tokio::test(start_paused = true)]
async fn the_wait_that_the_file_asks_for_is_counted() {
    let mut bench = rolled_once().await;
    let before = planned(&bench).await.outlook;
    says(&mut bench, WhenShort::Wait, Some(40));
    let after = planned(&bench).await;
    // Without a word of the file launches are tried for a quarter of an hour, and credentials need not last for that.
    let (longest, credentials) = (2 * (40 - 15), 2 * 40);
    let more = before.longest + Duration::from_mins(longest);
    assert_eq!(after.outlook.longest, more, "two starts");
    let more = before.credentials + Duration::from_mins(credentials);
    assert_eq!(after.outlook.credentials, more);
    assert_eq!(after.outlook.least, before.least);
    says(&mut bench, WhenShort::Fail, None);
    assert_eq!(planned(&bench).await.outlook, before);
}

#[tokio::test(start_paused = true)]
async fn types_that_are_of_no_use_are_refused() {
    let mut bench = rolled_once().await;
    says(&mut bench, types(&["t9.nonsense", "t3.small"]), None);
    for (names, part) in [
        (
            ["t3.small", "t9.nonsense"],
            "has no instance type t9.nonsense",
        ),
        (
            ["t3.small", "t4g.small"],
            "t4g.small is arm64, and the image",
        ),
    ] {
        says(&mut bench, types(&names), None);
        let ended = refused(&bench, Verdict::Refused, &["roll::instance_type"]).await;
        let message = &ended.refused[0].finding.message;
        assert!(message.contains(part), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_the_group_falls_back_all_the_same() {
    let base = falls_back(rolled_once().await);
    short(&base, Some(TYPES[0]), 100_000);
    let has = |bench: &Bench, about: &str| {
        assert_eq!(kinds(bench, "web-v002"), [TYPES[1]], "{about}");
    };
    killed_and(&base, Mishap::KilledBefore, has).await;
    killed_and(&base, Mishap::KilledAfter, has).await;
}

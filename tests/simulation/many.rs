//! Many bakes of one process at once, under the request limits that EC2 gives an account.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use kiln::aws::Aws;
use kiln::bake::{Artifact, Options, Verdict, World, carry_out, draft, look_up, verdict};
use kiln::cloud::Home;
use kiln::run::{Clock as _, MemoryJournal, Outcome, RunId, Setup, Silent, Stop};
use kiln::undo::Undo;
use localcloud::model::{FaultPlan, Service};
use localcloud::physics::Behaviour;

use super::bench::{account, remains, template};
use super::cloud::Cloud;
use super::machines::SimulatedTools;

const MANY: usize = 20;

/// An account with EC2's own pace and limits.
fn cloud() -> Cloud {
    let cloud = Cloud::new(account());
    cloud.world().physics.set_usual(Behaviour::default());
    let limits = FaultPlan::default().request_limits();
    cloud.world().model.inject(limits);
    cloud
}

async fn bake(cloud: &Cloud, client: &Aws, number: usize) -> Outcome<Artifact, Undo> {
    let text = format!(
        r#"{{ "builders": [{{
            "type": "amazon-ebs", "ami_name": "web-{number}", "instance_type": "t3.small",
            "source_ami": "ami-0000000000000002", "ssh_username": "admin"
        }}] }}"#
    );
    let (template, tools) = (template(&text), SimulatedTools::new(cloud, None).await);
    let build = &template.builds[0];
    let (facts, objections) = look_up(build, client, &tools).await;
    let (now, options) = (cloud.now(), Options::default());
    let run = RunId::new(now, number as u128 + 1);
    let draft = draft(&template, build, &facts, options, run, now);
    let plan = draft.after(objections).done().unwrap();
    let on = World {
        cloud: client,
        tools: &tools,
        clock: cloud,
    };
    let journal = MemoryJournal::default();
    let setup = Setup {
        journal: &journal,
        events: &Silent,
        stop: Stop::default(),
    };
    carry_out(&plan, &Home::default(), &on, setup).await
}

/// Calls by action.
async fn calls(bakes: usize) -> BTreeMap<String, usize> {
    let cloud = cloud();
    let client = cloud.client().await;
    let outcomes = join_all((0..bakes).map(|number| bake(&cloud, &client, number))).await;
    for outcome in &outcomes {
        assert_eq!(verdict(outcome), Verdict::Done, "{:?}", outcome.result);
    }
    let mut calls = BTreeMap::new();
    for call in cloud.calls() {
        *calls.entry(call).or_default() += 1;
    }
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert_eq!(remains(&cloud).await.len(), 2 * bakes, "image and snapshot");
    calls
}

fn looks(calls: &BTreeMap<String, usize>) -> usize {
    let waits = ["DescribeInstances", "DescribeImages"];
    waits.iter().filter_map(|action| calls.get(*action)).sum()
}

#[tokio::test(start_paused = true)]
async fn twenty_at_once_wait_with_the_calls_of_a_few_and_none_fails() {
    let (one, all) = (calls(1).await, calls(MANY).await);
    let sum = |calls: &BTreeMap<String, usize>| calls.values().sum::<usize>();
    // Every bake asks for its name and its source image once; the rest are the waits.
    assert!(
        looks(&all) <= 3 * looks(&one) + MANY,
        "{} looks for one, {} for {MANY}",
        looks(&one),
        looks(&all)
    );
    assert!(sum(&all) <= sum(&one) * MANY, "an image costs no more");
    assert!(all["RunInstances"] > MANY, "the limits were met");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_told_to_wait_for_minutes_goes_through() {
    let cloud = cloud();
    let client = cloud.client().await;
    let plan = FaultPlan::default().throttle(Service::Ec2, "CreateImage", 25);
    cloud.world().model.inject(plan);
    let outcome = bake(&cloud, &client, 0).await;
    assert_eq!(verdict(&outcome), Verdict::Done, "{:?}", outcome.result);
    let tried = cloud
        .calls()
        .iter()
        .filter(|call| *call == "CreateImage")
        .count();
    assert_eq!(tried, 26);
}

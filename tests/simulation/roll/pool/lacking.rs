//! A group that was to have a warm pool, and has none.

use std::cell::Cell;

use kiln::roll::{Decision, Verdict, status};
use kiln::run::Clock as _;
use localcloud::model::Service as Api;
use serde_json::json;

use super::super::plain::{nothing_left, rolled_once, three};
use super::super::{Bench, V2, V3, expect};
use super::{of, pooled, settings};

async fn drift(bench: &Bench) -> Vec<String> {
    let shown = status(&bench.client, "web", bench.cloud.now()).await;
    shown.unwrap().drift
}

/// What the plan for `V3` says beside what it does.
async fn notes(bench: &Bench) -> String {
    let planned = bench.plan(V3).await;
    let Some(Decision::Roll(plan)) = &planned.decision else {
        panic!("{planned:?}");
    };
    plan.outlook.notes.join("; ")
}

#[tokio::test(start_paused = true)]
async fn a_roll_that_may_put_none_goes_through_and_says_so_until_there_is_one() {
    let bench = pooled(rolled_once().await).await;
    bench.cloud.deny("PutWarmPool");
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::CleanUpDue);
    let command = "`aws autoscaling put-warm-pool --auto-scaling-group-name web-v002 --min-size 1 --pool-state Stopped \
                   --max-group-prepared-capacity 5`";
    assert!(ended.loose[0].contains(command), "{:?}", ended.loose);
    assert_eq!(bench.serving(), three(V2));
    nothing_left(&bench, "no pool");
    let lacks = "warm pool of group web-v002: Stopped, 1 at the least, 5 with the group's own as rolled, none now";
    assert_eq!(drift(&bench).await, [lacks]);
    let said = notes(&bench).await;
    assert!(said.contains(command), "{said}");
    let pool =
        json!({ "AutoScalingGroupName": "web-v002", "MaxGroupPreparedCapacity": 5, "MinSize": 1 });
    bench.meanwhile(Api::AutoScaling, "PutWarmPool", &pool);
    assert_eq!(drift(&bench).await, [""; 0]);
    let said = notes(&bench).await;
    assert!(!said.contains("put-warm-pool"), "{said}");
}

/// From the swap on each answer hides it.
#[tokio::test(start_paused = true)]
async fn where_it_is_not_seen_any_more_the_next_group_has_it_as_planned() {
    let bench = pooled(rolled_once().await).await;
    let swapped = Cell::new(false);
    bench.cloud.accustom(Box::new(move |call| {
        if call.action == "ModifyListener" {
            swapped.set(true);
        }
        if call.action != "DescribeAutoScalingGroups" || !swapped.get() {
            return call.go();
        }
        call.misread(|answer| {
            let (open, close) = ("<WarmPoolConfiguration>", "</WarmPoolConfiguration>");
            match (answer.find(open), answer.find(close)) {
                (Some(from), Some(to)) => {
                    format!("{}{}", &answer[..from], &answer[to + close.len()..])
                }
                _ => answer,
            }
        })
    }));
    expect(&bench.roll(V2).await, Verdict::Done);
    bench.pass(120).await;
    assert_eq!(settings(&bench, "web-v002"), settings(&bench, "web-v001"));
    assert_eq!(of(&bench, "web-v002"), (vec!["Warmed:Stopped"; 2], V2));
}

/// Somebody has made the pool larger while the next group was proven.
#[tokio::test(start_paused = true)]
async fn one_that_was_changed_meanwhile_goes_over_as_it_is_then() {
    let bench = pooled(rolled_once().await).await;
    let change = async {
        tokio::time::sleep(std::time::Duration::from_secs(20)).await;
        let pool = json!({ "AutoScalingGroupName": "web-v001", "MaxGroupPreparedCapacity": 6 });
        bench.meanwhile(Api::AutoScaling, "PutWarmPool", &pool);
    };
    let (ended, ()) = tokio::join!(bench.roll(V2), change);
    expect(&ended, Verdict::Done);
    bench.pass(120).await;
    assert_eq!(settings(&bench, "web-v002"), settings(&bench, "web-v001"));
    assert_eq!(of(&bench, "web-v002").0.len(), 3);
    assert_eq!(drift(&bench).await, [""; 0]);
}

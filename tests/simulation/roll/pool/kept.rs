//! The warm pool of a kept group, which goes before its machines do or keeps it from going.

use std::time::Duration;

use kiln::roll::Verdict;
use kiln::template::service::{Command, Hook};
use localcloud::model::Service as Api;
use serde_json::json;

use super::super::addressed::Warnings;
use super::super::plain::{nothing_left, rolled_once, three};
use super::super::{Bench, V2, V3, expect};
use super::{pooled, untag};

const MEND: &str = "aws autoscaling delete-warm-pool --auto-scaling-group-name web-v001";

/// A service whose previous group others have made, and put a pool beside while it was kept; and whose file has a hook.
async fn of_others() -> Bench {
    let mut bench = rolled_once().await;
    untag(&bench);
    expect(&bench.roll(V2).await, Verdict::Done);
    bench.service.hooks.before_retire = vec![Hook {
        command: Command::Line("farewell".to_owned()),
        timeout: Duration::from_mins(1),
    }];
    pooled(bench).await
}

fn farewells(bench: &Bench) -> usize {
    let ran = bench.outside.ran.borrow();
    ran.iter().filter(|one| *one == "farewell").count()
}

fn empty_it(bench: &Bench) {
    let gone = json!({ "AutoScalingGroupName": "web-v001" });
    bench.meanwhile(Api::AutoScaling, "DeleteWarmPool", &gone);
}

#[tokio::test(start_paused = true)]
async fn one_of_others_keeps_the_group_from_being_emptied_and_no_hook_runs() {
    let bench = of_others().await;
    bench.pass(3700).await;
    let warnings = Warnings::default();
    expect(&bench.roll_with(V2, &warnings).await, Verdict::NothingToDo);
    let said = warnings.0.borrow().join("; ");
    assert!(said.contains(MEND), "{said}");
    assert_eq!(farewells(&bench), 0);
    let groups = bench.cloud.world().model.view_groups();
    assert_eq!(groups[0].desired, 3);
    empty_it(&bench);
    bench.pass(120).await;
    expect(&bench.roll(V2).await, Verdict::NothingToDo);
    assert_eq!(farewells(&bench), 1);
    nothing_left(&bench, "a group of others");
}

#[tokio::test(start_paused = true)]
async fn one_of_others_that_is_to_make_way_is_refused_in_the_plan() {
    let bench = of_others().await;
    let writes = bench.cloud.writes().len();
    let ended = bench.roll(V3).await;
    expect(&ended, Verdict::Failed);
    let [refusal] = &ended.refused[..] else {
        panic!("{:?}", ended.refused);
    };
    assert_eq!(refusal.finding.code, "roll::warm_pool");
    let help = refusal.finding.help.as_deref().unwrap_or_default();
    assert!(help.contains(MEND), "{help}");
    assert_eq!(bench.cloud.writes().len(), writes);
    assert_eq!(farewells(&bench), 0);
    empty_it(&bench);
    bench.pass(120).await;
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(farewells(&bench), 1);
    assert_eq!(bench.serving(), three(V3));
}

//! What `kiln status` says of changes that somebody else has made since the last roll.

use kiln::roll::{Status, Verdict, status};
use kiln::run::Clock as _;
use localcloud::model::Service as Api;
use serde_json::json;

use super::super::plain::rolled_once;
use super::super::{Bench, V2, V3, expect};

async fn drift(bench: &Bench) -> Vec<String> {
    let stand: Status = status(&bench.client, "web", bench.cloud.now())
        .await
        .unwrap();
    let shown = stand.to_string();
    for one in &stand.drift {
        assert!(shown.contains(&format!("  drift     {one}")), "{shown}");
    }
    stand.drift
}

fn lead(bench: &Bench, weights: &[(&str, u32)]) {
    let (listener, groups) = {
        let world = bench.cloud.world();
        let listener = world.model.view_listeners().remove(0).arn;
        (listener, world.model.view_target_groups())
    };
    let shares: Vec<_> = (weights.iter())
        .map(|(name, weight)| {
            let group = groups.iter().find(|group| group.name == *name).unwrap();
            json!({ "TargetGroupArn": group.arn, "Weight": weight })
        })
        .collect();
    let actions = json!([{ "Type": "forward", "ForwardConfig": { "TargetGroups": shares } }]);
    let given = json!({ "ListenerArn": listener, "DefaultActions": actions });
    bench.meanwhile(Api::Elb, "ModifyListener", &given);
}

#[tokio::test(start_paused = true)]
async fn a_roll_leaves_no_drift_and_scaling_is_none() {
    let bench = rolled_once().await;
    assert_eq!(drift(&bench).await, [""; 0]);
    expect(&bench.roll(V2).await, Verdict::Done);
    assert_eq!(drift(&bench).await, [""; 0]);
    let more = json!({ "AutoScalingGroupName": "web-v002", "DesiredCapacity": "4" });
    bench.meanwhile(Api::AutoScaling, "SetDesiredCapacity", &more);
    assert_eq!(drift(&bench).await, [""; 0]);
    assert_eq!(bench.rollback().await.verdict, Verdict::Done);
    assert_eq!(drift(&bench).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_others_change_of_the_group_is_named() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    let name = json!("web-v002");
    let sizes = json!({ "AutoScalingGroupName": name, "MinSize": "1", "MaxSize": "9",
        "LaunchTemplate": { "LaunchTemplateName": "web", "Version": "$Latest" } });
    bench.meanwhile(Api::AutoScaling, "UpdateAutoScalingGroup", &sizes);
    let processes = json!({ "AutoScalingGroupName": name, "ScalingProcesses": ["AZRebalance"] });
    bench.meanwhile(Api::AutoScaling, "SuspendProcesses", &processes);
    let writes = bench.cloud.writes().len();
    let expected = [
        "minimum of group web-v002: 2 as rolled, 1 now",
        "maximum of group web-v002: 6 as rolled, 9 now",
        "launch template version of group web-v002: 2 as rolled, $Latest now",
        "process AZRebalance of group web-v002: ran as rolled, suspended now",
    ];
    assert_eq!(drift(&bench).await, expected);
    assert_eq!(bench.cloud.writes().len(), writes, "nothing is repaired");
}

/// Rows 49 and 51 of the complaints: a tool that owns the rule too puts its weights back.
#[tokio::test(start_paused = true)]
async fn weights_that_somebody_put_back_are_named() {
    let bench = rolled_once().await;
    expect(&bench.roll(V2).await, Verdict::Done);
    lead(&bench, &[("web-a", 1)]);
    let [text] = &drift(&bench).await[..] else {
        panic!("{:?}", drift(&bench).await);
    };
    assert!(
        text.ends_with("leads to group web-v001, which the last roll set aside"),
        "{text}"
    );
    lead(&bench, &[("web-a", 50), ("web-b", 50)]);
    let [text] = &drift(&bench).await[..] else {
        panic!("{:?}", drift(&bench).await);
    };
    assert!(
        text.ends_with("shares its traffic, and no roll is under way: web-a 50 %, web-b 50 %"),
        "{text}"
    );
    lead(&bench, &[("web-b", 1)]);
    expect(&bench.roll(V3).await, Verdict::Done);
    assert_eq!(drift(&bench).await, [""; 0]);
}

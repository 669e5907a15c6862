//! A service by records that is to be no more: the records are of others' making, and stay theirs.

use kiln::roll::Verdict;
use localcloud::model::Service as Api;
use localcloud::model::view::RecordView;
use serde_json::json;

use super::super::Bench;
use super::{AT_ONCE, rolled_once};

fn records(bench: &Bench) -> Vec<RecordView> {
    let world = bench.cloud.world();
    let zones = world.model.view_zones();
    world.model.view_records(&zones[0].id)
}

#[tokio::test(start_paused = true)]
async fn it_is_refused_until_its_records_are_led_elsewhere_and_writes_none() {
    let bench = rolled_once(AT_ONCE).await;
    let (before, writes) = (records(&bench), bench.cloud.writes().len());
    let done = bench.destroy().await;
    assert_eq!(done.verdict, Verdict::Failed, "{done:?}");
    assert_eq!(bench.cloud.writes().len(), writes);
    let said = done.left.join("\n");
    let mend = "have the records of www.example.org lead to other load balancers, or delete them; then aws elbv2 remove-tags";
    assert!(said.contains(mend), "{said}");
    // As it says, but for the records themselves: nothing of them hangs on the service any more.
    let listeners = bench.cloud.world().model.view_listeners();
    for one in &listeners {
        let fixed =
            json!([{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "503" } }]);
        let given = json!({ "ListenerArn": one.arn, "DefaultActions": fixed });
        bench.meanwhile(Api::Elb, "ModifyListener", &given);
        let keys = ["kiln:service", "kiln:record"];
        let given = json!({ "ResourceArns": [one.arn], "TagKeys": keys });
        bench.meanwhile(Api::Elb, "RemoveTags", &given);
    }
    let done = bench.destroy().await;
    assert_eq!(done.verdict, Verdict::Done, "{done:?}");
    assert_eq!(bench.groups(), []);
    assert_eq!(records(&bench), before);
}

//! Listeners by which no next group can be proven.

use kiln::roll::Verdict;
use localcloud::model::Service as Api;
use serde_json::json;

use super::super::refused::refused_input;
use super::super::{Bench, V2, expect};
use super::{PORT, led, rolled_once, test_listener};

fn with_port(bench: &mut Bench, port: u16) {
    let probe = &mut bench.service.traffic.as_mut().unwrap().probe;
    probe.port.as_mut().unwrap().value = port;
}

/// A target group that is none of the service's.
fn foreign(bench: &Bench) -> String {
    let vpc = bench.cloud.world().model.view_vpc().to_owned();
    let given = json!({"Name": "shop", "Protocol": "HTTP", "Port": 80, "VpcId": vpc});
    let made = bench.meanwhile(Api::Elb, "CreateTargetGroup", &given);
    super::super::text(&made, "TargetGroups.0.TargetGroupArn")
}

#[tokio::test(start_paused = true)]
async fn what_is_no_test_listener_is_refused_at_its_place() {
    let base = rolled_once().await;
    let mut bench = base.fork().await;
    with_port(&mut bench, 8444);
    let help = refused_input(&bench, "roll::no_listener").await;
    assert!(help.contains("it listens on 80, 8443"), "{help}");
    let bench = base.fork().await;
    let tags = json!([{ "Key": "kiln:service", "Value": "shop" }]);
    let given = json!({ "ResourceArns": [test_listener(&bench).arn], "Tags": tags });
    bench.meanwhile(Api::Elb, "AddTags", &given);
    let help = refused_input(&bench, "roll::rule_of_another").await;
    assert!(help.contains("remove-tags"), "{help}");
    let bench = base.fork().await;
    let others = foreign(&bench);
    led(&bench, "shop");
    refused_input(&bench, "roll::test_listener").await;
    led(&bench, "web-b");
    let rule = json!({ "ListenerArn": test_listener(&bench).arn, "Priority": 7,
        "Conditions": [{ "Field": "host-header", "HostHeaderConfig": { "Values": ["shop.example"] } }],
        "Actions": [{ "Type": "forward", "TargetGroupArn": others }] });
    bench.meanwhile(Api::Elb, "CreateRule", &rule);
    refused_input(&bench, "roll::test_listener").await;
}

/// Its tags say for good that nobody's traffic goes by it.
#[tokio::test(start_paused = true)]
async fn a_test_listener_carries_no_production_before_its_tag_is_off() {
    let base = rolled_once().await;
    let mut bench = base.fork().await;
    let traffic = bench.service.traffic.as_mut().unwrap();
    traffic.probe.port = None;
    traffic.rules[0].port.value = PORT;
    let ended = bench.roll(V2).await;
    expect(&ended, Verdict::Refused);
    let codes: Vec<_> = ended.refused.iter().map(|one| one.finding.code).collect();
    assert!(codes.contains(&"roll::test_listener"), "{codes:?}");
}

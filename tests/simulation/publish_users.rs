//! An image that something would start from keeps its name.

use kiln::bake::Options;
use kiln::cloud::{Elsewhere as _, Images as _, Region};
use kiln::run::Clock as _;
use localcloud::model::{Request, Service, Tree};
use serde_json::json;

use super::bench::Bench;
use super::publish::{REGIONS, images, taken};
use super::roll::params;

pub fn ask(
    bench: &Bench,
    region: &str,
    service: Service,
    action: &str,
    given: &serde_json::Value,
) -> Tree {
    let request = Request {
        service,
        action: action.to_owned(),
        params: params(given),
    };
    let now = bench.cloud.now();
    let mut world = bench.cloud.world();
    let answer = world.model.call_in(region, &request, now);
    world.physics.take(answer.effects, now);
    answer.result.unwrap()
}

async fn users(bench: &Bench, region: &str) -> Vec<String> {
    let client = bench.client.in_region(&Region::new(region));
    let old = images(&bench.cloud, region).await.remove(0).id;
    let mut found = Vec::new();
    // Fresh things show late.
    for _ in 0..4 {
        found = client.image_users(&old).await.unwrap();
    }
    found
}

async fn refusals(bench: &Bench, options: Options) -> Vec<String> {
    let findings = bench.findings(options).await.into_iter();
    findings.map(|finding| finding.message).collect()
}

#[tokio::test(start_paused = true)]
async fn an_image_in_use_keeps_its_name_unless_it_is_forced() {
    let bench = taken().await;
    for region in &REGIONS[..2] {
        assert_eq!(users(&bench, region).await, [""; 0]);
        let old = images(&bench.cloud, region).await.remove(0).id;
        let data = json!({ "ImageId": old, "InstanceType": "t3.small" });
        let template = json!({ "LaunchTemplateName": "web", "LaunchTemplateData": data });
        ask(
            &bench,
            region,
            Service::Ec2,
            "CreateLaunchTemplate",
            &template,
        );
        assert_eq!(
            users(&bench, region).await,
            ["launch template web, version 1"]
        );
        let said = refusals(&bench, Options::default()).await;
        let of = said
            .iter()
            .filter(|text| text.contains(&format!("in {region} is in use by launch template web")));
        assert_eq!(of.count(), 1, "{said:?}");
        let forced = Options {
            force: true,
            ..Options::default()
        };
        assert_eq!(refusals(&bench, forced).await, [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn groups_and_instances_use_an_image_too() {
    let bench = taken().await;
    let region = REGIONS[0];
    let old = images(&bench.cloud, region).await.remove(0).id;
    let subnets = ask(&bench, region, Service::Ec2, "DescribeSubnets", &json!({}));
    let subnet = subnets.at("subnetSet.0.subnetId").and_then(Tree::text);
    let data = json!({ "ImageId": old, "InstanceType": "t3.small" });
    let template = json!({ "LaunchTemplateName": "web", "LaunchTemplateData": data });
    ask(
        &bench,
        region,
        Service::Ec2,
        "CreateLaunchTemplate",
        &template,
    );
    let group = json!({
        "AutoScalingGroupName": "web", "MinSize": 0, "MaxSize": 1, "VPCZoneIdentifier": subnet,
        "LaunchTemplate": { "LaunchTemplateName": "web" }
    });
    ask(
        &bench,
        region,
        Service::AutoScaling,
        "CreateAutoScalingGroup",
        &group,
    );
    let launch = json!({
        "ImageId": old, "InstanceType": "t3.small", "MinCount": 1, "MaxCount": 1
    });
    let launched = ask(&bench, region, Service::Ec2, "RunInstances", &launch);
    let instance = launched
        .at("instancesSet.0.instanceId")
        .and_then(Tree::text);
    let wanted = [
        "launch template web, version 1".to_owned(),
        "Auto Scaling group web".to_owned(),
        format!("instance {}", instance.unwrap()),
    ];
    assert_eq!(users(&bench, region).await, wanted);
}

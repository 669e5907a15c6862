//! What an account has from the start, and the table of what is answered.

use super::{Cloud, DEBIAN};
use localcloud::model::{Answer, Model, Params, Request, Service};
use std::collections::BTreeSet;

#[test]
fn every_action_stands_once_in_the_table() {
    let names: Vec<(Service, &str)> = Model::actions()
        .map(|action| (action.service, action.name))
        .collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    for needed in [
        "RunInstances",
        "CreateImage",
        "CreateFleet",
        "CreateLaunchTemplateVersion",
    ] {
        assert!(names.contains(&(Service::Ec2, needed)), "{needed}");
    }
}

#[test]
fn three_zones_have_a_subnet_each_inside_the_vpc() {
    let mut cloud = Cloud::with(|config| config.region = "eu-west-1".into());
    let zones: BTreeSet<String> = (0..3)
        .map(|n| {
            cloud.get(
                "DescribeSubnets",
                "",
                &format!("subnetSet.{n}.availabilityZone"),
            )
        })
        .collect();
    assert_eq!(
        zones.into_iter().collect::<Vec<_>>(),
        ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
    );
    let by_zone = "Filter.1.Name=availability-zone Filter.1.Value.1=eu-west-1b";
    assert_eq!(
        cloud.get("DescribeSubnets", by_zone, "subnetSet.0.cidrBlock"),
        "172.31.16.0/20"
    );
    assert_eq!(
        cloud.get("DescribeSubnets", by_zone, "subnetSet.0.availabilityZoneId"),
        "euw1-az2"
    );
    assert_eq!(
        cloud.get("DescribeVpcs", "", "vpcSet.0.cidrBlock"),
        "172.31.0.0/16"
    );
}

#[test]
fn an_unknown_action_is_named_in_the_refusal() {
    let mut cloud = Cloud::new();
    let fault = cloud.ask("DescribeMoonPhases", "").unwrap_err();
    assert_eq!((fault.code.as_str(), fault.status), ("InvalidAction", 400));
    assert!(fault.message.contains("DescribeMoonPhases"), "{fault}");
}

#[test]
fn the_newest_debian_has_a_public_parameter() {
    let mut cloud = Cloud::with(|config| {
        let mut older = super::debian();
        (older.id, older.name) = (
            "ami-0aaaaaaaaaaaaaaaa".into(),
            "debian-12-amd64-20250101-1".into(),
        );
        older.created = jiff::Timestamp::UNIX_EPOCH;
        config.images.push(older);
    });
    let name = "/aws/service/debian/release/12/latest/amd64";
    let params = Params::Map([("Name".to_owned(), Params::Text(name.into()))].into());
    let request = Request {
        service: Service::Ssm,
        action: "GetParameter".into(),
        params,
    };
    let Answer { result, .. } = cloud.model.call(&request, cloud.now);
    assert_eq!(
        result
            .unwrap()
            .at("Parameter.Value")
            .unwrap()
            .text()
            .as_deref(),
        Some(DEBIAN)
    );
}

/// The list in ARCHITECTURE.md is between its heading and the next one, in backticks.
#[test]
fn the_architecture_lists_every_action() {
    let text = include_str!("../../../ARCHITECTURE.md");
    let (_, section) = text
        .split_once("## What the local cloud answers\n")
        .unwrap();
    let section = section.split("\n## ").next().unwrap();
    let listed: BTreeSet<&str> = section.split('`').skip(1).step_by(2).collect();
    let answered: BTreeSet<&str> = Model::actions().map(|action| action.name).collect();
    let missing: Vec<_> = answered.difference(&listed).collect();
    let stale: Vec<_> = listed.difference(&answered).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "not listed: {missing:?}; listed for nothing: {stale:?}"
    );
}

//! Load balancers and target groups: names, settings, attributes, tags.

use crate::model::Service::Elb;
use crate::physics::fixture::{Cloud, count, text};
use serde_json::json;

#[test]
fn a_load_balancer_is_provisioning_until_its_proxy_listens() {
    let mut cloud = Cloud::new();
    let arn = cloud.balancer("front");
    let asked = json!({"LoadBalancerArns": [arn]});
    let before = cloud.elb("DescribeLoadBalancers", asked.clone());
    assert_eq!(text(&before, "LoadBalancers.0.State.Code"), "provisioning");
    cloud.pass(10);
    let after = cloud.elb("DescribeLoadBalancers", asked);
    assert_eq!(text(&after, "LoadBalancers.0.State.Code"), "active");
    assert_eq!(count(&after, "LoadBalancers.0.AvailabilityZones"), 2);
}

#[test]
fn load_balancers_need_two_zones_and_a_fresh_name() {
    let mut cloud = Cloud::new();
    let subnets = cloud.subnets();
    cloud.balancer("front");
    let mut create = |name: &str, subnets: &[String]| {
        cloud.refused(
            Elb,
            "CreateLoadBalancer",
            json!({"Name": name, "Subnets": subnets}),
        )
    };
    assert_eq!(create("front", &subnets), "DuplicateLoadBalancerName");
    assert_eq!(create("one", &subnets[..1]), "ValidationError");
    assert_eq!(
        create("same", &[subnets[0].clone(), subnets[0].clone()]),
        "InvalidConfigurationRequest"
    );
    assert_eq!(
        create(
            "none",
            &["subnet-00000000000000000".into(), subnets[0].clone()]
        ),
        "SubnetNotFound"
    );
    assert_eq!(create("-front", &subnets), "ValidationError");
    assert_eq!(create(&"x".repeat(33), &subnets), "ValidationError");
    assert_eq!(create("internal-x", &subnets), "ValidationError");
}

#[test]
fn the_same_target_group_twice_is_one_and_another_under_its_name_is_refused() {
    let mut cloud = Cloud::new();
    let first = cloud.target_group("web-a");
    assert_eq!(cloud.target_group("web-a"), first);
    let vpc = cloud.model().view_vpc().to_owned();
    let other = json!({"Name": "web-a", "Protocol": "HTTP", "Port": 81, "VpcId": vpc});
    assert_eq!(
        cloud.refused(Elb, "CreateTargetGroup", other),
        "DuplicateTargetGroupName"
    );
    let long = json!({"Name": "x".repeat(33), "Protocol": "HTTP", "Port": 80, "VpcId": vpc});
    assert_eq!(
        cloud.refused(Elb, "CreateTargetGroup", long),
        "ValidationError"
    );
}

#[test]
fn health_checks_are_checked_as_a_whole() {
    let mut cloud = Cloud::new();
    let arn = cloud.target_group("web-a");
    let mut modify = |change: serde_json::Value| {
        let mut given = change;
        given["TargetGroupArn"] = json!(arn);
        cloud.call(Elb, "ModifyTargetGroup", &given)
    };
    // The interval is 5 s, so the timeout may not be 5 s too.
    assert!(modify(json!({"HealthCheckTimeoutSeconds": 5})).is_err());
    assert!(modify(json!({"HealthCheckIntervalSeconds": 301})).is_err());
    assert!(modify(json!({"HealthCheckPath": "healthz"})).is_err());
    assert!(modify(json!({"Matcher": {"HttpCode": "600"}})).is_err());
    let answer =
        modify(json!({"HealthCheckPath": "/healthz", "Matcher": {"HttpCode": "200-299"}})).unwrap();
    assert_eq!(text(&answer, "TargetGroups.0.HealthCheckPath"), "/healthz");
    assert_eq!(text(&answer, "TargetGroups.0.Matcher.HttpCode"), "200-299");
    assert_eq!(
        text(&answer, "TargetGroups.0.HealthCheckIntervalSeconds"),
        "5"
    );
}

#[test]
fn attributes_have_defaults_and_ranges() {
    let mut cloud = Cloud::new();
    let arn = cloud.target_group("web-a");
    let given = |key: &str, value: &str| json!({"TargetGroupArn": arn, "Attributes": [{"Key": key, "Value": value}]});
    for (key, value) in [
        ("deregistration_delay.timeout_seconds", "3601"),
        ("slow_start.duration_seconds", "29"),
        ("stickiness.enabled", "yes"),
        ("stickiness.lb_cookie.duration_seconds", "0"),
        ("no.such.attribute", "1"),
    ] {
        assert_eq!(
            cloud.refused(Elb, "ModifyTargetGroupAttributes", given(key, value)),
            "ValidationError",
            "{key}={value}"
        );
    }
    cloud.elb(
        "ModifyTargetGroupAttributes",
        given("deregistration_delay.timeout_seconds", "7"),
    );
    let shown = format!(
        "{:?}",
        cloud.elb(
            "DescribeTargetGroupAttributes",
            json!({"TargetGroupArn": arn})
        )
    );
    assert!(
        shown.contains("\"7\"") && shown.contains("use_load_balancer_configuration"),
        "{shown}"
    );
}

#[test]
fn a_target_group_in_use_cannot_be_deleted() {
    let mut cloud = Cloud::new();
    let (balancer, group) = (cloud.balancer("front"), cloud.target_group("web-a"));
    let listener = cloud.listener(&balancer, 80, &group);
    let given = json!({"TargetGroupArn": group});
    assert_eq!(
        cloud.refused(Elb, "DeleteTargetGroup", given.clone()),
        "ResourceInUse"
    );
    cloud.elb("DeleteListener", json!({"ListenerArn": listener}));
    cloud.elb("DeleteTargetGroup", given.clone());
    // One that is gone is gone.
    cloud.elb("DeleteTargetGroup", given.clone());
    assert_eq!(
        cloud.refused(Elb, "DescribeTargetHealth", given),
        "TargetGroupNotFound"
    );
}

#[test]
fn deletion_protection_holds_and_a_deleted_load_balancer_takes_its_rules_along() {
    let mut cloud = Cloud::new();
    let (balancer, group) = (cloud.balancer("front"), cloud.target_group("web-a"));
    cloud.listener(&balancer, 80, &group);
    let protect = |value: &str| {
        let attribute = json!([{"Key": "deletion_protection.enabled", "Value": value}]);
        json!({"LoadBalancerArn": balancer, "Attributes": attribute})
    };
    cloud.elb("ModifyLoadBalancerAttributes", protect("true"));
    let given = json!({"LoadBalancerArn": balancer});
    assert_eq!(
        cloud.refused(Elb, "DeleteLoadBalancer", given.clone()),
        "OperationNotPermitted"
    );
    cloud.elb("ModifyLoadBalancerAttributes", protect("false"));
    cloud.elb("DeleteLoadBalancer", given);
    assert!(cloud.model().view_listeners().is_empty());
    assert_eq!(cloud.model().view_target_groups().len(), 1);
}

#[test]
fn tags_are_for_what_exists_and_twenty_at_once() {
    let mut cloud = Cloud::new();
    let group = cloud.target_group("web-a");
    cloud.elb("AddTags", json!({"ResourceArns": [group], "Tags": [{"Key": "kiln:service", "Value": "web"}, {"Key": "x", "Value": ""}]}));
    cloud.elb(
        "RemoveTags",
        json!({"ResourceArns": [group], "TagKeys": ["x"]}),
    );
    let shown = cloud.elb("DescribeTags", json!({"ResourceArns": [group]}));
    assert_eq!(text(&shown, "TagDescriptions.0.Tags.0.Value"), "web");
    assert_eq!(count(&shown, "TagDescriptions.0.Tags"), 1);
    let many = vec![group.clone(); 21];
    assert_eq!(
        cloud.refused(Elb, "DescribeTags", json!({"ResourceArns": many})),
        "ValidationError"
    );
    let gone = format!("{group}0");
    assert_eq!(
        cloud.refused(Elb, "DescribeTags", json!({"ResourceArns": [gone]})),
        "TargetGroupNotFound"
    );
    let reserved = json!({"ResourceArns": [group], "Tags": [{"Key": "aws:x", "Value": ""}]});
    assert_eq!(cloud.refused(Elb, "AddTags", reserved), "ValidationError");
}

//! Network load balancers and their listeners.

mod groups;

use crate::model::Service::Elb;
use crate::physics::fixture::{Cloud, count, text};
use serde_json::{Value, json};

struct Front {
    cloud: Cloud,
    balancer: String,
    listener: String,
    group: String,
}

/// A target group of a protocol whose checks ask for a connection every five seconds, and its ARN.
fn target_group(cloud: &mut Cloud, name: &str, protocol: &str) -> String {
    let vpc = cloud.model().view_vpc().to_owned();
    let given = json!({"Name": name, "Protocol": protocol, "Port": 80, "VpcId": vpc,
        "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 5, "HealthyThresholdCount": 3});
    let made = cloud.elb("CreateTargetGroup", given);
    text(&made, "TargetGroups.0.TargetGroupArn")
}

fn network(cloud: &mut Cloud, name: &str, more: &Value) -> Value {
    let mut given = json!({"Name": name, "Type": "network", "Subnets": cloud.subnets()[..2]});
    for (field, value) in more.as_object().unwrap() {
        given[field] = value.clone();
    }
    given
}

fn balancer(cloud: &mut Cloud, name: &str) -> String {
    let given = network(cloud, name, &json!({}));
    text(
        &cloud.elb("CreateLoadBalancer", given),
        "LoadBalancers.0.LoadBalancerArn",
    )
}

fn to(group: &str) -> Value {
    json!([{"Type": "forward", "TargetGroupArn": group}])
}

fn shares(shares: &[(&str, i64)]) -> Value {
    let entry = |(arn, weight): &(&str, i64)| json!({"TargetGroupArn": arn, "Weight": weight});
    let groups: Vec<Value> = shares.iter().map(entry).collect();
    json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}])
}

fn listens(balancer: &str, protocol: &str, port: u16, actions: &Value) -> Value {
    json!({"LoadBalancerArn": balancer, "Protocol": protocol, "Port": port, "DefaultActions": actions})
}

fn front() -> Front {
    let mut cloud = Cloud::new();
    let balancer = balancer(&mut cloud, "front");
    let group = target_group(&mut cloud, "web-a", "TCP");
    let made = cloud.elb(
        "CreateListener",
        listens(&balancer, "TCP", 443, &to(&group)),
    );
    Front {
        cloud,
        listener: text(&made, "Listeners.0.ListenerArn"),
        balancer,
        group,
    }
}

#[test]
fn its_arns_its_type_and_its_attributes_are_its_own() {
    let Front {
        mut cloud,
        balancer,
        listener,
        ..
    } = front();
    assert!(balancer.contains(":loadbalancer/net/front/"), "{balancer}");
    assert!(listener.contains(":listener/net/front/"), "{listener}");
    cloud.pass(10);
    let shown = cloud.elb("DescribeLoadBalancers", json!({"Names": ["front"]}));
    let shown = shown.at("LoadBalancers.0").unwrap();
    assert_eq!(text(shown, "Type"), "network");
    assert_eq!(text(shown, "State.Code"), "active");
    assert_eq!(shown.get("SecurityGroups"), None);
    let asked = json!({"LoadBalancerArn": balancer});
    let attributes = format!("{:?}", cloud.elb("DescribeLoadBalancerAttributes", asked));
    assert!(
        attributes.contains("dns_record.client_routing_policy"),
        "{attributes}"
    );
    assert!(!attributes.contains("idle_timeout"), "{attributes}");
    assert_eq!(
        attribute(&mut cloud, &balancer, "load_balancing.cross_zone.enabled"),
        "false"
    );
    let application = cloud.balancer("other");
    assert_eq!(
        attribute(
            &mut cloud,
            &application,
            "load_balancing.cross_zone.enabled"
        ),
        "true"
    );
    let idle = json!([{"Key": "idle_timeout.timeout_seconds", "Value": "30"}]);
    let given = json!({"LoadBalancerArn": balancer, "Attributes": idle});
    assert_eq!(
        cloud.refused(Elb, "ModifyLoadBalancerAttributes", given),
        "InvalidConfigurationRequest"
    );
}

/// An attribute of a load balancer or a target group.
fn attribute(cloud: &mut Cloud, arn: &str, key: &str) -> String {
    let (what, action) = if arn.contains(":targetgroup/") {
        ("TargetGroupArn", "DescribeTargetGroupAttributes")
    } else {
        ("LoadBalancerArn", "DescribeLoadBalancerAttributes")
    };
    let shown = cloud.elb(action, json!({ what: arn }));
    let all = (0..count(&shown, "Attributes")).map(|at| format!("Attributes.{at}"));
    let mut found = all.filter(|at| text(&shown, &format!("{at}.Key")) == key);
    text(
        &shown,
        &format!("{}.Value", found.next().unwrap_or_default()),
    )
}

#[test]
fn one_zone_is_enough_and_security_groups_are_for_those_that_began_with_some() {
    let mut cloud = Cloud::new();
    let one = json!({"Subnets": cloud.subnets()[..1]});
    let given = network(&mut cloud, "narrow", &one);
    let made = cloud.elb("CreateLoadBalancer", given);
    let narrow = text(&made, "LoadBalancers.0.LoadBalancerArn");
    let none = network(&mut cloud, "none", &json!({"Subnets": []}));
    assert_eq!(
        cloud.refused(Elb, "CreateLoadBalancer", none),
        "ValidationError"
    );
    let groups = cloud.ec2("DescribeSecurityGroups", json!({}));
    let groups = json!([text(&groups, "securityGroupInfo.0.groupId")]);
    let set = |arn: &str| json!({"LoadBalancerArn": arn, "SecurityGroups": groups});
    assert_eq!(
        cloud.refused(Elb, "SetSecurityGroups", set(&narrow)),
        "InvalidConfigurationRequest"
    );
    let given = network(&mut cloud, "guarded", &json!({"SecurityGroups": groups}));
    let made = cloud.elb("CreateLoadBalancer", given);
    assert_eq!(count(&made, "LoadBalancers.0.SecurityGroups"), 1);
    let guarded = text(&made, "LoadBalancers.0.LoadBalancerArn");
    cloud.elb("SetSecurityGroups", set(&guarded));
}

#[test]
fn each_type_listens_for_its_own_protocols() {
    let Front {
        mut cloud,
        balancer,
        group,
        ..
    } = front();
    let (application, http) = (cloud.balancer("app"), cloud.target_group("http"));
    for (balancer, protocol, group, code) in [
        (&balancer, "HTTP", &http, "ValidationError"),
        (&balancer, "HTTPS", &http, "ValidationError"),
        (&application, "TCP", &group, "ValidationError"),
        (&application, "UDP", &group, "ValidationError"),
        (&balancer, "TLS", &group, "ValidationError"),
        (&balancer, "UDP", &group, "UnsupportedProtocol"),
        (&balancer, "TCP_UDP", &group, "UnsupportedProtocol"),
        (&balancer, "QUIC", &group, "UnsupportedProtocol"),
    ] {
        let given = listens(balancer, protocol, 80, &to(group));
        assert_eq!(
            cloud.refused(Elb, "CreateListener", given),
            code,
            "{protocol}"
        );
    }
    let mut tls = listens(&balancer, "TLS", 80, &to(&group));
    tls["Certificates"] = json!([{"CertificateArn": "arn:aws:acm:eu-central-1:1:certificate/1"}]);
    let fault = cloud.call(Elb, "CreateListener", &tls).unwrap_err();
    assert_eq!(fault.code, "UnsupportedProtocol");
    assert!(
        fault.message.contains("TLS") && fault.message.contains("certificates"),
        "{fault}"
    );
}

#[test]
fn target_groups_fit_the_protocol_and_stand_behind_one_load_balancer() {
    let Front {
        mut cloud,
        balancer: first,
        listener,
        group,
    } = front();
    let (http, tls) = (
        cloud.target_group("http"),
        target_group(&mut cloud, "tls", "TLS"),
    );
    for group in [&http, &tls] {
        let given = json!({"ListenerArn": listener, "DefaultActions": to(group)});
        assert_eq!(
            cloud.refused(Elb, "ModifyListener", given),
            "IncompatibleProtocols"
        );
    }
    let both = target_group(&mut cloud, "both", "TCP_UDP");
    cloud.elb("CreateListener", listens(&first, "TCP", 80, &to(&both)));
    // Two listeners of the same load balancer may lead to it.
    cloud.elb("CreateListener", listens(&first, "TCP", 81, &to(&group)));
    assert_eq!(
        cloud.refused(
            Elb,
            "CreateListener",
            listens(&first, "TCP", 81, &to(&group))
        ),
        "DuplicateListener"
    );
    let second = balancer(&mut cloud, "second");
    assert_eq!(
        cloud.refused(
            Elb,
            "CreateListener",
            listens(&second, "TCP", 80, &to(&group))
        ),
        "TargetGroupAssociationLimit"
    );
}

#[test]
fn a_listener_only_forwards_and_has_no_rules_but_its_own() {
    let Front {
        mut cloud,
        listener,
        group,
        ..
    } = front();
    let other = target_group(&mut cloud, "web-b", "TCP");
    let mut modify = |actions: Value| {
        let given = json!({"ListenerArn": listener, "DefaultActions": actions});
        cloud
            .call(Elb, "ModifyListener", &given)
            .map_err(|fault| fault.code)
    };
    let fixed = json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]);
    assert_eq!(modify(fixed).unwrap_err(), "InvalidLoadBalancerAction");
    assert_eq!(
        modify(shares(&[(&group, 1000)])).unwrap_err(),
        "ValidationError"
    );
    let mut sticky = shares(&[(&group, 90), (&other, 10)]);
    sticky[0]["ForwardConfig"]["TargetGroupStickinessConfig"] =
        json!({"Enabled": true, "DurationSeconds": 60});
    assert_eq!(modify(sticky.clone()).unwrap_err(), "ValidationError");
    sticky[0]["ForwardConfig"]["TargetGroupStickinessConfig"] = json!({"Enabled": true});
    modify(sticky).unwrap();
    let shown = modify(shares(&[(&group, 90), (&other, 0)])).unwrap();
    let action = shown.at("Listeners.0.DefaultActions.0").unwrap();
    assert_eq!(action.get("TargetGroupArn"), None);
    assert_eq!(text(action, "ForwardConfig.TargetGroups.1.Weight"), "0");
    let condition = json!([{"Field": "path-pattern", "Values": ["/x"]}]);
    let rule = json!({"ListenerArn": listener, "Priority": 1, "Conditions": condition, "Actions": to(&other)});
    assert_eq!(
        cloud.refused(Elb, "CreateRule", rule),
        "InvalidConfigurationRequest"
    );
    let rules = cloud.elb("DescribeRules", json!({"ListenerArn": listener}));
    assert_eq!(count(&rules, "Rules"), 1);
    assert_eq!(text(&rules, "Rules.0.IsDefault"), "true");
    assert!(text(&rules, "Rules.0.RuleArn").contains(":listener-rule/net/front/"));
}

#[test]
fn one_target_group_comes_back_in_both_forms_and_without_a_weight() {
    let Front {
        mut cloud,
        listener,
        group,
        ..
    } = front();
    let shown = cloud.elb("DescribeListeners", json!({"ListenerArns": [listener]}));
    assert_eq!(text(&shown, "Listeners.0.Protocol"), "TCP");
    let action = shown.at("Listeners.0.DefaultActions.0").unwrap();
    assert_eq!(text(action, "TargetGroupArn"), group);
    let entry = action.at("ForwardConfig.TargetGroups.0").unwrap();
    assert_eq!(
        (text(entry, "TargetGroupArn"), entry.get("Weight")),
        (group, None)
    );
}

//! Target groups of network load balancers: checks, attributes, health.

use super::{Front, attribute, front, shares, target_group};
use crate::model::{Closes, Service::Elb, elb::attributes};
use crate::physics::{
    Behaviour, Service,
    fixture::{Cloud, text},
};
use serde_json::{Value, json};

#[test]
fn checks_have_the_defaults_of_what_they_ask() {
    let mut cloud = Cloud::new();
    let vpc = cloud.model().view_vpc().to_owned();
    let given = |name: &str, protocol: &str, more: &Value| {
        let mut given = json!({"Name": name, "Protocol": protocol, "Port": 80, "VpcId": vpc});
        for (field, value) in more.as_object().unwrap() {
            given[field] = value.clone();
        }
        given
    };
    let made = cloud.elb("CreateTargetGroup", given("tcp", "TCP", &json!({})));
    let tcp = made.at("TargetGroups.0").unwrap();
    let shown = |tree, field: &str| text(tree, &format!("HealthCheck{field}"));
    assert_eq!(shown(tcp, "Protocol"), "TCP");
    assert_eq!(
        (shown(tcp, "IntervalSeconds"), shown(tcp, "TimeoutSeconds")),
        ("30".into(), "10".into())
    );
    assert_eq!(text(tcp, "HealthyThresholdCount"), "5");
    assert_eq!(text(tcp, "UnhealthyThresholdCount"), "2");
    for absent in ["HealthCheckPath", "Matcher", "ProtocolVersion"] {
        assert_eq!(tcp.get(absent), None, "{absent}");
    }
    let by_http = given("http", "TCP", &json!({"HealthCheckProtocol": "HTTP"}));
    let made = cloud.elb("CreateTargetGroup", by_http);
    let http = made.at("TargetGroups.0").unwrap();
    assert_eq!(shown(http, "TimeoutSeconds"), "6");
    assert_eq!(
        (shown(http, "Path"), text(http, "Matcher.HttpCode")),
        ("/".into(), "200-399".into())
    );
    let by_https = given("https", "TCP", &json!({"HealthCheckProtocol": "HTTPS"}));
    let made = cloud.elb("CreateTargetGroup", by_https);
    let https = made.at("TargetGroups.0").unwrap();
    assert_eq!(
        (shown(https, "TimeoutSeconds"), shown(https, "Path")),
        ("10".into(), "/".into())
    );
    for (protocol, more) in [
        ("HTTP", json!({"HealthCheckProtocol": "TCP"})),
        ("HTTP", json!({"HealthCheckProtocol": "HTTPS"})),
        ("TCP", json!({"HealthCheckProtocol": "UDP"})),
        (
            "TCP",
            json!({"HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 6}),
        ),
        ("TCP", json!({"ProtocolVersion": "HTTP1"})),
        (
            "TCP",
            json!({"HealthCheckProtocol": "HTTP", "Matcher": {"HttpCode": "600"}}),
        ),
    ] {
        let given = given("wrong", protocol, &more);
        assert_eq!(
            cloud.refused(Elb, "CreateTargetGroup", given),
            "ValidationError",
            "{more}"
        );
    }
    let path = given("wrong", "TCP", &json!({"HealthCheckPath": "/x"}));
    assert_eq!(
        cloud.refused(Elb, "CreateTargetGroup", path),
        "InvalidConfigurationRequest"
    );
}

#[test]
fn target_groups_have_the_attributes_of_their_protocol() {
    let mut cloud = Cloud::new();
    let tcp = target_group(&mut cloud, "tcp", "TCP");
    let udp = target_group(&mut cloud, "udp", "UDP");
    let closes = "deregistration_delay.connection_termination.enabled";
    for (arn, key, value) in [
        (&tcp, "deregistration_delay.timeout_seconds", "300"),
        (
            &tcp,
            "load_balancing.cross_zone.enabled",
            "use_load_balancer_configuration",
        ),
        (&tcp, "preserve_client_ip.enabled", "true"),
        (&tcp, "stickiness.enabled", "false"),
        (&tcp, "stickiness.type", "source_ip"),
        (&tcp, closes, "false"),
        (&udp, closes, "true"),
    ] {
        assert_eq!(attribute(&mut cloud, arn, key), value, "{key}");
    }
    let set = |arn: &str, key: &str, value: &str| json!({"TargetGroupArn": arn, "Attributes": [{"Key": key, "Value": value}]});
    cloud.elb(
        "ModifyTargetGroupAttributes",
        set(&tcp, "preserve_client_ip.enabled", "false"),
    );
    for (arn, key, value, code) in [
        (
            &tcp,
            "slow_start.duration_seconds",
            "30",
            "InvalidConfigurationRequest",
        ),
        (
            &tcp,
            "stickiness.lb_cookie.duration_seconds",
            "60",
            "InvalidConfigurationRequest",
        ),
        (&tcp, "stickiness.type", "lb_cookie", "ValidationError"),
        (
            &udp,
            "preserve_client_ip.enabled",
            "false",
            "ValidationError",
        ),
    ] {
        let given = set(arn, key, value);
        assert_eq!(
            cloud.refused(Elb, "ModifyTargetGroupAttributes", given),
            code,
            "{key}={value}"
        );
    }
}

#[test]
fn a_target_is_unused_until_a_listener_names_its_group_by_any_weight_and_healthy_after_the_threshold()
 {
    let Front {
        mut cloud,
        listener,
        group,
        ..
    } = front();
    let other = target_group(&mut cloud, "web-b", "TCP");
    let instance = cloud.instance(0);
    cloud.pass(60);
    let registers = json!({"TargetGroupArn": other, "Targets": [{"Id": instance}]});
    cloud.elb("RegisterTargets", registers);
    cloud.pass(120);
    assert_eq!(cloud.health(&other, &instance), "unused Target.NotInUse");
    let actions = shares(&[(&group, 1), (&other, 0)]);
    cloud.elb(
        "ModifyListener",
        json!({"ListenerArn": listener, "DefaultActions": actions}),
    );
    assert_eq!(
        cloud.health(&other, &instance),
        "initial Elb.RegistrationInProgress"
    );
    // Three checks, five seconds apart.
    cloud.pass(10);
    assert_eq!(
        cloud.health(&other, &instance),
        "initial Elb.InitialHealthChecking"
    );
    cloud.pass(10);
    assert_eq!(cloud.health(&other, &instance), "healthy");
    let views = cloud.model().view_listeners();
    assert_eq!(views[0].protocol, "TCP");
    let reach = &views[0].rules[0].reach;
    assert_eq!(
        reach.iter().map(|reach| &reach.group).collect::<Vec<_>>(),
        [&group],
        "weight 0 serves nothing"
    );
    let actions = shares(&[(&group, 0), (&other, 1)]);
    cloud.elb(
        "ModifyListener",
        json!({"ListenerArn": listener, "DefaultActions": actions}),
    );
    let reach = cloud.model().view_listeners()[0].rules[0].reach.clone();
    assert_eq!(
        (reach.len(), &reach[0].targets),
        (1, &vec![instance.clone()])
    );
    cloud.elb(
        "DeregisterTargets",
        json!({"TargetGroupArn": other, "Targets": [{"Id": instance}]}),
    );
    assert_eq!(
        cloud.health(&other, &instance),
        "draining Target.DeregistrationInProgress"
    );
    cloud.pass(301);
    assert_eq!(
        cloud.health(&other, &instance),
        "unused Target.NotRegistered"
    );
}

#[test]
fn a_check_that_asks_for_a_connection_sees_only_whether_there_is_one() {
    for (asks, service, said) in [
        ("TCP", Service::WrongStatus(503), "healthy"),
        ("TCP", Service::Hangs, "healthy"),
        (
            "TCP",
            Service::Absent,
            "unhealthy Target.FailedHealthChecks",
        ),
        (
            "HTTP",
            Service::WrongStatus(503),
            "unhealthy Target.FailedHealthChecks",
        ),
        (
            "HTTP",
            Service::Hangs,
            "unhealthy Target.FailedHealthChecks",
        ),
    ] {
        let Front {
            mut cloud, group, ..
        } = front();
        let modify = json!({"TargetGroupArn": group, "HealthCheckProtocol": asks});
        cloud.elb("ModifyTargetGroup", modify);
        let instance = cloud.instance(0);
        cloud.pass(60);
        let behaviour = Behaviour::with_service(service);
        cloud.world.physics.set_behaviour(&instance, behaviour);
        let registers = json!({"TargetGroupArn": group, "Targets": [{"Id": instance}]});
        cloud.elb("RegisterTargets", registers);
        cloud.pass(30);
        assert_eq!(cloud.health(&group, &instance), said, "{asks}");
    }
}

#[test]
fn connections_are_closed_as_the_attributes_say() {
    let closes =
        |protocol| attributes::closes(&attributes::defaults(attributes::of_group(protocol)));
    let of = |unhealthy, deregistered| Closes {
        unhealthy,
        deregistered,
    };
    assert_eq!(closes("HTTP"), of(false, false));
    assert_eq!(closes("TCP"), of(true, false));
    assert_eq!(closes("UDP"), of(false, true));
}

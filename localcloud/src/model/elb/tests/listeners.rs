//! Listeners, rules and their actions.

use crate::model::Service::Elb;
use crate::physics::fixture::{Cloud, count, text};
use serde_json::{Value, json};

fn weighted(groups: &[(&str, i64)]) -> Value {
    let groups: Vec<Value> = groups
        .iter()
        .map(|(arn, weight)| json!({"TargetGroupArn": arn, "Weight": weight}))
        .collect();
    json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}])
}

fn header(name: &str) -> Value {
    json!([{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": name, "Values": ["1"]}}])
}

struct Front {
    cloud: Cloud,
    balancer: String,
    listener: String,
    group: String,
}

fn front() -> Front {
    let mut cloud = Cloud::new();
    let (balancer, group) = (cloud.balancer("front"), cloud.target_group("web-a"));
    let listener = cloud.listener(&balancer, 80, &group);
    Front {
        cloud,
        balancer,
        listener,
        group,
    }
}

#[test]
fn one_group_is_returned_in_both_forms_and_several_only_as_weights() {
    let Front {
        mut cloud,
        listener,
        group,
        ..
    } = front();
    let asked = json!({"ListenerArns": [listener]});
    let shown = cloud.elb("DescribeListeners", asked.clone());
    let action = shown.at("Listeners.0.DefaultActions.0").unwrap();
    assert_eq!(text(action, "TargetGroupArn"), group);
    assert_eq!(
        text(action, "ForwardConfig.TargetGroups.0.TargetGroupArn"),
        group
    );
    let other = cloud.target_group("web-b");
    let change =
        json!({"ListenerArn": listener, "DefaultActions": weighted(&[(&group, 90), (&other, 10)])});
    cloud.elb("ModifyListener", change);
    let shown = cloud.elb("DescribeListeners", asked);
    let action = shown.at("Listeners.0.DefaultActions.0").unwrap();
    assert_eq!(action.get("TargetGroupArn"), None);
    assert_eq!(text(action, "ForwardConfig.TargetGroups.1.Weight"), "10");
    assert_eq!(
        text(action, "ForwardConfig.TargetGroupStickinessConfig.Enabled"),
        "false"
    );
}

#[test]
fn forwards_that_aws_refuses_are_refused() {
    let Front {
        mut cloud,
        balancer,
        listener,
        group,
    } = front();
    let many: Vec<String> = (0..6)
        .map(|n| cloud.target_group(&format!("tg-{n}")))
        .collect();
    let vpc = cloud.model().view_vpc().to_owned();
    let tcp = cloud.elb(
        "CreateTargetGroup",
        json!({"Name": "tcp", "Protocol": "TCP", "Port": 80, "VpcId": vpc}),
    );
    let tcp = text(&tcp, "TargetGroups.0.TargetGroupArn");
    let six: Vec<(&str, i64)> = many.iter().map(|arn| (arn.as_str(), 1)).collect();
    let mut modify = |actions: Value| {
        cloud.refused(
            Elb,
            "ModifyListener",
            json!({"ListenerArn": listener, "DefaultActions": actions}),
        )
    };
    assert_eq!(modify(weighted(&[(&group, 1000)])), "ValidationError");
    assert_eq!(modify(weighted(&[(&group, -1)])), "ValidationError");
    assert_eq!(modify(weighted(&six)), "TooManyTargetGroups");
    assert_eq!(modify(weighted(&[(&tcp, 1)])), "IncompatibleProtocols");
    assert_eq!(
        modify(weighted(&[(&format!("{group}0"), 1)])),
        "TargetGroupNotFound"
    );
    assert_eq!(
        modify(weighted(&[(&group, 1), (&group, 2)])),
        "InvalidLoadBalancerAction"
    );
    assert_eq!(modify(json!([])), "ValidationError");
    let shown = cloud.elb("DescribeTargetGroups", json!({"LoadBalancerArn": balancer}));
    assert_eq!(
        count(&shown, "TargetGroups"),
        1,
        "a refused change left something behind"
    );
}

#[test]
fn a_sticky_target_group_needs_a_sticky_forward_beside_others() {
    let Front {
        mut cloud,
        listener,
        group,
        ..
    } = front();
    let other = cloud.target_group("web-b");
    let sticky = json!([{"Key": "stickiness.enabled", "Value": "true"}]);
    cloud.elb(
        "ModifyTargetGroupAttributes",
        json!({"TargetGroupArn": other, "Attributes": sticky}),
    );
    let mut actions = weighted(&[(&group, 1), (&other, 1)]);
    let given = json!({"ListenerArn": listener, "DefaultActions": actions});
    assert_eq!(
        cloud.refused(Elb, "ModifyListener", given),
        "InvalidLoadBalancerAction"
    );
    actions[0]["ForwardConfig"]["TargetGroupStickinessConfig"] =
        json!({"Enabled": true, "DurationSeconds": 60});
    cloud.elb(
        "ModifyListener",
        json!({"ListenerArn": listener, "DefaultActions": actions}),
    );
}

#[test]
fn a_port_has_one_listener_and_a_group_one_load_balancer() {
    let Front {
        mut cloud,
        balancer,
        group,
        ..
    } = front();
    let action = json!([{"Type": "forward", "TargetGroupArn": group}]);
    let create = |balancer: &str, port: u16| json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": port, "DefaultActions": action});
    assert_eq!(
        cloud.refused(Elb, "CreateListener", create(&balancer, 80)),
        "DuplicateListener"
    );
    cloud.elb("CreateListener", create(&balancer, 81));
    let second = cloud.balancer("second");
    assert_eq!(
        cloud.refused(Elb, "CreateListener", create(&second, 80)),
        "TargetGroupAssociationLimit"
    );
}

#[test]
fn priorities_are_unique_and_change_together_or_not_at_all() {
    let Front {
        mut cloud,
        listener,
        group,
        ..
    } = front();
    let create = |priority: i64| json!({"ListenerArn": listener, "Priority": priority, "Conditions": header("x-probe"), "Actions": weighted(&[(&group, 1)])});
    let one = text(&cloud.elb("CreateRule", create(1)), "Rules.0.RuleArn");
    let two = text(&cloud.elb("CreateRule", create(2)), "Rules.0.RuleArn");
    assert_eq!(cloud.refused(Elb, "CreateRule", create(2)), "PriorityInUse");
    for wrong in [0, 50_001] {
        assert_eq!(
            cloud.refused(Elb, "CreateRule", create(wrong)),
            "ValidationError"
        );
    }
    let clash = json!({"RulePriorities": [{"RuleArn": one, "Priority": 7}, {"RuleArn": two, "Priority": 7}]});
    assert_eq!(
        cloud.refused(Elb, "SetRulePriorities", clash),
        "PriorityInUse"
    );
    let swap = json!({"RulePriorities": [{"RuleArn": one, "Priority": 2}, {"RuleArn": two, "Priority": 1}]});
    cloud.elb("SetRulePriorities", swap);
    let shown = cloud.elb("DescribeRules", json!({"ListenerArn": listener}));
    let arns: Vec<String> = (0..2)
        .map(|n| text(&shown, &format!("Rules.{n}.RuleArn")))
        .collect();
    assert_eq!(arns, [two, one]);
    assert_eq!(text(&shown, "Rules.2.Priority"), "default");
}

#[test]
fn the_default_rule_is_the_listeners_own() {
    let Front {
        mut cloud,
        listener,
        group,
        ..
    } = front();
    let shown = cloud.elb("DescribeRules", json!({"ListenerArn": listener}));
    let default = text(&shown, "Rules.0.RuleArn");
    let modify = json!({"RuleArn": default, "Actions": weighted(&[(&group, 1)])});
    assert_eq!(
        cloud.refused(Elb, "ModifyRule", modify),
        "OperationNotPermitted"
    );
    assert_eq!(
        cloud.refused(Elb, "DeleteRule", json!({"RuleArn": default})),
        "OperationNotPermitted"
    );
}

#[test]
fn what_the_proxy_cannot_do_is_refused_by_name() {
    let Front {
        mut cloud,
        balancer,
        listener,
        group,
    } = front();
    let source = json!([{"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}]);
    let rule = json!({"ListenerArn": listener, "Priority": 1, "Conditions": source, "Actions": weighted(&[(&group, 1)])});
    let fault = cloud.call(Elb, "CreateRule", &rule).unwrap_err();
    assert_eq!(fault.code, "UnsupportedOperation");
    assert!(fault.message.contains("source-ip"), "{fault}");
    let mut https = json!({"LoadBalancerArn": balancer, "Protocol": "HTTPS", "Port": 443, "DefaultActions": weighted(&[(&group, 1)])});
    assert_eq!(
        cloud.refused(Elb, "CreateListener", https.clone()),
        "ValidationError"
    );
    https["Certificates"] = json!([{"CertificateArn": "arn:aws:acm:eu-central-1:1:certificate/1"}]);
    assert_eq!(
        cloud.refused(Elb, "CreateListener", https),
        "UnsupportedProtocol"
    );
}

#[test]
fn conditions_come_back_in_the_forms_that_aws_uses() {
    let Front {
        mut cloud,
        listener,
        group,
        ..
    } = front();
    let conditions = json!([{"Field": "host-header", "Values": ["web.example"]}, {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/a/*"]}}]);
    let rule = json!({"ListenerArn": listener, "Priority": 3, "Conditions": conditions, "Actions": weighted(&[(&group, 1)])});
    let made = cloud.elb("CreateRule", rule);
    assert_eq!(
        text(&made, "Rules.0.Conditions.0.HostHeaderConfig.Values.0"),
        "web.example"
    );
    assert_eq!(text(&made, "Rules.0.Conditions.1.Values.0"), "/a/*");
    let none = json!({"ListenerArn": listener, "Priority": 4, "Conditions": [], "Actions": weighted(&[(&group, 1)])});
    assert_eq!(cloud.refused(Elb, "CreateRule", none), "ValidationError");
}

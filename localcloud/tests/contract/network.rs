//! Network load balancers.

use localcloud::model::Service::{AutoScaling, Elb};

use super::rows::{Row, Stage, is, row};

pub const ROWS: &[Row] = &[
    row("a network load balancer says its type", kind)
        .but_moto("its ARN is an application load balancer's"),
    row(
        "a network load balancer leads to other zones only if it is told to",
        cross_zone,
    ),
    row("a network load balancer listens for no HTTP", no_http),
    row(
        "a TCP listener leads to no target group for HTTP",
        incompatible,
    )
    .but_moto("accepted"),
    row(
        "a target group is behind one network load balancer alone",
        one_balancer,
    )
    .but_moto("accepted"),
    row("a TCP listener has one rule, its own", own_rule).but_moto("it has as many as one makes"),
    row(
        "a target group for TCP is checked by a connection, by default",
        tcp_defaults,
    ),
    row("a target group for TCP has no slow start", no_slow_start).but_moto("it is set"),
    row(
        "a target behind weight 0 of a TCP listener is checked",
        weight_zero,
    ),
];

fn target_group(stage: &mut Stage, name: &str) -> Result<String, String> {
    let fields = format!("Name={name} Protocol=TCP Port=80 VpcId={}", stage.vpc);
    let made = stage.ok(Elb, "CreateTargetGroup", &fields)?;
    Ok(made.text("TargetGroups.0.TargetGroupArn").to_owned())
}

fn balancer(stage: &mut Stage, name: &str) -> Result<String, String> {
    let fields = format!(
        "Name={name} Type=network Subnets.member.1={} Subnets.member.2={}",
        stage.subnets[0], stage.subnets[1]
    );
    let made = stage.ok(Elb, "CreateLoadBalancer", &fields)?;
    Ok(made.text("LoadBalancers.0.LoadBalancerArn").to_owned())
}

fn listens(balancer: &str, protocol: &str, target_group: &str) -> String {
    format!(
        "LoadBalancerArn={balancer} Protocol={protocol} Port=80 DefaultActions.member.1.Type=forward DefaultActions.member.1.TargetGroupArn={target_group}"
    )
}

/// A listener and its target group.
fn service(stage: &mut Stage) -> Result<(String, String), String> {
    let balancer = balancer(stage, "front")?;
    let target_group = target_group(stage, "web-a")?;
    let made = stage.ok(
        Elb,
        "CreateListener",
        &listens(&balancer, "TCP", &target_group),
    )?;
    Ok((
        made.text("Listeners.0.ListenerArn").to_owned(),
        target_group,
    ))
}

fn kind(stage: &mut Stage) -> Result<(), String> {
    let arn = balancer(stage, "front")?;
    is("arn", arn.contains(":loadbalancer/net/front/"), true)?;
    let shown = stage.ok(Elb, "DescribeLoadBalancers", "Names.member.1=front")?;
    is("type", shown.text("LoadBalancers.0.Type"), "network")
}

fn cross_zone(stage: &mut Stage) -> Result<(), String> {
    let arn = balancer(stage, "front")?;
    let shown = stage.ok(
        Elb,
        "DescribeLoadBalancerAttributes",
        &format!("LoadBalancerArn={arn}"),
    )?;
    let keys = shown.all("Attributes", "Key").into_iter();
    let values = shown.all("Attributes", "Value").into_iter();
    let mut found = keys.zip(values);
    let found = found.find(|(key, _)| key == "load_balancing.cross_zone.enabled");
    is(
        "cross zone",
        found.map(|(_, value)| value),
        Some("false".to_owned()),
    )
}

fn no_http(stage: &mut Stage) -> Result<(), String> {
    let (arn, target_group) = (balancer(stage, "front")?, stage.target_group("web-a")?);
    stage.refused(
        Elb,
        "CreateListener",
        &listens(&arn, "HTTP", &target_group),
        "ValidationError",
    )
}

fn incompatible(stage: &mut Stage) -> Result<(), String> {
    let (arn, target_group) = (balancer(stage, "front")?, stage.target_group("web-a")?);
    stage.refused(
        Elb,
        "CreateListener",
        &listens(&arn, "TCP", &target_group),
        "IncompatibleProtocols",
    )
}

fn one_balancer(stage: &mut Stage) -> Result<(), String> {
    let (_, target_group) = service(stage)?;
    let second = balancer(stage, "second")?;
    stage.refused(
        Elb,
        "CreateListener",
        &listens(&second, "TCP", &target_group),
        "TargetGroupAssociationLimit",
    )
}

fn own_rule(stage: &mut Stage) -> Result<(), String> {
    let (listener, target_group) = service(stage)?;
    let rule = format!(
        "ListenerArn={listener} Priority=1 Conditions.member.1.Field=path-pattern Conditions.member.1.Values.member.1=/x Actions.member.1.Type=forward Actions.member.1.TargetGroupArn={target_group}"
    );
    stage.refused(Elb, "CreateRule", &rule, "InvalidConfigurationRequest")?;
    let rules = stage.ok(Elb, "DescribeRules", &format!("ListenerArn={listener}"))?;
    is(
        "rules",
        rules.all("Rules", "IsDefault"),
        vec!["true".to_owned()],
    )
}

fn tcp_defaults(stage: &mut Stage) -> Result<(), String> {
    let arn = target_group(stage, "web-a")?;
    let fields = format!("TargetGroupArns.member.1={arn}");
    let shown = stage.ok(Elb, "DescribeTargetGroups", &fields)?;
    for (field, value) in [
        ("HealthCheckProtocol", "TCP"),
        ("HealthCheckIntervalSeconds", "30"),
        ("HealthCheckTimeoutSeconds", "10"),
        ("HealthyThresholdCount", "5"),
        ("UnhealthyThresholdCount", "2"),
        ("HealthCheckPath", ""),
    ] {
        is(field, shown.text(&format!("TargetGroups.0.{field}")), value)?;
    }
    Ok(())
}

fn no_slow_start(stage: &mut Stage) -> Result<(), String> {
    let arn = target_group(stage, "web-a")?;
    let fields = format!(
        "TargetGroupArn={arn} Attributes.member.1.Key=slow_start.duration_seconds Attributes.member.1.Value=30"
    );
    stage.refused(
        Elb,
        "ModifyTargetGroupAttributes",
        &fields,
        "InvalidConfigurationRequest",
    )
}

fn weight_zero(stage: &mut Stage) -> Result<(), String> {
    let (listener, first) = service(stage)?;
    let second = target_group(stage, "web-b")?;
    let forward = "DefaultActions.member.1.ForwardConfig.TargetGroups.member";
    let fields = format!(
        "ListenerArn={listener} DefaultActions.member.1.Type=forward {forward}.1.TargetGroupArn={first} {forward}.1.Weight=1 {forward}.2.TargetGroupArn={second} {forward}.2.Weight=0"
    );
    let shown = stage.ok(Elb, "ModifyListener", &fields)?;
    let groups = "Listeners.0.DefaultActions.0.ForwardConfig.TargetGroups";
    is(
        "weights",
        shown.all(groups, "Weight"),
        vec!["1".to_owned(), "0".to_owned()],
    )?;
    let template = stage.template()?;
    let group = stage.group_of(&template, "MinSize=0 MaxSize=4 DesiredCapacity=1");
    let group = format!("{group} TargetGroupARNs.member.1={second}");
    stage.ok(AutoScaling, "CreateAutoScalingGroup", &group)?;
    stage.pass(400);
    let seen = stage.ok(
        Elb,
        "DescribeTargetHealth",
        &format!("TargetGroupArn={second}"),
    )?;
    is(
        "states",
        seen.all("TargetHealthDescriptions", "TargetHealth.State"),
        vec!["healthy".to_owned()],
    )
}

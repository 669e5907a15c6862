//! Load balancers, their rules and their targets.

use localcloud::model::Service::{AutoScaling, Ec2, Elb};

use super::rows::{Row, Stage, is, row};

pub const ROWS: &[Row] = &[
    row("a target that no listener leads to is `unused`", unused).but_moto("it is healthy"),
    row("a target is `initial` before it is healthy", initial).but_moto("it is healthy at once"),
    row("a target that leaves is `draining` for its delay", draining).but_moto("gone at once"),
    row(
        "a machine that takes another's place is registered too",
        replacement_registered,
    )
    .but_moto("it is not registered"),
    row(
        "deregistering what was never registered succeeds",
        deregister_nothing,
    )
    .but_moto("refused as InvalidTarget"),
    row("a weight above 999 is refused", heavy_weight).but_moto("accepted"),
    row(
        "more than five target groups of one action are refused",
        six_groups,
    )
    .but_moto("accepted"),
    row(
        "a forward to a target group that is not there is refused",
        forward_to_nothing,
    )
    .but_moto("accepted"),
    row("two listeners of one port are refused", port_twice).but_moto("accepted"),
    row("two rules of one priority are refused", priority_twice),
    row(
        "a forward to one target group comes back in both forms",
        both_forms,
    )
    .but_moto("as it was sent"),
    row(
        "a target group that a listener names is not deleted",
        target_group_in_use,
    ),
    row(
        "a target group of the same name and settings is the same one",
        target_group_once,
    )
    .but_moto("refused"),
    row(
        "a health check is every 30 s, five good ones and two bad ones, by default",
        health_defaults,
    ),
    row("a weighted forward comes back with its weights", weights),
];

const SIZE: &str = "MinSize=0 MaxSize=4 DesiredCapacity=1";

fn states(stage: &mut Stage, target_group: &str) -> Result<Vec<String>, String> {
    let answer = stage.ok(
        Elb,
        "DescribeTargetHealth",
        &format!("TargetGroupArn={target_group}"),
    )?;
    Ok(answer.all("TargetHealthDescriptions", "TargetHealth.State"))
}

/// A group of one behind a target group, to which a listener leads if `led`. The target group, and the listener.
fn service(stage: &mut Stage, led: bool, wait: i64) -> Result<(String, String), String> {
    let target_group = stage.target_group("web-a")?;
    let listener = if led {
        let balancer = stage.load_balancer()?;
        stage.listener(&balancer, 80, &target_group)?
    } else {
        String::new()
    };
    let template = stage.template()?;
    let group = stage.group_of(&template, SIZE);
    stage.ok(
        AutoScaling,
        "CreateAutoScalingGroup",
        &format!("{group} TargetGroupARNs.member.1={target_group}"),
    )?;
    stage.pass(wait);
    Ok((target_group, listener))
}

fn unused(stage: &mut Stage) -> Result<(), String> {
    let (target_group, _) = service(stage, false, 400)?;
    is(
        "states",
        states(stage, &target_group)?,
        vec!["unused".to_owned()],
    )
}

fn initial(stage: &mut Stage) -> Result<(), String> {
    let (target_group, _) = service(stage, true, 40)?;
    is(
        "states",
        states(stage, &target_group)?,
        vec!["initial".to_owned()],
    )?;
    stage.pass(300);
    is(
        "states",
        states(stage, &target_group)?,
        vec!["healthy".to_owned()],
    )
}

fn draining(stage: &mut Stage) -> Result<(), String> {
    let (target_group, _) = service(stage, true, 400)?;
    let answer = stage.ok(
        Elb,
        "DescribeTargetHealth",
        &format!("TargetGroupArn={target_group}"),
    )?;
    let id = answer
        .text("TargetHealthDescriptions.0.Target.Id")
        .to_owned();
    stage.ok(
        Elb,
        "DeregisterTargets",
        &format!("TargetGroupArn={target_group} Targets.member.1.Id={id}"),
    )?;
    is(
        "states",
        states(stage, &target_group)?,
        vec!["draining".to_owned()],
    )?;
    stage.pass(310);
    is("states", states(stage, &target_group)?, Vec::new())
}

fn replacement_registered(stage: &mut Stage) -> Result<(), String> {
    let (target_group, _) = service(stage, true, 400)?;
    let answer = stage.ok(
        Elb,
        "DescribeTargetHealth",
        &format!("TargetGroupArn={target_group}"),
    )?;
    let old = answer
        .text("TargetHealthDescriptions.0.Target.Id")
        .to_owned();
    stage.ok(Ec2, "TerminateInstances", &format!("InstanceId.1={old}"))?;
    stage.pass(900);
    let answer = stage.ok(
        Elb,
        "DescribeTargetHealth",
        &format!("TargetGroupArn={target_group}"),
    )?;
    let now = answer.all("TargetHealthDescriptions", "Target.Id");
    is("another target", now.len() == 1 && now[0] != old, true)
}

fn deregister_nothing(stage: &mut Stage) -> Result<(), String> {
    let target_group = stage.target_group("web-a")?;
    let fields = format!("TargetGroupArn={target_group} Targets.member.1.Id=i-0123456789abcdef0");
    stage.ok(Elb, "DeregisterTargets", &fields).map(drop)
}

/// A listener, and so many target groups.
fn listener(stage: &mut Stage, count: usize) -> Result<(String, Vec<String>), String> {
    let groups: Result<Vec<_>, _> = (0..count)
        .map(|at| stage.target_group(&format!("web-{at}")))
        .collect();
    let groups = groups?;
    let balancer = stage.load_balancer()?;
    let listener = stage.listener(&balancer, 80, &groups[0])?;
    Ok((listener, groups))
}

fn forward(listener: &str, shares: &[(&String, u32)]) -> String {
    let mut fields = format!("ListenerArn={listener} DefaultActions.member.1.Type=forward");
    for (at, (group, weight)) in shares.iter().enumerate() {
        let tuple = format!(
            "DefaultActions.member.1.ForwardConfig.TargetGroups.member.{}",
            at + 1
        );
        fields = format!("{fields} {tuple}.TargetGroupArn={group} {tuple}.Weight={weight}");
    }
    fields
}

fn heavy_weight(stage: &mut Stage) -> Result<(), String> {
    let (listener, groups) = listener(stage, 2)?;
    let fields = forward(&listener, &[(&groups[0], 1000), (&groups[1], 1)]);
    stage.refused(Elb, "ModifyListener", &fields, "ValidationError")
}

fn six_groups(stage: &mut Stage) -> Result<(), String> {
    let (listener, groups) = listener(stage, 6)?;
    let shares: Vec<_> = groups.iter().map(|group| (group, 1)).collect();
    let fields = forward(&listener, &shares);
    stage.refused(Elb, "ModifyListener", &fields, "TooManyTargetGroups")
}

fn forward_to_nothing(stage: &mut Stage) -> Result<(), String> {
    let (listener, groups) = listener(stage, 1)?;
    let gone = format!("{}0", &groups[0][..groups[0].len() - 1]);
    let fields = forward(&listener, &[(&gone, 1)]);
    stage.refused(Elb, "ModifyListener", &fields, "TargetGroupNotFound")
}

fn port_twice(stage: &mut Stage) -> Result<(), String> {
    let group = stage.target_group("web-a")?;
    let balancer = stage.load_balancer()?;
    stage.listener(&balancer, 80, &group)?;
    let fields = format!(
        "LoadBalancerArn={balancer} Protocol=HTTP Port=80 DefaultActions.member.1.Type=forward DefaultActions.member.1.TargetGroupArn={group}"
    );
    stage.refused(Elb, "CreateListener", &fields, "DuplicateListener")
}

fn priority_twice(stage: &mut Stage) -> Result<(), String> {
    let (listener, groups) = listener(stage, 1)?;
    let rule = |host: &str| {
        format!(
            "ListenerArn={listener} Priority=7 Conditions.member.1.Field=host-header Conditions.member.1.Values.member.1={host} Actions.member.1.Type=forward Actions.member.1.TargetGroupArn={}",
            groups[0]
        )
    };
    stage.ok(Elb, "CreateRule", &rule("a.example"))?;
    stage.refused(Elb, "CreateRule", &rule("b.example"), "PriorityInUse")
}

const ACTION: &str = "Listeners.0.DefaultActions.0";

fn both_forms(stage: &mut Stage) -> Result<(), String> {
    let (listener, groups) = listener(stage, 1)?;
    let seen = stage.ok(
        Elb,
        "DescribeListeners",
        &format!("ListenerArns.member.1={listener}"),
    )?;
    is(
        "the short form",
        seen.text(&format!("{ACTION}.TargetGroupArn")),
        &groups[0],
    )?;
    let long = format!("{ACTION}.ForwardConfig.TargetGroups.0.TargetGroupArn");
    is("the long form", seen.text(&long), &groups[0])
}

fn weights(stage: &mut Stage) -> Result<(), String> {
    let (listener, groups) = listener(stage, 2)?;
    let fields = forward(&listener, &[(&groups[0], 90), (&groups[1], 10)]);
    stage.ok(Elb, "ModifyListener", &fields)?;
    let seen = stage.ok(
        Elb,
        "DescribeListeners",
        &format!("ListenerArns.member.1={listener}"),
    )?;
    let list = format!("{ACTION}.ForwardConfig.TargetGroups");
    is(
        "weights",
        seen.all(&list, "Weight"),
        vec!["90".to_owned(), "10".to_owned()],
    )
}

fn target_group_in_use(stage: &mut Stage) -> Result<(), String> {
    let (_, groups) = listener(stage, 1)?;
    let fields = format!("TargetGroupArn={}", groups[0]);
    stage.refused(Elb, "DeleteTargetGroup", &fields, "ResourceInUse")
}

fn target_group_once(stage: &mut Stage) -> Result<(), String> {
    let one = stage.target_group("web-a")?;
    is("the same", stage.target_group("web-a")?, one)
}

fn health_defaults(stage: &mut Stage) -> Result<(), String> {
    stage.target_group("web-a")?;
    let seen = stage.ok(Elb, "DescribeTargetGroups", "Names.member.1=web-a")?;
    let of = |name: &str| seen.text(&format!("TargetGroups.0.{name}")).to_owned();
    is(
        "interval",
        of("HealthCheckIntervalSeconds"),
        "30".to_owned(),
    )?;
    is("good ones", of("HealthyThresholdCount"), "5".to_owned())?;
    is("bad ones", of("UnhealthyThresholdCount"), "2".to_owned())
}

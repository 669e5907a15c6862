//! Pages, batches and ranges.

use localcloud::model::Service::{AutoScaling, Ec2, Elb};

use super::rows::{Row, Stage, is, row};

pub const ROWS: &[Row] = &[
    row(
        "groups come fifty a page unless more are asked for",
        fifty_groups,
    ),
    row(
        "more than a hundred groups a page are refused",
        many_records,
    )
    .but_moto("given"),
    row(
        "machines of no group are left out, not refused",
        unknown_machines,
    ),
    row(
        "eleven target groups attached at once are refused",
        eleven_target_groups,
    )
    .but_moto("accepted"),
    row(
        "a lifecycle hook waits an hour and then abandons, by default",
        hook_defaults,
    ),
    row("a priority above 50000 is refused", high_priority).but_moto("accepted"),
    row(
        "a page of more than 400 load balancers is refused",
        large_page,
    )
    .but_moto("given"),
    row(
        "tags of more than twenty things at once are refused",
        many_tags,
    )
    .but_moto("given"),
    row(
        "a deregistration delay above an hour is refused",
        long_delay,
    ),
    row(
        "a machine lives for a day at least, where its lifetime is bounded",
        short_life,
    )
    .but_moto("accepted"),
    row(
        "machines that are not there are refused by their ids",
        unknown_instance,
    ),
];

fn fifty_groups(stage: &mut Stage) -> Result<(), String> {
    let template = stage.template()?;
    let group = stage.group_of(&template, "MinSize=0 MaxSize=1 DesiredCapacity=0");
    for at in 0..51 {
        let named = group.replace("Name=web", &format!("Name=web-{at}"));
        stage.ok(AutoScaling, "CreateAutoScalingGroup", &named)?;
    }
    let page = stage.ok(AutoScaling, "DescribeAutoScalingGroups", "")?;
    is("groups", page.count("AutoScalingGroups"), 50)?;
    is("another page", page.text("NextToken").is_empty(), false)?;
    let all = stage.ok(AutoScaling, "DescribeAutoScalingGroups", "MaxRecords=100")?;
    is("groups", all.count("AutoScalingGroups"), 51)
}

fn many_records(stage: &mut Stage) -> Result<(), String> {
    stage.refused(
        AutoScaling,
        "DescribeAutoScalingGroups",
        "MaxRecords=101",
        "ValidationError",
    )
}

fn unknown_machines(stage: &mut Stage) -> Result<(), String> {
    let fields = "InstanceIds.member.1=i-0123456789abcdef0";
    let seen = stage.ok(AutoScaling, "DescribeAutoScalingInstances", fields)?;
    is("machines", seen.count("AutoScalingInstances"), 0)
}

fn eleven_target_groups(stage: &mut Stage) -> Result<(), String> {
    stage.group("MinSize=0 MaxSize=1 DesiredCapacity=0")?;
    let mut fields = "AutoScalingGroupName=web".to_owned();
    for at in 1..12 {
        let target_group = stage.target_group(&format!("web-{at}"))?;
        fields = format!("{fields} TargetGroupARNs.member.{at}={target_group}");
    }
    stage.refused(
        AutoScaling,
        "AttachLoadBalancerTargetGroups",
        &fields,
        "ValidationError",
    )
}

fn hook_defaults(stage: &mut Stage) -> Result<(), String> {
    stage.group("MinSize=0 MaxSize=1 DesiredCapacity=0")?;
    let hook = "AutoScalingGroupName=web LifecycleHookName=warm LifecycleTransition=autoscaling:EC2_INSTANCE_LAUNCHING";
    stage.ok(AutoScaling, "PutLifecycleHook", hook)?;
    let seen = stage.ok(
        AutoScaling,
        "DescribeLifecycleHooks",
        "AutoScalingGroupName=web",
    )?;
    is(
        "timeout",
        seen.text("LifecycleHooks.0.HeartbeatTimeout"),
        "3600",
    )?;
    is(
        "result",
        seen.text("LifecycleHooks.0.DefaultResult"),
        "ABANDON",
    )
}

fn high_priority(stage: &mut Stage) -> Result<(), String> {
    let group = stage.target_group("web-a")?;
    let balancer = stage.load_balancer()?;
    let listener = stage.listener(&balancer, 80, &group)?;
    let rule = format!(
        "ListenerArn={listener} Priority=50001 Conditions.member.1.Field=host-header Conditions.member.1.Values.member.1=a.example Actions.member.1.Type=forward Actions.member.1.TargetGroupArn={group}"
    );
    stage.refused(Elb, "CreateRule", &rule, "ValidationError")
}

fn large_page(stage: &mut Stage) -> Result<(), String> {
    stage.refused(
        Elb,
        "DescribeLoadBalancers",
        "PageSize=401",
        "ValidationError",
    )
}

fn many_tags(stage: &mut Stage) -> Result<(), String> {
    let mut fields = String::new();
    for at in 1..22 {
        let target_group = stage.target_group(&format!("web-{at}"))?;
        fields = format!("{fields} ResourceArns.member.{at}={target_group}");
    }
    stage.refused(Elb, "DescribeTags", &fields, "ValidationError")
}

fn long_delay(stage: &mut Stage) -> Result<(), String> {
    let group = stage.target_group("web-a")?;
    let fields = format!(
        "TargetGroupArn={group} Attributes.member.1.Key=deregistration_delay.timeout_seconds Attributes.member.1.Value=3601"
    );
    stage.refused(
        Elb,
        "ModifyTargetGroupAttributes",
        &fields,
        "ValidationError",
    )
}

fn short_life(stage: &mut Stage) -> Result<(), String> {
    let template = stage.template()?;
    let group = stage.group_of(&template, "MinSize=0 MaxSize=1 MaxInstanceLifetime=3600");
    stage.refused(
        AutoScaling,
        "CreateAutoScalingGroup",
        &group,
        "ValidationError",
    )
}

fn unknown_instance(stage: &mut Stage) -> Result<(), String> {
    let ask = "InstanceId.1=i-0123456789abcdef0";
    stage.refused(Ec2, "DescribeInstances", ask, "InvalidInstanceID.NotFound")
}

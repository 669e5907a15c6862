//! Warm pools.

use localcloud::model::Service::{AutoScaling, Ec2, Elb};

use super::rows::{Row, Stage, is, row};

/// moto remembers a pool and never has a machine in it.
const EMPTY: &str = "a pool has no machines";

pub const ROWS: &[Row] = &[
    row(
        "a warm pool is what the maximum leaves room for, stopped, and not of the group",
        as_large_as_room,
    )
    .but_moto(EMPTY),
    row(
        "a prepared capacity bounds a warm pool, and its minimum goes before",
        bounded,
    )
    .but_moto(EMPTY),
    row("a group that grows takes from its warm pool", taken).but_moto(EMPTY),
    row("a machine of a warm pool that runs is no target", no_target).but_moto(EMPTY),
    row(
        "a launch hook holds a machine on its way into a warm pool",
        hook_holds,
    )
    .but_moto(EMPTY),
    row(
        "a machine of a warm pool is not terminated as one of the group",
        not_of_the_group,
    )
    .but_moto(EMPTY),
    row(
        "a group with a warm pool is not deleted without force",
        keeps_its_group,
    )
    .but_moto("deleted"),
    row(
        "a warm pool that is deleted goes with its machines, and the group stays",
        goes,
    )
    .but_moto(EMPTY),
    row(
        "an instance refresh replaces the machines of a warm pool too",
        refreshed,
    )
    .but_moto("there is no refresh"),
    row(
        "a warm pool has no minimum and is stopped, by default",
        defaults,
    ),
];

const SIZE: &str = "MinSize=0 MaxSize=4 DesiredCapacity=2";
const WEB: &str = "AutoScalingGroupName=web";

fn pooled(stage: &mut Stage, pool: &str) -> Result<(), String> {
    stage.group(SIZE)?;
    stage.ok(AutoScaling, "PutWarmPool", &format!("{WEB} {pool}"))?;
    stage.pass(240);
    Ok(())
}

/// A field of the pool's machines, sorted.
fn all(stage: &mut Stage, field: &str) -> Result<Vec<String>, String> {
    let seen = stage.ok(AutoScaling, "DescribeWarmPool", WEB)?;
    let mut all = seen.all("Instances", field);
    all.sort();
    Ok(all)
}

fn of_the_group(stage: &mut Stage) -> Result<Vec<String>, String> {
    Ok((stage.describe()?).all("AutoScalingGroups.0.Instances", "InstanceId"))
}

fn desire(stage: &mut Stage, count: u32) -> Result<(), String> {
    let fields = format!("{WEB} DesiredCapacity={count}");
    stage.ok(AutoScaling, "SetDesiredCapacity", &fields)?;
    stage.pass(240);
    Ok(())
}

fn as_large_as_room(stage: &mut Stage) -> Result<(), String> {
    pooled(stage, "")?;
    is(
        "states",
        all(stage, "LifecycleState")?,
        vec!["Warmed:Stopped".to_owned(); 2],
    )?;
    let group = stage.describe()?;
    is("size", group.text("AutoScalingGroups.0.WarmPoolSize"), "2")?;
    is("machines", group.count("AutoScalingGroups.0.Instances"), 2)
}

fn bounded(stage: &mut Stage) -> Result<(), String> {
    pooled(stage, "MaxGroupPreparedCapacity=3")?;
    is("machines", all(stage, "InstanceId")?.len(), 1)?;
    desire(stage, 4)?;
    is("machines", all(stage, "InstanceId")?.len(), 0)?;
    stage.ok(AutoScaling, "PutWarmPool", &format!("{WEB} MinSize=2"))?;
    stage.pass(240);
    is("machines", all(stage, "InstanceId")?.len(), 2)
}

fn taken(stage: &mut Stage) -> Result<(), String> {
    pooled(stage, "")?;
    let waiting = all(stage, "InstanceId")?;
    desire(stage, 3)?;
    let there = of_the_group(stage)?;
    let taken = there.iter().filter(|id| waiting.contains(id));
    is("taken", taken.count(), 1)?;
    is("machines", there.len(), 3)?;
    is("left", all(stage, "InstanceId")?.len(), 1)
}

fn no_target(stage: &mut Stage) -> Result<(), String> {
    pooled(stage, "PoolState=Running")?;
    let target_group = stage.target_group("web-a")?;
    let attach = format!("{WEB} TargetGroupARNs.member.1={target_group}");
    stage.ok(AutoScaling, "AttachLoadBalancerTargetGroups", &attach)?;
    stage.pass(60);
    is(
        "states",
        all(stage, "LifecycleState")?,
        vec!["Warmed:Running".to_owned(); 2],
    )?;
    let ask = format!("TargetGroupArn={target_group}");
    let seen = stage.ok(Elb, "DescribeTargetHealth", &ask)?;
    is("targets", seen.count("TargetHealthDescriptions"), 2)
}

fn hook_holds(stage: &mut Stage) -> Result<(), String> {
    stage.group(SIZE)?;
    let hook = "LifecycleHookName=warm LifecycleTransition=autoscaling:EC2_INSTANCE_LAUNCHING HeartbeatTimeout=3600";
    stage.ok(AutoScaling, "PutLifecycleHook", &format!("{WEB} {hook}"))?;
    let pool = "MaxGroupPreparedCapacity=3";
    stage.ok(AutoScaling, "PutWarmPool", &format!("{WEB} {pool}"))?;
    stage.pass(240);
    is(
        "states",
        all(stage, "LifecycleState")?,
        vec!["Warmed:Pending:Wait".to_owned()],
    )?;
    let id = all(stage, "InstanceId")?.remove(0);
    let done =
        format!("{WEB} LifecycleHookName=warm InstanceId={id} LifecycleActionResult=CONTINUE");
    stage.ok(AutoScaling, "CompleteLifecycleAction", &done)?;
    stage.pass(60);
    is(
        "states",
        all(stage, "LifecycleState")?,
        vec!["Warmed:Stopped".to_owned()],
    )?;
    // And once more before it is in service.
    desire(stage, 3)?;
    let group = stage.describe()?;
    let states = group.all("AutoScalingGroups.0.Instances", "LifecycleState");
    let waits = states.iter().filter(|state| *state == "Pending:Wait");
    is("waiting", waits.count(), 1)
}

fn not_of_the_group(stage: &mut Stage) -> Result<(), String> {
    pooled(stage, "")?;
    let id = all(stage, "InstanceId")?.into_iter().next();
    let id = id.ok_or("there is no machine")?;
    stage.refused(
        AutoScaling,
        "TerminateInstanceInAutoScalingGroup",
        &format!("InstanceId={id} ShouldDecrementDesiredCapacity=true"),
        "ValidationError",
    )
}

fn keeps_its_group(stage: &mut Stage) -> Result<(), String> {
    stage.group("MinSize=0 MaxSize=4 DesiredCapacity=0")?;
    stage.ok(AutoScaling, "PutWarmPool", WEB)?;
    stage.refused(AutoScaling, "DeleteAutoScalingGroup", WEB, "ResourceInUse")?;
    stage.ok(
        AutoScaling,
        "DeleteAutoScalingGroup",
        &format!("{WEB} ForceDelete=true"),
    )?;
    stage.pass(240);
    is("groups", stage.describe()?.count("AutoScalingGroups"), 0)
}

fn goes(stage: &mut Stage) -> Result<(), String> {
    pooled(stage, "")?;
    is("machines", all(stage, "InstanceId")?.len(), 2)?;
    stage.ok(AutoScaling, "DeleteWarmPool", WEB)?;
    let seen = stage.ok(AutoScaling, "DescribeWarmPool", WEB)?;
    is(
        "status",
        seen.text("WarmPoolConfiguration.Status"),
        "PendingDelete",
    )?;
    stage.pass(240);
    is("machines", all(stage, "InstanceId")?.len(), 0)?;
    is("machines of the group", of_the_group(stage)?.len(), 2)?;
    let group = stage.describe()?;
    is("size", group.text("AutoScalingGroups.0.WarmPoolSize"), "")
}

fn refreshed(stage: &mut Stage) -> Result<(), String> {
    let template = stage.group(SIZE)?;
    stage.ok(AutoScaling, "PutWarmPool", WEB)?;
    stage.pass(240);
    let new = format!(
        "LaunchTemplateId={template} SourceVersion=1 LaunchTemplateData.InstanceType=t3.small"
    );
    stage.ok(Ec2, "CreateLaunchTemplateVersion", &new)?;
    let desired = format!(
        "DesiredConfiguration.LaunchTemplate.LaunchTemplateId={template} DesiredConfiguration.LaunchTemplate.Version=2"
    );
    let preferences = "Preferences.MinHealthyPercentage=100 Preferences.MaxHealthyPercentage=110 Preferences.InstanceWarmup=10";
    let fields = format!("{WEB} {desired} {preferences}");
    stage.ok(AutoScaling, "StartInstanceRefresh", &fields)?;
    stage.pass(900);
    let seen = stage.ok(AutoScaling, "DescribeInstanceRefreshes", WEB)?;
    let refresh = |field: &str| {
        seen.text(&format!("InstanceRefreshes.0.{field}"))
            .to_owned()
    };
    is("status", refresh("Status"), "Successful".to_owned())?;
    let open = refresh("ProgressDetails.WarmPoolProgress.InstancesToUpdate");
    is("open", open, "0".to_owned())?;
    is(
        "versions",
        all(stage, "LaunchTemplate.Version")?,
        vec!["2".to_owned(); 2],
    )
}

fn defaults(stage: &mut Stage) -> Result<(), String> {
    stage.group("MinSize=0 MaxSize=0 DesiredCapacity=0")?;
    stage.ok(AutoScaling, "PutWarmPool", WEB)?;
    let seen = stage.ok(AutoScaling, "DescribeWarmPool", WEB)?;
    is("minimum", seen.text("WarmPoolConfiguration.MinSize"), "0")?;
    is(
        "state",
        seen.text("WarmPoolConfiguration.PoolState"),
        "Stopped",
    )
}

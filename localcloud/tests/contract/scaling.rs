//! Auto Scaling and launch templates.

use localcloud::model::Service::{AutoScaling, Ec2};

use super::rows::{Row, Stage, is, row};

pub const ROWS: &[Row] = &[
    row(
        "a new group has no machine in service at once",
        nothing_at_once,
    )
    .but_moto("machines are InService in the answer"),
    row("a group spreads its machines over its zones", spread)
        .but_moto("all go to the first subnet"),
    row("a group that is there is not made again", made_once)
        .but_moto("it is replaced, and its machines are orphaned"),
    row("a minimum above the maximum is refused", min_above_max).but_moto("accepted"),
    row(
        "a desired capacity above the maximum is refused",
        desired_above_max,
    )
    .but_moto("accepted"),
    row(
        "a launch template that is not there is refused",
        unknown_template,
    )
    .but_moto("with EC2\'s own code"),
    row(
        "a group with machines is not deleted without force",
        delete_with_machines,
    )
    .but_moto("deleted, and its machines terminated"),
    row(
        "Launch that is suspended launches nothing",
        suspended_launch,
    )
    .but_moto("capacity changes all the same"),
    row(
        "a lifecycle hook holds a machine before it is in service",
        hook_holds,
    )
    .but_moto("machines never wait"),
    row(
        "a version that is made from another inherits what it does not say",
        version_inherits,
    )
    .but_moto("SourceVersion is ignored"),
    row("the same token makes one version", version_once).but_moto("a second version is made"),
    row(
        "the default version is not deleted, and an answer of 200 says so",
        default_version_stays,
    )
    .but_moto("the answer names no unsuccessful item"),
    row(
        "a name of two letters is too short for a launch template",
        short_name,
    )
    .but_moto("accepted"),
    row(
        "machines say which version they were started from",
        version_of_machines,
    ),
    row(
        "a mixed instances policy names its launch template by id and by name",
        mixed_names_both,
    ),
    row(
        "a machine that is called unhealthy is replaced",
        unhealthy_replaced,
    )
    .but_moto("never replaced"),
    row(
        "desired capacity of a group that is not there is a ValidationError",
        desired_of_nothing,
    )
    .but_moto("an internal error"),
    row(
        "resuming what was never suspended changes nothing",
        resume_nothing,
    ),
    row(
        "target tracking makes an alarm for each direction",
        tracking_alarms,
    )
    .but_moto("no alarm is made"),
];

const SIZE: &str = "MinSize=0 MaxSize=4 DesiredCapacity=2";

fn members(stage: &mut Stage, field: &str) -> Result<Vec<String>, String> {
    Ok(stage
        .describe()?
        .all("AutoScalingGroups.0.Instances", field))
}

fn nothing_at_once(stage: &mut Stage) -> Result<(), String> {
    let template = stage.template()?;
    let group = stage.group_of(&template, SIZE);
    stage.ok(AutoScaling, "CreateAutoScalingGroup", &group)?;
    let states = members(stage, "LifecycleState")?;
    is(
        "a machine in service",
        states.iter().any(|state| state == "InService"),
        false,
    )?;
    stage.pass(120);
    is(
        "states",
        members(stage, "LifecycleState")?,
        vec!["InService".to_owned(); 2],
    )
}

fn spread(stage: &mut Stage) -> Result<(), String> {
    stage.group(SIZE)?;
    let mut zones = members(stage, "AvailabilityZone")?;
    zones.sort();
    zones.dedup();
    is("zones", zones.len(), 2)
}

fn made_once(stage: &mut Stage) -> Result<(), String> {
    let template = stage.group(SIZE)?;
    let group = stage.group_of(&template, SIZE);
    stage.refused(
        AutoScaling,
        "CreateAutoScalingGroup",
        &group,
        "AlreadyExists",
    )
}

fn refuses_size(stage: &mut Stage, size: &str) -> Result<(), String> {
    let template = stage.template()?;
    let group = stage.group_of(&template, size);
    stage.refused(
        AutoScaling,
        "CreateAutoScalingGroup",
        &group,
        "ValidationError",
    )
}

fn min_above_max(stage: &mut Stage) -> Result<(), String> {
    refuses_size(stage, "MinSize=3 MaxSize=2")
}

fn desired_above_max(stage: &mut Stage) -> Result<(), String> {
    refuses_size(stage, "MinSize=0 MaxSize=2 DesiredCapacity=3")
}

fn unknown_template(stage: &mut Stage) -> Result<(), String> {
    let group = stage.group_of("lt-0123456789abcdef0", SIZE);
    stage.refused(
        AutoScaling,
        "CreateAutoScalingGroup",
        &group,
        "ValidationError",
    )
}

fn delete_with_machines(stage: &mut Stage) -> Result<(), String> {
    stage.group(SIZE)?;
    stage.refused(
        AutoScaling,
        "DeleteAutoScalingGroup",
        "AutoScalingGroupName=web",
        "ResourceInUse",
    )
}

fn suspended_launch(stage: &mut Stage) -> Result<(), String> {
    stage.group(SIZE)?;
    let launch = "AutoScalingGroupName=web ScalingProcesses.member.1=Launch";
    stage.ok(AutoScaling, "SuspendProcesses", launch)?;
    stage.ok(
        AutoScaling,
        "SetDesiredCapacity",
        "AutoScalingGroupName=web DesiredCapacity=3",
    )?;
    stage.pass(120);
    is("machines", members(stage, "InstanceId")?.len(), 2)?;
    stage.ok(AutoScaling, "ResumeProcesses", launch)?;
    stage.pass(120);
    is("machines", members(stage, "InstanceId")?.len(), 3)
}

fn hook_holds(stage: &mut Stage) -> Result<(), String> {
    stage.group("MinSize=0 MaxSize=2 DesiredCapacity=0")?;
    let hook = "AutoScalingGroupName=web LifecycleHookName=warm LifecycleTransition=autoscaling:EC2_INSTANCE_LAUNCHING HeartbeatTimeout=300";
    stage.ok(AutoScaling, "PutLifecycleHook", hook)?;
    stage.ok(
        AutoScaling,
        "SetDesiredCapacity",
        "AutoScalingGroupName=web DesiredCapacity=1",
    )?;
    stage.pass(60);
    is(
        "states",
        members(stage, "LifecycleState")?,
        vec!["Pending:Wait".to_owned()],
    )?;
    let id = members(stage, "InstanceId")?.remove(0);
    let done = format!(
        "AutoScalingGroupName=web LifecycleHookName=warm InstanceId={id} LifecycleActionResult=CONTINUE"
    );
    stage.ok(AutoScaling, "CompleteLifecycleAction", &done)?;
    stage.pass(30);
    is(
        "states",
        members(stage, "LifecycleState")?,
        vec!["InService".to_owned()],
    )
}

const DATA: &str = "launchTemplateVersionSet.0.launchTemplateData";

fn version_inherits(stage: &mut Stage) -> Result<(), String> {
    let template = stage.template()?;
    let new = format!(
        "LaunchTemplateId={template} SourceVersion=1 LaunchTemplateData.InstanceType=t3.small"
    );
    stage.ok(Ec2, "CreateLaunchTemplateVersion", &new)?;
    let ask = format!("LaunchTemplateId={template} LaunchTemplateVersion.1=2");
    let seen = stage.ok(Ec2, "DescribeLaunchTemplateVersions", &ask)?;
    is("image", seen.text(&format!("{DATA}.imageId")), &stage.image)
}

fn version_once(stage: &mut Stage) -> Result<(), String> {
    let template = stage.template()?;
    let new = format!(
        "LaunchTemplateId={template} ClientToken=once SourceVersion=1 LaunchTemplateData.InstanceType=t3.small"
    );
    for _ in 0..2 {
        let made = stage.ok(Ec2, "CreateLaunchTemplateVersion", &new)?;
        is(
            "version",
            made.text("launchTemplateVersion.versionNumber"),
            "2",
        )?;
    }
    Ok(())
}

fn default_version_stays(stage: &mut Stage) -> Result<(), String> {
    let template = stage.template()?;
    let gone = format!("LaunchTemplateId={template} LaunchTemplateVersion.1=1");
    let answer = stage.ok(Ec2, "DeleteLaunchTemplateVersions", &gone)?;
    let set = "unsuccessfullyDeletedLaunchTemplateVersionSet";
    is("unsuccessful items", answer.count(set), 1)
}

fn short_name(stage: &mut Stage) -> Result<(), String> {
    let image = stage.image.clone();
    let new = format!("LaunchTemplateName=ab LaunchTemplateData.ImageId={image}");
    stage.refused(
        Ec2,
        "CreateLaunchTemplate",
        &new,
        "InvalidLaunchTemplateName.MalformedException",
    )
}

fn version_of_machines(stage: &mut Stage) -> Result<(), String> {
    stage.group(SIZE)?;
    is(
        "versions",
        members(stage, "LaunchTemplate.Version")?,
        vec!["1".to_owned(); 2],
    )
}

fn mixed_names_both(stage: &mut Stage) -> Result<(), String> {
    let template = stage.template()?;
    let subnets = stage.subnets[..2].join(",");
    let of = "MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification";
    let fields = format!(
        "AutoScalingGroupName=web MinSize=0 MaxSize=0 VPCZoneIdentifier={subnets} {of}.LaunchTemplateName=web {of}.Version=1"
    );
    stage.ok(AutoScaling, "CreateAutoScalingGroup", &fields)?;
    let seen = stage.describe()?;
    let named = |field: &str| seen.text(&format!("AutoScalingGroups.0.{of}.{field}"));
    is("id", named("LaunchTemplateId"), template.as_str())?;
    is("name", named("LaunchTemplateName"), "web")
}

fn unhealthy_replaced(stage: &mut Stage) -> Result<(), String> {
    stage.group("MinSize=1 MaxSize=2 DesiredCapacity=1")?;
    let old = members(stage, "InstanceId")?.remove(0);
    let sick = format!("InstanceId={old} HealthStatus=Unhealthy ShouldRespectGracePeriod=false");
    stage.ok(AutoScaling, "SetInstanceHealth", &sick)?;
    stage.pass(300);
    let now = members(stage, "InstanceId")?;
    is("the same machine", now.contains(&old), false)
}

fn desired_of_nothing(stage: &mut Stage) -> Result<(), String> {
    let fields = "AutoScalingGroupName=nobody DesiredCapacity=1";
    stage.refused(AutoScaling, "SetDesiredCapacity", fields, "ValidationError")
}

fn resume_nothing(stage: &mut Stage) -> Result<(), String> {
    stage.group(SIZE)?;
    let fields = "AutoScalingGroupName=web ScalingProcesses.member.1=Launch";
    stage.ok(AutoScaling, "ResumeProcesses", fields)?;
    is(
        "suspended",
        stage
            .describe()?
            .count("AutoScalingGroups.0.SuspendedProcesses"),
        0,
    )
}

fn tracking_alarms(stage: &mut Stage) -> Result<(), String> {
    stage.group(SIZE)?;
    let policy = "AutoScalingGroupName=web PolicyName=cpu PolicyType=TargetTrackingScaling TargetTrackingConfiguration.TargetValue=50 TargetTrackingConfiguration.PredefinedMetricSpecification.PredefinedMetricType=ASGAverageCPUUtilization";
    let made = stage.ok(AutoScaling, "PutScalingPolicy", policy)?;
    is("alarms", made.count("Alarms"), 2)
}

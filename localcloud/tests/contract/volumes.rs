//! Volumes of machines, and the root among them.

use localcloud::model::Service::Ec2;

use super::rows::{Row, Stage, is, row};

pub const ROWS: &[Row] = &[
    row(
        "a root volume is not taken off a machine that runs",
        root_of_a_running_machine,
    )
    .but_moto("it is detached"),
    row(
        "the root volume whose place another takes stays",
        replaced_root,
    )
    .but_moto("not answered"),
    row(
        "a volume that is put on a machine stays when the machine goes",
        attached_volume,
    ),
];

/// A machine that runs, and its root volume.
fn machine(stage: &mut Stage) -> Result<(String, String), String> {
    let image = stage.image.clone();
    let launch = format!("ImageId={image} InstanceType=t3.micro MinCount=1 MaxCount=1");
    let made = stage.ok(Ec2, "RunInstances", &launch)?;
    let id = made.text("instancesSet.0.instanceId").to_owned();
    stage.pass(60);
    let root = root(stage, &id)?;
    Ok((id, root))
}

fn root(stage: &mut Stage, id: &str) -> Result<String, String> {
    let ask = format!("InstanceId.1={id}");
    let seen = stage.ok(Ec2, "DescribeInstances", &ask)?;
    let path = "reservationSet.0.instancesSet.0.blockDeviceMapping.0.ebs.volumeId";
    Ok(seen.text(path).to_owned())
}

fn root_of_a_running_machine(stage: &mut Stage) -> Result<(), String> {
    let (_, root) = machine(stage)?;
    let detach = format!("VolumeId={root}");
    stage.refused(Ec2, "DetachVolume", &detach, "OperationNotPermitted")
}

fn replaced_root(stage: &mut Stage) -> Result<(), String> {
    let (id, old) = machine(stage)?;
    let ask = format!("InstanceId={id}");
    stage.ok(Ec2, "CreateReplaceRootVolumeTask", &ask)?;
    stage.pass(120);
    is("the old root is the root", root(stage, &id)? == old, false)?;
    let seen = stage.ok(Ec2, "DescribeVolumes", &format!("VolumeId.1={old}"))?;
    is("the old root", seen.text("volumeSet.0.status"), "available")
}

fn attached_volume(stage: &mut Stage) -> Result<(), String> {
    let (id, _) = machine(stage)?;
    let seen = stage.ok(Ec2, "DescribeInstances", &format!("InstanceId.1={id}"))?;
    let zone = seen.text("reservationSet.0.instancesSet.0.placement.availabilityZone");
    let new = format!("AvailabilityZone={zone} Size=1");
    let made = stage.ok(Ec2, "CreateVolume", &new)?;
    let volume = made.text("volumeId").to_owned();
    let attach = format!("VolumeId={volume} InstanceId={id} Device=/dev/sdf");
    stage.ok(Ec2, "AttachVolume", &attach)?;
    stage.pass(10);
    stage.ok(Ec2, "TerminateInstances", &format!("InstanceId.1={id}"))?;
    stage.pass(120);
    let seen = stage.ok(Ec2, "DescribeVolumes", &format!("VolumeId.1={volume}"))?;
    is("the volume", seen.text("volumeSet.0.status"), "available")
}

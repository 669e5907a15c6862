//! Another root volume under an instance: by a task while it runs, by hand while it is stopped.

use super::{Cloud, DEBIAN, SourceImage};
use jiff::SignedDuration;
use localcloud::model::{Effect, Fact, Root, Tree};

const NEWER: &str = "ami-0123456789abcdef1";
const ARM: &str = "ami-0123456789abcdef2";

fn cloud() -> Cloud {
    Cloud::with(|config| {
        let newer = |id: &str, architecture: &str| SourceImage {
            id: id.into(),
            name: format!("debian-{id}"),
            architecture: architecture.into(),
            root_size: 12,
            ..super::debian()
        };
        let more = [newer(NEWER, "x86_64"), newer(ARM, "arm64")];
        config.images.extend(more);
    })
}

/// The volumes of an instance, device and id.
fn volumes(cloud: &mut Cloud, instance: &str) -> Vec<(String, String)> {
    let ask = format!("InstanceId.1={instance}");
    let tree = cloud.ok("DescribeInstances", &ask);
    let devices = "reservationSet.0.instancesSet.0.blockDeviceMapping";
    let text = |path: String| tree.at(&path).and_then(Tree::text);
    (0..)
        .map_while(|at| {
            let device = text(format!("{devices}.{at}.deviceName"))?;
            let volume = text(format!("{devices}.{at}.ebs.volumeId"))?;
            Some((device, volume))
        })
        .collect()
}

fn root(cloud: &mut Cloud, instance: &str) -> String {
    let volumes = volumes(cloud, instance);
    let root = volumes
        .into_iter()
        .find(|(device, _)| device == "/dev/xvda");
    root.map(|(_, volume)| volume).unwrap_or_default()
}

fn task(cloud: &mut Cloud, id: &str) -> String {
    let path = "replaceRootVolumeTaskSet.0.taskState";
    let ask = format!("ReplaceRootVolumeTaskId.1={id}");
    cloud.get("DescribeReplaceRootVolumeTasks", &ask, path)
}

fn replace(cloud: &mut Cloud, instance: &str, with: &str) -> String {
    let ask = format!("InstanceId={instance} {with}");
    let path = "replaceRootVolumeTask.replaceRootVolumeTaskId";
    cloud.get("CreateReplaceRootVolumeTask", &ask, path)
}

fn rooted(cloud: &mut Cloud, instance: &str) {
    cloud.see(Fact::Rooted {
        instance: instance.to_owned(),
    });
}

fn asked_root(cloud: &mut Cloud) -> (Option<String>, Option<Root>, bool) {
    let mut asked = cloud.asked().into_iter();
    let root = asked.find_map(|effect| match effect {
        Effect::Root {
            away,
            root,
            running,
            ..
        } => Some((away, root, running)),
        _ => None,
    });
    root.expect("the world is asked for another root")
}

#[test]
fn a_task_replaces_the_root_of_a_running_instance_and_keeps_the_old_one() {
    let mut cloud = cloud();
    let instance = cloud
        .running("BlockDeviceMapping.1.DeviceName=/dev/sdf BlockDeviceMapping.1.Ebs.VolumeSize=5");
    let before = volumes(&mut cloud, &instance);
    let old = root(&mut cloud, &instance);
    let id = replace(
        &mut cloud,
        &instance,
        &format!("ImageId={NEWER} ClientToken=once"),
    );
    let again = replace(
        &mut cloud,
        &instance,
        &format!("ImageId={NEWER} ClientToken=once"),
    );
    assert_eq!(again, id, "the client token was ignored");
    assert_eq!(task(&mut cloud, &id), "pending");
    cloud.pass(SignedDuration::from_secs(5));
    assert_eq!(task(&mut cloud, &id), "in-progress");
    let image = NEWER.to_owned();
    assert_eq!(
        asked_root(&mut cloud),
        (Some(old.clone()), Some(Root::Fresh { image }), true)
    );
    rooted(&mut cloud, &instance);
    assert_eq!(task(&mut cloud, &id), "succeeded");
    assert_eq!(cloud.state(&instance), "running");
    let new = root(&mut cloud, &instance);
    assert_ne!(new, old);
    let data = |all: &[(String, String)]| all.iter().find(|(at, _)| at == "/dev/sdf").cloned();
    let after = volumes(&mut cloud, &instance);
    assert_eq!(data(&after), data(&before), "other volumes stay");
    let size = cloud.get(
        "DescribeVolumes",
        &format!("VolumeId.1={new}"),
        "volumeSet.0.size",
    );
    assert_eq!(size, "12", "as large as the image wants");
    let status = cloud.get(
        "DescribeVolumes",
        &format!("VolumeId.1={old}"),
        "volumeSet.0.status",
    );
    assert_eq!(status, "available");

    replace(&mut cloud, &instance, &format!("VolumeId={old}"));
    cloud.pass(SignedDuration::from_secs(5));
    let volume = old.clone();
    assert_eq!(
        asked_root(&mut cloud),
        (Some(new.clone()), Some(Root::Kept { volume }), true)
    );
    rooted(&mut cloud, &instance);
    assert_eq!(root(&mut cloud, &instance), old);
    cloud.ok("DeleteVolume", &format!("VolumeId={new}"));
    assert_eq!(cloud.asked(), [Effect::Scrap { volume: new }]);
}

#[test]
fn a_task_that_fails_leaves_the_old_root_or_none() {
    let mut cloud = cloud();
    let instance = cloud.running("");
    let old = root(&mut cloud, &instance);
    let fail = |cloud: &mut Cloud, detached| {
        let id = replace(cloud, &instance, &format!("ImageId={NEWER}"));
        cloud.pass(SignedDuration::from_secs(5));
        cloud.see(Fact::RootFailed {
            instance: instance.clone(),
            reason: "no capacity".into(),
            detached,
        });
        task(cloud, &id)
    };
    assert_eq!(fail(&mut cloud, false), "failed");
    assert_eq!(root(&mut cloud, &instance), old);
    assert_eq!(cloud.count("DescribeVolumes", "", "volumeSet"), 1);
    assert_eq!(fail(&mut cloud, true), "failed-detached");
    assert_eq!(root(&mut cloud, &instance), "");
    let path = "instanceStatusSet.0.instanceStatus.status";
    let ask = format!("InstanceId.1={instance}");
    assert_eq!(cloud.get("DescribeInstanceStatus", &ask, path), "impaired");
    let ask = format!("InstanceId={instance} ImageId={NEWER}");
    cloud.refused("IncorrectState", "CreateReplaceRootVolumeTask", &ask);
}

#[test]
fn a_root_comes_and_goes_while_its_instance_is_stopped() {
    let mut cloud = cloud();
    let instance = cloud.running("");
    let old = root(&mut cloud, &instance);
    let detach = format!("VolumeId={old}");
    cloud.refused("OperationNotPermitted", "DetachVolume", &detach);
    cloud.ok("StopInstances", &format!("InstanceId.1={instance}"));
    cloud.see(Fact::Stopped {
        instance: instance.clone(),
        asked: true,
    });
    cloud.asked();
    cloud.ok("DetachVolume", &detach);
    assert_eq!(asked_root(&mut cloud), (Some(old.clone()), None, false));
    cloud.refused("IncorrectState", "DetachVolume", &detach);
    let attach = format!("VolumeId={old} InstanceId={instance} Device=/dev/xvda");
    cloud.ok("AttachVolume", &attach);
    let volume = old.clone();
    assert_eq!(
        asked_root(&mut cloud),
        (None, Some(Root::Kept { volume }), false)
    );
    cloud.refused("VolumeInUse", "AttachVolume", &attach);
    assert_eq!(root(&mut cloud, &instance), old);
    let keep = "BlockDeviceMapping.1.DeviceName=/dev/xvda BlockDeviceMapping.1.Ebs.DeleteOnTermination=true";
    cloud.ok(
        "ModifyInstanceAttribute",
        &format!("InstanceId={instance} {keep}"),
    );
    let path = "volumeSet.0.attachmentSet.0.deleteOnTermination";
    let shown = cloud.get("DescribeVolumes", &format!("VolumeId.1={old}"), path);
    assert_eq!(shown, "true");
}

#[test]
fn a_root_that_cannot_be_is_refused() {
    let mut cloud = cloud();
    let stopped = cloud.launch("");
    let instance = cloud.running("");
    let other = root(&mut cloud, &stopped);
    let zone = "AvailabilityZone=eu-central-1b Size=8";
    let away = cloud.get("CreateVolume", zone, "volumeId");
    for (code, on, with) in [
        (
            "IncorrectInstanceState",
            &stopped,
            format!("ImageId={NEWER}"),
        ),
        ("InvalidParameterValue", &instance, format!("ImageId={ARM}")),
        (
            "InvalidAMIID.NotFound",
            &instance,
            "ImageId=ami-0123456789abcdef9".into(),
        ),
        ("VolumeInUse", &instance, format!("VolumeId={other}")),
        (
            "InvalidVolume.ZoneMismatch",
            &instance,
            format!("VolumeId={away}"),
        ),
        (
            "InvalidParameterCombination",
            &instance,
            format!("ImageId={DEBIAN} VolumeId={away}"),
        ),
    ] {
        let ask = format!("InstanceId={on} {with}");
        cloud.refused(code, "CreateReplaceRootVolumeTask", &ask);
    }
    replace(&mut cloud, &instance, "");
    let ask = format!("InstanceId={instance}");
    cloud.refused("IncorrectState", "CreateReplaceRootVolumeTask", &ask);
    let ask = "ReplaceRootVolumeTaskId.1=replacevol-0123456789abcdef0";
    let code = "InvalidReplaceRootVolumeTaskId.NotFound";
    cloud.refused(code, "DescribeReplaceRootVolumeTasks", ask);
}

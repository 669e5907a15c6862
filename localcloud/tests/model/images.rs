//! Images and snapshots: made of machines, used by others, let go in order.

use super::{Cloud, DEBIAN};
use localcloud::model::{Effect, Fact};

/// A running machine and an image of it that is still pending.
fn pending(cloud: &mut Cloud, more: &str) -> (String, String) {
    let instance = cloud.running("");
    let image = cloud.get(
        "CreateImage",
        &format!("InstanceId={instance} Name=baked {more}"),
        "imageId",
    );
    (instance, image)
}

fn available(cloud: &mut Cloud) -> (String, String, String) {
    let (instance, image) = pending(cloud, "NoReboot=true");
    cloud.see(Fact::Frozen {
        image: image.clone(),
    });
    cloud.asked();
    let snapshot = cloud.get(
        "DescribeImages",
        &format!("ImageId.1={image}"),
        "imagesSet.0.blockDeviceMapping.0.ebs.snapshotId",
    );
    (instance, image, snapshot)
}

fn image_state(cloud: &mut Cloud, image: &str) -> String {
    cloud.get(
        "DescribeImages",
        &format!("ImageId.1={image}"),
        "imagesSet.0.imageState",
    )
}

#[test]
fn a_running_machine_is_stopped_frozen_and_started_again() {
    let mut cloud = Cloud::new();
    let (instance, image) = pending(&mut cloud, "");
    assert_eq!(
        cloud.asked(),
        [Effect::Stop {
            instance: instance.clone()
        }]
    );
    assert_eq!(
        cloud.state(&instance),
        "running",
        "the restart shows on the machine only"
    );
    cloud.see(Fact::Stopped {
        instance: instance.clone(),
        asked: true,
    });
    let freeze = Effect::Freeze {
        image: image.clone(),
        instance: instance.clone(),
        running: false,
    };
    assert_eq!(cloud.asked(), [freeze]);
    assert_eq!(image_state(&mut cloud, &image), "pending");
    cloud.refused(
        "InvalidAMIID.Unavailable",
        "RunInstances",
        &format!("ImageId={image} InstanceType=t3.micro MinCount=1 MaxCount=1"),
    );
    cloud.see(Fact::Frozen {
        image: image.clone(),
    });
    assert_eq!(
        cloud.asked(),
        [Effect::Start {
            instance: instance.clone()
        }]
    );
    assert_eq!(image_state(&mut cloud, &image), "available");
    let launch = format!("ImageId={image} InstanceType=t3.micro MinCount=1 MaxCount=1");
    cloud.ok("RunInstances", &launch);
    assert!(matches!(&cloud.asked()[..], [Effect::Boot(boot)] if boot.image == image));
}

#[test]
fn what_is_asked_of_a_machine_waits_for_its_freeze() {
    let mut cloud = Cloud::new();
    let (instance, image) = pending(&mut cloud, "NoReboot=true");
    let freeze = Effect::Freeze {
        image: image.clone(),
        instance: instance.clone(),
        running: true,
    };
    assert_eq!(cloud.asked(), [freeze]);
    cloud.ok("TerminateInstances", &format!("InstanceId.1={instance}"));
    assert_eq!(cloud.asked(), [], "the files are still being taken");
    cloud.see(Fact::Frozen {
        image: image.clone(),
    });
    assert_eq!(cloud.asked(), [Effect::Terminate { instance }]);
    assert_eq!(image_state(&mut cloud, &image), "available");
}

#[test]
fn a_stop_while_an_image_is_made_is_not_undone_by_it() {
    let mut cloud = Cloud::new();
    let (instance, image) = pending(&mut cloud, "");
    cloud.ok("RebootInstances", &format!("InstanceId.1={instance}"));
    cloud.ok("StopInstances", &format!("InstanceId.1={instance}"));
    cloud.asked();
    cloud.see(Fact::Stopped {
        instance: instance.clone(),
        asked: true,
    });
    assert_eq!(cloud.state(&instance), "stopped");
    cloud.ok("StartInstances", &format!("InstanceId.1={instance}"));
    let freeze = Effect::Freeze {
        image: image.clone(),
        instance: instance.clone(),
        running: false,
    };
    assert_eq!(cloud.asked(), [freeze], "the start waits for the files");
    cloud.see(Fact::Frozen { image });
    assert_eq!(cloud.asked(), [Effect::Start { instance }]);
}

#[test]
fn a_freeze_that_fails_fails_the_image_with_the_reason() {
    let mut cloud = Cloud::new();
    let (_, image) = pending(&mut cloud, "NoReboot=true");
    cloud.see(Fact::FreezeFailed {
        image: image.clone(),
        reason: "disk full".into(),
    });
    assert_eq!(image_state(&mut cloud, &image), "failed");
    let of = format!("ImageId.1={image}");
    assert_eq!(
        cloud.get("DescribeImages", &of, "imagesSet.0.stateReason.message"),
        "disk full"
    );
    assert_eq!(
        cloud.get("DescribeSnapshots", "Owner.1=self", "snapshotSet.0.status"),
        "error"
    );
}

#[test]
fn names_are_checked_and_taken_once() {
    let mut cloud = Cloud::new();
    let (instance, image) = pending(&mut cloud, "NoReboot=true");
    for (code, name) in [
        ("InvalidAMIName.Duplicate", "baked"),
        ("InvalidAMIName.Malformed", "ab"),
        ("InvalidAMIName.Malformed", "what?"),
    ] {
        cloud.refused(
            code,
            "CreateImage",
            &format!("InstanceId={instance} Name={name}"),
        );
    }
    cloud.ok("DeregisterImage", &format!("ImageId={image}"));
    cloud.ok(
        "CreateImage",
        &format!("InstanceId={instance} Name=baked NoReboot=true"),
    );
}

#[test]
fn a_machine_between_states_cannot_be_imaged() {
    let mut cloud = Cloud::new();
    let id = cloud.launch("");
    cloud.asked();
    cloud.refused(
        "InvalidParameterValue",
        "CreateImage",
        &format!("InstanceId={id} Name=early"),
    );
}

#[test]
fn files_go_when_neither_image_nor_snapshot_keeps_them() {
    let mut cloud = Cloud::new();
    let (_, image, snapshot) = available(&mut cloud);
    cloud.refused(
        "InvalidSnapshot.InUse",
        "DeleteSnapshot",
        &format!("SnapshotId={snapshot}"),
    );
    cloud.ok("DeregisterImage", &format!("ImageId={image}"));
    assert_eq!(cloud.asked(), [], "the snapshot still keeps the files");
    cloud.refused(
        "InvalidAMIID.NotFound",
        "DeregisterImage",
        &format!("ImageId={image}"),
    );
    cloud.ok("DeleteSnapshot", &format!("SnapshotId={snapshot}"));
    assert_eq!(cloud.asked(), [Effect::Discard { image }]);
    cloud.refused(
        "InvalidSnapshot.NotFound",
        "DeleteSnapshot",
        &format!("SnapshotId={snapshot}"),
    );
}

#[test]
fn an_image_let_go_while_pending_leaves_no_files() {
    let mut cloud = Cloud::new();
    let (_, image) = pending(&mut cloud, "NoReboot=true");
    cloud.ok(
        "DeregisterImage",
        &format!("ImageId={image} DeleteAssociatedSnapshots=true"),
    );
    cloud.asked();
    cloud.see(Fact::Frozen {
        image: image.clone(),
    });
    assert_eq!(cloud.asked(), [Effect::Discard { image }]);
}

#[test]
fn an_image_can_be_registered_from_its_snapshot() {
    let mut cloud = Cloud::new();
    let (_, image, snapshot) = available(&mut cloud);
    let wish = format!(
        "Name=again RootDeviceName=/dev/xvda Architecture=x86_64 BlockDeviceMapping.1.DeviceName=/dev/xvda \
         BlockDeviceMapping.1.Ebs.SnapshotId={snapshot}"
    );
    let again = cloud.get("RegisterImage", &wish, "imageId");
    assert_eq!(
        cloud.asked(),
        [Effect::Alias {
            image: again.clone(),
            of: image.clone()
        }]
    );
    cloud.ok("DeregisterImage", &format!("ImageId={image}"));
    cloud.refused(
        "InvalidSnapshot.InUse",
        "DeleteSnapshot",
        &format!("SnapshotId={snapshot}"),
    );
    assert_eq!(image_state(&mut cloud, &again), "available");
}

#[test]
fn a_copy_is_an_image_of_its_own_and_made_once() {
    let mut cloud = Cloud::new();
    let wish = format!("SourceImageId={DEBIAN} SourceRegion=eu-central-1 Name=copy ClientToken=c");
    let copy = cloud.get("CopyImage", &wish, "imageId");
    assert_eq!(cloud.get("CopyImage", &wish, "imageId"), copy);
    assert_eq!(
        cloud.asked(),
        [Effect::Alias {
            image: copy.clone(),
            of: DEBIAN.into()
        }]
    );
    assert_eq!(image_state(&mut cloud, &copy), "pending");
    cloud.pass(jiff::SignedDuration::from_secs(5));
    assert_eq!(image_state(&mut cloud, &copy), "available");
    cloud.refused(
        "InvalidRequest",
        "CopyImage",
        &wish
            .replace("eu-central-1", "us-east-1")
            .replace("=c", "=d"),
    );
}

#[test]
fn images_of_others_are_found_but_not_changed() {
    let mut cloud = Cloud::new();
    let found = "Owner.1=136693071363 Filter.1.Name=name Filter.1.Value.1=debian-12-amd64-*";
    assert_eq!(cloud.count("DescribeImages", found, "imagesSet"), 1);
    assert_eq!(
        cloud.count("DescribeImages", "Owner.1=self", "imagesSet"),
        0
    );
    cloud.refused(
        "AuthFailure",
        "DeregisterImage",
        &format!("ImageId={DEBIAN}"),
    );
    cloud.refused(
        "AuthFailure",
        "ModifyImageAttribute",
        &format!("ImageId={DEBIAN} Description.Value=mine"),
    );
    cloud.refused(
        "InvalidParameterValue",
        "DescribeImages",
        "Filter.1.Name=colour Filter.1.Value.1=red",
    );
}

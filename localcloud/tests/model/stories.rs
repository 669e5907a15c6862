//! Any order of calls, facts and shutdowns: the world is never asked for what it cannot do, and nothing stays behind.

use super::{Cloud, DEBIAN, machines::Machines};
use localcloud::model::Tree;
use proptest::prelude::*;

/// What users do, in the shape of a call on the n-th thing that there is.
const CALLS: &[(&str, &str, Thing)] = &[
    ("StopInstances", "InstanceId.1=", Thing::Instance),
    ("StartInstances", "InstanceId.1=", Thing::Instance),
    ("RebootInstances", "InstanceId.1=", Thing::Instance),
    ("TerminateInstances", "InstanceId.1=", Thing::Instance),
    ("CreateImage", "Name=image-{n} InstanceId=", Thing::Instance),
    (
        "CreateImage",
        "Name=image-{n} NoReboot=true InstanceId=",
        Thing::Instance,
    ),
    ("CreateSnapshot", "VolumeId=", Thing::Volume),
    (
        "CopyImage",
        "Name=image-{n} SourceRegion=eu-central-1 SourceImageId=",
        Thing::Image,
    ),
    ("RegisterImage", REGISTER, Thing::Snapshot),
    ("DeregisterImage", "ImageId=", Thing::Image),
    ("DeleteSnapshot", "SnapshotId=", Thing::Snapshot),
    ("DeleteVolume", "VolumeId=", Thing::Volume),
    (
        "RunInstances",
        "InstanceType=t3.micro MinCount=1 MaxCount=1 ImageId=",
        Thing::Image,
    ),
    ("RunInstances", TERMINATES, Thing::Image),
    (
        "CreateReplaceRootVolumeTask",
        "InstanceId=",
        Thing::Instance,
    ),
    ("DetachVolume", "VolumeId=", Thing::Volume),
];

const REGISTER: &str = "Name=image-{n} RootDeviceName=/dev/xvda Architecture=x86_64 \
    BlockDeviceMapping.1.DeviceName=/dev/xvda BlockDeviceMapping.1.Ebs.SnapshotId=";
const TERMINATES: &str = "InstanceType=t3.micro MinCount=1 MaxCount=1 InstanceInitiatedShutdownBehavior=terminate ImageId=";

#[derive(Clone, Copy)]
enum Thing {
    Instance,
    Image,
    Snapshot,
    Volume,
}

fn ids(cloud: &mut Cloud, thing: Thing) -> Vec<String> {
    let (action, set, id) = match thing {
        Thing::Instance => return instances(cloud),
        Thing::Image => ("DescribeImages", "imagesSet", "imageId"),
        Thing::Snapshot => ("DescribeSnapshots", "snapshotSet", "snapshotId"),
        Thing::Volume => ("DescribeVolumes", "volumeSet", "volumeId"),
    };
    texts(cloud.ok(action, "").at(set), id)
}

fn instances(cloud: &mut Cloud) -> Vec<String> {
    let Some(Tree::List(reservations)) = cloud
        .ok("DescribeInstances", "")
        .at("reservationSet")
        .cloned()
    else {
        return Vec::new();
    };
    reservations
        .iter()
        .flat_map(|reservation| texts(reservation.at("instancesSet"), "instanceId"))
        .collect()
}

fn texts(list: Option<&Tree>, field: &str) -> Vec<String> {
    let Some(Tree::List(list)) = list else {
        return Vec::new();
    };
    list.iter()
        .filter_map(|entry| entry.get(field)?.text())
        .collect()
}

struct Story {
    cloud: Cloud,
    machines: Machines,
}

impl Story {
    /// One step: a call on something, a fact, a shutdown, or some time.
    fn step(&mut self, n: usize, what: usize, pick: usize) {
        match what % (CALLS.len() + 6) {
            index if index < CALLS.len() => self.call(n, CALLS[index], pick),
            index if index < CALLS.len() + 4 => {
                self.machines.say(&mut self.cloud, pick);
            }
            index if index == CALLS.len() + 4 => self.machines.shut_down(pick),
            _ => self.cloud.pass(jiff::SignedDuration::from_secs(3)),
        }
        self.machines.carry_out(&mut self.cloud);
    }

    /// Refusals are part of the story; what was refused must only leave things as they were.
    fn call(&mut self, n: usize, (action, parameters, thing): (&str, &str, Thing), pick: usize) {
        let ids = ids(&mut self.cloud, thing);
        self.machines.carry_out(&mut self.cloud);
        if ids.is_empty() {
            return;
        }
        let parameters =
            format!("{parameters}{}", ids[pick % ids.len()]).replace("{n}", &n.to_string());
        if self.cloud.ask(action, &parameters).is_err() {
            assert!(
                self.cloud.asked().is_empty(),
                "a refused {action} asked something of the world"
            );
        }
    }

    fn all_quiet(&mut self) {
        while self.machines.say(&mut self.cloud, 0) {}
        self.cloud.pass(jiff::SignedDuration::from_secs(10));
        self.machines.carry_out(&mut self.cloud);
    }

    /// Takes everything down that can be taken down.
    fn end(&mut self) {
        self.all_quiet();
        for id in instances(&mut self.cloud) {
            let state = self.cloud.state(&id);
            assert!(
                ["running", "stopped", "terminated"].contains(&state.as_str()),
                "{id} is stuck in {state}"
            );
            self.cloud
                .ok("TerminateInstances", &format!("InstanceId.1={id}"));
        }
        self.machines.carry_out(&mut self.cloud);
        self.all_quiet();
        for id in texts(
            self.cloud
                .ok("DescribeImages", "Owner.1=self")
                .at("imagesSet"),
            "imageId",
        ) {
            self.cloud.ok("DeregisterImage", &format!("ImageId={id}"));
        }
        for id in ids(&mut self.cloud, Thing::Snapshot) {
            self.cloud.ok("DeleteSnapshot", &format!("SnapshotId={id}"));
        }
        for id in ids(&mut self.cloud, Thing::Volume) {
            self.cloud.ok("DeleteVolume", &format!("VolumeId={id}"));
        }
        self.machines.carry_out(&mut self.cloud);
        assert_eq!(self.machines.left(), (0, 0), "machines and layers are left");
        assert_eq!(ids(&mut self.cloud, Thing::Volume), Vec::<String>::new());
        self.cloud.pass(jiff::SignedDuration::from_hours(2));
        assert_eq!(instances(&mut self.cloud), Vec::<String>::new());
        assert_eq!(
            self.cloud.model.next_due(),
            None,
            "something is still to come"
        );
    }
}

/// Stories that once went wrong.
#[test]
fn a_machine_that_shuts_itself_down_gives_its_root_away_once() {
    let steps = [(412, 0), (680, 0), (586, 2), (852, 2), (254, 0), (455, 4)];
    told(steps.into_iter());
}

fn told(steps: impl Iterator<Item = (usize, usize)>) {
    let mut story = Story {
        cloud: Cloud::new(),
        machines: Machines::new(),
    };
    for _ in 0..2 {
        story.cloud.ok(
            "RunInstances",
            &format!("ImageId={DEBIAN} InstanceType=t3.micro MinCount=1 MaxCount=1"),
        );
    }
    story.machines.carry_out(&mut story.cloud);
    for (n, (what, pick)) in steps.enumerate() {
        story.step(n, what, pick);
    }
    story.end();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_world_can_do_what_is_asked(steps in prop::collection::vec((0..999_usize, 0..9_usize), 1..60)) {
        told(steps.into_iter());
    }
}

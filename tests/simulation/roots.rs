//! Root volumes through kiln's own client: what a machine has, another root and back, and the way back by hand.

use std::time::Duration;

use kiln::aws::Aws;
use kiln::cloud::{
    Filter, ImageId, Images as _, InstanceId, InstanceState, Instances as _, Kind, NewRoot,
    ReplacementState, Rooted, Roots as _, Tags, VolumeId,
};
use localcloud::model::Service as Api;
use localcloud::physics::{Behaviour, RootFailure};
use serde_json::json;

use super::cloud::Cloud;
use super::roll::{V1, V2, account, call, text};
use kiln::run::Clock as _;

/// A machine of `V1` with a data volume, which runs.
async fn machine() -> (Cloud, Aws, InstanceId) {
    let cloud = Cloud::new(account());
    let data = json!([{ "DeviceName": "/dev/sdf", "Ebs": { "VolumeSize": 5 } }]);
    let launch = json!({ "ImageId": V1, "InstanceType": "t3.small", "MinCount": 1, "MaxCount": 1,
        "BlockDeviceMapping": data });
    let now = cloud.now();
    let made = call(&mut cloud.world(), now, Api::Ec2, "RunInstances", &launch);
    let id = InstanceId::new(text(&made, "instancesSet.0.instanceId"));
    let client = cloud.client().await;
    until(&client, &id, InstanceState::Running).await;
    (cloud, client, id)
}

async fn until(client: &Aws, id: &InstanceId, state: InstanceState) {
    for _ in 0..100 {
        if client.rooted(id).await.unwrap().state == state {
            return;
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    panic!("{id} is never {}", state.word());
}

/// Replaces the root, and waits for the end.
async fn replace(client: &Aws, id: &InstanceId, by: NewRoot) -> ReplacementState {
    let count = client.root_replacements(id).await.unwrap().len();
    let token = format!("token-{count}");
    let begun = client.replace_root(id, &by, &token).await.unwrap();
    let again = client.replace_root(id, &by, &token).await.unwrap();
    assert_eq!(again.id, begun.id, "the same token begins once");
    loop {
        let found = client.root_replacements(id).await.unwrap();
        assert_eq!(found.len(), count + 1);
        let one = found.into_iter().find(|one| one.id == begun.id).unwrap();
        if one.state != ReplacementState::Going {
            return one.state;
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

fn root(rooted: &Rooted) -> VolumeId {
    rooted.root().unwrap().volume.clone()
}

#[tokio::test(start_paused = true)]
async fn a_root_is_replaced_and_the_old_one_comes_back() {
    let (_, client, id) = machine().await;
    let before = client.rooted(&id).await.unwrap();
    assert_eq!(before.root_device, "/dev/xvda");
    assert_eq!((before.disks.len(), before.spot), (2, false));
    let image = NewRoot::Image(ImageId::new(V2));
    assert_eq!(replace(&client, &id, image).await, ReplacementState::Done);
    let after = client.rooted(&id).await.unwrap();
    assert_eq!(after.state, InstanceState::Running);
    assert_ne!(root(&after), root(&before));
    let data = |all: &Rooted| {
        all.disks
            .iter()
            .find(|one| one.device == "/dev/sdf")
            .cloned()
    };
    assert_eq!(data(&after), data(&before), "the data volume stays");
    assert!(!after.root().unwrap().lasts, "it goes with its machine");
    let old = NewRoot::Volume(root(&before));
    assert_eq!(replace(&client, &id, old).await, ReplacementState::Done);
    let back = client.rooted(&id).await.unwrap();
    assert_eq!(root(&back), root(&before));
    client.delete_volume(&root(&after)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_root_that_is_lost_comes_back_by_hand() {
    let (cloud, client, id) = machine().await;
    let before = client.rooted(&id).await.unwrap();
    let lost = Behaviour {
        root_failure: Some(RootFailure {
            reason: "internal error".to_owned(),
            detached: true,
        }),
        ..Behaviour::default()
    };
    cloud.world().physics.set_behaviour(V2, lost);
    let image = NewRoot::Image(ImageId::new(V2));
    let state = replace(&client, &id, image.clone()).await;
    assert_eq!(state, ReplacementState::Detached);
    let without = client.rooted(&id).await.unwrap();
    assert_eq!(without.root(), None);
    let refused = client.replace_root(&id, &image, "token-again").await;
    assert_eq!(refused.unwrap_err().kind, Kind::Dependency);
    client.stop_instance(&id).await.unwrap();
    until(&client, &id, InstanceState::Stopped).await;
    let (old, device) = (root(&before), before.root_device.as_str());
    client.attach_volume(&old, (&id, device)).await.unwrap();
    let attached = client.rooted(&id).await.unwrap();
    assert!(attached.root().unwrap().lasts, "as AWS attaches volumes");
    client.set_lasting((&id, device), false).await.unwrap();
    client.start_instance(&id).await.unwrap();
    until(&client, &id, InstanceState::Running).await;
    let back = client.rooted(&id).await.unwrap();
    assert_eq!(back.root(), before.root());
}

#[tokio::test(start_paused = true)]
async fn a_data_volume_is_snapshotted_under_a_machine_that_runs() {
    let (_, client, id) = machine().await;
    let disks = client.rooted(&id).await.unwrap().disks;
    let data = disks.iter().find(|one| one.device == "/dev/sdf").unwrap();
    let tags = Tags::from([("kiln:service".to_owned(), "web".to_owned())]);
    let made = client.snapshot_volume(&data.volume, "before web-2", &tags);
    let made = made.await.unwrap();
    let of_service = [Filter::tag("kiln:service", "web")];
    let found = client.find_snapshots(&of_service).await.unwrap();
    assert_eq!(found, [made]);
    client.detach_volume(&data.volume).await.unwrap();
    client.delete_volume(&data.volume).await.unwrap();
    let gone = client.rooted(&InstanceId::new("i-0123456789abcdef0")).await;
    assert_eq!(gone.unwrap_err().kind, Kind::NotFound);
}

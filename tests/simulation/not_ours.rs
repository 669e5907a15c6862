//! What was there before, or is somebody else's, and stays whatever becomes of a bake.

use std::time::Duration;

use kiln::bake::{Artifact, Verdict, verdict};
use kiln::cloud::{Filter, Images as _, Instances as _, VolumeId};
use kiln::run::{MemoryJournal, Outcome, Silent};
use kiln::undo::Undo;
use localcloud::model::{Request, Service, Tree};
use serde_json::json;

use super::bench::Bench;
use super::publish::{REGIONS, bench, rest};
use super::publish_users::ask;
use super::roll::params;

const HERE: &str = REGIONS[0];

/// Somebody's snapshot of a data volume.
async fn golden(bench: &Bench) -> String {
    let ec2 = |action, given| ask(bench, HERE, Service::Ec2, action, &given);
    let text = |tree: Tree, path| tree.at(path).and_then(Tree::text).unwrap();
    let given = json!({ "AvailabilityZone": "eu-central-1a", "Size": 5 });
    let volume = text(ec2("CreateVolume", given), "volumeId");
    tokio::time::sleep(Duration::from_secs(30)).await;
    let given = json!({ "VolumeId": volume, "Description": "golden data" });
    let snapshot = text(ec2("CreateSnapshot", given), "snapshotId");
    tokio::time::sleep(Duration::from_mins(1)).await;
    ec2("DeleteVolume", json!({ "VolumeId": volume }));
    snapshot
}

/// A bench whose images have a device of somebody's snapshot.
async fn with_golden(options: &str) -> (Bench, String) {
    let first = golden(&bench("").await).await;
    let device = json!([{ "device_name": "/dev/sdf", "snapshot_id": first }]);
    let bench = bench(&format!(
        r#""ami_block_device_mappings": {device}, {options}"#
    ))
    .await;
    let golden = golden(&bench).await;
    assert_eq!(golden, first, "one world is as the other");
    (bench, golden)
}

async fn bake(bench: &Bench) -> Outcome<Artifact, Undo> {
    let journal = MemoryJournal::default();
    bench.bake(&journal, &Silent).await.unwrap()
}

/// Whether the snapshot is as it was: there, unmarked, nobody else's to read.
async fn expect_untouched(bench: &Bench, golden: &str, about: &str) {
    rest(&bench.cloud).await;
    let seer = bench.cloud.observer().await;
    let it = Filter::new("snapshot-id", golden);
    let found = seer
        .find_snapshots(std::slice::from_ref(&it))
        .await
        .unwrap();
    assert_eq!(found.len(), 1, "{about}: it is there");
    let marked = Filter {
        name: "tag-key".to_owned(),
        values: ["kiln:run", "kiln:ready", "kind"]
            .map(str::to_owned)
            .to_vec(),
    };
    let marked = seer.find_snapshots(&[it, marked]).await.unwrap();
    assert_eq!(marked, [], "{about}");
    let shared = bench.cloud.said("ModifySnapshotAttribute").join("\n");
    assert!(!shared.contains(golden), "{about}: {shared}");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_a_device_names_is_neither_marked_nor_shared_nor_deleted() {
    let shared = r#""snapshot_users": "111122223333", "snapshot_tags": { "kind": "disk" }"#;
    for options in [r#""encrypt_boot": true"#, shared] {
        let (bench, golden) = with_golden(options).await;
        let outcome = bake(&bench).await;
        assert_eq!(verdict(&outcome), Verdict::Done, "{:?}", outcome.result);
        let said = bench.cloud.said("CreateImage").join("\n");
        assert!(said.contains(&golden), "{said}");
        expect_untouched(&bench, &golden, options).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_a_device_names_outlives_an_image_that_is_taken_back() {
    let (bench, golden) = with_golden(r#""ami_users": "111122223333""#).await;
    bench.cloud.deny("ModifyImageAttribute");
    let outcome = bake(&bench).await;
    assert_eq!(verdict(&outcome), Verdict::Failed, "{:?}", outcome.result);
    assert_eq!(outcome.left, []);
    let left = rest(&bench.cloud).await;
    assert_eq!(left.len(), 1, "{left:?}");
    expect_untouched(&bench, &golden, "refused").await;
}

#[tokio::test(start_paused = true)]
async fn a_volume_that_was_not_launched_with_the_machine_stays() {
    let device =
        json!([{ "device_name": "/dev/xvda", "volume_size": 10, "delete_on_termination": false }]);
    let bench = bench(&format!(r#""launch_block_device_mappings": {device}"#)).await;
    // One that is attached on the way lacks the run's tag, and so does this one from here on.
    bench.cloud.ahead("StopInstances", |world, now| {
        let mut ec2 = |action: &str, given| {
            let request = Request {
                service: Service::Ec2,
                action: action.to_owned(),
                params: params(&given),
            };
            world.model.call_in(HERE, &request, now).result.unwrap()
        };
        let volumes = ec2("DescribeVolumes", json!({}));
        let volume = volumes.at("volumeSet.0.volumeId").and_then(Tree::text);
        let tag = json!([{ "Key": "kiln:run" }]);
        ec2(
            "DeleteTags",
            json!({ "ResourceId": [volume.unwrap()], "Tag": tag }),
        );
    });
    let outcome = bake(&bench).await;
    assert_eq!(verdict(&outcome), Verdict::Done, "{:?}", outcome.result);
    let seer = bench.cloud.observer().await;
    let left: Vec<VolumeId> = seer.find_volumes(&[]).await.unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
}

//! A name that is taken over while others do as they like with the old image and its name.

use std::time::Duration;

use kiln::bake::{Artifact, Verdict, is_published, verdict};
use kiln::cloud::{Image, tag};
use kiln::run::{MemoryJournal, Outcome, Silent};
use kiln::undo::Undo;
use localcloud::model::{Service, Tree};
use serde_json::json;
use tokio::time::Instant;

use super::bench::Bench;
use super::publish::{REGIONS, images, rest, taken};
use super::publish_users::ask;

const HERE: &str = REGIONS[0];

/// Bakes, and does something as soon as the image is begun.
async fn meanwhile(bench: &Bench, does: impl FnOnce()) -> Outcome<Artifact, Undo> {
    let journal = MemoryJournal::default();
    let then = async {
        while !bench.cloud.calls().contains(&"CreateImage".to_owned()) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        does();
    };
    let (outcome, ()) = tokio::join!(bench.bake(&journal, &Silent), then);
    outcome.unwrap()
}

async fn old(bench: &Bench) -> Image {
    images(&bench.cloud, HERE).await.remove(0)
}

/// The images, of which only the old one has the name; to be done again, as the outcome says.
async fn kept(bench: &Bench, outcome: &Outcome<Artifact, Undo>, old: &Image) -> Vec<Image> {
    let verdict = verdict(outcome);
    assert_eq!(verdict, Verdict::CleanUpDue, "{:?}", outcome.result);
    let found = images(&bench.cloud, HERE).await;
    let named: Vec<_> = found.iter().filter(|image| image.name == "web").collect();
    assert_eq!(named.len(), 1);
    assert_eq!(named[0].id, old.id);
    found
}

/// An image under `name` from a snapshot.
fn register(bench: &Bench, name: &str, from: &Image) -> String {
    let device =
        json!({ "DeviceName": from.root_device, "Ebs": { "SnapshotId": from.snapshots()[0] } });
    let given = json!({
        "Name": name, "Architecture": "x86_64", "RootDeviceName": from.root_device,
        "VirtualizationType": "hvm", "BlockDeviceMapping": [device]
    });
    let made = ask(bench, HERE, Service::Ec2, "RegisterImage", &given);
    made.at("imageId").and_then(Tree::text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_old_image_that_somebody_begins_to_use_keeps_its_name() {
    let bench = taken().await;
    let old = old(&bench).await;
    let outcome = meanwhile(&bench, || {
        let data = json!({ "ImageId": old.id, "InstanceType": "t3.small" });
        let template = json!({ "LaunchTemplateName": "web", "LaunchTemplateData": data });
        ask(
            &bench,
            HERE,
            Service::Ec2,
            "CreateLaunchTemplate",
            &template,
        );
    })
    .await;
    assert!(
        outcome.result.is_ok() && !is_published(&outcome),
        "what follows waits"
    );
    let found = kept(&bench, &outcome, &old).await;
    let waits: Vec<_> = found.iter().filter(|image| image.name != "web").collect();
    assert_eq!(waits.len(), 1, "{found:?}");
    assert_eq!(waits[0].tags[tag::TAKES_NAME], "web");
    assert!(!waits[0].tags.contains_key(tag::READY));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_somebody_else_took_meanwhile_is_theirs() {
    let bench = taken().await;
    let old = old(&bench).await;
    let began = Instant::now();
    let outcome = meanwhile(&bench, || {
        ask(
            &bench,
            HERE,
            Service::Ec2,
            "DeregisterImage",
            &json!({ "ImageId": old.id }),
        );
        register(&bench, "web", &old);
    })
    .await;
    assert_eq!(outcome.left, [], "{:?}", outcome.result);
    assert_eq!(verdict(&outcome), Verdict::Failed, "{:?}", outcome.result);
    let there = images(&bench.cloud, REGIONS[1]).await.remove(0).id;
    let said = outcome.result.unwrap_err().cause.to_string();
    let wanted = format!(
        "web in {HERE} belongs to another image by now: the one that was made for it has gone; {there} in {} stays",
        REGIONS[1]
    );
    assert_eq!(said, wanted);
    assert!(
        began.elapsed() < Duration::from_mins(5),
        "nobody waits for it"
    );
    let found = images(&bench.cloud, HERE).await;
    assert_eq!(found.len(), 1, "ours has gone: {found:?}");
    assert!(!found[0].tags.contains_key(tag::RUN), "{found:?}");
    assert_eq!(images(&bench.cloud, REGIONS[1]).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_old_snapshot_that_another_image_stands_on_stays() {
    let bench = taken().await;
    let old = old(&bench).await;
    let other = register(&bench, "other", &old);
    let outcome = meanwhile(&bench, || {}).await;
    assert_eq!(verdict(&outcome), Verdict::Done, "{:?}", outcome.result);
    assert!(is_published(&outcome));
    let rest = rest(&bench.cloud).await;
    assert!(rest.contains(&other) && !rest.contains(&old.id.to_string()));
    assert!(rest.contains(&old.snapshots()[0].to_string()), "{rest:?}");
}

#[tokio::test(start_paused = true)]
async fn where_the_new_image_may_not_be_registered_the_old_one_stays() {
    let bench = taken().await;
    let old = old(&bench).await;
    bench.cloud.deny("RegisterImage");
    let outcome = meanwhile(&bench, || {}).await;
    kept(&bench, &outcome, &old).await;
}

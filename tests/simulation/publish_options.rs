//! What an image is given beside its copies: tags of its snapshots, protection, product codes; and how many copies are begun
//! at once.

use std::time::Duration;

use kiln::bake::{Artifact, Verdict, verdict};
use kiln::cloud::{Elsewhere as _, Filter, ImageQuery, Images as _};
use kiln::run::{Clock as _, MemoryJournal, Outcome, Silent};
use kiln::undo::Undo;
use localcloud::model::{Request, Service};
use serde_json::json;

use super::bench::Bench;
use super::cloud::Mishap;
use super::publish::{REGIONS, bench, bench_in, rest};
use super::roll::params;

async fn bake(bench: &Bench) -> Outcome<Artifact, Undo> {
    let journal = MemoryJournal::default();
    bench.bake(&journal, &Silent).await.unwrap()
}

pub async fn artifact(bench: &Bench) -> Artifact {
    let outcome = bake(bench).await;
    assert_eq!(verdict(&outcome), Verdict::Done, "{:?}", outcome.result);
    outcome.result.unwrap()
}

#[tokio::test(start_paused = true)]
async fn snapshots_have_tags_of_their_own_and_the_image_is_protected() {
    let bench = bench(
        r#""tags": { "a": "1" }, "snapshot_tags": { "kind": "disk" },
            "deregistration_protection": { "enabled": true, "with_cooldown": true }"#,
    )
    .await;
    let published = artifact(&bench).await.images.remove(0);
    let seer = bench.cloud.observer().await.in_region(&published.region);
    let found = seer.find_images(&ImageQuery::id(&published.image)).await;
    let image = found.unwrap().remove(0);
    assert!(
        image.protected && !image.tags.contains_key("kind"),
        "{image:?}"
    );
    let said = bench.cloud.said("EnableImageDeregistrationProtection");
    assert!(said[0].contains("WithCooldown=true"), "{said:?}");
    // Fresh things show late.
    rest(&bench.cloud).await;
    let wanted = [Filter::tag("kind", "disk"), Filter::tag("a", "1")];
    let tagged = seer.find_snapshots(&wanted).await.unwrap();
    assert_eq!(tagged, published.snapshots);
}

#[tokio::test(start_paused = true)]
async fn copies_are_begun_side_by_side_but_no_more_than_eight_at_once() {
    let regions: Vec<String> = (1..=11).map(|number| format!("eu-test-{number}")).collect();
    let mut all = vec![REGIONS[0]];
    all.extend(regions.iter().map(String::as_str));
    let wanted = json!(regions);
    let options = format!(r#""ami_regions": {wanted}, "snapshot_copy_duration_minutes": 30"#);
    let bench = bench_in(&all, &options).await;
    bench.cloud.slow(Duration::from_secs(1));
    assert_eq!(artifact(&bench).await.images.len(), 12);
    assert_eq!(bench.cloud.at_once("CopyImage"), 8);
    let said = bench.cloud.said("CopyImage");
    let in_time = |said: &&String| said.contains("SnapshotCopyCompletionDurationMinutes=30");
    assert_eq!(said.iter().filter(in_time).count(), 11, "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_copy_for_which_a_region_has_no_room_yet_is_begun_later() {
    let bench = bench(r#""ami_regions": ["eu-west-1", "us-east-1"]"#).await;
    // Somebody's copies take all the room until one of ours was refused.
    let others = async {
        for number in 0.. {
            let given = json!({
                "SourceImageId": "ami-0000000000000002", "SourceRegion": REGIONS[0], "Name": format!("other-{number}")
            });
            let request = Request {
                service: Service::Ec2,
                action: "CopyImage".to_owned(),
                params: params(&given),
            };
            let now = bench.cloud.now();
            let refused = {
                let mut world = bench.cloud.world();
                let answer = world.model.call_in(REGIONS[1], &request, now);
                world.physics.take(answer.effects, now);
                answer.result.is_err()
            };
            if bench.cloud.calls().contains(&"CopyImage".to_owned()) {
                return;
            }
            if refused {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    };
    let (artifact, ()) = tokio::join!(artifact(&bench), others);
    assert_eq!(artifact.images.len(), 3);
    assert_eq!(
        bench.cloud.said("CopyImage").len(),
        3,
        "two at first, one again"
    );
}

#[tokio::test(start_paused = true)]
async fn a_copy_whose_answers_were_lost_is_found_and_not_made_again() {
    let bench = bench(r#""ami_regions": ["eu-west-1"]"#).await;
    artifact(&bench).await;
    let calls = bench.cloud.calls();
    let at = calls.iter().position(|call| call == "CopyImage").unwrap();
    let bench = super::publish::bench(r#""ami_regions": ["eu-west-1"]"#).await;
    bench.cloud.plan(at + 1, Mishap::AnswersLost);
    assert_eq!(artifact(&bench).await.images.len(), 2);
}

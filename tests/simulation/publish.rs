//! Publishing from end to end: copies in two regions, encrypted and shared; and a name that is taken over. Trouble at any
//! call, a stop at any second and a kill at any call leave all of it or nothing, and never a name without an image.

use std::time::Duration;

use kiln::bake::{Artifact, Options, Verdict, verdict};
use kiln::cloud::{Elsewhere as _, Filter, Image, ImageQuery, Images as _, Region, tag};
use kiln::run::{Clock as _, MemoryJournal, Outcome, Silent, Stop};
use kiln::undo::Undo;
use localcloud::model::{Params, Request, Service};

use super::bench::{Bench, account, brisk, remains, template};
use super::cloud::{Cloud, Mishap};
use super::machines::SimulatedTools;
use super::ordeal::{Ended, stops, trouble};

pub const REGIONS: [&str; 3] = ["eu-central-1", "eu-west-1", "us-east-1"];

fn text(options: &str) -> String {
    format!(
        r#"{{ "builders": [{{
            "type": "amazon-ebs", "ami_name": "web", "instance_type": "t3.small",
            "source_ami": "ami-0000000000000002", "ssh_username": "admin", {options}
        }}], "provisioners": [{{ "type": "shell", "inline": ["true"] }}] }}"#
    )
}

/// Two copies, encrypted by the account's own keys, shared, deprecated and with tags of their own.
pub const WIDE: &str = r#""ami_regions": ["eu-west-1", "us-east-1"], "encrypt_boot": true, "kms_key_id": "alias/ours",
    "region_kms_key_ids": { "eu-west-1": "alias/ours", "us-east-1": "alias/ours" },
    "ami_users": "111122223333", "snapshot_users": "111122223333", "imds_support": "v2.0",
    "deprecate_after": "90d", "snapshot_tags": { "kind": "disk" }"#;
const TAKEOVER: &str = r#""force_deregister": true, "force_delete_snapshot": true, "ami_users": "111122223333", "imds_support": "v2.0",
        "ami_description": "plain""#;

pub async fn bench(options: &str) -> Bench {
    bench_in(&REGIONS, options).await
}

/// A bench whose account has these regions, the build region first.
pub async fn bench_in(regions: &[&str], options: &str) -> Bench {
    let mut config = account();
    config.other_regions = regions[1..].iter().map(ToString::to_string).collect();
    let cloud = Cloud::new(config);
    cloud.world().physics.set_usual(brisk());
    for region in regions {
        let id = ask(&cloud, region, Service::Kms, "CreateKey", &[]).unwrap();
        let alias = [("AliasName", "alias/ours"), ("TargetKeyId", id.as_str())];
        ask(&cloud, region, Service::Kms, "CreateAlias", &alias);
    }
    Bench {
        client: cloud.client().await,
        tools: SimulatedTools::new(&cloud, None).await,
        template: template(&text(options)),
        stop: Stop::default(),
        cloud,
    }
}

fn ask(
    cloud: &Cloud,
    region: &str,
    service: Service,
    action: &str,
    params: &[(&str, &str)],
) -> Option<String> {
    let params = params
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Params::Text((*value).to_owned())));
    let request = Request {
        service,
        action: action.to_owned(),
        params: Params::Map(params.collect()),
    };
    let now = cloud.now();
    let mut world = cloud.world();
    let answer = world.model.call_in(region, &request, now);
    world.physics.take(answer.effects, now);
    let tree = answer.result.unwrap();
    let at = |path: &str| tree.at(path).and_then(localcloud::model::Tree::text);
    at("imageId").or_else(|| at("KeyMetadata.KeyId"))
}

/// A bench whose account has an image of the wanted name in two regions.
pub async fn taken() -> Bench {
    let bench = bench(&format!(r#"{TAKEOVER}, "ami_regions": "eu-west-1""#)).await;
    for region in &REGIONS[..2] {
        let source = ("SourceImageId", "ami-0000000000000002");
        let from = ("SourceRegion", REGIONS[0]);
        let copy = [source, from, ("Name", "web")];
        ask(&bench.cloud, region, Service::Ec2, "CopyImage", &copy);
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    for region in &REGIONS[..2] {
        // Fresh things show late.
        assert_eq!(images(&bench.cloud, region).await.len(), 1);
    }
    bench
}

pub async fn images(cloud: &Cloud, region: &str) -> Vec<Image> {
    let seer = cloud.observer().await.in_region(&Region::new(region));
    let all = ImageQuery::own(Vec::new());
    let mut found = Vec::new();
    for _ in 0..4 {
        found = seer.find_images(&all).await.unwrap();
    }
    found
}

/// Everything of the account in every region, an hour later.
pub async fn rest(cloud: &Cloud) -> Vec<String> {
    cloud.calm();
    tokio::time::sleep(Duration::from_hours(1)).await;
    let mut all = remains(cloud).await;
    for region in &REGIONS[1..] {
        let seer = cloud.observer().await.in_region(&Region::new(*region));
        all.extend(
            images(cloud, region)
                .await
                .iter()
                .map(|image| image.id.to_string()),
        );
        let mut snapshots = Vec::new();
        for _ in 0..4 {
            snapshots = seer.find_snapshots(&[]).await.unwrap();
        }
        all.extend(snapshots.iter().map(ToString::to_string));
    }
    all.sort();
    all
}

fn ids(artifact: &Artifact) -> Vec<String> {
    let images = artifact.images.iter();
    let ids = images.flat_map(|published| {
        let snapshots = published.snapshots.iter().map(ToString::to_string);
        [published.image.to_string()].into_iter().chain(snapshots)
    });
    let mut ids: Vec<_> = ids.collect();
    ids.sort();
    ids
}

/// All that was promised is there and ready, and nothing else; or nothing.
async fn check(bench: &Bench, outcome: Option<&Outcome<Artifact, Undo>>, about: &str) {
    let rest = rest(&bench.cloud).await;
    match outcome.map(|outcome| &outcome.result) {
        Some(Ok(artifact)) => {
            assert_eq!(rest, ids(artifact), "{about}");
            for region in REGIONS {
                for image in images(&bench.cloud, region).await {
                    assert!(image.tags.contains_key(tag::READY), "{about}: {image:?}");
                    assert_eq!(image.name, "web", "{about}");
                }
            }
        }
        _ => assert_eq!(rest, [""; 0], "{about}"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_is_copied_encrypted_and_shared_in_every_region() {
    let bench = bench(WIDE).await;
    let outcome = bench
        .bake(&MemoryJournal::default(), &Silent)
        .await
        .unwrap();
    assert_eq!(verdict(&outcome), Verdict::Done, "{:?}", outcome.result);
    check(&bench, Some(&outcome), "success").await;
    let artifact = outcome.result.unwrap();
    let regions: Vec<_> = artifact
        .images
        .iter()
        .map(|one| one.region.as_str())
        .collect();
    assert_eq!(regions, REGIONS);
    for published in &artifact.images {
        let seer = bench.cloud.observer().await.in_region(&published.region);
        let found = seer.find_images(&ImageQuery::id(&published.image)).await;
        let image = found.unwrap().remove(0);
        assert!(
            image.devices.iter().all(|device| device.encrypted),
            "{image:?}"
        );
        let kind = [
            Filter::tag("kind", "disk"),
            Filter::new("tag-key", tag::READY),
        ];
        let tagged = seer.find_snapshots(&kind).await.unwrap();
        assert_eq!(
            tagged, published.snapshots,
            "tags of snapshots in every region"
        );
    }
    let copies = bench.cloud.said("CopyImage");
    let from_the_start = |said: &&String| said.contains("Key=kind&");
    assert_eq!(
        copies.iter().filter(from_the_start).count(),
        3,
        "{copies:?}"
    );
    let calls = bench.cloud.calls();
    for (call, count) in [
        ("CopyImage", 3),
        ("DeregisterImage", 1),
        ("ModifySnapshotAttribute", 3),
        ("EnableImageDeprecation", 3),
        ("ModifyImageAttribute", 6),
        ("CreateImage", 1),
    ] {
        let found = calls.iter().filter(|other| *other == call).count();
        assert_eq!(found, count, "{call}: {calls:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_is_taken_over_only_when_the_new_image_is_whole() {
    let bench = taken().await;
    let old: Vec<_> = images(&bench.cloud, REGIONS[0]).await;
    let outcome = bench
        .bake(&MemoryJournal::default(), &Silent)
        .await
        .unwrap();
    assert_eq!(verdict(&outcome), Verdict::Done, "{:?}", outcome.result);
    check(
        &bench,
        Some(&outcome),
        "the old images and their snapshots have gone",
    )
    .await;
    let new = images(&bench.cloud, REGIONS[0]).await;
    assert_eq!((new.len(), &*new[0].name), (1, "web"));
    assert_ne!(new[0].id, old[0].id);
    assert!(!new[0].tags.contains_key(tag::TAKES_NAME), "{new:?}");
    let calls = bench.cloud.calls();
    let at = |call: &str| calls.iter().position(|other| other == call).unwrap();
    assert!(at("CopyImage") < at("DeregisterImage") && at("CreateImage") < at("DeregisterImage"));
    let shared = calls.iter().filter(|call| *call == "ModifyImageAttribute");
    let text = "rights and tokens for each image, and again for what bears its name";
    assert_eq!(shared.count(), 8, "{text}");
    for call in ["CreateImage", "CopyImage", "RegisterImage"] {
        let said = bench.cloud.said(call);
        let described = |said: &String| said.contains("Description=plain");
        assert!(said.iter().all(described), "{said:?}");
    }
    let again = bench.cloud.said("RegisterImage");
    let as_before = |said: &String| said.contains("ImdsSupport=v2.0");
    assert!(again.iter().all(as_before), "{again:?}");
}

/// Plans with `options`; the codes of what stands against it.
async fn objections(bench: &Bench, options: Options) -> Vec<&'static str> {
    let found = bench.findings(options).await.into_iter();
    found.map(|finding| finding.code).collect()
}

#[tokio::test(start_paused = true)]
async fn bad_keys_and_regions_are_all_refused_before_anything_is_made() {
    let options = r#""ami_regions": ["eu-west-1", "ap-south-1"], "encrypt_boot": true, "kms_key_id": "alias/none",
        "region_kms_key_ids": { "eu-west-1": "alias/aws/ebs", "ap-south-1": "alias/x" }, "ami_users": "111122223333""#;
    let bench = bench(options).await;
    let codes = objections(&bench, Options::default()).await;
    assert_eq!(
        codes,
        ["bake::region", "bake::encryption", "bake::encryption"]
    );
    assert_eq!(bench.cloud.writes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_disabled_is_refused_before_anything_is_made() {
    let bench = bench(r#""encrypt_boot": true, "kms_key_id": "alias/ours""#).await;
    let refused = async || objections(&bench, Options::default()).await;
    assert_eq!(refused().await, [""; 0]);
    let key = [("KeyId", "alias/ours")];
    let key = ask(&bench.cloud, REGIONS[0], Service::Kms, "DescribeKey", &key).unwrap();
    ask(
        &bench.cloud,
        REGIONS[0],
        Service::Kms,
        "DisableKey",
        &[("KeyId", &key)],
    );
    assert_eq!(refused().await, ["bake::encryption"]);
}

#[tokio::test(start_paused = true)]
async fn without_an_image_nothing_is_stopped_named_or_deregistered() {
    let mut bench = taken().await;
    bench.template = template(&text(&format!(r#"{TAKEOVER}, "skip_create_ami": true"#)));
    let before = rest(&bench.cloud).await;
    let outcome = bench
        .bake(&MemoryJournal::default(), &Silent)
        .await
        .unwrap();
    assert_eq!(verdict(&outcome), Verdict::Done, "{:?}", outcome.result);
    assert_eq!(outcome.result.unwrap().images, []);
    assert_eq!(rest(&bench.cloud).await, before);
    let calls = bench.cloud.calls();
    for call in ["StopInstances", "CreateImage", "DeregisterImage"] {
        assert!(!calls.iter().any(|other| other == call), "{call}");
    }
}

const MISHAPS: [Mishap; 2] = [Mishap::Refused, Mishap::AnswersLost];

#[tokio::test(start_paused = true)]
async fn trouble_at_any_call_of_copies_leaves_all_or_nothing() {
    trouble(async || bench(WIDE).await, &MISHAPS, check).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_second_of_copies_leaves_all_or_nothing() {
    stops(async || bench(WIDE).await, check).await;
}

/// In each region with an old image, one image has the name: the old one or the new one. Temporary ones have gone.
pub async fn named(bench: &Bench, about: &str) {
    for region in &REGIONS[..2] {
        let found = images(&bench.cloud, region).await;
        let names: Vec<_> = found.iter().map(|image| &*image.name).collect();
        assert_eq!(names, ["web"], "{about} in {region}");
    }
}

#[tokio::test(start_paused = true)]
async fn trouble_at_any_call_of_a_takeover_leaves_one_image_under_the_name() {
    let check = async |bench: &Bench, _: Ended<'_>, about: &str| {
        rest(&bench.cloud).await;
        named(bench, about).await;
    };
    trouble(async || taken().await, &MISHAPS, check).await;
}

//! What stands against a bake is told in one go, whichever question finds it, each root cause once, and nothing is made.

use kiln::bake::Options;
use kiln::cloud::{Home, KeyPairName, Keys as _, Tags};
use kiln::resume::dead_bakes;
use kiln::run::{Clock as _, MemoryJournal, RunId, Silent};
use kiln::store::Store;
use kiln::template::bake::Template;
use tempfile::TempDir;

use super::bench::{Bench, account, brisk, run_id, template};
use super::cloud::{Cloud, Mishap};
use super::machines::SimulatedTools;
use super::publish::{REGIONS, bench};
use super::resume::{killed, prepare};

/// More user data than EC2 takes, which only the rehearsal tells.
fn refused() -> String {
    format!(r#""user_data": "{}""#, "x".repeat(17_000))
}

/// A bench of an account that has an image `web` and a key pair `ours`.
async fn furnished(options: &str) -> Bench {
    let mut bench = bench(r#""ami_description": "first""#).await;
    let outcome = bench.bake(&MemoryJournal::default(), &Silent).await;
    outcome.unwrap().result.unwrap();
    let pair = kiln::ssh::keys::generate("somebody").unwrap();
    let (seer, name) = (bench.cloud.observer().await, KeyPairName::new("ours"));
    let tags = Tags::new();
    let imported = seer.import_key_pair(&name, pair.public(), &tags).await;
    imported.unwrap();
    // Fresh things show late.
    bench.remains().await;
    bench.template = template(&minimal(options));
    bench
}

/// The codes of what stands against a bake, which has made nothing to find them out.
async fn codes(bench: &Bench) -> Vec<&'static str> {
    let before = bench.cloud.writes();
    let found = bench.findings(Options::default()).await;
    assert_eq!(bench.cloud.writes(), before);
    assert!(
        found.iter().all(|finding| !finding.labels.is_empty()),
        "{found:?}"
    );
    let mut codes: Vec<_> = found.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes
}

#[tokio::test(start_paused = true)]
async fn what_facts_plan_and_rehearsal_find_is_told_together() {
    let options = format!(
        r#""encrypt_boot": true, "kms_key_id": "alias/none", "deprecate_at": "2020-01-01T00:00:00Z",
           "iam_instance_profile": "nobody", "temporary_key_pair_name": "ours",
           "tags": {{ "of": "{{{{.SourceAMITags.none.of.these}}}}" }}, "instance_type": "t3.small",
           "source_ami": "ami-0000000000000002", {}"#,
        refused()
    );
    let bench = furnished(&options).await;
    assert_eq!(
        codes(&bench).await,
        [
            "bake::deprecation",
            "bake::encryption",
            "bake::image_name",
            "bake::key_pair",
            "bake::profile",
            "bake::refused",
            "template::render",
        ]
    );
}

/// A rehearsal without what the launch itself lacks would be of another launch.
#[tokio::test(start_paused = true)]
async fn a_launch_that_is_not_known_is_not_rehearsed_and_all_else_is_told() {
    for (missing, code) in [
        (r#""source_ami": "ami-none""#, "bake::source_image"),
        (r#""subnet_id": "subnet-none""#, "bake::subnet"),
        (r#""security_group_id": "sg-none""#, "bake::security_group"),
        (r#""instance_type": "t9.none""#, "bake::instance_type"),
    ] {
        let mut options = format!(
            r#"{missing}, "temporary_key_pair_name": "ours", {}"#,
            refused()
        );
        for (key, sound) in [
            ("source_ami", "ami-0000000000000002"),
            ("instance_type", "t3.small"),
        ] {
            if !missing.contains(key) {
                options = format!(r#""{key}": "{sound}", {options}"#);
            }
        }
        let bench = furnished(&options).await;
        let before = bench.cloud.calls().len();
        let mut expected = ["bake::image_name", "bake::key_pair", code];
        expected.sort_unstable();
        assert_eq!(codes(&bench).await, expected);
        let calls = bench.cloud.calls().split_off(before);
        assert!(!calls.contains(&"RunInstances".to_owned()), "{calls:?}");
    }
}

/// Subnets and groups are asked for one after the other, and types that cannot be had leave those that can.
#[tokio::test(start_paused = true)]
async fn no_answer_that_does_not_fit_hides_another() {
    let nowhere = r#"{ "filters": { "tag:Name": "nowhere" } }"#;
    let options = format!(
        r#""source_ami": "ami-none", "vpc_filter": {nowhere}, "subnet_id": "subnet-none",
           "security_group_filter": {nowhere}, "spot_price": "auto",
           "spot_instance_types": ["t9.none", "t3.small"]"#,
    );
    let bench = Bench::of(&minimal(&options), account(), None).await;
    assert_eq!(
        codes(&bench).await,
        [
            "bake::instance_type",
            "bake::security_group",
            "bake::source_image",
            "bake::subnet",
            "bake::vpc",
        ]
    );
    let options = format!(
        r#""source_ami": "ami-0000000000000002", "spot_price": "auto",
           "spot_instance_types": ["t9.none", "t3.small"], {}"#,
        refused()
    );
    let bench = Bench::of(&minimal(&options), account(), None).await;
    let found = codes(&bench).await;
    assert_eq!(found, ["bake::instance_type", "bake::refused"]);
}

fn minimal(options: &str) -> String {
    format!(
        r#"{{ "builders": [{{ "type": "amazon-ebs", "ami_name": "web", "ssh_username": "admin", {options} }}] }}"#
    )
}

/// EC2 takes such a launch, and the machine ends at once.
#[tokio::test(start_paused = true)]
async fn keys_of_volumes_are_looked_up_once_each() {
    let volume = |name: &str, key: &str| {
        format!(
            r#"{{ "device_name": "{name}", "volume_size": 8, "encrypted": true, "kms_key_id": "{key}" }}"#
        )
    };
    let volumes = |keys: [&str; 3]| {
        let volumes = ["/dev/sdf", "/dev/sdg", "/dev/sdh"].into_iter().zip(keys);
        let volumes: Vec<_> = volumes.map(|(name, key)| volume(name, key)).collect();
        let volumes = volumes.join(", ");
        format!(r#""launch_block_device_mappings": [{volumes}], "ami_users": "111122223333""#)
    };
    let keys = ["alias/none", "alias/none", "alias/aws/ebs"];
    let bad = bench(&volumes(keys)).await;
    let found = bad.findings(Options::default()).await;
    let texts: Vec<_> = found.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].starts_with("the key alias/none is not in eu-central-1"));
    assert!(texts[1].contains("AWS's own key"), "{texts:?}");
    assert_eq!(bad.cloud.said("DescribeKey").len(), 2);
    let keys = ["alias/ours"; 3];
    let good = bench(&volumes(keys)).await;
    assert_eq!(good.findings(Options::default()).await, []);
}

/// A role that may not ask is told all that it may not, beside what is wrong.
#[tokio::test(start_paused = true)]
async fn calls_that_are_denied_are_told_together_and_hide_nothing() {
    let options = format!(
        r#""ami_regions": ["{}"], "source_ami": "ami-0000000000000002", "instance_type": "t3.small""#,
        REGIONS[1]
    );
    let bench = furnished(&options).await;
    for action in ["DescribeRegions", "DescribeInstanceTypes"] {
        bench.cloud.deny(action);
    }
    let objections = bench.preflight(Options::default()).await.unwrap_err();
    let codes: Vec<_> = objections.findings.iter().map(|one| one.code).collect();
    assert_eq!(codes, ["bake::image_name"]);
    let failures = objections.failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(
        failures[0].starts_with("DescribeRegions, DescribeInstanceTypes: You are not authorized"),
        "{failures:?}"
    );
    let bench = furnished(&options).await;
    bench.cloud.deny("RunInstances");
    let found = bench.findings(Options::default()).await;
    let codes: Vec<_> = found.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["bake::refused", "bake::image_name"]);
}

/// Template, fleet and launch need a right each.
#[tokio::test(start_paused = true)]
async fn a_fleet_is_told_of_every_right_that_lacks() {
    let options = r#""source_ami": "ami-0000000000000002", "spot_price": "auto", "spot_instance_types":
        ["t3.small", "t3.medium"], "spot_allocation_strategy": "capacity-optimized""#;
    let bench = Bench::of(&minimal(options), account(), None).await;
    let rights = ["CreateLaunchTemplate", "CreateFleet", "RunInstances"];
    for action in rights {
        bench.cloud.deny(action);
    }
    let found = bench.findings(Options::default()).await;
    assert_eq!(found.len(), 3, "{found:?}");
    for (finding, action) in found.iter().zip(rights) {
        let text = format!("the launch would be refused: {action}: ");
        assert!(finding.message.starts_with(&text), "{found:?}");
    }
    assert_eq!(bench.cloud.writes(), [""; 0]);
}

/// What a dead run left is no reason against its successor, and stays where there is one.
#[tokio::test(start_paused = true)]
async fn what_a_dead_run_left_is_taken_back_only_when_nothing_stands_against_the_next() {
    let named = minimal(
        r#""source_ami": "ami-0000000000000002", "instance_type": "t3.small",
           "temporary_key_pair_name": "ours""#,
    );
    let sound = template(&named);
    let bad = template(
        &named
            .replacen('{', r#"{ "kiln": { "family": "web" },"#, 1)
            .replace(
                r#""ami_name""#,
                r#""deprecate_at": "2020-01-01T00:00:00Z", "ami_name""#,
            ),
    );
    let folder = tempfile::tempdir().unwrap();
    let (cloud, store) = died(&sound, &folder).await;
    let before = cloud.writes();
    assert_eq!(next(&cloud, &bad, &store).await, ["bake::deprecation"]);
    assert_eq!(cloud.writes(), before);
    assert_eq!(next(&cloud, &sound, &store).await, [""; 0]);
    let after = cloud.writes().split_off(before.len());
    assert!(
        after.contains(&"TerminateInstances".to_owned()),
        "{after:?}"
    );
    assert!(after.contains(&"DeleteKeyPair".to_owned()), "{after:?}");
}

/// A bake that dies when its machine is launched.
async fn died(template: &Template, folder: &TempDir) -> (Cloud, Store) {
    for at in 1.. {
        let store = Store::at(folder.path().join(at.to_string()));
        let cloud = killed(template, &store, at, Mishap::KilledAfter).await;
        let cloud = cloud.unwrap();
        if cloud.writes().contains(&"RunInstances".to_owned()) {
            return (cloud, store);
        }
    }
    unreachable!()
}

/// The codes of what stands against the next run.
async fn next(cloud: &Cloud, template: &Template, store: &Store) -> Vec<&'static str> {
    cloud.world().physics.set_usual(brisk());
    let (client, tools) = (cloud.client().await, SimulatedTools::new(cloud, None).await);
    let run = RunId::new(cloud.now(), 9);
    assert_ne!(run, run_id());
    assert_eq!(dead_bakes(store, cloud).unwrap().len(), 1);
    let connect = async |_: &Home| Ok(cloud.client().await);
    let prepared = prepare((cloud, store), template, run, (&client, &tools), &connect).await;
    let objections = prepared.err().unwrap_or_default();
    objections.findings.iter().map(|one| one.code).collect()
}

//! Plans, which are values: what a template and an account come to, and what is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::cloud::{
    Account, Image, ImageDevice, ImageId, ImageState, InstanceType, Region, SecurityGroupId,
    SnapshotId, Tags, tag,
};
use crate::run::RunId;
use crate::source::{Diagnostic, SourceMap};
use crate::template::load;

mod tags;

const NOW: &str = "2026-11-01T03:00:00Z";

fn facts() -> BakeFacts {
    BakeFacts {
        region: Region::new("eu-central-1"),
        source: Some(image("ami-1", "debian-12")),
        publish: PublishFacts::default(),
        ground: Some(Ground::default()),
        types: Some(vec![small()]),
        offers: None,
        sources: vec!["198.51.100.7/32".to_owned()],
        lacks: Lacks::default(),
    }
}

fn source(facts: &mut BakeFacts) -> &mut Image {
    facts.source.as_mut().unwrap()
}

fn small() -> InstanceType {
    InstanceType {
        name: "t3.small".to_owned(),
        architectures: vec!["x86_64".to_owned()],
        virtualization: vec!["hvm".to_owned()],
        boot_modes: vec!["legacy-bios".to_owned(), "uefi".to_owned()],
        spot: true,
    }
}

fn image(id: &str, name: &str) -> Image {
    Image {
        id: ImageId::new(id),
        name: name.to_owned(),
        state: ImageState::Available,
        owner: Account::new("136693071363"),
        owner_alias: None,
        created: NOW.parse().unwrap(),
        architecture: "x86_64".to_owned(),
        virtualization: "hvm".to_owned(),
        boot_mode: None,
        root_device: "/dev/xvda".to_owned(),
        devices: vec![ImageDevice {
            device: "/dev/xvda".to_owned(),
            snapshot: Some(SnapshotId::new("snap-1")),
            delete_on_termination: true,
            encrypted: false,
        }],
        billed: None,
        protected: false,
        tags: Tags::from([("release".to_owned(), "12.8".to_owned())]),
    }
}

/// The wanted name belongs to another image, which these use.
fn taken(users: &[&str]) -> BakeFacts {
    let taken = Taken {
        image: image("ami-9", "web-1.4.2"),
        users: users.iter().map(ToString::to_string).collect(),
    };
    let publish = PublishFacts {
        taken: [(Region::new("eu-central-1"), taken)].into(),
    };
    BakeFacts { publish, ..facts() }
}

/// Plans a template whose builder has these options beside those that it must have.
fn planned(options: &str, root: &str, facts: &BakeFacts) -> Result<BakePlan, Vec<Diagnostic>> {
    let text = format!(
        r#"{{ {root} "builders": [{{
            "type": "amazon-ebs", "region": "eu-central-1", "ami_name": "web-1.4.2",
            "instance_type": "t3.small", "source_ami": "ami-1", "ssh_username": "admin" {options}
        }}] }}"#
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("web.json"), text).unwrap();
    let request = load::Request {
        files: vec!["web.json".to_owned()],
        var_files: Vec::new(),
        vars: Vec::new(),
        only: Vec::new(),
        except: Vec::new(),
        strict: false,
        running: false,
        stdin: None,
        world: load::World {
            now: NOW.parse().unwrap(),
            environment: BTreeMap::new(),
            uuid: Arc::new(String::new),
            directory: folder.path().to_str().unwrap().to_owned(),
            template_directory: String::new(),
            stores: crate::template::stores::Stores::default(),
        },
    };
    let (template, _) = load::bake(&request, &mut SourceMap::new()).unwrap();
    let now = NOW.parse().unwrap();
    let run = RunId::new(now, 7);
    let options = Options::default();
    let draft = draft(&template, &template.builds[0], facts, options, run, now);
    draft.done().map_err(|objections| objections.findings)
}

#[test]
fn a_plan_shows_what_is_made_and_what_goes_again() {
    let root = r#""kiln": { "family": "web", "version": "1.4.2" },"#;
    let plan = planned(r#", "run_tags": { "team": "web" }"#, root, &facts()).unwrap();
    let shown = plan.to_string().replace(env!("CARGO_PKG_VERSION"), "0.0.0");
    insta::assert_snapshot!(shown, @r"
    bake amazon-ebs in eu-central-1 (run 01M6AGSCW00000000000000007)
      source image      ami-1 debian-12
      + key pair        kiln-01M6AGSCW00000000000000007 (ed25519, for this run only)
      + security group  kiln-01M6AGSCW00000000000000007 (for this run only): TCP 22 from 198.51.100.7/32
      + instance        t3.small, key pair kiln-01M6AGSCW00000000000000007
        stop            by StopInstances
      + image           web-1.4.2
                        kiln:family = web
                        kiln:made-by = kiln 0.0.0
                        kiln:run = 01M6AGSCW00000000000000007
                        kiln:source-image = ami-1
                        kiln:template = web.json
                        kiln:version = 1.4.2
                        team = web
      - removed         instance, security group and key pair, however it ends
    ");
}

/// The lines of a plan from the one that begins so.
fn lines_from(plan: &BakePlan, start: &str) -> String {
    let text = plan.to_string().replace(env!("CARGO_PKG_VERSION"), "0.0.0");
    let lines = text
        .lines()
        .skip_while(|line| !line.trim_start().starts_with(start));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_plan_lists_what_runs_before_and_after_the_image() {
    let root = r#""provisioners": [
        { "type": "shell", "inline": ["a", "b"], "pause_before": "10s", "max_retries": 3 },
        { "type": "shell-local", "command": "make" },
        { "type": "sleep", "duration": "1s", "except": ["amazon-ebs"] }
      ], "error-cleanup-provisioner": { "type": "shell", "inline": ["c"] },
      "post-processors": [
        { "type": "manifest", "only": ["amazon-ebs"] },
        [{ "type": "shell-local", "inline": ["a", "b"], "name": "notify" }, { "type": "manifest", "output": "last.json" }],
        [{ "type": "artifice", "files": ["out/*.img"] }, { "type": "checksum", "checksum_types": ["md5", "sha256"], "output": "{{.ChecksumType}}.txt" },
         { "type": "compress", "output": "out.tar.gz" }],
        [{ "type": "artifice", "files": ["x"] }, { "type": "compress", "output": "y.zip", "keep_input_artifact": true }],
        { "type": "manifest", "except": ["amazon-ebs"] }
      ],"#;
    let plan = planned("", root, &facts()).unwrap();
    insta::assert_snapshot!(lines_from(&plan, "provision"), @r"
      provision       shell, 2 lines, after 10 s, tried again up to 3 times
      provision       shell-local, 1 line
      if it fails     shell, 1 line
      stop            by StopInstances
    + image           web-1.4.2
                      kiln:made-by = kiln 0.0.0
                      kiln:run = 01M6AGSCW00000000000000007
                      kiln:source-image = ami-1
                      kiln:template = web.json
    - removed         instance, security group and key pair, however it ends
      post-process    manifest in packer-manifest.json
      post-process    notify (shell-local, 2 lines)
        then          manifest in last.json
      post-process    artifice out/*.img
        then          checksum md5, sha256 in {{.ChecksumType}}.txt
        then          compress to out.tar.gz, and removes what it was given
      post-process    artifice x
        then          compress to y.zip, and keeps what it was given
    ");
    let document = serde_json::to_value(&plan).unwrap();
    let posts = document["post_processors"].as_array().unwrap();
    let lengths: Vec<_> = posts
        .iter()
        .map(|chain| chain.as_array().unwrap().len())
        .collect();
    assert_eq!(lengths, [1, 2, 3, 2]);
    assert_eq!(posts[1][1]["kind"]["manifest"]["output"], "last.json");
    assert_eq!(posts[3][1]["keeps_input"], true);
    let imageless = planned(r#", "skip_create_ami": true"#, root, &facts()).unwrap();
    insta::assert_snapshot!(lines_from(&imageless, "no image"), @r"
      no image        as `skip_create_ami` has it
    - removed         instance, security group and key pair, however it ends
      post-process    manifest in packer-manifest.json (not without an image)
      post-process    notify (shell-local, 2 lines) (not without an image)
        then          manifest in last.json (not without an image)
      post-process    artifice out/*.img
        then          checksum md5, sha256 in {{.ChecksumType}}.txt
        then          compress to out.tar.gz, and removes what it was given
      post-process    artifice x
        then          compress to y.zip, and keeps what it was given
    ");
}

#[test]
fn everything_that_stands_against_a_bake_is_said_at_once() {
    let taken = taken(&[]);
    let options = r#", "deprecate_at": "2020-01-01T00:00:00Z", "ssh_private_key_file": "key",
        "ssh_keypair_name": "k""#;
    let findings = planned(options, "", &taken).unwrap_err();
    let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["bake::image_name", "bake::deprecation"]);
    assert!(findings.iter().all(|finding| !finding.labels.is_empty()));
}

#[test]
fn volumes_that_outlive_the_machine_are_known() {
    let device = |delete: bool| {
        format!(
            r#", "launch_block_device_mappings":
                [{{ "device_name": "/dev/xvda", "delete_on_termination": {delete} }}]"#
        )
    };
    assert!(!planned("", "", &facts()).unwrap().volumes_outlive);
    assert!(
        planned(&device(false), "", &facts())
            .unwrap()
            .volumes_outlive
    );
    let mut keeps = facts();
    source(&mut keeps).devices[0].delete_on_termination = false;
    assert!(planned("", "", &keeps).unwrap().volumes_outlive);
    assert!(!planned(&device(true), "", &keeps).unwrap().volumes_outlive);
}

#[test]
fn a_spot_instance_is_restarted_by_its_image_and_never_stopped() {
    let plan = planned(r#", "spot_price": "auto""#, "", &facts()).unwrap();
    assert_eq!(plan.stopping, Stopping::Restart);
    let machine = plan.attempts[0].instance(&plan.instance);
    assert_eq!(machine.spot.unwrap().max_price, None);
    assert!(!machine.terminate_on_shutdown);
    let plan = planned("", "", &facts()).unwrap();
    assert_eq!(plan.stopping, Stopping::Stop);
    assert!(plan.instance.terminate_on_shutdown && plan.instance.metadata.tokens_required);
}

#[test]
fn with_groups_and_a_key_of_the_users_own_nothing_temporary_is_made() {
    let options = r#", "security_group_id": "sg-1", "ssh_keypair_name": "mine",
        "ssh_private_key_file": "key""#;
    let mut found = facts();
    let groups = vec![SecurityGroupId::new("sg-1")];
    found.ground = Some(Ground {
        security_groups: groups.clone(),
        ..Ground::default()
    });
    let plan = planned(options, "", &found).unwrap();
    assert_eq!(plan.instance.security_groups, groups);
    assert_eq!((plan.key_pair, plan.security_group), (None, None));
    assert_eq!(plan.instance.key_pair.unwrap().as_str(), "mine");
}

/// The codes of what stands against a bake.
fn objections(options: &str, facts: &BakeFacts) -> Vec<&'static str> {
    let findings = planned(options, "", facts).err().unwrap_or_default();
    findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn a_name_is_not_taken_from_what_is_protected_nor_for_what_is_billed() {
    let force = r#", "force_deregister": true"#;
    assert_eq!(objections(force, &taken(&[])), [""; 0]);
    let mut found = taken(&[]);
    source(&mut found).billed = Some("Windows".to_owned());
    assert_eq!(objections(force, &found), ["bake::billing"]);
    let mut found = taken(&[]);
    for taken in found.publish.taken.values_mut() {
        taken.image.protected = true;
    }
    assert_eq!(objections(force, &found), ["bake::image_protected"]);
    let found = taken(&["instance i-1"]);
    assert_eq!(objections(force, &found), ["bake::image_in_use"]);
}

#[test]
fn the_first_name_of_what_takes_one_over_is_no_longer_than_ec2_takes() {
    let mut plan = planned(r#", "force_deregister": true"#, "", &taken(&[])).unwrap();
    plan.publish.name = "x".repeat(128);
    let first = plan.publish.image_name(&plan.region, plan.run);
    assert_eq!(first.len(), 128);
    assert!(first.ends_with(&plan.run.to_string()), "{first}");
}

#[test]
fn encryption_is_held_against_the_source_and_against_sharing() {
    let mut encrypted = facts();
    source(&mut encrypted).devices[0].encrypted = true;
    let unwanted = r#", "encrypt_boot": false"#;
    assert_eq!(objections(unwanted, &encrypted), ["bake::encryption"]);
    assert_eq!(objections(unwanted, &facts()), [""; 0]);
    assert_eq!(objections("", &encrypted), [""; 0]);
    let shared = |key: &str| {
        format!(
            r#", "ami_users": ["111122223333"], "launch_block_device_mappings":
                [{{ "device_name": "/dev/xvdb", "volume_size": 8, "encrypted": true {key} }}]"#
        )
    };
    assert_eq!(objections(&shared(""), &facts()), ["bake::encryption"]);
    let own = shared(r#", "kms_key_id": "alias/ours""#);
    assert_eq!(objections(&own, &facts()), [""; 0]);
}

#[test]
fn an_image_ends_when_ec2_lets_it() {
    let ends = |at: &str, more: &str| {
        objections(
            &format!(r#", "deprecate_at": "{at}-01-01T00:00:00Z" {more}"#),
            &facts(),
        )
    };
    let public = r#", "ami_groups": "all""#;
    assert_eq!(ends("2028", public), [""; 0]);
    assert_eq!(ends("2030", public), ["bake::deprecation"]);
    assert_eq!(ends("2030", ""), [""; 0]);
    assert_eq!(ends("2037", ""), ["bake::deprecation"]);
    assert_eq!(ends("2026", ""), ["bake::deprecation"]);
}

#[test]
fn a_type_must_run_the_source_image_somewhere() {
    let code = ["bake::instance_type"];
    let mut found = facts();
    source(&mut found).architecture = "arm64".to_owned();
    assert_eq!(objections("", &found), code);
    let mut found = facts();
    source(&mut found).virtualization = "paravirtual".to_owned();
    assert_eq!(objections("", &found), code);
    let mut found = facts();
    source(&mut found).boot_mode = Some("uefi-only".to_owned());
    assert_eq!(objections("", &found), code);
    source(&mut found).boot_mode = Some("uefi-preferred".to_owned());
    assert_eq!(objections("", &found), [""; 0]);
    let mut found = facts();
    found.offers = Some(Vec::new());
    let placed = r#", "availability_zone": "eu-central-1a""#;
    assert_eq!(objections(placed, &found), code, "the zone has it not");
    found.types = Some(Vec::new());
    assert_eq!(objections("", &found), code, "the region has it not");
}

#[test]
fn an_image_without_a_snapshot_is_none() {
    let mut made = image("ami-2", "web");
    assert!(super::image::check(&made).is_ok());
    made.devices.clear();
    assert!(super::image::check(&made).is_err());
}

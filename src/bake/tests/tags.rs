//! The tags of what a bake makes.

use super::*;
use crate::template::tags::{OF_IMAGE, OF_SCRATCH, OF_SNAPSHOT};

#[test]
fn scratch_expires_and_the_image_does_not() {
    let plan = planned(r#", "run_tags": { "team": "web" }"#, "", &facts()).unwrap();
    assert_eq!(plan.instance.tags[tag::EXPIRES], "2026-11-02T03:00:00Z");
    assert_eq!(plan.instance.tags["team"], "web");
    assert_eq!(plan.image.tags["team"], "web", "as Packer has it");
    assert!(!plan.image.tags.contains_key(tag::EXPIRES));
    assert!(!plan.image.tags.contains_key(tag::READY));
    assert!(
        !plan.image.tags.contains_key(tag::FAMILY),
        "none without the root key"
    );
    let options = r#", "run_tags": { "team": "web" }, "skip_ami_run_tags": true"#;
    let plan = planned(options, "", &facts()).unwrap();
    assert!(!plan.image.tags.contains_key("team"));
}

#[test]
fn what_the_source_image_makes_too_long_is_refused() {
    let mut facts = facts();
    let source = facts.source.as_mut().unwrap();
    source.tags.insert("release".to_owned(), "é".repeat(256));
    for (option, wrong) in [
        (
            r#", "tags": { "base": "x{{.SourceAMITags.release}}" }"#,
            "257",
        ),
        (
            r#", "ami_description": "{{.SourceAMITags.release}}""#,
            "256",
        ),
    ] {
        let findings = planned(option, "", &facts).unwrap_err();
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].message.contains(wrong), "{findings:?}");
        assert!(!findings[0].labels.is_empty(), "{findings:?}");
    }
}

#[test]
fn room_is_kept_for_kilns_own_tags() {
    let family = r#""kiln": { "family": "web", "version": "1" },"#;
    let plan = planned("", family, &facts()).unwrap();
    // The fingerprint, the name it takes and that it is ready are set later.
    assert_eq!(plan.image.tags.len() + 3, OF_SNAPSHOT);
    assert_eq!(
        OF_IMAGE - OF_SNAPSHOT,
        5,
        "quarantines, as docs/templates.md says"
    );
    assert_eq!(plan.instance.tags.len(), OF_SCRATCH);
}

#[test]
fn a_long_path_of_a_template_loses_folders_from_its_front() {
    let path = |folder: &str, file: &str| {
        let tags = super::super::tags::own(
            RunId::new(jiff::Timestamp::UNIX_EPOCH, 1),
            &format!("{folder}/{file}"),
        );
        tags[tag::TEMPLATE].clone()
    };
    let whole = "é".repeat(256 - "/web.json".len());
    assert_eq!(path(&whole, "web.json"), format!("{whole}/web.json"));
    let long = format!("/build/{}/images/2026", "é".repeat(240));
    assert_eq!(path(&long, "web.json"), ".../images/2026/web.json");
    let file = format!("{}.json", "é".repeat(250));
    assert_eq!(path("a/b", &file), format!("...{}", &file[4..]));
}

#[test]
fn tags_see_the_source_image_and_say_where_they_cannot() {
    let options = r#", "tags": { "base": "{{.SourceAMIName}} {{.SourceAMITags.release}}" }"#;
    let plan = planned(options, "", &facts()).unwrap();
    assert_eq!(plan.image.tags["base"], "debian-12 12.8");
    let options = r#", "tags": { "base": "{{.SourceAMITags.relaese}}" }"#;
    let findings = planned(options, "", &facts()).unwrap_err();
    assert_eq!(findings.len(), 1);
    assert!(!findings[0].labels.is_empty(), "{findings:?}");
}

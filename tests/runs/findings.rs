//! What `kiln bake` finds against an account before it makes anything: each code drawn once, at its place.

use std::collections::BTreeSet;
use std::path::Path;

use super::model::ModelBakery;

const OWN: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "AKIAOWN"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
];

/// A template with these lines in its builder, after text that is not ASCII.
fn template(options: &str, root: &str) -> String {
    let mut lines = vec![
        r#""type": "amazon-ebs""#,
        r#""name": "größe""#,
        r#""region": "eu-central-1""#,
        r#""ssh_username": "admin""#,
    ];
    lines.extend(
        options
            .lines()
            .map(|line| line.trim().trim_end_matches(',')),
    );
    for (key, line) in [
        ("ami_name", r#""ami_name": "web-1""#),
        ("\"instance_type", r#""instance_type": "t3.small""#),
        ("source_ami", r#""source_ami": "ami-0000000000000002""#),
    ] {
        if !options.contains(key) {
            lines.push(line);
        }
    }
    let builder = lines.join(",\n    ");
    format!("{{\n  \"builders\": [{{\n    {builder}\n  }}]{root}\n}}\n")
}

/// Bakes with `--plan`, which must be refused with this code, and draws it.
#[track_caller]
fn refused(bakery: &ModelBakery, code: &str, text: &str) {
    refused_about(bakery, code, text, "ami-none", &OWN);
}

/// The same, about an image whose id is drawn anew each time, in this environment.
#[track_caller]
fn refused_about(
    bakery: &ModelBakery,
    code: &str,
    text: &str,
    image: &str,
    environment: &[(&str, &str)],
) {
    bakery.write("web.json", text);
    let done = bakery.run(&["bake", "--plan", "web.json"], environment);
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains(code), "no {code} in:\n{said}");
    let mut picture = said
        .replace("web.json: template\n", "")
        .replace(image, "ami-baked");
    // It goes with the day.
    if let Some((before, last)) = picture.split_once("from now to 20") {
        let rest = &last["36-11-25".len()..];
        picture = format!("{before}from now to [in ten years]{rest}");
    }
    insta::with_settings!({ prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(code.replace("::", "-"), picture);
    });
}

#[test]
fn what_is_not_in_the_account_is_drawn() {
    let bakery = ModelBakery::open();
    bakery.call("Action=CreateKeyPair&Version=2016-11-15&KeyName=ours");
    for (code, options) in [
        (
            "bake::vpc",
            r#""vpc_filter": { "filters": { "tag:Name": "nowhere" } }"#,
        ),
        ("bake::instance_type", r#""instance_type": "t4g.small""#),
        ("bake::profile", r#""iam_instance_profile": "nobody""#),
        ("bake::key_pair", r#""temporary_key_pair_name": "ours""#),
        (
            "bake::source_image",
            r#""source_ami_filter": { "filters": { "name": "debian-99-*" }, "owners": ["self"] }"#,
        ),
        (
            "bake::subnet",
            r#""subnet_filter": { "filters": { "tag:Name": "nowhere" } }"#,
        ),
        (
            "bake::security_group",
            r#""security_group_filter": { "filters": { "tag:Name": "nowhere" } }"#,
        ),
        ("bake::region", r#""ami_regions": ["eu-west-9"]"#),
        (
            "bake::encryption",
            r#""encrypt_boot": true, "kms_key_id": "alias/none""#,
        ),
        ("bake::vault", r#""vault_aws_engine": { "name": "bake" }"#),
        (
            "bake::deprecation",
            r#""deprecate_at": "2020-01-01T00:00:00Z""#,
        ),
        (
            "bake::refused",
            r#""launch_block_device_mappings": [{ "device_name": "/dev/xvda", "volume_size": 1 }]"#,
        ),
    ] {
        refused(&bakery, code, &template(options, ""));
    }
}

#[test]
fn a_name_that_cannot_be_taken_over_is_drawn() {
    let bakery = ModelBakery::open();
    bakery.template(&serde_json::json!({}));
    let done = bakery.run(&["bake", "web.json"], &OWN);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let image = String::from_utf8(done.stdout).unwrap().trim().to_owned();
    let image = image.as_str();
    refused_about(&bakery, "bake::image_name", &template("", ""), image, &OWN);
    let takes = template(r#""force_deregister": true"#, "");
    let ec2 = |call: &str| bakery.call(&format!("Version=2016-11-15&Action={call}"));
    ec2(&format!(
        "EnableImageDeregistrationProtection&ImageId={image}"
    ));
    refused_about(&bakery, "bake::image_protected", &takes, image, &OWN);
    ec2(&format!(
        "DisableImageDeregistrationProtection&ImageId={image}"
    ));
    bakery.say_instead("RunInstances:0010", "RunInstances");
    bakery.say_instead("Red Hat Enterprise Linux", "Linux/UNIX");
    refused_about(&bakery, "bake::billing", &takes, image, &OWN);
    bakery.say_as_it_is();
    ec2(&format!(
        "CreateLaunchTemplate&LaunchTemplateName=web&LaunchTemplateData.ImageId={image}"
    ));
    refused_about(&bakery, "bake::image_in_use", &takes, image, &OWN);
}

#[test]
fn what_cannot_run_here_is_drawn() {
    let bakery = ModelBakery::open();
    bakery.write("torn.json", "{");
    bakery.write("site.yml", "[]");
    for (code, root) in [
        (
            "bake::provisioner",
            r#""provisioners": [{ "type": "ansible", "playbook_file": "site.yml", "command": "no-such-ansible" }]"#,
        ),
        (
            "bake::post_processor",
            r#""post-processors": [{ "type": "manifest", "output": "torn.json" }]"#,
        ),
    ] {
        refused(&bakery, code, &template("", &format!(",\n  {root}")));
    }
}

/// Whatever question finds it, of whichever template: one run tells all, and makes nothing.
#[test]
fn of_several_templates_all_is_told_at_once() {
    let bakery = ModelBakery::open();
    bakery.call("Action=CreateKeyPair&Version=2016-11-15&KeyName=ours");
    let long = format!(
        r#""user_data": "{}", "iam_instance_profile": "nobody""#,
        "x".repeat(17_000)
    );
    let web = template(&long.replace(", ", "\n"), "");
    let manifest = r#",
  "post-processors": [{ "type": "manifest", "output": "torn.json" }]"#;
    let taken = r#""temporary_key_pair_name": "ours"
        "encrypt_boot": true
        "kms_key_id": "alias/none""#;
    let data = template(taken, manifest).replace("web-1", "data-1");
    bakery.write("torn.json", "{");
    bakery.write("web.json", &web);
    bakery.write("data.json", &data.replace("größe", "daten"));
    let done = bakery.run(&["bake", "web.json", "data.json"], &OWN);
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(2), "{said}");
    for code in [
        "bake::profile",
        "bake::refused",
        "bake::key_pair",
        "bake::encryption",
        "bake::post_processor",
    ] {
        assert_eq!(said.matches(code).count(), 1, "{code} in:\n{said}");
    }
    let writes = bakery.asked().into_iter().filter(|asked| {
        let reads = asked.action.starts_with("Describe") || asked.action.starts_with("Get");
        !reads && !asked.body.contains("DryRun=true")
    });
    let writes: Vec<_> = writes.map(|asked| asked.action).collect();
    assert_eq!(writes, [""; 0]);
}

#[test]
fn two_builds_of_one_call_do_not_get_one_name() {
    let bakery = ModelBakery::open();
    bakery.write("web.json", &template("", ""));
    let copy = template("", "");
    bakery.write("data.json", &copy.replace("größe", "daten"));
    let done = bakery.run(&["bake", "--plan", "web.json", "data.json"], &OWN);
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(2), "{said}");
    let wanted = "would give two images the name web-1 in eu-central-1";
    assert_eq!(said.matches(wanted).count(), 1, "{said}");
    bakery.write("data.json", &copy.replace("web-1", "data-1"));
    let done = bakery.run(&["bake", "--plan", "web.json", "data.json"], &OWN);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
}

#[test]
fn what_this_host_lacks_is_drawn() {
    let bakery = ModelBakery::open();
    let nobody = bakery.folder.path().join("empty");
    let nobody = ("PATH", nobody.to_str().unwrap());
    let manager = template(
        "\"ssh_interface\": \"session_manager\"\n\"temporary_iam_instance_profile_policy_document\": \
         { \"Statement\": [{ \"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\" }] }",
        "",
    );
    let environment = [OWN[0], OWN[1], nobody];
    refused_about(
        &bakery,
        "bake::session_manager",
        &manager,
        "ami-none",
        &environment,
    );
    // An address that is not beside us, and no way to AWS from here.
    let far = format!("http://0.0.0.0:{}", bakery.port());
    let environment = [
        OWN[0],
        OWN[1],
        ("AWS_ENDPOINT_URL", far.as_str()),
        ("HTTPS_PROXY", "http://127.0.0.1:1"),
    ];
    refused_about(
        &bakery,
        "bake::own_address",
        &template("", ""),
        "ami-none",
        &environment,
    );
}

/// Every code of src/ has a row in docs/templates.md, and is drawn.
#[test]
fn every_code_has_a_row_and_a_picture() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_to_string(here.join("docs/templates.md")).unwrap();
    let mut codes = BTreeSet::new();
    let mut folders = vec![here.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(path).unwrap();
            let named = text.split("\"bake::").skip(1);
            codes.extend(named.map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    assert!(codes.len() > 15, "{codes:?}");
    for code in codes {
        let picture = format!("tests/runs/snapshots/bake-{code}.snap");
        assert!(here.join(&picture).exists(), "{picture}");
        assert!(
            docs.contains(&format!("| `bake::{code}`"))
                || docs.contains(&format!(", `bake::{code}`")),
            "{code}"
        );
    }
}

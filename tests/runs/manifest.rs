//! `image.manifest` of a service file: what a bake has written, and files that say nothing.

use serde_json::{Value, json};

use super::rolls::{Ground, OWN};

/// A manifest of an older run, and of one with these builds: name, and artifact.
fn manifest(builds: &[(&str, &str)]) -> String {
    let build = |run: &str, name: &str, artifact: &str| {
        json!({ "name": name, "builder_type": "amazon-ebs", "build_time": 1, "files": null,
            "artifact_id": artifact, "packer_run_uuid": run, "custom_data": null })
    };
    let last = builds
        .iter()
        .map(|(name, artifact)| build("last", name, artifact));
    let old = build("old", "web", "eu-central-1:ami-0000000000000003");
    let all: Vec<Value> = [old].into_iter().chain(last).collect();
    json!({ "builds": all, "last_run_uuid": "last" }).to_string()
}

const V1: &str = "eu-central-1:ami-0000000000000001";
const V2: &str = "us-east-1:ami-0000000000000009,eu-central-1:ami-0000000000000002";

/// The plan of a roll of what the manifest says.
fn planned(ground: &Ground, image: &Value) -> String {
    ground.file(&json!({ "image": { "manifest": image } }));
    let done = ground.bakery.run(&["roll", "--plan", "web.json"], &OWN);
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{said}");
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn the_image_of_the_last_run_in_this_region_is_rolled() {
    let ground = Ground::open();
    ground
        .bakery
        .write("made.json", &manifest(&[("web", V2), ("notes", "")]));
    let plan = planned(&ground, &json!("made.json"));
    assert!(
        plan.starts_with("roll web to ami-0000000000000002 "),
        "{plan}"
    );
    let both = manifest(&[("base", V1), ("web", V2)]);
    ground.bakery.write("made.json", &both);
    let plan = planned(&ground, &json!({ "file": "made.json", "name": "web" }));
    assert!(
        plan.starts_with("roll web to ami-0000000000000002 "),
        "{plan}"
    );
    // The same image by two entries is one image.
    ground
        .bakery
        .write("made.json", &manifest(&[("web", V2), ("web", V2)]));
    planned(&ground, &json!("made.json"));
    // What the command names goes before it, and nobody needs the file then.
    ground.file(&json!({ "image": { "manifest": "nowhere.json" } }));
    let named = [
        "roll",
        "--plan",
        "--image",
        "ami-0000000000000002",
        "web.json",
    ];
    let done = ground.bakery.run(&named, &OWN);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
}

#[test]
fn what_a_bake_has_written_is_rolled() {
    let ground = Ground::open();
    ground.bakery.template(&json!({}));
    let text = ground.bakery.read("web.json");
    let mut template: Value = serde_json::from_str(&text).unwrap();
    template["post-processors"] = json!([{ "type": "manifest", "output": "made.json" }]);
    ground.bakery.write("web.json", &template.to_string());
    let done = ground.bakery.run(&["bake", "web.json"], &OWN);
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{said}");
    let image = String::from_utf8(done.stdout).unwrap().trim().to_owned();
    let plan = planned(&ground, &json!("made.json"));
    assert!(plan.starts_with(&format!("roll web to {image} ")), "{plan}");
}

#[test]
fn a_manifest_that_names_no_image_here_is_refused_at_its_place() {
    let ground = Ground::open();
    ground.bakery.write("torn.json", "{ \"builds\": [");
    ground.bakery.write("other.json", "[]");
    let abroad = manifest(&[("web", "us-east-1:ami-0000000000000009")]);
    ground.bakery.write("abroad.json", &abroad);
    let both = manifest(&[("base", V1), ("web", V2)]);
    ground.bakery.write("both.json", &both);
    ground.bakery.write("empty.json", &manifest(&[]));
    let gone = manifest(&[("web", "eu-central-1:ami-00000000000000ff")]);
    ground.bakery.write("gone.json", &gone);
    for (image, part) in [
        (json!("boht.json"), "did you mean `both.json`?"),
        (json!("torn.json"), "is no manifest: EOF while parsing"),
        (json!("other.json"), "is no manifest: "),
        (json!("abroad.json"), "it made web in us-east-1"),
        (json!("empty.json"), "it made none at all"),
        (json!("both.json"), "made 2 images in eu-central-1"),
        (json!("gone.json"), "there is no image ami-00000000000000ff"),
        (
            json!({ "file": "both.json", "name": "wbe" }),
            "made no image of build wbe in eu-central-1",
        ),
        (json!({ "name": "web" }), "name the file"),
        (
            json!({ "file": "both.json", "builder": "web" }),
            "`builder`",
        ),
    ] {
        ground.file(&json!({ "image": { "manifest": image } }));
        let said = ground.refused("[web.json:", &OWN);
        let words: Vec<_> = said
            .split_whitespace()
            .filter(|word| *word != "│")
            .collect();
        assert!(words.join(" ").contains(part), "no `{part}` in:\n{said}");
    }
    ground.file(&json!({ "image": { "manifest": "both.json", "id": "ami-0000000000000001" } }));
    ground.refused("template::exclusive", &OWN);
}

//! Post-processors as a user sees them: chains, what stays of what, how a failing one ends a build.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::bakery::Bakery;

/// A template of these builders with these post-processors.
fn write(bakery: &Bakery, builders: &[Value], posts: &Value) {
    let template = json!({ "builders": builders, "post-processors": posts });
    bakery.write("web.json", &template.to_string());
}

fn bake(bakery: &Bakery, more: &[&str]) -> (Option<i32>, String, Value) {
    let done = bakery.run(&[&["bake", "--result=r.json"], more, &["web.json"]].concat());
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    (done.status.code(), said, bakery.document("r.json"))
}

/// How each post-processor of a build ended.
fn endings(build: &Value) -> Vec<(u64, String, String)> {
    let steps = build["post_processors"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    steps
        .map(|step| {
            (
                step["chain"].as_u64().unwrap(),
                text(&step["type"]),
                text(&step["result"]),
            )
        })
        .collect()
}

fn ending(chain: u64, kind: &str, result: &str) -> (u64, String, String) {
    (chain, kind.to_owned(), result.to_owned())
}

#[test]
fn each_chain_begins_with_the_image_and_what_is_handed_on_is_the_artifact_of_the_next() {
    let bakery = Bakery::open();
    let artifice = json!({ "type": "artifice", "files": ["out/*.img"] });
    let line = "echo \"$KILN_ARTIFACT_ID|$PACKER_BUILD_NAME|$PACKER_BUILDER_TYPE|{{build `SourceAMI`}}|{{build `ID`}}\" > told";
    let posts = json!([
        "manifest",
        { "type": "shell-local", "inline": ["mkdir out && printf one > out/a.img && printf two! > out/b.img", line] },
        [artifice, { "type": "manifest", "output": "files.json", "strip_path": true, "strip_time": true }]
    ]);
    write(&bakery, &[bakery.builder("web")], &posts);
    let (code, said, document) = bake(&bakery, &[]);
    assert_eq!(code, Some(0), "{said}");
    let build = &document["builds"][0];
    let image = build["artifact"]["images"][0]["image"].as_str().unwrap();
    let id = format!("eu-central-1:{image}");
    let plain: Value = serde_json::from_str(&bakery.read("packer-manifest.json")).unwrap();
    assert_eq!(plain["builds"][0]["artifact_id"], *id);
    assert_eq!(plain["last_run_uuid"], build["run"]);
    let told = bakery.read("told");
    let words: Vec<&str> = told.trim().split('|').collect();
    assert_eq!(words[..3], [id.as_str(), "web", "amazon-ebs"]);
    assert!(words[3].starts_with("ami-") && words[3] != image, "{told}");
    assert!(words[4].starts_with("i-"), "{told}");
    let files: Value = serde_json::from_str(&bakery.read("files.json")).unwrap();
    let entry = &files["builds"][0];
    assert_eq!(entry["artifact_id"], "");
    assert_eq!(entry.get("build_time"), None);
    let sizes = json!([{ "name": "a.img", "size": 3 }, { "name": "b.img", "size": 4 }]);
    assert_eq!(entry["files"], sizes);
    assert_eq!(
        endings(build),
        [
            ending(1, "manifest", "done"),
            ending(2, "shell-local", "done"),
            ending(3, "artifice", "done"),
            ending(3, "manifest", "done")
        ]
    );
    let made = json!(["out/a.img", "out/b.img"]);
    assert_eq!(build["post_processors"][3]["files"], made);
    assert!(
        said.contains("post-processor 2 of 2 of chain 3: manifest"),
        "{said}"
    );
}

#[test]
fn one_that_fails_ends_its_chain_and_fails_its_build_and_nothing_else() {
    let bakery = Bakery::open();
    let fails =
        json!({ "type": "shell-local", "name": "upload", "inline": ["exit 7"], "only": ["web"] });
    let posts = json!([[fails, "manifest"], { "type": "manifest", "output": "second.json" }]);
    write(
        &bakery,
        &[bakery.builder("web"), bakery.builder("api")],
        &posts,
    );
    let (code, said, document) = bake(&bakery, &[]);
    assert_eq!(code, Some(1), "{said}");
    let (web, api) = (&document["builds"][0], &document["builds"][1]);
    assert_eq!(
        (&web["result"], &web["exit"]),
        (&json!("failed"), &json!(1))
    );
    assert_eq!(web["step"], "post-process");
    let reason = "post-processor shell-local (upload): the inline script ended with exit code 7";
    assert_eq!(web["reason"], reason);
    assert!(
        web["artifact"]["images"][0]["image"]
            .as_str()
            .unwrap()
            .starts_with("ami-")
    );
    assert_eq!(
        endings(web),
        [
            ending(1, "shell-local", "failed"),
            ending(1, "manifest", "not_begun"),
            ending(2, "manifest", "done")
        ]
    );
    assert_eq!(api["result"], "done");
    let second: Value = serde_json::from_str(&bakery.read("second.json")).unwrap();
    assert_eq!(second["builds"].as_array().unwrap().len(), 2);
    assert_eq!(
        second["builds"][0]["packer_run_uuid"],
        second["builds"][1]["packer_run_uuid"]
    );
    let done = bakery.run(&["bake", "-except=upload,api", "--result=r.json", "web.json"]);
    assert_eq!(done.status.code(), Some(0));
    let document = bakery.document("r.json");
    assert_eq!(
        endings(&document["builds"][0]),
        [ending(1, "manifest", "done")]
    );
}

#[test]
fn what_failed_is_run_again_for_an_image_that_is_there() {
    let bakery = Bakery::open();
    let count = json!({ "type": "shell-local", "inline": ["echo ran >> count", "test -e fine"] });
    write(
        &bakery,
        &[bakery.builder("web")],
        &json!([["manifest", count]]),
    );
    let bake = || bake(&bakery, &["--if-changed"]);
    let (code, said, document) = bake();
    assert_eq!(code, Some(1), "{said}");
    let image = document["builds"][0]["artifact"]["images"][0]["image"].clone();
    let (code, said, document) = bake();
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(
        document["builds"][0]["artifact"]["images"][0]["image"],
        image
    );
    bakery.write("fine", "");
    for (ending, times) in [("done", 3), ("left_out", 3)] {
        let (code, said, document) = bake();
        assert_eq!(code, Some(0), "{said}");
        let build = &document["builds"][0];
        assert_eq!(build["result"], "unchanged");
        assert_eq!(build["artifact"]["images"][0]["image"], image);
        assert_eq!(endings(build)[1].2, ending, "{said}");
        assert_eq!(bakery.read("count").lines().count(), times);
    }
}

#[test]
fn a_stop_ends_the_command_and_the_image_is_told_of() {
    let bakery = Bakery::open();
    let sleeps = json!({ "type": "shell-local", "inline": ["touch begun; exec sleep 600"] });
    let posts = json!([[sleeps, "manifest"], { "type": "manifest", "output": "first.json" }]);
    write(&bakery, &[bakery.builder("web")], &posts);
    let begun = bakery.folder.path().join("begun");
    let mut command = bakery.kiln(&["bake", "--result=r.json", "web.json"]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !begun.exists() {
        std::thread::yield_now();
    }
    let interrupt = Command::new("kill")
        .args(["-s", "INT", &child.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());
    let done = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(6), "{said}");
    assert!(
        String::from_utf8_lossy(&done.stdout).starts_with("ami-"),
        "{said}"
    );
    let document = bakery.document("r.json");
    let build = &document["builds"][0];
    assert_eq!(
        (&build["result"], &build["step"]),
        (&json!("stopped"), &json!("post-process"))
    );
    assert_eq!(
        endings(build),
        [
            ending(1, "shell-local", "stopped"),
            ending(1, "manifest", "not_begun"),
            ending(2, "manifest", "done")
        ]
    );
    assert!(bakery.read("first.json").contains(":ami-"));
}

#[test]
fn what_cannot_run_is_said_before_anything_is_made() {
    let bakery = Bakery::open();
    bakery.write("torn.json", "{ \"builds\": [");
    write(
        &bakery,
        &[bakery.builder("web")],
        &json!([{ "type": "manifest", "output": "torn.json" }]),
    );
    let (code, said, document) = bake(&bakery, &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("it is no manifest") && said.contains("web.json:1:"),
        "{said}"
    );
    assert_eq!(document["builds"][0]["result"], "not_begun");
}

#[test]
fn a_manifest_begins_anew_with_force() {
    let bakery = Bakery::open();
    write(
        &bakery,
        &[bakery.builder("web"), bakery.builder("api")],
        &json!(["manifest"]),
    );
    bakery.write(
        "packer-manifest.json",
        "{ \"builds\": [], \"last_run_uuid\": \"old\" }",
    );
    let builds = || {
        let manifest: Value = serde_json::from_str(&bakery.read("packer-manifest.json")).unwrap();
        manifest["builds"].as_array().unwrap().len()
    };
    for (more, count) in [(&[][..], 2), (&[][..], 4), (&["-force"][..], 2)] {
        let (code, said, _) = bake(&bakery, more);
        assert_eq!((code, builds()), (Some(0), count), "{said}");
    }
}

#[test]
fn without_an_image_only_files_are_worked_on() {
    let bakery = Bakery::open();
    let mut builder = bakery.builder("web");
    builder["skip_create_ami"] = json!(true);
    let artifice = json!({ "type": "artifice", "files": ["*.json"], "keep_input_artifact": true });
    write(
        &bakery,
        &[builder],
        &json!(["manifest", [artifice, { "type": "manifest", "output": "files.out" }]]),
    );
    let (code, said, document) = bake(&bakery, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        endings(&document["builds"][0]),
        [
            ending(1, "manifest", "left_out"),
            ending(2, "artifice", "done"),
            ending(2, "manifest", "done")
        ]
    );
}

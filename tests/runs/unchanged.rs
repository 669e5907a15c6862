//! `--if-changed`: nothing is baked twice, and what has changed is named.

use serde_json::{Value, json};

use super::bakery::Bakery;

/// Calls that an unchanged bake may make.
const MOST_CALLS: usize = 4;

fn write(bakery: &Bakery, line: &str) {
    let script = json!({ "type": "shell", "script": "setup.sh" });
    let inline = json!({ "type": "shell", "inline": [line, "true {{user `token`}}"] });
    let template = json!({
        "variables": { "token": null }, "sensitive-variables": ["token"],
        "builders": [bakery.builder("web")], "provisioners": [script, inline],
        "post-processors": [{ "type": "manifest", "output": "manifest.json" }]
    });
    bakery.write("web.json", &template.to_string());
}

#[test]
fn own_roles_of_ansible_are_inputs_and_fetched_ones_are_not() {
    let bakery = Bakery::open();
    for file in [
        "site.yml",
        "needs.yml",
        "roles.d/own/tasks/main.yml",
        "roles.d/fetched/tasks/main.yml",
        "roles.d/fetched/meta/.galaxy_install_info",
        "inventory/group_vars/all.yml",
    ] {
        let path = bakery.folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        bakery.write(file, "[]");
    }
    let ansible = json!({
        "type": "ansible", "playbook_file": "site.yml", "galaxy_file": "needs.yml", "roles_path": "roles.d",
        "inventory_directory": "inventory", "skip_version_check": true, "command": "true"
    });
    let template = json!({ "builders": [bakery.builder("web")], "provisioners": [ansible] });
    bakery.write("web.json", &template.to_string());
    let print = || planned(&bakery);
    let first = print();
    bakery.write("roles.d/fetched/tasks/main.yml", "[1]");
    assert_eq!(print(), first);
    bakery.write("roles.d/own/tasks/main.yml", "[1]");
    let second = print();
    assert_ne!(second, first);
    bakery.write("inventory/group_vars/all.yml", "{}");
    assert_ne!(print(), second);
}

#[test]
fn what_links_lead_to_is_an_input_and_a_circle_of_them_ends() {
    let bakery = Bakery::open();
    let here = bakery.folder.path();
    for folder in ["site", "shared/web"] {
        std::fs::create_dir_all(here.join(folder)).unwrap();
    }
    bakery.write("shared/web/main.conf", "one");
    std::os::unix::fs::symlink("../shared", here.join("site/linked")).unwrap();
    std::os::unix::fs::symlink("../../site", here.join("shared/web/back")).unwrap();
    let file = json!({ "type": "file", "source": "site", "destination": "/tmp" });
    let template = json!({ "builders": [bakery.builder("web")], "provisioners": [file] });
    bakery.write("web.json", &template.to_string());
    let first = planned(&bakery);
    assert_eq!(planned(&bakery), first);
    bakery.write("shared/web/main.conf", "two");
    assert_ne!(planned(&bakery), first);
}

/// The fingerprint of what a bake would make.
fn planned(bakery: &Bakery) -> String {
    let done = bakery.run(&["bake", "--plan", "--if-changed", "--json", "web.json"]);
    let plan: Value =
        serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{}", said(&done)));
    plan["plans"][0]["fingerprint"].as_str().unwrap().to_owned()
}

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn an_unchanged_template_gives_its_image_in_a_few_calls_and_a_change_is_named() {
    let bakery = Bakery::open();
    bakery.write("setup.sh", "echo one");
    write(&bakery, "echo here");
    let bake = |more: &[&str]| {
        let args = [
            "bake",
            "--if-changed",
            "--result=r.json",
            "-var",
            "token=hunter2-hunter2",
        ];
        bakery.run(&[&args, more, &["web.json"]].concat())
    };
    let first = bake(&[]);
    assert!(first.status.success(), "{}", said(&first));
    let print = bakery.document("r.json")["builds"][0]["fingerprint"].clone();
    assert_eq!(print.as_str().unwrap().len(), 64);
    bakery.moto.record().await;
    let second = bake(&[]);
    let calls = bakery.moto.recorded().await;
    assert!(second.status.success(), "{}", said(&second));
    assert!(calls.len() <= MOST_CALLS, "{calls:?}");
    assert_eq!(first.stdout, second.stdout);
    let document = bakery.document("r.json");
    assert_eq!(document["builds"][0]["result"], "unchanged");
    let manifest: Value = serde_json::from_str(&bakery.read("manifest.json")).unwrap();
    let ids: Vec<_> = (0..2)
        .map(|at| &manifest["builds"][at]["artifact_id"])
        .collect();
    assert_eq!(ids[0], ids[1], "{manifest}");
    let planned = bake(&["--plan"]);
    let planned = String::from_utf8_lossy(&planned.stdout);
    assert!(
        planned.ends_with(" is there\n    post-process    manifest in manifest.json\n"),
        "{planned}"
    );
    bakery.write("setup.sh", "echo two");
    let text = said(&bake(&["--plan"]));
    assert!(
        text.contains(": setup.sh\n") && text.contains("changed since ami-"),
        "{text}"
    );
    bakery.write("setup.sh", "echo one");
    write(&bakery, "echo there");
    let text = said(&bake(&["--plan"]));
    assert!(text.contains(": provisioner 2\n"), "{text}");
    write(&bakery, "echo here");
    let text = said(&bake(&["--plan", "-var", "token=hunter3-hunter3"]));
    assert!(text.contains("changed: sensitive values"), "{text}");
    let history = std::fs::read_dir(bakery.folder.path().join(".kiln/history/bakes")).unwrap();
    for file in history {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains("hunter"), "{text}");
    }
}

#[test]
fn a_machine_that_was_kept_does_not_make_an_unchanged_image_anew() {
    let bakery = Bakery::open();
    let bake = |line: &str, more: &[&str]| {
        bakery.template("web.json", &[bakery.builder("web")], line);
        let args = ["bake", "--if-changed", "--result=r.json"];
        let done = bakery.run(&[&args, more, &["web.json"]].concat());
        (done.status.code(), bakery.document("r.json"), said(&done))
    };
    let (code, _, text) = bake("true", &[]);
    assert_eq!(code, Some(0), "{text}");
    let (code, failed, text) = bake("exit 7", &["--on-error=keep"]);
    assert_eq!(code, Some(3), "{text}");
    let (_, document, text) = bake("true", &[]);
    assert_eq!(document["builds"][0]["result"], "unchanged", "{text}");
    let run = failed["builds"][0]["run"].as_str().unwrap();
    let swept = bakery.run(&["sweep", "--run", run]);
    assert!(swept.status.success(), "{}", said(&swept));
}

#[tokio::test]
async fn an_image_that_has_gone_from_one_region_is_baked_again() {
    let bakery = Bakery::open();
    let mut builder = bakery.builder("web");
    builder["ami_regions"] = json!(["us-east-1"]);
    bakery.template("web.json", &[builder], "true");
    let bake = |more: &[&str]| {
        let args = ["bake", "--if-changed", "--result=r.json"];
        bakery.run(&[&args, more, &["web.json"]].concat())
    };
    let first = bake(&[]);
    assert!(first.status.success(), "{}", said(&first));
    bakery.moto.record().await;
    let second = bake(&[]);
    let calls = bakery.moto.recorded().await;
    assert!(second.status.success(), "{}", said(&second));
    assert!(calls.len() <= MOST_CALLS + 1, "{calls:?}");
    assert_eq!(first.stdout, second.stdout);
    let document = bakery.document("r.json");
    assert_eq!(document["builds"][0]["result"], "unchanged");
    let image = document["builds"][0]["artifact"]["images"][1]["image"].as_str();
    let image = image.map_or_else(|| panic!("{document}"), str::to_owned);
    let gone = std::process::Command::new("aws")
        .args([
            "--endpoint-url",
            &bakery.moto.endpoint,
            "--region",
            "us-east-1",
        ])
        .args(["ec2", "deregister-image", "--image-id", &image])
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .output()
        .unwrap();
    assert!(gone.status.success(), "{}", said(&gone));
    let third = bake(&["--plan"]);
    assert!(
        !said(&third).contains("nothing has changed: ami-"),
        "{}",
        said(&third)
    );
}

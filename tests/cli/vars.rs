//! `kiln vars`: values with the layer that won and those that lost, for templates and service files.

use super::{Desk, document, printed, service};

const TEMPLATE: &str = r#"{
  "variables": {
    "region": "eu-west-1",
    "name": "web-{{user `region`}}",
    "token": "hunter2-declared",
    "made": "{{user `token`}}!",
    "sizes": { "root": 8, "data": 20 }
  },
  "sensitive-variables": ["token"],
  "builders": [{ "type": "amazon-ebs", "regoin": "x" }]
}"#;

fn desk() -> Desk {
    Desk::new()
        .with("web.json", TEMPLATE)
        .with(
            "common.json",
            "{\n  \"region\": \"eu-north-1\",\n  \"sizes\": { \"root\": 10 }\n}",
        )
        .with("prod.json", "{ \"region\": \"eu-central-1\" }")
}

#[test]
fn the_table_says_who_won_and_who_lost() {
    let output = desk().kiln(&[
        "vars",
        "web.json",
        "common.json",
        "prod.json",
        "-var",
        "token=hunter2-typed",
    ]);
    insta::assert_snapshot!(printed(&output, 0), @r#"
    made    <sensitive>                  default web.json:6:13
    name    web-eu-central-1             default web.json:4:13
    region  eu-central-1                 var file prod.json:1:13
              over eu-north-1            var file common.json:2:13
              over eu-west-1             default web.json:3:15
    sizes   {"root":10,"data":20}        var file common.json:3:12
              over {"root":8,"data":20}  default web.json:7:14
    token   <sensitive>                  command line
              over <sensitive>           default web.json:5:14
    "#);
}

#[test]
fn the_document_has_the_same_with_whole_values() {
    let output = desk().kiln(&[
        "vars",
        "--json",
        "web.json",
        "common.json",
        "-var",
        "token=hunter2-typed",
    ]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    let document = document(&output, 0);
    let named = |name: &str| {
        let all = document["variables"].as_array().unwrap();
        all.iter().find(|one| one["name"] == name).unwrap().clone()
    };
    assert_eq!(
        named("sizes"),
        serde_json::json!({
            "name": "sizes",
            "value": { "root": 10, "data": 20 },
            "sensitive": false,
            "layer": "var file",
            "place": "common.json:3:12",
            "overridden": [{ "layer": "default", "place": "web.json:7:14", "value": { "root": 8, "data": 20 } }],
        })
    );
    assert_eq!(named("name")["value"], "web-eu-north-1");
    let token = named("token");
    assert_eq!(
        (&token["layer"], &token["place"]),
        (&"command line".into(), &serde_json::Value::Null)
    );
    assert_eq!(token["value"], "<sensitive>");
    assert_eq!(token["overridden"][0]["value"], "<sensitive>");
}

#[test]
fn a_variable_without_a_value_is_said_and_the_others_are_shown() {
    let desk = Desk::new().with(
        "web.json",
        r#"{ "variables": { "need": null, "a": "{{user `need`}}", "b": "1" }, "builders": [] }"#,
    );
    let output = desk.kiln(&["vars", "web.json"]);
    let table = printed(&output, 2);
    assert!(
        table.contains("need  (not set)") && table.contains("b     1 "),
        "{table}"
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("web.json:1:18"), "{said}");
}

#[test]
fn a_service_file_has_variables_too() {
    let text = service("").replacen('{', "{ \"variables\": { \"sha\": \"none\" },", 1);
    let desk = Desk::new()
        .with("web.json", &text)
        .with("v.json", "{ \"sha\": 7 }");
    let output = desk.kiln(&["vars", "web.json", "v.json"]);
    let table = printed(&output, 0);
    assert!(
        table.contains("sha  7 ") && table.contains("over none"),
        "{table}"
    );
}

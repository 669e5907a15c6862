//! `kiln console`: a value a line, in both forms, also of a template whose builder is wrong.

use super::{Desk, document, printed};

const TEMPLATE: &str = r#"{
  "variables": { "a": "x", "b": "{{user `a`}}-1", "key": "hunter2-secret", "list": ["p", "q"] },
  "sensitive-variables": ["key"],
  "builders": [{ "type": "amazon-ebs" }]
}"#;

fn desk() -> Desk {
    Desk::new().with("t.json", TEMPLATE)
}

#[test]
fn each_line_is_a_value() {
    let lines = "{{user `b`}}\n{{ b | upper }}, {{user `a`}}\n\n{{ list[1] }}{{user `list`}}\nplain\n  {{ a }} \n";
    let output = desk().kiln_reading(lines, &["console", "t.json", "-var", "a=é"]);
    assert_eq!(
        printed(&output, 0),
        "é-1\nÉ-1, é\nq[\"p\",\"q\"]\nplain\n  é \n"
    );
}

#[test]
fn commands_are_those_of_packers_console() {
    let desk = Desk::new().with(
        "t.json",
        r#"{ "variables": { "a": "x", "b": null }, "builders": [] }"#,
    );
    let output = desk.kiln_reading("variables\nexit\n{{user `a`}}\n", &["console", "t.json"]);
    assert_eq!(printed(&output, 0), "a: x\nb: (not set)\n");
}

#[test]
fn what_cannot_be_evaluated_is_said_with_its_place_and_the_rest_goes_on() {
    let lines = "{{ aa }}\n{{env `HOME`}}\n{{user `a`}}\n";
    let output = desk().kiln_reading(lines, &["console", "t.json"]);
    assert_eq!(printed(&output, 2), "x\n");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("line 1:1:4") && said.contains("line 2:1:3"),
        "{said}"
    );
}

#[test]
fn a_required_variable_that_is_not_set_has_no_value() {
    let desk = Desk::new().with(
        "t.json",
        r#"{ "variables": { "a": null }, "builders": [] }"#,
    );
    let output = desk.kiln_reading("{{user `a`}}\n", &["console", "--json", "t.json"]);
    let values = document(&output, 2);
    assert_eq!(values["values"][0]["value"], serde_json::Value::Null);
}

#[test]
fn an_undefined_variable_in_packers_form_is_empty_and_warned_of() {
    let output = desk().kiln_reading("<{{user `nope`}}>\n", &["console", "--json", "t.json"]);
    let values = document(&output, 0);
    assert_eq!(values["values"][0]["value"], "<>");
    assert_ne!(values["values"][0]["findings"], serde_json::json!([]));
}

#[test]
fn secrets_are_not_shown_whatever_is_made_of_them() {
    let lines = "{{user `key`}}\n{{user `key` | upper}}\nvariables\n";
    let output = desk().kiln_reading(lines, &["console", "t.json"]);
    let text = printed(&output, 0).to_lowercase();
    assert!(!text.contains("hunter2"), "{text}");
    assert!(text.starts_with("<sensitive>\n<sensitive>\n"), "{text}");
}

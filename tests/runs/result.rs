//! The result document holds what docs/bake-result.schema.json promises, on every exit.

use std::fs;

use serde_json::{Value, json};

/// Holds a document against the schema.
#[track_caller]
pub fn valid(document: &Value) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/bake-result.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut wrong = Vec::new();
    check(document, &schema, &schema, "", &mut wrong);
    assert_eq!(wrong, [""; 0], "{document:#}");
}

/// The part of JSON Schema that ours is written in.
fn check(value: &Value, schema: &Value, root: &Value, at: &str, wrong: &mut Vec<String>) {
    if let Some(path) = schema.get("$ref").and_then(Value::as_str) {
        return check(value, root.pointer(&path[1..]).unwrap(), root, at, wrong);
    }
    if let Some(Value::Array(ways)) = schema.get("oneOf") {
        let fits = |way: &&Value| {
            let mut wrong = Vec::new();
            check(value, way, root, at, &mut wrong);
            wrong.is_empty()
        };
        if ways.iter().filter(fits).count() != 1 {
            wrong.push(format!("{at}: {value} fits none of {ways:?}"));
        }
        return;
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        one => vec![one.clone()],
    };
    let whole = kind == "integer" && types.contains(&json!("number"));
    if !(whole || types.contains(&json!(kind))) {
        wrong.push(format!("{at}: {value} is no {types:?}"));
    }
    if let Some(Value::Array(allowed)) = schema.get("enum")
        && !allowed.contains(value)
    {
        wrong.push(format!("{at}: {value} is none of {allowed:?}"));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        check(
            item,
            &schema["items"],
            root,
            &format!("{at}[{index}]"),
            wrong,
        );
    }
    let fields = value.as_object().into_iter().flatten();
    for (key, field) in fields {
        match schema["properties"].get(key) {
            Some(schema) => check(field, schema, root, &format!("{at}.{key}"), wrong),
            None if schema.get("additionalProperties") == Some(&json!(false)) => {
                wrong.push(format!("{at}: unknown field {key}"));
            }
            None => {}
        }
    }
    for key in schema["required"].as_array().into_iter().flatten() {
        if value.is_object() && value.get(key.as_str().unwrap()).is_none() {
            wrong.push(format!("{at}: no {key}"));
        }
    }
}

#[test]
fn a_document_that_is_not_as_promised_is_seen() {
    let good = json!({ "exit": 0, "errors": [], "format": 1, "command": "bake", "builds": [], "artifacts": [] });
    valid(&good);
    for (field, value) in [
        ("format", json!(2)),
        ("exit", json!("0")),
        ("more", json!(1)),
        ("artifacts", json!([{}])),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        assert!(std::panic::catch_unwind(|| valid(&bad)).is_err(), "{bad}");
    }
}

#[test]
fn a_command_line_that_cannot_be_read_leaves_a_document_too() {
    let folder = tempfile::tempdir().unwrap();
    for args in [
        &["bake", "--result", "r.json", "--nonsense"][..],
        &["bake", "--result=r.json"],
    ] {
        let done = std::process::Command::new(env!("CARGO_BIN_EXE_kiln"))
            .args(args)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_eq!(done.status.code(), Some(2));
        let path = folder.path().join("r.json");
        let document: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        valid(&document);
        assert_eq!(document["exit"], 2);
        assert!(document["errors"][0].as_str().unwrap().contains("error:"));
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_document_goes_into_a_pipe_too() {
    let folder = tempfile::tempdir().unwrap();
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_kiln"))
        .args(["bake", "--result=/dev/stdout", "none.json"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let document: Value = serde_json::from_slice(&done.stdout).unwrap();
    valid(&document);
    assert_eq!(document["exit"], 2);
}

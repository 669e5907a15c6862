//! `kiln fmt`: the order of keys, comments kept, files replaced whole, and Packer's exit codes.

use super::{Desk, document, printed, refused};
use std::fs;

const LOOSE: &str = r#"{
"post-processors": ["manifest"],
  "builders": [ { "ami_name": "x", "type": "amazon-ebs" /* the only one */ } ], // what we bake
  // Teams set these.
  "variables": { "z": "1", "a": null },
  "_note": "é"
}"#;
const LAID_OUT: &str = r#"{
  // Teams set these.
  "variables": { "z": "1", "a": null },
  "builders": [
    {
      "type": "amazon-ebs", /* the only one */
      "ami_name": "x"
    }
  ], // what we bake
  "post-processors": ["manifest"],
  "_note": "é"
}
"#;

#[test]
fn a_template_is_laid_out_in_its_place() {
    let desk = Desk::new()
        .with("t.json", LOOSE)
        .with("good.json", LAID_OUT);
    assert_eq!(
        printed(&desk.kiln(&["fmt", "t.json", "good.json"]), 0),
        "t.json\n"
    );
    let text = fs::read_to_string(desk.0.path().join("t.json")).unwrap();
    assert_eq!(text, LAID_OUT);
    assert_eq!(printed(&desk.kiln(&["fmt", "t.json"]), 0), "");
    assert_eq!(desk.names(), ["good.json", "t.json"]);
}

#[test]
fn check_writes_nothing_and_exits_3_as_packers_does() {
    let desk = Desk::new()
        .with("t.json", LOOSE)
        .with("good.json", LAID_OUT);
    assert_eq!(
        printed(&desk.kiln(&["fmt", "-check", "t.json", "good.json"]), 3),
        "t.json\n"
    );
    assert_eq!(printed(&desk.kiln(&["fmt", "-check", "good.json"]), 0), "");
    let all = document(&desk.kiln(&["fmt", "-check", "--json", "t.json"]), 3);
    assert_eq!(all["unformatted"], serde_json::json!(["t.json"]));
    assert_eq!(
        fs::read_to_string(desk.0.path().join("t.json")).unwrap(),
        LOOSE
    );
}

#[test]
fn a_diff_shows_what_changes() {
    let desk = Desk::new().with("v.json", "{\n  \"a\": 1,\n   \"b\": 2\n}\n");
    let diff = printed(&desk.kiln(&["fmt", "-diff", "-write=false", "v.json"]), 0);
    assert_eq!(
        diff,
        "v.json\n--- v.json\n+++ v.json\n@@ -1,4 +1,4 @@\n {\n   \"a\": 1,\n-   \"b\": 2\n+  \"b\": 2\n }\n"
    );
    let text = fs::read_to_string(desk.0.path().join("v.json")).unwrap();
    assert!(text.contains("   \"b\""));
}

#[test]
fn stdin_goes_to_stdout_and_a_var_file_keeps_its_order() {
    let text = "{\"variables\": 1,\n\"a\": [1.50, {}] }";
    let output = Desk::new().kiln_reading(text, &["fmt", "-"]);
    assert_eq!(
        printed(&output, 0),
        "{\n  \"variables\": 1,\n  \"a\": [1.50, {}]\n}\n"
    );
}

#[test]
fn what_is_no_json_is_refused_and_the_others_are_laid_out() {
    let desk = Desk::new()
        .with("bad.json", "{ \"a\": }")
        .with("v.json", "{\"a\":1}");
    refused(&desk, &["fmt", "bad.json"], "bad.json:1:8", "value");
    assert_eq!(
        printed(&desk.kiln(&["fmt", "bad.json", "v.json"]), 2),
        "v.json\n"
    );
    assert_eq!(
        fs::read_to_string(desk.0.path().join("v.json")).unwrap(),
        "{\n  \"a\": 1\n}\n"
    );
    assert_eq!(
        fs::read_to_string(desk.0.path().join("bad.json")).unwrap(),
        "{ \"a\": }"
    );
    refused(&desk, &["fmt", "lost.json"], "lost.json", "No such file");
}

/// As in a container that has the template from its host: such a file can be written, and not be replaced.
#[test]
fn a_file_that_is_mounted_is_written_in_its_place() {
    let desk = Desk::new().with("real.json", LOOSE).with("t.json", "{}");
    let mounted = "mount --bind real.json t.json && exec \"$0\" fmt t.json";
    let mut command = std::process::Command::new("unshare");
    command.args(["-m", "sh", "-c", mounted, env!("CARGO_BIN_EXE_kiln")]);
    let output = command.current_dir(desk.0.path()).output().unwrap();
    assert_eq!(printed(&output, 0), "t.json\n");
    let text = |name: &str| fs::read_to_string(desk.0.path().join(name)).unwrap();
    assert_eq!(text("real.json"), LAID_OUT);
    assert_eq!(text("t.json"), "{}", "what the mount hid");
    assert_eq!(desk.names(), ["real.json", "t.json"]);
}

/// Editors of Windows put it there; the file stays one that kiln takes.
#[test]
fn a_file_with_a_byte_order_mark_keeps_its_values() {
    let marked = format!("\u{feff}{LOOSE}");
    let broken = "\u{feff}{\"n\":\"1\" // one\n , /* two\n lines */ \"m\":\"2\"}";
    let desk = Desk::new().with("t.json", &marked).with("v.json", broken);
    assert_eq!(
        printed(&desk.kiln(&["fmt", "t.json", "v.json"]), 0),
        "t.json\nv.json\n"
    );
    let text = |name: &str| fs::read_to_string(desk.0.path().join(name)).unwrap();
    assert_eq!(text("t.json"), LAID_OUT);
    assert_eq!(
        text("v.json"),
        "{\n  \"n\": \"1\", // one\n  /* two\n lines */\n  \"m\": \"2\"\n}\n"
    );
    assert_eq!(printed(&desk.kiln(&["fmt", "-check", "v.json"]), 0), "");
}

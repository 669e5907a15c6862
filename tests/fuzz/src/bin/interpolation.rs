//! A text in every place where one may stand: values of variables, tags, commands, and with late data.
#![no_main]

use serde_json::json;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let template = json!({
        "variables": { "a": text, "b": "{{user `a`}}-{{user `c`}}", "c": "{{.SourceAMI}} x", "l": [text] },
        "builders": [fuzz::builder(json!({ "tags": { "t": text, "u": "{{user `b`}}" }, "ami_users": "{{ l }}" }))],
        "provisioners": [{ "type": "shell", "inline": [text], "execute_command": "{{user `a`}} {{.Vars}}" }],
    });
    fuzz::read(&template);
});

//! Whatever is written in it, a provisioner or post-processor is carried out or refused: none is left out without a word.

use super::bad_input::{provisioner, root};

/// A value of every kind, and the empty ones.
const VALUES: &[&str] = &[
    "null",
    "\"\"",
    "\"x\"",
    "\"a=b\"",
    "1",
    "true",
    "[]",
    "[\"\"]",
    "[\"x\"]",
    "[null]",
    "{}",
    "{ \"a\": \"b\" }",
    "\"{{user `x`}}\"",
    "\"{{user `empty`}}\"",
    "\"{{build `ID`}}\"",
];

/// Types with what they need and what else decides what they do.
const PROVISIONERS: &[(&str, &str, &[&str])] = &[
    (
        "shell",
        "\"inline\": [\"c\"]",
        &[
            "inline",
            "script",
            "scripts",
            "environment_vars",
            "env",
            "execute_command",
            "inline_shebang",
            "valid_exit_codes",
            "remote_path",
            "use_env_var_file",
            "pause_before",
            "timeout",
            "max_retries",
            "only",
            "except",
            "override",
        ],
    ),
    (
        "file",
        "\"source\": \"a\", \"destination\": \"/a\", \"generated\": true",
        &[
            "source",
            "sources",
            "content",
            "destination",
            "direction",
            "generated",
            "owner",
            "mode",
            "become",
        ],
    ),
    (
        "shell-local",
        "\"inline\": [\"c\"]",
        &[
            "inline",
            "script",
            "scripts",
            "command",
            "execute_command",
            "only_on",
            "environment_vars",
            "env",
            "valid_exit_codes",
        ],
    ),
    ("sleep", "\"duration\": \"1s\"", &["duration"]),
    ("breakpoint", "\"disable\": true", &["disable", "note"]),
    ("reboot", "\"timeout\": \"5m\"", &["timeout", "command"]),
    (
        "ansible-local",
        "\"playbook_file\": \"a\"",
        &[
            "playbook_file",
            "playbook_files",
            "playbook_dir",
            "role_paths",
            "extra_arguments",
            "inventory_groups",
            "staging_directory",
            "clean_staging_directory",
            "command",
            "galaxy_file",
        ],
    ),
    (
        "ansible",
        "\"playbook_file\": \"a\"",
        &[
            "playbook_file",
            "extra_arguments",
            "groups",
            "user",
            "use_proxy",
            "ansible_env_vars",
            "command",
        ],
    ),
];

const POST_PROCESSORS: &[(&str, &str, &[&str])] = &[
    (
        "manifest",
        "\"output\": \"m.json\"",
        &[
            "output",
            "strip_path",
            "strip_time",
            "custom_data",
            "keep_input_artifact",
            "name",
            "only",
            "except",
        ],
    ),
    (
        "shell-local",
        "\"inline\": [\"c\"]",
        &["inline", "script", "scripts", "command", "execute_command"],
    ),
    (
        "artifice",
        "\"files\": [\"a\"]",
        &["files", "keep_input_artifact"],
    ),
];

/// What is needed, with one option of another value, and the same with that option alone.
fn texts(needs: &str, options: &[&str]) -> Vec<String> {
    let mut all = vec![String::new()];
    for option in options {
        for value in VALUES {
            let written = format!("\"{option}\": {value}");
            let others: Vec<&str> = needs
                .split(", ")
                .filter(|other| !other.starts_with(&format!("\"{option}\"")))
                .collect();
            all.push(format!(
                ", {}",
                [&[written.as_str()], &others[..]].concat().join(", ")
            ));
            all.push(format!(", {written}"));
        }
    }
    all
}

/// What only leaves out the build, as it should.
fn selects(text: &str) -> bool {
    text.contains("\"only\"") || text.contains("\"except\"")
}

#[test]
fn no_provisioner_is_left_out_without_a_word() {
    for (kind, needs, options) in PROVISIONERS {
        for text in texts(needs, options) {
            let case = provisioner(&format!("\"type\": \"{kind}\"{text}"));
            let mut case = case.var("empty=").beside("a", "").beside("x", "");
            let Ok((template, findings)) = case.bake() else {
                continue;
            };
            let count = template.builds[0].provisioners.len();
            assert!(count == 1 || selects(&text), "{kind}{text}: {findings:?}");
        }
    }
}

#[test]
fn no_post_processor_is_left_out_without_a_word() {
    for (kind, needs, options) in POST_PROCESSORS {
        for text in texts(needs, options) {
            let case = root(&format!(
                "\"post-processors\": [{{ \"type\": \"{kind}\"{text} }}]"
            ));
            let mut case = case.var("empty=").beside("a", "").beside("x", "");
            let Ok((template, findings)) = case.bake() else {
                continue;
            };
            let count = template.builds[0].post_processors.len();
            assert!(count == 1 || selects(&text), "{kind}{text}: {findings:?}");
        }
    }
}

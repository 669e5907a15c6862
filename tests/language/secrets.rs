//! Where secrets may stand: each option of the builder is tried with one, and every way to a sensitive variable.

use super::Case;
use super::bad_input::{BUILDER, service, template};
use super::variables::codes;
use kiln::source::{Diagnostic, Severity};

const CODE: &str = "template::secret_in_clear";

/// A template with a sensitive variable `s`, one made from it, and `options` in its builder.
fn secret(options: &str, root: &str) -> Case {
    template(&format!(
        "\"variables\": {{ \"s\": \"hunter2\", \"url\": \"https://{{{{user `s`}}}}@x\", \"name\": \"s\" }},
        \"sensitive-variables\": [\"s\"], \"builders\": [{{ {BUILDER}, {options} }}]{root}"
    ))
}

fn findings(case: &mut Case) -> Vec<Diagnostic> {
    let found = case
        .bake()
        .map_or_else(|findings| findings, |(_, findings)| findings);
    found
        .into_iter()
        .filter(|finding| finding.code == CODE)
        .collect()
}

/// What is said of a secret in an option of the builder.
fn verdict(option: &str) -> Option<Severity> {
    let value = match option {
        "tags" | "snapshot_tags" | "run_tags" | "run_volume_tags" | "spot_tags" => {
            "{ \"a\": \"x{{user `s`}}\" }"
        }
        "tag" | "run_tag" | "snapshot_tag" | "spot_tag" | "run_volume_tag" => {
            "{ \"key\": \"a\", \"value\": \"{{ s }}\" }"
        }
        "temporary_iam_instance_profile_policy_document" => {
            "{ \"Statement\": [{ \"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"{{ s }}\" }] }"
        }
        "subnet_filter" => "{ \"filters\": { \"tag:a\": \"{{ s }}\" } }",
        _ => "\"é{{user `s`}}\"",
    };
    let found = findings(&mut secret(&format!("\"{option}\": {value}"), ""));
    found.first().map(|finding| finding.severity)
}

#[test]
fn what_aws_keeps_where_others_read_it_holds_no_secret() {
    for option in [
        "ami_name",
        "ami_description",
        "tags",
        "tag",
        "snapshot_tags",
        "snapshot_tag",
        "run_tags",
        "run_tag",
        "run_volume_tags",
        "run_volume_tag",
        "spot_tags",
        "spot_tag",
        "temporary_key_pair_name",
        "temporary_iam_instance_profile_policy_document",
        "name",
        "Ami_Description",
        "an_option_to_come",
    ] {
        assert_eq!(verdict(option), Some(Severity::Error), "{option}");
    }
    assert_eq!(verdict("user_data"), Some(Severity::Warning));
    for option in [
        "subnet_id",
        "subnet_filter",
        "iam_instance_profile",
        "ssh_keypair_name",
    ] {
        assert_eq!(verdict(option), Some(Severity::Note), "{option}");
    }
    for option in [
        "ssh_password",
        "secret_key",
        "token",
        "ssh_bastion_password",
    ] {
        assert_eq!(verdict(option), None, "{option}");
    }
}

#[test]
fn roles_families_and_manifests_hold_no_secret_either() {
    for (options, root) in [
        (
            "\"assume_role\": { \"role_arn\": \"arn:x\", \"session_name\": \"{{user `s`}}\" }",
            "",
        ),
        (
            "\"assume_role\": { \"role_arn\": \"arn:x\", \"tags\": { \"a\": \"{{user `s`}}\" } }",
            "",
        ),
        (
            "\"region\": \"\"",
            ", \"kiln\": { \"family\": \"web\", \"version\": \"{{ url }}\" }",
        ),
        (
            "\"region\": \"\"",
            ", \"kiln\": { \"family\": \"web\", \"verify\": [\"curl {{ url }}\"] }",
        ),
        (
            "\"region\": \"\"",
            ", \"post-processors\": [{ \"type\": \"manifest\", \"custom_data\": { \"a\": \"{{user `url`}}\" } }]",
        ),
    ] {
        let found = findings(&mut secret(options, root));
        assert_eq!(found.len(), 1, "{options}{root}");
        assert_eq!(found[0].severity, Severity::Error, "{options}{root}");
    }
    let kept = "\"assume_role\": { \"role_arn\": \"arn:x\", \"external_id\": \"{{user `s`}}\" }";
    assert_eq!(findings(&mut secret(kept, "")), []);
}

/// What is said of a provisioner that a secret has part in, and of a post-processor of that type, if there is one.
fn verdicts(inner: &str) -> Vec<Severity> {
    let shared = format!(", \"provisioners\": [{{ {inner} }}]");
    let mut all = findings(&mut secret("\"region\": \"\"", &shared));
    if inner.contains("shell-local") {
        let posts = format!(", \"post-processors\": [{{ {inner} }}]");
        let of_post = findings(&mut secret("\"region\": \"\"", &posts));
        assert_eq!(all.len(), of_post.len(), "{inner}");
        all.extend(of_post);
    }
    all.iter().map(|finding| finding.severity).collect()
}

#[test]
fn no_provisioner_puts_a_secret_on_a_command_line() {
    let s = "{{user `s`}}";
    for inner in [
        format!(r#""type": "shell-local", "inline": ["a"], "execute_command": ["echo", "{s}"]"#),
        format!(
            r#""type": "shell-local", "inline": ["a"], "execute_command": ["sh", "-c", "a", "{s}"]"#
        ),
        format!(
            r#""type": "shell-local", "inline": ["a"], "execute_command": ["sh", "--norc", "{s}"]"#
        ),
        format!(
            r#""type": "shell-local", "inline": ["{s}"], "execute_command": ["env", "{{{{.Command}}}}"]"#
        ),
        format!(r#""type": "shell-local", "inline": ["a"], "inline_shebang": "/bin/sh {s}""#),
        format!(r#""type": "shell-local", "inline": ["a"], "env_var_format": "%s=%s {s} ""#),
        format!(r#""type": "shell", "inline": ["a"], "inline_shebang": "/bin/sh {s}""#),
        format!(r#""type": "shell", "inline": ["a"], "env_var_format": "%s=%s {s} ""#),
        format!(r#""type": "reboot", "command": "reboot {s}""#),
        format!(r#""type": "ansible", "playbook_file": "x", "command": "a {s}""#),
        format!(r#""type": "ansible", "playbook_file": "x", "ansible_ssh_extra_args": ["{s}"]"#),
        format!(
            r#""type": "ansible-local", "playbook_file": "x", "command": "A={s} ansible-playbook""#
        ),
        format!(r#""type": "ansible-local", "playbook_file": "x", "galaxy_command": "{s}""#),
    ] {
        let found = verdicts(&inner);
        assert!(!found.is_empty(), "{inner}");
        assert!(found.iter().all(|one| *one == Severity::Error), "{inner}");
    }
    for inner in [
        format!(r#""type": "shell-local", "inline": ["a"], "tempfile_extension": ".{s}""#),
        format!(r#""type": "shell", "inline": ["a"], "remote_folder": "/{s}""#),
        format!(r#""type": "file", "content": "a", "destination": "/{s}""#),
        format!(r#""type": "ansible-local", "playbook_file": "x", "staging_directory": "/{s}""#),
    ] {
        let found = verdicts(&inner);
        assert!(!found.is_empty(), "{inner}");
        assert!(found.iter().all(|one| *one == Severity::Warning), "{inner}");
    }
    for inner in [
        format!(
            r#""type": "shell", "inline": ["{s}"], "execute_command": "echo {s} | sudo -S sh {{{{.Path}}}}""#
        ),
        format!(
            r#""type": "shell-local", "inline": ["a"], "execute_command": "A={s} {{{{.Script}}}}""#
        ),
        format!(
            r#""type": "shell-local", "inline": ["a"], "execute_command": ["env", "bash", "-euc", "A={s} {{{{.Script}}}}"]"#
        ),
        format!(
            r#""type": "shell-local", "inline": ["{s}"], "execute_command": ["sh", "-c", "{{{{.Command}}}}"]"#
        ),
        format!(r#""type": "shell-local", "inline": ["a"], "environment_vars": ["A={s}"]"#),
        format!(r#""type": "file", "content": "{s}", "destination": "/a""#),
    ] {
        assert_eq!(verdicts(&inner), [], "{inner}");
    }
}

#[test]
fn a_secret_is_known_whatever_it_is_read_by() {
    for text in [
        "{{user `s`}}",
        "{{ s }}",
        "{{ url }}",
        "{{user `s` | upper}}",
        "{{ user('s') }}",
        "{{ user(name) }}",
        "{{user (user `name`)}}",
        "{% set f = user %}{{ f('s') }}",
        "{% if s %}x{% endif %}",
        "{{with user `s`}}{{.}}{{end}}",
        "{{.SourceAMI}} {{user `s`}}",
    ] {
        let mut case = secret(
            &format!("\"ami_description\": {}", serde_json::json!(text)),
            "",
        );
        assert_eq!(findings(&mut case).len(), 1, "{text}");
    }
    for text in [
        "{{ name }} user(1)",
        "{{user `name`}} user",
        "{{ name ~ 'user' }}",
    ] {
        let mut case = secret(
            &format!("\"ami_description\": {}", serde_json::json!(text)),
            "",
        );
        assert_eq!(findings(&mut case), [], "{text}");
    }
    let mut case = secret("\"ami_description\": \"{{ debug() }}\"", "");
    let found = case.bake().unwrap_err();
    assert_eq!(codes(&found), ["template::undefined_variable"]);
}

#[test]
fn a_service_shows_no_secret() {
    let more =
        ", \"sensitive-variables\": [\"s\"], \"variables\": { \"s\": \"hunter2\" }, \"set\": SET";
    let mut case = service(
        "",
        &more.replace("SET", "{ \"tags\": { \"a\": \"{{ s }}\" } }"),
    );
    assert_eq!(codes(&case.service().unwrap_err()), [CODE]);
    let set = "{ \"user_data\": { \"render\": \"init.sh\" } }";
    let mut case =
        service("", &more.replace("SET", set)).beside("init.sh", "#!/bin/sh\necho {{ s }}\n");
    let (_, found) = case.service().unwrap();
    assert_eq!(
        (codes(&found), found[0].severity),
        (vec![CODE], Severity::Warning)
    );
}

#[test]
fn every_text_within_a_secret_object_is_hidden() {
    let mut case = secret("\"ssh_password\": \"{{ db.password }}\"", "").file(
        "vars.json",
        "{ \"db\": { \"password\": \"hunter3-long\", \"port\": 5432 } }",
    );
    let text = std::fs::read_to_string(case.path("vorlage-ä.json")).unwrap();
    let text = text.replace("\"name\": \"s\"", "\"name\": \"s\", \"db\": null");
    case = case.beside(
        "vorlage-ä.json",
        &text.replace("[\"s\"]", "[\"s\", \"db\"]"),
    );
    let (template, _) = case.bake().unwrap();
    let secrets: Vec<_> = template
        .secrets
        .iter()
        .map(kiln::template::Secret::reveal)
        .collect();
    assert!(
        secrets.contains(&"hunter3-long") && !secrets.contains(&"5432"),
        "{}",
        secrets.len()
    );
}

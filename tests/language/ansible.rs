//! Secrets in arguments of Ansible's.

use kiln::source::Diagnostic;

use super::bad_input::{BUILDER, template};

/// What is refused in arguments of a provisioner: the text that the finding stands at, and the finding.
fn refused(provisioner: &str, arguments: &str) -> Vec<(String, Diagnostic)> {
    let mut case = template(&format!(
        r#""variables": {{ "s": "hunter2", "odd": "it's", "plain": "x" }}, "sensitive-variables": ["s", "odd"],
        "builders": [{{ {BUILDER} }}],
        "provisioners": [{{ "type": "{provisioner}", "playbook_file": "site.yml", "extra_arguments": {arguments} }}]"#
    ))
    .beside("site.yml", "[]");
    let found = case
        .bake()
        .map_or_else(|found| found, |(_, findings)| findings);
    let mut refused = Vec::new();
    for finding in found {
        assert_eq!(finding.code, "template::secret_in_clear", "{finding:?}");
        assert!(finding.is_error(), "{finding:?}");
        let place = finding.labels[0].span;
        let after = &case.sources.text(place.file)[place.start..];
        let written = after.split('"').nth(1).unwrap();
        refused.push((written.to_owned(), finding));
    }
    refused
}

const S: &str = "{{user `s`}}";
const ODD: &str = "{{user `odd`}}";

#[test]
fn a_secret_that_a_command_line_would_show_is_refused_where_it_stands() {
    for (provisioner, arguments, written) in [
        (
            "ansible",
            format!(r#"["-v", "--tags={S}"]"#),
            format!("--tags={S}"),
        ),
        ("ansible", format!(r#"["-e", "a=1", "{S}"]"#), S.to_owned()),
        ("ansible", format!(r#"["-e", "@{S}"]"#), format!("@{S}")),
        (
            "ansible",
            format!(r#"["-e", "a=1 {S}"]"#),
            format!("a=1 {S}"),
        ),
        // Ansible would take it apart otherwise than was meant.
        (
            "ansible",
            format!(r#"["-e", "a={ODD}"]"#),
            format!("a={ODD}"),
        ),
        (
            "ansible",
            format!(r#"["--tags={S}{{{{build `ID`}}}}"]"#),
            format!("--tags={S}{{{{build `ID`}}}}"),
        ),
        (
            "ansible-local",
            format!(r#"["--tags={S}"]"#),
            format!("--tags={S}"),
        ),
        (
            "ansible-local",
            format!(r#"["-e", "x=1", "--extra-vars 'a={S}' --tags={S}"]"#),
            format!("--extra-vars 'a={S}' --tags={S}"),
        ),
        (
            "ansible-local",
            format!(r#"["--extra-vars a={S} b=$HOME"]"#),
            format!("--extra-vars a={S} b=$HOME"),
        ),
    ] {
        let found = refused(provisioner, &arguments);
        let places: Vec<_> = found.iter().map(|(written, _)| written.as_str()).collect();
        assert_eq!(places, [written], "{provisioner} {arguments}");
        let help = found[0].1.help.as_deref().unwrap();
        assert!(help.contains("--extra-vars"), "{help}");
        let named = help.contains("ansible_env_vars");
        assert_eq!(named, provisioner == "ansible", "{help}");
    }
}

#[test]
fn a_secret_that_goes_into_a_file_is_taken() {
    for (provisioner, arguments) in [
        (
            "ansible",
            format!(r#"["-e", "a={S} b='x y'", "--tags={{{{user `plain`}}}}"]"#),
        ),
        (
            "ansible",
            format!(r#"["-e a={S}", "--extra-vars={{\"a\": \"{ODD}\"}}"]"#),
        ),
        (
            "ansible",
            format!(r#"["--extra-vars", "a={S} b={{{{build `ID`}}}}"]"#),
        ),
        (
            "ansible-local",
            format!(r#"["-v --extra-vars", "\"a={S} b=1\"", "--tags {{{{build `ID`}}}}"]"#),
        ),
        (
            "ansible-local",
            r#"["--extra-vars a=$HOME", "-v; true"]"#.to_owned(),
        ),
    ] {
        let found = refused(provisioner, &arguments);
        assert!(found.is_empty(), "{provisioner} {arguments}: {found:?}");
    }
}

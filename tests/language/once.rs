//! One root cause is one finding, which names it and what helps.

use super::Case;
use super::bad_input::{BUILDER, builder, root, template};
use kiln::source::Diagnostic;

/// The case's only finding.
fn only(mut case: Case, code: &str) -> Diagnostic {
    let findings = case.bake().map(|(_, findings)| findings);
    let mut findings = findings.unwrap_or_else(|findings| findings);
    assert_eq!(findings.len(), 1, "{}", case.draw(&findings));
    let finding = findings.remove(0);
    assert_eq!(finding.code, code, "{finding:?}");
    finding
}

fn help(finding: &Diagnostic) -> &str {
    finding.help.as_deref().unwrap_or_default()
}

#[test]
fn a_communicator_that_kiln_has_not_stands_for_its_options() {
    let winrm = "\"winrm_username\": \"x\", \"winrm_password\": \"y\", \"winrm_port\": 5986";
    let case = builder(&format!("\"communicator\": \"winrm\", {winrm}"));
    only(case, "template::not_yet");
    let by_variable = format!("\"communicator\": \"{{{{user `c`}}}}\", {winrm}");
    only(builder(&by_variable).var("c=winrm"), "template::not_yet");
    only(builder("\"winrm_username\": \"x\""), "template::refused");
}

#[test]
fn an_undefined_variable_where_nothing_empty_may_be_is_the_error() {
    let options = [
        "\"ssh_timeout\": \"{{user `x`}}\"",
        "\"pause_before_connecting\": \"{{user `x`}}\"",
    ];
    for option in options {
        let finding = only(builder(option), "template::undefined_variable");
        assert!(finding.is_error() && finding.message.contains("`x` is not defined, and `"));
        assert!(help(&finding).contains("-var x=…"), "{finding:?}");
    }
    let text = "\"type\": \"amazon-ebs\", \"source_ami\": \"ami-1\", \"instance_type\": \"t3.small\", \"ssh_username\": \"admin\"";
    let case = template(&format!(
        "\"builders\": [{{ {text}, \"ami_name\": \"{{{{user `x`}}}}\" }}]"
    ));
    assert!(only(case, "template::undefined_variable").is_error());
    for without in ["source_ami", "instance_type", "ssh_username"] {
        let text = BUILDER.split(", ").map(|option| {
            if option.starts_with(&format!("\"{without}\"")) {
                format!("\"{without}\": \"{{{{user `x`}}}}\"")
            } else {
                option.to_owned()
            }
        });
        let text: Vec<String> = text.collect();
        let case = template(&format!("\"builders\": [{{ {} }}]", text.join(", ")));
        only(case, "template::undefined_variable");
    }
    // What may be empty is, as in Packer, with a warning.
    let finding = only(
        builder("\"ssh_port\": \"{{user `x`}}\""),
        "template::undefined_variable",
    );
    assert!(!finding.is_error());
}

#[test]
fn a_variable_that_was_to_be_set_is_not_also_missing() {
    let case =
        || root("\"variables\": { \"ä\": null }, \"kiln\": { \"family\": \"{{user `ä`}}\" }");
    let finding = only(case().var("ä"), "template::wrong_value");
    assert_eq!(help(&finding), "write -var ä=value");
    assert_eq!(finding.labels[0].text, "has no `=`");
    let finding = only(root("\"_é\": \"\"").var("=x"), "template::wrong_value");
    assert_eq!(help(&finding), "write -var name=x");
}

#[test]
fn what_only_builds_know_is_said_to_be_that() {
    for name in ["build_type", "build_name", "build_typ", "build_nmae"] {
        let case = builder(&format!("\"name\": \"é-{{{{{name}}}}}\""));
        let finding = only(case, "template::unknown_field");
        assert!(
            finding.message.contains(&format!("`{name}`")),
            "{finding:?}"
        );
        assert!(
            help(&finding).contains("not in a builder's `name`"),
            "{finding:?}"
        );
    }
    let case = root("\"variables\": { \"ä\": \"{{build_name}}\" }");
    only(case, "template::unknown_field");
}

#[test]
fn a_misspelt_function_is_told_the_right_name() {
    for (wrong, right) in [("timestmp", "timestamp"), ("build_typ", "build_type")] {
        let finding = only(
            builder(&format!("\"ami_description\": \"{{{{{wrong}}}}}\"")),
            "template::undefined_variable",
        );
        assert_eq!(help(&finding), format!("did you mean `{right}`?"));
    }
}

#[test]
fn what_must_be_an_object_is_said_to_be() {
    let shell = "{ \"type\": \"shell\", \"inline\": [\"c\"] }";
    for (wrong, got) in [
        (&*format!("[{shell}]"), "a list"),
        ("\"shell\"", "a string"),
    ] {
        let case = root(&format!("\"error-cleanup-provisioner\": {wrong}"));
        let finding = only(case, "template::wrong_type");
        let text = format!("`error-cleanup-provisioner` must be an object, not {got}");
        assert_eq!(finding.message, text);
        let case = root(&format!("\"provisioners\": [{wrong}]"));
        let finding = only(case, "template::wrong_type");
        assert_eq!(
            finding.message,
            format!("a provisioner must be an object, not {got}")
        );
    }
}

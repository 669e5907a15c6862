//! What Packer takes is taken, with Packer's result; what it refuses is refused.

use super::Case;
use super::bad_input::{BUILDER, builder, provisioner, root, template};
use super::variables::codes;
use std::time::Duration;

#[test]
fn the_last_of_equal_keys_of_a_var_file_counts() {
    let text = "{ \"ä\": { \"b\": \"1\" }, \"x\": \"1\", \"ä\": { \"b\": \"2\", \"b\": \"3\" }, \"x\": \"2\" }";
    let options = "\"ami_description\": \"{{ ä.b }}-{{user `x`}}\"".replace('ä', "o");
    let mut case = builder(&options).file("v.json", &text.replace('ä', "o"));
    let (template, findings) = case.bake().unwrap();
    let drawn = case.draw(&findings);
    assert_eq!(codes(&findings), ["json::duplicate_key"; 3], "{drawn}");
    assert!(
        drawn.contains("the key `x` stands here twice; the last one counts"),
        "{drawn}"
    );
    assert!(findings.iter().all(|finding| !finding.is_error()));
    let description = &template.builds[0].builder.image.description;
    assert_eq!(
        description.as_ref().and_then(|text| text.text()),
        Some("3-2")
    );
    let mut case = root("\"variables\": { \"x\": \"1\", \"x\": \"2\" }");
    assert_eq!(codes(&case.bake().unwrap_err()), ["json::duplicate_key"]);
}

#[test]
fn keys_that_packer_sets_have_no_effect() {
    for mut case in [
        builder("\"packer_build_name\": \"é\", \"packer_debug\": true"),
        provisioner(
            "\"type\": \"shell\", \"inline\": [\"c\"], \"packer_x\": 1, \"packer_force\": true",
        ),
        root("\"post-processors\": [{ \"type\": \"manifest\", \"packer_x\": 1, \"packer_y\": 2 }]"),
    ] {
        let (_, findings) = case.bake().unwrap();
        assert_eq!(codes(&findings), ["template::idle_option"; 2]);
    }
    for mut case in [
        builder("\"Packer_debug\": true"),
        builder("\"metadata_options\": { \"packer_x\": 1 }"),
    ] {
        assert_eq!(codes(&case.bake().unwrap_err()), ["template::unknown_key"]);
    }
}

#[test]
fn bare_numbers_are_nanoseconds_however_they_are_written() {
    for number in ["600000000000", "6e11", "6.0e11", "600000000000.7"] {
        let mut case = builder(&format!("\"ssh_timeout\": {number}"));
        let (template, findings) = case.bake().unwrap();
        assert_eq!(codes(&findings), ["template::bare_duration"], "{number}");
        let timeout = template.builds[0].builder.ssh.timeout;
        assert_eq!(timeout, Duration::from_mins(10), "{number}");
    }
}

#[test]
fn what_names_no_builder_selects_all_of_them() {
    let shell = "\"type\": \"shell\", \"inline\": [\"c\"]";
    for option in [
        "\"only\": []",
        "\"only\": null",
        "\"except\": []",
        "\"only\": [], \"except\": null",
        "\"override\": {}",
        "\"override\": []",
        "\"override\": null",
        "\"override\": { \"amazon-ebs\": {} }",
    ] {
        let (template, findings) = provisioner(&format!("{shell}, {option}")).bake().unwrap();
        assert!(findings.is_empty(), "{option}: {findings:?}");
        assert_eq!(template.builds[0].provisioners.len(), 1, "{option}");
    }
    let mut none = provisioner(&format!(
        "{shell}, \"only\": [], \"except\": [\"amazon-ebs\"]"
    ));
    assert!(none.bake().unwrap().0.builds[0].provisioners.is_empty());
    for option in [
        "\"only\": 5",
        "\"except\": [5]",
        "\"only\": { \"amazon-ebs\": true }",
        "\"override\": \"x\"",
        "\"override\": { \"amazon-ebs\": \"x\" }",
    ] {
        let findings = provisioner(&format!("{shell}, {option}"))
            .bake()
            .unwrap_err();
        assert_eq!(codes(&findings), ["template::wrong_type"], "{option}");
    }
}

#[test]
fn a_file_from_nowhere_or_to_nowhere_is_refused() {
    for (options, code) in [
        (
            "\"source\": \"\", \"destination\": \"/a\"",
            "template::missing_option",
        ),
        (
            "\"source\": \"\", \"sources\": [\"\"], \"destination\": \"/a\"",
            "template::missing_option",
        ),
        (
            "\"content\": \"é\", \"destination\": \"\"",
            "template::missing_option",
        ),
        (
            "\"content\": \"é\", \"destination\": \"{{user `x`}}\"",
            "template::undefined_variable",
        ),
        (
            "\"source\": \"{{user `x`}}\", \"destination\": \"/a\"",
            "template::undefined_variable",
        ),
    ] {
        let mut case = provisioner(&format!("\"type\": \"file\", {options}"));
        let findings = case.bake().unwrap_err();
        assert_eq!(codes(&findings), [code], "{}", case.draw(&findings));
    }
}

#[test]
fn what_is_of_another_type_is_not_passed_over() {
    for (option, right) in [
        ("\"name\": [\"x\"]", false),
        ("\"name\": true", false),
        ("\"name\": null", true),
        ("\"temporary_security_group_source_cidrs\": \"x\"", false),
        (
            "\"temporary_security_group_source_cidrs\": \"10.0.0.0\"",
            false,
        ),
        (
            "\"temporary_security_group_source_cidrs\": [\"10.0.0.0/33\"]",
            false,
        ),
        (
            "\"temporary_security_group_source_cidrs\": [\"10.0.0.0/8\", \"::/0\"]",
            true,
        ),
    ] {
        assert_eq!(builder(option).bake().is_ok(), right, "{option}");
    }
    let (named, _) = builder("\"name\": 5").bake().unwrap();
    assert_eq!(named.builds[0].name.value, "5");
    for (part, code) in [
        ("\"sensitive-variables\": [5]", "template::wrong_type"),
        ("\"kiln\": { \"family\": [\"x\"] }", "template::wrong_type"),
    ] {
        let findings = root(part).bake().unwrap_err();
        assert_eq!(codes(&findings), [code], "{part}");
    }
    let findings = template("\"builders\": null").bake().unwrap_err();
    assert_eq!(codes(&findings), ["template::no_builder"]);
}

#[test]
fn what_is_empty_is_as_if_it_were_not_there() {
    for options in [
        "\"script\": \"\", \"inline\": [\"c\"]",
        "\"scripts\": [], \"inline\": [\"c\"]",
        "\"scripts\": \"\", \"script\": null, \"inline\": \"c\"",
    ] {
        for kind in ["shell", "shell-local"] {
            let mut case = provisioner(&format!("\"type\": \"{kind}\", {options}"));
            let (template, findings) = case.bake().unwrap();
            assert!(findings.is_empty(), "{options}: {findings:?}");
            assert_eq!(template.builds[0].provisioners.len(), 1, "{options}");
        }
    }
    let local = "\"type\": \"shell-local\", \"command\": \"\", \"inline\": [\"c\"]";
    assert_eq!(
        provisioner(local).bake().unwrap().0.builds[0]
            .provisioners
            .len(),
        1
    );
    for (options, code) in [
        (
            "\"type\": \"shell\", \"script\": \"\"",
            "template::missing_option",
        ),
        (
            "\"type\": \"shell\", \"inline\": [], \"scripts\": []",
            "template::missing_option",
        ),
        (
            "\"type\": \"shell\", \"scripts\": [\"\"]",
            "template::wrong_value",
        ),
        (
            "\"type\": \"shell-local\", \"command\": \"\"",
            "template::missing_option",
        ),
        (
            "\"type\": \"ansible-local\", \"playbook_file\": \"\"",
            "template::missing_option",
        ),
        (
            "\"type\": \"shell\", \"inline\": \"{{user `x`}}\"",
            "template::undefined_variable",
        ),
        (
            "\"type\": \"shell\", \"script\": \"{{user `x`}}\"",
            "template::undefined_variable",
        ),
        (
            "\"type\": \"ansible-local\", \"playbook_file\": \"{{user `x`}}\"",
            "template::undefined_variable",
        ),
    ] {
        let mut case = provisioner(options);
        let findings = case.bake().unwrap_err();
        assert_eq!(codes(&findings), [code], "{}", case.draw(&findings));
    }
}

#[test]
fn a_list_is_no_text() {
    for option in [
        "\"subnet_id\": [\"x\"]",
        "\"ami_description\": [\"x\"]",
        "\"ssh_port\": [22]",
        "\"ebs_optimized\": [true]",
        "\"ssh_timeout\": [\"5m\"]",
        "\"ami_users\": [[\"111122223333\"]]",
    ] {
        let found = codes(&builder(option).bake().unwrap_err());
        assert_eq!(found, ["template::wrong_type"], "{option}");
    }
}

#[test]
fn items_of_a_variable_that_are_no_texts_are_not_dropped() {
    let users = "\"builders\": [{ BUILDER, \"ami_users\": \"{{user `l`}}\" }]";
    let inline = "\"builders\": [{ BUILDER }], \"provisioners\": [{ \"type\": \"shell\", \"inline\": \"{{user `l`}}\" }]";
    for text in [users, inline] {
        let text = text.replace("BUILDER", BUILDER);
        let variables = "\"variables\": { \"l\": [\"a\", { \"b\": \"c\" }] }";
        let mut case: Case = template(&format!("{text}, {variables}"));
        let findings = case.bake().unwrap_err();
        assert_eq!(
            codes(&findings),
            ["template::wrong_type"],
            "{}",
            case.draw(&findings)
        );
    }
}

//! How findings go together: all of them at once, in order, none that follows from another, no secret among them.

use super::bad_input::{BUILDER, builder, provisioner, service, template};
use kiln::source::Severity;

#[test]
fn a_service_file_without_a_group_says_so() {
    let mut case = service("groups", "");
    let findings = case.service().unwrap_err();
    insta::assert_snapshot!(case.draw(&findings));
}

#[test]
fn all_that_is_wrong_is_said_at_once_and_in_order() {
    let mut case = template(
        "\"builders\": [{ \"type\": \"amazon-ebs\", \"regoin\": \"x\", \"ssh_port\": \"é\", \"ami_name\": \"a\" }], \"provisioners\": [{ \"type\": \"shell\" }]",
    );
    let findings = case.bake().unwrap_err();
    let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
    let expected = [
        "missing_option",
        "missing_option",
        "missing_option",
        "unknown_key",
        "wrong_type",
        "image_name",
        "missing_option",
    ];
    assert_eq!(
        codes,
        expected.map(|code| format!("template::{code}")),
        "{}",
        case.draw(&findings)
    );
    let places: Vec<_> = findings
        .iter()
        .map(|finding| finding.labels[0].span)
        .collect();
    assert!(places.is_sorted());
}

#[test]
fn a_variable_that_is_missing_is_reported_once_and_nothing_follows_from_it() {
    let mut case = template(&format!(
        "\"variables\": {{ \"type\": null, \"again\": \"{{{{user `type`}}}}\" }}, \"builders\": [{{ {}, \"instance_type\": \"{{{{user `again`}}}}\", \"ssh_port\": \"{{{{ type }}}}\" }}]",
        BUILDER.replace("\"instance_type\": \"t3.small\", ", "")
    ));
    let findings = case.bake().unwrap_err();
    assert_eq!(findings.len(), 1, "{}", case.draw(&findings));
    assert_eq!(findings[0].code, "template::missing_variable");
}

#[test]
fn a_var_file_that_cannot_be_read_brings_no_findings_about_its_variables() {
    let text = "\"variables\": { \"region\": null }, \"builder\": [], \"builders\": [{ \"type\": \"amazon-ebs\", \"region\": \"{{ regio }}\" }]";
    for case in [
        template(text).file("ä.json", "{ \"region\": é }"),
        template(text).file("ä.json", "").var("a=b"),
    ] {
        let mut case = case;
        let findings = case.bake().unwrap_err();
        let mut codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
        codes.sort_unstable();
        let expected = ["json::syntax", "template::unknown_key"];
        assert_eq!(codes, expected, "{}", case.draw(&findings));
        assert!(findings.iter().all(|finding| !finding.labels.is_empty()));
    }
}

#[test]
fn strict_makes_an_undefined_variable_an_error() {
    let mut case = builder("\"region\": \"{{user `regoin`}}\"");
    assert!(case.bake().is_ok());
    case.request.strict = true;
    assert_eq!(
        case.bake().unwrap_err()[0].code,
        "template::undefined_variable"
    );
}

#[test]
fn a_file_that_is_not_here_is_a_warning_and_an_error_with_strict() {
    let mut case = provisioner("\"type\": \"shell\", \"script\": \"setup.sh\"");
    let findings = case.bake().unwrap().1;
    assert_eq!(findings[0].severity, Severity::Warning);
    case.request.strict = true;
    let findings = case.bake().unwrap_err();
    assert_eq!(findings[0].code, "template::missing_file");
    assert_eq!(findings[0].severity, Severity::Error);
}

#[test]
fn a_secret_is_not_drawn() {
    let mut case = builder("\"ssh_port\": \"{{user `token`}}\"");
    case = case
        .file("secrets.json", "{ \"token\": \"hunter2\" }")
        .var("token=hunter3")
        .environment("KILN_VAR_token", "hunter4");
    let text = std::fs::read_to_string(case.path("vorlage-ä.json")).unwrap();
    let declared = text.replacen(
        '{',
        "{ \"variables\": { \"token\": \"hunter1\" }, \"sensitive-variables\": [\"token\"], ",
        1,
    );
    case = case.beside("vorlage-ä.json", &declared);
    let findings = case.bake().unwrap_err();
    let drawn = case.draw(&findings);
    assert!(
        drawn.contains("*****") && !drawn.contains("hunter"),
        "{drawn}"
    );
}

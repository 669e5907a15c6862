//! A misspelt name that must be there is one finding, not two: the unknown name with the right one, and not also that
//! something is missing.

use super::Case;
use super::bad_input::{BUILDER, provisioner, root, service, template};

/// A builder in which one name is misspelt.
fn builder(right: &str, wrong: &str, more: &str) -> Case {
    let whole = format!("{BUILDER}, {more}");
    assert!(whole.contains(&format!("\"{right}\"")));
    let text = whole.replace(&format!("\"{right}\""), &format!("\"{wrong}\""));
    template(&format!("\"builders\": [{{ {text} }}]"))
}

fn post_processor(inner: &str) -> Case {
    root(&format!("\"post-processors\": [{{ {inner} }}]"))
}

/// The case's only finding: the unknown name, and what it should be.
fn assert_one(mut case: Case, wrong: &str, right: &str) {
    let of_template = case.bake().err();
    let findings = of_template.unwrap_or_else(|| panic!("`{wrong}` is taken"));
    assert_found(&case, &findings, wrong, right);
}

fn assert_found(case: &Case, findings: &[kiln::source::Diagnostic], wrong: &str, right: &str) {
    let drawn = case.draw(findings);
    let errors: Vec<_> = findings
        .iter()
        .filter(|finding| finding.is_error())
        .collect();
    assert_eq!(errors.len(), 1, "{wrong}: {drawn}");
    assert_eq!(errors[0].code, "template::unknown_key", "{drawn}");
    assert!(
        errors[0].message.ends_with(&format!("`{wrong}`")),
        "{drawn}"
    );
    let help = errors[0].help.as_deref();
    assert_eq!(help, Some(&*format!("did you mean `{right}`?")), "{drawn}");
}

#[test]
fn a_folder_that_is_no_role_is_not_offered_for_one() {
    let mut case = provisioner("\"type\": \"role\", \"roles\": [\"nginx\"]")
        .beside("roles/nginx/templates/etc/motd.j2", "hello");
    let findings = case.bake().unwrap_err();
    let help = findings[0].help.as_deref().unwrap();
    assert!(help.starts_with("a role is a folder with"), "{help}");
}

#[test]
fn of_a_builder() {
    let some = "\"region\": \"eu-west-1\"";
    for (right, wrong, more) in [
        ("type", "tpye", some),
        ("source_ami", "source_amii", some),
        ("ami_name", "ami_nmae", some),
        ("instance_type", "instance_typ", some),
        ("ssh_username", "ssh_usernam", some),
        (
            "secret_key",
            "secret_kye",
            "\"access_key\": \"AKIA\", \"secret_key\": \"x\"",
        ),
        (
            "key",
            "kye",
            "\"tag\": { \"key\": \"a\", \"value\": \"b\" }",
        ),
        (
            "device_name",
            "device_nam",
            "\"ami_block_device_mappings\": [{ \"device_name\": \"/dev/sdb\" }]",
        ),
        (
            "role_arn",
            "role_am",
            "\"assume_role\": { \"role_arn\": \"arn:aws:iam::111122223333:role/r\" }",
        ),
        (
            "ssh_agent_auth",
            "ssh_agent_auth_",
            "\"ssh_keypair_name\": \"k\", \"ssh_agent_auth\": true",
        ),
        (
            "ssh_bastion_username",
            "ssh_bastion_usernam",
            "\"ssh_bastion_host\": \"b\", \"ssh_bastion_agent_auth\": true, \"ssh_bastion_username\": \"u\"",
        ),
        (
            "ssh_bastion_agent_auth",
            "ssh_bastion_agent_aut",
            "\"ssh_bastion_host\": \"b\", \"ssh_bastion_agent_auth\": true, \"ssh_bastion_username\": \"u\"",
        ),
        (
            "iam_instance_profile",
            "iam_instance_profil",
            "\"ssh_interface\": \"session_manager\", \"iam_instance_profile\": \"p\"",
        ),
        (
            "spot_price",
            "spot_pric",
            "\"spot_price\": \"auto\", \"spot_tags\": { \"a\": \"b\" }",
        ),
        (
            "owners",
            "ownres",
            "\"source_ami_filter\": { \"owners\": [\"self\"] }",
        ),
    ] {
        let mut case = builder(right, wrong, more);
        if right == "owners" {
            let text = format!("\"builders\": [{{ {BUILDER}, {more} }}]")
                .replace("\"source_ami\": \"ami-1\", ", "")
                .replace("owners", wrong);
            case = template(&text);
        }
        assert_one(case, wrong, right);
    }
    let filter = BUILDER.replace(
        "\"source_ami\": \"ami-1\"",
        "\"source_ami_filtr\": { \"owners\": [\"self\"] }",
    );
    let case = template(&format!("\"builders\": [{{ {filter} }}]"));
    assert_one(case, "source_ami_filtr", "source_ami_filter");
    let types = BUILDER.replace(
        "\"instance_type\": \"t3.small\"",
        "\"spot_price\": \"auto\", \"spot_instance_typs\": [\"t3.small\"]",
    );
    let case = template(&format!("\"builders\": [{{ {types} }}]"));
    assert_one(case, "spot_instance_typs", "spot_instance_types");
}

#[test]
fn of_a_provisioner() {
    for (text, wrong, right) in [
        ("\"tpye\": \"sleep\", \"duration\": \"1s\"", "tpye", "type"),
        (
            "\"type\": \"shell\", \"inlien\": [\"ls\"]",
            "inlien",
            "inline",
        ),
        ("\"type\": \"shell\", \"scrpit\": \"a\"", "scrpit", "script"),
        (
            "\"type\": \"shell-local\", \"scirpts\": [\"a\"]",
            "scirpts",
            "scripts",
        ),
        (
            "\"type\": \"file\", \"source\": \"x/\", \"generated\": true, \"destinaton\": \"/a\"",
            "destinaton",
            "destination",
        ),
        (
            "\"type\": \"file\", \"sorce\": \"x\", \"destination\": \"/a\"",
            "sorce",
            "source",
        ),
        (
            "\"type\": \"file\", \"contnet\": \"x\", \"destination\": \"/a\"",
            "contnet",
            "content",
        ),
        ("\"type\": \"role\", \"rolse\": [\"x\"]", "rolse", "roles"),
        (
            "\"type\": \"sleep\", \"duratoin\": \"1s\"",
            "duratoin",
            "duration",
        ),
        (
            "\"type\": \"ansible\", \"playbok_file\": \"x\"",
            "playbok_file",
            "playbook_file",
        ),
        (
            "\"type\": \"ansible-local\", \"playbook_flies\": [\"x\"]",
            "playbook_flies",
            "playbook_files",
        ),
    ] {
        assert_one(provisioner(text), wrong, right);
    }
}

#[test]
fn of_a_post_processor_and_of_kilns_own_key() {
    for (text, wrong, right) in [
        ("\"tpye\": \"manifest\"", "tpye", "type"),
        (
            "\"type\": \"artifice\", \"flies\": [\"x\"]",
            "flies",
            "files",
        ),
        (
            "\"type\": \"shell-local\", \"inlin\": [\"x\"]",
            "inlin",
            "inline",
        ),
    ] {
        assert_one(post_processor(text), wrong, right);
    }
    assert_one(root("\"kiln\": { \"famly\": \"web\" }"), "famly", "family");
}

#[test]
fn of_a_service_file() {
    let traffic = |rest: &str| format!(", \"traffic\": {{ {rest} }}");
    let target = "\"target\": { \"port\": 80 }";
    let rules = "\"rules\": [{ \"port\": 80 }]";
    let balancer = "\"load_balancer\": \"b\"";
    for (without, more, wrong, right) in [
        ("image", ", \"imgae\": { \"family\": \"web\" }".to_owned(), "imgae", "image"),
        ("image", ", \"image\": { \"famly\": \"web\" }".to_owned(), "famly", "family"),
        ("groups", ", \"gruops\": { \"mode\": \"new\" }".to_owned(), "gruops", "groups"),
        ("groups", ", \"groups\": { \"initial\": { \"mni\": 1, \"max\": 2, \"desired\": 1, \"subnets\": [\"s\"] } }".to_owned(), "mni", "min"),
        ("groups", ", \"groups\": { \"initial\": { \"min\": 1, \"max\": 2, \"desired\": 1, \"subents\": [\"s\"] } }".to_owned(), "subents", "subnets"),
        ("traffic", ", \"trafic\": {}".to_owned(), "trafic", "traffic"),
        ("traffic", traffic(&format!("\"load_balncer\": \"b\", {target}, {rules}")), "load_balncer", "load_balancer"),
        ("traffic", traffic(&format!("{balancer}, \"traget\": {{ \"port\": 80 }}, {rules}")), "traget", "target"),
        ("traffic", traffic(&format!("{balancer}, \"target\": {{ \"prot\": 80 }}, {rules}")), "prot", "port"),
        ("traffic", traffic(&format!("{balancer}, {target}, \"ruels\": [{{ \"port\": 80 }}]")), "ruels", "rules"),
        ("traffic", traffic(&format!("{balancer}, {target}, \"rules\": [{{ \"prot\": 80 }}]")), "prot", "port"),
        ("", ", \"checks\": { \"before\": [{ \"htpt\": {} }] }".to_owned(), "htpt", "http"),
        ("", ", \"checks\": { \"after\": [{ \"saok\": \"5m\" }] }".to_owned(), "saok", "soak"),
        ("", ", \"checks\": { \"before\": [{ \"http\": { \"body\": { \"equal\": \"x\" } } }] }".to_owned(), "equal", "equals"),
    ] {
        let mut case = service(without, &more);
        let findings = case.service().err();
        let findings = findings.unwrap_or_else(|| panic!("`{wrong}` is taken"));
        assert_found(&case, &findings, wrong, right);
    }
}

#[test]
fn a_name_like_another_option_does_not_stand_for_the_one_that_is_missing() {
    let mut case = builder("ami_name", "ami_user", "\"region\": \"eu-west-1\"");
    let findings = case.bake().unwrap_err();
    let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["template::missing_option", "template::unknown_key"]);
}

#[test]
fn of_what_tells_a_file() {
    let builders = format!("{{ \"biulders\": [{{ {BUILDER} }}] }}");
    for (text, right) in [
        (builders.as_str(), "builders"),
        ("{ \"format\": 1, \"servcie\": \"web\" }", "service"),
        ("{ \"fromat\": 1, \"service\": \"web\" }", "format"),
    ] {
        let mut case = Case::new().file("ä.json", text);
        for findings in [case.bake().unwrap_err(), case.service().unwrap_err()] {
            let drawn = case.draw(&findings);
            assert_eq!(findings.len(), 1, "{drawn}");
            assert_eq!(findings[0].code, "template::no_file", "{drawn}");
            let help = findings[0].help.as_deref().unwrap();
            assert!(
                help.starts_with(&format!("did you mean `{right}`?")),
                "{drawn}"
            );
        }
    }
    let mut case = Case::new().file("ä.json", "{ \"builder\": \"web\", \"x\": \"1\" }");
    let findings = case.bake().unwrap_err();
    assert!(
        findings[0]
            .help
            .as_deref()
            .unwrap()
            .ends_with("taken for a var file")
    );
}

#[test]
fn a_builder_whose_type_is_a_slip_is_hinted() {
    let with = |kind: &str| {
        let text = format!("\"builders\": [{{ {BUILDER} }}, {{ \"type\": \"{kind}\" }}]");
        let (_, findings) = template(&text).bake().unwrap();
        let found = findings
            .iter()
            .find(|found| found.code == "template::other_builder");
        found.and_then(|found| found.help.clone()).unwrap()
    };
    assert_eq!(with("amazon-ebss"), "did you mean `amazon-ebs`?");
    for other in ["amazon-ebssurrogate", "amazon-ebsvolume", "docker"] {
        assert_eq!(with(other), "kiln bakes `amazon-ebs`", "{other}");
    }
}

#[test]
fn one_slip_in_builders_is_one_finding() {
    let one = format!("{{ {BUILDER} }}");
    for builders in [
        format!("\"builders\": {one}"),
        format!("\"builders\": [{one}], \"builders\": []"),
    ] {
        let findings = template(&builders).bake().unwrap_err();
        let errors: Vec<_> = findings.iter().filter(|found| found.is_error()).collect();
        assert_eq!(errors.len(), 1, "{builders}: {errors:?}");
    }
}

#[test]
fn functions_are_said_by_the_names_that_users_write() {
    let named = BUILDER.to_owned() + ", \"name\": \"{{build_type}}\"";
    let findings = template(&format!("\"builders\": [{{ {named} }}]"))
        .bake()
        .unwrap_err();
    assert!(
        findings[0].message.contains("`build_type` is not known"),
        "{findings:?}"
    );
}

/// Packer takes them in this spelling alone: read without case, `Only` would be known and say nothing.
#[test]
fn packers_own_names_in_another_case_are_unknown() {
    let shell = |more: &str| format!("\"type\": \"shell\", \"inline\": [\"ls\"], {more}");
    for (more, wrong, right) in [
        ("\"Only\": [\"web\"]", "Only", "only"),
        ("\"Except\": [\"amazon-ebs\"]", "Except", "except"),
        (
            "\"Override\": { \"amazon-ebs\": {} }",
            "Override",
            "override",
        ),
        ("\"Pause_Before\": \"1s\"", "Pause_Before", "pause_before"),
        ("\"MAX_RETRIES\": 2", "MAX_RETRIES", "max_retries"),
        ("\"Timeout\": \"1m\"", "Timeout", "timeout"),
    ] {
        assert_one(provisioner(&shell(more)), wrong, right);
    }
    assert_one(
        provisioner("\"Type\": \"shell\", \"inline\": [\"ls\"]"),
        "Type",
        "type",
    );
    for (more, wrong, right) in [
        ("\"Only\": [\"web\"]", "Only", "only"),
        ("\"Except\": [\"amazon-ebs\"]", "Except", "except"),
        ("\"Name\": \"list\"", "Name", "name"),
        (
            "\"Keep_Input_Artifact\": true",
            "Keep_Input_Artifact",
            "keep_input_artifact",
        ),
    ] {
        let text = format!("\"type\": \"manifest\", {more}");
        assert_one(post_processor(&text), wrong, right);
    }
    assert_one(post_processor("\"Type\": \"manifest\""), "Type", "type");
    assert_one(builder("name", "Name", "\"name\": \"web\""), "Name", "name");
    assert_one(builder("type", "Type", "\"name\": \"web\""), "Type", "type");
}

#[test]
fn other_names_are_read_without_case_as_packer_does() {
    let text = "\"type\": \"shell\", \"Inline\": [\"ls\"]";
    provisioner(text).bake().unwrap();
}

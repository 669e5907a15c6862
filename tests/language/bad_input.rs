//! Bad input: every finding there is, each with its place after text that is not ASCII, drawn once.

use super::Case;
use kiln::source::Diagnostic;
use std::collections::BTreeSet;
use std::path::Path;

/// A builder that lacks nothing, with room for more.
pub const BUILDER: &str = r#""type": "amazon-ebs", "ami_name": "web-1", "source_ami": "ami-1", "instance_type": "t3.small", "ssh_username": "admin""#;

/// A template around `inner`, which begins with text that is not ASCII.
pub fn template(inner: &str) -> Case {
    Case::new().file(
        "vorlage-ä.json",
        &format!(
            "{{ \"description\": \"größe\",
  {inner} }}"
        ),
    )
}

/// A template whose builder has more options.
pub fn builder(options: &str) -> Case {
    template(&format!("\"builders\": [{{ {BUILDER},\n    {options} }}]"))
}

/// A template with a good builder and one provisioner.
pub fn provisioner(inner: &str) -> Case {
    template(&format!(
        "\"builders\": [{{ {BUILDER} }}],\n  \"provisioners\": [{{ {inner} }}]"
    ))
}

/// A template with a good builder and more root keys.
pub fn root(inner: &str) -> Case {
    template(&format!("\"builders\": [{{ {BUILDER} }}],\n  {inner}"))
}

/// A service file that lacks nothing but what `without` names, with `more` in it.
pub fn service(without: &str, more: &str) -> Case {
    let parts = [
        ("image", r#""image": { "family": "web" }"#),
        ("groups", r#""groups": { "mode": "new" }"#),
        (
            "traffic",
            r#""traffic": { "load_balancer": "ü", "target": { "port": 80 }, "rules": [{ "port": 80 }] }"#,
        ),
    ];
    let parts: Vec<_> = parts
        .iter()
        .filter(|(name, _)| *name != without)
        .map(|(_, text)| *text)
        .collect();
    let name = if more.contains("\"service\"") {
        ""
    } else {
        "\"service\": \"web\", "
    };
    Case::new().file(
        "dienst-ä.json",
        &format!("{{ \"format\": 1, {name}{}{more} }}", parts.join(", ")),
    )
}

/// Every code with the input that brings it out.
fn cases() -> Vec<(&'static str, Case)> {
    let mut cases = json_cases();
    cases.extend(variable_cases());
    cases.extend(option_cases());
    cases.extend(name_cases());
    cases
}

fn json_cases() -> Vec<(&'static str, Case)> {
    vec![
        ("json::syntax", root("\"é\": 'x'")),
        ("json::comment", root("/* é */ \"_é\": \"x\"")),
        ("json::trailing_comma", root("\"_é\": \"x\",")),
        (
            "json::duplicate_key",
            builder("\"region\": \"é\", \"region\": \"eu-west-1\""),
        ),
    ]
}

fn variable_cases() -> Vec<(&'static str, Case)> {
    vec![
        (
            "template::undefined_variable",
            builder("\"region\": \"é{{ regoin }}\"").var("region=x"),
        ),
        (
            "template::missing_variable",
            root("\"variables\": { \"ä\": \"\", \"region\": null }"),
        ),
        (
            "template::variable_ring",
            root(
                "\"variables\": { \"ä\": \"{{user `b`}}\", \"b\": \"é{{ c }}\", \"c\": \"{{user `ä`}}\" }",
            ),
        ),
        (
            "template::unused_variable",
            builder("\"region\": \"{{user `region`}}\"")
                .var("region=ä")
                .var("regoin=b"),
        ),
        (
            "template::undeclared_sensitive",
            root("\"variables\": { \"täken\": \"x\" }, \"sensitive-variables\": [\"täkn\"]"),
        ),
        ("template::syntax", builder("\"region\": \"é {{ a b }}\"")),
        (
            "template::render",
            builder("\"region\": \"é {{split \\\"ä\\\" \\\"-\\\" 3}}\""),
        ),
        (
            "template::unknown_field",
            provisioner("\"type\": \"shell\", \"inline\": [\"é docker ps --format '{{.Names}}'\"]"),
        ),
        (
            "template::env_outside_variables",
            builder("\"region\": \"é{{env `HOME`}}\""),
        ),
        ("template::hcl", root("\"_é\": \"x\"").file("ä.pkr.hcl", "")),
        (
            "template::secret_in_clear",
            root(
                "\"variables\": { \"täken\": \"x\" }, \"sensitive-variables\": [\"täken\"],\n  \"kiln\": { \"family\": \"é{{user `täken`}}\" }",
            ),
        ),
        (
            "template::secret_outside_variables",
            builder("\"region\": \"é{{vault `secret/ä` `key`}}\""),
        ),
        (
            "template::include_ring",
            root("\"include\": [\"ä/a.json\"]")
                .beside("ä/a.json", "{ \"é\": \"1\", \"include\": [\"b.json\"] }")
                .beside("ä/b.json", "{ \"include\": [\"../ä/a.json\"] }"),
        ),
        (
            "template::renamed",
            builder("\"ami_description\": \"é {{isotime | clean_ami_name}}\""),
        ),
        (
            "template::packer_version",
            root("\"min_packer_version\": \"1.100\""),
        ),
    ]
}

fn option_cases() -> Vec<(&'static str, Case)> {
    vec![
        (
            "template::unknown_key",
            builder("\"_é\": \"\", \"regoin\": \"eu-west-1\""),
        ),
        (
            "template::deprecated",
            builder("\"profile\": \"é\", \"block_duration_minutes\": 60"),
        ),
        (
            "template::refused",
            builder("\"profile\": \"é\", \"winrm_host\": \"x\", \"winrm_username\": \"\""),
        ),
        (
            "template::idle_option",
            builder("\"profile\": \"é\", \"skip_region_validation\": true"),
        ),
        (
            "template::not_yet",
            builder("\"profile\": \"é\", \"communicator\": \"winrm\""),
        ),
        (
            "template::image_options",
            builder(
                "\"profile\": \"é\", \"ami_users\": \"111122223333\", \"encrypt_boot\": true, \"ami_regions\": \"eu-west-1\", \"region_kms_key_ids\": { \"eu-west-1\": \"\", \"eu-west-2\": \"alias/ö\" }, \"snapshot_copy_duration_minutes\": 20",
            ),
        ),
        (
            "template::missing_option",
            template("\"builders\": [{ \"type\": \"amazon-ebs\", \"ami_name\": \"größe\" }]"),
        ),
        (
            "template::wrong_type",
            builder("\"profile\": \"é\", \"ebs_optimized\": \"{{user `optimized`}}\"")
                .var("optimized=jä"),
        ),
        (
            "template::boolean_as_text",
            builder("\"tags\": { \"ä\": true }"),
        ),
        (
            "template::tags",
            builder("\"tags\": { \"é\": \"1\", \"kiln:ready\": \"x\" }"),
        ),
        (
            "template::bare_duration",
            builder("\"profile\": \"é\", \"ssh_timeout\": 300"),
        ),
        (
            "template::wrong_value",
            builder("\"profile\": \"é\", \"ssh_interface\": \"publicip\""),
        ),
        (
            "template::exclusive",
            builder(
                "\"profile\": \"é\", \"security_group_id\": \"sg-1\", \"security_group_ids\": [\"sg-2\"]",
            ),
        ),
        (
            "template::image_name",
            template(
                "\"builders\": [{ \"type\": \"amazon-ebs\", \"ami_name\": \"größe\", \"source_ami\": \"ami-1\", \"instance_type\": \"t3.small\", \"ssh_username\": \"admin\" }]",
            ),
        ),
        (
            "template::polling",
            builder("\"profile\": \"é\", \"aws_polling\": { \"max_attempts\": 240 }"),
        ),
        (
            "template::comma_split",
            provisioner("\"type\": \"shell\", \"inline\": \"echo é, echo b\""),
        ),
    ]
}

fn name_cases() -> Vec<(&'static str, Case)> {
    let mut misspelt = root("\"_é\": \"\"");
    misspelt.request.only = vec!["amazon-ebss".to_owned()];
    let both = format!("{{ \"builders\": [{{ {BUILDER} }}] }}");
    vec![
        (
            "template::missing_file",
            provisioner("\"type\": \"shell\", \"script\": \"ä/setup.sh\"")
                .beside("ä/set-up.sh", ""),
        ),
        (
            "template::unreadable_file",
            root("\"_é\": \"\"")
                .beside("ä/prod.json", "")
                .named("ä/prd.json"),
        ),
        (
            "template::unknown_role",
            provisioner("\"type\": \"role\", \"roles\": [\"ä\", \"ngimx\"]")
                .beside("roles/ä/role.json", "{}")
                .beside("roles/nginx/role.json", "{}"),
        ),
        ("template::unknown_builder", misspelt),
        (
            "template::unknown_type",
            provisioner("\"_é\": 1, \"type\": \"shel\""),
        ),
        (
            "template::duplicate_builder",
            template(&format!(
                "\"builders\": [{{ {BUILDER}, \"name\": \"ä\" }}, {{ {BUILDER}, \"name\": \"ä\" }}]"
            )),
        ),
        ("template::no_builder", template("\"builders\": []")),
        (
            "template::no_files",
            root(
                "\"post-processors\": [[\"checksum\", { \"name\": \"é\", \"type\": \"compress\" }]]",
            ),
        ),
        (
            "template::other_builder",
            template(&format!(
                "\"builders\": [{{ \"type\": \"docker\" }}, {{ {BUILDER} }}]"
            )),
        ),
        (
            "template::several_files",
            Case::new().file("ä.json", &both).file("b.json", &both),
        ),
        (
            "template::no_file",
            Case::new().file("ä.json", "{ \"region\": \"é\" }"),
        ),
        (
            "template::service_name",
            service("", ", \"service\": \"wäb\""),
        ),
    ]
}

impl Case {
    /// Names a file that is not there.
    fn named(mut self, name: &str) -> Self {
        self.request.files.push(name.to_owned());
        self
    }

    /// All findings, of whichever kind of file this is.
    fn findings(&mut self) -> Vec<Diagnostic> {
        let is_service = self
            .request
            .files
            .iter()
            .any(|name| name.starts_with("dienst"));
        if is_service {
            self.service()
                .map_or_else(|findings| findings, |(_, findings)| findings)
        } else {
            self.bake()
                .map_or_else(|findings| findings, |(_, findings)| findings)
        }
    }
}

#[test]
fn every_code_is_drawn_once() {
    for (code, mut case) in cases() {
        let findings = case.findings();
        let found: Vec<_> = findings
            .iter()
            .filter(|finding| finding.code == code)
            .cloned()
            .collect();
        assert!(!found.is_empty(), "{code}: {}", case.draw(&findings));
        assert!(
            found.iter().all(|finding| !finding.labels.is_empty()),
            "{code} has no place"
        );
        let hint = found[0].help.as_ref().unwrap_or(&found[0].labels[0].text);
        assert!(
            hint.len() > 10 || !found[0].is_error(),
            "{code} gives no hint"
        );
        insta::with_settings!({ snapshot_suffix => "", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(code.replace("::", "-"), case.draw(&findings));
        });
    }
}

#[test]
fn every_code_of_the_source_has_a_case() {
    let mut codes = BTreeSet::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut codes,
    );
    let drawn: BTreeSet<String> = cases()
        .into_iter()
        .map(|(code, _)| code.to_owned())
        .collect();
    assert_eq!(codes, drawn);
}

#[test]
fn the_manual_lists_every_code() {
    let manual = include_str!("../../docs/templates.md");
    let parts = manual
        .split('`')
        .filter(|part| part.starts_with("template::") || part.starts_with("json::"));
    let listed: BTreeSet<&str> = parts.collect();
    let drawn: BTreeSet<&str> = cases().into_iter().map(|(code, _)| code).collect();
    assert_eq!(listed, drawn);
}

/// The codes in string literals below a folder.
fn collect(folder: &Path, codes: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, codes);
        } else {
            let text = std::fs::read_to_string(&path).unwrap();
            let literals = text
                .split('"')
                .filter(|part| part.starts_with("template::") || part.starts_with("json::"));
            let simple = |part: &&str| {
                part.split("::")
                    .all(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
            };
            codes.extend(literals.filter(simple).map(str::to_owned));
        }
    }
}

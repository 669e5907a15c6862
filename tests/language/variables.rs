//! Variables from included files, from the standard input, with data of the run in them, and from stores of secrets.

use super::Case;
use super::bad_input::{BUILDER, builder, template};
use kiln::source::Diagnostic;
use kiln::template::Data;
use kiln::template::load;
use kiln::template::stores::{Ask, Call, Stores};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// The value of a variable.
fn value(case: &mut Case, name: &str) -> Option<Value> {
    let variables = load::variables(&case.request, &mut case.sources)
        .unwrap_or_else(|findings| panic!("{}", case.draw(&findings)));
    let all = variables.all();
    let found = all.into_iter().find(|variable| variable.name == name);
    found.and_then(|variable| variable.value.cloned())
}

pub fn codes(findings: &[Diagnostic]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.code).collect()
}

fn including(root: &str, name: &str) -> Case {
    Case::new().file(
        name,
        &format!("{{ {root}, \"builders\": [{{ {BUILDER} }}] }}"),
    )
}

#[test]
fn what_is_included_lies_below_declared_defaults_and_gives_what_null_asks_for() {
    let mut case = including(
        r#""include": ["../vars/a.json", "../vars/b.json"], "variables": { "own": "own", "asked": null }"#,
        "images/web.json",
    )
    .beside("vars/a.json", r#"{ "own": "a", "asked": "a", "both": "a", "o": { "x": 1, "y": 1 }, "none": null }"#)
    .beside("vars/b.json", r#"{ "include": ["deep/c.json"], "both": "b" }"#)
    .beside("vars/deep/c.json", r#"{ "variables": { "both": "c", "deep": "{{user `own`}}", "o": { "y": 2 } } }"#);
    for (name, expected) in [
        ("own", json!("own")),
        ("asked", json!("a")),
        ("both", json!("b")),
        ("deep", json!("own")),
        ("o", json!({"x": 1, "y": 2})),
        ("none", json!("")),
    ] {
        assert_eq!(value(&mut case, name), Some(expected), "{name}");
    }
    let mut case = case.var("asked=typed");
    assert_eq!(value(&mut case, "asked"), Some(json!("typed")));
}

#[test]
fn a_var_file_includes_others_below_itself() {
    let mut case = including(
        r#""variables": { "v": "default", "w": "default" }"#,
        "web.json",
    )
    .file(
        "vars/prod.json",
        r#"{ "include": ["base.json"], "w": "prod" }"#,
    )
    .beside("vars/base.json", r#"{ "v": "base", "w": "base" }"#);
    assert_eq!(value(&mut case, "v"), Some(json!("base")));
    assert_eq!(value(&mut case, "w"), Some(json!("prod")));
}

#[test]
fn what_an_included_file_calls_sensitive_is_hidden() {
    let file = r#"{ "variables": { "s": "hunter2", "t": "plain" }, "sensitive-variables": ["s"] }"#;
    let mut case = including(r#""include": "vars/a.json""#, "web.json").beside("vars/a.json", file);
    let (template, _) = case.bake().unwrap();
    let secrets: Vec<_> = template
        .secrets
        .iter()
        .map(kiln::template::Secret::reveal)
        .collect();
    assert_eq!(secrets, ["hunter2"]);
}

#[test]
fn a_finding_points_into_the_included_file() {
    let mut case = including(r#""include": "vars/ä.json""#, "web.json").beside(
        "vars/ä.json",
        "{ \"variables\": { \"a\": \"é {{user `nope`}}\" }, \"bilders\": [] }",
    );
    let findings = case.bake().unwrap_err();
    assert_eq!(
        codes(&findings),
        ["template::undefined_variable", "template::unknown_key"]
    );
    let places: Vec<_> = findings
        .iter()
        .map(|f| case.sources.locate(f.labels[0].span))
        .collect();
    assert_eq!(places, ["vars/ä.json:1:28", "vars/ä.json:1:46"]);
}

#[test]
fn a_template_may_come_from_the_standard_input() {
    let mut case = Case::new();
    case.request.files = vec!["-".to_owned()];
    case.request.stdin = Some(format!(
        r#"{{ "variables": {{ "a": "é" }}, "builders": [{{ {BUILDER} }}] }}"#
    ));
    assert_eq!(value(&mut case, "a"), Some(json!("é")));
    let (_, findings) = case.bake().unwrap();
    assert_eq!(findings, []);
}

#[test]
fn an_undefined_variable_inside_variables_is_an_error() {
    let mut case =
        builder("\"region\": \"{{user `a`}}\"").file("v.json", "{ \"a\": \"é{{user `b`}}\" }");
    assert_eq!(
        codes(&case.bake().unwrap_err()),
        ["template::undefined_variable"]
    );
}

#[test]
fn data_of_the_run_in_a_variable_is_filled_in_where_the_variable_is_used() {
    let options = r#""tags": { "t": "{{user `of`}} in {{ region_ }}", "u": "<{{user `whole`}}>" }"#;
    let mut case = builder(options).file(
        "v.json",
        "{ \"of\": \"{{upper `é`}} {{ .SourceAMI }}\", \"whole\": \"{{user `of`}}{{user `x`}}\", \"x\": \"{{env `HOME`}}\", \"region_\": \"{{.BuildRegion}}\" }",
    );
    assert_eq!(
        value(&mut case, "whole"),
        Some(json!("É {{ .SourceAMI }}/home/é"))
    );
    let (template, findings) = case.bake().unwrap();
    assert_eq!(findings, []);
    let tags = &template.builds[0].builder.image.tags;
    let data = Data::new()
        .with("SourceAMI", "{{user `x`}}")
        .with("BuildRegion", "eu-west-1");
    assert_eq!(
        tags[0].value.render(&data).unwrap(),
        "É {{user `x`}} in eu-west-1"
    );
    assert_eq!(
        tags[1].value.render(&data).unwrap(),
        "<É {{user `x`}}/home/é>"
    );
}

#[test]
fn data_of_the_run_in_a_variable_is_refused_where_the_option_has_none() {
    for options in [
        "\"region\": \"{{user `of`}}\"",
        "\"tags\": { \"t\": \"{{user `of` | upper}}\" }",
        "\"tags\": { \"t\": \"{{user `vars`}}\" }",
    ] {
        let file = "{ \"of\": \"{{ .SourceAMI }}\", \"vars\": \"{{.Vars}}\" }";
        let findings = builder(options).file("v.json", file).bake().unwrap_err();
        assert_eq!(codes(&findings), ["template::unknown_field"], "{options}");
    }
}

/// Answers with what it is asked, and remembers.
#[derive(Default)]
struct Echo(Mutex<Vec<Call>>);

impl Ask for Echo {
    fn ask(&self, call: &Call) -> Result<String, String> {
        self.0.lock().unwrap().push(call.clone());
        match call {
            Call::Consul { key } if key == "none" => {
                Err("Consul: there is no key `none`".to_owned())
            }
            Call::Vault { path, key } => Ok(format!("{path}#{key}")),
            other => Ok(format!("{other:?}")),
        }
    }
}

const ASKING: &str = r#""variables": {
    "a": "{{vault `/secret/data/ä` `key`}}", "b": "{{ vault('secret/data/ä', 'key') }}-{{user `c`}}",
    "c": "{{consul_key `x/y`}}", "d": "{{aws_secretsmanager `s` `k`}}{{aws_secretsmanager `s`}}{{aws_secretsmanager_raw `s`}}"
  }"#;

fn asking(more: &str) -> Case {
    template(&format!(
        "\"builders\": [{{ {BUILDER}{more} }}],\n  {ASKING}"
    ))
}

#[test]
fn stores_are_asked_once_for_each_distinct_call_and_their_values_are_secret() {
    let echo = Arc::new(Echo::default());
    let mut case = asking(r#", "ssh_password": "{{user `b`}}""#);
    case.request.world.stores = Stores::new(Arc::clone(&echo) as Arc<dyn Ask>);
    let (template, findings) = case.bake().unwrap();
    assert_eq!(findings, []);
    case.bake().unwrap();
    assert_eq!(echo.0.lock().unwrap().len(), 5);
    let secrets: Vec<_> = template
        .secrets
        .iter()
        .map(kiln::template::Secret::reveal)
        .collect();
    // The answer by itself too, not only the text that it is part of.
    for secret in [
        "secret/data/ä#key",
        "secret/data/ä#key-Consul { key: \"x/y\" }",
    ] {
        assert!(secrets.contains(&secret), "{}", secrets.len());
    }
    let variables = load::variables(&case.request, &mut case.sources).unwrap();
    assert!(variables.all().iter().all(|variable| variable.secret));
}

#[test]
fn a_check_asks_nobody_and_checks_the_arguments() {
    let mut case = asking(r#", "user_data": "{{user `b`}}", "ssh_password": "{{user `c`}}""#);
    let (_, findings) = case.bake().unwrap();
    assert_eq!(codes(&findings), ["template::secret_in_clear"]);
    let text = "\"variables\": { \"a\": \"{{vault `` `k`}}\", \"b\": \"{{vault `x`}}\" }";
    let mut case = template(&format!("\"builders\": [{{ {BUILDER} }}],\n  {text}"));
    let findings = case.bake().unwrap_err();
    assert_eq!(codes(&findings), ["template::render", "template::syntax"]);
}

#[test]
fn what_a_store_refuses_is_said_at_the_call() {
    let mut case = template(&format!(
        "\"builders\": [{{ {BUILDER} }}],\n  \"variables\": {{ \"a\": \"é{{{{consul_key `none`}}}}\" }}"
    ));
    case.request.world.stores = Stores::new(Arc::new(Echo::default()));
    let findings = case.bake().unwrap_err();
    assert_eq!(codes(&findings), ["template::render"]);
    assert!(
        findings[0]
            .message
            .contains("Consul: there is no key `none`")
    );
    assert_eq!(
        case.sources.locate(findings[0].labels[0].span),
        "vorlage-ä.json:3:25"
    );
}

//! Credentials that Vault lends, the whole way of a bake. A small server plays Vault's AWS secrets engine.

use std::path::Path;

use serde_json::{Value, json};

use super::model::ModelBakery;
use crate::wire::http::{Asked, Server};

struct Vault {
    server: Server,
    address: String,
}

impl Vault {
    fn start() -> Self {
        let server = Server::start(answer);
        let address = format!("http://{}", server.address);
        Self { server, address }
    }

    /// What it was asked, each a line of method, path, token, namespace and document.
    fn asked(&self) -> Vec<String> {
        let line = |asked: Asked| {
            let (token, space) = (
                asked.header("x-vault-token"),
                asked.header("x-vault-namespace"),
            );
            let Asked {
                method, path, body, ..
            } = &asked;
            format!("{method} {path} {token} {space} {body}")
        };
        self.server.asked().into_iter().map(line).collect()
    }

    fn environment(&self) -> [(&str, &str); 3] {
        [
            ("VAULT_ADDR", self.address.as_str()),
            ("VAULT_TOKEN", "hvs.token"),
            ("VAULT_NAMESPACE", "team/web"),
        ]
    }
}

/// Each loan has keys of its own.
fn answer(asked: &Asked, number: usize) -> (&'static str, String) {
    let (status, answer) = match asked.path.as_str() {
        "/v1/aws/creds/denied" => (
            "403 Forbidden",
            json!({ "errors": ["1 error occurred:\n\t* permission denied\n\n"] }),
        ),
        "/v1/aws/creds/nobody" => (
            "400 Bad Request",
            json!({ "errors": ["Role \"nobody\" not found"] }),
        ),
        "/v1/aws/creds/empty" => ("200 OK", json!({ "data": { "access_key": "AKIA" } })),
        path if path.starts_with("/v1/aws/") || path.starts_with("/v1/cloud/") => {
            let lasts = if path.ends_with("/short") { 30 } else { 3600 };
            let keys = json!({
                "access_key": format!("AKIAVAULT{number}"), "secret_key": format!("vaults/secret+key{number}"),
                "security_token": null
            });
            (
                "200 OK",
                json!({ "lease_id": "l", "lease_duration": lasts, "renewable": true, "data": keys }),
            )
        }
        _ => (
            "404 Not Found",
            json!({ "errors": ["no handler for route"] }),
        ),
    };
    (status, answer.to_string())
}

fn engine(fields: &Value) -> Value {
    json!({ "vault_aws_engine": fields })
}

/// Every text below a folder.
fn texts(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts(&path, found);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            found.push(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}

#[test]
fn every_call_of_a_bake_is_made_with_lent_keys_that_show_nowhere() {
    let (bakery, vault) = (ModelBakery::open(), Vault::start());
    bakery.template(&engine(&json!({ "name": "bake" })));
    let args = [
        "bake",
        "--json",
        "--result=r.json",
        "--events=e.jsonl",
        "web.json",
    ];
    let done = bakery.run(&args, &vault.environment());
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(0), "{said}");
    let asked = vault.asked();
    assert_eq!(asked, ["GET /v1/aws/creds/bake hvs.token team/web "]);
    let calls = bakery.asked();
    let lent = calls.iter().all(|call| call.access_key == "AKIAVAULT1");
    assert!(lent && calls.len() > 10, "{calls:?}");
    let mut all = vec![said, String::from_utf8(done.stdout).unwrap()];
    texts(bakery.folder.path(), &mut all);
    for secret in ["vaults/secret+key1", "AKIAVAULT1", "hvs.token"] {
        let shown = all.iter().find(|text| text.contains(secret));
        assert_eq!(shown, None, "{secret}");
    }
}

/// What is about to end is not begun with.
#[test]
fn a_loan_that_is_about_to_end_is_made_anew() {
    let (bakery, vault) = (ModelBakery::open(), Vault::start());
    bakery.template(&engine(&json!({ "name": "short" })));
    let done = bakery.run(&["bake", "web.json"], &vault.environment());
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(0), "{said}");
    assert!(vault.asked().len() > 1, "{:?}", vault.asked());
    let calls = bakery.asked();
    let first = calls.iter().find(|call| call.access_key == "AKIAVAULT1");
    assert!(first.is_none(), "{first:?}");
}

#[test]
fn builds_that_want_the_same_share_a_loan() {
    let (bakery, vault) = (ModelBakery::open(), Vault::start());
    bakery.template(&engine(&json!({ "name": "bake", "ttl": "30m" })));
    let web = std::fs::read_to_string(bakery.folder.path().join("web.json")).unwrap();
    let mut template: Value = serde_json::from_str(&web).unwrap();
    let mut builder = template["builders"][0].clone();
    builder["name"] = "data".into();
    builder["ami_name"] = "data-1".into();
    let mut other = builder.clone();
    other["name"] = "other".into();
    other["ami_name"] = "other-1".into();
    other["vault_aws_engine"] = json!({
        "name": "bake", "engine_name": "/cloud", "role_arn": "arn:aws:iam::012345678901:role/bake", "ttl": "1800"
    });
    let builders = template["builders"].as_array_mut().unwrap();
    builders.extend([builder, other]);
    bakery.write("web.json", &template.to_string());
    let done = bakery.run(&["bake", "--plan", "web.json"], &vault.environment());
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(0), "{said}");
    let mut asked = vault.asked();
    asked.sort();
    let role = r#"{"role_arn":"arn:aws:iam::012345678901:role/bake","ttl":"1800"}"#;
    let role = format!("PUT /v1/cloud/sts/bake hvs.token team/web {role}");
    assert_eq!(
        asked,
        [
            "GET /v1/aws/creds/bake?ttl=30m hvs.token team/web ",
            role.as_str()
        ]
    );
}

#[test]
fn what_vault_refuses_is_told_at_the_place_and_nothing_is_asked_of_aws() {
    let (bakery, vault) = (ModelBakery::open(), Vault::start());
    let [address, token, _] = vault.environment();
    for (fields, environment, parts) in [
        (
            json!({ "name": "denied" }),
            vec![address, token],
            vec![
                "Vault answers 403 Forbidden: 1 error occurred: * permission denied (`aws/creds/denied`)",
            ],
        ),
        (
            json!({ "name": "nobody" }),
            vec![address, token],
            vec!["Vault answers 400 Bad Request: Role \"nobody\" not found (`aws/creds/nobody`)"],
        ),
        (
            json!({ "name": "bake", "engine_name": "elsewhere" }),
            vec![address, token],
            vec!["there are no credentials at `elsewhere/creds/bake`"],
        ),
        (
            json!({ "name": "empty" }),
            vec![address, token],
            vec!["the answer of `aws/creds/empty` has no AWS keys"],
        ),
        (
            json!({ "name": "bake" }),
            vec![address],
            vec!["VAULT_TOKEN is not set in the environment"],
        ),
        (
            json!({ "name": "bake" }),
            vec![token],
            vec![
                "Vault cannot be asked",
                "VAULT_ADDR is not set in the environment",
            ],
        ),
    ] {
        bakery.template(&engine(&fields));
        let done = bakery.run(&["bake", "web.json"], &environment);
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(2), "{said}");
        let drawn = said.replace("\n  │ ", " ");
        assert!(said.contains("bake::vault"), "{said}");
        assert!(said.contains("these credentials are wanted"), "{said}");
        for part in parts {
            assert!(drawn.contains(part), "no `{part}` in:\n{drawn}");
        }
    }
    assert_eq!(bakery.asked().len(), 0);
}

#[test]
fn a_check_asks_nobody() {
    let (bakery, vault) = (ModelBakery::open(), Vault::start());
    bakery.template(&engine(&json!({ "name": "denied" })));
    let done = bakery.run(&["check", "web.json"], &vault.environment());
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(0), "{said}");
    assert_eq!(vault.asked(), [""; 0]);
}

#[test]
fn the_next_run_takes_back_with_new_keys_what_a_dead_one_left() {
    let (bakery, vault) = (ModelBakery::open(), Vault::start());
    bakery.template(&engine(&json!({ "name": "bake" })));
    let sound = std::fs::read_to_string(bakery.folder.path().join("web.json")).unwrap();
    let mut deadly: Value = serde_json::from_str(&sound).unwrap();
    // The parent of the script's own shell is kiln.
    let kill = "kill -9 $(cut -d' ' -f4 /proc/$PPID/stat)";
    let kill = json!({ "type": "shell-local", "inline": [kill] });
    deadly["provisioners"] = json!([kill]);
    bakery.write("web.json", &deadly.to_string());
    let died = bakery.run(&["bake", "web.json"], &vault.environment());
    assert_eq!(died.status.code(), None, "{died:?}");
    let before = bakery.asked().len();
    bakery.write("web.json", &sound);
    let done = bakery.run(&["bake", "web.json"], &vault.environment());
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(0), "{said}");
    let calls = bakery.asked().split_off(before);
    let own = calls.iter().all(|call| call.access_key == "AKIAVAULT2");
    assert!(own, "{calls:?}");
    let at = |action: &str| {
        let real = |call: &super::model::Asked| {
            call.action == action && !call.body.contains("DryRun=true")
        };
        calls.iter().position(real).unwrap()
    };
    assert!(at("TerminateInstances") < at("RunInstances"));
    assert_eq!(vault.asked().len(), 2);
}

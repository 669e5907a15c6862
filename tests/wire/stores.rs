//! Vault and Consul as a small HTTP server on the loopback plays them, and Secrets Manager on moto.

use std::process::Command;

use serde_json::json;

use super::http::{Asked, Server};
use super::moto::Moto;

/// Both of them.
pub fn stores() -> Server {
    Server::start(|asked, _| answer(&asked.path))
}

/// Path and token of each request.
pub fn asked(server: &Server) -> Vec<String> {
    let line = |asked: Asked| {
        let tokens = [
            asked.header("x-vault-token"),
            asked.header("x-consul-token"),
        ];
        format!("{} {}", asked.path, tokens.concat())
    };
    server.asked().into_iter().map(line).collect()
}

/// Vault's answers have their data one level further in for version 2; Consul's raw value is the body.
fn answer(path: &str) -> (&'static str, String) {
    match path {
        "/v1/secret/data/web" => {
            let data = json!({"data": {"data": {"db": "hunter2-vault2", "port": 5432}, "metadata": {"version": 3}}});
            ("200 OK", data.to_string())
        }
        "/v1/kv/web" => (
            "200 OK",
            json!({"data": {"db": "hunter2-vault1"}}).to_string(),
        ),
        "/v1/kv/app/key?raw=true" => ("200 OK", "hunter2-consul".to_owned()),
        "/v1/kv/denied" => (
            "403 Forbidden",
            r#"{"errors":["permission denied"]}"#.to_owned(),
        ),
        _ => ("404 Not Found", r#"{"errors":[]}"#.to_owned()),
    }
}

/// A variable that can be rendered only when another has the value it must have.
fn holds(name: &str, value: &str) -> String {
    format!("{{{{if eq (user `{name}`) `{value}`}}}}{{{{else}}}}{{{{split `a` `-` 9}}}}{{{{end}}}}")
}

fn kiln(folder: &std::path::Path, server: &Server, endpoint: &str) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_kiln"))
        .args(["bake", "--plan", "t.json"])
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("VAULT_ADDR", format!("http://{}", server.address))
        .env("VAULT_TOKEN", "token-v")
        .env("CONSUL_HTTP_ADDR", &server.address)
        .env("CONSUL_HTTP_TOKEN", "token-c")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

fn create_secret(moto: &Moto, name: &str, text: &str) {
    let made = Command::new("aws")
        .args([
            "--endpoint-url",
            &moto.endpoint,
            "--region",
            "eu-central-1",
            "secretsmanager",
            "create-secret",
        ])
        .args(["--name", name, "--secret-string", text])
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

fn template(variables: &serde_json::Value) -> String {
    json!({
        "variables": variables,
        "builders": [{
            "type": "amazon-ebs", "ami_name": "web-{{timestamp}}", "instance_type": "t3.small", "ssh_username": "admin",
            "source_ami_filter": {
                "filters": { "name": "amzn-ami-hvm-2017*-x86_64-gp2" }, "owners": ["amazon"], "most_recent": true
            }
        }],
        "provisioners": [{
            "type": "shell", "inline": ["true"],
            "env": { "DB": "{{user `v2`}}", "CONSUL": "{{user `consul`}}", "AWS": "{{user `json`}}" }
        }]
    })
    .to_string()
}

#[test]
fn each_store_is_asked_once_and_nothing_of_it_is_said() {
    let (moto, server, folder) = (Moto::start(), stores(), tempfile::tempdir().unwrap());
    create_secret(
        &moto,
        "json",
        r#"{"user": "ada", "password": "hunter2-json", "port": 8080}"#,
    );
    create_secret(&moto, "plain", "hunter2-plain");
    let variables = json!({
        "v2": "{{vault `secret/data/web` `db`}}", "again": "x{{vault `secret/data/web` `db`}}",
        "v1": "{{vault `kv/web` `db`}}", "consul": "{{consul_key `app/key`}}",
        "json": "{{aws_secretsmanager `json` `password`}}", "port": "{{ aws_secretsmanager('json', 'port') }}",
        "plain": "{{aws_secretsmanager `plain`}}", "raw": "{{aws_secretsmanager_raw `json`}}",
        "1": holds("v2", "hunter2-vault2"), "2": holds("again", "xhunter2-vault2"), "3": holds("v1", "hunter2-vault1"),
        "4": holds("consul", "hunter2-consul"), "5": holds("json", "hunter2-json"), "6": holds("port", "8080"),
        "7": holds("plain", "hunter2-plain"),
        "8": holds("raw", r#"{"user": "ada", "password": "hunter2-json", "port": 8080}"#),
    });
    std::fs::write(folder.path().join("t.json"), template(&variables)).unwrap();
    let (code, said) = kiln(folder.path(), &server, &moto.endpoint);
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let mut asked = asked(&server);
    asked.sort();
    let once = [
        "/v1/kv/app/key?raw=true token-c",
        "/v1/kv/web token-v",
        "/v1/secret/data/web token-v",
    ];
    assert_eq!(asked, once);
}

#[test]
fn what_a_store_refuses_is_a_finding_each() {
    let (server, folder) = (stores(), tempfile::tempdir().unwrap());
    let variables = json!({
        "v2": "{{vault `secret/data/none` `db`}}", "key": "{{vault `secret/data/web` `nope`}}",
        "denied": "{{vault `kv/denied` `x`}}", "consul": "{{consul_key `none`}}", "json": "{{aws_secretsmanager `none`}}",
    });
    std::fs::write(folder.path().join("t.json"), template(&variables)).unwrap();
    let (code, said) = kiln(folder.path(), &server, "http://127.0.0.1:9");
    assert_eq!(code, Some(2), "{said}");
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "there is no secret at `secret/data/none`",
        "has no key `nope`",
        "Vault answers 403 Forbidden",
        "there is no key `none`",
        "Secrets Manager: GetSecretValue: nothing answers at",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("token-"), "{said}");
}

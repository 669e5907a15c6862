//! Planted secrets show in no output of a bake: streams, events, result, manifest, plan, journal, history, calls to AWS with
//! their tags, and on no command line of this host, neither plain nor as base64 nor escaped for URLs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use super::bakery::Bakery;
use crate::wire::stores::stores;

/// From a var file, from the environment by way of a variable, from the account's own environment, and from Vault.
const PLANTED: [&str; 4] = [
    "plant&one/hunter2?",
    "plant two+hunter3",
    "plantthreehunter4",
    "hunter2-vault2",
];

/// What a secret may look like.
fn spellings(secret: &str) -> Vec<String> {
    let escaped: String = secret
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect();
    let plus = escaped.replace("%20", "+");
    let mut all = vec![secret.to_owned(), escaped.to_lowercase(), escaped, plus];
    for before in ["", "a", "ab"] {
        let text = format!("{before}{secret}");
        let (skip, whole) = ([0, 2, 3][before.len()], text.len() * 8 / 6);
        all.push(STANDARD.encode(&text)[skip..whole].to_owned());
        all.push(URL_SAFE_NO_PAD.encode(&text)[skip..whole].to_owned());
    }
    all
}

#[track_caller]
fn clean(about: &str, text: &str) {
    for secret in PLANTED {
        for spelling in spellings(secret) {
            assert!(
                !text.contains(&spelling),
                "{about}: `{spelling}` in:\n{text}"
            );
        }
    }
}

/// Every text below a folder but the files in which the secrets were planted.
fn files(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if !["secret.json", "web.json"]
            .iter()
            .any(|name| path.ends_with(name))
        {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            found.push((path.display().to_string(), text));
        }
    }
}

/// Command lines of this host that hold a secret, as long as `on` holds.
fn watch(on: &AtomicBool) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    while on.load(Ordering::Relaxed) {
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            if PLANTED.iter().any(|secret| line.contains(secret)) {
                seen.insert(line);
            }
        }
    }
    seen
}

fn write(bakery: &Bakery, last: &str) {
    let echo = "echo '{{user `one`}}'; printf %s '{{user `one`}}' | base64; printf %s 'x:{{user `made`}}' | base64";
    let vault = "echo $VAULT; printf 'x:%s' $VAULT | base64";
    let url = "echo plant%26one%2Fhunter2%3F plant%20two%2Bhunter3 plant+two%2bhunter3 1>&2";
    let template = json!({
        "variables": { "one": null, "two": "{{env `PLANTED`}}", "made": "{{user `two`}}",
                       "vault": "{{vault `secret/data/web` `db`}}" },
        "sensitive-variables": ["one", "two"],
        "builders": [bakery.builder("web")],
        "provisioners": [{
            "type": "shell", "inline": [echo, vault, url, "sleep 1", last], "remote_folder": bakery.folder.path(),
            "environment_vars": ["SECRET={{user `two`}}", "VAULT={{ vault }}"],
            "execute_command": "echo '{{user `one`}}' > /dev/null; chmod +x {{.Path}}; {{.Vars}} {{.Path}}"
        }],
        "post-processors": [
            { "type": "manifest", "output": "manifest.json", "custom_data": { "of": "web" } },
            {
                "type": "shell-local", "inline": ["echo \"$SECRET\" '{{user `one`}}'; sleep 1"],
                "environment_vars": ["SECRET={{user `two`}}"]
            }
        ]
    });
    bakery.write("web.json", &template.to_string());
}

#[tokio::test]
async fn planted_secrets_show_nowhere() {
    let (bakery, vault) = (Bakery::open(), stores());
    bakery.moto.record().await;
    bakery.write("secret.json", &json!({ "one": PLANTED[0] }).to_string());
    let runs = [("true", 0, true), ("true", 0, false), ("exit 9", 1, false)];
    for (before, (last, code, plan)) in runs.into_iter().enumerate() {
        write(&bakery, last);
        let on = Arc::new(AtomicBool::new(true));
        let watched = Arc::clone(&on);
        let sampling = std::thread::spawn(move || watch(&watched));
        let mut args = vec![
            "bake",
            "--if-changed",
            "--json",
            "--result=r.json",
            "--events=e.jsonl",
            "web.json",
            "secret.json",
        ];
        args.extend(plan.then_some("--plan"));
        let done = bakery
            .kiln(&args)
            .env("PLANTED", PLANTED[1])
            .env("AWS_SECRET_ACCESS_KEY", PLANTED[2])
            .env("VAULT_ADDR", format!("http://{}", vault.address))
            .env("VAULT_TOKEN", "token-v")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        on.store(false, Ordering::Relaxed);
        let lines = sampling.join().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(code), "{said}");
        clean("stderr", &said);
        clean("stdout", &String::from_utf8_lossy(&done.stdout));
        assert_eq!(lines, BTreeSet::new(), "command lines");
        if !plan {
            assert!(said.contains("<sensitive>"), "{said}");
        }
        let mut found = Vec::new();
        files(bakery.folder.path(), &mut found);
        assert!(plan || found.len() >= 6, "{found:?}");
        for (path, text) in found {
            clean(&path, &text);
        }
        assert_eq!(vault.asked().len(), before + 1, "once a run");
    }
    let bodies = bakery.moto.bodies().await;
    assert!(bodies.len() > 20, "{}", bodies.len());
    for body in bodies {
        clean("a call", &body);
    }
}

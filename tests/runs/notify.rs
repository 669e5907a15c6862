//! Who is told how a roll ended, by kiln's own process: a server that listens, one that refuses, one that says nothing, and
//! an address that shows nowhere.

use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use super::service::{FIRST, SECOND, Service};
use crate::wire::http::{Asked, Server};

const TOKEN: &str = "T0KEN-of-the-hook";

/// A service whose rolls are told to these addresses, each with what follows it in the file.
fn telling(recipients: &[Value]) -> Service {
    let service = Service::open();
    let mut file: Value = serde_json::from_str(&service.bakery.read("web.json")).unwrap();
    file["variables"]["hook"] = json!("{{ env `HOOK` }}");
    file["sensitive-variables"] = json!(["token", "hook"]);
    file["notify"] = json!(recipients);
    service.bakery.write("web.json", &file.to_string());
    service
}

fn address(of: &str, path: &str) -> String {
    format!("http://{of}/{path}/{{{{ user `hook` }}}}")
}

fn run(service: &Service, args: &[&str]) -> Output {
    let environment = [
        ("HOOK", TOKEN),
        ("PROMETHEUS_TOKEN", "t0ken-of-prometheus"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "eu-central-1"),
    ];
    let all = ["--result=result.json", "--events=events.jsonl"];
    let done = service.bakery.run(&[args, &all].concat(), &environment);
    for text in [&done.stdout, &done.stderr] {
        let text = String::from_utf8_lossy(text);
        assert!(!text.contains(TOKEN), "{text}");
    }
    written(service.bakery.folder.path());
    done
}

/// The address is in no file.
fn written(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            written(&path);
            continue;
        }
        let text = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&text);
        assert!(!text.contains(TOKEN), "{}: {text}", path.display());
    }
}

fn code(done: &Output) -> Option<i32> {
    done.status.code()
}

fn said(done: &Output) -> String {
    String::from_utf8_lossy(&done.stderr).into_owned()
}

fn result(service: &Service) -> Value {
    serde_json::from_str(&service.bakery.read("result.json")).unwrap()
}

fn body(asked: &Asked) -> Value {
    assert_eq!(
        (asked.method.as_str(), asked.header("content-type")),
        ("POST", "application/json")
    );
    assert!(asked.path.ends_with(TOKEN), "{}", asked.path);
    serde_json::from_str(&asked.body).unwrap()
}

#[test]
fn people_and_programs_hear_how_each_roll_ended() {
    let server = Server::start(|_, _| ("200 OK", "ok".to_owned()));
    let slack = json!({ "slack": { "webhook": address(&server.address, "slack") } });
    let bad = json!(["failed", "rolled_back"]);
    let webhook = json!({ "webhook": { "url": address(&server.address, "bad") }, "on": bad });
    let service = telling(&[slack, webhook]);
    // Of a plan nobody hears.
    let done = run(&service, &["roll", "--plan", "web.json"]);
    assert_eq!(code(&done), Some(0), "{}", said(&done));
    assert!(server.asked().is_empty());
    let done = run(&service, &["roll", "web.json"]);
    assert_eq!(code(&done), Some(0), "{}", said(&done));
    let asked = server.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    let text = body(&asked[0])["text"].as_str().unwrap().to_owned();
    assert!(
        text.starts_with(&format!("web: {FIRST} is in service")),
        "{text}"
    );
    let notified = result(&service)["notified"].clone();
    assert_eq!(
        notified,
        json!([{ "number": 1, "to": "slack", "told": true }])
    );
    service.settle();
    // Nothing to do is no news.
    let done = run(&service, &["roll", "web.json"]);
    assert_eq!(code(&done), Some(0), "{}", said(&done));
    assert_eq!(result(&service).get("notified"), None);
    assert_eq!(server.asked().len(), 1);
    service.bakery.write("broken", "");
    let done = run(&service, &["roll", "web.json", "--image", SECOND]);
    assert_eq!(code(&done), Some(5), "{}", said(&done));
    let asked = server.asked().split_off(1);
    assert_eq!(asked.len(), 2, "{asked:?}");
    let whole = asked.iter().find(|one| one.path.starts_with("/bad/"));
    let whole = body(whole.unwrap());
    let fields = |name: &str| whole[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        [
            "service",
            "outcome",
            "verdict",
            "image",
            "previous_image",
            "group",
            "region"
        ]
        .map(fields),
        [
            "web",
            "failed",
            "rejected",
            SECOND,
            FIRST,
            "web-v002",
            "eu-central-1"
        ]
    );
    assert_eq!(whole["exit"], 5);
    assert!(
        whole["seconds"].is_u64() && whole["account"].is_string(),
        "{whole}"
    );
    assert!(fields("reason").contains("the check failed"), "{whole}");
    // A command that kiln did not come to its roll with is told too, if it knows the file.
    let done = run(&service, &["roll", "web.json", "--image", "ami-none"]);
    assert_eq!(code(&done), Some(2), "{}", said(&done));
    let last = body(server.asked().last().unwrap());
    assert!(
        last.to_string().contains("there is no image ami-none"),
        "{last}"
    );
}

#[test]
fn whoever_cannot_be_told_changes_nothing_of_the_end() {
    let refuses = Server::start(|asked, _| ("500 Oops", format!("{} is broken", asked.path)));
    // It takes connections, and says nothing.
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let quiet = hangs.local_addr().unwrap().to_string();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = closed.local_addr().unwrap().to_string();
    drop(closed);
    let to = |address: String| json!({ "webhook": { "url": address } });
    let service = telling(&[
        to(address(&refuses.address, "x")),
        to(address(&quiet, "x")),
        to(address(&nobody, "x")),
    ]);
    let done = run(&service, &["roll", "web.json"]);
    let log = said(&done);
    assert_eq!(code(&done), Some(0), "{log}");
    assert_eq!(String::from_utf8_lossy(&done.stdout), "web-v001\n");
    for part in [
        "warning: `notify` 1 (webhook) is not told: the answer has status 500",
        "warning: `notify` 2 (webhook) is not told: no answer within 10 s",
        "warning: `notify` 3 (webhook) is not told: error sending request",
    ] {
        assert!(log.contains(part), "no `{part}` in {log}");
    }
    let result = result(&service);
    assert_eq!(result["verdict"], "done");
    let told: Vec<_> = result["notified"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["told"])
        .collect();
    assert_eq!(told, [&json!(false); 3]);
    drop(hangs);
}

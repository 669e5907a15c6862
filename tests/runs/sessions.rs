//! A bake through Session Manager: kiln's own process with a plugin of the test's, which carries the port to a real sshd.
//! AWS's plugin cannot be had here; this one takes what that one takes and notes it.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::bakery::Bakery;
use super::gate::forward;
use crate::wire::http::{request, say};

const TOKEN: &str = "t0ken-of-the-session";

/// Systems Manager, as far as sessions go, before a moto that has none: the first try finds no agent. Calls and their bodies
/// are noted. Consoles show the host key that the sshd of the test has.
struct Ssm {
    endpoint: String,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Ssm {
    fn start(moto: &str, host_key: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::new(Mutex::new(Vec::new()));
        let front = Front {
            calls: calls.clone(),
            moto: moto.strip_prefix("http://").unwrap().to_owned(),
            console: format!(
                "-----BEGIN SSH HOST KEY KEYS-----\n{host_key}\n-----END SSH HOST KEY KEYS-----\n"
            ),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                front.answer(stream.unwrap());
            }
        });
        Self { endpoint, calls }
    }

    fn calls(&self, name: &str) -> Vec<Value> {
        let calls = self.calls.lock().unwrap();
        let named = calls.iter().filter(|(call, _)| call == name);
        named.map(|(_, body)| body.clone()).collect()
    }
}

struct Front {
    moto: String,
    console: String,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Front {
    fn answer(&self, mut stream: TcpStream) {
        let (head, body) = request(&mut stream);
        let target = head.split("\r\nx-amz-target: AmazonSSM.").nth(1);
        if let Some(call) = target.and_then(|rest| rest.lines().next()) {
            let (status, answer) = self.session(call, &body);
            return say(&mut stream, status, &answer.to_string());
        }
        if body.contains("Action=GetConsoleOutput") {
            let output = BASE64.encode(&self.console);
            let answer = format!(
                "<GetConsoleOutputResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
                 <output>{output}</output></GetConsoleOutputResponse>"
            );
            return say(&mut stream, "200 OK", &answer);
        }
        forward(&self.moto, &head, body.as_bytes(), &mut stream);
    }

    fn session(&self, call: &str, body: &str) -> (&'static str, Value) {
        let mut calls = self.calls.lock().unwrap();
        let before = calls.iter().filter(|(name, _)| name == call).count();
        calls.push((call.to_owned(), serde_json::from_str(body).unwrap()));
        let answer = match call {
            "StartSession" if before == 0 => {
                let message = "i-1 is not connected.";
                let fault = json!({ "__type": "TargetNotConnected", "message": message });
                return ("400 Bad Request", fault);
            }
            "StartSession" => json!({
                "SessionId": format!("s-{before}"), "TokenValue": TOKEN, "StreamUrl": "wss://nowhere"
            }),
            "DescribeSessions" => json!({ "Sessions": [{ "SessionId": "s-2" }] }),
            _ => json!({}),
        };
        ("200 OK", answer)
    }
}

/// Carries the local port to `STUB_PORT`; goes away when a file `drop` appears, and takes it along.
const PLUGIN: &str = r#"#!/usr/bin/env python3
import asyncio, json, os, sys

VERSION = "1.2.553.0"
if sys.argv[1:] == ["--version"]:
    print(os.environ.get("STUB_VERSION", VERSION))
    sys.exit(0)
variable, region, operation, profile, request, endpoint = sys.argv[1:]
assert json.loads(os.environ[variable])["TokenValue"] == "t0ken-of-the-session"
with open("plugin.log", "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\n")
print("Starting session with SessionId: " + json.loads(os.environ[variable])["SessionId"], flush=True)


async def pump(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def carry(reader, writer):
    there = await asyncio.open_connection("127.0.0.1", int(os.environ["STUB_PORT"]))
    await asyncio.gather(pump(reader, there[1]), pump(there[0], writer), return_exceptions=True)


async def main():
    port = int(json.loads(request)["Parameters"]["localPortNumber"][0])
    await asyncio.start_server(carry, "localhost", port)
    while not os.path.exists("drop"):
        await asyncio.sleep(0.05)
    os.remove("drop")
    print("Exiting session", flush=True)
    os._exit(3)

asyncio.run(main())
"#;

struct Through {
    bakery: Bakery,
    ssm: Ssm,
}

impl Through {
    fn open() -> Self {
        let bakery = Bakery::open();
        bakery.write("session-manager-plugin", PLUGIN);
        let file = bakery.folder.path().join("session-manager-plugin");
        std::fs::set_permissions(file, PermissionsExt::from_mode(0o755)).unwrap();
        let ssm = Ssm::start(&bakery.moto.endpoint, &bakery.sshd.host_key.line());
        Self { bakery, ssm }
    }

    fn builder(&self) -> Value {
        let mut builder = self.bakery.builder("web");
        let options = builder.as_object_mut().unwrap();
        options.remove("ssh_host");
        options.insert("ssh_interface".into(), "session_manager".into());
        let allow = json!({ "Action": "ssm:*", "Effect": "Allow", "Resource": "*" });
        options.insert(
            "temporary_iam_instance_profile_policy_document".into(),
            json!({ "Version": "2012-10-17", "Statement": [allow] }),
        );
        builder
    }

    fn kiln(&self, args: &[&str]) -> Command {
        let mut kiln = self.bakery.kiln(args);
        let mut path = self.bakery.folder.path().as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        kiln.env("PATH", path)
            .env("AWS_ENDPOINT_URL_SSM", &self.ssm.endpoint)
            .env("AWS_ENDPOINT_URL_EC2", &self.ssm.endpoint)
            .env("STUB_PORT", self.bakery.sshd.port.to_string());
        kiln
    }
}

#[test]
fn a_session_is_carried_by_the_plugin_and_begun_again_when_it_ends() {
    let through = Through::open();
    let folder = through.bakery.folder.path().display().to_string();
    let away = format!("touch {folder}/drop; sleep 30");
    let shell = |line: &str, meant: bool| json!({ "type": "shell", "inline": [line], "expect_disconnect": meant });
    let template = json!({
        "builders": [through.builder()],
        "provisioners": [shell(&away, true), shell("echo back-$((40 + 2))", false)],
    });
    through.bakery.write("web.json", &template.to_string());
    let done = through.kiln(&["bake", "web.json"]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{said}");
    assert!(said.contains("back-42"), "{said}");
    assert!(said.contains("has ended and is begun again"), "{said}");
    assert!(said.contains("exit status: 3: Exiting session"), "{said}");
    let (spared, has) = (
        crate::ssh::spared(&through.bakery.sshd),
        Path::new("/etc/machine-id").exists(),
    );
    assert_eq!(
        spared.contains("truncate -s 0 /etc/machine-id"),
        has,
        "{spared}"
    );
    let started = through.bakery.read("plugin.log");
    assert_eq!(started.lines().count(), 2, "{started}");
    assert!(
        !started.contains(TOKEN) && !said.contains(TOKEN),
        "{started}"
    );
    let words: Vec<String> = serde_json::from_str(started.lines().next().unwrap()).unwrap();
    assert_eq!(words[0], "AWS_SSM_START_SESSION_RESPONSE");
    assert_eq!(words[1..4], ["eu-central-1", "StartSession", ""]);
    assert_eq!(words[5], through.ssm.endpoint, "where the call went");
    let asked: Value = serde_json::from_str(&words[4]).unwrap();
    let port = through.bakery.sshd.port.to_string();
    assert_eq!(asked["DocumentName"], "AWS-StartPortForwardingSession");
    assert_eq!(asked["Parameters"]["portNumber"], json!([port]));
    let sent = through.ssm.calls("StartSession");
    assert_eq!(sent.len(), 3, "the first found no agent: {sent:?}");
    assert_eq!(sent[1], asked, "the plugin learns what was asked for");
    let ended = through.ssm.calls("TerminateSession");
    assert_eq!(
        ended,
        [json!({ "SessionId": "s-1" }), json!({ "SessionId": "s-2" })]
    );
    let target = &through.ssm.calls("DescribeSessions")[0]["Filters"][0];
    assert_eq!(
        *target,
        json!({ "key": "Target", "value": asked["Target"] })
    );
}

#[test]
fn a_plugin_that_is_missing_or_too_old_is_told_before_anything_is_made() {
    let through = Through::open();
    through
        .bakery
        .template("web.json", &[through.builder()], "true");
    let old = through
        .kiln(&["bake", "web.json"])
        .env("STUB_VERSION", "1.2.497.0")
        .output();
    let old = old.unwrap();
    let said = String::from_utf8_lossy(&old.stderr);
    assert_eq!(old.status.code(), Some(2), "{said}");
    assert!(said.contains("1.2.497.0 is too old"), "{said}");
    let none = through.bakery.run(&["bake", "web.json"]);
    let said = String::from_utf8_lossy(&none.stderr);
    assert_eq!(none.status.code(), Some(2), "{said}");
    assert!(
        said.contains("there is no `session-manager-plugin` on the PATH"),
        "{said}"
    );
    assert_eq!(through.ssm.calls("StartSession").len(), 0);
}

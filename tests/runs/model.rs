//! localcloud's model behind a socket, in time that goes on with every call, and a folder whose templates bake on it. The
//! machine that it does not have is an sshd of our own.

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use kiln::run::{Clock as _, SystemClock};
use localcloud::physics::{Behaviour, Spread, World};
use localcloud::wire::HttpRequest;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::simulation::bench::{account, brisk};
use crate::ssh::server::{Server, user, write_key};
use crate::wire::http::{request_of_bytes, say, say_bytes};

/// How far a call moves the cloud's clock, as a rule.
const STEP: SignedDuration = SignedDuration::from_secs(5);

/// One call that was made.
#[derive(Clone, Debug)]
pub struct Asked {
    pub action: String,
    pub access_key: String,
    pub body: String,
}

pub struct ModelBakery {
    pub folder: TempDir,
    endpoint: String,
    sshd: Server,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    world: World,
    now: Timestamp,
    step: SignedDuration,
    asked: Vec<Asked>,
    /// What stands in answers, and what is said in its place.
    instead: Vec<(String, String)>,
}

impl ModelBakery {
    pub fn open() -> Self {
        // Clients compare when credentials end with their own clock.
        let now = SystemClock.now();
        let mut world = World::new(localcloud::model::Config {
            opened: now,
            ..account()
        });
        // The keys on its consoles are not the sshd's.
        let console = Spread::seconds(86_400, 86_400);
        world.physics.set_usual(Behaviour { console, ..brisk() });
        let asked = Vec::new();
        let instead = Vec::new();
        let shared = Arc::new(Mutex::new(Shared {
            world,
            now,
            step: STEP,
            asked,
            instead,
        }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let bakery = Self {
            folder: tempfile::tempdir().unwrap(),
            endpoint: format!("http://{}", listener.local_addr().unwrap()),
            sshd: Server::start(),
            shared: shared.clone(),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (head, body) = request_of_bytes(&mut stream);
                if head.contains("smithy-protocol: rpc-v2-cbor") {
                    let (status, headers, body) = shared.lock().unwrap().watched(&head, body);
                    say_bytes(&mut stream, &status, &headers, &body);
                    continue;
                }
                let body = String::from_utf8(body).unwrap();
                let (status, body) = shared.lock().unwrap().answer(&head, body);
                say(&mut stream, &status, &body);
            }
        });
        let key = bakery.sshd.client.private().unwrap();
        write_key(&bakery.folder.path().join("client"), &key);
        bakery
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// Writes `web.json`, whose builder has these options too.
    pub fn template(&self, more: &Value) {
        self.template_of("true", more);
    }

    /// The same, with this for its only command.
    pub fn template_of(&self, command: &str, more: &Value) {
        let mut builder = json!({
            "type": "amazon-ebs", "name": "web", "ami_name": "web-1", "instance_type": "t3.small",
            "region": "eu-central-1",
            "source_ami_filter": {
                "filters": { "name": "debian-12-amd64-*" }, "owners": ["136693071363"], "most_recent": true
            },
            "ssh_username": user(), "ssh_host": "127.0.0.1", "ssh_port": self.sshd.port,
            "ssh_private_key_file": self.folder.path().join("client")
        });
        let options = more.as_object().unwrap().clone();
        builder.as_object_mut().unwrap().extend(options);
        // The machine is this host, where the script of a bake that fails would stay.
        let folder = self.folder.path();
        let shell = json!({ "type": "shell", "inline": [command], "remote_folder": folder });
        let template = json!({ "builders": [builder], "provisioners": [shell] });
        self.write("web.json", &template.to_string());
    }

    /// Runs kiln with no credentials but these of the environment.
    pub fn run(&self, args: &[&str], environment: &[(&str, &str)]) -> Output {
        self.command(env!("CARGO_BIN_EXE_kiln"), args, environment)
            .output()
            .unwrap()
    }

    /// A program in the folder, with the account in its environment.
    pub fn command(&self, program: &str, args: &[&str], environment: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(environment.iter().copied())
            .stdin(Stdio::null());
        command
    }

    /// What was asked for so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.lock().unwrap().asked.clone()
    }

    /// The port at which the account answers.
    pub fn port(&self) -> &str {
        self.endpoint.rsplit(':').next().unwrap()
    }

    /// Has each call move the cloud's clock so far from now on.
    pub fn hurry(&self, step: SignedDuration) {
        self.shared.lock().unwrap().step = step;
    }

    /// From now on answers say this where they would say that: for what the model has none of.
    pub fn say_instead(&self, this: &str, that: &str) {
        let mut shared = self.shared.lock().unwrap();
        shared.instead.push((that.to_owned(), this.to_owned()));
    }

    /// What has been said instead is said no more.
    pub fn say_as_it_is(&self) {
        self.shared.lock().unwrap().instead.clear();
    }

    /// The account's user makes a call, which must succeed.
    pub fn call(&self, body: &str) -> String {
        let mut shared = self.shared.lock().unwrap();
        let (status, answer) = shared.answer("POST / HTTP/1.1", body.to_owned());
        shared.asked.pop();
        assert!(status.starts_with("200"), "{answer}");
        answer
    }
}

impl Shared {
    /// `CloudWatch`, whose bodies are no text: status, headers and body.
    fn watched(&mut self, head: &str, body: Vec<u8>) -> (String, String, Vec<u8>) {
        let mut lines = head.lines();
        let path = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        self.asked.push(Asked {
            action: path.rsplit('/').next().unwrap().to_owned(),
            access_key: String::new(),
            body: String::new(),
        });
        self.now += self.step;
        let http = HttpRequest {
            method: "POST".to_owned(),
            path: path.to_owned(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body,
        };
        let answer = self.world.answer(&http, self.now);
        let headers = answer.headers.iter();
        let headers = headers.map(|(name, value)| format!("{name}: {value}\r\n"));
        (
            format!("{} ?", answer.status),
            headers.collect(),
            answer.body,
        )
    }

    fn answer(&mut self, head: &str, body: String) -> (String, String) {
        let mut lines = head.lines();
        let first = lines.next().unwrap();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let signed = head.split("Credential=").nth(1).unwrap_or_default();
        // The JSON protocols name it in a header, after the service.
        let target = head.split("x-amz-target: ").nth(1);
        let target = target.and_then(|rest| rest.lines().next()?.split('.').nth(1));
        let named = body.split("Action=").nth(1).or(target).unwrap_or_default();
        self.asked.push(Asked {
            action: named.split('&').next().unwrap().to_owned(),
            access_key: signed.split('/').next().unwrap().to_owned(),
            body: body.clone(),
        });
        self.now += self.step;
        let http = HttpRequest {
            method: "POST".to_owned(),
            path: first.split(' ').nth(1).unwrap().to_owned(),
            headers,
            body: body.into_bytes(),
        };
        let answer = self.world.answer(&http, self.now);
        let mut body = String::from_utf8(answer.body).unwrap();
        for (that, this) in &self.instead {
            body = body.replace(that, this);
        }
        (format!("{} ?", answer.status), body)
    }
}

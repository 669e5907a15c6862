//! `kiln bake` itself against moto, with its machine behind a bastion and its keys in an agent.

use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::moto::Moto;
use crate::ssh::proving::Agent;
use crate::ssh::server::{Server, user, write_key};

/// Two servers whose keys an agent holds, and a home that knows the first one's host key.
struct World {
    moto: Moto,
    bastion: Server,
    machine: Server,
    agent: Agent,
}

impl World {
    fn new() -> Self {
        let (bastion, machine) = (Server::start(), Server::start());
        let agent = Agent::start(bastion.folder.path());
        for server in [&bastion, &machine] {
            let key = server.folder.path().join("client");
            write_key(&key, &server.client.private().unwrap());
            agent.add(&key);
        }
        let home = bastion.folder.path();
        fs::create_dir(home.join(".ssh")).unwrap();
        let known = format!("[127.0.0.1]:{} {}\n", bastion.port, bastion.host_key.line());
        fs::write(home.join(".ssh/known_hosts"), known).unwrap();
        Self {
            moto: Moto::start(),
            bastion,
            machine,
            agent,
        }
    }

    /// Bakes with these options beside the usual ones.
    fn bake(&self, more: &Value) -> Output {
        let home = self.bastion.folder.path();
        let mut builder = json!({
            "type": "amazon-ebs", "ami_name": "web-{{uuid}}", "instance_type": "t3.small", "region": "eu-central-1",
            "source_ami_filter": {
                "filters": { "name": "amzn-ami-hvm-2017*-x86_64-gp2" },
                "owners": ["amazon"], "most_recent": true
            },
            "ssh_username": user(), "ssh_host": "127.0.0.1", "ssh_port": self.machine.port,
            "ssh_agent_auth": true, "ssh_timeout": "20s"
        });
        builder
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let template = json!({
            "builders": [builder],
            "provisioners": [{ "type": "shell", "inline": ["touch $HOME/was-here"] }]
        });
        fs::write(home.join("web.json"), template.to_string()).unwrap();
        Command::new(env!("CARGO_BIN_EXE_kiln"))
            .args(["bake", "web.json"])
            .current_dir(home)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", home)
            .env("SSH_AUTH_SOCK", &self.agent.socket)
            .env("AWS_ENDPOINT_URL", &self.moto.endpoint)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .output()
            .unwrap()
    }
}

fn text(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

#[test]
fn a_machine_behind_a_bastion_is_baked_with_an_agents_keys() {
    let world = World::new();
    let through = json!({
        "ssh_bastion_host": "127.0.0.1", "ssh_bastion_port": world.bastion.port,
        "ssh_bastion_username": user(), "ssh_bastion_agent_auth": true, "pause_before_connecting": "10ms"
    });
    let out = world.bake(&through);
    assert!(out.status.success(), "{}", text(&out));
    assert!(
        String::from_utf8_lossy(&out.stdout)
            .trim()
            .starts_with("ami-")
    );
    assert!(world.machine.folder.path().join("was-here").exists());

    fs::write(world.bastion.folder.path().join(".ssh/known_hosts"), "").unwrap();
    let out = world.bake(&through);
    assert_eq!(out.status.code(), Some(1), "{}", text(&out));
    let said = text(&out).replace('\n', " ");
    assert!(
        said.contains(&world.bastion.host_key.fingerprint()),
        "{said}"
    );
    assert!(said.contains("known_hosts"), "{said}");
}

#[test]
fn attempts_end_the_wait_for_a_login_that_is_refused() {
    let world = World::new();
    fs::write(world.machine.folder.path().join("authorized"), "").unwrap();
    let out = world.bake(&json!({ "ssh_handshake_attempts": 2, "ssh_timeout": "5m" }));
    assert_eq!(out.status.code(), Some(1), "{}", text(&out));
    assert!(text(&out).contains("refused 2 times"), "{}", text(&out));
}

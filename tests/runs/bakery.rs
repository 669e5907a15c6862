//! `kiln` in a folder of its own, with moto for the cloud and an sshd of our own for the machine that moto does not have.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ssh::server::{Server, user, write_key};
use crate::wire::moto::Moto;

pub struct Bakery {
    pub folder: TempDir,
    pub moto: Moto,
    pub sshd: Server,
}

impl Bakery {
    pub fn open() -> Self {
        let bakery = Self {
            folder: tempfile::tempdir().unwrap(),
            moto: Moto::start(),
            sshd: Server::start(),
        };
        let key = bakery.sshd.client.private().unwrap();
        write_key(&bakery.folder.path().join("client"), &key);
        bakery
    }

    /// A builder that this host's sshd takes for its machine.
    pub fn builder(&self, name: &str) -> Value {
        json!({
            "type": "amazon-ebs", "name": name, "ami_name": format!("{name}-{{{{timestamp}}}}"),
            "instance_type": "t3.small",
            "source_ami_filter": {
                "filters": { "name": "amzn-ami-hvm-2017*-x86_64-gp2" }, "owners": ["amazon"], "most_recent": true
            },
            "ssh_username": user(), "ssh_host": "127.0.0.1", "ssh_port": self.sshd.port,
            "ssh_private_key_file": self.folder.path().join("client")
        })
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// A template of these builders that runs `line` on each machine. The machine is this host, where the script of a bake
    /// that fails would stay: it is put into the folder.
    pub fn template(&self, file: &str, builders: &[Value], line: &str) {
        let folder = self.folder.path();
        let shell = json!({ "type": "shell", "inline": [line], "remote_folder": folder });
        let template = json!({ "builders": builders, "provisioners": [shell] });
        self.write(file, &template.to_string());
    }

    pub fn kiln(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("AWS_ENDPOINT_URL", &self.moto.endpoint)
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.kiln(args).output().unwrap()
    }

    /// The ids of what a run needs only for its time: machines, security groups, key pairs.
    pub fn scratch(&self) -> Vec<String> {
        let ours = "Filter.1.Name=tag-key&Filter.1.Value.1=kiln:run";
        let mut states = format!("{ours}&Filter.2.Name=instance-state-name");
        for (at, state) in ["pending", "running", "stopping", "stopped"]
            .iter()
            .enumerate()
        {
            write!(states, "&Filter.2.Value.{}={state}", at + 1).unwrap();
        }
        let mut ids = self
            .moto
            .ec2(&format!("DescribeInstances&{states}"), "instanceId");
        for (call, element) in [
            ("DescribeSecurityGroups", "groupId"),
            ("DescribeKeyPairs", "keyPairId"),
        ] {
            ids.extend(self.moto.ec2(&format!("{call}&{ours}"), element));
        }
        ids
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// A result document, held against the schema of docs/.
    pub fn document(&self, name: &str) -> Value {
        let document = serde_json::from_str(&self.read(name)).unwrap();
        super::result::valid(&document);
        document
    }
}

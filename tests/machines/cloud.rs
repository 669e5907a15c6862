//! A local cloud for one test, with a name, a network and a port of its own, and `kiln` in a folder of its own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use kiln::aws::{Access, Aws, Keys};
use kiln::cloud::{Filter, ImageQuery, Images, InstanceState, Instances, Keys as _, Network};
use tempfile::TempDir;

const KILN: &str = env!("CARGO_BIN_EXE_kiln");

pub struct LocalCloud {
    name: &'static str,
    variables: BTreeMap<String, String>,
    pub folder: TempDir,
    /// Machines of two tests at once on two cores would be slow for both. It ends with the file.
    _alone: File,
}

impl LocalCloud {
    /// Brings one up. Name, second byte of the network and port must be no other test's.
    pub fn up(name: &'static str, network: u8, port: u16) -> Self {
        Self::at_pace("0,0,0", name, network, port)
    }

    /// The same, and machines take at least so many seconds to run, to stop, and to become an image.
    pub fn at_pace(pace: &str, name: &'static str, network: u8, port: u16) -> Self {
        let alone = File::create("/run/lock/kiln-machine-tests").unwrap();
        alone.lock().unwrap();
        let range = format!("10.{network}.0.1/16");
        let port = port.to_string();
        let up = Command::new(KILN)
            .args([
                "local", "up", "--name", name, "--range", &range, "--port", &port, "--pace", pace,
            ])
            .output()
            .unwrap();
        let text = String::from_utf8(up.stdout).unwrap();
        let error = String::from_utf8_lossy(&up.stderr);
        assert!(up.status.success(), "no local cloud: {error}");
        let exports = text.lines().filter_map(|line| line.strip_prefix("export "));
        let variables = exports
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        Self {
            name,
            variables,
            folder: tempfile::tempdir().unwrap(),
            _alone: alone,
        }
    }

    /// kiln in the folder, with the cloud's variables.
    pub fn kiln(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(KILN);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .envs(&self.variables)
            .stdin(Stdio::null());
        command
    }

    /// Runs kiln to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.kiln(arguments).output().unwrap()
    }

    /// Begins kiln and returns once its log has a line with `text`.
    pub fn until(&self, arguments: &[&str], text: &str) -> Child {
        let mut kiln = self
            .kiln(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(kiln.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let reached = lines.any(|line| {
            said.push(line.unwrap());
            said.last().is_some_and(|line| line.contains(text))
        });
        assert!(reached, "it ended before {text:?}:\n{}", said.join("\n"));
        // Else it blocks once its log fills the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        kiln
    }

    /// What `up` exported.
    pub fn variable(&self, name: &str) -> &str {
        &self.variables[name]
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(Path::new(self.folder.path()).join(name), text).unwrap();
    }

    /// What `down` should have removed and did not.
    fn leftovers(&self) -> String {
        let left = Command::new(KILN)
            .args(["local", "leftovers", "--name", self.name])
            .output()
            .unwrap();
        assert!(left.status.success());
        String::from_utf8(left.stdout).unwrap().trim().to_owned()
    }

    pub async fn aws(&self) -> Aws {
        self.aws_in(&self.variables["AWS_REGION"]).await
    }

    pub async fn aws_in(&self, region: &str) -> Aws {
        let access = Access {
            region: Some(region.to_owned()),
            ec2_endpoint: Some(self.variables["AWS_ENDPOINT_URL"].clone()),
            keys: Some(Keys {
                access_key: "kiln".to_owned(),
                secret_key: "kiln".to_owned(),
                token: None,
            }),
            ..Access::default()
        };
        Aws::connect(&access).await.unwrap()
    }

    /// What there is beside what the cloud came with.
    pub async fn things(&self) -> Vec<String> {
        let aws = self.aws().await;
        let mut found = Vec::new();
        let instances = aws.find_instances(&[]).await.unwrap().into_iter();
        let alive = instances.filter(|one| one.state != InstanceState::Terminated);
        found.extend(alive.map(|instance| instance.id.to_string()));
        let volumes = aws.find_volumes(&[]).await.unwrap();
        found.extend(volumes.iter().map(ToString::to_string));
        let ours = [Filter::new("group-name", "kiln-*")];
        let groups = aws.find_security_groups(&ours).await.unwrap();
        found.extend(groups.iter().map(ToString::to_string));
        let keys = aws.find_key_pairs(&[]).await.unwrap();
        found.extend(keys.iter().map(ToString::to_string));
        let images = aws.find_images(&ImageQuery::own(Vec::new())).await.unwrap();
        found.extend(images.iter().map(|image| image.id.to_string()));
        let snapshots = aws.find_snapshots(&[]).await.unwrap();
        found.extend(snapshots.iter().map(ToString::to_string));
        found
    }
}

impl Drop for LocalCloud {
    fn drop(&mut self) {
        let down = Command::new(KILN)
            .args(["local", "down", "--name", self.name])
            .output()
            .unwrap();
        if !std::thread::panicking() {
            let error = String::from_utf8_lossy(&down.stderr);
            assert!(down.status.success(), "{error}");
            assert_eq!(self.leftovers(), "");
        }
    }
}

/// Ends a process without asking it.
pub fn kill(mut process: Child) {
    process.kill().unwrap();
    process.wait().unwrap();
}

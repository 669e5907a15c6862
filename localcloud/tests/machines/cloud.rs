//! A cloud of this test's own: what stands in for the model, the way into a machine, and what is left afterwards.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use localcloud::machines::{self, Machines, base};
use localcloud::model::{Boot, Fact, Metadata};
use localcloud::network::{self, Network};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;

const PREFIX: &str = "kilntest";
/// Six machines at once boot in a quarter of a minute; a host that does other work too takes several times as long.
const PATIENCE: Duration = Duration::from_mins(4);

pub fn network_config() -> network::Config {
    network::Config {
        prefix: PREFIX.to_owned(),
        router: Ipv4Addr::new(10, 213, 0, 1),
        ..network::Config::default()
    }
}

pub fn config() -> machines::Config {
    machines::Config {
        prefix: PREFIX.to_owned(),
        state: PathBuf::from("/var/lib/kiln-local/test"),
        ..machines::Config::default()
    }
}

/// The machines, what they told, and a key that logs in to them.
pub struct Cloud {
    pub machines: Machines,
    pub network: Arc<Network>,
    facts: UnboundedReceiver<Fact>,
    keys: tempfile::TempDir,
}

impl Cloud {
    /// Comes up with the base image as `ami-base` (user `admin`).
    pub async fn up() -> Self {
        Self::up_with(config()).await
    }

    pub async fn up_with(config: machines::Config) -> Self {
        let base = base::ensure(Path::new("/var/lib/kiln-local"), &mut |line| {
            println!("base: {line}");
        })
        .await;
        let base = base.unwrap();
        let network = Arc::new(Network::up(&network_config()).await.unwrap());
        let (sender, facts) = unbounded_channel();
        let machines = Machines::start_up(config, Arc::clone(&network), sender)
            .await
            .unwrap();
        machines.publish("ami-base", &base, "admin").unwrap();
        machines.publish("ami-ubuntu", &base, "ubuntu").unwrap();
        let keys = tempfile::tempdir().unwrap();
        let path = keys.path().join("key");
        run(
            "ssh-keygen",
            &[
                "-q",
                "-t",
                "ed25519",
                "-N",
                "",
                "-f",
                path.to_str().unwrap(),
            ],
        )
        .await;
        Self {
            machines,
            network,
            facts,
            keys,
        }
    }

    /// Goes down and checks that the machines left no trace.
    pub async fn down(self) {
        self.machines.shut_down().await.unwrap();
        Arc::into_inner(self.network).unwrap().down().await.unwrap();
        assert_eq!(left(), Vec::<String>::new());
    }

    pub fn public_key(&self) -> String {
        std::fs::read_to_string(self.keys.path().join("key.pub"))
            .unwrap()
            .trim()
            .to_owned()
    }

    /// What a launch of this image looks like; `number` makes its id and address.
    pub fn launch(&self, image: &str, number: u8) -> Boot {
        let address = Ipv4Addr::new(10, 213, 1, number);
        Boot {
            instance: format!("i-{number:017x}"),
            image: image.to_owned(),
            address,
            hostname: format!("ip-10-213-1-{number}"),
            public_keys: vec![self.public_key()],
            user_data: None,
            metadata: Metadata {
                enabled: true,
                ..Metadata::default()
            },
        }
    }

    /// The next fact but consoles.
    pub async fn next(&mut self) -> Fact {
        loop {
            let fact = tokio::time::timeout(PATIENCE, self.facts.recv())
                .await
                .expect("a fact in time")
                .unwrap();
            if !matches!(fact, Fact::Console { .. }) {
                return fact;
            }
        }
    }

    /// Waits until a machine's console has this text, and returns the console. What was printed before anyone waited
    /// counts: its fact may have passed while another machine's was awaited.
    pub async fn printed(&mut self, boot: &Boot, wanted: &str) -> String {
        let so_far = self.machines.console(&boot.instance);
        if let Some(text) = so_far.filter(|text| text.contains(wanted)) {
            return text;
        }
        let waiting = async {
            loop {
                match self.facts.recv().await.unwrap() {
                    Fact::Console { instance, text }
                        if instance == boot.instance && text.contains(wanted) =>
                    {
                        return text;
                    }
                    Fact::BootFailed { instance, reason } if instance == boot.instance => {
                        panic!("{reason}")
                    }
                    _ => {}
                }
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(text) => text,
            Err(tokio::time::error::Elapsed { .. }) => panic!(
                "no `{wanted}` on the console: {:?}",
                self.machines.console(&boot.instance)
            ),
        }
    }

    /// Boots a machine, waits until cloud-init is done, prints how long that took.
    pub async fn booted(&mut self, boot: &Boot) -> Login {
        let begun = Instant::now();
        self.machines.boot(boot.clone());
        until_open(boot.address).await;
        let open = begun.elapsed();
        let console = self.printed(boot, " finished at ").await;
        println!(
            "{} from {}: SSH after {open:.1?}, boot finished after {:.1?}",
            boot.instance,
            boot.image,
            begun.elapsed()
        );
        self.login(boot, &console, "admin")
    }

    /// The way into a machine whose host keys are those that its console shows.
    pub fn login(&self, boot: &Boot, console: &str, user: &str) -> Login {
        let keys = host_keys(console);
        assert!(!keys.is_empty(), "no host keys on the console: {console}");
        let known_hosts = self.keys.path().join(format!("known-{}", boot.instance));
        let lines: Vec<String> = keys
            .iter()
            .map(|key| format!("{} {key}\n", boot.address))
            .collect();
        std::fs::write(&known_hosts, lines.concat()).unwrap();
        Login {
            target: format!("{user}@{}", boot.address),
            key: self.keys.path().join("key"),
            known_hosts,
            host_keys: keys,
        }
    }
}

/// SSH into one machine, host key checked.
pub struct Login {
    target: String,
    key: PathBuf,
    known_hosts: PathBuf,
    pub host_keys: Vec<String>,
}

impl Login {
    /// Runs a command in the machine; fails the test when it fails there.
    pub async fn run(&self, command: &str) -> String {
        let (good, said) = self.try_run(command).await;
        assert!(good, "`{command}` failed: {said}");
        said.trim().to_owned()
    }

    /// Runs a command in the machine; returns whether it went well and all that it printed.
    pub async fn try_run(&self, command: &str) -> (bool, String) {
        let output = tokio::process::Command::new("ssh")
            .args([
                "-F",
                "none",
                "-o",
                "BatchMode=yes",
                "-o",
                "StrictHostKeyChecking=yes",
                "-o",
                "ConnectTimeout=10",
            ])
            .args([
                "-o",
                &format!("UserKnownHostsFile={}", self.known_hosts.display()),
                "-i",
            ])
            .arg(&self.key)
            .args([&self.target, command])
            .stdin(std::process::Stdio::null())
            .output()
            .await
            .unwrap();
        let both = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&both).into_owned(),
        )
    }
}

/// Waits until the machine's SSH port answers.
pub async fn until_open(address: Ipv4Addr) {
    let trying = async {
        while tokio::net::TcpStream::connect(SocketAddr::from((address, 22)))
            .await
            .is_err()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, trying)
        .await
        .expect("SSH in time");
}

/// The keys between the markers that cloud-init prints, without their comments.
fn host_keys(console: &str) -> Vec<String> {
    let Some((_, newest)) = console.rsplit_once("-----BEGIN SSH HOST KEY KEYS-----") else {
        return Vec::new();
    };
    let block = newest
        .split("-----END SSH HOST KEY KEYS-----")
        .next()
        .unwrap_or_default();
    let words = block
        .lines()
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "));
    words.filter(|line| line.contains(' ')).collect()
}

pub async fn run(program: &str, arguments: &[&str]) -> String {
    localcloud::command::run(program, arguments).await.unwrap()
}

/// All that carries the prefix on this host: processes, mounts, interfaces, tables, names and folders.
pub fn left() -> Vec<String> {
    let mut left = Vec::new();
    let mut note = |kind: &str, found: String| left.push(format!("{kind}: {found}"));
    for line in read_lines("/proc/self/mountinfo").filter(|line| line.contains("kiln-local/test")) {
        note("mount", line);
    }
    for folder in [
        "/run",
        "/sys/class/net",
        "/run/netns",
        "/run/systemd/nspawn/locks",
        "/var/lib/kiln-local",
    ] {
        for name in
            names(Path::new(folder)).filter(|name| name.starts_with(PREFIX) || name == "test")
        {
            note(folder, name);
        }
    }
    for hierarchy in names(Path::new("/sys/fs/cgroup"))
        .map(|name| format!("/sys/fs/cgroup/{name}"))
        .chain(["/sys/fs/cgroup".to_owned()])
    {
        for name in names(Path::new(&hierarchy)).filter(|name| name.starts_with(PREFIX)) {
            note(&hierarchy, name);
        }
    }
    let tables = std::process::Command::new("nft")
        .args(["list", "tables"])
        .output()
        .unwrap();
    for line in String::from_utf8_lossy(&tables.stdout)
        .lines()
        .filter(|line| line.contains(PREFIX))
    {
        note("nft", line.to_owned());
    }
    for process in names(Path::new("/proc")).filter(|name| name.parse::<u32>().is_ok()) {
        let command =
            std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
        if command.contains(&format!("--machine={PREFIX}")) {
            note("process", command.replace('\0', " "));
        }
    }
    left
}

fn read_lines(path: &str) -> impl Iterator<Item = String> {
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect::<Vec<_>>()
        .into_iter()
}

fn names(folder: &Path) -> impl Iterator<Item = String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}

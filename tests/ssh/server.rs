//! An sshd of our own: its port, keys and user are ours, and it ends with its handle.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kiln::ssh::keys::{self, KeyPair};
use kiln::ssh::{Auth, HostKey, HostKeys, Known, Session, Target, connect};
use tempfile::TempDir;

const SSHD: &str = "/usr/sbin/sshd";

pub struct Server {
    pub port: u16,
    pub client: KeyPair,
    pub host_key: HostKey,
    pub folder: TempDir,
    process: Child,
}

impl Server {
    /// Starts one that lets the user of the tests in with `client`'s key.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// With further lines of configuration, which count for more than the usual ones.
    pub fn start_with(more: &str) -> Self {
        assert!(
            Path::new(SSHD).exists(),
            "{SSHD} is missing: `make deps` installs openssh-server"
        );
        // Its unprivileged half lives in an empty folder, which systemd would have made.
        if user() == "root" {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let folder = tempfile::Builder::new()
            .prefix("kiln-sshd-")
            .tempdir()
            .unwrap();
        let (client, host) = (
            keys::generate("client").unwrap(),
            keys::generate("host").unwrap(),
        );
        write_key(&folder.path().join("host"), &host.private().unwrap());
        spare(folder.path());
        fs::write(folder.path().join("authorized"), client.public()).unwrap();
        let (process, port) = spawn(folder.path(), more);
        Self {
            port,
            client,
            host_key: HostKey::parse(host.public()).unwrap(),
            folder,
            process,
        }
    }

    /// Where it is, with its key known.
    pub fn target(&self) -> Target {
        let auth = Auth::Memory {
            private_key: self.client.private().unwrap(),
        };
        let known = HostKeys::Known(vec![Known::Key(self.host_key.clone())]);
        let mut target = Target::new("127.0.0.1", self.port, user(), auth, known);
        target.handshake_timeout = Duration::from_secs(10);
        target
    }

    pub async fn connect(&self) -> Session {
        connect(self.target()).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// The user of the tests.
pub fn user() -> String {
    let out = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

pub fn write_key(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// The machine of a test is this host: a bake that empties the machine's id must not empty the id of whoever runs the tests.
fn spare(folder: &Path) {
    let script = format!(
        "#!/bin/sh\nname=${{0##*/}}\ncase \"$*\" in *machine-id) echo \"$name $*\" >> {}/spared; exit 0;; esac\n\
         PATH=${{PATH#*:}}; exec \"$name\" \"$@\"\n",
        folder.display()
    );
    fs::create_dir(folder.join("spare")).unwrap();
    for name in ["truncate", "rm", "sudo"] {
        let path = folder.join("spare").join(name);
        fs::write(&path, &script).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// Starts sshd on a free port and waits until it says that it listens; another port when somebody was quicker.
fn spawn(folder: &Path, more: &str) -> (Child, u16) {
    for _ in 0..20 {
        let port = free_port();
        // A home without the user's own start-up files, which may say or do anything.
        let config = format!(
            "{more}\nPort {port}\nListenAddress 127.0.0.1\nHostKey {0}/host\nAuthorizedKeysFile {0}/authorized\n\
             StrictModes no\nSetEnv HOME={0} PATH={0}/spare:{1}\nPidFile none\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n",
            folder.display(),
            std::env::var_os("PATH").unwrap().display()
        );
        fs::write(folder.join("config"), config).unwrap();
        let mut process = Command::new(SSHD)
            .args(["-D", "-e", "-f"])
            .arg(folder.join("config"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stderr.take().unwrap()).lines();
        let listens = said
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line.contains("Server listening"));
        if listens {
            std::thread::spawn(move || said.for_each(drop));
            return (process, port);
        }
        process.wait().unwrap();
    }
    panic!("sshd does not start: try `{SSHD} -t -f` with the configuration above");
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

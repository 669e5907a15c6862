//! An sshd of the test's own, for clients that want to log in to what they launched.

use std::{
    fmt::Write as _,
    fs,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command},
    time::Duration,
};
use tempfile::TempDir;

pub struct Sshd {
    pub port: u16,
    folder: TempDir,
    child: Child,
}

impl Sshd {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("host_key");
        let keygen = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&key)
            .status();
        assert!(keygen.unwrap().success(), "ssh-keygen is needed");
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let config = folder.path().join("sshd_config");
        let mut text = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {}\n",
            key.display()
        );
        writeln!(
            text,
            "AuthorizedKeysFile {}",
            folder.path().join("authorized_keys").display()
        )
        .unwrap();
        text.push_str("StrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n");
        fs::write(&config, text).unwrap();
        // sshd drops its privileges into this folder when it is root.
        fs::create_dir_all("/run/sshd").ok();
        let child = Command::new("/usr/sbin/sshd")
            .arg("-D")
            .arg("-e")
            .arg("-f")
            .arg(config)
            .spawn()
            .expect("sshd is needed");
        let sshd = Self {
            port,
            folder,
            child,
        };
        sshd.until_up();
        sshd
    }

    /// The file whose keys may log in.
    pub fn authorized_keys(&self) -> PathBuf {
        self.folder.path().join("authorized_keys")
    }

    fn until_up(&self) {
        let address = ([127, 0, 0, 1], self.port).into();
        // Each refused connection comes back at once; the bound is far beyond what sshd takes.
        for _ in 0..200_000 {
            if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
                return;
            }
            std::thread::yield_now();
        }
        panic!("sshd did not come up");
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

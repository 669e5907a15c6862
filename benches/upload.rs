//! Uploads against OpenSSH's own, to an sshd on loopback: one file of 512 MiB against `ssh cat`, 10,000 files of 2 kB against
//! `tar | ssh`. Pairs run in turn on the same machine; the ratio of the medians is what counts (issue: at most 1.1 and 1.0).
//!
//! `cargo bench --bench upload -- [ROUNDS]` prints one line a row: what, kiln's median, OpenSSH's median, their ratio.

#![expect(clippy::panic, reason = "the tests' server does")]
#![expect(clippy::print_stdout, reason = "its table is what it is for")]
#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot run has nothing to say"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "it measures by the clock of the wall"
)]

#[path = "../tests/ssh/server.rs"]
mod server;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kiln::ssh::{Remote, Silent, Stdin, Tree};
use server::{Server, user, write_key};

const ROUNDS: usize = 5;
const MIB: usize = 1024 * 1024;
const BIG: usize = 512;
const FILES: usize = 10_000;
const SMALL: usize = 2_000;

struct Bench {
    server: Server,
    runtime: tokio::runtime::Runtime,
    file: PathBuf,
    tree: PathBuf,
}

fn main() {
    let rounds = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let rounds = rounds.unwrap_or(ROUNDS);
    let bench = Bench::new();
    bench.row(
        "upload 512 MiB",
        "ssh cat",
        rounds,
        Bench::kiln_file,
        Bench::ssh_file,
    );
    bench.row(
        "upload 10,000 files of 2 kB",
        "tar | ssh",
        rounds,
        Bench::kiln_tree,
        Bench::ssh_tree,
    );
}

impl Bench {
    fn new() -> Self {
        let server = Server::start();
        write_key(
            &server.folder.path().join("key"),
            &server.client.private().unwrap(),
        );
        let (file, tree) = (
            server.folder.path().join("big"),
            server.folder.path().join("tree"),
        );
        let mut block = vec![0_u8; MIB];
        let mut state = 1_u64;
        for byte in &mut block {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            *byte = state.to_be_bytes()[0];
        }
        let mut out = File::create(&file).unwrap();
        for _ in 0..BIG {
            out.write_all(&block).unwrap();
        }
        for number in 0..FILES {
            let folder = tree.join(format!("{}", number / 100));
            fs::create_dir_all(&folder).unwrap();
            fs::write(
                folder.join(format!("{number}")),
                &block[number..number + SMALL],
            )
            .unwrap();
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        Self {
            server,
            runtime,
            file,
            tree,
        }
    }

    /// Runs both in turn, after one round that does not count, and prints the medians.
    fn row(
        &self,
        what: &str,
        peer: &str,
        rounds: usize,
        ours: fn(&Self, &Path),
        theirs: fn(&Self, &Path),
    ) {
        let (mut kiln, mut ssh) = (Vec::new(), Vec::new());
        for round in 0..=rounds {
            let times = (self.time(ours), self.time(theirs));
            if round > 0 {
                kiln.push(times.0);
                ssh.push(times.1);
            }
        }
        let (kiln, ssh) = (median(kiln), median(ssh));
        println!(
            "{what}: kiln {:.3} s, {peer} {:.3} s, ratio {:.2}",
            kiln.as_secs_f64(),
            ssh.as_secs_f64(),
            kiln.as_secs_f64() / ssh.as_secs_f64()
        );
    }

    fn time(&self, upload: fn(&Self, &Path)) -> Duration {
        let to = self.server.folder.path().join("to");
        let began = Instant::now();
        upload(self, &to);
        let took = began.elapsed();
        self.expect_arrived(&to);
        // What one upload leaves to be written out is not the next one's to wait for.
        assert!(
            Command::new("sync")
                .arg("-f")
                .arg(self.server.folder.path())
                .status()
                .unwrap()
                .success()
        );
        took
    }

    fn expect_arrived(&self, to: &Path) {
        if to.is_dir() {
            let same = Command::new("diff")
                .arg("-rq")
                .args([&self.tree, to])
                .status()
                .unwrap();
            assert!(same.success());
            fs::remove_dir_all(to).unwrap();
        } else {
            assert_eq!(fs::metadata(to).unwrap().len(), (BIG * MIB) as u64);
            fs::remove_file(to).unwrap();
        }
    }

    fn kiln_file(&self, to: &Path) {
        self.runtime.block_on(async {
            let session = self.server.connect().await;
            let content = Stdin::file(&self.file).unwrap();
            session
                .upload(content, to.to_str().unwrap(), 0o644, &mut Silent)
                .await
                .unwrap();
            session.close().await;
        });
    }

    fn kiln_tree(&self, to: &Path) {
        self.runtime.block_on(async {
            let session = self.server.connect().await;
            let tree = Tree::read(&self.tree).unwrap();
            session
                .upload_tree(&tree, to.to_str().unwrap(), false, &mut Silent)
                .await
                .unwrap();
            session.close().await;
        });
    }

    fn ssh(&self) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.args([
            "-F",
            "none",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
        ])
        .args([
            "-o",
            "LogLevel=ERROR",
            "-o",
            "IdentityAgent=none",
            "-p",
            &self.server.port.to_string(),
            "-i",
        ])
        .arg(self.server.folder.path().join("key"))
        .arg(format!("{}@127.0.0.1", user()));
        ssh
    }

    fn ssh_file(&self, to: &Path) {
        let from = File::open(&self.file).unwrap();
        let status = self
            .ssh()
            .arg(format!("cat > {}", to.display()))
            .stdin(from)
            .status();
        assert!(status.unwrap().success());
    }

    fn ssh_tree(&self, to: &Path) {
        let mut tar = Command::new("tar");
        tar.args(["-cf", "-", "-C"])
            .arg(&self.tree)
            .arg(".")
            .stdout(Stdio::piped());
        let mut tar = tar.spawn().unwrap();
        let command = format!("mkdir -p {0} && tar -xpf - -C {0}", to.display());
        let status = self
            .ssh()
            .arg(command)
            .stdin(tar.stdout.take().unwrap())
            .status();
        assert!(status.unwrap().success() && tar.wait().unwrap().success());
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

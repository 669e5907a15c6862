//! Real machines: booted, logged in to, frozen, restarted, killed. They need root, the tools of `make deps` and a way to
//! Debian's mirror; without these they fail and say why.
//!
//! Each test starts this binary again as the init of its own namespaces (`supervised`), as `kiln local` runs. They use a
//! prefix and a range of their own, so that a cloud that is up on this host stays as it is.

mod base;
mod cloud;
mod image;
mod kill;
mod life;
mod metadata;
mod network;
mod roots;
mod several;

use std::fs::File;
use std::process::{Command, Stdio};

/// One cloud of this prefix at a time on the host; the lock ends with the file.
fn alone() -> File {
    let file = File::create("/run/lock/kiln-machine-tests").unwrap();
    file.lock().unwrap();
    file
}

/// The command that runs a test of this binary as the init of its own mount and pid namespaces; `more` makes further
/// ones.
fn as_init(more: &[&str], test: &str) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(more)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .stdin(Stdio::null());
    command
}

fn is_init() -> bool {
    std::process::id() == 1
}

/// Runs the body of the test of this name in a process like that of `kiln local`, and checks that nothing is left.
fn supervised(test: &str, body: impl Future<Output = ()>) {
    if is_init() {
        return block_on(body);
    }
    check_host();
    let _alone = alone();
    run_inside(as_init(&[], test));
    assert_eq!(cloud::left(), Vec::<String>::new());
}

fn run_inside(mut command: Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        said.contains("1 passed"),
        "the test did not run inside: {said}"
    );
}

fn check_host() {
    if let Some(sentence) = localcloud::machines::host::missing() {
        panic!("machine tests cannot run here: {sentence}");
    }
}

fn block_on(body: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(body);
}

//! One run of a machine: systemd-nspawn with the machine's init in it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use tokio::process::{Child, ChildStdout, Command};

use super::cgroup::Cgroup;
use super::seed;
use crate::command::{self, run};

/// What a container's init ends with when it wants to be started again (systemd-nspawn(1), "Exit status").
const REBOOT: i32 = 133;

/// Signals of systemd's manager as init (systemd(1), "Signals"): 34 is the C library's first real-time signal.
const POWER_OFF: &str = "-38";
const RESTART: &str = "-39";

/// Enters the control groups named before `--`, then becomes what stands after it.
const ENTER: &str =
    r#"while [ "$1" != -- ]; do echo 0 > "$1" || exit 1; shift; done; shift; exec "$@""#;

/// Source of the mounts that are this process's own.
const OWN_MOUNT: &str = "local-cloud";

/// What a run needs.
pub(super) struct Launch<'a> {
    /// The machine's name on the host.
    pub(super) name: &'a str,
    pub(super) hostname: &'a str,
    pub(super) root: &'a Path,
    pub(super) seed: &'a Path,
    /// Name of the network namespace.
    pub(super) namespace: &'a str,
    pub(super) cgroup: &'a Cgroup,
    /// File for what nspawn itself complains about.
    pub(super) complaints: &'a Path,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The machine wants to start again.
    Reboot,
    Rest,
}

/// A running container.
#[derive(Debug)]
pub(super) struct Container {
    child: Child,
    complaints: PathBuf,
}

impl Container {
    /// Starts one; returns it with the console that it writes to.
    pub(super) fn start(launch: &Launch<'_>) -> io::Result<(Self, Option<ChildStdout>)> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", ENTER, "sh"])
            .args(launch.cgroup.entrances())
            .arg("--")
            .args(nspawn(launch))
            // A console of this kind gets neither colours nor cursor movements.
            .env("TERM", "dumb")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(launch.complaints)?)
            .kill_on_drop(true)
            .spawn()?;
        let console = child.stdout.take();
        Ok((
            Self {
                child,
                complaints: launch.complaints.to_owned(),
            },
            console,
        ))
    }

    /// Waits until the run ends; may be dropped and called again.
    pub(super) async fn wait(&mut self) -> io::Result<End> {
        self.child.wait().await.map(end)
    }

    /// Asks the machine's init to shut down; to be asked again while it does not, since an init that has just begun
    /// does not listen yet.
    pub(super) async fn power_off(&self) {
        self.signal_init(POWER_OFF).await;
    }

    pub(super) async fn restart(&self) {
        self.signal_init(RESTART).await;
    }

    async fn signal_init(&self, signal: &str) {
        let Some(init) = self.child.id().and_then(init_of) else {
            return;
        };
        if let Err(error) = run("kill", &[signal, &init]).await {
            tracing::debug!(%error, "the machine's init is gone already");
        }
    }

    /// Kills what is left of it, at once.
    pub(super) fn kill(&mut self, cgroup: &Cgroup) {
        let killed = cgroup.kill().and_then(|done| {
            if done {
                Ok(())
            } else {
                self.child.start_kill()
            }
        });
        if let Err(error) = killed {
            tracing::warn!(%error, "a machine could not be killed");
        }
    }

    /// What nspawn itself had to say.
    pub(super) fn complaint(&self) -> String {
        let text = std::fs::read_to_string(&self.complaints).unwrap_or_default();
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        lines[lines.len().saturating_sub(3)..].join("; ")
    }
}

fn end(status: ExitStatus) -> End {
    if status.code() == Some(REBOOT) {
        End::Reboot
    } else {
        End::Rest
    }
}

/// nspawn's only child is the machine's init.
fn init_of(nspawn: u32) -> Option<String> {
    let children =
        std::fs::read_to_string(format!("/proc/{nspawn}/task/{nspawn}/children")).ok()?;
    children.split_whitespace().next().map(str::to_owned)
}

fn nspawn(launch: &Launch<'_>) -> Vec<String> {
    let mut words: Vec<String> = [
        "systemd-nspawn",
        "--quiet",
        "--boot",
        "--keep-unit",
        "--register=no",
        "--settings=no",
    ]
    .map(str::to_owned)
    .to_vec();
    words.extend(
        [
            "--console=read-only",
            "--link-journal=no",
            "--resolv-conf=off",
            "--timezone=off",
        ]
        .map(str::to_owned),
    );
    words.extend([
        format!("--directory={}", launch.root.display()),
        format!("--machine={}", launch.name),
        format!(
            "--hostname={}",
            launch.hostname.split('.').next().unwrap_or_default()
        ),
        format!("--network-namespace-path=/run/netns/{}", launch.namespace),
        format!("--bind-ro={}:{}", launch.seed.display(), seed::PLACE),
    ]);
    words
}

/// Gives this process's mount namespace its own places for the names of namespaces and for nspawn's locks, so that
/// they end with it. To be called by the init of its own namespaces only.
pub(super) async fn keep_names_private() -> Result<(), command::Error> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    for folder in ["/run/netns", "/run/systemd/nspawn"] {
        if mounts
            .lines()
            .any(|line| line.starts_with(&format!("{OWN_MOUNT} {folder} ")))
        {
            continue;
        }
        run("mkdir", &["-p", folder]).await?;
        run(
            "mount",
            &["-t", "tmpfs", "-o", "mode=755", OWN_MOUNT, folder],
        )
        .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn only_133_is_a_reboot() {
        assert_eq!(end(ExitStatus::from_raw(133 << 8)), End::Reboot);
        assert_eq!(end(ExitStatus::from_raw(0)), End::Rest);
        assert_eq!(end(ExitStatus::from_raw(9)), End::Rest);
    }
}

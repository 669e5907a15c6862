//! Ends the local cloud and removes what it leaves, also when its processes were killed.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use crate::{command, machines, network};

use super::control::{self, Command};
use super::{Config, Error, lock};

/// How long the supervisor may take to end in order; it gives up itself before this.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the kernel may take to end what was killed.
const DEATH: Duration = Duration::from_secs(10);

/// Takes the cloud down; returns false when it was not up. What a dead one left is removed in any case.
///
/// # Errors
/// Something is left that could not be removed.
pub async fn down(config: &Config) -> Result<bool, Error> {
    let _door = lock::take(&config.door(), || {}).await?;
    let was_up = lock::try_take(&config.alive())?.is_none();
    end(config).await?;
    Ok(was_up)
}

/// Ends the supervisor if there is one, and sweeps. The caller holds the door.
pub(super) async fn end(config: &Config) -> Result<(), Error> {
    if lock::try_take(&config.alive())?.is_none() && !ended_in_order(config).await {
        kill(config).await?;
    }
    sweep(config).await
}

async fn ended_in_order(config: &Config) -> bool {
    let ending = async {
        if control::ask(config, Command::Stop).await.is_err() {
            return false;
        }
        lock::take(&config.alive(), || {}).await.is_ok()
    };
    timeout(PATIENCE, ending).await.unwrap_or(false)
}

/// Kills the supervisor's parent; the kernel ends its whole namespace with it.
async fn kill(config: &Config) -> Result<(), Error> {
    for process in supervisors(&config.run)? {
        if let Err(error) = command::run("kill", &["-9", &process.to_string()]).await {
            tracing::debug!(%error, "it was gone already");
        }
    }
    match timeout(DEATH, lock::take(&config.alive(), || {})).await {
        Ok(taken) => taken.map(drop),
        Err(_) => Err(Error::Supervisor(
            "does not end, not even killed".to_owned(),
        )),
    }
}

/// The processes that were started with this folder: `unshare` and the supervisor itself.
fn supervisors(run: &Path) -> Result<Vec<u32>, Error> {
    let entries = fs::read_dir("/proc").map_err(Error::file("/proc"))?;
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    Ok(ids.filter(|id| is_supervisor(*id, run)).collect())
}

fn is_supervisor(process: u32, run: &Path) -> bool {
    // A process that has ended meanwhile has no line.
    let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    let words: Vec<&[u8]> = line
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .collect();
    let serves = words.iter().any(|word| *word == b"serve");
    serves
        && words
            .last()
            .is_some_and(|word| *word == run.as_os_str().as_encoded_bytes())
}

/// Removes by name what no process holds any more.
pub(super) async fn sweep(config: &Config) -> Result<(), Error> {
    machines::sweep(&config.machines())?;
    network::sweep(&config.network()).await?;
    match fs::remove_dir_all(&config.run) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::file(&config.run)(error))
        }
        _ => Ok(()),
    }
}

/// Everything of this host that carries the cloud's name: processes, mounts, interfaces, namespaces, cgroups, tables and
/// locks of nspawn. Empty after `down`.
pub async fn leftovers(config: &Config) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for process in supervisors(&config.run)? {
        found.push(format!("process {process}"));
    }
    let mounts =
        fs::read_to_string("/proc/self/mountinfo").map_err(Error::file("/proc/self/mountinfo"))?;
    let run = config.run.display().to_string();
    found.extend(
        mounts
            .lines()
            .filter(|line| line.contains(&run))
            .map(|line| format!("mount {line}")),
    );
    let links = command::run("ip", &["-o", "link", "show"]).await?;
    let names = links.lines().filter_map(|line| line.split(": ").nth(1));
    found.extend(
        names
            .filter(|name| name.starts_with(&config.name))
            .map(|name| format!("interface {name}")),
    );
    let tables = command::run("nft", &["list", "tables"]).await?;
    let named = |line: &&str| {
        line.split_whitespace()
            .next_back()
            .is_some_and(|name| name.starts_with(&config.name))
    };
    found.extend(tables.lines().filter(named).map(ToString::to_string));
    for folder in [
        "/run/netns",
        "/sys/fs/cgroup",
        "/run/systemd/nspawn/locks",
        "/run",
    ] {
        found.extend(entries(folder, &config.name));
    }
    Ok(found)
}

fn entries(folder: &str, name: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter(|entry| entry.contains(name))
        .map(|entry| format!("{folder}/{entry}"))
        .collect()
}

//! Ends the local cloud and removes what it leaves, also when its processes were killed.

use std::fs;
use std::io;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

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
        if control::ask(config, &Command::Stop).await.is_err() {
            return false;
        }
        lock::take(&config.alive(), || {}).await.is_ok()
    };
    timeout(PATIENCE, ending).await.unwrap_or(false)
}

/// Kills the supervisor's parent; the kernel ends its whole namespace with it.
async fn kill(config: &Config) -> Result<(), Error> {
    for process in supervisors(config)? {
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

/// The processes that were started as this cloud's supervisor: `unshare`, and the supervisor itself.
pub(super) fn supervisors(config: &Config) -> Result<Vec<u32>, Error> {
    // Another build of this program may have started it.
    let started = Config::read(&config.run)
        .map_or_else(|_| config.supervisor.clone(), |found| found.supervisor);
    let mut line: Vec<Vec<u8>> = started.into_iter().map(String::into_bytes).collect();
    line.push(config.run.as_os_str().as_encoded_bytes().to_vec());
    let entries = fs::read_dir("/proc").map_err(Error::file("/proc"))?;
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    Ok(ids.filter(|id| words(*id).ends_with(&line)).collect())
}

/// The command line of a process; none of one that has ended meanwhile.
fn words(process: u32) -> Vec<Vec<u8>> {
    let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    let words = line
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty());
    words.map(<[u8]>::to_vec).collect()
}

/// Sweeps control groups as soon as the kernel has ended the last process in them: a supervisor's locks are free a moment
/// before its namespace is empty.
async fn sweep_machines(config: &Config) -> Result<(), Error> {
    let death = Instant::now() + DEATH;
    loop {
        match machines::sweep(&config.machines()) {
            Err(machines::Error::Cgroup(error))
                if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < death =>
            {
                sleep(Duration::from_millis(20)).await;
            }
            swept => return swept.map(drop).map_err(Error::Machines),
        }
    }
}

/// Removes by name what no process holds any more.
pub(super) async fn sweep(config: &Config) -> Result<(), Error> {
    sweep_machines(config).await?;
    network::sweep(&config.network()).await?;
    match fs::remove_dir_all(&config.run) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::file(&config.run)(error))
        }
        _ => Ok(()),
    }
}

//! One process of a proxy. A reload starts the next one, which takes over the listening sockets and tells this one to
//! finish; this one ends when no request is in flight any more.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::runtime::Runtime;
use super::stats::{self, Row};

/// How long a start may take on a busy host.
const START: Duration = Duration::from_secs(15);
/// How long connections without a request may stay with a process that is finishing. Busy clients move over with their
/// next request; idle ones are closed after this, as an ALB does when it scales.
const FAREWELL: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("start haproxy")]
    Spawn(#[source] io::Error),
    #[error("start haproxy: it ended with {status}; its log is {log}")]
    Ended {
        status: std::process::ExitStatus,
        log: PathBuf,
    },
    #[error("start haproxy: it was not ready after {START:?}")]
    Late,
}

#[derive(Debug)]
pub(super) struct Generation {
    pub runtime: Runtime,
    child: Child,
    socket: PathBuf,
    retired: Option<Instant>,
}

/// The socket of a process; 108 bytes are all that its path may have.
pub(super) fn socket(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number}.sock"))
}

impl Generation {
    /// Starts a process on the configuration in `folder`, as successor of `before`, and returns when it listens.
    pub async fn start(
        folder: &Path,
        number: u64,
        before: Option<&Generation>,
    ) -> Result<Self, Error> {
        let log = folder.join("haproxy.log");
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&log)
            .map_err(Error::Spawn)?;
        let child = spawn(folder, file, before).map_err(Error::Spawn)?;
        let socket = socket(folder, number);
        timeout(START, ready(child, socket, log))
            .await
            .map_err(|_| Error::Late)?
    }

    /// Requests in flight and health of each target, as this process sees them.
    pub async fn rows(&mut self) -> io::Result<Vec<Row>> {
        Ok(stats::read(&self.runtime.ask("show stat -1 4 -1").await?))
    }

    /// Marks the process as one that is finishing.
    pub fn retire(mut self, now: Instant) -> Self {
        self.retired = Some(now);
        self
    }

    /// Whether the process ended by itself, or was killed.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends a finishing process that has nothing in flight. True when it is gone.
    pub async fn finish(&mut self, in_flight: u64, now: Instant) -> bool {
        let over = self.retired.is_some_and(|since| now - since >= FAREWELL);
        if in_flight == 0 && over {
            self.kill().await;
        }
        self.has_ended()
    }

    pub async fn kill(&mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::debug!(%error, "haproxy was gone already");
        }
        if let Err(error) = std::fs::remove_file(&self.socket) {
            tracing::debug!(%error, "the socket was gone already");
        }
    }
}

fn spawn(folder: &Path, log: File, before: Option<&Generation>) -> io::Result<Child> {
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(folder.join("haproxy.cfg"));
    if let Some(before) = before
        && let Some(process) = before.child.id()
    {
        command
            .arg("-x")
            .arg(&before.socket)
            .arg("-sf")
            .arg(process.to_string());
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
}

async fn ready(mut child: Child, socket: PathBuf, log: PathBuf) -> Result<Generation, Error> {
    loop {
        if let Some(status) = child.try_wait().map_err(Error::Spawn)? {
            return Err(Error::Ended { status, log });
        }
        match Runtime::connect(&socket).await {
            Ok(runtime) => {
                return Ok(Generation {
                    runtime,
                    child,
                    socket,
                    retired: None,
                });
            }
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

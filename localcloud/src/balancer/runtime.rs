//! The proxy's runtime socket, as one connection that is kept for the life of a process.
//!
//! It must be kept: a process that was told to finish takes no new connection on its socket, yet it answers on this one,
//! and that is how the requests still in flight are counted.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::shares::Range;

/// The proxy answers in milliseconds unless it hangs.
const PATIENCE: Duration = Duration::from_secs(5);
const PROMPT: &[u8] = b"\n> ";

#[derive(Debug)]
pub(super) struct Runtime {
    stream: UnixStream,
}

impl Runtime {
    pub async fn connect(socket: &Path) -> io::Result<Self> {
        let mut runtime = Self {
            stream: UnixStream::connect(socket).await?,
        };
        runtime.ask("prompt").await?;
        Ok(runtime)
    }

    /// Sends one command and returns its answer.
    ///
    /// # Errors
    /// The process is gone, or silent for five seconds.
    pub async fn ask(&mut self, command: &str) -> io::Result<String> {
        timeout(PATIENCE, self.exchange(command))
            .await
            .map_err(|_| io::ErrorKind::TimedOut)?
    }

    async fn exchange(&mut self, command: &str) -> io::Result<String> {
        self.stream
            .write_all(format!("{command}\n").as_bytes())
            .await?;
        let mut answer = Vec::new();
        while !answer.ends_with(PROMPT) {
            if self.stream.read_buf(&mut answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        answer.truncate(answer.len() - PROMPT.len());
        Ok(String::from_utf8_lossy(&answer).trim().to_owned())
    }

    /// Replaces the whole map at once: requests see the old shares or the new ones, never a mixture.
    pub async fn set_shares(&mut self, file: &str, ranges: &[Range]) -> io::Result<()> {
        let answer = self.ask(&format!("prepare map {file}")).await?;
        let version = answer
            .rsplit(' ')
            .next()
            .and_then(|version| version.parse::<u64>().ok());
        let version = version.ok_or_else(|| io::Error::other(answer))?;
        for Range { key, group } in ranges {
            self.command(&format!("add map @{version} {file} {key} {group}"))
                .await?;
        }
        self.command(&format!("commit map @{version} {file}")).await
    }

    /// Sends a command whose success is silent.
    pub async fn command(&mut self, command: &str) -> io::Result<()> {
        let answer = self.ask(command).await?;
        if answer.is_empty() {
            Ok(())
        } else {
            Err(io::Error::other(format!("`{command}` answered: {answer}")))
        }
    }
}

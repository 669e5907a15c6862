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

    /// Closes the connections to these servers, named by backend and server. One by one: a process that is finishing takes
    /// no command about a whole server.
    pub async fn close(&mut self, servers: &[String]) -> io::Result<()> {
        let open = self.ask("show sess").await?;
        for session in sessions_to(servers, &open) {
            // One that has ended meanwhile is not found, and that is as good.
            self.ask(&format!("shutdown session {session}")).await?;
        }
        Ok(())
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

/// Ids of the sessions with one of these servers, in the answer to `show sess`.
fn sessions_to<'a>(servers: &[String], open: &'a str) -> Vec<&'a str> {
    let id = |line: &'a str| {
        let (id, rest) = line.split_once(": ")?;
        let field = |name: &str| rest.split(' ').find_map(|field| field.strip_prefix(name));
        let server = format!("{}/{}", field("be=")?, field("srv=")?);
        servers.contains(&server).then_some(id)
    };
    open.lines().filter_map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_found_by_backend_and_server() {
        let open = "0x1: proto=tcpv4 src=127.0.0.1:4 fe=listener:80 be=web srv=i-1:10.0.0.1:80 ts=00\n\
                    0x2: proto=tcpv4 src=127.0.0.1:5 fe=listener:80 be=web srv=i-2:10.0.0.2:80 ts=00\n\
                    0x3: proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none> ts=00\n";
        let servers = [
            "web/i-2:10.0.0.2:80".to_owned(),
            "api/i-1:10.0.0.1:80".to_owned(),
        ];
        assert_eq!(sessions_to(&servers, open), ["0x2"]);
    }
}

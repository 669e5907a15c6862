//! Session Manager's plugin as a process of this host: whether it is here, and one for each session.
//!
//! It is started as aws-cli starts it: `session-manager-plugin AWS_SSM_START_SESSION_RESPONSE REGION StartSession PROFILE
//! REQUEST ENDPOINT`, with the session's answer in the variable of that name. Nothing that it prints decides anything.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::bake::tools::Plugin;
use crate::cloud::PortSession;

const PROGRAM: &str = "session-manager-plugin";
/// Where the plugin looks for the answer of `StartSession`, which holds a token.
const ANSWER: &str = "AWS_SSM_START_SESSION_RESPONSE";
/// The last version that takes the answer as an argument only, where everybody on this host could read it
/// (aws-cli, `customizations/sessionmanager.py`).
const TOO_OLD: [u32; 4] = [1, 2, 497, 0];
/// It prints its version at once.
const LIMIT: Duration = Duration::from_secs(10);
/// What is in the pipe when it has ended is read within that time.
const REST: Duration = Duration::from_millis(100);

/// Why sessions cannot be carried from here.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    #[error("there is no `{PROGRAM}` on the PATH")]
    Missing,
    #[error(
        "`{PROGRAM}` {0} is too old: it takes a session's token as an argument only, where everybody on this host can \
         read it"
    )]
    TooOld(String),
    #[error("`{PROGRAM} --version` prints no version but {0:?}")]
    Strange(String),
    #[error("`{PROGRAM} --version` cannot be run")]
    Broken(#[source] io::Error),
}

/// Asks the plugin for its version.
pub(super) async fn check() -> Result<(), PluginError> {
    let mut command = Command::new(PROGRAM);
    command
        .arg("--version")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = match timeout(LIMIT, command.output()).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Err(PluginError::Missing);
        }
        Ok(output) => output.map_err(PluginError::Broken)?,
        Err(_) => return Err(PluginError::Broken(io::ErrorKind::TimedOut.into())),
    };
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match version(&said) {
        None => Err(PluginError::Strange(said)),
        Some(version) if version <= TOO_OLD => Err(PluginError::TooOld(said)),
        Some(_) => Ok(()),
    }
}

/// Up to four numbers with dots between them.
fn version(text: &str) -> Option<[u32; 4]> {
    let mut version = [0; 4];
    let parts: Vec<&str> = text.split('.').collect();
    if parts.len() > version.len() {
        return None;
    }
    for (number, part) in version.iter_mut().zip(parts) {
        *number = part.parse().ok()?;
    }
    Some(version)
}

/// A plugin that carries one session's port. Dropping it ends it.
#[derive(Debug)]
pub struct HostPlugin {
    child: Child,
    lines: Lines<BufReader<pipe::Receiver>>,
}

/// Starts it, out of reach of a terminal's Ctrl-C: kiln says when it ends.
pub(super) fn start(session: &PortSession, profile: Option<&str>) -> io::Result<HostPlugin> {
    let (output, input) = io::pipe()?;
    let child = Command::new(PROGRAM)
        .args([ANSWER, &session.region, "StartSession"])
        .args([profile.unwrap_or_default(), &session.request])
        .arg(&session.endpoint)
        .env(ANSWER, &session.response)
        .stdin(Stdio::null())
        .stdout(input.try_clone()?)
        .stderr(input)
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let output = pipe::Receiver::from_owned_fd(output.into())?;
    let lines = BufReader::new(output).lines();
    Ok(HostPlugin { child, lines })
}

impl Plugin for HostPlugin {
    async fn ended(&mut self) -> String {
        let mut last = String::new();
        let mut open = true;
        let status = loop {
            tokio::select! {
                biased;
                line = self.lines.next_line(), if open => open = keep(line, &mut last),
                status = self.child.wait() => break status,
            }
        };
        while open && let Ok(line) = timeout(REST, self.lines.next_line()).await {
            open = keep(line, &mut last);
        }
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        if last.is_empty() {
            status
        } else {
            format!("{status}: {last}")
        }
    }
}

/// Keeps a line that says something; tells whether more may come.
fn keep(line: io::Result<Option<String>>, last: &mut String) -> bool {
    match line {
        Ok(Some(line)) => {
            if !line.trim().is_empty() {
                line.trim().clone_into(last);
            }
            true
        }
        // What is no text has nothing to say either.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => true,
        Ok(None) | Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_number_by_number() {
        assert_eq!(version("1.2.497.0"), Some(TOO_OLD));
        assert!(version("1.2.54.0") < Some(TOO_OLD));
        assert!(version("1.2.536.0") > Some(TOO_OLD));
        assert!(version("1.3") > Some(TOO_OLD));
        for strange in ["", "1.2.x", "v1.2.553.0", "1.2.3.4.5"] {
            assert_eq!(version(strange), None, "{strange}");
        }
    }
}

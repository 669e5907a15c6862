//! What goes wrong with a connection and on it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::ssh::{Exit, HostKey};

/// Why a command or a transfer did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection broke, or the session was closed before.
    #[error("the connection to {host} was lost")]
    Lost {
        host: String,
        #[source]
        source: Option<ssh2::Error>,
    },
    /// The connection was lost before, and there is no new one.
    #[error("the machine cannot be reached again")]
    Unreachable(#[source] ConnectError),
    /// Keep-alive questions went unanswered for so long.
    #[error("{host} has not answered for {} s", after.as_secs())]
    Silent { host: String, after: Duration },
    /// The command's own limit.
    #[error("the command has not ended after {} s", after.as_secs())]
    TimedOut { after: Duration },
    #[error("the server refused a channel or a command on it")]
    Refused(#[source] ssh2::Error),
    /// A transfer's command ended with something other than 0.
    #[error("`{command}` ended with {exit}{}{message}", if message.is_empty() { "" } else { ": " })]
    Failed {
        command: String,
        exit: Exit,
        message: String,
    },
    /// What the server's SFTP says.
    #[error("cannot {what} {path} by SFTP: {why}")]
    Sftp {
        what: &'static str,
        path: String,
        why: String,
    },
    #[error("cannot use the local file {}", path.display())]
    Local {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot read what was to be sent")]
    Read(#[source] io::Error),
    #[error("cannot write what was received")]
    Write(#[source] io::Error),
}

impl Error {
    /// Whether the connection is gone, as after a reboot.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Silent { .. }) || self.is_unreachable()
    }

    /// Whether nothing was begun, for want of a connection that may come.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable(error) if error.verdict() == Verdict::NotYet)
    }
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As long as the machine boots this is to be expected.
    NotYet,
    Never,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("cannot resolve {host}")]
    Resolve {
        host: String,
        #[source]
        source: io::Error,
    },
    /// Refused, unreachable or not answered in time.
    #[error("cannot reach {address}")]
    Unreachable {
        address: String,
        #[source]
        source: io::Error,
    },
    /// No banner, or a handshake that broke off.
    #[error("{address} does not speak SSH yet")]
    Handshake {
        address: String,
        #[source]
        source: ssh2::Error,
    },
    #[error(
        "{address} shows the host key {seen}, which is none of the {known} known ones: is it another machine?"
    )]
    WrongHostKey {
        address: String,
        seen: Box<HostKey>,
        known: usize,
    },
    /// Its address and key, and the line that would make it known.
    #[error(
        "the host key of {address} is not known: {}. When it is the right one ({seen}), this line in one of these files says so: {line}",
        names(files)
    )]
    UnknownHost {
        address: String,
        seen: Box<HostKey>,
        files: Vec<PathBuf>,
        line: String,
    },
    #[error("the way through the bastion {address} is not open")]
    Bastion {
        address: String,
        #[source]
        source: Box<ConnectError>,
    },
    #[error("the proxy {address} lets nobody through: {why}")]
    Proxy { address: String, why: &'static str },
    #[error("the server asks questions, and there is no terminal to answer them at")]
    NoTerminal(#[source] io::Error),
    #[error("no tunnel can begin at {listen}")]
    Tunnel {
        listen: String,
        #[source]
        source: io::Error,
    },
    #[error("{address} shows a host key that cannot be read")]
    BadHostKey { address: String },
    /// Often the machine has not yet put the key where it belongs.
    #[error("{user}@{address} did not accept the {method}")]
    Denied {
        user: String,
        address: String,
        method: &'static str,
        #[source]
        source: ssh2::Error,
    },
    #[error("cannot read the private key {}", path.display())]
    KeyFile {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Not a key, or the passphrase does not open it.
    #[error("cannot use the private key {name}")]
    BadKey {
        name: String,
        #[source]
        source: ssh2::Error,
    },
    #[error(
        "the private key {name} is encrypted, and nobody can type its passphrase here: hand it to an agent with `ssh-add` and set `ssh_agent_auth`"
    )]
    EncryptedKey { name: String },
    #[error(
        "{} is not an OpenSSH certificate: `ssh-keygen -s` makes one, and its name ends in `-cert.pub`",
        path.display()
    )]
    BadCertificate { path: PathBuf },
    /// None of the wanted algorithms is known here.
    #[error("cannot offer any of {names}")]
    Algorithms {
        names: String,
        #[source]
        source: ssh2::Error,
    },
    #[error("cannot use the SSH agent")]
    Agent(#[source] ssh2::Error),
    #[error("cannot set up a connection")]
    Local(#[source] io::Error),
}

impl ConnectError {
    /// Whether a machine that still boots may answer otherwise in a moment.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Resolve { .. }
            | Self::Unreachable { .. }
            | Self::Handshake { .. }
            | Self::Denied { .. } => Verdict::NotYet,
            // A bastion is no machine that boots: who is not let in now never will be.
            Self::Bastion { source, .. } if matches!(**source, Self::Denied { .. }) => {
                Verdict::Never
            }
            Self::Bastion { source, .. } => source.verdict(),
            Self::WrongHostKey { .. }
            | Self::UnknownHost { .. }
            | Self::Proxy { .. }
            | Self::Tunnel { .. }
            | Self::NoTerminal(_)
            | Self::BadHostKey { .. }
            | Self::KeyFile { .. }
            | Self::BadKey { .. }
            | Self::EncryptedKey { .. }
            | Self::BadCertificate { .. }
            | Self::Algorithms { .. }
            | Self::Agent(_)
            | Self::Local(_) => Verdict::Never,
        }
    }
}

fn names(files: &[PathBuf]) -> String {
    let names: Vec<_> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    match &names[..] {
        [] => "there is no file of known hosts".to_owned(),
        names => format!("{} do not have it", names.join(" and ")),
    }
}

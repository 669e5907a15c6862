//! Why provisioning failed.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::provision::roles;
use crate::source::{Diagnostic, Place};
use crate::ssh::{self, Exit};
use crate::template::provisioner::Provisioner;

/// A provisioner that failed, by its number in the template.
#[derive(Debug, thiserror::Error)]
#[error("provisioner {number} ({kind})")]
pub struct Failure {
    pub number: usize,
    pub kind: &'static str,
    /// Where it stands.
    pub place: Place,
    #[source]
    pub source: Error,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Remote(#[from] ssh::Error),
    /// A script or command ended in a way that is not among the valid ones.
    #[error("{what} ended with {exit}")]
    Exit { what: String, exit: Exit },
    #[error("{what} ended the connection; `expect_disconnect` says that this is meant")]
    Disconnected {
        what: String,
        #[source]
        source: ssh::Error,
    },
    /// The attempt's own limit.
    #[error("it has not ended after {} s", after.as_secs())]
    TimedOut { after: Duration },
    /// A late string; the finding knows its place.
    #[error("{}", .0.message)]
    Render(Box<Diagnostic>),
    #[error("cannot use {}", path.display())]
    Local {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Role(#[from] roles::Error),
    /// The machine restarted, or should have.
    #[error("the machine has not come back within {} s", after.as_secs())]
    NotBack { after: Duration },
    /// A program of this host.
    #[error("cannot run {name}")]
    Program {
        name: String,
        #[source]
        source: io::Error,
    },
    /// It cannot do what it is asked here, or on this machine.
    #[error("{0}")]
    Unfit(String),
}

impl Failure {
    pub(super) fn of(provisioner: &Provisioner, number: usize, source: Error) -> Self {
        Self {
            number,
            kind: provisioner.kind.name(),
            place: provisioner.place,
            source,
        }
    }
}

impl Error {
    pub(super) fn unless_success(what: &str, exit: Exit) -> Result<(), Self> {
        if exit == Exit::Code(0) {
            return Ok(());
        }
        let what = format!("`{what}`");
        Err(Self::Exit { what, exit })
    }

    /// A program of this host that cannot be started, by its command line.
    pub(super) fn program(words: &[String]) -> impl FnOnce(io::Error) -> Self {
        let name = words.first().cloned().unwrap_or_default();
        move |source| Self::Program { name, source }
    }

    /// Whether another attempt may end otherwise; what is wrong on this side stays wrong.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Remote(error) => !matches!(error, ssh::Error::Local { .. } | ssh::Error::Read(_)),
            Self::Exit { .. }
            | Self::Disconnected { .. }
            | Self::TimedOut { .. }
            | Self::NotBack { .. } => true,
            Self::Render(_)
            | Self::Local { .. }
            | Self::Role(_)
            | Self::Program { .. }
            | Self::Unfit(_) => false,
        }
    }

    /// Whether the connection ended in its middle.
    pub(super) fn is_disconnect(&self) -> bool {
        match self {
            Self::Remote(error) => error.is_lost() && !error.is_unreachable(),
            Self::Disconnected { .. } => true,
            _ => false,
        }
    }
}

impl From<Diagnostic> for Error {
    fn from(finding: Diagnostic) -> Self {
        Self::Render(Box::new(finding))
    }
}

//! Why a post-processor failed.

use std::io;
use std::path::{Path, PathBuf};

use crate::provision;
use crate::source::Diagnostic;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot remove {}, which is not kept", path.display())]
    Remove {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A late string; the finding knows its place.
    #[error("{}", .0.message)]
    Render(Box<Diagnostic>),
    /// What is to become the artifact is not there.
    #[error("`{pattern}` of `files` matches nothing in {}", folder.display())]
    NothingMatches { pattern: String, folder: PathBuf },
    #[error(transparent)]
    Program(#[from] provision::Error),
    #[error("stopped on request")]
    Stopped,
}

impl Error {
    pub(super) fn write(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::Write { path, source }
    }
}

impl From<Diagnostic> for Error {
    fn from(finding: Diagnostic) -> Self {
        Self::Render(Box::new(finding))
    }
}

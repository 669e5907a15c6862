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
    #[error("cannot read {}", path.display())]
    Read {
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
    /// A format that holds one file.
    #[error("{}", not_one(files))]
    NotOneFile { files: Vec<PathBuf> },
    #[error("{} has the name of another file in the archive, or none", path.display())]
    SameName { path: PathBuf },
    /// An archive that would hold nothing any more.
    #[error("there is nothing to pack into {} but itself", path.display())]
    OnlyItself { path: PathBuf },
    /// The archive says before a file's bytes how many they are.
    #[error("{} {} while it was packed: it had {size} bytes at first", path.display(), if *grew { "grew" } else { "shrank" })]
    Changed {
        path: PathBuf,
        size: u64,
        grew: bool,
    },
    /// A fault of kiln's own.
    #[error("it broke off: {0}")]
    Broken(String),
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

    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::Read { path, source }
    }
}

impl From<Diagnostic> for Error {
    fn from(finding: Diagnostic) -> Self {
        Self::Render(Box::new(finding))
    }
}

fn not_one(files: &[PathBuf]) -> String {
    let names: Vec<_> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let given = match names.as_slice() {
        [] => "none".to_owned(),
        [folder] => format!("the folder {folder}"),
        names => format!("{}: {}", names.len(), names.join(", ")),
    };
    format!("the format takes one file and there is {given}; a `tar` or `zip` takes any")
}

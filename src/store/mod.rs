//! What outlives a run: the folder `.kiln/` with journals, leases, due-lists and manifests, and the same in a bucket for agents
//! that share no disk.
//!
//! It knows files, locks, conditions and durability. What the entries mean is the business of `run` and `undo`.

mod durable;
mod history;
mod journal;
mod later;
mod lease;
mod manifest;
mod remote;
mod state;

pub use durable::{Replacement, update};
pub use history::Baked;
pub use journal::{Claim, DeadRun, FileJournal, TornJournal};
pub use lease::FileLease;
pub use manifest::{Manifest, ManifestBuild, ManifestFile, add_to_manifest, check_manifest};
pub use remote::{Remote, RemoteLease};
pub use state::{Journals, State, StateLease, is_alive};

use std::io;
use std::path::{Path, PathBuf};

/// The folder. It is made when something is first written.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// A store in the folder `root`, usually `.kiln`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn folder(&self, name: &str) -> io::Result<PathBuf> {
        let folder = self.root.join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

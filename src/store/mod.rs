//! What outlives a run on this host: the folder `.kiln/` with journals, leases, due-lists and manifests.
//!
//! It knows files, locks and durability. What the entries mean is the business of `run` and `undo`; a store in S3, for
//! agents that share no disk, is still to come behind the same traits.

mod durable;
mod history;
mod journal;
mod later;
mod lease;
mod manifest;

pub use durable::{Replacement, update};
pub use history::Baked;
pub use journal::{Claim, DeadRun, FileJournal, TornJournal};
pub use lease::FileLease;
pub use manifest::{Manifest, ManifestBuild, ManifestFile, add_to_manifest, check_manifest};

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

//! `artifice`: files of this host take the place of what was made, which stays.

use std::path::PathBuf;

use crate::post::glob::glob;
use crate::post::{Artifact, Error};
use crate::template::post_processor::Artifice;

/// The files. A pattern that matches nothing is an error: what depends on it would work on less than was meant.
pub(super) fn run(artifice: &Artifice) -> Result<Artifact, Error> {
    let mut files: Vec<PathBuf> = Vec::new();
    for pattern in &artifice.files {
        let found = glob(pattern);
        if found.is_empty() {
            let folder = std::env::current_dir().unwrap_or_default();
            let pattern = pattern.value.clone();
            return Err(Error::NothingMatches { pattern, folder });
        }
        let new = found.into_iter().filter(|path| !files.contains(path));
        let new: Vec<_> = new.collect();
        files.extend(new);
    }
    Ok(Artifact::Files(files))
}

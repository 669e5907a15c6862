//! What goes from one post-processor to the next.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::post::Error;

/// An image, or files of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Artifact {
    /// `region:ami-…`, of several regions parted by commas.
    Image(String),
    Files(Vec<PathBuf>),
}

impl Artifact {
    /// Its id, as manifests have it: files have none.
    pub fn id(&self) -> &str {
        match self {
            Self::Image(id) => id,
            Self::Files(_) => "",
        }
    }

    /// Its files; an image has none.
    pub fn files(&self) -> &[PathBuf] {
        match self {
            Self::Image(_) => &[],
            Self::Files(files) => files,
        }
    }

    /// Removes files that `next` does not have, and says which. Images stay.
    pub(super) fn remove_but(&self, next: &Self) -> Result<Vec<PathBuf>, Error> {
        let files = self.files().iter();
        let gone = files.filter(|file| !next.files().contains(file));
        gone.map(|file| {
            let removed = match fs::symlink_metadata(file) {
                Ok(there) if there.is_dir() => fs::remove_dir_all(file),
                _ => fs::remove_file(file),
            };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::Remove {
                    path: file.clone(),
                    source: error,
                }),
                _ => Ok(file.clone()),
            }
        })
        .collect()
    }
}

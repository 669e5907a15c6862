//! What goes from one post-processor to the next.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

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

    /// Removes its files, but what `next` needs, and says what became of them. Images stay.
    pub(super) fn remove_but(&self, next: &Self) -> Result<Removal, Error> {
        let needed = Needed::by(next.files());
        let mut removal = Removal::default();
        for file in self.files() {
            let failed = |source| Error::Remove {
                path: file.clone(),
                source,
            };
            match needed.need(file).map_err(failed)? {
                Need::None => {
                    remove(file).map_err(failed)?;
                    removal.gone.push(file.clone());
                }
                Need::Itself => {}
                Need::Within => removal.kept.push(file.clone()),
            }
        }
        Ok(removal)
    }
}

/// What became of files that are not kept.
#[derive(Default)]
pub(super) struct Removal {
    pub gone: Vec<PathBuf>,
    /// Folders that are on the way to files of the next artifact. They stay with all that is in them: what else was put
    /// there, and by whom, is not known.
    pub kept: Vec<PathBuf>,
}

enum Need {
    None,
    /// It is one of the files, or in a folder that is.
    Itself,
    /// It is on the way to one.
    Within,
}

/// What must stay so that files are there. Links are followed: one place has many spellings.
struct Needed {
    files: Vec<PathBuf>,
    way: BTreeSet<PathBuf>,
}

impl Needed {
    fn by(files: &[PathBuf]) -> Self {
        let mut way = BTreeSet::new();
        for file in files {
            let spelled = std::path::absolute(file).unwrap_or_else(|_| file.clone());
            // A link on the way may lead elsewhere: the folder that it is in is needed, and those around where it leads.
            let steps = spelled.ancestors().skip(1).map(fs::canonicalize);
            let places = steps.chain([fs::canonicalize(file)]).filter_map(Result::ok);
            way.extend(places.flat_map(|place| {
                let around = place.ancestors().map(Path::to_owned);
                around.collect::<Vec<_>>()
            }));
        }
        let files = files.iter().filter_map(|file| fs::canonicalize(file).ok());
        Self {
            files: files.collect(),
            way,
        }
    }

    fn need(&self, path: &Path) -> io::Result<Need> {
        let place = match fs::canonicalize(path) {
            // Nothing, or a link that leads nowhere.
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            place => place?,
        };
        // A link has a place of its own.
        let own = match (path.parent().map(folder), path.file_name()) {
            (Some(folder), Some(name)) => fs::canonicalize(folder).map(|at| at.join(name)).ok(),
            _ => None,
        };
        let own = own.as_ref().unwrap_or(&place);
        let is_in = |file: &PathBuf| place == *file || own.starts_with(file);
        Ok(if self.files.iter().any(is_in) {
            Need::Itself
        } else if self.way.contains(&place) {
            Need::Within
        } else {
            Need::None
        })
    }
}

fn folder(parent: &Path) -> &Path {
    if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    }
}

/// Removes a file, or a folder with all that is in it; of a link the link.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => fs::remove_dir_all(path),
        _ => fs::remove_file(path),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

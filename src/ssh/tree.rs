//! A set of files, folders and links on its way to a machine.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::ssh::Error;

/// What one path of a tree is. Modes are permission bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A local file, read when it is sent.
    File {
        source: PathBuf,
        mode: u32,
    },
    Bytes {
        content: Vec<u8>,
        mode: u32,
    },
    Folder {
        mode: u32,
    },
    Link {
        to: PathBuf,
    },
}

/// Paths, relative to where the tree is put, with what stands there. A folder comes before what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    entries: Vec<(PathBuf, Entry)>,
}

impl Tree {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the names below a local folder, sorted. Links stay links; sockets and devices are an error.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let mut tree = Self::new();
        tree.add_folder(Path::new(""), folder)?;
        Ok(tree)
    }

    /// Adds an entry.
    pub fn add(&mut self, path: impl Into<PathBuf>, entry: Entry) {
        self.entries.push((path.into(), entry));
    }

    /// Adds what is in a local folder below a path of the tree.
    pub fn add_folder(&mut self, below: &Path, folder: &Path) -> Result<(), Error> {
        for name in names(folder)? {
            let (source, path) = (folder.join(&name), below.join(&name));
            let meta = fs::symlink_metadata(&source).map_err(at(&source))?;
            let mode = meta.permissions().mode() & 0o7777;
            if meta.is_dir() {
                self.add(&path, Entry::Folder { mode });
                self.add_folder(&path, &source)?;
            } else if meta.is_file() {
                self.add(path, Entry::File { source, mode });
            } else if meta.is_symlink() {
                let to = fs::read_link(&source).map_err(at(&source))?;
                self.add(path, Entry::Link { to });
            } else {
                let odd =
                    io::Error::new(io::ErrorKind::InvalidInput, "neither file, folder nor link");
                return Err(at(&source)(odd));
            }
        }
        Ok(())
    }

    /// The entries, in the order in which they are sent.
    pub fn entries(&self) -> &[(PathBuf, Entry)] {
        &self.entries
    }

    /// The bytes of all its files, for progress; the stream is a little longer.
    pub fn size(&self) -> Result<u64, Error> {
        self.entries.iter().map(|(_, entry)| entry.size()).sum()
    }
}

impl Entry {
    fn size(&self) -> Result<u64, Error> {
        match self {
            Self::File { source, .. } => Ok(fs::metadata(source).map_err(at(source))?.len()),
            Self::Bytes { content, .. } => Ok(content.len() as u64),
            Self::Folder { .. } | Self::Link { .. } => Ok(0),
        }
    }
}

fn names(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut names = fs::read_dir(folder)
        .map_err(at(folder))?
        .map(|entry| Ok(PathBuf::from(entry?.file_name())))
        .collect::<Result<Vec<_>, io::Error>>()
        .map_err(at(folder))?;
    names.sort();
    Ok(names)
}

fn at(path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::Local {
        path: path.to_owned(),
        source,
    }
}

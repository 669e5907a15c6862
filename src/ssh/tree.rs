//! A set of files, folders and links on its way to a machine.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use crate::ssh::packing::Packing;
use crate::ssh::{Error, Stdin};

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

    /// Reads the names below a local folder, sorted. A link within the folder stays a link, of any other what it leads to
    /// is sent, as nothing at the other end would be there. Sockets and devices are an error, and so are links in a circle.
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
        let mut way = Way {
            depth: 0,
            through: vec![fs::canonicalize(folder).map_err(at(folder))?],
        };
        self.add_names(below, folder, &mut way)
    }

    fn add_names(&mut self, below: &Path, folder: &Path, way: &mut Way) -> Result<(), Error> {
        for name in names(folder)? {
            let (source, path) = (folder.join(&name), below.join(&name));
            let meta = fs::symlink_metadata(&source).map_err(at(&source))?;
            if !meta.is_symlink() {
                self.add_named(&path, &source, &meta, way)?;
                continue;
            }
            let to = fs::read_link(&source).map_err(at(&source))?;
            match fs::metadata(&source) {
                Ok(meta) if way.leads_out(&to) => self.add_led_to(&path, &source, &meta, way)?,
                _ => self.add(path, Entry::Link { to }),
            }
        }
        Ok(())
    }

    fn add_named(
        &mut self,
        path: &Path,
        source: &Path,
        meta: &Metadata,
        way: &mut Way,
    ) -> Result<(), Error> {
        let mode = meta.permissions().mode() & 0o7777;
        if meta.is_dir() {
            self.add(path, Entry::Folder { mode });
            way.depth += 1;
            self.add_names(path, source, way)?;
            way.depth -= 1;
            return Ok(());
        }
        if !meta.is_file() {
            return Err(odd(source, "neither file, folder nor link"));
        }
        let source = source.to_owned();
        self.add(path, Entry::File { source, mode });
        Ok(())
    }

    /// Adds what a link leads to, in its place; a folder there has an outside of its own.
    fn add_led_to(
        &mut self,
        path: &Path,
        source: &Path,
        meta: &Metadata,
        way: &mut Way,
    ) -> Result<(), Error> {
        let real = fs::canonicalize(source).map_err(at(source))?;
        if way.through.iter().any(|passed| passed.starts_with(&real)) {
            return Err(odd(source, "a link that leads in a circle"));
        }
        let depth = std::mem::take(&mut way.depth);
        way.through.push(real);
        if meta.is_dir() {
            self.add(
                path,
                Entry::Folder {
                    mode: meta.permissions().mode() & 0o7777,
                },
            );
            self.add_names(path, source, way)?;
        } else {
            self.add_named(path, source, meta, way)?;
        }
        way.through.pop();
        way.depth = depth;
        Ok(())
    }

    /// The entries, in the order in which they are sent.
    pub fn entries(&self) -> &[(PathBuf, Entry)] {
        &self.entries
    }

    /// The tree as the tar stream that a command reads.
    pub fn stdin(&self) -> Result<Stdin, Error> {
        Ok(Stdin::Reader {
            total: Some(self.size()?),
            reader: Box::new(Packing::new(self)),
        })
    }

    /// The bytes of the tar stream, for progress: a header for each entry, contents in whole blocks, two empty blocks at
    /// the end. Names of more than 100 bytes make it longer.
    pub fn size(&self) -> Result<u64, Error> {
        const BLOCK: u64 = 512;
        let mut blocks = 2;
        for (_, entry) in &self.entries {
            blocks += 1 + entry.size()?.div_ceil(BLOCK);
        }
        Ok(blocks * BLOCK)
    }
}

/// Where reading stands: how deep below the folder it began in, and through which folders links have led.
struct Way {
    depth: usize,
    through: Vec<PathBuf>,
}

impl Way {
    /// Whether a link that stands here leads out of the folder.
    fn leads_out(&self, to: &Path) -> bool {
        let mut depth = self.depth;
        for part in to.components() {
            match part {
                Component::Normal(_) => depth += 1,
                Component::CurDir => {}
                Component::ParentDir if depth > 0 => depth -= 1,
                _ => return true,
            }
        }
        false
    }
}

fn odd(path: &Path, what: &'static str) -> Error {
    at(path)(io::Error::new(io::ErrorKind::InvalidInput, what))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn paths(tree: &Tree) -> Vec<(&str, &Entry)> {
        let pairs = tree.entries().iter();
        pairs
            .map(|(path, entry)| (path.to_str().unwrap(), entry))
            .collect()
    }

    #[test]
    fn links_within_stay_and_links_out_are_followed() {
        let root = tempfile::tempdir().unwrap();
        let (folder, outside) = (root.path().join("in"), root.path().join("out"));
        fs::create_dir_all(folder.join("sub")).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("file"), "x").unwrap();
        symlink("file", outside.join("own")).unwrap();
        symlink("../sub", folder.join("sub/self")).unwrap();
        symlink("../out", folder.join("to")).unwrap();
        symlink("nowhere", folder.join("dangling")).unwrap();
        symlink(outside.join("file"), folder.join("whole")).unwrap();

        let tree = Tree::read(&folder).unwrap();
        let names: Vec<_> = paths(&tree).iter().map(|(path, _)| *path).collect();
        assert_eq!(
            names,
            [
                "dangling", "sub", "sub/self", "to", "to/file", "to/own", "whole"
            ]
        );
        let entry = |name| {
            paths(&tree)
                .into_iter()
                .find(|(path, _)| *path == name)
                .unwrap()
                .1
        };
        assert!(matches!(entry("sub/self"), Entry::Link { .. }));
        assert!(matches!(entry("dangling"), Entry::Link { .. }));
        assert!(matches!(entry("to"), Entry::Folder { .. }));
        assert!(matches!(entry("to/own"), Entry::Link { .. }));
        assert!(matches!(entry("whole"), Entry::File { .. }));
        let mut stream = Vec::new();
        io::Read::read_to_end(&mut Packing::new(&tree), &mut stream).unwrap();
        assert_eq!(tree.size().unwrap(), stream.len() as u64);
    }

    #[test]
    fn a_circle_is_an_error_and_not_a_hang() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("in/deep");
        fs::create_dir_all(&folder).unwrap();
        symlink("../..", folder.join("up")).unwrap();
        let error = Tree::read(&folder).unwrap_err();
        assert!(
            matches!(&error, Error::Local { path, .. } if path.ends_with("up")),
            "{error:?}"
        );
    }
}

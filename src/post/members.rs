//! What goes into an archive, and under which names.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::post::Error;

/// A file, folder or link, and its name in the archive.
pub(super) struct Member {
    pub path: PathBuf,
    pub name: PathBuf,
    pub what: What,
}

pub(super) enum What {
    File,
    Folder,
    /// Where it leads.
    Link(PathBuf),
}

/// The members of an archive of these files, folders with all that is in them. As in Packer, names in a tar are those of
/// the files alone (`by_name`), and in a zip their paths. A link among the files themselves is what it leads to.
///
/// The archive at `output` that the new one takes the place of is left out.
pub(super) fn members(
    files: &[PathBuf],
    by_name: bool,
    output: &Path,
) -> Result<Vec<Member>, Error> {
    // By its place: the same file has many spellings.
    let old = fs::canonicalize(output).ok().filter(|old| old.is_file());
    let is_old = |path: &Path| old.is_some() && fs::canonicalize(path).ok() == old;
    let (mut members, mut names) = (Vec::new(), BTreeSet::new());
    let mut left_out = false;
    for path in files {
        if is_old(path) {
            left_out = true;
            continue;
        }
        let name = if by_name {
            PathBuf::from(path.file_name().unwrap_or_default())
        } else {
            inside(path)
        };
        if name.as_os_str().is_empty() || !names.insert(name.clone()) {
            return Err(Error::SameName { path: path.clone() });
        }
        let there = fs::metadata(path).map_err(|source| Error::read(path, source))?;
        let what = if there.is_dir() {
            What::Folder
        } else {
            What::File
        };
        let is_folder = there.is_dir();
        members.push(Member {
            path: path.clone(),
            name: name.clone(),
            what,
        });
        if is_folder {
            walk(path, &name, &mut members)?;
        }
    }
    let count = members.len();
    members.retain(|member| !matches!(member.what, What::File) || !is_old(&member.path));
    left_out |= members.len() < count;
    let is_folder = |member: &Member| matches!(member.what, What::Folder);
    if left_out && members.iter().all(is_folder) {
        let path = output.to_owned();
        return Err(Error::OnlyItself { path });
    }
    Ok(members)
}

/// A path that leads nowhere but into the folder where the archive is opened.
fn inside(path: &Path) -> PathBuf {
    let normal = |part: &Component<'_>| matches!(part, Component::Normal(_));
    path.components().filter(normal).collect()
}

fn walk(folder: &Path, name: &Path, members: &mut Vec<Member>) -> Result<(), Error> {
    let read = |source| Error::read(folder, source);
    let entries = fs::read_dir(folder).map_err(read)?;
    let mut entries = entries.collect::<Result<Vec<_>, _>>().map_err(read)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), name.join(entry.file_name()));
        let kind = entry
            .file_type()
            .map_err(|source| Error::read(&path, source))?;
        let what = if kind.is_symlink() {
            let target = fs::read_link(&path);
            What::Link(target.map_err(|source| Error::read(&path, source))?)
        } else if kind.is_dir() {
            What::Folder
        } else if kind.is_file() {
            What::File
        } else {
            // Sockets and pipes hold nothing to keep.
            continue;
        };
        members.push(Member {
            path: path.clone(),
            name: name.clone(),
            what,
        });
        if kind.is_dir() {
            walk(&path, &name, members)?;
        }
    }
    Ok(())
}

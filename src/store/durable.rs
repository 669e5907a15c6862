//! Files that are either the old ones or the new ones, whatever happens in between.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, PersistError};

/// What the umask leaves of this is the mode of files that are for others to read.
const FOR_ALL: u32 = 0o666;

/// Replaces a file by atomic rename, and returns when both the text and the name are on disk.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = folder_of(path);
    fs::create_dir_all(folder)?;
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_folder(folder)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A file of the user's that is being written under another name beside it; without [`finish`](Self::finish) nothing is
/// left of it.
#[derive(Debug)]
pub struct Replacement {
    path: PathBuf,
    file: NamedTempFile,
}

impl Replacement {
    /// Begins to write what is to stand at `path`; folders on the way to it are made. What a link leads to is replaced, not
    /// the link.
    ///
    /// Errors when something else than a file is there, or nothing can be written beside it.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let path = match fs::canonicalize(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            path => path?,
        };
        let folder = folder_of(&path);
        fs::create_dir_all(folder)?;
        let mode = match fs::metadata(&path) {
            Err(_) => None,
            Ok(there) if there.is_file() => Some(there.permissions()),
            Ok(_) => return Err(io::Error::other("it is there, and it is no file")),
        };
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".");
        let mut beside = tempfile::Builder::new();
        beside.prefix(&name).suffix(".part");
        beside.permissions(Permissions::from_mode(FOR_ALL));
        let file = match beside.tempfile_in(folder) {
            Err(error) if mode.is_some() && is_closed(&error) => NamedTempFile::new()?,
            file => file?,
        };
        if let Some(mode) = mode {
            file.as_file().set_permissions(mode)?;
        }
        Ok(Self { path, file })
    }

    /// What is written so far.
    pub fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Puts it in place, whole for whoever reads it from now on, and does not wait for the disk.
    pub fn show(self) -> io::Result<()> {
        self.place()
    }

    /// Puts it in place, whole, also after a crash of the host.
    pub fn finish(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        let folder = folder_of(&self.path).to_owned();
        self.place()?;
        sync_folder(&folder)
    }

    /// A file that can be written and not be replaced, such as one that is mounted into a container, is written in its
    /// place.
    fn place(self) -> io::Result<()> {
        match self.file.persist(&self.path) {
            Ok(_) => Ok(()),
            Err(PersistError { error, file }) if is_fixed(&error) && self.path.exists() => {
                let mut there = File::options()
                    .write(true)
                    .truncate(true)
                    .open(&self.path)?;
                io::copy(&mut file.reopen()?, &mut there)?;
                there.sync_all()
            }
            Err(failed) => Err(failed.error),
        }
    }
}

/// Whether nothing can be made in a folder, so that only what is in it can be written.
fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem)
}

/// Whether a name cannot be led to another file: it is mounted, in a closed folder, or on another file system.
fn is_fixed(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, ResourceBusy};
    matches!(error.kind(), CrossesDevices | ResourceBusy) || is_closed(error)
}

/// Replaces a text file of the user's by what `change` makes of it. `None` stands for a file that is not there.
///
/// Two that change the same file come one after the other, but in a folder where no lock can be.
pub fn update(
    path: &Path,
    change: impl FnOnce(Option<String>) -> io::Result<String>,
) -> io::Result<()> {
    let mut new = Replacement::begin(path)?;
    let held = match Held::beside(&new.path) {
        Err(error) if is_closed(&error) => None,
        held => Some(held?),
    };
    let old = match fs::read_to_string(&new.path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        text => Some(text?),
    };
    let text = change(old)?;
    new.file().write_all(text.as_bytes())?;
    new.finish()?;
    drop(held);
    Ok(())
}

/// A lock beside a file, which goes with this value.
struct Held {
    path: PathBuf,
    _lock: Locked,
}

impl Held {
    fn beside(path: &Path) -> io::Result<Self> {
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(".lock");
        let path = path.with_file_name(name);
        loop {
            let mut options = File::options();
            let file = options
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)?;
            file.lock()?;
            let inode = file.metadata()?.ino();
            // Whoever held it before has removed it, and the next one has made another.
            if fs::metadata(&path).is_ok_and(|there| there.ino() == inode) {
                return Ok(Self {
                    path,
                    _lock: Locked(file),
                });
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // An empty file that stays is locked again by the next one.
        fs::remove_file(&self.path).unwrap_or_default();
    }
}

/// Makes names that were added to a folder survive a crash.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
/// A file whose lock ends with this value.
///
/// Closing alone would not do: a child process that is just being started has a copy of every descriptor until it
/// becomes its program, and a lock lives as long as any copy.
pub(super) struct Locked(pub(super) File);

impl Drop for Locked {
    fn drop(&mut self) {
        // When this fails, closing gives the lock up a moment later.
        self.0.unlock().unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn what_is_not_finished_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sums");
        fs::write(&path, "old").unwrap();
        let mut new = Replacement::begin(&path).unwrap();
        new.file().write_all(b"new").unwrap();
        drop(new);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(folder.path()), ["sums"]);
    }

    #[test]
    fn others_may_read_it_and_an_old_file_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/sums");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        Replacement::begin(&path).unwrap().finish().unwrap();
        assert_eq!(mode() & 0o400, 0o400);
        assert_eq!(mode() & 0o111, 0);
        assert_ne!(mode() & 0o044, 0, "{:o}", mode());
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        Replacement::begin(&path).unwrap().finish().unwrap();
        assert_eq!(mode(), 0o640);
    }

    #[test]
    fn a_link_stays_and_what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("sums"), folder.path().join("link"));
        fs::write(&path, "old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        update(&link, |old| Ok(old.unwrap() + " new")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let refused = Replacement::begin(folder.path()).unwrap_err();
        assert!(refused.to_string().contains("no file"), "{refused}");
    }

    #[test]
    fn changes_at_the_same_time_all_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sums");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| update(&path, |old| Ok(old.unwrap_or_default() + "x")).unwrap());
            }
        });
        assert_eq!(fs::read_to_string(&path).unwrap(), "xxxxxxxx");
        assert_eq!(names(folder.path()), ["sums"]);
    }
}

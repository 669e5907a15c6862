//! SFTP, on a connection of its own beside the session's: libssh2 does it best when it may block.

use std::fs::{self, File};
use std::io::{self, Cursor, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ssh2::{ErrorCode, FileStat, OpenFlags, OpenType, Sftp};
use tokio::sync::mpsc;

use crate::ssh::connect::establish;
use crate::ssh::{Entry, Error, Stdin, Target, Tree};

/// What libssh2 is given at a time; it keeps many packets of it on their way.
const PIECE: usize = 1024 * 1024;

/// What is to be done.
pub(super) enum Job {
    Put {
        content: Stdin,
        path: String,
        mode: u32,
    },
    PutTree {
        tree: Tree,
        folder: String,
    },
    Get {
        path: String,
        into: File,
    },
    GetTree {
        folder: String,
        into: PathBuf,
    },
}

/// Does it on a thread of its own, and hears how much was sent. Dropping the future ends it after the piece in hand.
pub(super) async fn perform(
    target: Target,
    job: Job,
    sent: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    let (report, mut reports) = mpsc::unbounded_channel();
    let work = tokio::task::spawn_blocking(move || {
        let connection = establish(&target).map_err(Error::Unreachable)?;
        let session = connection.session;
        session.set_blocking(true);
        let limit = target.silence.map_or(0, |limit| limit.as_millis());
        session.set_timeout(u32::try_from(limit).unwrap_or(u32::MAX));
        let talk = Talk {
            sftp: session.sftp().map_err(Error::Refused)?,
            report,
            sent: 0,
        };
        talk.perform(job)
    });
    while let Some(bytes) = reports.recv().await {
        sent(bytes);
    }
    match work.await {
        Ok(result) => result,
        Err(error) => Err(Error::Read(io::Error::other(error))),
    }
}

struct Talk {
    sftp: Sftp,
    report: mpsc::UnboundedSender<u64>,
    sent: u64,
}

impl Talk {
    fn perform(mut self, job: Job) -> Result<(), Error> {
        match job {
            Job::Put {
                content,
                path,
                mode,
            } => {
                let mut reader: Box<dyn Read + Send> = match content {
                    Stdin::Empty => Box::new(io::empty()),
                    Stdin::Bytes(bytes) => Box::new(Cursor::new(bytes)),
                    Stdin::Reader { reader, .. } => reader,
                };
                self.put(&mut reader, Path::new(&path), mode)
            }
            Job::PutTree { tree, folder } => self.put_tree(&tree, Path::new(&folder)),
            Job::Get { path, mut into } => self.get(Path::new(&path), &mut into),
            Job::GetTree { folder, into } => self.get_tree(Path::new(&folder), &into),
        }
    }

    fn put(&mut self, reader: &mut dyn Read, path: &Path, mode: u32) -> Result<(), Error> {
        let about = |error| refused("put", path, error);
        // The file is nobody else's to read until it is whole and has its mode.
        let flags = OpenFlags::WRITE | OpenFlags::TRUNCATE;
        let opened = self.sftp.open_mode(path, flags, 0o600, OpenType::File);
        let mut file = opened.map_err(about)?;
        let mut piece = vec![0; PIECE];
        loop {
            let count = reader.read(&mut piece).map_err(Error::Read)?;
            if count == 0 {
                break;
            }
            let done = file.write_all(&piece[..count]);
            done.map_err(|error| broken("put", path, &error))?;
            self.sent += count as u64;
            self.tell()?;
        }
        file.setstat(permissions(mode)).map_err(about)?;
        file.close().map_err(about)
    }

    /// Errors when nobody waits for the end any more.
    fn tell(&self) -> Result<(), Error> {
        let heard = self.report.send(self.sent);
        heard.map_err(|_| Error::Read(io::ErrorKind::Interrupted.into()))
    }

    fn put_tree(&mut self, tree: &Tree, folder: &Path) -> Result<(), Error> {
        self.make_folder(folder, None)?;
        for (path, entry) in tree.entries() {
            let to = folder.join(path);
            if let Some(parent) = to.parent() {
                self.make_folder(parent, None)?;
            }
            match entry {
                Entry::Folder { mode } => self.make_folder(&to, Some(*mode))?,
                Entry::Bytes { content, mode } => {
                    self.put(&mut Cursor::new(content), &to, *mode)?;
                }
                Entry::File { source, mode } => {
                    let mut file = File::open(source).map_err(|error| local(source, error))?;
                    self.put(&mut file, &to, *mode)?;
                }
                Entry::Link { to: target } => {
                    // It may stand there from before; that it does not is no failure.
                    drop(self.sftp.unlink(&to));
                    let made = self.sftp.symlink(target, &to);
                    made.map_err(|error| refused("link", &to, error))?;
                }
            }
        }
        Ok(())
    }

    /// Makes a folder and those above it, unless they are there.
    fn make_folder(&self, folder: &Path, mode: Option<u32>) -> Result<(), Error> {
        let about = |error| refused("make", folder, error);
        if self.sftp.stat(folder).is_err() {
            if let Some(above) = folder.parent()
                && !above.as_os_str().is_empty()
            {
                self.make_folder(above, None)?;
            }
            self.sftp.mkdir(folder, 0o755).map_err(about)?;
        }
        match mode {
            Some(mode) => self.sftp.setstat(folder, permissions(mode)).map_err(about),
            None => Ok(()),
        }
    }

    fn get(&self, path: &Path, into: &mut dyn Write) -> Result<(), Error> {
        let opened = self.sftp.open(path);
        let mut file = opened.map_err(|error| refused("get", path, error))?;
        let mut piece = vec![0; PIECE];
        loop {
            let count = file.read(&mut piece);
            match count.map_err(|error| broken("get", path, &error))? {
                0 => return Ok(()),
                count => into.write_all(&piece[..count]).map_err(Error::Write)?,
            }
            self.tell()?;
        }
    }

    fn get_tree(&self, folder: &Path, into: &Path) -> Result<(), Error> {
        let names = self.sftp.readdir(folder);
        let mut names = names.map_err(|error| refused("list", folder, error))?;
        names.sort_by(|one, other| one.0.cmp(&other.0));
        for (path, _) in names {
            let Some(name) = path.file_name() else {
                continue;
            };
            let to = into.join(name);
            let stat = self.sftp.lstat(&path);
            let stat = stat.map_err(|error| refused("look at", &path, error))?;
            let mode = fs::Permissions::from_mode(stat.perm.unwrap_or(0o644) & 0o7777);
            if stat.file_type().is_symlink() {
                let target = self.sftp.readlink(&path);
                let target = target.map_err(|error| refused("look at", &path, error))?;
                std::os::unix::fs::symlink(target, &to).map_err(|error| local(&to, error))?;
            } else if stat.is_dir() {
                fs::create_dir_all(&to).map_err(|error| local(&to, error))?;
                self.get_tree(&path, &to)?;
                fs::set_permissions(&to, mode).map_err(|error| local(&to, error))?;
            } else {
                let mut file = File::create(&to).map_err(|error| local(&to, error))?;
                self.get(&path, &mut file)?;
                file.set_permissions(mode)
                    .map_err(|error| local(&to, error))?;
            }
        }
        Ok(())
    }
}

fn permissions(mode: u32) -> FileStat {
    FileStat {
        size: None,
        uid: None,
        gid: None,
        perm: Some(mode),
        atime: None,
        mtime: None,
    }
}

/// What the server refuses says what about; what breaks on the way is the connection.
fn refused(what: &'static str, path: &Path, error: ssh2::Error) -> Error {
    match error.code() {
        ErrorCode::SFTP(_) => Error::Sftp {
            what,
            path: path.display().to_string(),
            why: error.message().to_owned(),
        },
        ErrorCode::Session(_) => Error::Refused(error),
    }
}

fn broken(what: &'static str, path: &Path, error: &io::Error) -> Error {
    Error::Sftp {
        what,
        path: path.display().to_string(),
        why: error.to_string(),
    }
}

fn local(path: &Path, source: io::Error) -> Error {
    Error::Local {
        path: path.to_owned(),
        source,
    }
}

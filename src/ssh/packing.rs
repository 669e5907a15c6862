//! A tree as a tar stream that is made while it is read, so that nothing of it lies around as a whole.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use crate::ssh::{Entry, Tree};

/// The size of tar's blocks, by its format.
const BLOCK: u64 = 512;

/// Reads a tree as tar.
pub struct Packing {
    entries: VecDeque<(PathBuf, Entry)>,
    /// What is being read now, in order: header, content, filling.
    parts: VecDeque<Part>,
    ended: bool,
}

enum Part {
    Bytes(Cursor<Vec<u8>>),
    /// A file, and how much of it the header promised.
    File {
        file: File,
        left: u64,
        path: PathBuf,
    },
}

impl Packing {
    /// Of this tree, whose files are opened one after the other.
    pub fn new(tree: &Tree) -> Self {
        Self {
            entries: tree.entries().iter().cloned().collect(),
            parts: VecDeque::new(),
            ended: false,
        }
    }

    /// Lines up the parts of the next entry, or of the end of the archive.
    fn next(&mut self) -> io::Result<()> {
        if let Some((path, entry)) = self.entries.pop_front() {
            return self.begin(&path, entry);
        }
        self.ended = true;
        self.parts.push_back(zeros(2 * BLOCK));
        Ok(())
    }

    fn begin(&mut self, path: &Path, entry: Entry) -> io::Result<()> {
        match entry {
            Entry::Folder { mode } => self.head(path, tar::EntryType::Directory, mode, 0),
            Entry::Link { to } => {
                let mut header = header(tar::EntryType::Symlink, 0o777, 0);
                let mut builder = tar::Builder::new(Vec::new());
                builder.append_link(&mut header, path, to)?;
                self.push_head(&builder);
                Ok(())
            }
            Entry::Bytes { content, mode } => {
                let size = content.len() as u64;
                self.head(path, tar::EntryType::Regular, mode, size)?;
                self.parts.push_back(Part::Bytes(Cursor::new(content)));
                self.fill(size);
                Ok(())
            }
            Entry::File { source, mode } => {
                let file = File::open(&source)?;
                let left = file.metadata()?.len();
                self.head(path, tar::EntryType::Regular, mode, left)?;
                let path = source;
                self.parts.push_back(Part::File { file, left, path });
                self.fill(left);
                Ok(())
            }
        }
    }

    fn head(&mut self, path: &Path, kind: tar::EntryType, mode: u32, size: u64) -> io::Result<()> {
        let mut builder = tar::Builder::new(Vec::new());
        // The content follows by itself; here the builder only knows what to write for long paths.
        builder.append_data(&mut header(kind, mode, size), path, io::empty())?;
        self.push_head(&builder);
        Ok(())
    }

    fn push_head(&mut self, builder: &tar::Builder<Vec<u8>>) {
        // `get_ref` and not `into_inner`, which would end the archive.
        let head = builder.get_ref().clone();
        self.parts.push_back(Part::Bytes(Cursor::new(head)));
    }

    fn fill(&mut self, size: u64) {
        self.parts
            .push_back(zeros(size.next_multiple_of(BLOCK) - size));
    }
}

impl Read for Packing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            while let Some(part) = self.parts.front_mut() {
                match part.read(buffer)? {
                    0 => drop(self.parts.pop_front()),
                    count => return Ok(count),
                }
            }
            if self.ended {
                return Ok(0);
            }
            self.next()?;
        }
    }
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Bytes(bytes) => bytes.read(buffer),
            Self::File { left: 0, .. } => Ok(0),
            Self::File { file, left, path } => {
                let count = file.take(*left).read(buffer)?;
                if count == 0 {
                    let message = format!("{} became shorter while it was read", path.display());
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
                }
                *left -= count as u64;
                Ok(count)
            }
        }
    }
}

fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    // The other end gives files the time of their arrival: a checkout's times mean nothing there.
    header.set_mtime(0);
    header
}

fn zeros(count: u64) -> Part {
    let count = usize::try_from(count).unwrap_or_default();
    Part::Bytes(Cursor::new(vec![0; count]))
}

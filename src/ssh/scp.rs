//! The protocol of `scp`: one stream of headers and contents, which the other end answers with a byte a header.
//!
//! The answers are not waited for: whatever goes wrong at the other end makes its `scp` end with a failure and a message.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Cursor, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::ssh::{Entry, Error, Stdin, Tree, quote};

/// A folder that is named only by what is in it.
const FOLDER: u32 = 0o755;

/// What a remote `scp -t` reads, made while it is read.
pub(super) struct Sending {
    entries: VecDeque<(PathBuf, Entry)>,
    /// The folder that the other end is in, below where it began.
    inside: PathBuf,
    parts: VecDeque<Box<dyn Read + Send>>,
}

impl Sending {
    /// A whole tree; its links are not scp's to send, see [`links`].
    pub fn tree(tree: &Tree) -> Self {
        let entries = tree.entries().iter().cloned();
        Self {
            entries: entries
                .filter(|(_, entry)| !matches!(entry, Entry::Link { .. }))
                .collect(),
            inside: PathBuf::new(),
            parts: VecDeque::new(),
        }
    }

    /// One file. The size must be known beforehand, so that an endless source goes through a local file.
    pub fn file(name: &str, mode: u32, content: Stdin) -> Result<Self, Error> {
        let (size, reader): (u64, Box<dyn Read + Send>) = match content {
            Stdin::Empty => (0, Box::new(io::empty())),
            Stdin::Bytes(bytes) => (bytes.len() as u64, Box::new(Cursor::new(bytes))),
            Stdin::Reader {
                reader,
                total: Some(total),
            } => (total, reader),
            Stdin::Reader {
                mut reader,
                total: None,
            } => {
                let mut whole = tempfile::tempfile().map_err(Error::Read)?;
                let size = io::copy(&mut reader, &mut whole).map_err(Error::Read)?;
                io::Seek::rewind(&mut whole).map_err(Error::Read)?;
                (size, Box::new(whole))
            }
        };
        let mut sending = Self::tree(&Tree::new());
        sending.push_file(name, mode, size, reader);
        Ok(sending)
    }

    fn say(&mut self, line: String) {
        self.parts.push_back(Box::new(Cursor::new(line)));
    }

    fn push_file(&mut self, name: &str, mode: u32, size: u64, reader: Box<dyn Read + Send>) {
        self.say(format!("C{mode:04o} {size} {name}\n"));
        self.parts
            .push_back(Box::new(Exactly { reader, left: size }));
        self.parts.push_back(Box::new(Cursor::new([0])));
    }

    /// Goes to a folder, through the folders between.
    fn go_to(&mut self, folder: &Path, mode: u32) -> io::Result<()> {
        while !folder.starts_with(&self.inside) {
            self.inside.pop();
            self.say("E\n".to_owned());
        }
        let rest: Vec<_> = folder
            .strip_prefix(&self.inside)
            .into_iter()
            .flatten()
            .collect();
        let last = rest.len().saturating_sub(1);
        let names = rest.iter().enumerate();
        let names: Vec<_> = names
            .map(|(at, name)| {
                let mode = if at == last { mode } else { FOLDER };
                Ok((named(Path::new(name))?, mode))
            })
            .collect::<io::Result<_>>()?;
        for (name, mode) in names {
            self.say(format!("D{mode:04o} 0 {name}\n"));
        }
        folder.clone_into(&mut self.inside);
        Ok(())
    }

    fn next(&mut self) -> io::Result<bool> {
        let Some((path, entry)) = self.entries.pop_front() else {
            return Ok(false);
        };
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        match entry {
            Entry::Folder { mode } => self.go_to(&path, mode)?,
            Entry::Link { .. } => {}
            Entry::Bytes { content, mode } => {
                self.go_to(&folder, FOLDER)?;
                let size = content.len() as u64;
                self.push_file(&named(&path)?, mode, size, Box::new(Cursor::new(content)));
            }
            Entry::File { source, mode } => {
                self.go_to(&folder, FOLDER)?;
                let file = File::open(&source)?;
                let size = file.metadata()?.len();
                self.push_file(&named(&path)?, mode, size, Box::new(file));
            }
        }
        Ok(true)
    }
}

impl Read for Sending {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            while let Some(part) = self.parts.front_mut() {
                match part.read(buffer)? {
                    0 => drop(self.parts.pop_front()),
                    count => return Ok(count),
                }
            }
            if !self.next()? {
                return Ok(0);
            }
        }
    }
}

/// As many bytes as the header has promised.
struct Exactly {
    reader: Box<dyn Read + Send>,
    left: u64,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = (&mut self.reader).take(self.left).read(buffer)?;
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            let text = "what was to be sent became shorter while it was read";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// The name of a path, for a header, which is a line.
fn named(path: &Path) -> io::Result<String> {
    let name = path.file_name().and_then(|name| name.to_str());
    match name {
        Some(name) if !name.contains('\n') => Ok(name.to_owned()),
        _ => {
            let text = format!("scp cannot send a name like {}", path.display());
            Err(io::Error::new(io::ErrorKind::InvalidInput, text))
        }
    }
}

/// Commands that make the links of a tree below a folder, each with ` && ` before it.
pub(super) fn links(tree: &Tree, folder: &str) -> String {
    let mut commands = String::new();
    for (path, entry) in tree.entries() {
        if let Entry::Link { to } = entry {
            let link = format!("{folder}/{}", path.display());
            let command = format!(
                " && ln -sfn {} {}",
                quote(&to.display().to_string()),
                quote(&link)
            );
            commands.push_str(&command);
        }
    }
    commands
}

/// Takes what a remote `scp -f` writes.
pub(super) struct Receiving<'a> {
    into: Into<'a>,
    line: Vec<u8>,
    state: State,
    /// What the other end complained about.
    pub complaints: String,
}

/// Where what is received goes.
pub(super) enum Into<'a> {
    /// The one file that comes.
    File(&'a mut (dyn Write + Send)),
    /// What is in the folder that comes; the local one, and where we are below it.
    Folder { inside: PathBuf, depth: usize },
}

enum State {
    Header,
    Content {
        left: u64,
        file: Option<File>,
    },
    /// The byte after a content.
    End,
}

impl<'a> Receiving<'a> {
    pub fn new(into: Into<'a>) -> Self {
        Self {
            into,
            line: Vec::new(),
            state: State::Header,
            complaints: String::new(),
        }
    }

    pub fn take(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Header => {
                    let end = bytes.iter().position(|byte| *byte == b'\n');
                    let taken = end.map_or(bytes.len(), |at| at + 1);
                    self.line.extend(&bytes[..taken]);
                    bytes = &bytes[taken..];
                    if end.is_some() {
                        let line = std::mem::take(&mut self.line);
                        self.header(&String::from_utf8_lossy(&line))?;
                    }
                }
                State::Content { left, file } => {
                    let count = usize::try_from(*left)
                        .unwrap_or(usize::MAX)
                        .min(bytes.len());
                    let (now, later) = bytes.split_at(count);
                    match (file, &mut self.into) {
                        (Some(file), _) => file.write_all(now)?,
                        (None, Into::File(into)) => into.write_all(now)?,
                        (None, Into::Folder { .. }) => {}
                    }
                    *left -= count as u64;
                    bytes = later;
                    if *left == 0 {
                        self.state = State::End;
                    }
                }
                State::End => {
                    bytes = &bytes[1..];
                    self.state = State::Header;
                }
            }
        }
        Ok(())
    }

    fn header(&mut self, line: &str) -> io::Result<()> {
        let line = line.trim_end_matches('\n');
        let odd = || io::Error::new(io::ErrorKind::InvalidData, format!("scp said {line:?}"));
        if let Some(complaint) = line.strip_prefix(['\u{1}', '\u{2}']) {
            self.complaints.push_str(complaint);
            return Ok(());
        }
        if line == "E" {
            if let Into::Folder { inside, depth } = &mut self.into {
                *depth = depth.checked_sub(1).ok_or_else(odd)?;
                if *depth > 0 {
                    inside.pop();
                }
            }
            return Ok(());
        }
        let mut words = line.get(1..).ok_or_else(odd)?.splitn(3, ' ');
        let mut word = || words.next().ok_or_else(odd);
        let (mode, size, name) = (word()?, word()?, word()?);
        let mode = u32::from_str_radix(mode, 8).map_err(|_| odd())? & 0o7777;
        let size: u64 = size.parse().map_err(|_| odd())?;
        // A name that leads elsewhere is an attack (CVE-2019-6111).
        if name.contains('/') || matches!(name, "" | "." | "..") && line.starts_with('C') {
            return Err(odd());
        }
        match (line.as_bytes()[0], &mut self.into) {
            (b'C', Into::File(_)) => self.begin(size, None),
            (b'C', Into::Folder { inside, .. }) => {
                let file = File::create(inside.join(name))?;
                file.set_permissions(fs::Permissions::from_mode(mode))?;
                self.begin(size, Some(file));
            }
            (b'D', Into::Folder { inside, depth }) => {
                // The first one is the folder that was asked for, which is here already.
                if *depth > 0 {
                    if name == ".." {
                        return Err(odd());
                    }
                    inside.push(name);
                    fs::create_dir_all(&*inside)?;
                    fs::set_permissions(&*inside, fs::Permissions::from_mode(mode | 0o700))?;
                }
                *depth += 1;
            }
            _ => return Err(odd()),
        }
        Ok(())
    }

    fn begin(&mut self, left: u64, file: Option<File>) {
        self.state = match left {
            0 => State::End,
            left => State::Content { left, file },
        };
    }
}

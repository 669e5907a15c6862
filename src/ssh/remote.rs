//! What one can do with a machine: run a command, send and fetch files and folders. Everything but `exec` is written once,
//! here, in terms of `exec`, so that a double has one method to fill in.

use std::fmt;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use crate::ssh::lines::Lines;
use crate::ssh::{Error, Target, Tree, quote, transfer};

/// What to put before a command that needs root: nothing where one is root already, since small systems have no sudo.
pub const AS_ROOT: &str = "$(test \"$(id -u)\" = 0 || echo sudo -n)";

/// Which of a command's two outputs something came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

/// What a command reads.
pub enum Stdin {
    Empty,
    Bytes(Vec<u8>),
    /// Read as the other end takes it; the total is for progress only.
    Reader {
        reader: Box<dyn Read + Send>,
        total: Option<u64>,
    },
}

/// A command for the remote user's shell.
pub struct Command {
    /// Shell text.
    pub text: String,
    pub stdin: Stdin,
    /// The command fails when it has not ended after this long; no limit otherwise.
    pub timeout: Option<Duration>,
    /// Whether it may have a terminal, where the session has them switched on.
    pub terminal: bool,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    /// The name of the signal, without `SIG`.
    Signal(String),
}

/// What comes back while a command runs.
#[derive(Debug, PartialEq, Eq)]
pub enum Chunk<'a> {
    Data(Stream, &'a [u8]),
    /// So many bytes of its input were sent.
    Sent {
        bytes: u64,
        total: Option<u64>,
    },
}

/// Takes a command's output line by line. Closures of stream and line are outputs too.
pub trait Output {
    /// Takes one line, without its end.
    fn line(&mut self, stream: Stream, line: &str);

    /// Hears how much of the input was sent.
    fn sent(&mut self, bytes: u64, total: Option<u64>) {
        let _ = (bytes, total);
    }
}

impl<F: FnMut(Stream, &str)> Output for F {
    fn line(&mut self, stream: Stream, line: &str) {
        self(stream, line);
    }
}

/// Drops all output.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Output for Silent {
    fn line(&mut self, _: Stream, _: &str) {}
}

/// A machine that runs commands.
///
/// Dropping a future of it ends the command's channel; what the command had started may go on for a while.
#[expect(
    async_fn_in_trait,
    reason = "flows run on one task; nothing asks for `Send`"
)]
pub trait Remote {
    /// Runs a command and hands over what it writes, as bytes and as they come.
    ///
    /// Errors when it could not be run to its end; any exit is a value.
    async fn exec(&self, command: Command, chunk: &mut dyn FnMut(Chunk<'_>))
    -> Result<Exit, Error>;

    /// How another client reaches the same machine, with the host key that this one knows; nothing where none can.
    fn target(&self) -> Option<&Target> {
        None
    }

    /// Ends the connection. Dropping does so too, without waiting for it.
    async fn close(&self);

    /// Runs a command and hands over what it writes, line by line.
    async fn run(&self, command: Command, output: &mut dyn Output) -> Result<Exit, Error> {
        let (mut out, mut err) = (Lines::new(Stream::Out), Lines::new(Stream::Err));
        let exit = self
            .exec(command, &mut |chunk| match chunk {
                Chunk::Data(Stream::Out, bytes) => out.push(bytes, output),
                Chunk::Data(Stream::Err, bytes) => err.push(bytes, output),
                Chunk::Sent { bytes, total } => output.sent(bytes, total),
            })
            .await;
        out.finish(output);
        err.finish(output);
        exit
    }

    /// Runs a command that must end with 0 and returns its standard output.
    ///
    /// Errors with [`Error::Failed`], quoting what it wrote to its other output, when it ends otherwise.
    async fn capture(&self, command: Command) -> Result<Vec<u8>, Error> {
        let text = command.text.clone();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = self
            .exec(command, &mut |chunk| match chunk {
                Chunk::Data(Stream::Out, bytes) => out.extend_from_slice(bytes),
                Chunk::Data(Stream::Err, bytes) => err.extend_from_slice(bytes),
                Chunk::Sent { .. } => {}
            })
            .await?;
        expect_success(&text, exit, &err)?;
        Ok(out)
    }

    /// Writes a file on the machine, with these permission bits, as the remote user. Its folder must be there.
    async fn upload(
        &self,
        content: Stdin,
        path: &str,
        mode: u32,
        progress: &mut dyn Output,
    ) -> Result<(), Error> {
        stream_file(self, content, path, mode, progress).await
    }

    /// Puts a tree of files below a folder, which is made when it is not there, as one stream. With `sudo` as root, and
    /// everything is root's; else everything is the remote user's.
    async fn upload_tree(
        &self,
        tree: &Tree,
        folder: &str,
        sudo: bool,
        progress: &mut dyn Output,
    ) -> Result<(), Error> {
        stream_tree(self, tree, folder, sudo, progress).await
    }

    /// Reads a file of the machine.
    async fn download(&self, path: &str, into: &mut (dyn Write + Send)) -> Result<(), Error> {
        self.fetch(transfer::cat(path), into).await
    }

    /// Runs a command that must end with 0 and writes its output to a local place.
    async fn fetch(&self, text: String, into: &mut (dyn Write + Send)) -> Result<(), Error> {
        let (mut err, mut written) = (Vec::new(), Ok(()));
        let exit = self
            .exec(Command::new(text.clone()), &mut |chunk| match chunk {
                Chunk::Data(Stream::Out, bytes) if written.is_ok() => {
                    written = into.write_all(bytes);
                }
                Chunk::Data(Stream::Err, bytes) => err.extend_from_slice(bytes),
                _ => {}
            })
            .await?;
        expect_success(&text, exit, &err)?;
        written.map_err(Error::Write)
    }

    /// Reads the contents of a folder of the machine into a local one, which must be there.
    async fn download_tree(&self, folder: &str, into: &Path) -> Result<(), Error> {
        self.fetch_tree(transfer::pack(folder), into).await
    }

    /// Unpacks the tar stream that a command writes into a local folder, which must be there.
    async fn fetch_tree(&self, text: String, into: &Path) -> Result<(), Error> {
        let local = |source| Error::Local {
            path: into.to_owned(),
            source,
        };
        let mut packed = tempfile::tempfile().map_err(local)?;
        self.fetch(text, &mut packed).await?;
        packed.seek(SeekFrom::Start(0)).map_err(local)?;
        let mut archive = tar::Archive::new(std::io::BufReader::new(packed));
        archive.set_preserve_permissions(true);
        archive.unpack(into).map_err(local)
    }

    /// Runs a command that reads its input and must end with 0.
    async fn send(&self, command: Command, progress: &mut dyn Output) -> Result<(), Error> {
        let text = command.text.clone();
        let mut err = Vec::new();
        let exit = self
            .exec(command, &mut |chunk| match chunk {
                Chunk::Data(_, bytes) => err.extend_from_slice(bytes),
                Chunk::Sent { bytes, total } => progress.sent(bytes, total),
            })
            .await?;
        expect_success(&text, exit, &err)
    }
}

/// Sends a file through `cat`.
pub(super) async fn stream_file<R: Remote + ?Sized>(
    remote: &R,
    content: Stdin,
    path: &str,
    mode: u32,
    progress: &mut dyn Output,
) -> Result<(), Error> {
    let path = quote(path);
    // The file is nobody else's to read until it is whole and has its mode.
    let command = Command::new(format!(
        "umask 077; cat > {path} && chmod {mode:04o} {path}"
    ));
    remote.send(command.stdin(content), progress).await
}

/// Sends a tree through `tar`.
pub(super) async fn stream_tree<R: Remote + ?Sized>(
    remote: &R,
    tree: &Tree,
    folder: &str,
    sudo: bool,
    progress: &mut dyn Output,
) -> Result<(), Error> {
    let folder = quote(folder);
    let sudo = if sudo { "sudo -n " } else { "" };
    let text = format!("{sudo}mkdir -p {folder} && {sudo}tar --no-same-owner -xpmf - -C {folder}");
    let command = Command::new(text).stdin(tree.stdin()?);
    remote.send(command, progress).await
}

pub(super) fn expect_success(text: &str, exit: Exit, err: &[u8]) -> Result<(), Error> {
    if exit == Exit::Code(0) {
        return Ok(());
    }
    Err(Error::Failed {
        command: text.to_owned(),
        exit,
        message: String::from_utf8_lossy(err).trim().to_owned(),
    })
}

impl Command {
    /// A command without input and without a limit.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            stdin: Stdin::Empty,
            timeout: None,
            terminal: false,
        }
    }

    /// With this input.
    #[must_use]
    pub fn stdin(mut self, stdin: Stdin) -> Self {
        self.stdin = stdin;
        self
    }

    /// With this limit, if any.
    #[must_use]
    pub fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    /// With a terminal, where the session has them switched on.
    #[must_use]
    pub fn terminal(mut self) -> Self {
        self.terminal = true;
        self
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("text", &self.text)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Stdin {
    /// A local file, opened now and read as the other end takes it.
    pub fn file(path: &Path) -> Result<Self, Error> {
        let local = |source| Error::Local {
            path: path.to_owned(),
            source,
        };
        let file = std::fs::File::open(path).map_err(local)?;
        let total = Some(file.metadata().map_err(local)?.len());
        Ok(Self::Reader {
            reader: Box::new(file),
            total,
        })
    }

    /// How many bytes it has, when that is known.
    pub fn total(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Reader { total, .. } => *total,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(name) => write!(f, "signal {name}"),
        }
    }
}

//! Programs of this host: their output comes line by line, and they end with the work that began them.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::ssh::{Exit, Lines, Output, Stream};

/// What is read at a time.
const PIECE: usize = 32 * 1024;
/// How long a program's output is read on after its end: what it left in the background may hold it open for ever.
const REST: Duration = Duration::from_millis(500);
/// Ends a group: asks first, and insists two seconds later.
const END: &str = "kill -s TERM -- -$1 || exit 0; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.2; \
                   kill -s 0 -- -$1 || exit 0; done; kill -s KILL -- -$1";

/// A program, its arguments, and what it has in its environment besides ours.
pub struct Program<'a> {
    pub words: &'a [String],
    pub environment: &'a [(String, String)],
}

/// Runs a program to its end; dropped before, it is ended with all that it has begun.
///
/// Errors when it cannot be started; any exit is a value.
pub async fn run(program: Program<'_>, output: &mut dyn Output) -> std::io::Result<Exit> {
    let [name, arguments @ ..] = program.words else {
        return Ok(Exit::Code(0));
    };
    let environment = program
        .environment
        .iter()
        .map(|(name, value)| (name, value));
    let mut child = Command::new(name)
        .args(arguments)
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let mut group = Group(child.id());
    let status = hear(&mut child, output).await?;
    group.0 = None;
    Ok(exit(status))
}

async fn hear(child: &mut Child, output: &mut dyn Output) -> std::io::Result<ExitStatus> {
    let mut out = Pipe::new(child.stdout.take(), Stream::Out);
    let mut err = Pipe::new(child.stderr.take(), Stream::Err);
    let status = loop {
        tokio::select! {
            biased;
            count = out.read() => out.take(count, output),
            count = err.read() => err.take(count, output),
            status = child.wait() => break status?,
        }
    };
    let rest = async {
        while out.source.is_some() || err.source.is_some() {
            tokio::select! {
                count = out.read() => out.take(count, output),
                count = err.read() => err.take(count, output),
            }
        }
    };
    // Not in time is no failure: see `REST`.
    drop(timeout(REST, rest).await);
    out.lines.finish(output);
    err.lines.finish(output);
    Ok(status)
}

/// One of a program's outputs.
struct Pipe<R> {
    source: Option<R>,
    piece: Vec<u8>,
    lines: Lines,
}

impl<R: AsyncRead + Unpin> Pipe<R> {
    fn new(source: Option<R>, stream: Stream) -> Self {
        Self {
            source,
            piece: vec![0; PIECE],
            lines: Lines::new(stream),
        }
    }

    /// The next bytes, into the piece; never comes back once there are none.
    async fn read(&mut self) -> usize {
        match &mut self.source {
            // An output that cannot be read has ended.
            Some(source) => source.read(&mut self.piece).await.unwrap_or_default(),
            None => std::future::pending().await,
        }
    }

    fn take(&mut self, count: usize, output: &mut dyn Output) {
        if count == 0 {
            self.source = None;
        }
        self.lines.push(&self.piece[..count], output);
    }
}

fn exit(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal.unwrap_or_default().to_string()),
    }
}

/// A process group, ended when dropped.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let Some(id) = self.0 else {
            return;
        };
        let ended = std::process::Command::new("/bin/sh")
            .args(["-c", END, "end", &id.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        // Without a shell there is nobody to end it, and nobody to tell.
        drop(ended);
    }
}

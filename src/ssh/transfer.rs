//! Files and folders by the remote `scp`, and what the ways of sending have in common.

use std::io::{self, Write};
use std::path::Path;

use crate::ssh::remote::expect_success;
use crate::ssh::scp::{Into, Receiving, Sending, links};
use crate::ssh::{Chunk, Command, Error, Exit, Output, Remote, Stdin, Stream, Tree, quote};

/// The shell's word for a command that there is not.
const NOT_FOUND: i32 = 127;

/// The command that packs a folder's contents.
pub(super) fn pack(folder: &str) -> String {
    format!("tar -cf - -C {} .", quote(folder))
}

/// The command that reads a file.
pub(super) fn cat(path: &str) -> String {
    format!("cat {}", quote(path))
}

/// Whether the machine lacks the program that was asked for.
pub(super) fn is_missing(error: &Error) -> bool {
    matches!(
        error,
        Error::Failed {
            exit: Exit::Code(NOT_FOUND),
            ..
        }
    )
}

pub(super) async fn scp_file(
    remote: &impl Remote,
    content: Stdin,
    path: &str,
    mode: u32,
    progress: &mut dyn Output,
) -> Result<(), Error> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let total = content.total();
    let reader = Box::new(Sending::file(name, mode, content)?);
    let command = Command::new(format!("scp -p -t -- {}", quote(path)));
    let sent = remote.send(command.stdin(Stdin::Reader { reader, total }), progress);
    sent.await.map_err(plain)
}

pub(super) async fn scp_tree(
    remote: &impl Remote,
    tree: &Tree,
    folder: &str,
    progress: &mut dyn Output,
) -> Result<(), Error> {
    let place = quote(folder);
    let links = links(tree, folder);
    let text = format!("mkdir -p {place} && scp -r -p -t -- {place}{links}");
    let reader = Box::new(Sending::tree(tree));
    let stdin = Stdin::Reader {
        reader,
        total: None,
    };
    let sent = remote.send(Command::new(text).stdin(stdin), progress);
    sent.await.map_err(plain)
}

pub(super) async fn scp_fetch_file(
    remote: &impl Remote,
    path: &str,
    into: &mut (dyn Write + Send),
) -> Result<(), Error> {
    let text = format!("scp -f -- {}", quote(path));
    scp_fetch(remote, text, Receiving::new(Into::File(into))).await
}

pub(super) async fn scp_fetch_tree(
    remote: &impl Remote,
    folder: &str,
    into: &Path,
) -> Result<(), Error> {
    let text = format!("scp -r -f -- {}", quote(folder));
    let inside = into.to_owned();
    scp_fetch(
        remote,
        text,
        Receiving::new(Into::Folder { inside, depth: 0 }),
    )
    .await
}

async fn scp_fetch(
    remote: &impl Remote,
    text: String,
    mut receiving: Receiving<'_>,
) -> Result<(), Error> {
    // The other end waits for a byte after each header and each file; it takes as many of these as it needs.
    let agreed = Stdin::Reader {
        reader: Box::new(io::repeat(0)),
        total: None,
    };
    let (mut err, mut taken) = (Vec::new(), Ok(()));
    let exit = remote
        .exec(
            Command::new(text.clone()).stdin(agreed),
            &mut |chunk| match chunk {
                Chunk::Data(Stream::Out, bytes) if taken.is_ok() => taken = receiving.take(bytes),
                Chunk::Data(Stream::Err, bytes) => err.extend_from_slice(bytes),
                _ => {}
            },
        )
        .await?;
    if err.is_empty() {
        err.extend(receiving.complaints.as_bytes());
    }
    expect_success(&text, exit, &err)?;
    taken.map_err(Error::Write)
}

/// Without the bytes that only another `scp` understands.
fn plain(error: Error) -> Error {
    match error {
        Error::Failed {
            command,
            exit,
            message,
        } => Error::Failed {
            command,
            exit,
            message: message
                .replace(['\0', '\u{1}', '\u{2}'], "")
                .trim()
                .to_owned(),
        },
        error => error,
    }
}

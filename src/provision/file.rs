//! `file`: files and folders to and from the machine. The slash at the end of a path decides what goes where
//! (anchors/packer.md 4.2).

use std::fs::{self, File};
use std::path::Path;

use crate::provision::sink::Sink;
use crate::provision::{Context, Error};
use crate::run::Events;
use crate::ssh::{AS_ROOT, Command, Entry, Remote, Stdin, Tree, quote};
use crate::template::provisioner::{FileTransfer, Transfer};

/// The mode of a file that has none of its own here.
const MODE: u32 = 0o644;

/// Moves what the provisioner names.
pub(super) async fn transfer(
    file: &FileTransfer,
    remote: &impl Remote,
    context: &Context,
    events: &dyn Events,
) -> Result<(), Error> {
    let data = context.data();
    let destination = file.destination.render(&data)?;
    let mut sink = Sink::new(events);
    match &file.what {
        Transfer::Upload { sources, .. } => {
            for source in sources {
                let source = source.render(&data)?;
                sink.note(format!("uploading {source} to {destination}"));
                upload(file, &source, &destination, remote, &mut sink).await?;
            }
        }
        Transfer::Content(text) => {
            sink.note(format!("writing {destination}"));
            let stdin = Stdin::Bytes(text.render(&data)?.into_bytes());
            let text = put(file, "content", &destination, MODE);
            let command = Command::new(text).stdin(stdin);
            remote.send(command, &mut sink).await?;
        }
        Transfer::Download { sources } => {
            for source in sources {
                let source = source.render(&data)?;
                sink.note(format!("downloading {source} to {destination}"));
                download(&source, &destination, file.become_root, remote).await?;
            }
        }
    }
    Ok(())
}

async fn upload(
    file: &FileTransfer,
    source: &str,
    destination: &str,
    remote: &impl Remote,
    sink: &mut Sink<'_>,
) -> Result<(), Error> {
    let path = Path::new(source);
    let meta = fs::metadata(path).map_err(at(path))?;
    let command = if meta.is_dir() {
        let tree = with_mode(Tree::read(path)?, file.mode);
        let text = unpack(file, &folder_for(source, destination));
        Command::new(text).stdin(tree.stdin()?)
    } else {
        let mode = std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o7777;
        let text = put(file, base(source), destination, mode);
        Command::new(text).stdin(Stdin::file(path)?)
    };
    Ok(remote.send(command, sink).await?)
}

/// The tree with these permission bits on every file.
fn with_mode(tree: Tree, mode: Option<u32>) -> Tree {
    let Some(mode) = mode else {
        return tree;
    };
    let mut changed = Tree::new();
    for (path, entry) in tree.entries() {
        let entry = match entry.clone() {
            Entry::File { source, .. } => Entry::File { source, mode },
            other => other,
        };
        changed.add(path, entry);
    }
    changed
}

/// `dir/` puts what is in it into the destination, `dir` makes a folder of that name there.
fn folder_for(source: &str, destination: &str) -> String {
    if source.ends_with('/') {
        return destination.to_owned();
    }
    format!("{}/{}", destination.trim_end_matches('/'), base(source))
}

/// What takes a tar stream apart in a folder. Only what was in it is given to the owner: the folder may hold more.
fn unpack(file: &FileTransfer, folder: &str) -> String {
    let folder = quote(folder);
    let Some(owner) = &file.owner else {
        let text = format!("mkdir -p {folder} && tar --no-same-owner -xpmf - -C {folder}");
        return as_root(file.become_root, &text);
    };
    let owner = quote(owner);
    let text = format!(
        "set -e; mkdir -p {folder}; cd {folder}; names=$(mktemp); trap 'rm -f \"$names\"' EXIT; \
         tar --no-same-owner --quoting-style=literal -xpmvf - > \"$names\"; \
         xargs -r -d '\\n' -a \"$names\" chown -h {owner}"
    );
    as_root(true, &text)
}

/// What writes a file to the destination, or into it when it is a folder; one that ends with a slash must be.
fn put(file: &FileTransfer, name: &str, destination: &str, mode: u32) -> String {
    let (to, name) = (quote(destination), quote(name));
    let mode = file.mode.unwrap_or(mode);
    let owner = file.owner.as_ref();
    let owner = owner.map(|owner| format!(" && chown {} \"$to\"", quote(owner)));
    let text = format!(
        "to={to}; if test -d \"$to\"; then to=\"${{to%/}}\"/{name}; fi; \
         umask 077; cat > \"$to\"{} && chmod {mode:04o} \"$to\"",
        // First, since it takes away what the mode may give.
        owner.unwrap_or_default(),
    );
    as_root(file.become_root, &text)
}

fn as_root(root: bool, text: &str) -> String {
    if root {
        format!("{AS_ROOT} sh -c {}", quote(text))
    } else {
        text.to_owned()
    }
}

/// A source with a slash at its end, or with a pattern, is many files; anything else is one.
async fn download(
    source: &str,
    destination: &str,
    root: bool,
    remote: &impl Remote,
) -> Result<(), Error> {
    let into = Path::new(destination);
    if let Some(at) = source.find(['*', '?', '[']) {
        fs::create_dir_all(into).map_err(self::at(into))?;
        let folder = source[..at].rfind('/').map_or(0, |slash| slash + 1);
        let (folder, pattern) = source.split_at(folder);
        let text = format!(
            "cd {} && tar -cf - -- {}",
            quote(if folder.is_empty() { "." } else { folder }),
            quote_pattern(pattern)
        );
        return Ok(remote.fetch_tree(as_root(root, &text), into).await?);
    }
    if source.ends_with('/') {
        fs::create_dir_all(into).map_err(self::at(into))?;
        let text = format!("tar -cf - -C {} .", quote(source));
        return Ok(remote.fetch_tree(as_root(root, &text), into).await?);
    }
    let path = if destination.ends_with('/') || into.is_dir() {
        into.join(base(source))
    } else {
        into.to_owned()
    };
    download_one(source, &path, root, remote).await
}

async fn download_one(
    source: &str,
    path: &Path,
    root: bool,
    remote: &impl Remote,
) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(at(folder))?;
    }
    let mut file = File::create(path).map_err(at(path))?;
    let text = as_root(root, &format!("cat {}", quote(source)));
    let done = remote.fetch(text, &mut file).await;
    if done.is_err() {
        // Half a file is worse than none; that it cannot be removed is not the error to tell.
        drop(fs::remove_file(path));
    }
    Ok(done?)
}

/// Quotes all but what makes a pattern.
fn quote_pattern(pattern: &str) -> String {
    let plain = |c: char| "*?[]-!".contains(c);
    let parts = pattern.split_inclusive(plain);
    parts
        .map(|part| match part.chars().last().filter(|&c| plain(c)) {
            Some(sign) if part.len() == 1 => sign.to_string(),
            Some(sign) => format!("{}{sign}", quote(&part[..part.len() - 1])),
            None => quote(part),
        })
        .collect()
}

fn base(path: &str) -> &str {
    path.trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(path)
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> Error {
    move |source| Error::Local {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slash_decides() {
        assert_eq!(folder_for("conf", "/etc"), "/etc/conf");
        assert_eq!(folder_for("a/conf", "/etc/"), "/etc/conf");
        assert_eq!(folder_for("a/conf/", "/etc/web"), "/etc/web");
        assert_eq!(base("a/b/"), "b");
    }

    #[test]
    fn patterns_are_quoted_around_their_signs() {
        assert_eq!(quote_pattern("*.log"), "*.log");
        assert_eq!(quote_pattern("my $(x)*[0-9]?"), "'my $(x)'*[0-9]?");
    }
}

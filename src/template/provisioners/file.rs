//! `file` (anchors/packer.md 4.2; core `provisioner/file`).

use super::super::late::Late;
use super::super::options::{Key, Options, on};
use super::super::provisioner::{FileTransfer, Transfer};
use super::Build;
use crate::source::Diagnostic;

pub(super) const KEYS: &[Key] = &[
    on("source"),
    on("sources"),
    on("content"),
    on("destination"),
    on("direction"),
    on("generated"),
    on("owner"),
    on("mode"),
    on("become"),
];

/// Late data of every field.
const DATA: &[&str] = &["build"];

pub(super) fn read(options: &Options<'_>, build: &Build<'_>) -> Option<FileTransfer> {
    let destination = if options.says("destination") {
        options.late("destination", DATA)
    } else {
        options.missing(
            "destination",
            "say where it goes; a trailing slash means into that folder",
        );
        None
    };
    let what = what(options, build);
    let owner = owner(options);
    let mode = mode(options);
    if matches!(what, Some(Transfer::Download { .. })) {
        refuse_for_download(options);
    }
    Some(FileTransfer {
        what: what?,
        destination: destination?,
        // Nobody but root gives files away.
        become_root: options.flag("become") || owner.is_some(),
        owner,
        mode,
    })
}

/// `user` or `user:group`, as `chown` takes them.
fn owner(options: &Options<'_>) -> Option<String> {
    let owner = options.text("owner")?;
    let sound = |name: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-$".contains(c);
        !name.is_empty() && !name.starts_with('-') && name.chars().all(plain)
    };
    if !owner.split(':').all(sound) || owner.split(':').count() > 2 {
        let finding = Diagnostic::error(
            "template::wrong_value",
            format!("`owner` cannot be `{owner}`"),
        );
        options.report(
            finding
                .at_value(&owner, "neither a user nor a user and a group")
                .help("write \"user\" or \"user:group\""),
        );
        return None;
    }
    Some(owner.value)
}

/// Octal digits, in quotes or not.
fn mode(options: &Options<'_>) -> Option<u32> {
    let text = options.text("mode")?;
    let mode = u32::from_str_radix(&text, 8).ok();
    let mode = mode.filter(|mode| *mode <= 0o7777);
    if mode.is_none() {
        let finding = Diagnostic::error(
            "template::wrong_value",
            format!("`mode` cannot be `{text}`"),
        );
        options.report(
            finding
                .at_value(&text, "not octal permission bits")
                .help("write \"0644\" or \"0755\""),
        );
    }
    mode
}

fn refuse_for_download(options: &Options<'_>) {
    for name in ["owner", "mode"] {
        if let Some(value) = options.text(name) {
            let message = format!("`{name}` is for uploads: what comes down is yours");
            let finding = Diagnostic::error("template::exclusive", message);
            options.report(
                finding
                    .at_value(&value, "of a download")
                    .help("leave it out"),
            );
        }
    }
}

fn what(options: &Options<'_>, build: &Build<'_>) -> Option<Transfer> {
    options.exclusive("source", "content");
    options.exclusive("sources", "content");
    if options.has("content") {
        return options.late("content", DATA).map(Transfer::Content);
    }
    let written = sources(options);
    let blank = |source: &Late| source.text() == Some("");
    let (empty, sources): (Vec<_>, Vec<_>) = written.into_iter().partition(blank);
    if sources.is_empty() {
        let said = options.says("source") || options.says("sources");
        if !said || !empty.is_empty() {
            options.missing_all(
                &["source", "sources", "content"],
                "name a local file or folder, several `sources`, or give the `content` itself",
            );
        }
        return None;
    }
    let download = options
        .choice("direction", &[("upload", false), ("download", true)])
        .unwrap_or(false);
    if download {
        return Some(Transfer::Download { sources });
    }
    let generated = options.flag("generated");
    if !generated {
        for source in &sources {
            expect(options, build, source);
        }
    }
    Some(Transfer::Upload { sources, generated })
}

fn sources(options: &Options<'_>) -> Vec<Late> {
    let mut sources: Vec<Late> = options.late("source", DATA).into_iter().collect();
    sources.extend(options.lates("sources", DATA).items);
    sources
}

/// A source that is known now must be there now, unless it is generated.
fn expect(options: &Options<'_>, build: &Build<'_>, source: &Late) {
    if let (Some(text), Some(place)) = (source.text(), source.place()) {
        build.local.expect_file(
            options,
            "source",
            crate::source::Spanned::new(text.to_owned(), place),
        );
    }
}

//! `file` (anchors/packer.md 4.2; core `provisioner/file`).

use super::super::late::Late;
use super::super::options::{Key, Options, on};
use super::super::provisioner::{FileTransfer, Transfer};
use super::Build;

pub(super) const KEYS: &[Key] = &[
    on("source"),
    on("sources"),
    on("content"),
    on("destination"),
    on("direction"),
    on("generated"),
];

/// Late data of every field.
const DATA: &[&str] = &["build"];

pub(super) fn read(options: &Options<'_>, build: &Build<'_>) -> Option<FileTransfer> {
    let destination = if options.has("destination") {
        options.late("destination", DATA)
    } else {
        options.missing(
            "destination",
            "say where it goes; a trailing slash means into that folder",
        );
        None
    };
    let what = what(options, build);
    Some(FileTransfer {
        what: what?,
        destination: destination?,
    })
}

fn what(options: &Options<'_>, build: &Build<'_>) -> Option<Transfer> {
    options.exclusive("source", "content");
    options.exclusive("sources", "content");
    if options.has("content") {
        return options.late("content", DATA).map(Transfer::Content);
    }
    let sources = sources(options);
    if sources.is_empty() {
        if !options.has("source") && !options.has("sources") {
            options.missing(
                "source",
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

//! The options of each kind of post-processor (anchors/packer.md 3.2).

use super::super::options::{Key, Options, on};
use super::super::post_processor::{Artifice, Kind, Manifest};
use super::super::provisioners::{Build, shell_local};

const MANIFEST: &[Key] = &[
    on("output"),
    on("strip_path"),
    on("strip_time"),
    on("custom_data"),
];
const ARTIFICE: &[Key] = &[on("files")];

/// The options that a kind has of its own.
pub(super) fn keys(kind: &str) -> &'static [Key] {
    match kind {
        "manifest" => MANIFEST,
        "shell-local" => shell_local::KEYS,
        _ => ARTIFICE,
    }
}

/// Whether a kind keeps what it is given where the template does not say.
pub(super) fn keeps(kind: &str) -> bool {
    kind != "compress"
}

/// Whether it keeps that whatever the template says.
pub(super) fn forces_keep(kind: &str) -> bool {
    keeps(kind) && kind != "artifice"
}

/// Reads a kind; `None` when something is missing, which is reported.
pub(super) fn read(kind: &str, options: &Options<'_>, build: &Build<'_>) -> Option<Kind> {
    Some(match kind {
        "manifest" => Kind::Manifest(manifest(options)),
        "shell-local" => Kind::ShellLocal(shell_local::read(options, build)?),
        _ => Kind::Artifice(artifice(options)?),
    })
}

fn manifest(options: &Options<'_>) -> Manifest {
    let custom_data = options.texts("custom_data", &["build"]).into_iter();
    let output = options.text("output");
    Manifest {
        output: output.map_or_else(|| "packer-manifest.json".into(), |path| path.value.into()),
        strip_path: options.flag("strip_path"),
        strip_time: options.flag("strip_time"),
        custom_data: custom_data
            .map(|(name, value)| (name.value, value))
            .collect(),
    }
}

fn artifice(options: &Options<'_>) -> Option<Artifice> {
    let mut files = options.list("files");
    files.retain(|file| !file.is_empty());
    if files.is_empty() {
        options.missing(
            "files",
            "name the files that take the image's place, such as [\"out/*.img\"]",
        );
        return None;
    }
    Some(Artifice { files })
}

//! The options of each kind of post-processor (anchors/packer.md 3.2).

use super::super::near;
use super::super::options::{Key, Options, on};
use super::super::post_processor::{Artifice, Checksum, Kind, Manifest, Sum};
use super::super::provisioners::{Build, shell_local};
use super::compress;
use crate::source::Diagnostic;

const MANIFEST: &[Key] = &[
    on("output"),
    on("strip_path"),
    on("strip_time"),
    on("custom_data"),
];
const ARTIFICE: &[Key] = &[on("files")];
const CHECKSUM: &[Key] = &[on("checksum_types"), on("output")];

/// Late data of the checksum's output, and Packer's default.
const CHECKSUM_DATA: &[&str] = &["BuildName", "BuilderType", "ChecksumType", "build"];
const CHECKSUM_OUTPUT: &str = "packer_{{.BuildName}}_{{.BuilderType}}_{{.ChecksumType}}.checksum";

/// The options that a kind has of its own.
pub(super) fn keys(kind: &str) -> &'static [Key] {
    match kind {
        "manifest" => MANIFEST,
        "shell-local" => shell_local::KEYS,
        "checksum" => CHECKSUM,
        "compress" => compress::KEYS,
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
        "checksum" => Kind::Checksum(checksum(options)?),
        "compress" => Kind::Compress(compress::read(options)?),
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

fn checksum(options: &Options<'_>) -> Option<Checksum> {
    let mut types = Vec::new();
    for name in options.list("checksum_types") {
        let found = Sum::ALL.iter().find(|sum| sum.name() == name.value);
        let Some(sum) = found else {
            let names = || Sum::ALL.iter().map(|sum| sum.name());
            let message = format!("`checksum_types` cannot be `{name}`");
            let help = near::or_else(&name, names(), &format!("one of {}", near::list(names())));
            let finding = Diagnostic::error("template::wrong_value", message);
            options.report(finding.at_value(&name, "not one of its values").help(help));
            continue;
        };
        if !types.contains(sum) {
            types.push(*sum);
        }
    }
    if types.is_empty() {
        types.push(Sum::Md5);
    }
    Some(Checksum {
        types,
        output: compress::output(options, CHECKSUM_OUTPUT, CHECKSUM_DATA)?,
    })
}

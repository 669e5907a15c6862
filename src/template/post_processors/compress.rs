//! `compress`: which format the name of the output, or `format`, asks for.

use super::super::late::{Data, Late};
use super::super::near;
use super::super::options::{Key, Options, on};
use super::super::post_processor::{Archive, Compress, Packing};
use super::super::provisioner::BUILD_DATA;
use crate::source::Diagnostic;
use serde_json::{Map, json};

pub(super) const KEYS: &[Key] = &[on("output"), on("format"), on("compression_level")];

/// Late data of the output, and Packer's default.
const DATA: &[&str] = &["BuildName", "BuilderType", "build"];
const OUTPUT: &str = "packer_{{.BuildName}}_{{.BuilderType}}";

/// The most that Packer takes; what is above it counts as this.
const MOST: i64 = 9;

/// What an ending asks for.
const ENDINGS: &[(&str, Packing)] = &[
    ("gz", Packing::Gz),
    ("bz2", Packing::Bz2),
    ("xz", Packing::Xz),
    ("lz4", Packing::Lz4),
    ("bgzf", Packing::Bgzf),
];

type Format = (Option<Archive>, Option<Packing>);

/// What Packer makes where it knows no ending.
const OTHERWISE: Format = (Some(Archive::Tar), Some(Packing::Gz));

pub(super) fn read(options: &Options<'_>) -> Option<Compress> {
    let output = output(options, OUTPUT, DATA)?;
    let (archive, packing) = match options.text("format") {
        Some(format) => {
            let plain = format.trim_start_matches('.');
            let Some(found) = named(plain) else {
                let known = known();
                let names = || known.iter().map(String::as_str);
                let message = format!("`format` cannot be `{format}`");
                let help =
                    near::or_else(plain, names(), &format!("one of {}", near::list(names())));
                let finding = Diagnostic::error("template::wrong_value", message);
                options.report(
                    finding
                        .at_value(&format, "not one of its values")
                        .help(help),
                );
                return None;
            };
            found
        }
        None => of_name(&output),
    };
    Some(Compress {
        level: level(options, archive, packing),
        output,
        archive,
        packing,
    })
}

/// `output`, or Packer's default.
pub(super) fn output(options: &Options<'_>, standard: &str, data: &[&str]) -> Option<Late> {
    if options.has("output") && !options.is_blank("output") {
        options.late("output", data)
    } else {
        options.standard(standard, data)
    }
}

/// The names that `format` may have.
fn known() -> Vec<String> {
    let endings = || ENDINGS.iter().map(|(ending, _)| *ending);
    let plain = ["tar", "zip"].into_iter().chain(endings());
    let tars = endings().map(|ending| format!("tar.{ending}"));
    plain
        .map(str::to_owned)
        .chain(tars)
        .chain(["tgz".to_owned()])
        .collect()
}

fn named(format: &str) -> Option<Format> {
    if format == "tgz" {
        return Some(OTHERWISE);
    }
    known()
        .iter()
        .any(|known| known == format)
        .then(|| of_endings(&endings(&format!(".{format}"))))
}

/// By the name of the output. Its late data, such as a build's name with a dot in it, counts for nothing.
fn of_name(output: &Late) -> Format {
    let build: Map<_, _> = BUILD_DATA
        .iter()
        .map(|name| ((*name).to_owned(), json!("x")))
        .collect();
    let data = Data::new()
        .with("BuildName", "x")
        .with("BuilderType", "x")
        .with("build", build);
    let name = output.render(&data).unwrap_or_default();
    of_endings(&endings(&name))
}

/// What stands behind each dot, as Packer reads it: small letters and digits.
fn endings(name: &str) -> Vec<&str> {
    let parts = name.split('.').skip(1);
    let small = |part: &'_ str| {
        let end = part.find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit());
        end.unwrap_or(part.len())
    };
    let parts = parts.map(|part| &part[..small(part)]);
    parts.filter(|part| !part.is_empty()).collect()
}

fn of_endings(endings: &[&str]) -> Format {
    let [before @ .., last] = endings else {
        return OTHERWISE;
    };
    match *last {
        "zip" => (Some(Archive::Zip), None),
        "tar" => (Some(Archive::Tar), None),
        last => match ENDINGS.iter().find(|(ending, _)| *ending == last) {
            Some((_, packing)) => {
                let tar = before.last() == Some(&"tar");
                (tar.then_some(Archive::Tar), Some(*packing))
            }
            None => OTHERWISE,
        },
    }
}

/// -1 and 0 are for the format's own level, as in Packer.
fn level(options: &Options<'_>, archive: Option<Archive>, packing: Option<Packing>) -> Option<u32> {
    let level = options.number::<i64>("compression_level")?;
    let note = |why: &str| {
        let message = format!("`compression_level` has no effect: {why}");
        let finding = Diagnostic::note("template::idle_option", message);
        options.report(finding.at_value(&level, "no effect"));
    };
    match (archive, packing) {
        _ if level.value < -1 => {
            let message = format!("`compression_level` cannot be {}", level.value);
            let finding = Diagnostic::error("template::wrong_value", message);
            let help = "1 is the fastest and 9 the smallest; -1 or 0 leaves it to the format";
            options.report(finding.at_value(&level, "not one of its values").help(help));
            return None;
        }
        (_, Some(Packing::Lz4)) => note("lz4 has one level here"),
        (Some(Archive::Tar), None) => note("a tar is not compressed"),
        _ => {}
    }
    let level = u32::try_from(level.value.clamp(0, MOST)).ok()?;
    (level > 0).then_some(level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_ask_for_what_they_ask_for_in_packer() {
        let tar = Some(Archive::Tar);
        for (name, format) in [
            ("packer_x_x", OTHERWISE),
            ("a.zip", (Some(Archive::Zip), None)),
            ("a.tar", (tar, None)),
            ("a.gz", (None, Some(Packing::Gz))),
            ("a.tar.gz", (tar, Some(Packing::Gz))),
            ("a.tar.xz", (tar, Some(Packing::Xz))),
            ("v1.2.bz2", (None, Some(Packing::Bz2))),
            ("a.img.lz4", (None, Some(Packing::Lz4))),
            ("a.bgzf", (None, Some(Packing::Bgzf))),
            ("app-1.2.3", OTHERWISE),
            ("a.rar", OTHERWISE),
            ("a.zip-of-it", (Some(Archive::Zip), None)),
            ("a.GZ", OTHERWISE),
        ] {
            assert_eq!(of_endings(&endings(name)), format, "{name}");
        }
    }
}

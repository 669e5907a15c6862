//! Post-processors, from their names and objects to chains of [`PostProcessor`]: which build each applies to, where
//! `-except` cuts a chain, and what stays of what they are given (anchors/packer.md 1.2 and 3.2).

mod compress;
mod kinds;

use super::clear;
use super::near;
use super::options::{Key, Options, own, wrong_type};
use super::post_processor::{Kind, PostProcessor};
use super::provisioners::{self, Build};
use super::read::without_type;
use crate::source::json::{Json, Text, Value};
use crate::source::{Diagnostic, Place};

/// What every post-processor may have besides its own options.
const SHARED: &[Key] = &[
    own("type"),
    own("name"),
    own("only"),
    own("except"),
    own("keep_input_artifact"),
];

const KINDS: &[&str] = &[
    "manifest",
    "shell-local",
    "checksum",
    "compress",
    "artifice",
];

/// Packer's and its plugins', which kiln does not run: the beginnings of their names, and why.
const OTHERS: &[(&str, &str)] = &[
    (
        "amazon-import",
        "it makes images of disk files, and kiln makes them of machines",
    ),
    (
        "amazon-ami-management",
        "old images are kept and removed by the root key `kiln`, not by a post-processor",
    ),
    (
        "vagrant",
        "it needs a Vagrant box, and kiln makes images of EC2",
    ),
    (
        "docker-",
        "it needs a container, and kiln makes images of EC2",
    ),
    ("googlecompute-", "it is for another cloud"),
    ("digitalocean-", "it is for another cloud"),
    ("alicloud-", "it is for another cloud"),
    ("ucloud-", "it is for another cloud"),
    ("yandex-", "it is for another cloud"),
    ("exoscale-", "it is for another cloud"),
    ("vsphere", "it is for another platform"),
    ("hcp-", "it belongs to a service of HashiCorp"),
    ("provenance", "kiln signs nothing"),
];

/// The type of a post-processor, which may be nothing but that.
pub(super) fn kind_text(json: &Json) -> Option<&Text> {
    json.text()
        .or_else(|| json.get("type").and_then(Json::text))
}

/// The name by which `-except` knows a post-processor.
pub(super) fn name_text(json: &Json) -> Option<&Text> {
    let named = json.get("name").and_then(Json::text);
    named
        .filter(|name| !name.value.is_empty())
        .or_else(|| kind_text(json))
}

/// The part of a chain that a build runs: without those for other builds, and without the first one that `-except` names
/// and all behind it. What cannot be read is reported.
pub(super) fn read_chain(
    build: &Build<'_>,
    chain: &[Json],
    excepted: impl Fn(&str) -> bool,
) -> Vec<PostProcessor> {
    let applying = chain
        .iter()
        .filter(|json| provisioners::applies(json, build.raw_name));
    let steps =
        applying.take_while(|json| !name_text(json).is_some_and(|name| excepted(&name.value)));
    let mut image = true;
    steps
        .filter_map(|json| {
            let post = read(build, json)?;
            check_input(build, &post, json, image);
            image &= !matches!(post.kind, Kind::Artifice(_) | Kind::Compress(_));
            Some(post)
        })
        .collect()
}

fn read(build: &Build<'_>, json: &Json) -> Option<PostProcessor> {
    let kind_name = known_kind(build, json)?;
    let empty = Json {
        value: Value::Object(Vec::new()),
        span: json.span,
    };
    let object = if json.members().is_some() {
        json
    } else {
        &empty
    };
    let what = format!("the post-processor `{kind_name}`");
    let tables = [SHARED, kinds::keys(kind_name)];
    let options = Options::open(build.interpolator, object, &what, &tables)?;
    clear::check(&options, clear::of_post_processor);
    let keep = keep(&options, kind_name);
    Some(PostProcessor {
        kind: kinds::read(kind_name, &options, build)?,
        name: name_text(json).map_or_else(|| kind_name.to_owned(), |name| name.value.clone()),
        place: Place::at(json.span.first_byte()),
        keeps_input: keep,
    })
}

/// `keep_input_artifact` is a boolean and nothing else. Most kinds cannot do without what they are given.
fn keep(options: &Options<'_>, kind: &str) -> bool {
    let wanted = options.get("keep_input_artifact").and_then(|json| {
        if let Value::Bool(keep) = json.value {
            return Some((keep, json.span));
        }
        let what = "`keep_input_artifact`";
        let place = Place::at(json.span);
        options.report(wrong_type(what, "true or false", json.kind(), place));
        None
    });
    match wanted {
        Some((false, span)) if kinds::forces_keep(kind) => {
            let message = format!(
                "`keep_input_artifact` has no effect: `{kind}` keeps what it is given in any case"
            );
            options
                .report(Diagnostic::note("template::idle_option", message).at(span, "no effect"));
            true
        }
        Some((keep, _)) => keep,
        None => kinds::keeps(kind),
    }
}

/// An image has no files, and is never the price of a file.
fn check_input(build: &Build<'_>, post: &PostProcessor, json: &Json, image: bool) {
    let report = |finding| build.interpolator.report(finding);
    let place = kind_text(json).map_or(json.span, |kind| kind.span);
    let files = "put an `artifice` before it in its chain, which names files of this host";
    match post.kind {
        _ if !image => {}
        Kind::Artifice(_) if !post.keeps_input => {
            let keep = json.get("keep_input_artifact");
            report(
                Diagnostic::error(
                    "template::refused",
                    "`keep_input_artifact` is refused: no post-processor removes an image",
                )
                .at(keep.map_or(json.span, |keep| keep.span), "would remove the image that was just made")
                .help("leave it out; where no image is wanted, `skip_create_ami` of the builder makes none"),
            );
        }
        // Packer makes an empty archive, and removes the image.
        Kind::Compress(_) => report(
            Diagnostic::error(
                "template::no_files",
                "`compress` has nothing to compress: an image has no files",
            )
            .at(place, "is given the image")
            .help(files),
        ),
        // A template for several builders has it for those of the others.
        Kind::Checksum(_) => report(
            Diagnostic::warning(
                "template::no_files",
                "`checksum` has nothing to sum: an image has no files",
            )
            .at(place, "is given the image")
            .help(files),
        ),
        _ => {}
    }
}

fn known_kind(build: &Build<'_>, json: &Json) -> Option<&'static str> {
    let report = |finding| build.interpolator.report(finding);
    let known = format!("kiln has {}", near::list(KINDS.iter().copied()));
    let Some(kind) = kind_text(json) else {
        report(without_type("a post-processor", json, &known));
        return None;
    };
    let found = KINDS.iter().find(|known| **known == kind.value);
    if found.is_some() {
        return found.copied();
    }
    let other = OTHERS
        .iter()
        .find(|(start, _)| kind.value.starts_with(start));
    if let Some((_, why)) = other {
        let message = format!("the post-processor `{}` is refused: {why}", kind.value);
        let finding = Diagnostic::error("template::refused", message);
        let help = "leave it out, or except this build from it; `shell-local` runs any command on this host";
        report(finding.at(kind.span, "cannot be carried out").help(help));
        return None;
    }
    let message = format!("there is no post-processor `{}`", kind.value);
    let finding = Diagnostic::error("template::unknown_type", message);
    let help = near::or_else(&kind.value, KINDS.iter().copied(), &known);
    report(finding.at(kind.span, "unknown").help(help));
    None
}

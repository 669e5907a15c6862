//! What AWS and kiln refuse in tags (EC2 user guide, "Tag restrictions"; Auto Scaling has the same limits).

use super::late::Late;
use super::options::Options;
use crate::source::{Diagnostic, Spanned};

/// Characters of a key and of a value, and tags of one resource.
const KEY: usize = 128;
const VALUE: usize = 256;
const ALL: usize = 50;

/// Tags that kiln itself may set on a snapshot of an image: run, made-by, template, source-image, family, version,
/// fingerprint, takes-name and ready.
pub const OF_SNAPSHOT: usize = 9;
/// On an image: the same, and the quarantine of each service that rejects it, for which this many have room.
pub const OF_IMAGE: usize = OF_SNAPSHOT + 5;
/// On what a bake removes again: run, made-by, template and expires.
pub const OF_SCRATCH: usize = 4;
/// On a group: service, run, made-by, state, image, expires, keep-until, and a lease of each of three kinds.
pub const OF_GROUP: usize = 10;

/// Reports what in a tag would be refused.
pub(super) fn check<'t>(
    options: &Options<'_>,
    tags: impl IntoIterator<Item = (&'t Spanned<String>, &'t Late)>,
) {
    for (key, value) in tags {
        if let Some(finding) = check_key(key) {
            options.report(finding);
        }
        if let Some(finding) = value.text().and_then(|text| too_long(&key.value, text)) {
            options.report(match value.place() {
                Some(place) => finding.at_place(place, "this value"),
                None => finding.at_value(key, "the value of this tag"),
            });
        }
    }
}

/// Whether one resource may have so many tags, of which `own` are kiln's; reported when not.
pub(super) fn count<'t>(
    options: &Options<'_>,
    what: &str,
    keys: impl IntoIterator<Item = &'t Spanned<String>>,
    own: usize,
) -> bool {
    let mut different: Vec<&Spanned<String>> = Vec::new();
    for key in keys {
        if !different.iter().any(|known| known.value == key.value) {
            different.push(key);
        }
    }
    let room = ALL - own;
    let over = different.get(room);
    if let Some(first) = over {
        let found = different.len();
        options.report(
            wrong(format!(
                "{what} would have {found} tags, and {room} are the most"
            ))
            .at_value(first, "the first that is too many")
            .help(format!(
                "AWS takes {ALL} tags on one resource, of which kiln needs {own}"
            )),
        );
    }
    over.is_none()
}

/// That a value is longer than AWS takes, without a place.
pub fn too_long(key: &str, value: &str) -> Option<Diagnostic> {
    let length = value.chars().count();
    (length > VALUE).then(|| {
        wrong(format!(
            "the value of the tag `{key}` has {length} characters"
        ))
        .help(format!("AWS takes {VALUE} at most"))
    })
}

/// Reports a value of a tag of kiln's own that is longer than AWS takes.
pub(super) fn check_own(options: &Options<'_>, key: &str, value: Option<&Spanned<String>>) {
    if let Some(value) = value
        && let Some(finding) = too_long(key, value)
    {
        options.report(finding.at_value(value, "it becomes this tag"));
    }
}

/// A path as the value of a tag, where a long one has lost whole folders from its front.
pub fn path(path: &str) -> String {
    const LOST: &str = "...";
    let length = path.chars().count();
    if length <= VALUE {
        return path.to_owned();
    }
    let kept = VALUE - LOST.len();
    let end: String = path.chars().skip(length - kept).collect();
    let whole = end.find('/').unwrap_or_default();
    format!("{LOST}{}", &end[whole..])
}

fn check_key(key: &Spanned<String>) -> Option<Diagnostic> {
    let length = key.value.chars().count();
    let finding = if key.value.starts_with("kiln:") {
        wrong(format!("the tag `{key}` is kiln's own"))
            .at_value(key, "begins with `kiln:`")
            .help(
                "by these tags kiln tells its runs and finished images; name yours without the prefix",
            )
    } else if key.value.to_ascii_lowercase().starts_with("aws:") {
        wrong(format!("AWS refuses the tag `{key}`"))
            .at_value(key, "begins with `aws:`")
            .help("AWS keeps the prefix for itself; name the tag without it")
    } else if length > KEY {
        wrong(format!("the key of a tag has {length} characters"))
            .at_value(key, "this key")
            .help(format!("AWS takes {KEY} at most"))
    } else {
        return None;
    };
    Some(finding)
}

fn wrong(text: String) -> Diagnostic {
    Diagnostic::error("template::tags", text)
}

//! What is said of the inputs of a load.

use super::Disk;
use super::disk::Folder;
use crate::source::{Diagnostic, Span};
use crate::template::near;
use std::path::Path;

pub(super) fn unreadable(name: &str, reason: &str, typed: Span, disk: &Folder) -> Diagnostic {
    let path = Path::new(name);
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let file = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let names = disk.names(folder);
    let near = near::nearest(
        &file,
        names
            .iter()
            .map(String::as_str)
            .filter(|name| *name != file),
    );
    let help = near.map_or_else(
        || "paths are relative to the working directory".to_owned(),
        |near| format!("did you mean `{}`?", path.with_file_name(near).display()),
    );
    Diagnostic::error(
        "template::unreadable_file",
        format!("`{name}` cannot be read: {reason}"),
    )
    .at(typed, "named here")
    .help(help)
}

/// Packer takes the last of equal keys of a var file, and refuses them in a template.
pub(super) fn last_wins(finding: Diagnostic) -> Diagnostic {
    if finding.code != "json::duplicate_key" {
        return finding;
    }
    let message = format!("{}; the last one counts", finding.message);
    let mut warning = Diagnostic::warning(finding.code, message);
    warning.labels = finding.labels;
    warning.help("delete the other, which has no effect")
}

pub(super) fn sets_nothing(text: &str, span: Span) -> Diagnostic {
    let (label, help) = match text.split_once('=') {
        Some((_, value)) => ("has no name before `=`", format!("write -var name={value}")),
        None => ("has no `=`", format!("write -var {text}=value")),
    };
    Diagnostic::error(
        "template::wrong_value",
        format!("`-var {text}` sets no variable"),
    )
    .at(span, label)
    .help(help)
}

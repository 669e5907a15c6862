//! What scripts on both sides have in common: `environment_vars`, `env`, the script or its lines, exit codes
//! (anchors/packer.md 4.1 and 4.5).

use super::super::late::Late;
use super::super::options::{Options, wrong_type};
use super::super::provisioner::Scripts;
use super::Build;
use crate::source::Diagnostic;

/// Late data of scripts and environment.
const DATA: &[&str] = &["build"];

/// Packer's default.
const SHEBANG: &str = "/bin/sh -e";

/// `inline`, `script` or `scripts`: exactly one of them.
pub(super) fn scripts(options: &Options<'_>, build: &Build<'_>) -> Option<Scripts> {
    let given: Vec<_> = ["inline", "script", "scripts"]
        .into_iter()
        .filter(|name| options.says(name))
        .collect();
    match given.as_slice() {
        [] => {
            options.missing_all(
                &["inline", "script", "scripts"],
                "say what to run: `inline` commands, a `script` file, or several `scripts`",
            );
            None
        }
        ["inline"] => inline(options),
        [name] => {
            let paths = if *name == "script" {
                options.text(name).into_iter().collect()
            } else {
                options.list(name)
            };
            Some(Scripts::Files(
                paths
                    .into_iter()
                    .map(|path| build.local.expect_file(options, name, path))
                    .collect(),
            ))
        }
        [one, other, ..] => {
            options.exclusive(one, other);
            None
        }
    }
}

/// A string with commas becomes several commands, as in Packer, and is warned of: shells have commas too.
fn inline(options: &Options<'_>) -> Option<Scripts> {
    let lines = options.lates("inline", DATA);
    let count = lines.items.len();
    if lines.split
        && let Some(place) = lines.items[0].place()
    {
        let message = format!("`inline` is one string with commas; it becomes {count} commands");
        let finding = Diagnostic::warning("template::comma_split", message)
            .at_place(place, "split at each comma");
        options.report(
            finding.help("write the commands as a list of strings: [\"first\", \"second\"]"),
        );
    }
    (count > 0).then_some(Scripts::Inline {
        lines: lines.items,
        shebang: shebang(options),
    })
}

/// `inline_shebang`, or Packer's default.
pub(super) fn shebang(options: &Options<'_>) -> String {
    let shebang = options.text("inline_shebang").map(|text| text.value);
    shebang.unwrap_or_else(|| SHEBANG.to_owned())
}

/// `environment_vars` with `env` over them, sorted by name.
pub(super) fn environment(options: &Options<'_>) -> Vec<(String, Late)> {
    let mut all = pairs(options, "environment_vars");
    for (name, value) in options.texts("env", DATA) {
        all.retain(|(known, _)| *known != name.value);
        all.push((name.value, value));
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// A list of `NAME=value`.
pub(super) fn pairs(options: &Options<'_>, name: &str) -> Vec<(String, Late)> {
    let pairs = options.lates(name, DATA).items;
    pairs
        .iter()
        .filter_map(|pair| split_pair(options, pair))
        .collect()
}

/// `NAME=value`, of which the value may be open.
fn split_pair(options: &Options<'_>, pair: &Late) -> Option<(String, Late)> {
    let found = pair.split_pair();
    if found.is_none()
        && let Some(place) = pair.place()
    {
        let finding = Diagnostic::error(
            "template::wrong_value",
            format!("`{pair}` sets no variable"),
        );
        options.report(
            finding
                .at_place(place, "has no name before `=`")
                .help("write \"NAME=value\""),
        );
    }
    found
}

/// `valid_exit_codes`, or only 0.
pub(super) fn exit_codes(options: &Options<'_>) -> Vec<i32> {
    let codes: Vec<i32> = options
        .list("valid_exit_codes")
        .iter()
        .filter_map(|code| {
            let number = code.trim().parse().ok();
            if number.is_none()
                && let Some(place) = code.place
            {
                options.report(wrong_type(
                    "`valid_exit_codes`",
                    "whole numbers",
                    &format!("`{code}`"),
                    place,
                ));
            }
            number
        })
        .collect();
    if codes.is_empty() { vec![0] } else { codes }
}

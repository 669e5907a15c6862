//! `shell` (anchors/packer.md 4.1; core `provisioner/shell`).

use super::super::late::Late;
use super::super::options::{Key, Options, on};
use super::super::provisioner::{Scripts, Shell};
use super::Build;
use crate::source::Diagnostic;
use std::time::Duration;

pub(super) const KEYS: &[Key] = &[
    on("inline"),
    on("script"),
    on("scripts"),
    on("environment_vars"),
    on("env"),
    on("env_var_format"),
    on("use_env_var_file"),
    on("execute_command"),
    on("inline_shebang"),
    on("remote_folder"),
    on("remote_file"),
    on("remote_path"),
    on("binary"),
    on("start_retry_timeout"),
    on("expect_disconnect"),
    on("valid_exit_codes"),
    on("skip_clean"),
    on("pause_after"),
];

/// Late data of scripts and environment.
const DATA: &[&str] = &["build"];
/// Late data of the command.
const COMMAND_DATA: &[&str] = &["Vars", "Path", "EnvVarFile", "build"];

/// Packer's defaults.
const EXECUTE: &str = "chmod +x {{.Path}}; {{.Vars}} {{.Path}}";
const EXECUTE_WITH_FILE: &str = "chmod +x {{.Path}}; . {{.EnvVarFile}} && {{.Path}}";
const SHEBANG: &str = "/bin/sh -e";
const START_RETRY: Duration = Duration::from_mins(5);

pub(super) fn read(options: &Options<'_>, build: &Build<'_>) -> Option<Shell> {
    let scripts = scripts(options, build);
    let environment = environment(options);
    let use_env_var_file = options.flag("use_env_var_file");
    let execute_command = match options.get("execute_command") {
        Some(_) => options.late("execute_command", COMMAND_DATA),
        None => standard_command(options, use_env_var_file),
    };
    let text = |name| options.text(name).map(|text| text.value);
    let format = if use_env_var_file {
        "export %s='%s'\\n"
    } else {
        "%s='%s' "
    };
    let shell = Shell {
        environment,
        env_var_format: options
            .text("env_var_format")
            .map_or_else(|| format.replace("\\n", "\n"), |text| text.value),
        use_env_var_file,
        remote_folder: text("remote_folder").unwrap_or_else(|| "/tmp".to_owned()),
        remote_file: text("remote_file"),
        remote_path: text("remote_path"),
        binary: options.flag("binary"),
        start_retry_timeout: options
            .duration("start_retry_timeout")
            .map_or(START_RETRY, |value| value.value),
        expect_disconnect: options.flag("expect_disconnect"),
        valid_exit_codes: exit_codes(options),
        skip_clean: options.flag("skip_clean"),
        pause_after: options
            .duration("pause_after")
            .map_or(Duration::ZERO, |value| value.value),
        execute_command: execute_command?,
        scripts: scripts?,
    };
    Some(shell)
}

fn standard_command(options: &Options<'_>, with_file: bool) -> Option<Late> {
    let command = if with_file {
        EXECUTE_WITH_FILE
    } else {
        EXECUTE
    };
    let text =
        crate::source::json::Text::part(options.json.span.file, options.json.span.start, command);
    options
        .interpolator
        .late(&text, super::super::forms::Style::Both, COMMAND_DATA)
}

fn scripts(options: &Options<'_>, build: &Build<'_>) -> Option<Scripts> {
    let given: Vec<_> = ["inline", "script", "scripts"]
        .into_iter()
        .filter(|name| options.has(name))
        .collect();
    match given.as_slice() {
        [] => {
            options.missing(
                "inline",
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
    if count == 0 && options.is_blank("inline") {
        options.missing("inline", "write the commands as a list of strings");
    }
    let shebang = options.text("inline_shebang").map(|text| text.value);
    let shebang = shebang.unwrap_or_else(|| SHEBANG.to_owned());
    (count > 0).then_some(Scripts::Inline {
        lines: lines.items,
        shebang,
    })
}

fn environment(options: &Options<'_>) -> Vec<(String, Late)> {
    let pairs = options.lates("environment_vars", DATA).items;
    let mut all: Vec<(String, Late)> = pairs
        .iter()
        .filter_map(|pair| split_pair(options, pair))
        .collect();
    for (name, value) in options.texts("env", DATA) {
        all.retain(|(known, _)| *known != name.value);
        all.push((name.value, value));
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
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

fn exit_codes(options: &Options<'_>) -> Vec<i32> {
    let codes: Vec<i32> = options
        .list("valid_exit_codes")
        .iter()
        .filter_map(|code| {
            let number = code.trim().parse().ok();
            if number.is_none()
                && let Some(place) = code.place
            {
                options.report(super::super::options::wrong_type(
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

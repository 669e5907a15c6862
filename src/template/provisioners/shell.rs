//! `shell` (anchors/packer.md 4.1; core `provisioner/shell`).

use super::super::late::Late;
use super::super::options::{Key, Options, on};
use super::super::provisioner::Shell;
use super::{Build, environment};
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
    on("valid_exit_codes"),
    on("skip_clean"),
    on("pause_after"),
];

/// Late data of the command.
const COMMAND_DATA: &[&str] = &["Vars", "Path", "EnvVarFile", "build"];

/// Packer's defaults.
const EXECUTE: &str = "chmod +x {{.Path}}; {{.Vars}} {{.Path}}";
const EXECUTE_WITH_FILE: &str = "chmod +x {{.Path}}; . {{.EnvVarFile}} && {{.Path}}";
const START_RETRY: Duration = Duration::from_mins(5);

pub(super) fn read(options: &Options<'_>, build: &Build<'_>) -> Option<Shell> {
    let scripts = environment::scripts(options, build);
    let environment = environment::environment(options);
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
        valid_exit_codes: environment::exit_codes(options),
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
    options.standard(command, COMMAND_DATA)
}

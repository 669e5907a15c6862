//! `shell-local` (anchors/packer.md 4.5; SDK `shell-local`): the provisioner's options and the post-processor's.

use super::super::clear;
use super::super::late::Late;
use super::super::options::{Key, Options, idle, on};
use super::super::provisioner::{Scripts, ShellLocal};
use super::{Build, environment};
use crate::source::Diagnostic;

pub(in crate::template) const KEYS: &[Key] = &[
    on("inline"),
    on("script"),
    on("scripts"),
    on("command"),
    on("execute_command"),
    on("environment_vars"),
    on("env"),
    on("env_var_format"),
    on("inline_shebang"),
    on("tempfile_extension"),
    on("valid_exit_codes"),
    on("only_on"),
    idle("use_linux_pathing", "paths are always Linux's here"),
];

/// Late data of the command.
const COMMAND_DATA: &[&str] = &["Vars", "Script", "Command", "build"];

/// Packer's defaults.
const EXECUTE: [&str; 3] = ["/bin/sh", "-c", "{{.Vars}} {{.Script}}"];
const FORMAT: &str = "%s='%s' ";

pub(in crate::template) fn read(options: &Options<'_>, build: &Build<'_>) -> Option<ShellLocal> {
    let text = |name| options.text(name).map(|text| text.value);
    let scripts = scripts(options, build);
    let shell = ShellLocal {
        environment: environment::environment(options),
        env_var_format: text("env_var_format").unwrap_or_else(|| FORMAT.to_owned()),
        execute_command: execute_command(options)?,
        tempfile_extension: text("tempfile_extension").unwrap_or_default(),
        valid_exit_codes: environment::exit_codes(options),
        only_on: only_on(options),
        scripts: scripts?,
    };
    if let Some(word) = shell.exposed() {
        clear::refuse_word(options, "execute_command", word);
    }
    Some(shell)
}

/// `command` is Packer's old spelling of one inline line.
fn scripts(options: &Options<'_>, build: &Build<'_>) -> Option<Scripts> {
    if !options.says("command") {
        return environment::scripts(options, build);
    }
    for other in ["inline", "script", "scripts"] {
        options.exclusive("command", other);
    }
    Some(Scripts::Inline {
        lines: vec![options.late("command", &["build"])?],
        shebang: environment::shebang(options),
    })
}

/// One element is text for a shell.
fn execute_command(options: &Options<'_>) -> Option<Vec<Late>> {
    let mut words = match options.get("execute_command") {
        Some(_) => options.lates("execute_command", COMMAND_DATA).items,
        None => Vec::new(),
    };
    if words.is_empty() {
        return EXECUTE
            .iter()
            .map(|word| options.standard(word, COMMAND_DATA))
            .collect();
    }
    if words.len() == 1 {
        words.splice(0..0, [Late::fixed("/bin/sh"), Late::fixed("-c")]);
    }
    Some(words)
}

fn only_on(options: &Options<'_>) -> Vec<String> {
    let known = [
        "aix",
        "android",
        "darwin",
        "dragonfly",
        "freebsd",
        "illumos",
        "linux",
        "netbsd",
        "openbsd",
        "plan9",
        "solaris",
        "windows",
    ];
    let names = options.list("only_on");
    for name in names
        .iter()
        .filter(|name| !known.contains(&name.value.as_str()))
    {
        let finding = Diagnostic::error(
            "template::wrong_value",
            format!("`only_on` cannot be `{name}`"),
        );
        options.report(finding.at_value(name, "not one of its values").help(
            "one of the names that Go has for systems, such as `linux`, `darwin`, `windows`",
        ));
    }
    names.into_iter().map(|name| name.value).collect()
}

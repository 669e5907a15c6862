//! The check `command`: a command line on this host. Hooks have one too.

use super::super::super::options::Options;
use super::super::super::service::Command;
use crate::source::Diagnostic;
use crate::source::json::Value;

/// One text is a line for the shell; a list is a program and its arguments, which no shell reads.
pub(in super::super) fn read(options: &Options<'_>) -> Option<Command> {
    let json = options.get("command")?;
    let is_list = matches!(json.value, Value::List(_));
    let words = if is_list {
        options.lates("command", &[]).items
    } else {
        vec![options.late("command", &[])?]
    };
    if words.iter().any(super::super::super::late::Late::is_secret) {
        options.report(
            Diagnostic::error(
                "template::secret_in_clear",
                "a command line is everybody's to read on this host",
            )
            .at(json.span, "a sensitive value has part in it")
            .help("leave it in the environment of kiln, which the command has too"),
        );
        return None;
    }
    let words: Vec<String> = words
        .iter()
        .filter_map(|word| word.text().map(str::to_owned))
        .collect();
    let Some(first) = words.first().filter(|first| !first.trim().is_empty()) else {
        options.report(
            Diagnostic::error("template::wrong_value", "the command is empty")
                .at(json.span, "nothing to run")
                .help("write a line for the shell, or a list of a program and its arguments"),
        );
        return None;
    };
    Some(if is_list {
        Command::Words(words)
    } else {
        Command::Line(first.clone())
    })
}

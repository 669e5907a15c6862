//! Scripts of `shell` and `shell-local`: their text, and the variables that they get.

use std::path::Path;

use crate::provision::{Context, Error};
use crate::template::Late;
use crate::template::provisioner::Scripts;

/// Packer's default for `inline_shebang`.
const SHEBANG: &str = "/bin/sh -e";

/// A variable that a script gets.
#[derive(Clone)]
pub(super) struct Variable {
    pub name: String,
    pub value: String,
    /// Not for command lines, which everybody on a machine can read.
    pub secret: bool,
}

/// Finds local files that cannot be read.
pub(super) fn check(scripts: &Scripts) -> Result<(), Error> {
    if let Scripts::Files(files) = scripts {
        for path in files {
            read(&path.value)?;
        }
    }
    Ok(())
}

/// A local file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::Local {
        path: path.to_owned(),
        source,
    })
}

/// Inline lines as one script. The commands' own first line decides who runs them, unless the user has set another.
pub(super) fn inline(lines: &[Late], shebang: &str, context: &Context) -> Result<String, Error> {
    let lines: Result<Vec<_>, _> = lines
        .iter()
        .map(|line| line.render(&context.data()))
        .collect();
    let text = lines?.join("\n") + "\n";
    if text.starts_with("#!") && shebang == SHEBANG {
        return Ok(text);
    }
    Ok(format!("#!{shebang}\n{text}"))
}

/// What the build says and what the user has set, in this order.
pub(super) fn variables(
    environment: &[(String, Late)],
    context: &Context,
) -> Result<Vec<Variable>, Error> {
    let ours = context.environment().map(|(name, value)| Variable {
        name: name.to_owned(),
        value: value.to_owned(),
        secret: false,
    });
    let mut variables: Vec<_> = ours.collect();
    for (name, value) in environment {
        variables.push(Variable {
            name: name.clone(),
            value: value.render(&context.data())?,
            secret: value.is_secret(),
        });
    }
    Ok(variables)
}

/// Fills Go's `%s` twice for each variable; a single quote in a value ends the quoting, stands quoted otherwise, and begins
/// it again.
pub(super) fn assignments<'v>(
    format: &str,
    variables: impl IntoIterator<Item = &'v Variable>,
) -> String {
    let one = |Variable { name, value, .. }: &Variable| {
        let value = value.replace('\'', r#"'"'"'"#);
        let mut parts = format.splitn(3, "%s");
        let mut next = || parts.next().unwrap_or_default();
        format!("{}{name}{}{value}{}", next(), next(), next())
    };
    variables.into_iter().map(one).collect()
}

/// A script that sets variables itself before it does anything else, for those that no command line may carry. `None` when
/// no POSIX shell runs it.
pub(super) fn with_variables(script: &[u8], variables: &[&Variable]) -> Option<Vec<u8>> {
    let end = script.iter().position(|&byte| byte == b'\n')?;
    let (first, rest) = script.split_at(end + 1);
    let first_line = std::str::from_utf8(first).ok()?;
    if !is_shell(first_line) {
        return None;
    }
    let exports = assignments("export %s='%s'\n", variables.iter().copied());
    Some([first, exports.as_bytes(), rest].concat())
}

/// Whether a first line names a shell of POSIX's kind. Without any, it is what runs the command that runs the script.
fn is_shell(line: &str) -> bool {
    let Some(command) = line.strip_prefix("#!") else {
        return false;
    };
    let mut words = command.split_whitespace();
    let base = |word: &'_ str| word.rsplit('/').next().unwrap_or_default().to_owned();
    let mut name = words.next().map(base);
    if name.as_deref() == Some("env") {
        name = words.find(|word| !word.starts_with('-')).map(base);
    }
    ["sh", "bash", "dash", "ash", "ksh", "zsh"].contains(&name.unwrap_or_default().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Variable {
        Variable {
            name: "KEY".to_owned(),
            value: "it's".to_owned(),
            secret: true,
        }
    }

    #[test]
    fn a_shell_s_script_takes_variables_behind_its_first_line() {
        for first in ["#!/bin/sh -e", "#!/usr/bin/env bash", "#! /bin/bash"] {
            let script = format!("{first}\necho\n");
            let changed = with_variables(script.as_bytes(), &[&secret()]).unwrap();
            let expected = format!("{first}\nexport KEY='it'\"'\"'s'\necho\n");
            assert_eq!(String::from_utf8(changed).unwrap(), expected);
        }
    }

    #[test]
    fn another_interpreter_s_script_does_not() {
        for script in [
            "#!/usr/bin/python3\nx\n",
            "echo\n",
            "#!/bin/sh",
            "\u{7f}ELF\n",
        ] {
            assert!(
                with_variables(script.as_bytes(), &[&secret()]).is_none(),
                "{script}"
            );
        }
    }
}

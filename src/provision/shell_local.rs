//! `shell-local`: scripts run on this host, by the template's own command line (anchors/packer.md 4.5 has the rules).

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::process::{self, Program};
use crate::provision::script::{self, Variable};
use crate::provision::sink::Sink;
use crate::provision::{Context, Error};
use crate::run::Events;
use crate::ssh::Exit;
use crate::template::provisioner::{Scripts, ShellLocal};

/// Finds local files that cannot be read.
pub(super) fn check(shell: &ShellLocal) -> Result<(), Error> {
    script::check(&shell.scripts)
}

/// Runs all scripts, in order.
pub(super) async fn run(
    shell: &ShellLocal,
    context: &Context,
    events: &dyn Events,
) -> Result<(), Error> {
    let system = std::env::consts::OS;
    if !shell.only_on.is_empty() && !shell.only_on.iter().any(|name| name == system) {
        Sink::new(events).note(format!("skipped on {system}"));
        return Ok(());
    }
    match &shell.scripts {
        Scripts::Inline { lines, shebang } => {
            let text = script::inline(lines, shebang, context)?;
            let file = temporary(&text, &shell.tempfile_extension)?;
            one(shell, "the inline script", &file, &text, context, events).await
        }
        Scripts::Files(files) => {
            for path in files {
                let what = path.value.display().to_string();
                let absolute = std::path::absolute(&path.value).map_err(at(&path.value))?;
                one(shell, &what, &absolute, "", context, events).await?;
            }
            Ok(())
        }
    }
}

/// A file that only its owner may read or run, gone with its handle.
fn temporary(text: &str, extension: &str) -> Result<tempfile::TempPath, Error> {
    let folder = std::env::temp_dir();
    let made = tempfile::Builder::new()
        .prefix("kiln-shell-local-")
        .suffix(extension)
        .permissions(Permissions::from_mode(0o700))
        .tempfile_in(&folder)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            // Closed, or it could not be run.
            Ok(file.into_temp_path())
        });
    made.map_err(at(&folder))
}

async fn one(
    shell: &ShellLocal,
    what: &str,
    script: &Path,
    text: &str,
    context: &Context,
    events: &dyn Events,
) -> Result<(), Error> {
    let variables = script::variables(&shell.environment, context)?;
    // The process has them all in its environment, so that none that is secret needs to be on its command line.
    let shown = variables.iter().filter(|variable| !variable.secret);
    let data = context
        .data()
        .with("Vars", script::assignments(&shell.env_var_format, shown))
        .with("Script", script.to_string_lossy().as_ref())
        .with("Command", text);
    let words = shell.execute_command.iter();
    let words: Result<Vec<_>, _> = words.map(|word| word.render(&data)).collect();
    let mut words = words?;
    let hidden = if shell.hides_text() {
        words.pop()
    } else {
        None
    };
    let hidden = hidden.map(|text| temporary(&text, "")).transpose()?;
    if let Some(file) = &hidden {
        read_file_instead(&mut words, file);
    }
    let environment = variables.into_iter();
    let environment: Vec<_> = environment
        .map(|Variable { name, value, .. }| (name, value))
        .collect();
    let program = Program {
        words: &words,
        environment: &environment,
    };
    let failed = Error::program(program.words);
    let ended = process::run(program, &mut Sink::new(events)).await;
    match ended.map_err(failed)? {
        Exit::Code(code) if shell.valid_exit_codes.contains(&code) => Ok(()),
        exit => Err(Error::Exit {
            what: what.to_owned(),
            exit,
        }),
    }
}

/// What is behind `-c` would be everybody's to read: the shell reads a file of its own instead.
fn read_file_instead(words: &mut Vec<String>, file: &Path) {
    let flags = words.pop().unwrap_or_default();
    let others = flags.trim_end_matches('c');
    words.extend((others != "-").then(|| others.to_owned()));
    words.push(file.to_string_lossy().into_owned());
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> Error {
    move |source| Error::Local {
        path: path.to_owned(),
        source,
    }
}

//! `shell`: scripts are uploaded and run by the template's own command line (anchors/packer.md 4.1 has the rules).

use tokio::time::sleep;

use crate::provision::away::persist;
use crate::provision::script::{self, Variable};
use crate::provision::sink::Sink;
use crate::provision::{Context, Error};
use crate::run::Events;
use crate::ssh::{self, Command, Exit, Remote, Silent, Stdin, quote};
use crate::template::provisioner::{Scripts, Shell};

/// How a variable stands on a command line by default.
const LINE_FORMAT: &str = "%s='%s' ";

/// A script's text, and what users know it by.
struct Script {
    what: String,
    text: Vec<u8>,
}

/// Finds local files that cannot be read, and secrets that would have to be on a command line.
pub(super) fn check(shell: &Shell) -> Result<(), Error> {
    let hides = shell
        .environment
        .iter()
        .find(|(_, value)| value.is_secret());
    let Scripts::Files(files) = &shell.scripts else {
        return Ok(());
    };
    for path in files {
        let text = script::read(&path.value)?;
        if let Some((name, _)) = hides
            && !shell.use_env_var_file
            && script::with_variables(&text, &[]).is_none()
        {
            return Err(exposed(&path.value.display().to_string(), name));
        }
    }
    Ok(())
}

fn exposed(what: &str, name: &str) -> Error {
    Error::Unfit(format!(
        "`{name}` is secret and would be on the command line of {what}, which is no shell's script: \
         say `\"use_env_var_file\": true`"
    ))
}

/// Runs all scripts, in order.
pub(super) async fn run(
    shell: &Shell,
    remote: &impl Remote,
    context: &Context,
    (mark, expect_disconnect): (&str, bool),
    events: &dyn Events,
) -> Result<(), Error> {
    let running = Running {
        shell,
        remote,
        context,
        mark,
        expect_disconnect,
        events,
    };
    for (index, script) in scripts(shell, context)?.into_iter().enumerate() {
        running.script(index, script).await?;
    }
    sleep(shell.pause_after).await;
    Ok(())
}

fn scripts(shell: &Shell, context: &Context) -> Result<Vec<Script>, Error> {
    let mut scripts = match &shell.scripts {
        Scripts::Inline { lines, shebang } => vec![Script {
            what: "the inline script".to_owned(),
            text: script::inline(lines, shebang, context)?.into_bytes(),
        }],
        Scripts::Files(files) => {
            let read = |path: &std::path::PathBuf| {
                Ok(Script {
                    what: path.display().to_string(),
                    text: script::read(path)?,
                })
            };
            let all: Result<Vec<_>, Error> = files.iter().map(|path| read(&path.value)).collect();
            all?
        }
    };
    if !shell.binary {
        for script in &mut scripts {
            script.text = with_unix_ends(&script.text);
        }
    }
    Ok(scripts)
}

fn with_unix_ends(text: &[u8]) -> Vec<u8> {
    let mut changed = Vec::with_capacity(text.len());
    for (at, &byte) in text.iter().enumerate() {
        if byte != b'\r' || text.get(at + 1) != Some(&b'\n') {
            changed.push(byte);
        }
    }
    changed
}

/// The scripts of one provisioner while they run.
struct Running<'a, R> {
    shell: &'a Shell,
    remote: &'a R,
    context: &'a Context,
    mark: &'a str,
    expect_disconnect: bool,
    events: &'a dyn Events,
}

impl<R: Remote> Running<'_, R> {
    async fn script(&self, index: usize, script: Script) -> Result<(), Error> {
        let paths = self.paths(index);
        let variables = script::variables(&self.shell.environment, self.context)?;
        let secret: Vec<_> = variables.iter().filter(|one| one.secret).collect();
        let mut hidden = !secret.is_empty();
        if let Some(path) = &paths.variables {
            self.put(&script.text, &paths.script, 0o755).await?;
            let text = script::assignments(&self.shell.env_var_format, &variables);
            self.put(text.as_bytes(), path, 0o600).await?;
        } else if hidden {
            // A command line is everybody's to read: what is secret goes with the script, which is its owner's only.
            let text = script::with_variables(&script.text, &secret)
                .ok_or_else(|| exposed(&script.what, &secret[0].name))?;
            self.put(&text, &paths.script, 0o700).await?;
        } else {
            self.put(&script.text, &paths.script, 0o755).await?;
        }
        let mut text = self.command(&paths, &variables)?;
        if self.shell.execute_command.is_secret() {
            // Neither is a secret in the template's own line there: the login shell reads that from a file.
            hidden = true;
            self.put(text.as_bytes(), &paths.command, 0o700).await?;
            text = format!("\"${{SHELL:-/bin/sh}}\" {}", quote(&paths.command));
        }
        // The word tells `attempt` what to end when this is given up.
        let text = format!(": {}; {text}", self.mark);
        let limit = self.shell.start_retry_timeout;
        let result = persist(limit, ssh::Error::is_unreachable, async || {
            let command = Command::new(&text).terminal();
            self.remote.run(command, &mut Sink::new(self.events)).await
        })
        .await;
        let judged = self.judge(&script.what, result);
        if hidden {
            // Not even where it is to stay, or failed: it must not come into the image.
            return judged.and(self.remove(&paths).await);
        }
        judged?;
        self.clean(&paths).await
    }

    fn paths(&self, index: usize) -> Paths {
        let folder = self.shell.remote_folder.trim_end_matches('/');
        let name = |what: &str| format!("{folder}/{}-{index}-{what}.sh", self.mark);
        let script = match (&self.shell.remote_path, &self.shell.remote_file) {
            (Some(path), _) => path.clone(),
            (None, Some(file)) => format!("{folder}/{file}"),
            (None, None) => name("script"),
        };
        Paths {
            script,
            variables: self.shell.use_env_var_file.then(|| name("vars")),
            command: name("command"),
        }
    }

    fn command(&self, paths: &Paths, variables: &[Variable]) -> Result<String, Error> {
        let format = match paths.variables {
            // In this mode the user's format is the file's.
            Some(_) => LINE_FORMAT,
            None => &self.shell.env_var_format,
        };
        let shown = variables.iter().filter(|variable| !variable.secret);
        let data = self
            .context
            .data()
            .with("Vars", script::assignments(format, shown))
            // As it is, since templates often quote it themselves.
            .with("Path", paths.script.as_str())
            .with("EnvVarFile", paths.variables.as_deref().unwrap_or_default());
        Ok(self.shell.execute_command.render(&data)?)
    }

    async fn put(&self, text: &[u8], path: &str, mode: u32) -> Result<(), Error> {
        let limit = self.shell.start_retry_timeout;
        persist(limit, ssh::Error::is_lost, async || {
            let stdin = Stdin::Bytes(text.to_owned());
            self.remote.upload(stdin, path, mode, &mut Silent).await
        })
        .await?;
        Ok(())
    }

    fn judge(&self, what: &str, result: Result<Exit, ssh::Error>) -> Result<(), Error> {
        let what = || what.to_owned();
        let expected = self.expect_disconnect;
        match result {
            Ok(Exit::Code(code)) if self.shell.valid_exit_codes.contains(&code) => Ok(()),
            // A shutdown ends the script before it ends the connection.
            Ok(Exit::Signal(_)) if expected => Ok(()),
            Ok(exit) => Err(Error::Exit { what: what(), exit }),
            Err(error) if error.is_lost() && expected => Ok(()),
            Err(source) if source.is_lost() && !source.is_unreachable() => {
                Err(Error::Disconnected {
                    what: what(),
                    source,
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn clean(&self, paths: &Paths) -> Result<(), Error> {
        if self.shell.skip_clean {
            return Ok(());
        }
        self.remove(paths).await
    }

    async fn remove(&self, paths: &Paths) -> Result<(), Error> {
        let mut text = format!("rm -f {} {}", quote(&paths.script), quote(&paths.command));
        if let Some(path) = &paths.variables {
            text = format!("{text} {}", quote(path));
        }
        persist(
            self.shell.start_retry_timeout,
            ssh::Error::is_lost,
            async || self.remote.capture(Command::new(&text)).await,
        )
        .await?;
        Ok(())
    }
}

/// Where a script, its variables, and a command line that must not be seen are put.
struct Paths {
    script: String,
    variables: Option<String>,
    command: String,
}

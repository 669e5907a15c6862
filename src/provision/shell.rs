//! `shell`: scripts are uploaded and run by the template's own command line (anchors/packer.md 4.1 has the rules).

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::provision::sink::Sink;
use crate::provision::{Context, Error};
use crate::run::Events;
use crate::ssh::{self, Command, Exit, Remote, Silent, Stdin, quote};
use crate::template::provisioner::{Scripts, Shell};

/// How long to wait before a machine that is away is tried again.
const AWAY: Duration = Duration::from_secs(2);

/// How a variable stands on a command line by default.
const LINE_FORMAT: &str = "%s='%s' ";

/// Packer's default for `inline_shebang`.
const SHEBANG: &str = "/bin/sh -e";

/// A script's text, and what users know it by.
struct Script {
    what: String,
    text: Vec<u8>,
}

/// Finds local files that cannot be read.
pub(super) fn check(shell: &Shell) -> Result<(), Error> {
    if let Scripts::Files(files) = &shell.scripts {
        for path in files {
            read(&path.value)?;
        }
    }
    Ok(())
}

/// Runs all scripts, in order.
pub(super) async fn run(
    shell: &Shell,
    remote: &impl Remote,
    context: &Context,
    mark: &str,
    events: &dyn Events,
) -> Result<(), Error> {
    let running = Running {
        shell,
        remote,
        context,
        mark,
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
        Scripts::Inline { lines, shebang } => vec![inline(lines, shebang, context)?],
        Scripts::Files(files) => {
            let read = |path: &std::path::PathBuf| {
                Ok(Script {
                    what: path.display().to_string(),
                    text: read(path)?,
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

fn inline(
    lines: &[crate::template::Late],
    shebang: &str,
    context: &Context,
) -> Result<Script, Error> {
    let lines: Result<Vec<_>, _> = lines
        .iter()
        .map(|line| line.render(&context.data()))
        .collect();
    let mut text = lines?.join("\n") + "\n";
    // The commands' own first line decides, unless the user has set another.
    if !(text.starts_with("#!") && shebang == SHEBANG) {
        text = format!("#!{shebang}\n{text}");
    }
    Ok(Script {
        what: "the inline script".to_owned(),
        text: text.into_bytes(),
    })
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::Local {
        path: path.to_owned(),
        source,
    })
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
    events: &'a dyn Events,
}

impl<R: Remote> Running<'_, R> {
    async fn script(&self, index: usize, script: Script) -> Result<(), Error> {
        let paths = self.paths(index);
        self.put(&script.text, &paths.script, 0o755).await?;
        let variables = self.variables()?;
        if let Some(path) = &paths.variables {
            let text = assignments(&self.shell.env_var_format, &variables);
            self.put(text.as_bytes(), path, 0o600).await?;
        }
        let text = self.command(&paths, &variables)?;
        let limit = self.shell.start_retry_timeout;
        let result = persist(limit, ssh::Error::is_unreachable, async || {
            let command = Command::new(&text).terminal();
            self.remote.run(command, &mut Sink::new(self.events)).await
        })
        .await;
        self.judge(&script.what, result)?;
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
        }
    }

    fn variables(&self) -> Result<Vec<(String, String)>, Error> {
        let ours = self.context.environment();
        let mut variables: Vec<_> = ours
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        for (name, value) in &self.shell.environment {
            variables.push((name.clone(), value.render(&self.context.data())?));
        }
        Ok(variables)
    }

    fn command(&self, paths: &Paths, variables: &[(String, String)]) -> Result<String, Error> {
        let format = match paths.variables {
            // In this mode the user's format is the file's.
            Some(_) => LINE_FORMAT,
            None => &self.shell.env_var_format,
        };
        let data = self
            .context
            .data()
            .with("Vars", assignments(format, variables))
            // As it is, since templates often quote it themselves.
            .with("Path", paths.script.as_str())
            .with("EnvVarFile", paths.variables.as_deref().unwrap_or_default());
        let text = self.shell.execute_command.render(&data)?;
        // The word tells `attempt` what to end when this is given up.
        Ok(format!(": {}; {text}", self.mark))
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
        let expected = self.shell.expect_disconnect;
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
        let mut text = format!("rm -f {}", quote(&paths.script));
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

/// Where a script and its variables are put.
struct Paths {
    script: String,
    variables: Option<String>,
}

/// Fills Go's `%s` twice for each variable; a single quote in a value ends the quoting, stands quoted otherwise, and begins
/// it again.
fn assignments(format: &str, variables: &[(String, String)]) -> String {
    let one = |(name, value): &(String, String)| {
        let value = value.replace('\'', r#"'"'"'"#);
        let mut parts = format.splitn(3, "%s");
        let mut next = || parts.next().unwrap_or_default();
        format!("{}{name}{}{value}{}", next(), next(), next())
    };
    variables.iter().map(one).collect()
}

/// Tries again while the machine is away, for so long.
async fn persist<T>(
    limit: Duration,
    away: impl Fn(&ssh::Error) -> bool,
    mut start: impl AsyncFnMut() -> Result<T, ssh::Error>,
) -> Result<T, ssh::Error> {
    let began = Instant::now();
    loop {
        match start().await {
            Err(error) if away(&error) && began.elapsed() + AWAY < limit => sleep(AWAY).await,
            result => return result,
        }
    }
}

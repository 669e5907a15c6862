//! What every command stands on: the process's environment, the terminal, and the flags that all commands share.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use clap::{Args, ValueEnum};

use crate::cli::Exit;
use crate::report::{Look, Mask, Report};
use crate::run::{Clock, RunId, Stop, SystemClock, listen};
use crate::store::Replacement;
use crate::template::Secret;

/// Where the state is when nobody says.
const STATE: &str = ".kiln";

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    #[value(alias = "true")]
    Auto,
    Always,
    #[value(alias = "false")]
    Never,
}

/// Flags that every command takes.
#[derive(Args, Debug)]
pub struct Global {
    /// Print the result as one JSON document
    #[arg(long, global = true)]
    json: bool,
    /// Write the result document to FILE, however the command ends
    #[arg(long, global = true, value_name = "FILE")]
    result: Option<PathBuf>,
    /// Write every event as a line of JSON to FILE
    #[arg(long, global = true, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Where journals, leases and due-lists are kept: a folder, or `s3://BUCKET/PREFIX` for the state of services [default:
    /// .kiln, or for a command on a service's name what its last roll has used]
    #[arg(long, global = true, value_name = "PLACE")]
    state: Option<PathBuf>,
    /// Use colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: Color,
    /// Accepted for Packer's sake; plain lines always carry their time
    #[arg(long, global = true, hide = true)]
    timestamp_ui: bool,
}

/// What the process was given.
#[derive(Clone, Debug)]
pub struct Environment {
    pub vars: BTreeMap<String, String>,
    pub terminal: bool,
}

impl Environment {
    /// Reads the environment once; variables that are no UTF-8 are left out.
    pub fn of_process() -> Self {
        let vars = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            vars,
            terminal: io::stderr().is_terminal(),
        }
    }
}

/// What commands use of the outside.
pub struct Context {
    pub environment: Environment,
    pub clock: SystemClock,
    pub state: PathBuf,
    /// The user has named it.
    pub state_is_named: bool,
    pub json: bool,
    result: Option<PathBuf>,
    /// Whether the result document has been given.
    told: AtomicBool,
    errors: Mutex<Vec<String>>,
    /// What a command has come to so far.
    draft: Mutex<Option<serde_json::Value>>,
    events: Option<File>,
    color: bool,
    mask: Mask,
    /// Held by who is asked something, so that an answer is never another question's.
    asking: tokio::sync::Mutex<()>,
    runtime: tokio::runtime::Runtime,
}

impl Context {
    /// Opens what the flags name. Errors with a sentence when a file cannot be opened.
    pub fn new(global: &Global, environment: Environment) -> Result<Self, String> {
        let events = global.events.as_ref().map(|path| {
            let opened = File::options().create(true).append(true).open(path);
            opened.map_err(|error| format!("cannot write {}: {error}", path.display()))
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let color = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => environment.terminal && !environment.vars.contains_key("NO_COLOR"),
        };
        Ok(Self {
            clock: SystemClock,
            state: global.state.clone().unwrap_or_else(|| STATE.into()),
            state_is_named: global.state.is_some(),
            json: global.json,
            result: global.result.clone(),
            told: AtomicBool::new(false),
            errors: Mutex::default(),
            draft: Mutex::default(),
            events: events.transpose()?,
            color,
            mask: of_environment(&environment),
            asking: tokio::sync::Mutex::default(),
            runtime: runtime.map_err(|error| format!("cannot start: {error}"))?,
            environment,
        })
    }

    /// Whether stderr takes colours.
    pub fn color(&self) -> bool {
        self.color
    }

    /// Columns of the terminal; 100 where there is none.
    pub fn width(&self) -> usize {
        let columns = self.environment.vars.get("COLUMNS");
        columns.and_then(|text| text.parse().ok()).unwrap_or(100)
    }

    /// From here on these values are hidden in all that is said, and in every document.
    pub fn hide(&self, secrets: &[Secret]) {
        let secrets = secrets.iter().map(|secret| secret.reveal().to_owned());
        self.mask.add(secrets);
    }

    /// What is hidden, and what will be.
    pub fn mask(&self) -> Mask {
        self.mask.clone()
    }

    /// The sink for a run of `name`. Bars are for a run that is `alone`.
    pub fn report(&self, name: &str, alone: bool) -> Report<'_> {
        let look = if self.environment.terminal && alone {
            Look::Bars
        } else {
            Look::Plain
        };
        let report = Report::new(look, self.color, name, &self.clock).hiding(self.mask());
        match self.events.as_ref().map(File::try_clone) {
            Some(Ok(file)) => report.recording(file),
            _ => report,
        }
    }

    /// A new run's id.
    pub fn run_id(&self) -> RunId {
        RunId::new(self.clock.now(), uuid::Uuid::new_v4().as_u128())
    }

    /// What tells this process's polls from those of others that began with it.
    pub fn jitter(&self) -> u64 {
        uuid::Uuid::new_v4().as_u64_pair().1
    }

    /// Runs a future on this thread.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Runs a flow while signals are passed on to `stop`. Nothing comes back when the third one came first.
    ///
    /// Without signal handlers a flow could not be stopped in order, so it does not begin.
    pub async fn until_killed<T>(
        &self,
        stop: &Stop,
        goes_on: &str,
        flow: impl Future<Output = T>,
    ) -> Option<T> {
        tokio::select! {
            biased;
            listened = listen(stop) => {
                match listened {
                    Ok(()) => self.say(&format!("ended at once: {goes_on}")),
                    Err(error) => self.say(&format!("error: signals cannot be received: {error}")),
                }
                None
            }
            never = self.tell_of(stop) => match never {},
            done = flow => Some(done),
        }
    }

    /// Says what a signal does, as soon as it has come: the way back may take minutes. Never ends.
    async fn tell_of(&self, stop: &Stop) -> Infallible {
        stop.asked.cancelled().await;
        self.say("stopping in order; a second signal skips what is left of it for `kiln sweep`");
        stop.skip.cancelled().await;
        self.say("skipping what is left; a third signal ends at once");
        std::future::pending().await
    }

    /// Says something to the user, on stderr.
    pub fn say(&self, text: &str) {
        // A reader who has gone away is no failure.
        let text = self.mask().hide(text);
        writeln!(io::stderr().lock(), "{text}").unwrap_or_default();
    }

    /// Asks the user on stderr, one question at a time, and reads a line in small letters; nothing when nobody is there any
    /// more. The thread that reads may outlive the question when a signal comes first.
    pub async fn ask(&self, text: &str) -> Option<String> {
        let _turn = self.asking.lock().await;
        let text = self.mask().hide(text);
        write!(io::stderr().lock(), "{text}").ok()?;
        let read = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            let count = io::stdin().read_line(&mut line).ok()?;
            (count > 0).then(|| line.trim().to_lowercase())
        });
        read.await.ok()?
    }

    /// Prints the result, alone on stdout.
    pub fn result(&self, text: &str) {
        print(&self.mask().hide(text));
    }

    /// Prints `text`, or with `--json` the document; writes the document to the file of `--result`, too.
    pub fn document(&self, text: &str, document: &serde_json::Value) {
        self.told.store(true, Ordering::Relaxed);
        let whole = self.write(document);
        if self.json {
            print(&whole);
        } else if !text.is_empty() {
            self.result(text);
        }
    }

    fn write(&self, document: &serde_json::Value) -> String {
        let whole = format!("{:#}\n", self.mask().hide_in(document));
        if let Some(path) = &self.result
            && let Err(error) = put(path, &whole)
        {
            self.say(&format!(
                "warning: cannot write {}: {error}",
                path.display()
            ));
        }
        whole
    }
}

impl Context {
    /// Writes to the result file how far a command is, for whoever finds it after a kill; the exit code is null in it. A pipe
    /// gets the last word only.
    pub fn draft(&self, document: serde_json::Value) {
        if self.result.as_deref().is_some_and(|path| !is_pipe(path)) {
            self.write(&self.with_end(document.clone(), None));
        }
        let mut draft = self.draft.lock().unwrap_or_else(PoisonError::into_inner);
        *draft = Some(document);
    }

    /// The document of a command that came to its end, with exit code and errors.
    pub fn conclude(&self, text: &str, document: serde_json::Value, exit: Exit) {
        self.document(text, &self.with_end(document, Some(exit)));
    }

    fn with_end(&self, mut document: serde_json::Value, exit: Option<Exit>) -> serde_json::Value {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fields) = document.as_object_mut() {
            fields.insert("exit".to_owned(), exit.map(|exit| exit as u8).into());
            fields.insert("errors".to_owned(), errors.clone().into());
        }
        document
    }

    /// Keeps an error for the document.
    pub fn keep_error(&self, text: &str) {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.push(text.to_owned());
    }

    /// Ends the command. One that came to no result leaves a document all the same, or whoever reads the file would take
    /// an earlier run's for this one's.
    pub fn end(&self, exit: Exit) -> Exit {
        if !self.told.load(Ordering::Relaxed) && (self.json || self.result.is_some()) {
            let mut draft = self.draft.lock().unwrap_or_else(PoisonError::into_inner);
            let document = draft.take().unwrap_or_else(|| serde_json::json!({}));
            self.conclude("", document, exit);
        }
        exit
    }
}

impl Context {
    /// Ends the process's runtime without waiting for a question that nobody answers any more.
    pub fn close(self) {
        self.runtime.shutdown_background();
    }
}

/// Writes a result document. A reader, or a kill in the middle, meets the one before it or this one, never a part; what is no
/// file (a pipe, a descriptor) is written as it is.
fn put(path: &Path, text: &str) -> io::Result<()> {
    if is_pipe(path) {
        return std::fs::write(path, text);
    }
    let mut new = Replacement::begin(path)?;
    new.file().write_all(text.as_bytes())?;
    new.show()
}

/// Whether what is there is no file, and keeps nothing of what is written to it.
fn is_pipe(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|there| !there.is_file())
}

/// Writes the document of a command line that could not be read, as far as it tells where.
pub fn document_of_usage(args: &[String], reason: &str) {
    let mut after = args.iter().skip_while(|arg| *arg != "--result").skip(1);
    let joined = args.iter().find_map(|arg| arg.strip_prefix("--result="));
    let Some(path) = joined.or_else(|| after.next().map(String::as_str)) else {
        return;
    };
    let errors = [reason.trim_end()];
    let document = serde_json::json!({ "exit": Exit::Usage as u8, "errors": errors });
    if let Err(error) = std::fs::write(path, format!("{document:#}\n")) {
        let text = format!("warning: cannot write {path}: {error}");
        writeln!(io::stderr().lock(), "{text}").unwrap_or_default();
    }
}

/// Credentials of the environment are secrets before any template is read.
fn of_environment(environment: &Environment) -> Mask {
    let names = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
    let values = names.iter().filter_map(|name| environment.vars.get(*name));
    // `test` and the like are no secrets, and hiding them would hide words.
    Mask::new(values.filter(|value| value.len() >= SECRET).cloned())
}

/// A secret key has 40 characters; what is far shorter is a stand-in for endpoints that check none.
const SECRET: usize = 16;

/// Says why a command cannot even begin.
pub fn refuse(reason: &str) -> Exit {
    writeln!(io::stderr().lock(), "error: {reason}").unwrap_or_default();
    Exit::Usage
}

fn print(text: &str) {
    writeln!(io::stdout().lock(), "{}", text.trim_end_matches('\n')).unwrap_or_default();
}

//! The user as a run's operator: `--on-error` and `-debug`, questions on a terminal, and the way onto a machine that is
//! left.

use std::cell::RefCell;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use clap::ValueEnum;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::bake::Reached;
use crate::cli::Context;
use crate::run::{Answer, Failure, Operator, RunId, with_causes};

/// What becomes of a bake that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OnError {
    /// Everything that was made is taken back
    #[default]
    Cleanup,
    /// Nothing is taken back; what is left is listed
    Abort,
    /// Asked at each failure, on a terminal only
    Ask,
    /// The machine stays, with an expiry; the way onto it is printed
    Keep,
    /// The template's `error-cleanup-provisioner` runs, then nothing is taken back
    RunCleanupProvisioner,
}

/// What the user said of all builds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes {
    pub on_error: OnError,
    pub debug: bool,
}

impl Wishes {
    /// Why they cannot be met here.
    pub fn objection(self) -> Option<&'static str> {
        (self.on_error == OnError::Ask && !on_terminal())
            .then_some("--on-error=ask needs a terminal; `keep` leaves the machine without asking")
    }
}

/// Questions need somebody who reads them and can answer.
fn on_terminal() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// The operator of one build.
pub struct Desk<'a> {
    wishes: Wishes,
    label: String,
    run: RunId,
    context: &'a Context,
    reached: RefCell<Option<Reached>>,
}

impl<'a> Desk<'a> {
    pub fn new(wishes: Wishes, label: &str, run: RunId, context: &'a Context) -> Self {
        Self {
            wishes,
            label: label.to_owned(),
            run,
            context,
            reached: RefCell::default(),
        }
    }

    /// Learns how the machine is reached; with `-debug` the key is there from now on.
    pub fn reached(&self, reached: &Reached) {
        *self.reached.borrow_mut() = Some(reached.clone());
        if self.wishes.debug {
            self.show_way();
        }
    }

    /// How the machine was reached, if it was.
    pub fn way(&self) -> Option<Reached> {
        self.reached.borrow().clone()
    }

    /// Says how to get on the machine, and how it goes away.
    pub fn say_kept<U: std::fmt::Display>(&self, kept: &[U]) {
        let say = |text: &str| self.context.say(&format!("{}: {text}", self.label));
        say("left on purpose:");
        for undo in kept {
            say(&format!("  {undo}"));
        }
        self.show_way();
        let run = self.run;
        say(&format!("`kiln sweep --run {run}` removes it"));
    }

    /// Removes the key of a machine that has gone.
    pub fn forget_key(&self) {
        let path = self.key_file();
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let path = path.display();
                let text = format!("warning: cannot remove {path}: {error}");
                self.context.say(&text);
            }
            Ok(()) | Err(_) => {}
        }
    }

    fn key_file(&self) -> PathBuf {
        PathBuf::from(format!("kiln-{}.pem", self.run))
    }

    fn show_way(&self) {
        let reached = self.reached.borrow();
        let Some(reached) = &*reached else { return };
        let key = reached.private_key.as_ref().map(|key| {
            let path = self.key_file();
            (write_private(&path, key.reveal()), path)
        });
        let key = match key {
            Some((Ok(()), path)) => format!("-i {} ", path.display()),
            Some((Err(error), path)) => {
                let path = path.display();
                self.context
                    .say(&format!("warning: cannot write {path}: {error}"));
                String::new()
            }
            None => String::new(),
        };
        let line = format!("{}: {}", self.label, way(reached, &key));
        self.context.say(&line);
    }

    async fn ask(&self, failure: &Failure) -> Answer {
        let text = format!(
            "{}: failed to {}\n[c] clean up, [a] abort and leave everything, [r] retry the step, [k] keep the machine? ",
            self.label,
            with_causes(failure)
        );
        loop {
            match self.context.ask(&text).await.as_deref() {
                // Nobody is there any more.
                None | Some("c" | "clean") => return Answer::CleanUp,
                Some("a" | "abort") => return Answer::Abort,
                Some("r" | "retry") => return Answer::Retry,
                Some("k" | "keep") => return Answer::Keep,
                Some(_) => {}
            }
        }
    }
}

impl Operator for Desk<'_> {
    fn before(&self, step: &'static str) -> LocalBoxFuture<'_, ()> {
        async move {
            if self.wishes.debug && on_terminal() {
                let text = format!("{}: press Enter for `{step}` ", self.label);
                self.context.ask(&text).await;
            }
        }
        .boxed_local()
    }

    fn failed<'f>(&'f self, failure: &'f Failure) -> LocalBoxFuture<'f, Answer> {
        async move {
            match self.wishes.on_error {
                OnError::Cleanup => Answer::CleanUp,
                OnError::Abort | OnError::RunCleanupProvisioner => Answer::Abort,
                OnError::Keep => Answer::Keep,
                OnError::Ask => self.ask(failure).await,
            }
        }
        .boxed_local()
    }

    fn cleans_up(&self, answer: Answer) -> bool {
        answer == Answer::CleanUp || self.wishes.on_error == OnError::RunCleanupProvisioner
    }
}

/// The command that leads to a machine. What a session carries here ends with kiln, so that another one is begun then
/// (Systems Manager User Guide, "Allow and control permissions for SSH connections through Session Manager").
fn way(reached: &Reached, key: &str) -> String {
    let Reached {
        instance,
        port,
        user,
        host,
        region,
        ..
    } = reached;
    if !reached.session_manager {
        return format!("ssh {key}-p {port} {user}@{host}");
    }
    format!(
        "ssh {key}-o ProxyCommand='aws ssm start-session --region {region} --target %h --document-name \
         AWS-StartSSHSession --parameters portNumber=%p' -p {port} {user}@{instance}"
    )
}

/// A file that nobody else can read, from its first byte on.
fn write_private(path: &PathBuf, text: &str) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(true).write(true).mode(0o600);
    options.open(path)?.write_all(text.as_bytes())
}

//! One provisioner, as often as it takes: pauses, limits, retries, and the end of what was given up.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::provision::error::kind;
use crate::provision::sink::Sink;
use crate::provision::{Context, Error, Failure, file, roles, shell};
use crate::run::{Event, Events};
use crate::ssh::{Command, Remote, Silent, quote};
use crate::template::provisioner::{Kind, Provisioner};

/// The first pause before another attempt; each further one is twice as long, up to [`LONGEST`].
const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(30);

/// What ending a given-up attempt may take: three looks at the process table.
const END: Duration = Duration::from_secs(15);

/// A provisioner's place in the build, and what it works with.
pub(super) struct Attempt<'a, R> {
    pub number: usize,
    pub of: usize,
    pub remote: &'a R,
    pub context: &'a Context,
    pub events: &'a dyn Events,
}

impl<R: Remote> Attempt<'_, R> {
    /// Tries until it succeeds, fails for good, or has failed `max_retries` times more than once. Roles that succeeded are
    /// added to `done`.
    pub async fn carry_out(
        &self,
        provisioner: &Provisioner,
        done: &mut BTreeSet<PathBuf>,
    ) -> Result<(), Failure> {
        self.say(provisioner);
        sleep(provisioner.pause_before).await;
        let mut pause = FIRST;
        let mut left = provisioner.max_retries;
        loop {
            match self.once(provisioner, done).await {
                Ok(()) => return Ok(()),
                Err(error) if left > 0 && error.may_pass() => self.warn(provisioner, &error, left),
                Err(error) => return Err(Failure::of(provisioner, self.number, error)),
            }
            left -= 1;
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        }
    }

    async fn once(
        &self,
        provisioner: &Provisioner,
        done: &mut BTreeSet<PathBuf>,
    ) -> Result<(), Error> {
        let mark = self.context.mark(self.number);
        let work = self.perform(provisioner, &mark, done);
        let Some(limit) = provisioner.timeout else {
            return work.await;
        };
        if let Ok(result) = timeout(limit, work).await {
            return result;
        }
        self.end(&mark).await;
        Err(Error::TimedOut { after: limit })
    }

    async fn perform(
        &self,
        provisioner: &Provisioner,
        mark: &str,
        done: &mut BTreeSet<PathBuf>,
    ) -> Result<(), Error> {
        match &provisioner.kind {
            Kind::Shell(shell) => {
                shell::run(shell, self.remote, self.context, mark, self.events).await
            }
            Kind::File(transfer) => {
                file::transfer(transfer, self.remote, self.context, self.events).await
            }
            Kind::Role(roles) => {
                roles::run(roles, self.remote, self.context, mark, self.events, done).await
            }
            Kind::AnsibleLocal(_) => Err(Error::NotYet("ansible-local")),
        }
    }

    /// Ends what a given-up attempt has started: the other end of a closed channel may go on for hours, and would hold
    /// the lock of the package manager against the next attempt. Where it cannot be ended it is left alone.
    async fn end(&self, mark: &str) {
        // The brackets keep the pattern from matching this command's own line.
        let (first, rest) = mark.split_at(1);
        let pattern = quote(&format!("[{first}]{rest}"));
        let text = format!(
            "for p in $(pgrep -f {pattern}); do s=$(ps -o sid= -p $p) && \
             if test \"$(id -u)\" = 0; then pkill -s $s; else sudo -n pkill -s $s || pkill -s $s; fi; done"
        );
        let command = Command::new(text).timeout(Some(END));
        if let Err(error) = self.remote.run(command, &mut Silent).await {
            let text = format!("the attempt that was given up may still run: {error}");
            self.events.emit(Event::Warning { text });
        }
    }

    fn say(&self, provisioner: &Provisioner) {
        let kind = kind(provisioner);
        let pause = match provisioner.pause_before {
            Duration::ZERO => String::new(),
            pause => format!(", after a pause of {} s", pause.as_secs()),
        };
        let text = format!("provisioner {} of {}: {kind}{pause}", self.number, self.of);
        Sink::new(self.events).note(text);
    }

    fn warn(&self, provisioner: &Provisioner, error: &Error, left: u32) {
        let (number, kind) = (self.number, kind(provisioner));
        let text = format!("provisioner {number} ({kind}) failed: {error}; {left} more to try");
        self.events.emit(Event::Warning { text });
    }
}

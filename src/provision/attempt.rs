//! One provisioner, as often as it takes: pauses, limits, retries, and the end of what was given up.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::provision::ansible::{from_here, on_machine};
use crate::provision::away::persist;
use crate::provision::sink::Sink;
use crate::provision::{
    Context, Error, Failure, breakpoint, file, reboot, roles, shell, shell_local,
};
use crate::run::{Event, Events};
use crate::ssh::{self, Command, Remote, Silent, quote};
use crate::template::provisioner::{Kind, Provisioner};

/// The first pause before another attempt; each further one is twice as long, up to [`LONGEST`].
const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(30);

/// What ending a given-up attempt may take: three looks at the process table.
const END: Duration = Duration::from_secs(15);

/// How long a machine may be away after a provisioner that may end the connection: as long as a script may take to start.
const BACK: Duration = Duration::from_mins(5);

/// What one provisioner leaves for the next.
#[derive(Default)]
pub(super) struct Progress {
    /// Roles that have run.
    pub roles: BTreeSet<PathBuf>,
    /// The connection ended, or may have.
    pub away: bool,
}

/// A provisioner's place in the build, and what it works with.
pub(super) struct Attempt<'a, R> {
    pub number: usize,
    pub of: usize,
    pub remote: &'a R,
    pub context: &'a Context,
    pub events: &'a dyn Events,
}

impl<R: Remote> Attempt<'_, R> {
    /// Tries until it succeeds, fails for good, or has failed `max_retries` times more than once. What the next one
    /// needs to know goes into `progress`.
    pub async fn carry_out(
        &self,
        provisioner: &Provisioner,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        self.say(provisioner);
        sleep(provisioner.pause_before).await;
        let mut pause = FIRST;
        let mut left = provisioner.max_retries;
        loop {
            match self.once(provisioner, progress).await {
                Ok(()) => return Ok(()),
                Err(error) if left > 0 && error.may_pass() => self.warn(provisioner, &error, left),
                Err(error) => return Err(Failure::of(provisioner, self.number, error)),
            }
            left -= 1;
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        }
    }

    async fn once(&self, provisioner: &Provisioner, progress: &mut Progress) -> Result<(), Error> {
        let mark = self.context.mark(self.number);
        let work = async {
            if progress.away {
                self.reach().await?;
                progress.away = false;
            }
            self.perform(provisioner, &mark, &mut progress.roles).await
        };
        let limit = provisioner.timeout.unwrap_or(Duration::MAX);
        let result = if let Ok(result) = timeout(limit, work).await {
            result
        } else {
            self.end(&mark).await;
            Err(Error::TimedOut { after: limit })
        };
        let cut = result.as_ref().is_err_and(Error::is_disconnect);
        progress.away = cut || provisioner.expect_disconnect;
        if cut && provisioner.expect_disconnect {
            Sink::new(self.events).note("the connection ended, as expected".to_owned());
            return Ok(());
        }
        result
    }

    /// Waits for a machine that may be restarting.
    async fn reach(&self) -> Result<(), Error> {
        persist(BACK, ssh::Error::is_lost, async || {
            self.remote.capture(Command::new("true")).await
        })
        .await?;
        Ok(())
    }

    async fn perform(
        &self,
        provisioner: &Provisioner,
        mark: &str,
        done: &mut BTreeSet<PathBuf>,
    ) -> Result<(), Error> {
        let (remote, context, events) = (self.remote, self.context, self.events);
        match &provisioner.kind {
            Kind::Shell(shell) => {
                let marked = (mark, provisioner.expect_disconnect);
                shell::run(shell, remote, context, marked, events).await
            }
            Kind::File(transfer) => file::transfer(transfer, remote, context, events).await,
            Kind::Role(roles) => roles::run(roles, remote, context, mark, events, done).await,
            Kind::ShellLocal(shell) => shell_local::run(shell, context, events).await,
            Kind::Reboot(reboot) => reboot::run(reboot, remote, context, mark, events).await,
            Kind::Sleep(pause) => {
                sleep(pause.duration).await;
                Ok(())
            }
            Kind::Breakpoint(point) => breakpoint::run(point, context, events).await,
            Kind::AnsibleLocal(ansible) => {
                on_machine::run(ansible, remote, context, mark, events).await
            }
            Kind::Ansible(ansible) => from_here::run(ansible, remote, context, events).await,
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
        let kind = provisioner.kind.name();
        let pause = match provisioner.pause_before {
            Duration::ZERO => String::new(),
            pause => format!(", after a pause of {} s", pause.as_secs()),
        };
        let text = format!("provisioner {} of {}: {kind}{pause}", self.number, self.of);
        Sink::new(self.events).note(text);
    }

    fn warn(&self, provisioner: &Provisioner, error: &Error, left: u32) {
        let (number, kind) = (self.number, provisioner.kind.name());
        let text = format!("provisioner {number} ({kind}) failed: {error}; {left} more to try");
        self.events.emit(Event::Warning { text });
    }
}

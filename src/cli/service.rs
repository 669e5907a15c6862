//! `kiln status`, `kiln rollback`, `kiln hold` and `kiln unhold`: a service by its name alone, from an empty folder.

use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::aws::{Access, Aws};
use crate::cli::roll::{begin, holder};
use crate::cli::watch::watch;
use crate::cli::{Context, Exit, failure, home, state};
use crate::roll::{self, Way};
use crate::run::{Clock as _, Entry, Held, Holder, Journal, Leases, RunId, Stop, with_causes};
use crate::store::{State, StateLease};
use crate::undo::Undo;

/// A service, found by its tags.
#[derive(Args, Debug)]
pub struct Name {
    /// The service's name; a service file's `service`
    #[arg(value_name = "SERVICE", value_parser = service_name)]
    pub service: String,
    /// Its region, where the environment or the profile does not say
    #[arg(long)]
    region: Option<String>,
    /// The profile that reaches its account
    #[arg(long)]
    profile: Option<String>,
}

/// A file's name taken for a service's would become the path of its lease.
pub fn service_name(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if is_name {
        Ok(text.to_owned())
    } else {
        Err("no service has such a name: letters, digits and hyphens, as under `service` in its file".to_owned())
    }
}

impl Name {
    /// The way to the service's account.
    /// How its account is reached.
    pub fn access(&self) -> Access {
        Access {
            region: self.region.clone(),
            profile: self.profile.clone(),
            ..Access::default()
        }
    }

    /// Connects, or says why not.
    pub async fn connect(&self, context: &Context) -> Result<Aws, Exit> {
        self.connect_by(&self.access(), context).await
    }

    /// The same by an access that something else shares.
    pub async fn connect_by(&self, access: &Access, context: &Context) -> Result<Aws, Exit> {
        let connected = Aws::connect(access).await;
        connected.map_err(|error| failure::say(&with_causes(&error), Exit::Usage, context))
    }
}

/// Show what serves, and whether there is a way back
///
/// Read from the listener, never from a name or a tag: the group that is live, its image and health, the previous group, and
/// whether a rollback would go through now.
#[derive(Args, Debug)]
pub struct Status {
    #[command(flatten)]
    name: Name,
    /// Look again every so many seconds, until Ctrl-C: in place at a terminal, else each change is printed, with `--json` as one
    /// line. With the requests of the last minute, which this needs `cloudwatch:GetMetricData` for
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "10",
        value_parser = clap::value_parser!(u64).range(1..=3600))]
    watch: Option<u64>,
}

impl Status {
    /// Looks up and prints.
    pub fn run(&self, context: &Context) -> Exit {
        context.block_on(async {
            let aws = match self.name.connect(context).await {
                Ok(aws) => aws,
                Err(exit) => return exit,
            };
            if let Some(seconds) = self.watch {
                let every = Duration::from_secs(seconds);
                return watch(&aws, &self.name.service, every, context).await;
            }
            let now = context.clock.now();
            match roll::status(&aws, &self.name.service, now).await {
                Ok(status) => {
                    context.document(&status.to_string(), &json!(status));
                    Exit::Done
                }
                Err(error) => failure::say(&with_causes(&error), Exit::Failed, context),
            }
        })
    }
}

/// Send traffic back to the previous group
///
/// One listener write, checked first and read back; needs the service's name, region and credentials and no file. Where more
/// machines serve than the previous group has, that group grows first. The image that served is quarantined for the service,
/// and a hold keeps the next roll off until `kiln unhold`.
#[derive(Args, Debug)]
pub struct Rollback {
    #[command(flatten)]
    name: Name,
    /// Go back at once, to a previous group that is short of machines or not whole too
    #[arg(long, requires = "reason")]
    force: bool,
    /// Why; it stands in the hold
    #[arg(long, value_name = "TEXT", requires = "force")]
    reason: Option<String>,
}

impl Rollback {
    /// Goes back.
    pub fn run(&self, context: &Context) -> Exit {
        context.block_on(async {
            let service = &self.name.service;
            let access = self.name.access();
            let aws = match self.name.connect_by(&access, context).await {
                Ok(aws) => aws,
                Err(exit) => return exit,
            };
            let run = context.run_id();
            let store = state::open_if_there(service, &access, &aws, context).await;
            let holder = holder(run, context);
            let need = if self.force {
                Need::NoneByForce
            } else {
                Need::None
            };
            let lease = leased(store.as_ref(), service, &holder, need, context);
            let _lease = match lease {
                Ok(lease) => lease,
                Err(exit) => return exit,
            };
            let report = context.report(service, true);
            let stop = Stop::default();
            let journal = Lenient::begin(&self.name, run, &aws, store.as_ref(), context).await;
            let way = Way {
                service,
                run,
                clock: &context.clock,
                events: &report,
                journal: &journal,
                stop: stop.clone(),
                force: self.reason.as_deref().filter(|_| self.force),
            };
            let back = roll::rollback(&way, &aws);
            let goes_on = format!("`kiln rollback {service}` goes on");
            let done = context.until_killed(&stop, &goes_on, back).await;
            report.close();
            let Some(done) = done else {
                let text = format!("killed half-way: look at `kiln status {service}` now");
                return failure::say(&text, Exit::Traffic, context);
            };
            for reason in &done.reasons {
                context.say(reason);
            }
            let text = done
                .live
                .as_ref()
                .map(|live| format!("{live} serves {service} again"))
                .unwrap_or_default();
            context.document(&text, &json!(done));
            Exit::of_code(done.verdict.code())
        })
    }
}

/// What a command does where the service's lease cannot be had for want of a place to write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It has time.
    Lease,
    /// In an emergency a folder or a bucket that cannot be written must not stand in the way.
    None,
    /// Nor must a lease whose text nobody can read.
    NoneByForce,
}

/// The service's lease; none where the command does without.
///
/// Errors when another run holds it, or there is none and the command needs one.
pub fn leased(
    store: Option<&State>,
    service: &str,
    holder: &Holder,
    need: Need,
    context: &Context,
) -> Result<Option<StateLease>, Exit> {
    let Some(store) = store else {
        return match need {
            Need::Lease => {
                let text = format!("nothing of {service} is touched without its lease");
                Err(failure::say(&text, Exit::Failed, context))
            }
            Need::None | Need::NoneByForce => Ok(None),
        };
    };
    match store.take(service, holder) {
        Ok(lease) => Ok(Some(lease)),
        Err(held @ Held::Unreadable { .. }) if need == Need::NoneByForce => {
            context.say(&format!("warning: without a lease: {held}"));
            Ok(None)
        }
        Err(held @ (Held::By(_) | Held::Unreadable { .. })) => {
            Err(failure::say(&held.to_string(), Exit::Busy, context))
        }
        Err(Held::Io(error)) if need == Need::Lease => {
            let text = format!("the lease of {service} cannot be written: {error}");
            Err(failure::say(&text, Exit::Failed, context))
        }
        Err(Held::Io(error)) => {
            context.say(&format!(
                "warning: without a lease, since it cannot be written: {error}"
            ));
            Ok(None)
        }
    }
}

/// A journal that does without where it cannot be written: in an emergency neither a full disk nor an account that does not
/// say its name must stand in the way. What it would hold is in the tags of the group too.
pub struct Lenient<'a> {
    journal: Option<Box<dyn Journal<Undo> + 'a>>,
    context: &'a Context,
}

impl<'a> Lenient<'a> {
    /// Begins the journal of a run on a service.
    pub async fn begin(
        name: &Name,
        run: RunId,
        aws: &Aws,
        store: Option<&State>,
        context: &'a Context,
    ) -> Self {
        const ACCOUNT: Duration = Duration::from_secs(3);
        let Some(store) = store else {
            return Self {
                journal: None,
                context,
            };
        };
        let begun = match tokio::time::timeout(ACCOUNT, home::of(&name.access(), aws)).await {
            Ok(Ok(home)) => begin(store, run, &name.service, &home, false, context)
                .map_err(|error| error.to_string()),
            Ok(Err(error)) => Err(with_causes(&error)),
            Err(_) => Err("the account does not say its name".to_owned()),
        };
        let tell = |error: &String| context.say(&format!("warning: without a journal: {error}"));
        let journal = begun.inspect_err(tell).ok();
        Self { journal, context }
    }
}

impl Journal<Undo> for Lenient<'_> {
    fn note(&self, entry: &Entry<Undo>) -> std::io::Result<()> {
        if let Some(journal) = &self.journal
            && let Err(error) = journal.note(entry)
        {
            let text = format!("warning: the journal cannot be written: {error}");
            self.context.say(&text);
        }
        Ok(())
    }
}

/// Keep every roll off a service, until a time or until `kiln unhold`
///
/// A refused roll, and `kiln status`, say since when, by whom and why. A rollback is never kept off.
#[derive(Args, Debug)]
pub struct Hold {
    #[command(flatten)]
    name: Name,
    /// Why; a refused roll says it
    #[arg(long, default_value = "set by hand")]
    reason: String,
    /// When it ends by itself, such as 2026-12-24T18:00:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "length")]
    until: Option<Timestamp>,
    /// How long it is good for, such as 90m, 12h or 3d
    #[arg(long = "for", value_name = "TIME", value_parser = crate::cli::bake::span)]
    length: Option<SignedDuration>,
}

impl Hold {
    /// Sets the hold.
    pub fn run(&self, context: &Context) -> Exit {
        let now = context.clock.now();
        let until = self.until.or(self.length.map(|length| now + length));
        if until.is_some_and(|until| until <= now) {
            let text = "the hold would be over before it begins: that time is past";
            return failure::say(text, Exit::Usage, context);
        }
        let user = context.environment.vars.get("USER");
        let by = user.map_or_else(String::new, |user| format!(" by {user}"));
        // Tags have no room for parts of a second that nobody reads.
        let since = now.strftime("%Y-%m-%dT%H:%M:%SZ");
        let why = format!("{since}{by}: {}", self.reason);
        context.block_on(async {
            match self.name.connect(context).await {
                Ok(aws) => end(
                    roll::set_hold(&aws, &self.name.service, &why, until).await,
                    context,
                ),
                Err(exit) => exit,
            }
        })
    }
}

/// Let rolls of a service go on after a hold
#[derive(Args, Debug)]
pub struct Unhold {
    #[command(flatten)]
    name: Name,
}

impl Unhold {
    /// Takes the hold off.
    pub fn run(&self, context: &Context) -> Exit {
        context.block_on(async {
            match self.name.connect(context).await {
                Ok(aws) => end(roll::clear_hold(&aws, &self.name.service).await, context),
                Err(exit) => exit,
            }
        })
    }
}

fn end(done: Result<(), roll::Error>, context: &Context) -> Exit {
    match done {
        Ok(()) => Exit::Done,
        Err(error) => failure::say(&with_causes(&error), Exit::Failed, context),
    }
}

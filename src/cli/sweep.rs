//! `kiln sweep`: what dead runs left, and what is due.

use clap::Args;
use serde_json::json;

use crate::aws::{Access, Aws};
use crate::cli::roll::holder;
use crate::cli::{Context, Exit, doctor, failure, home, state};
use crate::cloud::{Fence, Home};
use crate::report::Report;
use crate::roll::{self, doctor::Known};
use crate::run::{Clock, Later, LaterLists, Leases as _, MemoryJournal, RunId, Stop, with_causes};
use crate::store::{Claim, Journals as _, State};
use crate::sweep::{Sweeping, Swept, sweep_journals, sweep_run, sweep_tags};
use crate::undo::Undo;

/// Remove what dead runs left behind
///
/// Reads the journals of runs that have died on this host and takes back what they made; then, in the region of the
/// environment, what carries a run's tag and has passed its expiry, and temporary changes of services whose time is up (`kiln
/// doctor`); then groups whose time to be kept is up. Nothing that serves goes, and nothing that kiln did not make.
#[derive(Args, Debug)]
pub struct Sweep {
    /// The region to look through for tags, where the environment or the profile does not say
    #[arg(long)]
    region: Option<String>,
    /// The profile that reaches the account
    #[arg(long)]
    profile: Option<String>,
    /// Only what this run left, also what it left on purpose (`kiln bake --on-error=keep`)
    #[arg(long, value_name = "RUN")]
    run: Option<RunId>,
    /// What the leases of the services move, and every client asks.
    #[arg(skip)]
    fence: Fence,
}

impl Sweep {
    /// Sweeps, and lists what went.
    pub fn run(&self, context: &Context) -> Exit {
        context.block_on(async {
            let stop = Stop::default();
            let report = context.report("sweep", true);
            let swept = context
                .until_killed(
                    &stop,
                    "`kiln sweep` goes on",
                    self.sweep(&stop, &report, context),
                )
                .await;
            report.close();
            match swept {
                None => Exit::Stopped,
                Some(Err(text)) => failure::say(&text, Exit::Failed, context),
                Some(Ok(swept)) => {
                    let exit = say(&swept, context);
                    let is_cut_short = stop.asked.is_cancelled() && exit != Exit::Done;
                    if is_cut_short { Exit::Stopped } else { exit }
                }
            }
        })
    }

    async fn sweep(
        &self,
        stop: &Stop,
        report: &Report<'_>,
        context: &Context,
    ) -> Result<Swept, String> {
        let store = state::open(&context.state, &self.access())?;
        let on = Sweeping {
            store: &store,
            clock: &context.clock,
            events: report,
            stop: stop.clone(),
            holder: holder(context.run_id(), context),
        };
        if let Some(run) = self.run {
            return one(run, &on, &self.fence).await;
        }
        let swept = sweep_journals(&on, async |home: &Home| {
            home::reach(home, &self.fence).await
        })
        .await
        .map_err(|error| format!("the store cannot be read: {error}"))?;
        let aws = connect(&self.access()).await?;
        let by_tag = sweep_tags(
            &aws,
            context.clock.now(),
            &swept.alive,
            report,
            stop.clone(),
        )
        .await;
        let mut swept = swept.and(by_tag.map_err(|error| with_causes(&error))?);
        swept = swept.and(self.doctor(&aws, &on, context).await?);
        let services = store
            .services_due()
            .map_err(|error| format!("the store cannot be read: {error}"))?;
        for service in services {
            swept = swept.and(self.work_off(&service, &on, context).await?);
        }
        Ok(swept)
    }

    /// Restores what has run out of every service of the region: of rolls whose journals are elsewhere, or lost.
    async fn doctor(
        &self,
        aws: &Aws,
        on: &Sweeping<'_, State>,
        context: &Context,
    ) -> Result<Swept, String> {
        let mut swept = Swept::default();
        let services = roll::doctor::services(aws).await;
        for service in services.map_err(|error| with_causes(&error))? {
            let _lease = match on.store.take(&service, &on.holder) {
                Ok(lease) => lease,
                Err(held) => {
                    swept.kept.push(format!("{service}: {held}"));
                    continue;
                }
            };
            let doctor = roll::doctor::Doctor {
                service: &service,
                known: doctor::known(Some(on.store), &service, None, context),
                clock: on.clock,
                events: on.events,
                journal: &MemoryJournal::default(),
                stop: on.stop.clone(),
            };
            let doctor = roll::doctor::Doctor {
                known: Known {
                    holder: None,
                    ..doctor.known.clone()
                },
                ..doctor
            };
            let done = roll::doctor::heal(&doctor, aws).await;
            let of = |text: String| format!("{service}: {text}");
            swept.removed.extend(done.restored.into_iter().map(of));
            swept.unreadable.extend(done.left.into_iter().map(of));
        }
        Ok(swept)
    }

    /// Works off one service's due-list where its target groups are.
    async fn work_off(
        &self,
        service: &str,
        on: &Sweeping<'_, State>,
        context: &Context,
    ) -> Result<Swept, String> {
        let mut swept = Swept::default();
        let aws = match self.site_of(service, on.store).await? {
            Ok(aws) => aws,
            Err(why) => {
                swept.kept.push(format!("due-list of {service}: {why}"));
                return Ok(swept);
            }
        };
        let by = (context.clock.now(), roll::NAMELESS);
        let wait = roll::Wait {
            events: on.events,
            stop: &on.stop,
            is_needed: false,
        };
        let done = roll::work_off_alone(service, &on.holder, by, &aws, on.store, &wait).await;
        let done = match done {
            Err(held) => {
                swept.kept.push(format!("due-list of {service}: {held}"));
                return Ok(swept);
            }
            Ok(done) => done.map_err(|error| with_causes(&error))?,
        };
        if done.gone > 0 {
            swept.removed.push(format!(
                "{} kept group(s) of {service} whose time was up",
                done.gone
            ));
        }
        if done.released > 0 {
            let text = format!("{} held minimum(s) of {service}", done.released);
            swept.removed.push(text);
        }
        swept.left.extend(done.left);
        Ok(swept)
    }

    /// A connection to the region of the service's target groups; why not, when these credentials belong to another
    /// account.
    async fn site_of(&self, service: &str, store: &State) -> Result<Result<Aws, String>, String> {
        let list: Vec<Later<Undo>> = store
            .read(service)
            .map_err(|error| format!("the due-list of {service} cannot be read: {error}"))?;
        let site = list.iter().find_map(|later| match &later.undo {
            Undo::Retire(retire) => retire.target_group.as_ref()?.site(),
            _ => None,
        });
        let mut access = self.access();
        let Some((region, account)) = site else {
            return Ok(Ok(connect(&access).await?));
        };
        access.region = Some(region.to_string());
        let aws = connect(&access).await?;
        let found = aws.account().await;
        let found = found.map_err(|error| with_causes(&error))?;
        Ok(if found == account {
            Ok(aws)
        } else {
            Err(format!(
                "the service is in account {account}, and these credentials belong to {found}"
            ))
        })
    }

    fn access(&self) -> Access {
        Access {
            region: self.region.clone(),
            profile: self.profile.clone(),
            fence: self.fence.clone(),
            ..Access::default()
        }
    }
}

/// Sweeps one run by its journal.
async fn one(run: RunId, on: &Sweeping<'_, State>, fence: &Fence) -> Result<Swept, String> {
    let reach = async |home: &Home| home::reach(home, fence).await;
    let claims = on.store.dead(None, on.clock);
    let claims = claims.map_err(|error| format!("the store cannot be read: {error}"))?;
    for claim in claims {
        match claim {
            Claim::Alive(alive) if alive == run => return Err(format!("run {run} is alive")),
            Claim::Dead(dead) if dead.run == run => {
                return Ok(sweep_run(*dead, on, &reach).await);
            }
            _ => {}
        }
    }
    Err(format!("there is no journal of run {run} in {}", on.store))
}

async fn connect(access: &Access) -> Result<Aws, String> {
    let aws = Aws::connect(access).await;
    aws.map_err(|error| with_causes(&error))
}

fn say(swept: &Swept, context: &Context) -> Exit {
    for kept in &swept.kept {
        context.say(&format!("kept: {kept}"));
    }
    for run in &swept.alive {
        context.say(&format!("run {run} is alive; nothing of it was touched"));
    }
    for text in &swept.unreadable {
        context.say(&format!("cannot be read: {text}"));
    }
    for left in &swept.left {
        context.say(&format!("left behind: {}: {}", left.undo, left.reason));
    }
    let text = if swept.removed.is_empty() {
        "nothing to remove".to_owned()
    } else {
        swept.removed.join("\n")
    };
    context.document(&text, &json!(swept));
    if swept.is_clean() {
        Exit::Done
    } else {
        Exit::CleanUpDue
    }
}

//! `kiln roll`: an image into service.

use std::path::Path;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::aws::{Access, Aws};
use crate::cli::approve::Desk;
use crate::cli::approving::Approving;
use crate::cli::at_once::Remembered;
use crate::cli::finish;
use crate::cli::half_made::HalfMade;
use crate::cli::input::{self, Input, Selection};
use crate::cli::{Context, Exit, failure, home, notify, rolled, state};
use crate::cloud::{Account, Home, ImageId};
use crate::roll::{self, About, Approval, Dead, Ended, Notice, Request, Tools};
use crate::run::{Clock as _, Due, Entry, Holder, Journal, RunId, SERVICE, Stop, due, with_causes};
use crate::source::{Diagnostic, SourceMap};
use crate::store::{Claim, DeadRun, Journals as _, State};
use crate::template::load;
use crate::template::service::Service;
use crate::undo::Undo;

/// Put an image into service
///
/// Makes the next group beside the one that serves, waits until it is healthy behind the real load balancer, swaps traffic by
/// one write, watches it, and keeps the previous group for the way back. Until the swap the serving group is not touched; if
/// anything fails, what was made is removed and the image is quarantined for this service when it is to blame (exit 5).
/// The same command again goes on where a killed one stopped (`--resume`: only that), and one with another image takes it back
/// first (`--abandon`: only that).
#[derive(Args, Debug)]
pub struct Roll {
    #[command(flatten)]
    input: Input,
    /// Roll this image instead of the one that the service file names
    #[arg(long, value_name = "AMI")]
    image: Option<String>,
    #[command(flatten)]
    approving: Approving,
    /// Roll all the same an image that is quarantined, over red alarms, with credentials that may end too soon
    #[arg(long, requires = "reason")]
    force: bool,
    /// Why; it stands in the notes of the plan
    #[arg(long, value_name = "TEXT", requires = "force")]
    reason: Option<String>,
    /// Only retire what is due and restore what has run out; a service's name does for SERVICE
    #[arg(long, conflicts_with_all = ["plan", "plan_out", "apply", "approve", "image", "force"])]
    finish: bool,
    #[command(flatten)]
    half_made: HalfMade,
    /// Keep the state in a folder although this looks like an agent of continuous integration
    #[arg(long)]
    local_state: bool,
}

impl Roll {
    /// Rolls, or prints the plan.
    pub fn run(&self, context: &Context) -> Exit {
        if let Some(name) = self.input.name().filter(|_| self.finish) {
            return finish::by_name(name, self.local_state, context);
        }
        let request = self.input.request(&Selection::default(), true, context);
        for taken in input::taken_for(&request) {
            context.say(&taken);
        }
        let mut sources = SourceMap::default();
        let (service, findings) = match load::service(&request, &mut sources) {
            Ok(loaded) => loaded,
            Err(findings) => return input::refuse(&findings, &sources, context),
        };
        input::show(&findings, &sources, context);
        context.hide(&service.secrets);
        if let Some(objection) = self.approving.objection(context) {
            return failure::say(objection, Exit::Usage, context);
        }
        let approved = match self.approving.approved(&service) {
            Ok(approved) => approved,
            Err(reason) => return failure::say(&reason, Exit::Usage, context),
        };
        let folder = state_of(&service, context);
        let is_meant = self.local_state || self.approving.is_plan();
        if let Some(refused) = state::refuse_folder(folder, context).filter(|_| !is_meant) {
            return failure::say(&refused, Exit::Usage, context);
        }
        context.block_on(async {
            let access = Access {
                region: service.region.as_ref().map(|region| region.value.clone()),
                ends: keys_end(context),
                ..Access::default()
            };
            let aws = match Aws::connect(&access).await {
                Ok(aws) => aws,
                Err(error) => return failure::say(&with_causes(&error), Exit::Usage, context),
            };
            let home = match home::of(&access, &aws).await {
                Ok(home) => home,
                Err(error) => return failure::say(&with_causes(&error), Exit::Failed, context),
            };
            match wrong_account(&service, home.account.as_ref()) {
                None if self.finish => {
                    let state = state_of(&service, context);
                    finish::finish(
                        (&service.name, Some(&service)),
                        state,
                        &access,
                        &aws,
                        context,
                    )
                    .await
                }
                None => {
                    self.roll(
                        (&service, approved),
                        &access,
                        (&aws, &home),
                        &sources,
                        context,
                    )
                    .await
                }
                Some(finding) => input::refuse(&[finding], &sources, context),
            }
        })
    }

    async fn roll(
        &self,
        (service, approved): (&Service, Option<Approval>),
        access: &Access,
        (aws, home): (&Aws, &Home),
        sources: &SourceMap,
        context: &Context,
    ) -> Exit {
        let name = &service.name.value;
        let store = match state::open(state_of(service, context), access) {
            Ok(store) => store,
            Err(refused) => return failure::say(&refused, Exit::Usage, context),
        };
        let (run, began) = (context.run_id(), context.clock.now());
        let report = context.report(name, true);
        let dead = match dead_rolls(&store, name, home, context) {
            Ok(dead) => dead,
            Err(error) => {
                return failure::say(
                    &format!("the store cannot be read: {error}"),
                    Exit::Failed,
                    context,
                );
            }
        };
        let journal = match begin(&store, run, name, home, self.approving.is_plan(), context) {
            Ok(journal) => Remembered::over(journal),
            Err(error) => {
                return failure::say(
                    &format!("the journal cannot be begun: {error}"),
                    Exit::Failed,
                    context,
                );
            }
        };
        let stop = Stop::default();
        let tools = Tools {
            cloud: aws,
            probe: &Desk(context),
            store: &store,
            clock: &context.clock,
            events: &report,
            journal: &journal,
            stop: stop.clone(),
        };
        let mut request = Request {
            service,
            region: aws.region().to_string(),
            image: self.image.as_deref().map(ImageId::new),
            run,
            holder: holder(run, context),
            force: self.reason.as_deref().filter(|_| self.force),
            dead: dead
                .iter()
                .map(|(dead, due)| Dead {
                    run: dead.run,
                    due: due.clone(),
                    journal: dead.journal.as_ref(),
                })
                .collect(),
            state: state::bucket(state_of(service, context)),
            resume: self.half_made.only_resumes(),
            approved: approved.as_ref(),
        };
        let asked;
        if self.approving.asks() {
            let ended = roll::plan_only(&request, &tools).await;
            asked = match self.approving.ask(&ended, service, context).await {
                Ok(asked) => asked,
                Err(exit) => {
                    report.close();
                    rolled::say(name, run, &ended, sources, context);
                    return exit;
                }
            };
            request.approved = asked.as_ref();
        }
        let is_plan = self.approving.is_plan();
        let ended = if is_plan {
            roll::plan_only(&request, &tools).await
        } else {
            let goes_on = format!(
                "the same command goes on with the roll, `kiln rollback {name}` gives its traffic back, and `kiln doctor {name}` shows \
                 what it has changed for a while"
            );
            let rolled = self.half_made.carry_out(&request, &tools);
            let Some(ended) = context.until_killed(&stop, &goes_on, rolled).await else {
                report.close();
                journal.say_left(run, context);
                return Exit::Stopped;
            };
            ended
        };
        report.close();
        rolled::say(name, run, &ended, sources, context);
        if let Err(reason) = self.approving.save(&ended, service, context) {
            return failure::say(&reason, Exit::Failed, context);
        }
        let exit = Exit::of_code(ended.verdict.code());
        let about = (run, began, journal.has_moved());
        let told = tell(&ended, is_plan, (service, home, aws), about, context).await;
        let document = rolled::document(name, run, &ended, told);
        context.document(&rolled::result(&ended, is_plan), &document);
        self.approving.exit(&ended, exit)
    }
}

/// Tells those whom the service file names; of a plan nobody.
async fn tell(
    ended: &Ended,
    is_plan: bool,
    (service, home, aws): (&Service, &Home, &Aws),
    (run, began, moved): (RunId, Timestamp, bool),
    context: &Context,
) -> Vec<Value> {
    let about = About {
        service: service.name.value.clone(),
        run,
        account: home.account.as_ref().map(ToString::to_string),
        region: aws.region().to_string(),
        seconds: context.clock.now().duration_since(began).as_secs(),
    };
    match Notice::of(ended, moved, about).filter(|_| !is_plan) {
        Some(notice) => notify::tell(&service.notify, &notice, context).await,
        None => Vec::new(),
    }
}

/// When the keys in the environment end, as AWS's command line exports it (`aws configure export-credentials`).
fn keys_end(context: &Context) -> Option<Timestamp> {
    let vars = &context.environment.vars;
    vars.get("AWS_ACCESS_KEY_ID")?;
    vars.get("AWS_CREDENTIAL_EXPIRATION")?.parse().ok()
}

/// Where the service's state is.
fn state_of<'a>(service: &'a Service, context: &'a Context) -> &'a Path {
    let named = service.state.as_ref().map(|state| Path::new(&state.value));
    named.unwrap_or(&context.state)
}

/// What keeps a roll out of an account other than the one that the service file names.
fn wrong_account(service: &Service, found: Option<&Account>) -> Option<Diagnostic> {
    let wanted = service.account.as_ref()?;
    let found = found.filter(|found| found.as_str() != wanted.value)?;
    let text = format!("these credentials belong to account {found}");
    let finding = Diagnostic::error("roll::wrong_account", text);
    Some(finding.at_value(wanted, "the service is in this one"))
}

/// A dead roll and what its journal still owes.
type DeadRoll<'a> = (DeadRun<'a, Undo>, Vec<Due<Undo>>);

/// Dead rolls of the service with what their journals still owe. The journals stay locked while this roll runs.
fn dead_rolls<'a>(
    store: &State,
    service: &str,
    here: &Home,
    context: &'a Context,
) -> std::io::Result<Vec<DeadRoll<'a>>> {
    let mut dead = Vec::new();
    for claim in store.dead(Some(service), &context.clock)? {
        match claim {
            Claim::Dead(run) if is_of(&run, service, here) => {
                let due = due(run.lines.iter().map(|line| line.entry.clone()));
                dead.push((*run, due));
            }
            Claim::Torn(torn) => context.say(&format!("warning: {torn}")),
            Claim::Dead(_) | Claim::Alive(_) => {}
        }
    }
    dead.retain(|(_, due)| !due.is_empty());
    Ok(dead)
}

/// A service of the same name in another account is another one.
fn is_of(run: &DeadRun<'_, Undo>, service: &str, here: &Home) -> bool {
    let home: Home = run.fact(Home::KEY).unwrap_or_default();
    let named: Option<String> = run.fact(SERVICE);
    named.as_deref() == Some(service)
        && home
            .account
            .is_none_or(|account| Some(&account) == here.account.as_ref())
}

/// The journal of a run on a service; a plan writes none.
pub fn begin<'a>(
    store: &State,
    run: RunId,
    service: &str,
    home: &Home,
    is_plan: bool,
    context: &'a Context,
) -> std::io::Result<Box<dyn Journal<Undo> + 'a>> {
    if is_plan {
        return Ok(Box::new(crate::run::MemoryJournal::default()));
    }
    let journal = store.begin(run, service, &context.clock)?;
    let fact = |key: &str, value: Value| {
        let entry: Entry<Undo> = Entry::Fact {
            key: key.to_owned(),
            value,
        };
        journal.note(&entry)
    };
    fact(SERVICE, json!(service))?;
    fact(Home::KEY, serde_json::to_value(home)?)?;
    Ok(journal)
}

/// Who this process is, for those who find the lease taken.
pub fn holder(run: RunId, context: &Context) -> Holder {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Holder {
        run,
        host: host.trim().to_owned(),
        process: std::process::id(),
        since: context.clock.now(),
    }
}

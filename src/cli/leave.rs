//! `kiln release` and `kiln destroy`: a service that kiln is to have nothing more to do with, and one that is to be no more.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::aws::{Access, Aws};
use crate::cli::doctor::known;
use crate::cli::finish::not_held;
use crate::cli::roll::{begin, holder};
use crate::cli::service::{Name, service_name};
use crate::cli::{Context, Exit, failure, home, state};
use crate::report::Report;
use crate::roll::doctor::{Doctor, Known};
use crate::roll::{Farewell, Leave, Left, Verdict, farewell, leave};
use crate::run::{Journal, LaterLists as _, Leases as _, MemoryJournal, Stop, with_causes};
use crate::store::State;
use crate::undo::Undo;

/// How long an answer is waited for.
const ASKED: Duration = Duration::from_mins(10);

/// Stop using kiln for a service, and change nothing that runs
///
/// Takes off every tag of kiln's, what kiln still holds of a kept group, its watch rule and the due-list. Groups, launch
/// templates, target groups, rules and traffic stay as they are; what was kept to go back to is nobody's to delete then, and
/// an emptied group stays empty. Refused while a roll is half-made or something is changed for a while, and without the
/// service's lease. Shows what it would do, asks, and looks again; in a job look with --plan, then give --yes.
#[derive(Args, Debug)]
pub struct Release {
    #[command(flatten)]
    leaving: Leaving,
    /// Do it without asking
    #[arg(long, conflicts_with = "plan")]
    yes: bool,
}

/// Take a service away: everything that kiln made for it, and nothing else
///
/// Its groups are emptied without force, so that requests and lifecycle hooks end first; then go the rules, alarms, groups,
/// target groups and the launch template that kiln made for it, where nobody else uses them, and every tag of kiln's. The
/// plan says of each thing what becomes of it, and why what stays does. Refused where users come by a listener or a rule that
/// kiln did not make, or others' machines are behind it. No record of DNS is written or deleted: a service by records (strategy
/// `dns`) is refused until they lead elsewhere, and any other name that leads to its load balancer goes on doing so. Shows what it would do, has the service's name typed, and looks again;
/// in a job look with --plan, then name the service once more with --confirm.
#[derive(Args, Debug)]
pub struct Destroy {
    #[command(flatten)]
    leaving: Leaving,
    /// The service's name once more, instead of typing it at the terminal
    #[arg(long, value_name = "SERVICE", conflicts_with = "plan", value_parser = service_name)]
    confirm: Option<String>,
    /// What the hooks `before_retire` of the service file do before a group goes has been done, or need not be
    #[arg(long)]
    without_hooks: bool,
}

#[derive(Args, Debug)]
struct Leaving {
    #[command(flatten)]
    name: Name,
    /// Only show what would be done
    #[arg(long)]
    plan: bool,
    /// Take the lease in a folder although this looks like an agent of continuous integration
    #[arg(long)]
    local_state: bool,
}

impl Release {
    /// Shows, asks, does, and prints what was done.
    pub fn run(&self, context: &Context) -> Exit {
        if !self.leaving.plan && !self.yes && !context.environment.terminal {
            let text = "there is no terminal to ask at: look with --plan, then give --yes";
            return failure::say(text, Exit::Usage, context);
        }
        let service = &self.leaving.name.service;
        let question = format!("release {service}? [yes/no] ");
        let is_yes = |answer: &str| matches!(answer, "y" | "yes");
        let asks = (!self.yes).then_some(question);
        self.leaving.run(Leave::Release, (asks, &is_yes), context)
    }
}

impl Destroy {
    /// Shows, has the name typed, does, and prints what was done.
    pub fn run(&self, context: &Context) -> Exit {
        let service = &self.leaving.name.service;
        match &self.confirm {
            Some(confirm) if confirm != service => {
                let text = format!(
                    "--confirm names {confirm}, and this is {service}: nothing was touched"
                );
                return failure::say(&text, Exit::Usage, context);
            }
            None if !self.leaving.plan && !context.environment.terminal => {
                let text = format!(
                    "there is no terminal to type the service's name at: look with --plan, then give --confirm {service}"
                );
                return failure::say(&text, Exit::Usage, context);
            }
            _ => {}
        }
        let question = format!("destroy {service}? Type its name: ");
        // Answers come in small letters.
        let name = service.to_lowercase();
        let is_name = |answer: &str| answer == name;
        let asks = self.confirm.is_none().then_some(question);
        let how = Leave::Destroy {
            without_hooks: self.without_hooks,
        };
        self.leaving.run(how, (asks, &is_name), context)
    }
}

/// What is asked, if anything is, and whether an answer is a yes.
type Question<'a> = (Option<String>, &'a dyn Fn(&str) -> bool);

impl Leaving {
    fn run(&self, how: Leave, question: Question<'_>, context: &Context) -> Exit {
        context.block_on(async {
            let access = self.name.access();
            let aws = match self.name.connect_by(&access, context).await {
                Ok(aws) => aws,
                Err(exit) => return exit,
            };
            let place = match state::of_name(&self.name.service, &aws, context).await {
                Ok(place) => place,
                Err(_) if self.plan => return self.show(how, None, &aws, context).await,
                Err(error) => return failure::say(&error, Exit::Failed, context),
            };
            let store = state::open(&place, &access);
            if self.plan {
                return self.show(how, store.ok().as_ref(), &aws, context).await;
            }
            let refused = state::refuse_folder(&place, context).filter(|_| !self.local_state);
            match (refused, store) {
                (Some(refused), _) | (None, Err(refused)) => {
                    failure::say(&refused, Exit::Usage, context)
                }
                (None, Ok(store)) => {
                    let on = (&store, &access, &aws);
                    self.leave(how, question, on, context).await
                }
            }
        })
    }

    fn doctor<'a>(
        &'a self,
        known: Known,
        (events, journal): (&'a Report<'a>, &'a dyn Journal<Undo>),
        stop: &Stop,
        context: &'a Context,
    ) -> Doctor<'a> {
        Doctor {
            service: &self.name.service,
            known,
            clock: &context.clock,
            events,
            journal,
            stop: stop.clone(),
        }
    }

    async fn show(&self, how: Leave, store: Option<&State>, aws: &Aws, context: &Context) -> Exit {
        let service = &self.name.service;
        let report = context.report(service, true);
        let journal = MemoryJournal::default();
        let known = known(store, service, None, context);
        let doctor = self.doctor(known, (&report, &journal), &Stop::default(), context);
        let due = store.and_then(|store| store.read(service).ok());
        let found = farewell(how, &doctor, &due.unwrap_or_default(), aws).await;
        report.close();
        let found = match found {
            Ok(found) => found,
            Err(error) => return failure::say(&with_causes(&error), Exit::Failed, context),
        };
        if !found.refused.is_empty() {
            return failure::say(&found.refused.join("\n"), Exit::Failed, context);
        }
        let partings: Vec<String> = found.partings.iter().map(ToString::to_string).collect();
        let document = json!({ "service": service, "plan": partings, "notes": found.notes });
        context.document(found.to_string().trim_end(), &document);
        Exit::Done
    }

    async fn leave(
        &self,
        how: Leave,
        question: Question<'_>,
        (store, access, aws): (&State, &Access, &Aws),
        context: &Context,
    ) -> Exit {
        let service = &self.name.service;
        let run = context.run_id();
        let home = match home::of(access, aws).await {
            Ok(home) => home,
            Err(error) => return failure::say(&with_causes(&error), Exit::Failed, context),
        };
        let known = known(Some(store), service, None, context);
        let _lease = match store.take(service, &holder(run, context)) {
            Ok(lease) => lease,
            Err(held) => return not_held(&held, context),
        };
        let journal = match begin(store, run, service, &home, false, context) {
            Ok(journal) => journal,
            Err(error) => {
                let text = format!("the journal cannot be begun: {error}");
                return failure::say(&text, Exit::Failed, context);
            }
        };
        let report = context.report(service, true);
        let stop = Stop::default();
        let doctor = self.doctor(known, (&report, journal.as_ref()), &stop, context);
        let agreed = async |found: &Farewell| agreed(found, question, &stop, context).await;
        let work = leave(how, &doctor, store, aws, agreed);
        let goes_on = format!("`kiln {how} {service}` goes on");
        let done = context.until_killed(&stop, &goes_on, work).await;
        report.close();
        match done {
            Some(done) => say(&done, context),
            None => Exit::Stopped,
        }
    }
}

/// Shows what would be done, and asks where nobody has agreed yet. A stop is a no.
async fn agreed(
    found: &Farewell,
    (question, is_yes): Question<'_>,
    stop: &Stop,
    context: &Context,
) -> bool {
    context.say(found.to_string().trim_end());
    let Some(question) = question else {
        return true;
    };
    let answer = tokio::select! {
        biased;
        () = stop.asked.cancelled() => None,
        answer = context.ask(&question) => answer,
        // The lease keeps every other command off meanwhile.
        () = tokio::time::sleep(ASKED) => {
            context.say("nobody has answered");
            None
        }
    };
    answer.is_some_and(|answer| is_yes(&answer))
}

fn say(left: &Left, context: &Context) -> Exit {
    for text in &left.left {
        context.say(text);
    }
    let text = if left.verdict == Verdict::NothingToDo {
        format!("nothing of kiln's is there for {}", left.service)
    } else {
        left.done.join("\n")
    };
    context.document(&text, &json!(left));
    Exit::of_code(left.verdict.code())
}

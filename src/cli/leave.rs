//! `kiln release`: a service that kiln is to have nothing more to do with.

use clap::Args;
use serde_json::json;

use crate::cli::doctor::known;
use crate::cli::roll::holder;
use crate::cli::service::{Lenient, Name, leased};
use crate::cli::{Context, Exit, failure, state};
use crate::roll::doctor::{Doctor, Known};
use crate::roll::{Farewell, confirmed, farewell, leave};
use crate::run::{Journal, MemoryJournal, Stop, with_causes};
use crate::undo::Undo;

/// Stop using kiln for a service, and change nothing that runs
///
/// Takes off every tag of kiln's, what kiln still holds of a kept group, its watch rule and the due-list. Groups, launch
/// templates, target groups, rules and traffic stay as they are; what was kept to go back to is nobody's to delete then, and
/// an emptied group stays empty. Refused while a roll is half-made or something is changed for a while, and without the
/// service's lease. Shows what it would do, and asks; in a job give --yes.
#[derive(Args, Debug)]
pub struct Release {
    #[command(flatten)]
    name: Name,
    /// Only show what would be done
    #[arg(long)]
    plan: bool,
    /// Do it without asking
    #[arg(long, conflicts_with = "plan")]
    yes: bool,
}

impl Release {
    /// Shows, asks, does, and prints what was done.
    pub fn run(&self, context: &Context) -> Exit {
        if !self.plan && !self.yes && !context.environment.terminal {
            let text = "there is no terminal to ask at: look with --plan, then give --yes";
            return failure::say(text, Exit::Usage, context);
        }
        let name = &self.name;
        context.block_on(async {
            let service = &name.service;
            let access = name.access();
            let aws = match name.connect_by(&access, context).await {
                Ok(aws) => aws,
                Err(exit) => return exit,
            };
            let store = state::open_if_there(service, &access, &aws, context).await;
            let report = context.report(service, true);
            let stop = Stop::default();
            let known = known(store.as_ref(), service, None, context);
            let look = |journal| Doctor {
                service,
                known: Known {
                    holder: None,
                    ..known.clone()
                },
                clock: &context.clock,
                events: &report,
                journal,
                stop: stop.clone(),
            };
            let id = context.run_id();
            let memory = MemoryJournal::<Undo>::default();
            let lease = if self.plan {
                None
            } else {
                match leased(store.as_ref(), service, &holder(id, context), context) {
                    Ok(lease) => lease,
                    Err(exit) => return exit,
                }
            };
            let found = match farewell(&look(&memory), &aws).await {
                Ok(found) => found,
                Err(error) => return failure::say(&with_causes(&error), Exit::Failed, context),
            };
            if let Some(exit) = self.ends(&found, lease.is_some(), context).await {
                report.close();
                return exit;
            }
            if let Err(error) = confirmed(&found, &look(&memory), &aws).await {
                report.close();
                return failure::say(&with_causes(&error), Exit::Failed, context);
            }
            let store = store.filter(|_| lease.is_some());
            let journal = Lenient::begin(name, id, &aws, store.as_ref(), context).await;
            let journal: &dyn Journal<Undo> = &journal;
            let look = look(journal);
            let work = leave(&found, &look, store.as_ref(), &aws);
            let done = context.until_killed(&stop, work).await;
            report.close();
            let Some(done) = done else {
                return Exit::Stopped;
            };
            for text in &done.left {
                context.say(text);
            }
            let text = match done.done.len() {
                0 => format!("nothing of kiln's is there for {service}"),
                _ => done.done.join("\n"),
            };
            context.document(&text, &json!(done));
            Exit::of_code(done.verdict.code())
        })
    }

    /// How the command ends before anything is done; nothing where it goes on.
    async fn ends(&self, found: &Farewell, leased: bool, context: &Context) -> Option<Exit> {
        let service = &found.service;
        if !found.refused.is_empty() {
            let text = found.refused.join("\n");
            return Some(failure::say(&text, Exit::Failed, context));
        }
        if self.plan {
            let partings: Vec<String> = found.partings.iter().map(ToString::to_string).collect();
            let document = json!({ "service": service, "plan": partings, "notes": found.notes });
            context.document(found.to_string().trim_end(), &document);
            return Some(Exit::Done);
        }
        if found.partings.is_empty() {
            return None;
        }
        if !leased {
            let text = format!(
                "nothing of {service} was touched: without its lease a roll could be at work"
            );
            return Some(failure::say(&text, Exit::Failed, context));
        }
        context.say(found.to_string().trim_end());
        if self.yes {
            return None;
        }
        let answer = context.ask(&format!("release {service}? [yes/no] ")).await;
        (answer.as_deref() != Some("yes")).then(|| {
            let text = format!("nothing of {service} was touched: it was not confirmed");
            failure::say(&text, Exit::Stopped, context)
        })
    }
}

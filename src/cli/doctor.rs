//! `kiln doctor`: the temporary changes of a service, and the way back of those that have run out.

use clap::Args;
use serde_json::json;

use crate::cli::roll::holder;
use crate::cli::service::{Lenient, Name, Need, leased};
use crate::cli::{Context, Exit, state};
use crate::roll::doctor::{Doctor as Look, Doctored, Known, State, examine, heal};
use crate::run::{MemoryJournal, RunId, Stop};
use crate::store;
use crate::undo::Undo;

/// Show temporary changes of a service, and restore those whose time is up
///
/// Pins, suspended processes, held minimums, probe rules, half-made groups and marks of rollbacks: what is changed, what was
/// there before, whose run it is and whether that run lives, and until when. What has run out is restored; what a run that
/// lives or may live still needs is left alone. Needs the service's name, its region and credentials, and no file: the
/// tags tell.
#[derive(Args, Debug)]
pub struct Doctor {
    #[command(flatten)]
    name: Name,
    /// Only show, and change nothing
    #[arg(long)]
    plan: bool,
    /// Take this run for over: restore what it has changed, without waiting for the time on its tags
    #[arg(long, value_name = "RUN")]
    run: Option<RunId>,
}

impl Doctor {
    /// Looks, restores, and prints what is left.
    pub fn run(&self, context: &Context) -> Exit {
        context.block_on(async {
            let service = &self.name.service;
            let access = self.name.access();
            let aws = match self.name.connect_by(&access, context).await {
                Ok(aws) => aws,
                Err(exit) => return exit,
            };
            let store = state::open_if_there(service, &access, &aws, context).await;
            let known = known(store.as_ref(), service, self.run, context);
            if let Some(run) = self.run
                && known.alive.contains(&run)
            {
                let text = format!("run {run} is alive; nothing of it was touched");
                return crate::cli::failure::say(&text, Exit::Busy, context);
            }
            let report = context.report(service, true);
            let stop = Stop::default();
            let look = |journal| Look {
                service,
                known: known.clone(),
                clock: &context.clock,
                events: &report,
                journal,
                stop: stop.clone(),
            };
            if self.plan {
                let found = examine(&look(&MemoryJournal::<Undo>::default()), &aws).await;
                report.close();
                return say(&found, true, context);
            }
            let run = context.run_id();
            let holder = holder(run, context);
            let _lease = match leased(store.as_ref(), service, &holder, Need::Lease, context) {
                Ok(lease) => lease,
                Err(exit) => return exit,
            };
            let journal = Lenient::begin(&self.name, run, &aws, store.as_ref(), context).await;
            let look = Look {
                known: Known {
                    holder: None,
                    ..known.clone()
                },
                ..look(&journal)
            };
            let goes_on = format!("`kiln doctor {service}` goes on");
            let done = context.until_killed(&stop, &goes_on, heal(&look, &aws));
            let done = done.await;
            report.close();
            match done {
                Some(done) => say(&done, false, context),
                None => Exit::Stopped,
            }
        })
    }
}

/// What the store knows of runs. Without one, tags and their times are all there is.
pub fn known(
    store: Option<&store::State>,
    service: &str,
    given_up: Option<RunId>,
    context: &Context,
) -> Known {
    let runs = store.map_or_else(|| Ok(Vec::new()), |store| store.runs(service));
    let runs = runs.unwrap_or_else(|error| {
        let text = format!("warning: the store cannot be read, and the tags tell alone: {error}");
        context.say(&text);
        Vec::new()
    });
    let of = |lives: bool| {
        let those = runs.iter().filter(move |(_, alive)| *alive == lives);
        those.map(|(run, _)| *run).collect::<Vec<_>>()
    };
    let alive = of(true);
    let last = store.and_then(|store| store.last_holder(service).ok().flatten());
    Known {
        holder: last.filter(|holder| alive.contains(&holder.run)),
        dead: of(false),
        alive,
        given_up,
        alone: false,
    }
}

fn say(done: &Doctored, is_plan: bool, context: &Context) -> Exit {
    let mut text = vec![done.service.clone()];
    for one in &done.temporary {
        let state = match one.state {
            State::InForce => "in force",
            State::RunOut if is_plan => "run out, would be restored",
            State::RunOut => "run out",
            State::Stays => "stays",
        };
        text.push(format!("  {state:<9} {one}"));
    }
    let restored = done.restored.iter();
    text.extend(restored.map(|one| format!("  restored  {one}")));
    if text.len() == 1 && done.left.is_empty() {
        text.push("  nothing temporary".to_owned());
    }
    for left in &done.left {
        context.say(left);
    }
    context.document(&text.join("\n"), &json!(done));
    Exit::of_code(done.verdict.code())
}

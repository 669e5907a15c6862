//! One build, from its journal to its manifest.

use std::time::Duration;

use crate::bake::{self, Artifact, BakePlan, HostTools, World};
use crate::cli::bake::Planned;
use crate::cli::bake::manifest;
use crate::cli::bake::record::{Ending, Record, Records};
use crate::cli::{Context, Exit, failure, input};
use crate::report::Report;
use crate::run::{self, Clock as _, Events as _, Outcome, Setup, Stop};
use crate::source::SourceMap;
use crate::store::Store;
use crate::template::bake::Build;
use crate::undo::Undo;

/// What all builds of a call share.
pub struct On<'a> {
    /// It is the only one, so that bars can move.
    pub alone: bool,
    pub stop: &'a Stop,
    pub records: &'a Records,
    pub sources: &'a SourceMap,
    pub context: &'a Context,
}

/// Bakes one, and leaves its end in the records.
pub async fn bake(planned: Planned<'_>, on: &On<'_>) {
    let (index, context) = (planned.index, on.context);
    if on.stop.asked.is_cancelled() {
        let end = |record: &mut Record| record.end(Ending::NotBegun, Exit::Stopped);
        return on.records.note(index, end, context);
    }
    let began = context.clock.now();
    let set_off = |record: &mut Record| {
        record.result = Ending::Running;
        record.region = Some(planned.plan.region.clone());
        record.run = Some(planned.plan.run);
    };
    on.records.note(index, set_off, context);
    let end = carry_out(planned, on).await;
    let took = Duration::try_from(context.clock.now().duration_since(began)).unwrap_or_default();
    let note = |record: &mut Record| {
        end(record);
        record.seconds = Some((took.as_secs_f64() * 10.0).round() / 10.0);
    };
    on.records.note(index, note, context);
}

async fn carry_out(planned: Planned<'_>, on: &On<'_>) -> Box<dyn FnOnce(&mut Record)> {
    let Planned {
        label,
        build,
        plan,
        aws,
        home,
        ..
    } = planned;
    let context = on.context;
    let report = context.report(&label, on.alone);
    let journal = match Store::at(&context.state).begin(plan.run, &context.clock) {
        Ok(journal) => journal,
        Err(error) => {
            let folder = context.state.display();
            let text = format!("the journal in {folder} cannot be begun: {error}");
            failure::say(&format!("{label}: {text}"), Exit::Failed, context);
            return Box::new(|record| {
                record.end(Ending::Failed, Exit::Failed);
                record.reason = Some(text);
            });
        }
    };
    let setup = Setup {
        journal: &journal,
        events: &report,
        stop: on.stop.clone(),
    };
    let world = World {
        cloud: &aws,
        tools: &HostTools,
        clock: &context.clock,
    };
    let outcome = bake::carry_out(&plan, &home, &world, setup).await;
    report.close();
    let exit = conclude(&label, build, &plan, &outcome, &report, on);
    Box::new(move |record| fill(record, outcome, exit))
}

fn fill(record: &mut Record, outcome: Outcome<Artifact, Undo>, exit: Exit) {
    let left = outcome.left.iter();
    record.left = left
        .map(|left| format!("{}: {}", left.undo, left.reason))
        .collect();
    match outcome.result {
        Ok(artifact) => {
            record.artifact = Some(artifact);
            record.end(Ending::Done, exit);
        }
        Err(failure) => {
            record.step = Some(failure.step.to_owned());
            record.reason = Some(failure::chain(&failure));
            let stopped = failure.is_stop();
            record.end(
                if stopped {
                    Ending::Stopped
                } else {
                    Ending::Failed
                },
                exit,
            );
        }
    }
}

/// Says how it ended, and adds to the manifests.
fn conclude(
    label: &str,
    build: &Build,
    plan: &BakePlan,
    outcome: &Outcome<Artifact, Undo>,
    report: &Report,
    on: &On<'_>,
) -> Exit {
    let context = on.context;
    failure::say_left(&outcome.left, plan.run, context);
    let artifact = match &outcome.result {
        Ok(artifact) => artifact,
        Err(failure) => {
            let refused = failure.error::<bake::Error>();
            if let Some(finding) = refused.and_then(bake::Error::finding) {
                input::show(&[finding], on.sources, context);
            } else {
                failure::say_failure(label, failure, context);
            }
            context.keep_error(&format!("{label}: {}", failure::chain(failure)));
            return exit(outcome);
        }
    };
    if let Err(text) = manifest::write(build, &plan.source, plan.run, artifact, context) {
        context.keep_error(&format!("{label}: {text}"));
        report.emit(run::Event::Warning { text });
        return Exit::CleanUpDue;
    }
    exit(outcome)
}

fn exit(outcome: &Outcome<Artifact, Undo>) -> Exit {
    match bake::verdict(outcome) {
        bake::Verdict::Done => Exit::Done,
        bake::Verdict::Failed => Exit::Failed,
        bake::Verdict::CleanUpDue => Exit::CleanUpDue,
        bake::Verdict::Stopped => Exit::Stopped,
    }
}

//! One build, from its journal to its manifest.

use std::time::Duration;

use jiff::SignedDuration;

use crate::aws::Aws;
use crate::bake::{self, Artifact, Attending, BakePlan, HostTools, World};
use crate::cli::bake::look_up::{Looked, Planned, Wanted};
use crate::cli::bake::operator::{Desk, Wishes};
use crate::cli::bake::posts::{self, Made};
use crate::cli::bake::record::{Ending, Record, Records};
use crate::cli::bake::unchanged::Unchanged;
use crate::cli::{Context, Exit, failure, input};
use crate::post::Step;
use crate::report::Report;
use crate::run::{
    self, Clock as _, Entry, Events as _, Journal, Outcome, RunId, Setup, Stop, with_causes,
};
use crate::source::SourceMap;
use crate::store::Store;
use crate::undo::Undo;

/// What all builds of a call share.
pub struct On<'a> {
    /// It is the only one, so that bars can move.
    pub alone: bool,
    pub stop: &'a Stop,
    pub wishes: Wishes,
    /// How long things stay that are left on purpose.
    pub keep_for: SignedDuration,
    /// The call's own id where it has several builds; a single one's run is the call.
    pub call: Option<RunId>,
    /// Manifests begin anew.
    pub afresh: bool,
    pub records: &'a Records,
    pub sources: &'a SourceMap,
    pub context: &'a Context,
}

/// Bakes one, and leaves its end in the records.
pub async fn bake<'t>(wanted: &Wanted<'t>, looked: Looked<'t>, on: &On<'t>) {
    let (index, context) = (wanted.index, on.context);
    let planned = match looked {
        Looked::Bake(planned) => planned,
        Looked::Unchanged(found) => {
            let end = tell_unchanged(wanted, *found, on).await;
            return on.records.note(index, end, context);
        }
    };
    if on.stop.asked.is_cancelled() {
        let end = |record: &mut Record| record.end(Ending::NotBegun, Exit::Stopped);
        return on.records.note(index, end, context);
    }
    let began = context.clock.now();
    let set_off = |record: &mut Record| {
        record.result = Ending::Running;
        record.region = Some(planned.plan.region.clone());
        record.run = Some(planned.plan.run);
        let print = planned.plan.fingerprint;
        record.fingerprint = print.map(|print| print.to_string());
    };
    on.records.note(index, set_off, context);
    let end = carry_out(wanted, *planned, on).await;
    let took = Duration::try_from(context.clock.now().duration_since(began)).unwrap_or_default();
    let note = |record: &mut Record| {
        end(record);
        record.seconds = Some((took.as_secs_f64() * 10.0).round() / 10.0);
    };
    on.records.note(index, note, context);
}

/// The image of an earlier run is this one's result, in the manifests too. Post-processors that failed then run now.
async fn tell_unchanged(
    wanted: &Wanted<'_>,
    found: Unchanged,
    on: &On<'_>,
) -> Box<dyn FnOnce(&mut Record)> {
    let Unchanged { source, artifact } = found;
    let report = on.context.report(&wanted.label, on.alone);
    let made = Made {
        build: wanted.subject.build,
        source: &source,
        run: on.call.unwrap_or_else(|| on.context.run_id()),
        artifact: &artifact,
        reached: None,
    };
    let image = artifact.image();
    let due = image.is_some_and(|image| wanted.subject.is_post_due(image, on.context));
    let steps = posts::process(&made, !due, on, &report).await;
    report.close();
    let exit = tell_steps(wanted, &steps, on);
    if due && exit == Exit::Done {
        wanted.subject.note_post_done(on.context);
    }
    Box::new(move |record| {
        record.region = Some(artifact.region.clone());
        record.artifact = Some(artifact);
        record.end(Ending::Unchanged, exit);
        posts::note(record, steps, exit);
    })
}

/// Says why a post-processor failed, if one did.
fn tell_steps(wanted: &Wanted<'_>, steps: &[Step], on: &On<'_>) -> Exit {
    let exit = posts::exit(steps);
    if let Some(reason) = posts::reason(steps) {
        failure::say(&format!("{}: {reason}", wanted.label), exit, on.context);
    }
    exit
}

async fn carry_out<'t>(
    wanted: &Wanted<'t>,
    planned: Planned<'t>,
    on: &On<'t>,
) -> Box<dyn FnOnce(&mut Record)> {
    let Planned {
        plan,
        inputs,
        adopt,
        aws,
        home,
    } = planned;
    let (context, label) = (on.context, &wanted.label);
    let report = context.report(label, on.alone);
    let (adopt, journal) = match adopt {
        Some((adopted, journal)) => (Some(adopted), Ok(journal)),
        None => (
            None,
            Store::at(&context.state)
                .begin(plan.run, &context.clock)
                .map(|journal| Box::new(journal) as Box<dyn Journal<Undo>>),
        ),
    };
    let journal = match journal {
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
        journal: journal.as_ref(),
        events: &report,
        stop: on.stop.clone(),
    };
    let world = World {
        cloud: &aws,
        tools: &HostTools,
        clock: &context.clock,
    };
    let desk = Desk::new(on.wishes, label, plan.run, context);
    let attending = Attending {
        operator: &desk,
        reached: &|reached| desk.reached(reached),
        adopt,
        keep_for: on.keep_for,
    };
    let outcome = bake::attend(&plan, &home, &world, setup, attending).await;
    let access = &wanted.subject.build.builder.access;
    if access.decode_authorization_messages {
        decode(&outcome, &aws, &report).await;
    }
    let published = bake::is_published(&outcome);
    let steps = match &outcome.result {
        Ok(_) if !published => {
            let text =
                "post-processors wait until the image is published: `kiln sweep` finishes that"
                    .to_owned();
            report.emit(run::Event::Warning { text });
            Vec::new()
        }
        Ok(artifact) => {
            let made = Made {
                build: wanted.subject.build,
                source: &plan.source,
                run: plan.run,
                artifact,
                reached: desk.way(),
            };
            posts::process(&made, false, on, &report).await
        }
        Err(_) => Vec::new(),
    };
    report.close();
    if outcome.kept.is_empty() {
        desk.forget_key();
    } else {
        desk.say_kept(&outcome.kept);
    }
    let ended = conclude(wanted, &plan, &outcome, on);
    let exit = Exit::worst([ended, tell_steps(wanted, &steps, on)]);
    if let Ok(artifact) = &outcome.result {
        if let Some(inputs) = inputs {
            let due = !published || posts::exit(&steps) != Exit::Done;
            wanted
                .subject
                .note(inputs, plan.run, artifact, due, context);
        }
        tell(journal.as_ref(), &report);
    }
    Box::new(move |record| {
        fill(record, outcome, exit);
        posts::note(record, steps, exit);
    })
}

/// From here on nobody need go on with this run: what it made has been told of.
fn tell(journal: &dyn Journal<Undo>, report: &Report<'_>) {
    let told = Entry::<Undo>::Fact {
        key: bake::TOLD.to_owned(),
        value: true.into(),
    };
    if let Err(error) = journal.note(&told) {
        let text = format!("the journal cannot be written: {error}");
        report.emit(run::Event::Warning { text });
    }
}

/// Says what a denial means that AWS has encoded.
async fn decode(outcome: &Outcome<Artifact, Undo>, aws: &Aws, report: &Report<'_>) {
    let error = outcome.result.as_ref().err();
    let Some(denial) = error.and_then(|failure| failure.error::<bake::Error>()?.cloud()) else {
        return;
    };
    let text = match aws.decode(denial).await {
        None => return,
        Some(Ok(decoded)) => format!("{} was denied: {decoded}", denial.call),
        Some(Err(error)) => format!(
            "why {} was denied cannot be decoded: {}",
            denial.call,
            with_causes(&error)
        ),
    };
    report.emit(run::Event::Note { text });
}

fn fill(record: &mut Record, outcome: Outcome<Artifact, Undo>, exit: Exit) {
    let left = outcome.left.iter();
    let left = left.map(|left| format!("{}: {}", left.undo, left.reason));
    let kept = outcome.kept.iter();
    let kept = kept.map(|undo| format!("{undo}: left on purpose"));
    record.left = left.chain(kept).collect();
    match outcome.result {
        Ok(artifact) => {
            record.artifact = Some(artifact);
            record.end(Ending::Done, exit);
        }
        Err(failure) => {
            record.step = Some(failure.step.to_owned());
            record.reason = Some(with_causes(&failure));
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

/// Says how it ended.
fn conclude(
    wanted: &Wanted<'_>,
    plan: &BakePlan,
    outcome: &Outcome<Artifact, Undo>,
    on: &On<'_>,
) -> Exit {
    let (context, label) = (on.context, &wanted.label);
    failure::say_left(&outcome.left, plan.run, context);
    if let Err(failure) = &outcome.result {
        let refused = failure.error::<bake::Error>();
        if let Some(finding) = refused.and_then(bake::Error::finding) {
            input::show(&[finding], on.sources, context);
        } else {
            failure::say_failure(label, failure, context);
        }
        context.keep_error(&format!("{label}: {}", with_causes(failure)));
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

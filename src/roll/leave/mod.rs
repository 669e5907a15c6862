//! Leaving a service alone: `kiln release` takes off what kiln noted and changes nothing that runs.
//!
//! What is to be done is found by tags alone, each thing on its own, shown, and looked up again before it is done. Every step
//! may be done twice: after a death the same command finds what is left. The service's name goes from what leads to the rest
//! as the last.

mod belongings;
mod parting;

use std::fmt;

use serde::Serialize;

use super::Verdict;
use super::doctor::{Doctor, Known, Owner, State, Temporary, find};
use super::error::Error;
use super::scraps;
use crate::cloud::{Cloud, tag};
use crate::run::{self, Event, Later, LaterLists, Run, Setup, with_causes};
use crate::undo::lease::Leased;
use crate::undo::{Undo, Unwinder};
use belongings::{Belongings, is_ours};
pub use parting::Parting;

/// What would be done, or why it is not.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Farewell {
    pub service: String,
    pub partings: Vec<Parting>,
    /// What is left for a person to know.
    pub notes: Vec<String>,
    /// Why nothing may be done.
    pub refused: Vec<String>,
}

/// How it went.
#[derive(Debug, Serialize)]
#[must_use]
pub struct Left {
    pub service: String,
    pub verdict: Verdict,
    /// What was done.
    pub done: Vec<String>,
    /// What was not, and why.
    pub left: Vec<String>,
}

impl fmt::Display for Farewell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.service)?;
        for parting in &self.partings {
            writeln!(f, "- {parting}")?;
        }
        for note in &self.notes {
            writeln!(f, "  {note}")?;
        }
        Ok(())
    }
}

/// Looks up what would be done with a service that has this due-list. Nothing is changed.
pub async fn farewell(
    doctor: &Doctor<'_>,
    due: &[Later<Undo>],
    cloud: &impl Cloud,
) -> Result<Farewell, Error> {
    let found = Belongings::look_up(cloud, doctor.service).await?;
    let (partings, mut notes) = found.released();
    let scraps = due.iter().filter(|later| scraps::is_scrap(&later.undo));
    notes.extend(scraps.map(|later| {
        let (what, at) = (&later.undo, later.at);
        format!("what was to go at {at} stays, and is deleted by nobody: {what}")
    }));
    Ok(Farewell {
        service: doctor.service.to_owned(),
        partings,
        notes,
        refused: under_way(&found, doctor),
    })
}

/// What is half-made or changed for a while: only what is kept on purpose may be there, and a pin, which stays as it is.
fn under_way(found: &Belongings, doctor: &Doctor<'_>) -> Vec<String> {
    let Some(scene) = &found.scene else {
        return Vec::new();
    };
    let known = Known {
        holder: None,
        ..doctor.known.clone()
    };
    let service = doctor.service;
    let groups = scene.groups.iter();
    let spent = groups.filter(|group| group.tag(tag::STATE) == Some(tag::RETIRING));
    let (ours, others): (Vec<_>, Vec<_>) = spent.partition(|group| is_ours(group, service));
    let mut refused: Vec<String> = ours
        .iter()
        .map(|group| {
            let name = &group.name;
            format!("group {name} is half taken away: `kiln roll --finish {service}` first")
        })
        .collect();
    let pin = Leased::Version.to_string();
    let stays = |one: &Temporary| one.what == pin && one.state != State::RunOut;
    let spent: Vec<String> = ours
        .iter()
        .chain(&others)
        .map(|group| format!("group {}", group.name))
        .collect();
    let all = find(scene, &known, doctor.clock.now()).into_iter();
    let all = all.filter(|one| !one.is_kept() && !stays(one) && !spent.contains(&one.on));
    refused.extend(all.map(|one| hindrance(&one, service)));
    refused
}

/// A temporary change, with what ends it.
fn hindrance(one: &Temporary, service: &str) -> String {
    match (one.state, one.run) {
        (State::RunOut, _) => format!("{one}: `kiln doctor {service}` first"),
        (State::InForce, _) if one.ends_by_itself() => {
            format!("{one}: wait for it, then `kiln roll --finish {service}`")
        }
        (State::InForce, Some(run)) if one.owner != Owner::Alive => {
            format!(
                "{one}: wait for its run or its end; where that run is over, `kiln doctor {service} --run {run}`"
            )
        }
        (State::InForce, _) => format!("{one}: wait for its run or its end"),
        (State::Stays, _) => one.to_string(),
    }
}

/// Shows what would be done to whoever answers whether it is to be, looks again, and does it. The caller holds the service's
/// lease.
pub async fn leave<C: Cloud, S: LaterLists<Undo>>(
    doctor: &Doctor<'_>,
    store: &S,
    cloud: &C,
    agreed: impl AsyncFnOnce(&Farewell) -> bool,
) -> Left {
    match ask(doctor, store, cloud, agreed).await {
        Ok(farewell) => carry_out(&farewell, doctor, store, cloud).await,
        Err((verdict, left)) => Left {
            service: doctor.service.to_owned(),
            verdict,
            done: Vec::new(),
            left,
        },
    }
}

/// What is to be done; or how it ends with nothing touched.
async fn ask(
    doctor: &Doctor<'_>,
    store: &impl LaterLists<Undo>,
    cloud: &impl Cloud,
    agreed: impl AsyncFnOnce(&Farewell) -> bool,
) -> Result<Farewell, (Verdict, Vec<String>)> {
    let failed = |error: Error| (Verdict::Failed, vec![with_causes(&error)]);
    let service = doctor.service;
    let due = store
        .read(service)
        .map_err(|error| failed(Error::Later(error)))?;
    let shown = farewell(doctor, &due, cloud).await.map_err(failed)?;
    if !shown.refused.is_empty() {
        return Err((Verdict::Failed, shown.refused));
    }
    if shown.partings.is_empty() {
        return Err((Verdict::NothingToDo, Vec::new()));
    }
    if !agreed(&shown).await {
        let text = format!("nothing of {service} was touched: it was not confirmed");
        return Err((Verdict::Stopped, vec![text]));
    }
    let again = farewell(doctor, &due, cloud).await.map_err(failed)?;
    if again != shown {
        let text = format!(
            "nothing of {service} was touched: it is not what was shown any more, look again"
        );
        return Err((Verdict::Failed, vec![text]));
    }
    Ok(again)
}

async fn carry_out<C: Cloud, S: LaterLists<Undo>>(
    farewell: &Farewell,
    doctor: &Doctor<'_>,
    store: &S,
    cloud: &C,
) -> Left {
    let setup = Setup {
        journal: doctor.journal,
        events: doctor.events,
        stop: doctor.stop.clone(),
    };
    let unwinder = Unwinder::new(cloud);
    let (mut done, mut left) = (Vec::new(), Vec::new());
    let outcome = run::run(&unwinder, setup, async |run| {
        let forget = async |_: &mut _| forget(store, doctor.service);
        run.step("empty the due-list", forget).await?;
        part(farewell, cloud, run, (&mut done, &mut left)).await
    });
    let outcome = outcome.await;
    let undos = outcome.left.iter();
    left.extend(undos.map(|left| format!("{}: {}", left.undo, left.reason)));
    let verdict = match outcome.result {
        Err(failure) if failure.is_stop() => {
            let rest = farewell.partings.len() - done.len();
            let service = doctor.service;
            left.push(format!(
                "stopped with {rest} thing(s) to do: `kiln release {service}` does the rest"
            ));
            Verdict::Stopped
        }
        Err(failure) => {
            left.push(with_causes(&failure));
            Verdict::CleanUpDue
        }
        Ok(()) if !left.is_empty() => Verdict::CleanUpDue,
        Ok(()) => Verdict::Done,
    };
    Left {
        service: farewell.service.clone(),
        verdict,
        done,
        left,
    }
}

/// What is kept has its time in tags too, for as long as it has any.
fn forget(store: &impl LaterLists<Undo>, service: &str) -> Result<(), Error> {
    let listed = store.read(service).map_err(Error::Later)?;
    if listed.is_empty() {
        return Ok(());
    }
    store.replace(service, &[]).map_err(Error::Later)
}

/// Each thing in its order. What would not go keeps all behind it: that may be needed to find it again.
async fn part<C: Cloud>(
    farewell: &Farewell,
    cloud: &C,
    run: &mut Run<'_, Undo>,
    (done, left): (&mut Vec<String>, &mut Vec<String>),
) -> Result<(), run::Failure> {
    for parting in &farewell.partings {
        let step = async |_: &mut _| parting.carry_out(cloud).await;
        match run.step("leave the service", step).await {
            Ok(()) => {
                let text = parting.to_string();
                run.events().emit(Event::Note { text: text.clone() });
                done.push(text);
            }
            Err(failure) if failure.is_stop() => return Err(failure),
            Err(failure) => {
                left.push(format!("{parting}: {}", failure.cause));
                return Ok(());
            }
        }
    }
    Ok(())
}

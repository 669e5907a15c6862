//! Leaving a service alone: `kiln release` takes off what kiln noted and changes nothing that runs.
//!
//! What is to be done is found by tags alone, each thing on its own, and shown before it is done. Every step may be done
//! twice: after a death the same command finds what is left. The service's name goes from what leads to the rest as the last.

mod belongings;
mod parting;

use std::fmt;

use serde::Serialize;

use super::Verdict;
use super::doctor::{Doctor, Known, State, Temporary, find};
use super::error::Error;
use crate::cloud::{Cloud, tag};
use crate::run::{self, Event, LaterLists, Run, Setup, with_causes};
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
    /// What would not go, and why.
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

/// Looks up what would be done. Nothing is changed.
pub async fn farewell(doctor: &Doctor<'_>, cloud: &impl Cloud) -> Result<Farewell, Error> {
    let found = Belongings::look_up(cloud, doctor.service).await?;
    let (partings, notes) = found.released();
    Ok(Farewell {
        service: doctor.service.to_owned(),
        partings,
        notes,
        refused: under_way(&found, doctor),
    })
}

/// Looks everything up again behind a question. Errors when it is not what was shown.
pub async fn confirmed(
    shown: &Farewell,
    doctor: &Doctor<'_>,
    cloud: &impl Cloud,
) -> Result<(), Error> {
    if farewell(doctor, cloud).await? == *shown {
        return Ok(());
    }
    let text = "what is there is not what was shown any more: nothing was touched, look again";
    Err(Error::Changed(text.to_owned()))
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
    refused.extend(all.map(|one| match one.state {
        State::RunOut => format!("{one}: `kiln doctor {service}` first"),
        State::InForce if one.ends_by_itself() => {
            format!("{one}: wait for it, then `kiln roll --finish {service}`")
        }
        State::InForce => format!("{one}: wait for its run or its end"),
        State::Stays => one.to_string(),
    }));
    refused
}

/// Does it. The caller holds the service's lease, where it has a store.
pub async fn leave<C: Cloud, S: LaterLists<Undo>>(
    farewell: &Farewell,
    doctor: &Doctor<'_>,
    store: Option<&S>,
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
        if let Some(store) = store {
            let forget = async |_: &mut _| forget(store, doctor.service);
            run.step("empty the due-list", forget).await?;
        }
        part(farewell, cloud, run, (&mut done, &mut left)).await
    });
    let outcome = outcome.await;
    left.extend(
        outcome
            .left
            .iter()
            .map(|left| format!("{}: {}", left.undo, left.reason)),
    );
    let verdict = match outcome.result {
        Err(failure) if failure.is_stop() => Verdict::Stopped,
        Err(failure) => {
            left.push(with_causes(&failure));
            Verdict::CleanUpDue
        }
        Ok(()) if !left.is_empty() => Verdict::CleanUpDue,
        Ok(()) if done.is_empty() => Verdict::NothingToDo,
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

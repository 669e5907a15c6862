//! Leaving a service alone: `kiln release` takes off what kiln noted and changes nothing that runs; `kiln destroy` takes away
//! what kiln made for it.
//!
//! What is to be done is found by tags alone, each thing on its own, shown, and looked up again before it is done. Every step
//! may be done twice: after a death the same command finds what is left. The service's name goes from what leads to the rest
//! as the last.

mod belongings;
mod hindrance;
mod parting;
mod removal;
mod removing;

use std::fmt;

use serde::Serialize;

use super::Verdict;
use super::doctor::Doctor;
use super::error::Error;
use crate::cloud::Cloud;
use crate::run::{self, Event, LaterLists, Run, Setup, with_causes};
use crate::undo::{Undo, Unwinder};
use belongings::Belongings;
use hindrance::hindrances;
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

/// What becomes of a service that is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// It goes on without kiln.
    Release,
    /// It is to be no more.
    Destroy,
}

impl fmt::Display for Leave {
    /// The command's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Release => "release",
            Self::Destroy => "destroy",
        })
    }
}

/// What is to be done, and what a person is to know.
type Plan = (Vec<Parting>, Vec<String>);

/// Looks up what would be done. Nothing is changed.
pub async fn farewell(
    how: Leave,
    doctor: &Doctor<'_>,
    cloud: &impl Cloud,
) -> Result<Farewell, Error> {
    let found = Belongings::look_up(cloud, doctor.service, how).await?;
    let mut refused = hindrances(&found, how, doctor);
    let (partings, notes) = match how {
        Leave::Release => found.released(),
        Leave::Destroy => {
            refused.extend(found.entangled());
            found.destroyed()
        }
    };
    Ok(Farewell {
        service: doctor.service.to_owned(),
        partings,
        notes,
        refused,
    })
}

/// Shows what would be done to whoever answers whether it is to be, looks again, and does it. The caller holds the service's
/// lease.
pub async fn leave<C: Cloud, S: LaterLists<Undo>>(
    how: Leave,
    doctor: &Doctor<'_>,
    store: &S,
    cloud: &C,
    agreed: impl AsyncFnOnce(&Farewell) -> bool,
) -> Left {
    match ask(how, doctor, cloud, agreed).await {
        Ok(farewell) => carry_out((how, &farewell), doctor, store, cloud).await,
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
    how: Leave,
    doctor: &Doctor<'_>,
    cloud: &impl Cloud,
    agreed: impl AsyncFnOnce(&Farewell) -> bool,
) -> Result<Farewell, (Verdict, Vec<String>)> {
    let failed = |error: Error| (Verdict::Failed, vec![with_causes(&error)]);
    let service = doctor.service;
    let shown = farewell(how, doctor, cloud).await.map_err(failed)?;
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
    let again = farewell(how, doctor, cloud).await.map_err(failed)?;
    if again != shown {
        let text = format!(
            "nothing of {service} was touched: it is not what was shown any more, look again"
        );
        return Err((Verdict::Failed, vec![text]));
    }
    Ok(again)
}

async fn carry_out<C: Cloud, S: LaterLists<Undo>>(
    (how, farewell): (Leave, &Farewell),
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
        part((how, farewell), doctor, cloud, run, (&mut done, &mut left)).await
    });
    let outcome = outcome.await;
    let undos = outcome.left.iter();
    left.extend(undos.map(|left| format!("{}: {}", left.undo, left.reason)));
    let verdict = match outcome.result {
        Err(failure) if failure.is_stop() => {
            let rest = farewell.partings.iter().map(ToString::to_string);
            left.extend(rest.filter(|one| !done.contains(one)));
            let service = doctor.service;
            left.push(format!("stopped: `kiln {how} {service}` does the rest"));
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
    (how, farewell): (Leave, &Farewell),
    doctor: &Doctor<'_>,
    cloud: &C,
    run: &mut Run<'_, Undo>,
    (done, left): (&mut Vec<String>, &mut Vec<String>),
) -> Result<(), run::Failure> {
    for parting in &farewell.partings {
        let gone = match still(how, parting, doctor, cloud, run).await {
            Ok(Still::Asked) => {
                let on = (doctor.service, &doctor.stop);
                removing::carry_out(parting, on, cloud, run).await
            }
            Ok(Still::Gone) => continue,
            Ok(Still::Refused(reasons)) => {
                left.extend(reasons);
                return Ok(());
            }
            Err(failure) => Err(failure),
        };
        match gone {
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

/// What became of a thing since it was shown.
enum Still {
    Asked,
    Gone,
    Refused(Vec<String>),
}

/// What is taken away is looked at once more right before: draining takes its time, in which others go on.
async fn still<C: Cloud>(
    how: Leave,
    parting: &Parting,
    doctor: &Doctor<'_>,
    cloud: &C,
    run: &mut Run<'_, Undo>,
) -> Result<Still, run::Failure> {
    if how == Leave::Release {
        return Ok(Still::Asked);
    }
    let look = async || farewell(how, doctor, cloud).await;
    let now = run.work("look again", look).await?;
    Ok(if !now.refused.is_empty() {
        Still::Refused(now.refused)
    } else if now.partings.contains(parting) {
        Still::Asked
    } else {
        Still::Gone
    })
}

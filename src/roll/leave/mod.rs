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
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::Verdict;
use super::doctor::Doctor;
use super::error::Error;
use super::scraps::is_scrap;
use crate::cloud::Cloud;
use crate::run::{self, Event, Later, LaterLists, Patience, Readiness, Run, Setup, with_causes};
use crate::undo::{LONGEST_PAUSE, Undo, Unwinder};
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
    /// What would go, did anybody know whether others use it, and why nobody does.
    unknown: Vec<(Parting, String)>,
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
    Destroy {
        /// Commands before a group goes are somebody else's affair.
        without_hooks: bool,
    },
}

impl fmt::Display for Leave {
    /// The command's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Release => "release",
            Self::Destroy { .. } => "destroy",
        })
    }
}

/// What is to be done, and what a person is to know.
type Plan = (Vec<Parting>, Vec<String>);

/// Looks up what would be done with a service that has this due-list. Nothing is changed.
pub async fn farewell(
    how: Leave,
    doctor: &Doctor<'_>,
    due: &[Later<Undo>],
    cloud: &impl Cloud,
) -> Result<Farewell, Error> {
    let found = Belongings::look_up(cloud, doctor.service, how).await?;
    let mut refused = hindrances(&found, how, doctor);
    let (partings, mut notes) = match how {
        Leave::Release => found.released(),
        Leave::Destroy { without_hooks } => {
            refused.extend(found.entangled(without_hooks));
            found.destroyed()
        }
    };
    let scraps = due.iter().filter(|later| is_scrap(&later.undo));
    notes.extend(scraps.map(|later| {
        let (what, at) = (&later.undo, later.at);
        match how {
            Leave::Release => {
                format!("what was to go at {at} stays, and is deleted by nobody: {what}")
            }
            Leave::Destroy { .. } => {
                format!("what goes at {at} stays until then, when `kiln sweep` deletes it: {what}")
            }
        }
    }));
    Ok(Farewell {
        service: doctor.service.to_owned(),
        partings,
        notes,
        refused,
        unknown: found.unknown(),
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
    match ask(how, doctor, store, cloud, agreed).await {
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
    store: &impl LaterLists<Undo>,
    cloud: &impl Cloud,
    agreed: impl AsyncFnOnce(&Farewell) -> bool,
) -> Result<Farewell, (Verdict, Vec<String>)> {
    let failed = |error: Error| (Verdict::Failed, vec![with_causes(&error)]);
    let service = doctor.service;
    let due = store
        .read(service)
        .map_err(|error| failed(Error::Later(error)))?;
    let shown = farewell(how, doctor, &due, cloud).await.map_err(failed)?;
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
    let again = farewell(how, doctor, &due, cloud).await.map_err(failed)?;
    if (&again.partings, &again.refused) != (&shown.partings, &shown.refused) {
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
        let forget = async |_: &mut _| forget(how, store, doctor.service);
        run.step("empty the due-list", forget).await?;
        part((how, farewell), doctor, cloud, run, (&mut done, &mut left)).await
    });
    let outcome = outcome.await;
    let undos = outcome.left.iter();
    left.extend(undos.map(|left| format!("{}: {}", left.undo, left.reason)));
    let verdict = match outcome.result {
        Err(failure) if failure.is_stop() => {
            let rest = farewell.partings.len().saturating_sub(done.len());
            let service = doctor.service;
            left.push(format!(
                "stopped with {rest} thing(s) to do: `kiln {how} {service}` does the rest"
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

/// What is kept has its time in tags too, for as long as it has any. What replaced roots have left of a service that goes
/// still goes at its time: it hangs on nothing of the service.
fn forget(how: Leave, store: &impl LaterLists<Undo>, service: &str) -> Result<(), Error> {
    let mut listed = store.read(service).map_err(Error::Later)?;
    let before = listed.len();
    listed.retain(|later| how != Leave::Release && is_scrap(&later.undo));
    if listed.len() == before {
        return Ok(());
    }
    store.replace(service, &listed).map_err(Error::Later)
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
        let (parting, gone) = match still(how, parting, doctor, cloud, run).await {
            Ok(Still::Asked(parting)) => {
                let on = (doctor.service, &doctor.stop);
                let gone = removing::carry_out(&parting, on, cloud, run).await;
                (parting, gone)
            }
            Ok(Still::Gone) => continue,
            Ok(Still::Refused(reasons)) => {
                left.extend(reasons);
                return Ok(());
            }
            Err(failure) => (parting.clone(), Err(failure)),
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
    if how == Leave::Release {
        return Ok(());
    }
    let look = async || is_gone(how, doctor, cloud).await;
    run.wait("nothing left", &SEEN, look).await
}

/// How long a read may be of what was before.
const STALE: Duration = Duration::from_secs(30);
/// What reads did not show before is seen by then.
const SEEN: Patience = Patience::new(
    Duration::from_mins(2),
    Duration::from_secs(1),
    Duration::from_secs(10),
);

/// What becomes of a thing by what stands now.
enum Still {
    /// It is to be done, or what takes its place where others have begun to use the thing.
    Asked(Parting),
    Gone,
    Refused(Vec<String>),
}

/// What others may use is looked at once more right before it is taken away: draining takes its time, in which they go on.
async fn still<C: Cloud>(
    how: Leave,
    parting: &Parting,
    doctor: &Doctor<'_>,
    cloud: &C,
    run: &mut Run<'_, Undo>,
) -> Result<Still, run::Failure> {
    if !parting.may_be_shared() {
        return Ok(Still::Asked(parting.clone()));
    }
    let look = async || settled(how, parting, doctor, cloud).await;
    let now = run.work("look again", look).await?;
    if !now.refused.is_empty() {
        return Ok(Still::Refused(now.refused));
    }
    let mut unknown = now.unknown.into_iter();
    if let Some((_, why)) = unknown.find(|(one, _)| one == parting) {
        return Ok(Still::Refused(vec![format!("{parting}: {why}")]));
    }
    let mut partings = now.partings.into_iter();
    let found = partings.find(|one| one == parting || one.spares(parting));
    Ok(found.map_or(Still::Gone, Still::Asked))
}

/// What stands in the way is seen for longer than reads are of a moment ago: a rule that has just gone may be listed, without
/// its tags, or a group that names the launch template.
async fn settled(
    how: Leave,
    parting: &Parting,
    doctor: &Doctor<'_>,
    cloud: &impl Cloud,
) -> Result<Farewell, Error> {
    let began = Instant::now();
    loop {
        let now = farewell(how, doctor, &[], cloud).await?;
        let is_clear = now.refused.is_empty() && now.partings.contains(parting);
        if is_clear || began.elapsed() > STALE {
            return Ok(now);
        }
        tokio::time::sleep(LONGEST_PAUSE).await;
    }
}

async fn is_gone(
    how: Leave,
    doctor: &Doctor<'_>,
    cloud: &impl Cloud,
) -> Result<Readiness<()>, Error> {
    let now = match farewell(how, doctor, &[], cloud).await {
        Err(Error::Cloud(error)) if error.is_passing() => {
            return Ok(Readiness::NotYet(error.to_string()));
        }
        now => now?,
    };
    let there: Vec<String> = now.partings.iter().map(ToString::to_string).collect();
    Ok(if there.is_empty() {
        Readiness::Ready(())
    } else {
        Readiness::NotYet(format!("still to do: {}", there.join("; ")))
    })
}

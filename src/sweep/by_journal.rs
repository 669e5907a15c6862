//! Journals whose lock is free: their runs are dead, and what they had to take back is taken back now.

use std::io;

use crate::cloud::{Cloud, Error, Home, Image, ImageId, ImageQuery, tag};
use crate::run::{
    Clock, Due, Entry, Events, Held, Holder, Journal, KEPT_UNTIL, Leases, Left, SERVICE, Setup,
    Stop, due, settle,
};
use crate::store::{Claim, DeadRun, Journals, Store, is_alive};
use crate::sweep::Swept;
use crate::undo::{self, Undo, Unwinder};

/// What a sweep works with.
pub struct Sweeping<'a, S = Store> {
    pub store: &'a S,
    pub clock: &'a dyn Clock,
    pub events: &'a dyn Events,
    pub stop: Stop,
    /// The sweep itself, as a holder of leases.
    pub holder: Holder,
}

/// Works off the journals of dead runs, oldest first. `connect` opens the account and region that a journal names.
///
/// Errors when the store cannot be read. A region that cannot be reached leaves its things to the next sweep.
pub async fn sweep_journals<C: Cloud, S: Journals + Leases>(
    on: &Sweeping<'_, S>,
    connect: impl AsyncFn(&Home) -> Result<C, Error>,
) -> io::Result<Swept> {
    let mut swept = Swept::default();
    for claim in on.store.dead(None, on.clock)? {
        match claim {
            Claim::Alive(run) => swept.alive.push(run),
            Claim::Torn(torn) => swept.unreadable.push(torn.to_string()),
            Claim::Dead(dead) => match kept(&dead, on.clock) {
                Some(text) => swept.kept.push(text),
                None => swept = swept.and(sweep_run(*dead, on, &connect).await),
            },
        }
    }
    Ok(swept)
}

/// Whether a run's things are left on purpose, and for how long.
fn kept(dead: &DeadRun<'_, Undo>, clock: &dyn Clock) -> Option<String> {
    let until: jiff::Timestamp = dead.fact(KEPT_UNTIL)?;
    let due = due(dead.lines.iter().map(|line| line.entry.clone()));
    let run = dead.run;
    (clock.now() < until && !due.is_empty()).then(|| {
        format!("run {run} was left on purpose until {until}; `kiln sweep --run {run}` removes it")
    })
}

/// Takes back what one dead run left, also what it left on purpose.
pub async fn sweep_run<C: Cloud, S: Leases>(
    dead: DeadRun<'_, Undo>,
    on: &Sweeping<'_, S>,
    connect: &impl AsyncFn(&Home) -> Result<C, Error>,
) -> Swept {
    let mut swept = Swept::default();
    let due = due(dead.lines.iter().map(|line| line.entry.clone()));
    if due.is_empty() {
        return swept;
    }
    // A roll or a rollback that is under way has its service's lease, and is not to be met half-way.
    let service: Option<String> = dead.fact(SERVICE);
    let lease = service.map(|service| (on.store.take(&service, &on.holder), service));
    if let Some((Err(held), service)) = &lease {
        let text = format!("run {} of {service}: {held}", dead.run);
        swept.kept.push(text);
        if matches!(held, Held::By(holder) if holder.run == dead.run) {
            swept.alive.push(dead.run);
        }
        return swept;
    }
    if let Err(error) = dead.journal.note(&Entry::taken_over(on.holder.run))
        && is_alive(&error)
    {
        swept.kept.push(format!("run {}: {error}", dead.run));
        return swept;
    }
    // Where its journal does not tell, the environment says.
    let home: Home = dead.fact(Home::KEY).unwrap_or_default();
    let cloud = match connect(&home).await {
        Ok(cloud) => cloud,
        Err(error) => {
            let left = due.into_iter().map(|due| Left {
                undo: due.undo,
                reason: error.to_string(),
            });
            swept.left.extend(left);
            return swept;
        }
    };
    let due = without_finished(due, &cloud, dead.journal.as_ref(), &mut swept).await;
    let all: Vec<Undo> = due.iter().map(|due| due.undo.clone()).collect();
    let setup = Setup {
        journal: dead.journal.as_ref(),
        events: on.events,
        stop: on.stop.clone(),
    };
    let left = settle(due, &Unwinder::new(&cloud), &setup).await;
    let gone = all
        .iter()
        .filter(|undo| left.iter().all(|left| left.undo != **undo));
    swept.removed.extend(gone.map(ToString::to_string));
    let end = Entry::End {
        ok: left.is_empty(),
    };
    note(dead.journal.as_ref(), &end, on.events);
    swept.left.extend(left);
    swept
}

/// An image that is marked as ready is whole: the run died after it had done its work, and whoever looked for an image
/// may have taken it already.
async fn without_finished(
    due: Vec<Due<Undo>>,
    cloud: &impl Cloud,
    journal: &dyn Journal<Undo>,
    swept: &mut Swept,
) -> Vec<Due<Undo>> {
    let mut rest = Vec::new();
    for one in due {
        match finished(&one.undo, cloud).await {
            Some(image) => {
                swept.kept.push(format!("image {image}: it is finished"));
                let forget = Entry::Forget { slot: one.slot };
                note(journal, &forget, &crate::run::Silent);
            }
            None => rest.push(one),
        }
    }
    rest
}

async fn finished(undo: &Undo, cloud: &impl Cloud) -> Option<ImageId> {
    let query = match undo {
        Undo::RemoveImage { id, .. } => ImageQuery::id(id),
        Undo::RemoveImagesOf { run } => ImageQuery::own(undo::of(*run)),
        _ => return None,
    };
    let found: Vec<Image> = cloud.find_images(&query).await.ok()?;
    let mut found = found.into_iter();
    let ready = found.find(|image| image.tags.contains_key(tag::READY))?;
    Some(ready.id)
}

/// What cannot be noted is taken back a second time by the next sweep, which is harmless.
fn note(journal: &dyn Journal<Undo>, entry: &Entry<Undo>, events: &dyn Events) {
    if let Err(error) = journal.note(entry) {
        let text = format!("the journal cannot be written: {error}");
        events.emit(crate::run::Event::Warning { text });
    }
}

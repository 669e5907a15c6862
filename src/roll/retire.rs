//! Working off what is due: kept groups whose time is up.

use jiff::Timestamp;

use super::calm;
use super::commit::{no_longer, retirement};
use super::error::Error;
use super::mark::Mark;
use super::names;
use super::probe::Probe;
use super::retiring::{self, Retiring, Wait, before};
use super::scraps;
use super::spared;
use crate::cloud::{Cloud, Group, tag};
use crate::run::{Event, Held, Holder, LaterLists, Leases, Left};
use crate::undo::lease::Leased;
use crate::undo::serving::target_groups_of;
use crate::undo::{self, Retire, Undo};

/// What came of a due-list.
#[derive(Debug, Default)]
pub struct WorkedOff {
    /// How many groups were retired.
    pub gone: usize,
    /// How many held minimums were released.
    pub released: usize,
    /// How many replaced roots, and lots of snapshots, were deleted.
    pub deleted: usize,
    /// Groups whose machines have not ended yet.
    pub(super) ending: Vec<(Retire, Group)>,
    /// What would not go.
    pub left: Vec<Left<Undo>>,
}

impl WorkedOff {
    /// Counts and tells what became of a group; one that does not go, since it serves again or is gone, counts for nothing.
    fn note(&mut self, due: Retire, goes: bool, gone: Result<(), Error>, wait: &Wait<'_>) {
        let what = due.to_string();
        let Err(error) = gone else {
            wait.events.emit(Event::Undone { what });
            self.gone += usize::from(goes);
            return;
        };
        let reason = error.to_string();
        let told = reason.clone();
        wait.events.emit(Event::NotUndone { what, reason: told });
        let undo = Undo::Retire(due);
        self.left.push(Left { undo, reason });
    }
}

/// Retires what is due, under the service's lease: a rollback may be about to lead traffic to that very group. While machines
/// end, which may take hours, nobody has the lease, so that a roll or a rollback may come between.
///
/// Errors as the lease does when a roll or a rollback is under way, and then nothing was touched.
pub async fn work_off_alone<C: Cloud, S: Leases + LaterLists<Undo>, P: Probe>(
    service: &str,
    holder: &Holder,
    (now, by): (Timestamp, Option<&Retiring<'_, P>>),
    cloud: &C,
    store: &S,
    wait: &Wait<'_>,
) -> Result<Result<WorkedOff, Error>, Held> {
    let begun = {
        let _lease = store.take(service, holder)?;
        work_off(service, (now, by), cloud, store, wait).await
    };
    let mut done = match begun {
        Ok(done) => done,
        Err(error) => return Ok(Err(error)),
    };
    for (due, group) in std::mem::take(&mut done.ending) {
        let ended = async {
            tokio::select! {
                biased;
                () = wait.stop.asked.cancelled() => return Err(stopped(&due)),
                ended = undo::ended(cloud, &group, wait.events) => ended?,
            }
            let _lease = match store.take(service, holder) {
                Ok(lease) => lease,
                Err(held) => return Err(goes_on(&due, &held)),
            };
            retiring::finish((&due, &group), cloud, wait.events).await?;
            no_longer(store, service, &due.group)
        };
        done.note(due.clone(), true, ended.await, wait);
    }
    Ok(Ok(done))
}

/// Retires what is due at `now`. The caller holds the service's lease.
///
/// The due-list of the store and the tags of groups are read, so that a lost store hides nothing.
pub(super) async fn work_off<C: Cloud, S: LaterLists<Undo>, P: Probe>(
    service: &str,
    (now, by): (Timestamp, Option<&Retiring<'_, P>>),
    cloud: &C,
    store: &S,
    wait: &Wait<'_>,
) -> Result<WorkedOff, Error> {
    let events = wait.events;
    let groups = cloud.groups().await?;
    let released = calm::release_due(service, now, &groups, (cloud, store), events).await?;
    let due = due(service, now, cloud, store).await?;
    let mut done = WorkedOff {
        released,
        ..WorkedOff::default()
    };
    scraps::work_off(service, now, (cloud, store), events, &mut done).await?;
    for retire in due {
        // One that serves again, or is gone, only leaves the list.
        let goes = groups.iter().any(|group| {
            let state = group.tag(tag::STATE);
            group.name == retire.group && matches!(state, Some(tag::KEPT | tag::RETIRING))
        });
        let gone = async {
            if !wait.is_needed {
                spared::spare(&retire, &groups, cloud).await?;
            }
            before(&retire.group, by, cloud, events).await?;
            let gone = tokio::select! {
                biased;
                () = wait.stop.asked.cancelled() => return Err(stopped(&retire)),
                gone = retiring::retire(&retire, cloud, wait) => gone?,
            };
            if gone.is_none() {
                no_longer(store, service, &retire.group)?;
            }
            Ok(gone)
        };
        match gone.await {
            Ok(Some(group)) => done.ending.push((retire, group)),
            gone => done.note(retire, goes, gone.map(drop), wait),
        }
    }
    Ok(done)
}

fn stopped(retire: &Retire) -> Error {
    let group = &retire.group;
    let text = format!(
        "stopped on request: `kiln roll --finish` or the next roll goes on with group {group}"
    );
    Error::Changed(text)
}

/// Somebody else works on the service by now.
fn goes_on(retire: &Retire, held: &Held) -> Error {
    let group = &retire.group;
    Error::Changed(format!(
        "machines of group {group} have ended; {held}, and who works on the service next deletes it"
    ))
}

/// What is due at `now`, by the due-list and by tags.
pub(super) async fn due<C: Cloud, S: LaterLists<Undo>>(
    service: &str,
    now: Timestamp,
    cloud: &C,
    store: &S,
) -> Result<Vec<Retire>, Error> {
    let mut due: Vec<Retire> = Vec::new();
    for later in store.read(service).map_err(Error::Later)? {
        match later.undo {
            Undo::Retire(retire) if later.at <= now => due.push(retire),
            _ => {}
        }
    }
    for found in by_tag(service, now, cloud).await? {
        if !due.contains(&found) {
            due.push(found);
        }
    }
    Ok(due)
}

/// Kept groups whose time is up, and those that a dead run had begun to retire.
async fn by_tag<C: Cloud>(service: &str, now: Timestamp, cloud: &C) -> Result<Vec<Retire>, Error> {
    let is_due = |group: &Group| match group.tag(tag::STATE) {
        Some(tag::KEPT) => {
            !Mark::holds(group, now) && names::keep_until(group).is_none_or(|until| until <= now)
        }
        // Emptied groups of others' making stay so, once they have been given back what was changed for a while.
        Some(tag::RETIRING) => {
            let mut leases = Leased::ALL.iter().map(|what| group.tag(what.tag()));
            group.tag(tag::MADE_BY).is_some()
                || !group.members.is_empty()
                || leases.any(|lease| lease.is_some())
        }
        _ => false,
    };
    let groups = cloud.groups().await?.into_iter();
    let mine = groups.filter(|group| group.tag(tag::SERVICE) == Some(service) && is_due(group));
    let mine: Vec<Group> = mine.collect();
    if mine.is_empty() {
        return Ok(Vec::new());
    }
    let targets = target_groups_of(cloud, service).await?;
    let with = mine.iter().filter_map(|group| {
        let mut of = targets
            .iter()
            .filter(|(one, _)| group.target_groups.contains(&one.arn));
        let of = of.next().map(|(one, _)| &one.arn);
        // Whose target groups are another service's, or nobody's, is left to a person.
        let known = of.is_some() || group.target_groups.is_empty();
        known.then(|| retirement(service, &group.name, of))
    });
    Ok(with.collect())
}

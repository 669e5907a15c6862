//! Making things of a roll: intent first, adopted when a dead run or a lost answer has made them already.

use super::error::Error;
use super::plan::Plan;
use crate::cloud::{Cloud, Group, GroupName, Kind, Result as CloudResult, Tags, tag};
use crate::run::{Ledger, Lifetime, Slot};
use crate::undo::lease::{Lease, Leased};
use crate::undo::{Change, OfRoll, Undo};

/// One thing of the plan's roll, as its undo names it.
pub(super) fn of(plan: &Plan, change: Change) -> Undo {
    Undo::Roll(OfRoll {
        service: plan.service.clone(),
        run: plan.run,
        next: plan.next.group.clone(),
        change,
    })
}

/// Puts an undo on the ledger before what it undoes is done.
pub(super) fn intend(made: &mut Ledger<'_, Undo>, undo: Undo) -> Result<Slot, Error> {
    let lifetime = match &undo {
        Undo::Roll(of) if of.is_product() => Lifetime::Product,
        _ => Lifetime::Scratch,
    };
    made.intend(lifetime, undo).map_err(Error::Journal)
}

/// Makes something unless it is there.
///
/// `find` is asked when a dead run is gone on with, and after an answer that may hide success.
pub(super) async fn ensure<T>(
    plan: &Plan,
    made: &mut Ledger<'_, Undo>,
    change: Change,
    find: impl AsyncFn() -> CloudResult<Option<T>>,
    create: impl AsyncFnOnce() -> CloudResult<T>,
) -> Result<T, Error> {
    let undo = of(plan, change);
    let slot = intend(made, undo.clone())?;
    let found = if plan.resumed { find().await? } else { None };
    let thing = match found {
        Some(thing) => thing,
        None => match create().await {
            Ok(thing) => thing,
            Err(error) if error.may_have_happened() || error.kind == Kind::AlreadyExists => {
                match find().await? {
                    Some(thing) => thing,
                    None => return Err(error.into()),
                }
            }
            Err(error) => {
                made.forget(slot).map_err(Error::Journal)?;
                return Err(error.into());
            }
        },
    };
    made.made(slot, undo).map_err(Error::Journal)?;
    Ok(thing)
}

/// What everything of the plan's roll is tagged with.
pub(super) fn tags(plan: &Plan) -> Tags {
    [
        (tag::SERVICE, plan.service.clone()),
        (tag::RUN, plan.run.to_string()),
        (tag::MADE_BY, env!("CARGO_PKG_VERSION").to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// Tags of what the run removes again.
pub(super) fn scratch_tags(plan: &Plan) -> Tags {
    let mut tags = tags(plan);
    tags.insert(tag::EXPIRES.to_owned(), plan.expires.to_string());
    tags
}

/// Changes a group for a while: journalled, then said in a tag beside what was there before, then done.
///
/// What a dead run noted as the state before stays noted: it is the true one.
pub(super) async fn lease(
    plan: &Plan,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
    group: &Group,
    what: Leased,
    before: Vec<String>,
) -> Result<(), Error> {
    let change = Change::Lease {
        group: group.name.clone(),
        what,
    };
    let undo = of(plan, change);
    let lease = Lease {
        run: plan.run,
        until: plan.expires,
        before,
    };
    note_lease(undo, &lease, group, what, cloud, made).await
}

/// Journals a lease and says it in its tag. What was there first is what comes back, so that a group that has one keeps what
/// it says of that: one of the same run, which goes on after a death, is good for longer now, and one of a run that died
/// with its journal is this run's from here on.
pub(super) async fn note_lease(
    undo: Undo,
    lease: &Lease,
    group: &Group,
    what: Leased,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    // Once: the second time there would be nothing to take back, and that is looked at twice.
    if !made.owes(&undo) {
        intend(made, undo)?;
    }
    let lease = match Lease::of(group, what) {
        None => lease.clone(),
        Some(there) if there.run == lease.run && there.until >= lease.until => return Ok(()),
        Some(there) if there.run != lease.run && outlasts(what) => return Ok(()),
        Some(there) => Lease {
            before: there.before,
            ..lease.clone()
        },
    };
    let tags = Tags::from([(what.tag().to_owned(), lease.to_string())]);
    Ok(cloud.tag_group(&group.name, &tags).await?)
}

/// A group that the plan counts on.
pub(super) async fn group(cloud: &impl Cloud, name: &GroupName) -> Result<Group, Error> {
    let found = cloud.group(name).await?.filter(|group| !group.deleting);
    found.ok_or_else(|| Error::Changed(format!("group {name} is gone")))
}

/// Whether a change is one that stays behind the end of the run that made it, so that its owner need not be dead.
fn outlasts(what: Leased) -> bool {
    matches!(what, Leased::LowAlarm | Leased::Refresh | Leased::Question)
}

//! Making things of a roll: intent first, adopted when a dead run or a lost answer has made them already.

use jiff::Timestamp;

use super::error::Error;
use super::plan::Plan;
use crate::cloud::{Cloud, Group, GroupName, Kind, Result as CloudResult, Tags, tag};
use crate::run::{Ledger, Lifetime, RunId, Slot};
use crate::undo::held::{self, Held};
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
    let slot = owe(undo.clone(), made)?;
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
    owe(undo, made)?;
    let there = Lease::of(group, what);
    let now = owned(lease, there.as_ref(), what);
    if there.as_ref() == Some(&now) {
        return Ok(());
    }
    let tags = Tags::from([(what.tag().to_owned(), now.to_string())]);
    Ok(cloud.tag_group(&group.name, &tags).await?)
}

/// Once: the second time there would be nothing to take back, and that is looked at twice.
pub(super) fn owe(undo: Undo, made: &mut Ledger<'_, Undo>) -> Result<Slot, Error> {
    match made.owed(&undo) {
        Some(slot) => Ok(slot),
        None => intend(made, undo),
    }
}

/// A lease that is to be, where there may be one already.
fn owned(lease: &Lease, there: Option<&Lease>, what: Leased) -> Lease {
    match there {
        None => lease.clone(),
        Some(there) if there.run == lease.run && there.until >= lease.until => there.clone(),
        Some(there) if there.run != lease.run && what == Leased::LowAlarm => Lease {
            until: there.until.max(lease.until),
            ..there.clone()
        },
        Some(there) if there.run != lease.run && outlasts(what) => there.clone(),
        Some(there) => Lease {
            before: there.before.clone(),
            ..lease.clone()
        },
    }
}

/// A minimum that is to be held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    pub what: Leased,
    pub run: RunId,
    pub until: Timestamp,
    /// What comes back, where no lease says so yet.
    pub before: u32,
    /// What it is about to become.
    pub min: u32,
}

/// Journals that the minimum of a group is about to be another one, and says so in its tags.
pub(super) async fn note_min(
    undo: Undo,
    hold: Hold,
    group: &Group,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    owe(undo, made)?;
    let what = hold.what;
    let lease = Lease {
        run: hold.run,
        until: hold.until,
        before: Vec::new(),
    };
    let there = Lease::of(group, what);
    let now = Lease {
        before: Held::now(group, what, hold.before, hold.min).words(),
        ..owned(&lease, there.as_ref(), what)
    };
    let mut tags = held::beside(group, what, hold.min);
    tags.insert(what.tag().to_owned(), now.to_string());
    tags.retain(|key, text| group.tag(key) != Some(text.as_str()));
    if tags.is_empty() {
        return Ok(());
    }
    Ok(cloud.tag_group(&group.name, &tags).await?)
}

/// The same of a roll, until its end.
pub(super) async fn hold_min(
    plan: &Plan,
    (before, min): (u32, u32),
    group: &Group,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let hold = Hold {
        what: Leased::MinSize,
        run: plan.run,
        until: plan.expires,
        before,
        min,
    };
    let change = Change::Lease {
        group: group.name.clone(),
        what: Leased::MinSize,
    };
    note_min(of(plan, change), hold, group, cloud, made).await
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What takes over late has its minimum for as long as it says itself.
    #[test]
    fn a_hold_for_a_low_alarm_lasts_as_long_as_any_run_asks_for() {
        let lease = |run, until| Lease {
            run: RunId::new(Timestamp::UNIX_EPOCH, run),
            until: Timestamp::from_second(until).unwrap(),
            before: vec![run.to_string()],
        };
        let held = |now, there| owned(&lease(2, now), Some(&lease(1, there)), Leased::LowAlarm);
        assert_eq!(held(3600, 60), lease_until(&lease(1, 60), 3600));
        assert_eq!(held(60, 3600), lease(1, 3600));
        let refresh = owned(&lease(2, 3600), Some(&lease(1, 60)), Leased::Refresh);
        assert_eq!(refresh, lease(1, 60));
    }

    fn lease_until(lease: &Lease, until: i64) -> Lease {
        Lease {
            until: Timestamp::from_second(until).unwrap(),
            ..lease.clone()
        }
    }
}

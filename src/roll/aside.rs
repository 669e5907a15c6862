//! A kept group without machines: emptied when it has gone out of office, and filled again to go back to it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::alone::lasting_min;
use super::error::Error;
use super::making::group;
use crate::cloud::{Cloud, Group, GroupName, Size, Stage, Tags, tag};
use crate::undo::lease::{Lease, Leased, SCHEDULE, Sizes};
use crate::undo::pool;

/// Whether a group has machines, or is to get some.
pub(super) fn is_filled(group: &Group) -> bool {
    group.size.desired > 0 || group.size.min > 0
}

/// Empties a kept group, as [`clear`] does, and takes off what held its minimum: there is none, and what there was stands with
/// its sizes.
pub(super) async fn empty(
    name: &GroupName,
    until: Option<Timestamp>,
    cloud: &impl Cloud,
) -> Result<(), Error> {
    clear(name, until, cloud).await?;
    let held = [Leased::MinSize.tag(), Leased::LowAlarm.tag()];
    Ok(cloud.untag_group(name, &held).await?)
}

/// Takes a group to no machine, with its sizes before in a tag, and in another until when its machines may take to end. Its
/// maximum is none too and its schedule is suspended, or these would fill it again; a pool of its own, which has a minimum
/// whatever that is, goes where kiln made the group. A second time is harmless.
pub(super) async fn clear(
    name: &GroupName,
    until: Option<Timestamp>,
    cloud: &impl Cloud,
) -> Result<(), Error> {
    let there = group(cloud, name).await?;
    let noted = Sizes::of(&there);
    let sizes = noted.unwrap_or_else(|| Sizes::before(&there));
    let mut tags = Tags::new();
    if noted.is_none() {
        tags.extend([sizes.tag()]);
    }
    if is_filled(&there) && there.tag(tag::DRAIN_UNTIL).is_none() {
        tags.extend(until.map(|until| (tag::DRAIN_UNTIL.to_owned(), until.to_string())));
    }
    if !tags.is_empty() {
        cloud.tag_group(name, &tags).await?;
    }
    if sizes.scheduled && !there.suspended.contains(SCHEDULE) {
        cloud.suspend(name, &schedule()).await?;
    }
    if there.tag(tag::MADE_BY).is_some() && there.keeps_pool() {
        pool::delete(cloud, name, false).await?;
    }
    let none = Size {
        min: 0,
        max: 0,
        desired: 0,
    };
    if there.size != none {
        cloud.resize_group(name, none).await?;
    }
    Ok(())
}

/// Gives a group that was filled again what it had before it was emptied: its schedule and its minimum. One that is held
/// until its low alarms have been OK gets the minimum then.
pub(super) async fn settle(name: &GroupName, cloud: &impl Cloud) -> Result<(), Error> {
    let there = group(cloud, name).await?;
    let scheduled = Sizes::of(&there).is_some_and(|sizes| sizes.scheduled);
    if scheduled && there.suspended.contains(SCHEDULE) {
        cloud.resume(name, &schedule()).await?;
    }
    let min = lasting_min(&there);
    if min >= there.size.min || Lease::of(&there, Leased::LowAlarm).is_some() {
        return Ok(());
    }
    Ok(cloud.set_min(name, min).await?)
}

fn schedule() -> BTreeSet<String> {
    BTreeSet::from([SCHEDULE.to_owned()])
}

/// Lets the machines of an emptied group go, whatever their lifecycle hooks still wait for. One that was filled again keeps
/// its own.
pub(super) async fn let_go(name: &GroupName, cloud: &impl Cloud) -> Result<(), Error> {
    let Some(there) = cloud.group(name).await? else {
        return Ok(());
    };
    let members = there.members.iter();
    let ending = members.filter(|one| one.stage == Stage::Terminating && !is_filled(&there));
    for member in ending {
        cloud.let_go(name, &member.instance).await?;
    }
    Ok(cloud.untag_group(name, &[tag::DRAIN_UNTIL]).await?)
}

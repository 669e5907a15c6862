//! The sizes that the previous group has by now: a schedule or a person may have set them since the plan.

use super::drift::{AsRolled, pool_of};
use super::error::Error;
use super::making::group;
use super::next_group::grow;
use super::plan::Plan;
use crate::cloud::{Cloud, Group, Tags, WarmPool, tag};
use crate::run::Ledger;
use crate::undo::Undo;
use crate::undo::held::{Held, unheld};
use crate::undo::lease::{Lease, Leased};

/// Has the next group come back to the minimum that the previous one has by now, and be as large as that may be.
pub(super) async fn take_over(plan: &Plan, cloud: &impl Cloud) -> Result<(), Error> {
    let Some(previous) = &plan.previous else {
        return Ok(());
    };
    let live = group(cloud, &previous.group).await?;
    let next = group(cloud, &plan.next.group).await?;
    from(plan, &live, &next, cloud).await
}

/// The same once all of the traffic goes to the next group, which then grows too as the previous one has: that has no requests
/// by which it would.
pub(super) async fn follow(
    plan: &Plan,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let Some(previous) = &plan.previous else {
        return Ok(());
    };
    // Somebody has deleted it: with all of the traffic elsewhere nothing of it is waited for.
    let Some(live) = cloud
        .group(&previous.group)
        .await?
        .filter(|live| !live.deleting)
    else {
        return Ok(());
    };
    let mut next = group(cloud, &plan.next.group).await?;
    let mut count = live.size.desired;
    if plan.next.idle.is_some() {
        count = count.min(next.size.max);
    }
    if count > next.size.desired {
        grow(plan, count, cloud, made).await?;
        next = group(cloud, &plan.next.group).await?;
    }
    from(plan, &live, &next, cloud).await
}

async fn from(plan: &Plan, live: &Group, next: &Group, cloud: &impl Cloud) -> Result<(), Error> {
    let mut tags = Tags::new();
    let mut min = unheld(next).min;
    for what in [Leased::MinSize, Leased::LowAlarm] {
        let Some((lease, held)) = Lease::of(next, what).zip(Held::of(next, what)) else {
            continue;
        };
        min = unheld(live).min;
        if held.before != min {
            let before = Held {
                before: min,
                ..held
            }
            .words();
            let lease = Lease { before, ..lease };
            tags.insert(what.tag().to_owned(), lease.to_string());
        }
    }
    // One of a pair has its owner's.
    let mut max = next.size.max;
    if plan.next.idle.is_none() && live.size.max > max {
        max = live.size.max;
        cloud.set_max(&next.name, max).await?;
    }
    if let Some(rolled) = AsRolled::of(next) {
        let pool = pool_of(live).map(WarmPool::word);
        let now = AsRolled {
            min,
            max,
            pool: pool.or_else(|| rolled.pool.clone()),
            ..rolled.clone()
        };
        if now != rolled {
            tags.insert(tag::AS_ROLLED.to_owned(), now.to_string());
        }
    }
    if tags.is_empty() {
        return Ok(());
    }
    Ok(cloud.tag_group(&next.name, &tags).await?)
}

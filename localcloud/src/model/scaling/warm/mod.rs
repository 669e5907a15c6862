//! Warm pools: machines beside a group that are launched ahead, and wait stopped or running until it grows ("Decrease latency
//! for applications with long boot times using warm pools").
//!
//! They are no instances of the group: they do not count towards its capacity, and no target group knows them. Which one is
//! taken first is AWS's choice, and so is it here. Not served, and refused by name: hibernation, and machines that come back
//! on scale-in.

mod going;

use super::{
    NAME, groups,
    groups::PAGES,
    instances, reconcile,
    stored::{Group, Member},
};
use crate::model::{Fault, Tree, args::Args, state::State, view::PoolView};
use jiff::Timestamp;
use std::collections::BTreeMap;

pub(super) use going::{lend, step};

pub(super) const TAKES_PUT: &str =
    "AutoScalingGroupName MaxGroupPreparedCapacity MinSize PoolState InstanceReusePolicy";

/// A warm pool as it was put, and what is in it.
#[derive(Clone, Debug, Default)]
pub(in crate::model) struct Pool {
    /// `MaxGroupPreparedCapacity`; without it the group's maximum.
    prepared: Option<i64>,
    min: i64,
    /// Its machines run; else they are stopped.
    runs: bool,
    /// As it came, where it came.
    reuse: Option<bool>,
    pub(super) deleting: bool,
    /// By instance id.
    pub(in crate::model) members: BTreeMap<String, Member>,
    failures: u32,
    retry_at: Option<Timestamp>,
}

impl Pool {
    /// How many machines it is to have ("`API_PutWarmPool`").
    fn size(&self, group: &Group) -> usize {
        let most = self.prepared.unwrap_or(group.settings.max);
        let size = (most - group.settings.desired).max(self.min);
        usize::try_from(size).unwrap_or_default()
    }

    fn word(&self) -> &'static str {
        if self.runs { "Running" } else { "Stopped" }
    }

    /// When something may change by time alone.
    pub(super) fn times(&self) -> impl Iterator<Item = Timestamp> {
        let waits = self.members.values().flat_map(|member| &member.waits);
        waits.map(|(_, wait)| wait.until).chain(self.retry_at)
    }

    pub(super) fn view(&self) -> PoolView {
        PoolView {
            prepared: self.prepared,
            min: self.min,
            state: self.word(),
            deleting: self.deleting,
        }
    }

    /// Has everything go, hooks unheard where it is forced.
    pub(super) fn delete(&mut self, force: bool) {
        self.deleting = true;
        if force {
            for member in self.members.values_mut() {
                member.waits.clear();
            }
        }
    }
}

/// Makes or changes a pool; what a call leaves out of one that is there stays.
pub(super) fn put(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = args.text(NAME)?;
    let prepared = args.int_in("MaxGroupPreparedCapacity", -1..=i64::from(i32::MAX))?;
    let min = args.int_in("MinSize", 0..=i64::from(i32::MAX))?;
    let runs = match args.word("PoolState", "Stopped Running Hibernated")? {
        Some("Hibernated") => return Err(unserved("Hibernation")),
        given => given.map(|word| word == "Running"),
    };
    let reuse = match args.map("InstanceReusePolicy")? {
        Some(policy) => {
            policy.only("ReuseOnScaleIn")?;
            policy.flag("ReuseOnScaleIn")?
        }
        None => None,
    };
    if reuse == Some(true) {
        return Err(unserved("Reuse on scale-in"));
    }
    let group = groups::find(state, name)?;
    groups::refuse_deleting(group, name)?;
    group.refuse_refreshing()?;
    refuse_spot(state, group)?;
    let group = groups::named(state, args)?;
    let pool = group.pool.get_or_insert_default();
    if pool.deleting {
        let text = format!("The warm pool of the group '{name}' is pending delete.");
        return Err(Fault::validation(text));
    }
    pool.prepared = match prepared {
        Some(-1) => None,
        given => given.or(pool.prepared),
    };
    pool.min = min.unwrap_or(pool.min);
    pool.runs = runs.unwrap_or(pool.runs);
    pool.reuse = reuse.or(pool.reuse);
    pool.retry_at = None;
    reconcile::touch(state, name);
    Ok(Tree::new())
}

fn unserved(what: &str) -> Fault {
    Fault::validation(format!("{what} in a warm pool is not served by this cloud"))
}

/// A pool is of machines on demand ("`API_PutWarmPool`").
fn refuse_spot(state: &State, group: &Group) -> Result<(), Fault> {
    let (template, mixed) = group.launches_from();
    let asks = template.is_some_and(|one| one.spec(state).is_ok_and(|spec| spec.spot));
    let shares =
        mixed.is_some_and(|mixed| mixed.on_demand(i64::from(i32::MAX)) < i64::from(i32::MAX));
    if asks || shares {
        let text =
            "You can't add a warm pool to an Auto Scaling group that requests Spot Instances.";
        return Err(Fault::validation(text));
    }
    Ok(())
}

pub(super) fn describe(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let page = PAGES.read(args)?;
    let group = groups::find(state, args.text(NAME)?)?;
    let members = group.pool.iter().flat_map(|pool| &pool.members);
    let entries = members.map(|(id, member)| (id.clone(), instances::tree(id, member)));
    let (shown, token) = page.cut(entries.collect());
    Ok(Tree::new()
        .put_some("WarmPoolConfiguration", group.pool.as_ref().map(tree))
        .put("Instances", shown)
        .put_some("NextToken", token))
}

/// What a group shows of its pool.
pub(super) fn put_on(shown: Tree, group: &Group) -> Tree {
    let pool = group.pool.as_ref();
    let size = pool.map(|pool| i64::try_from(pool.members.len()).unwrap_or(i64::MAX));
    shown
        .put_some("WarmPoolConfiguration", pool.map(tree))
        .put_some("WarmPoolSize", size)
}

/// `WarmPoolConfiguration`.
fn tree(pool: &Pool) -> Tree {
    let reuse = pool.reuse;
    Tree::new()
        .put_some("MaxGroupPreparedCapacity", pool.prepared)
        .put("MinSize", pool.min)
        .put("PoolState", pool.word())
        .put_some("Status", pool.deleting.then_some("PendingDelete"))
        .put_some(
            "InstanceReusePolicy",
            reuse.map(|reuse| Tree::new().put("ReuseOnScaleIn", reuse)),
        )
}

/// Has a pool go once its machines are gone; with force their hooks are not waited for.
pub(super) fn delete(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = args.text(NAME)?;
    let force = args.flag("ForceDelete")?.unwrap_or(false);
    let group = groups::named(state, args)?;
    let Some(pool) = &mut group.pool else {
        let text = format!("No warm pool found for the Auto Scaling group '{name}'.");
        return Err(Fault::validation(text));
    };
    if pool.deleting && !force {
        let text = format!("The warm pool of the group '{name}' is being deleted already.");
        return Err(Fault::new("ScalingActivityInProgress", text));
    }
    pool.delete(force);
    reconcile::touch(state, name);
    Ok(Tree::new())
}

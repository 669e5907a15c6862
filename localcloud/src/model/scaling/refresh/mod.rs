//! Instance refreshes: a group replaces its instances by ones of another configuration, within bounds of its capacity.
//!
//! `calls` answers what is asked, `going` carries a refresh on at each look at its group, `show` tells how far it is.

mod calls;
mod going;
mod preferences;
mod show;
mod waiting;

pub(super) use calls::{TAKES_START, cancel, roll_back, start};
pub(super) use going::{step, wanted};
pub(super) use show::describe;

use super::{
    stored::{Group, Member},
    template::{Mixed, Template},
};
use crate::model::Fault;
use jiff::{SignedDuration, Timestamp};
use preferences::Preferences;
use std::collections::BTreeSet;
use waiting::{Waiting, waiting};

/// "One-hour timeout" of "How an instance refresh works".
const STUCK: SignedDuration = SignedDuration::from_hours(1);

/// What instances are launched from.
#[derive(Clone, Debug)]
pub(super) struct Configuration {
    pub(super) template: Template,
    pub(super) mixed: Option<Mixed>,
}

/// One refresh of a group.
#[derive(Clone, Debug)]
pub(super) struct Refresh {
    id: String,
    status: Status,
    reason: Option<String>,
    started: Timestamp,
    ended: Option<Timestamp>,
    /// What it was told to launch from; without one, the group's own settings.
    desired: Option<Configuration>,
    preferences: Preferences,
    /// Instances that are still to be replaced.
    outdated: BTreeSet<String>,
    /// Instances that it launched, or that others launched meanwhile.
    fresh: BTreeSet<String>,
    /// What of the warm pool is to be replaced.
    waiting: Waiting,
    /// How many there were to replace when it began.
    total: usize,
    /// How many were replaced, in service and warm at the last look.
    done: usize,
    /// Checkpoints that are behind it, and until when it waits at the last of them.
    passed: usize,
    paused: Option<Timestamp>,
    /// When it got on last.
    moved: Timestamp,
    /// When all were replaced.
    baking: Option<Timestamp>,
    back: Option<Back>,
}

/// What a refresh was when it began to go back.
#[derive(Clone, Debug)]
struct Back {
    reason: String,
    started: Timestamp,
    percentage: i64,
    to_update: i64,
}

/// How far a refresh is (`InstanceRefreshStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Pending,
    InProgress,
    Baking,
    Successful,
    Failed,
    Cancelling,
    Cancelled,
    RollbackInProgress,
    RollbackFailed,
    RollbackSuccessful,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Baking => "Baking",
            Self::Successful => "Successful",
            Self::Failed => "Failed",
            Self::Cancelling => "Cancelling",
            Self::Cancelled => "Cancelled",
            Self::RollbackInProgress => "RollbackInProgress",
            Self::RollbackFailed => "RollbackFailed",
            Self::RollbackSuccessful => "RollbackSuccessful",
        }
    }

    fn is_over(self) -> bool {
        matches!(
            self,
            Self::Successful
                | Self::Failed
                | Self::Cancelled
                | Self::RollbackFailed
                | Self::RollbackSuccessful
        )
    }

    /// It replaces instances, or will.
    fn goes_forward(self) -> bool {
        matches!(self, Self::Pending | Self::InProgress | Self::Baking)
    }
}

impl Refresh {
    fn percentage(&self) -> i64 {
        let Some(percentage) = (self.done * 100).checked_div(self.total) else {
            return 100;
        };
        i64::try_from(percentage).unwrap_or(100)
    }

    fn to_update(&self) -> i64 {
        i64::try_from(self.total.saturating_sub(self.done)).unwrap_or(i64::MAX)
    }

    fn end(&mut self, status: Status, reason: Option<&str>, now: Timestamp) {
        self.status = status;
        self.reason = reason.map(String::from);
        self.ended = Some(now);
    }

    /// When something may change by time alone.
    fn next(&self, group: &Group) -> Vec<Timestamp> {
        if self.status.is_over() {
            return Vec::new();
        }
        let mut times: Vec<Timestamp> = self.paused.into_iter().collect();
        times.extend(self.moved.checked_add(STUCK).ok());
        let bake = self.preferences.bake.unwrap_or_default();
        let baked = self.baking.map(|at| at + SignedDuration::from_secs(bake));
        times.extend(baked);
        let warm = group
            .members
            .values()
            .filter_map(|member| warm_at(group, self, member));
        times.extend(warm);
        times
    }
}

/// When an instance in service has warmed up.
fn warm_at(group: &Group, refresh: &Refresh, member: &Member) -> Option<Timestamp> {
    let warmup = refresh.preferences.warmup(&group.settings);
    member
        .in_service?
        .checked_add(SignedDuration::from_secs(warmup))
        .ok()
}

impl Group {
    /// The refresh that is not over.
    fn active(&self) -> Option<&Refresh> {
        self.refreshes
            .last()
            .filter(|refresh| !refresh.status.is_over())
    }

    fn active_mut(&mut self) -> Option<&mut Refresh> {
        self.refreshes
            .last_mut()
            .filter(|refresh| !refresh.status.is_over())
    }

    /// What an instance is launched from now: what an active refresh was told, else the settings.
    pub(super) fn launches_from(&self) -> (Option<&Template>, Option<&Mixed>) {
        let forward = self.active().filter(|one| one.status.goes_forward());
        match forward.and_then(|refresh| refresh.desired.as_ref()) {
            Some(desired) => (Some(&desired.template), desired.mixed.as_ref()),
            None => (
                self.settings.template.as_ref(),
                self.settings.mixed.as_ref(),
            ),
        }
    }

    /// Refuses a change that an active refresh is in the way of.
    pub(super) fn refuse_refreshing(&self) -> Result<(), Fault> {
        if self.active().is_none() {
            return Ok(());
        }
        let message = "An Instance Refresh is already in progress and blocks the execution of this operation.";
        Err(Fault::new("InstanceRefreshInProgress", message))
    }

    /// Refuses to change what an active refresh was told to change; the message is AWS's own.
    pub(super) fn refuse_reconfiguring(&self) -> Result<(), Fault> {
        let desired = self.active().and_then(|refresh| refresh.desired.as_ref());
        if desired.is_none() {
            return Ok(());
        }
        Err(Fault::validation(
            "An active instance refresh with a desired configuration exists. All configuration options derived from the \
             desired configuration are not available for update while the instance refresh is active.",
        ))
    }

    /// Notes an instance that was launched while a refresh is active.
    pub(super) fn note_fresh(&mut self, id: &str) {
        if let Some(refresh) = self.active_mut() {
            refresh.fresh.insert(id.to_owned());
        }
    }

    /// Ends the refresh of a group that is deleted.
    pub(super) fn forget_refresh(&mut self, now: Timestamp) {
        if let Some(refresh) = self.active_mut() {
            refresh.end(Status::Cancelled, Some("The group is being deleted."), now);
        }
    }

    /// A refresh is to replace the instance.
    pub(super) fn is_outdated(&self, id: &str) -> bool {
        self.active()
            .is_some_and(|refresh| refresh.outdated.contains(id))
    }

    /// No zone is evened out while a refresh replaces instances.
    pub(super) fn is_refreshing(&self) -> bool {
        self.active().is_some()
    }

    /// When its refresh may change by time alone.
    pub(super) fn refresh_times(&self) -> Vec<Timestamp> {
        self.active()
            .map(|refresh| refresh.next(self))
            .unwrap_or_default()
    }
}

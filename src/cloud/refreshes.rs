//! Instance refreshes in our words: a group replaces its machines by ones of another launch template version.

use std::time::Duration;

use crate::cloud::{GroupName, LaunchTemplateId, Result, VersionRef};

/// A refresh as the cloud describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refresh {
    pub id: String,
    pub state: RefreshState,
    /// Why it is in that state, in the cloud's words; empty when there is nothing to say.
    pub reason: String,
    /// Of the machines that were to be replaced.
    pub percent: u32,
    /// What it was told to launch from; `None`: the group's own settings.
    pub to: Option<(LaunchTemplateId, VersionRef)>,
}

/// How far a refresh is (`InstanceRefreshStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshState {
    /// It replaces machines, or is about to.
    Going,
    /// It is being cancelled: what it replaced stays.
    Stopping,
    /// It takes back what it did.
    GoingBack,
    Done,
    /// What it did is taken back.
    TakenBack,
    /// It has ended with the group half replaced.
    Broken,
}

/// A refresh to start: launch before terminate, machines that match already are left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRefresh {
    pub group: GroupName,
    pub to: (LaunchTemplateId, VersionRef),
    /// How many percent of the desired capacity may be there at once; one machine more at the least.
    pub most: u32,
    /// From being in service to counting as replaced.
    pub warmup: Duration,
    /// Percentages at which it waits, in ascending order; the last is 100. Empty: nowhere.
    pub checkpoints: Vec<u32>,
    pub checkpoint_delay: Duration,
    /// A failed one is taken back by the cloud itself.
    pub takes_back: bool,
}

/// Refreshes of groups.
pub trait Refreshes {
    /// Starts one and gives its id. There is no client token: a second call says that one is under way.
    fn start_refresh(&self, new: &NewRefresh) -> impl Future<Output = Result<String>>;

    /// Has the refresh that is under way taken back. Errors with `NotFound` when there is none.
    fn take_refresh_back(&self, group: &GroupName) -> impl Future<Output = Result<()>>;

    /// Has the refresh that is under way stop where it is: what it replaced stays. Errors with `NotFound` when there is none.
    fn stop_refresh(&self, group: &GroupName) -> impl Future<Output = Result<()>>;

    /// The newest refresh of a group.
    fn newest_refresh(&self, group: &GroupName) -> impl Future<Output = Result<Option<Refresh>>>;
}

impl Refresh {
    /// Whether it still replaces machines, forward or back.
    pub fn is_active(&self) -> bool {
        use RefreshState::{Going, GoingBack, Stopping};
        matches!(self.state, Going | Stopping | GoingBack)
    }
}

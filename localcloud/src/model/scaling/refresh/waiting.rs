//! What a refresh does to the warm pool beside its group: its machines are replaced too ("`API_InstanceRefreshProgressDetails`").
//! In which order with the group's own is nowhere said; here those of the pool go at once, since they serve nobody, and none of
//! them is taken into the group meanwhile. The numbers of the refresh as a whole are those of the group.

use super::{Refresh, Status, going::may_replace};
use crate::model::{
    Tree,
    scaling::stored::{Group, Member},
};
use std::collections::BTreeSet;

/// Machines of the pool that are to be replaced.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    pub(super) outdated: BTreeSet<String>,
    /// How many there were; nothing where there is no pool.
    total: Option<usize>,
}

/// Those of the pool that are outdated.
pub(super) fn waiting(group: &Group, is_outdated: impl Fn(&Refresh, &Member) -> bool) -> Waiting {
    let (Some(pool), Some(refresh)) = (&group.pool, group.active()) else {
        return Waiting::default();
    };
    let members = pool.members.iter();
    let outdated = members.filter(|(_, member)| is_outdated(refresh, member));
    let outdated: BTreeSet<String> = outdated.map(|(id, _)| id.clone()).collect();
    let total = Some(outdated.len());
    Waiting { outdated, total }
}

/// The pool is what it is to be, of machines that wait.
pub(super) fn settled(group: &Group) -> bool {
    let Some(pool) = &group.pool else {
        return true;
    };
    let outdated = group.active().map(|refresh| &refresh.waiting.outdated);
    outdated.is_none_or(BTreeSet::is_empty) && pool.is_whole(group)
}

impl Waiting {
    /// `ProgressDetails`.
    pub(super) fn details(&self, refresh: &Refresh) -> Option<Tree> {
        let total = self.total?;
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let done = total.saturating_sub(self.outdated.len());
        let percent = (done * 100).checked_div(total).unwrap_or(100);
        let progress = |percent: i64, open: i64| {
            Tree::new()
                .put("PercentageComplete", percent)
                .put("InstancesToUpdate", open)
        };
        Some(
            Tree::new()
                .put(
                    "LivePoolProgress",
                    progress(refresh.percentage(), refresh.to_update()),
                )
                .put(
                    "WarmPoolProgress",
                    progress(number(percent), number(self.outdated.len())),
                ),
        )
    }
}

impl Group {
    /// A refresh is to replace the instance of the pool, and may.
    pub(in crate::model::scaling) fn is_stale(&self, id: &str) -> bool {
        self.active().is_some_and(|refresh| {
            let goes = matches!(
                refresh.status,
                Status::InProgress | Status::RollbackInProgress
            );
            goes && refresh.waiting.outdated.contains(id)
        })
    }

    /// It may go now.
    pub(in crate::model::scaling) fn replaces_pool(&self) -> bool {
        self.active()
            .is_some_and(|refresh| may_replace(self, refresh))
    }
}

//! A roll under way, as its steps, waits and checks see it.

use jiff::Timestamp;
use tokio::time::Instant;

use super::checks::Watches;
use super::health::Health;
use super::plan::Plan;
use super::run_roll::Tools;
use crate::cloud::TargetGroupArn;
use crate::run::Run;
use crate::template::service::Service;
use crate::undo::Undo;

/// What is to be done, with what, and what is known of the next group. A strategy makes it once the next group is there.
pub(super) struct Flow<'f, 'r, C, P, S> {
    pub plan: &'f Plan,
    pub service: &'f Service,
    pub on: &'f Tools<'f, C, P, S>,
    pub run: &'f mut Run<'r, Undo>,
    /// The next group's.
    pub target_group: TargetGroupArn,
    /// Checks that are alive in every wait.
    pub watches: Watches<'f>,
    /// What was seen of the next group so far.
    pub health: Health,
}

impl<'f, 'r, C, P, S> Flow<'f, 'r, C, P, S> {
    /// A roll whose next group, behind `target_group`, was begun at `began`; nothing has been seen of it yet.
    pub(super) fn new(
        plan: &'f Plan,
        service: &'f Service,
        on: &'f Tools<'f, C, P, S>,
        run: &'f mut Run<'r, Undo>,
        (target_group, began): (TargetGroupArn, Timestamp),
    ) -> Self {
        Self {
            plan,
            service,
            on,
            run,
            target_group,
            watches: Watches::new(&service.checks),
            health: Health::new(plan.patience, began, Instant::now()),
        }
    }
}

//! A roll under way, as its steps, waits and checks see it.

use jiff::Timestamp;
use tokio::time::Instant;

use super::checks::{Watches, Ways};
use super::health::Health;
use super::plan::{Doing, Plan, Traffic};
use super::run_roll::Tools;
use crate::cloud::TargetGroupArn;
use crate::run::Run;
use crate::template::service::Service;
use crate::undo::Undo;

/// The load balancer's half of it.
#[derive(Clone)]
pub(super) struct Led<'f> {
    pub traffic: &'f Traffic,
    /// The next group's.
    pub target_group: TargetGroupArn,
}

impl Led<'_> {
    /// What production traffic does once all of it goes to the next group.
    pub(super) fn all(&self) -> Doing {
        let traffic = self.traffic;
        traffic.each(|rule| rule.led_to(&self.target_group))
    }

    /// What it does before any of it moves, with the next target group in use.
    pub(super) fn before(&self) -> Doing {
        let traffic = self.traffic;
        traffic.each(|rule| rule.with_next(&rule.before, &self.target_group))
    }

    /// What it does now, or did when the plan was made, with the next target group in use.
    pub(super) fn now(&self) -> Doing {
        let traffic = self.traffic;
        traffic.each(|rule| rule.with_next(&rule.now, &self.target_group))
    }
}

/// What is to be done, with what, and what is known of the next group. A strategy makes it once the next group is there.
pub(super) struct Flow<'f, 'r, C, P, S> {
    pub plan: &'f Plan,
    pub service: &'f Service,
    pub on: &'f Tools<'f, C, P, S>,
    pub run: &'f mut Run<'r, Undo>,
    /// `None`: no load balancer leads to the machines.
    pub led: Option<Led<'f>>,
    /// Checks that are alive in every wait.
    pub watches: Watches<'f>,
    /// What was seen of the next group so far.
    pub health: Health,
}

impl<'f, 'r, C, P, S> Flow<'f, 'r, C, P, S> {
    /// A roll whose next group, led to as `led` says, was begun at `began`; nothing has been seen of it yet.
    pub(super) fn new(
        plan: &'f Plan,
        service: &'f Service,
        on: &'f Tools<'f, C, P, S>,
        run: &'f mut Run<'r, Undo>,
        (led, began): (Option<Led<'f>>, Timestamp),
    ) -> Self {
        Self {
            plan,
            service,
            on,
            run,
            led,
            watches: Watches::new(&service.checks, ways(plan)),
            health: Health::new(plan.patience, began, Instant::now()),
        }
    }
    /// The next group's target group, where a load balancer leads to it.
    pub(super) fn target_group(&self) -> Option<TargetGroupArn> {
        self.led.as_ref().map(|led| led.target_group.clone())
    }
}

/// How checks come to machines of the new version.
fn ways(plan: &Plan) -> Ways {
    let traffic = plan.traffic.as_ref();
    Ways {
        in_place: plan.stays(),
        probe: !plan.stays()
            && !traffic.is_some_and(|traffic| traffic.network && traffic.test.is_none()),
    }
}

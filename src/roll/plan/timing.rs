//! How long things of a roll may take.

use std::time::Duration;

use serde::Serialize;

use super::settings::GRACE;
use crate::cloud::{Group, TargetCheck};
use crate::roll::facts::Facts;
use crate::template::service::{Service, WhenShort};

/// Passing launch failures (no capacity) mostly pass within minutes (anchors/rollout.md 4, rows 29 to 31).
const LAUNCH: Duration = Duration::from_mins(15);
/// Beyond boot and health checks: registration, and a second try of a machine that the group replaced.
const SLACK: Duration = Duration::from_mins(5);
/// EC2's status checks run once a minute and take a few to pass ("Status checks for Amazon EC2 instances").
const STATUS: Duration = Duration::from_mins(3);
/// ALB's defaults ("`API_CreateTargetGroup`"): interval 30 s, five good checks.
const CHECKS: Duration = Duration::from_secs(150);

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Timing {
    /// From a machine's start to its first good answer.
    pub boot: Duration,
    /// An unhealthy target is given up after this.
    pub unhealthy: Duration,
    /// Launches that fail for a passing reason are tried for this long.
    pub launch: Duration,
    /// Those that fail for want of capacity; `None`: the roll ends at the first.
    #[serde(skip)]
    pub short: Option<Duration>,
    /// The whole wait for a healthy group.
    pub healthy: Duration,
    /// How long a target that joins healthy ones gets less than its share.
    pub slow_start: Duration,
}

/// How long a machine takes to be found healthy, and to be found out.
pub(super) fn checks(service: &Service, facts: &Facts) -> (Duration, Duration) {
    let there = facts
        .sides
        .iter()
        .find_map(|side| side.target_group.as_ref());
    let Some(traffic) = &service.traffic else {
        return (STATUS, STATUS);
    };
    let wanted = &traffic.target.health_check;
    if let Some(TargetCheck {
        interval,
        healthy_threshold,
        unhealthy_threshold,
        ..
    }) = there.map(|group| &group.check)
    {
        (
            *interval * *healthy_threshold,
            *interval * *unhealthy_threshold,
        )
    } else {
        let interval = wanted.interval.unwrap_or(Duration::from_secs(30));
        let healthy = wanted.healthy_threshold.map(|count| interval * count);
        let unhealthy = interval * wanted.unhealthy_threshold.unwrap_or(2);
        (healthy.unwrap_or(CHECKS), unhealthy)
    }
}

/// How long it is waited for capacity.
fn short(service: &Service) -> Option<Duration> {
    let Some(capacity) = &service.capacity else {
        return Some(LAUNCH);
    };
    let waits = capacity.when_short != WhenShort::Fail;
    waits.then(|| capacity.timeout.unwrap_or(LAUNCH))
}

/// The wait for capacity that the file itself asks for, in each of the waits for machines.
pub(super) fn asked(service: &Service) -> Duration {
    let asked = service.capacity.as_ref().and_then(|_| short(service));
    asked.unwrap_or_default()
}

impl Timing {
    /// The longest that a launch is tried.
    pub fn tried(&self) -> Duration {
        self.launch.max(self.short.unwrap_or_default())
    }
}

/// How long things may take, from the health check and the grace period.
pub(super) fn of(service: &Service, facts: &Facts, previous: Option<&Group>) -> Timing {
    let (healthy, unhealthy) = checks(service, facts);
    let grace = service.set.health_check_grace_period;
    let boot = grace.or(previous.map(|group| group.grace)).unwrap_or(GRACE);
    let unhealthy = boot.max(2 * unhealthy);
    Timing {
        boot,
        unhealthy,
        launch: LAUNCH,
        short: short(service),
        slow_start: (facts.sides.iter().map(|side| side.habits.slow_start))
            .max()
            .unwrap_or_default(),
        healthy: unhealthy + healthy + SLACK,
    }
}

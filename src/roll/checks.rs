//! Checks of the service file, a file a kind. What a check says, and how often it must say so, is the same for all of them.
//!
//! A check says pass, fail or unknown. What cannot be asked is unknown, and unknown is never a pass.

pub(super) mod command;
mod http;
pub(super) mod instance;
mod manual;
mod prometheus;
mod rules;
mod soak;
mod watch;
mod watched;

use std::time::Duration;

use tokio::time::Instant;

use super::error::Error;
use super::flow::{Flow, Led};
use super::making::group;
use super::plan::Plan;
use super::probe::Probe;
use super::run_roll::Tools;
use super::test_listener::still_leads;
use crate::cloud::{Behind, Cloud};
use crate::run::{Failure, Patience, Readiness};
use crate::template::service::{Check, CheckKind};

pub(super) use soak::soak;
pub(super) use watch::{Stage, Watches, Ways};
pub(super) use watched::floor;

/// Between two answers of a check.
const PAUSE: Duration = Duration::from_secs(2);

/// What a check says, once asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Pass,
    /// It was asked and does not hold.
    Fail(String),
    /// It could not be asked, or the answer says nothing.
    Unknown(String),
}

/// Where a check asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// With the probe header, which only the next group answers.
    Probe,
    /// As users do.
    Production,
}

/// Asks a check once.
async fn ask<C: Cloud, P: Probe, S>(
    check: &Check,
    way: Way,
    (plan, on): (&Plan, &Tools<'_, C, P, S>),
) -> Result<Said, Error> {
    let limit = check.timeout;
    match &check.kind {
        CheckKind::Http(http) => http::ask(http, way, plan, on.probe).await,
        CheckKind::Command(command) => command::ask(command, check.timeout, (plan, on)).await,
        CheckKind::Prometheus(check) => prometheus::ask(check, plan, on.probe).await,
        CheckKind::Instance(check) => instance::ask(check, limit, (plan, on)).await,
        CheckKind::Soak(_) => Ok(Said::Unknown("a soak takes its time".to_owned())),
        CheckKind::Manual(_) => Ok(Said::Unknown("a person takes their time".to_owned())),
        CheckKind::Alarm(_) | CheckKind::Metric(_) | CheckKind::Compare(_) => {
            watched(&check.kind, plan, on).await
        }
    }
}

/// Asks the cloud's own watch. The next group says which target group it is behind.
async fn watched<C: Cloud, P, S>(
    kind: &CheckKind,
    plan: &Plan,
    on: &Tools<'_, C, P, S>,
) -> Result<Said, Error> {
    let next = match group(on.cloud, &plan.next.group).await {
        Err(Error::Cloud(error)) if error.is_passing() => {
            return Ok(Said::Unknown(error.to_string()));
        }
        next => next?,
    };
    let behind = plan.traffic.as_ref().zip(next.target_groups.first());
    let about = watched::About {
        plan,
        behind: behind.map(|(traffic, target_group)| Behind {
            target_group,
            load_balancer: &traffic.load_balancer,
        }),
        now: on.clock.now(),
    };
    match kind {
        CheckKind::Alarm(name) => watched::alarm(name, &about, on.cloud).await,
        CheckKind::Metric(check) => watched::metric(check, &about, on.cloud).await,
        CheckKind::Compare(check) => watched::compare(check, &about, on.cloud).await,
        _ => Ok(Said::Unknown("nobody watches it".to_owned())),
    }
}

/// Between two answers of a check: what `CloudWatch` says changes once a minute, and each answer is paid for.
fn pause(kind: &CheckKind) -> Duration {
    match kind {
        CheckKind::Alarm(_)
        | CheckKind::Metric(_)
        | CheckKind::Compare(_)
        | CheckKind::Prometheus(_)
        | CheckKind::Instance(_) => Duration::from_secs(15),
        CheckKind::Http(_) | CheckKind::Command(_) | CheckKind::Soak(_) | CheckKind::Manual(_) => {
            PAUSE
        }
    }
}

/// What a wait for it is called.
fn name(kind: &CheckKind) -> &'static str {
    match kind {
        CheckKind::Http(_) => "http check",
        CheckKind::Command(_) => "command",
        CheckKind::Soak(_) => "soak",
        CheckKind::Alarm(_) => "alarm",
        CheckKind::Metric(_) => "metric",
        CheckKind::Compare(_) => "comparison",
        CheckKind::Prometheus(_) => "prometheus",
        CheckKind::Instance(_) => "instance check",
        CheckKind::Manual(_) => "answer",
    }
}

impl<C: Cloud, P: Probe, S> Flow<'_, '_, C, P, S> {
    /// Runs checks in order, each until it holds.
    pub async fn run_checks(&mut self, checks: &[Check], way: Way) -> Result<(), Failure> {
        for check in checks {
            match &check.kind {
                CheckKind::Soak(time) => soak(self, *time).await?,
                CheckKind::Manual(question) => manual::ask(self, check, question).await?,
                _ => self.until_it_holds(check, way).await?,
            }
        }
        match &self.led {
            Some(led) if way == Way::Probe => self.still_tested(led.clone()).await,
            _ => Ok(()),
        }
    }

    /// Whether what has answered is the next group.
    async fn still_tested(&mut self, led: Led<'_>) -> Result<(), Failure> {
        if led.traffic.test.is_none() {
            return Ok(());
        }
        let cloud = self.on.cloud;
        let look = async |_: &mut _| still_leads(led.traffic, &led.target_group, cloud).await;
        self.run.step("look at the test listener", look).await
    }

    /// Asks until it passed as often in a row as the check says, or its time is over.
    async fn until_it_holds(&mut self, check: &Check, way: Way) -> Result<(), Failure> {
        let began = Instant::now();
        let about = (self.plan, self.on);
        let hold = self.service.checks.on_unknown.hold;
        // The check's own limit decides; it is judged inside, where the last answer is known.
        let pause = pause(&check.kind);
        let longest = check.timeout + http::REQUEST;
        let limit = check.timeout + hold + longest + pause;
        let mut patience = Patience::new(limit, pause, pause).in_a_row(check.times);
        patience.poll = longest + pause;
        let watches = &self.watches;
        let poll = async || {
            let said = ask(check, way, about).await?;
            let passed = began.elapsed();
            match said {
                Said::Pass => Ok(Readiness::Ready(())),
                Said::Fail(reason) if passed >= check.timeout => {
                    Err(watches.judged(Error::CheckFailed(reason)))
                }
                Said::Unknown(reason) if passed >= check.timeout + hold => {
                    Err(watches.judged(Error::CheckUnknown(reason)))
                }
                Said::Fail(reason) | Said::Unknown(reason) => Ok(Readiness::NotYet(reason)),
            }
        };
        watches
            .during(self.run, about, name(&check.kind), &patience, poll)
            .await
    }
}

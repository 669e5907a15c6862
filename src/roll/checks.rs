//! Checks of the service file, a file a kind. What a check says, and how often it must say so, is the same for all of them.
//!
//! A check says pass, fail or unknown. What cannot be asked is unknown, and unknown is never a pass.

mod http;
mod soak;

use std::time::Duration;

use tokio::time::Instant;

use super::error::Error;
use super::flow::Flow;
use super::probe::Probe;
use crate::cloud::Cloud;
use crate::run::{Failure, Patience, Readiness};
use crate::template::service::{Check, CheckKind};

pub(super) use soak::soak;

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

impl<C: Cloud, P: Probe, S> Flow<'_, '_, C, P, S> {
    /// Runs checks in order, each until it holds.
    pub async fn run_checks(&mut self, checks: &[Check], way: Way) -> Result<(), Failure> {
        for check in checks {
            match &check.kind {
                CheckKind::Http(http) => {
                    let (plan, probe) = (self.plan, self.on.probe);
                    let ask = async || http::ask(http, way, plan, probe).await;
                    self.until_it_holds("http check", check, ask).await?;
                }
                CheckKind::Soak(time) => soak(self, *time).await?,
            }
        }
        Ok(())
    }

    /// Asks until it passed as often in a row as the check says, or its time is over.
    async fn until_it_holds(
        &mut self,
        name: &'static str,
        check: &Check,
        ask: impl AsyncFn() -> Result<Said, Error>,
    ) -> Result<(), Failure> {
        let began = Instant::now();
        // The check's own limit decides; it is judged inside, where the last answer is known.
        let patience = Patience::new(check.timeout + http::REQUEST + PAUSE, PAUSE, PAUSE)
            .in_a_row(check.times);
        let poll = async || {
            let said = ask().await?;
            let late = began.elapsed() >= check.timeout;
            match said {
                Said::Pass => Ok(Readiness::Ready(())),
                Said::Fail(reason) if late => Err(Error::CheckFailed(reason)),
                Said::Unknown(reason) if late => Err(Error::CheckUnknown(reason)),
                Said::Fail(reason) | Said::Unknown(reason) => Ok(Readiness::NotYet(reason)),
            }
        };
        self.run.wait(name, &patience, poll).await
    }
}

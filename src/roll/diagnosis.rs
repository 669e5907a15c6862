//! What the service has to say on a machine that does not get healthy: the end of its log, asked over SSH before the machine goes.
//!
//! The verdict has fallen by then, and whatever comes of this changes nothing of it.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::select_ok;
use tokio::time::Instant;

use super::checks::instance::{Unrun, run};
use super::error::Error;
use super::flow::Flow;
use super::health::Health;
use super::probe::{Probe, Ran};
use super::run_roll::Tools;
use crate::cloud::{Cloud, Filter, InstanceId, InstanceState};
use crate::run::{Failure, Silent};
use crate::template::service::{Diagnosis, Service};

/// From the look for a machine to the last line, for all machines of a roll together: longer than a login takes, and no wait that
/// anybody notices in a roll that has failed.
const LIMIT: Duration = Duration::from_secs(30);

impl<C: Cloud, P: Probe, S> Flow<'_, '_, C, P, S> {
    /// What a wait has come to. Where it ended by a machine that does not get healthy, with the log of that, if the service file
    /// asks for it. Where users are led to the machines already, the way back comes first, and nobody is asked.
    pub async fn with_log<T>(&self, waited: Result<T, Failure>) -> Result<T, Failure> {
        let Err(failure) = waited else {
            return waited;
        };
        let (
            Some(diagnosis),
            Some(Error::Unhealthy {
                instance: Some(instance),
                reason,
                console,
                ..
            }),
        ) = (&self.service.diagnosis, failure.error())
        else {
            return Err(failure);
        };
        if !self.watches.is_spare() {
            return Err(failure);
        }
        let log = match self.health.kept_log() {
            Some(Ok(kept)) => kept.clone(),
            kept => log(diagnosis, instance, left(&self.health), self.on)
                .await
                // The machine may be gone by now: an earlier reason says more.
                .unwrap_or_else(|why| kept.cloned().and_then(Result::err).unwrap_or(why)),
        };
        let error = Error::Unhealthy {
            instance: Some(instance.clone()),
            reason: reason.clone(),
            console: console.clone(),
            log: Some(log),
        };
        Err(Failure::new(failure.step, error))
    }
}

/// Keeps the log of a sick machine, which Auto Scaling may replace before anybody judges it. All that are sick are asked at once.
pub(super) async fn keep_log<C: Cloud, P: Probe, S>(
    service: &Service,
    health: &mut Health,
    on: &Tools<'_, C, P, S>,
) {
    let Some(diagnosis) = &service.diagnosis else {
        return;
    };
    let left = left(health);
    if left.is_zero() {
        return;
    }
    let began = Instant::now();
    let ids = health.whom_to_ask(began);
    if ids.is_empty() {
        return;
    }
    // The first that has something to say is enough.
    let asked = ids
        .iter()
        .map(|id| log(diagnosis, id, left, on).boxed_local());
    let said = select_ok(asked).await.map(|(said, _)| said);
    health.keep_log(said, began.elapsed());
}

/// How long the roll may still be kept waiting.
fn left(health: &Health) -> Duration {
    LIMIT.saturating_sub(health.listened())
}

/// The last lines of a machine's log; a line that says why there are none where it cannot be read.
async fn log<C: Cloud, P: Probe, S>(
    diagnosis: &Diagnosis,
    instance: &InstanceId,
    left: Duration,
    on: &Tools<'_, C, P, S>,
) -> Result<String, String> {
    let asked = Box::pin(ask(diagnosis, instance, on));
    let asked = tokio::time::timeout(left, asked);
    let why = match on.stop.asked.run_until_cancelled(asked).await {
        None => "the roll is stopped".to_owned(),
        Some(Err(_)) => format!("no end within {} s", left.as_secs_f64().round()),
        Some(Ok(Err(why))) => why,
        Some(Ok(Ok(Ran { code, tail }))) => {
            let exit = match code {
                Some(0) => String::new(),
                Some(code) => format!(" (exit {code})"),
                None => " (a signal ended it)".to_owned(),
            };
            return Ok(format!("the end of the log of {instance}{exit}:\n{tail}"));
        }
    };
    let why = why.lines().next().unwrap_or_default();
    Err(format!("the log of {instance} cannot be read: {why}"))
}

async fn ask<C: Cloud, P: Probe, S>(
    diagnosis: &Diagnosis,
    instance: &InstanceId,
    on: &Tools<'_, C, P, S>,
) -> Result<Ran, String> {
    let by_id = Filter::new("instance-id", instance.as_str());
    let found = on.cloud.find_instances(&[by_id]).await;
    let found = found.map_err(|error| error.to_string())?;
    let ends = [InstanceState::ShuttingDown, InstanceState::Terminated];
    let mut there = found.iter().filter(|one| !ends.contains(&one.state));
    let machine = there.next().ok_or("the machine is gone")?;
    let ran = run(&diagnosis.command, &diagnosis.ssh, machine, (on, &Silent)).await;
    ran.map_err(|unrun| match unrun {
        Unrun::Now(text) => text,
        Unrun::Never(error) => error.to_string(),
    })
}

//! Checks of the service file: a request through the real load balancer, and time spent healthy.
//!
//! A check says pass, fail or unknown. What cannot be asked is unknown, and unknown is never a pass.

use std::time::Duration;

use tokio::time::Instant;

use super::error::Error;
use super::health::Health;
use super::making::group;
use super::next_group::look;
use super::plan::Plan;
use super::probe::{Answer, Ask, Probe};
use super::run_roll::Tools;
use super::{names, targets};
use crate::cloud::{Cloud, TargetGroupArn};
use crate::run::{Failure, Patience, Readiness, Run};
use crate::template::Data;
use crate::template::service::{Body, Check, HttpCheck};
use crate::undo::Undo;

/// Between two requests of a check.
const PAUSE: Duration = Duration::from_secs(2);
/// One request; a machine that takes longer serves nobody.
const REQUEST: Duration = Duration::from_secs(10);
/// Between two looks of a soak.
const LOOK: Duration = Duration::from_secs(5);
/// A soak that cannot look for this long has not been healthy all the while.
const BLIND: Duration = Duration::from_mins(1);
/// Bad looks in a row that end a soak: one machine may be replaced meanwhile, two looks apart is a state.
const BAD_LOOKS: u32 = 3;

/// Where a check asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// With the probe header, which only the next group answers.
    Probe,
    /// As users do.
    Production,
}

/// Runs checks in order.
pub(super) async fn run_all<C: Cloud, P: Probe, S>(
    checks: &[Check],
    way: Way,
    plan: &Plan,
    target_group: &TargetGroupArn,
    on: &Tools<'_, C, P, S>,
    run: &mut Run<'_, Undo>,
    health: &mut Health,
) -> Result<(), Failure> {
    for check in checks {
        match check {
            Check::Http(http) => http_check(http, way, plan, on.probe, run).await?,
            Check::Soak(time) => soak(*time, plan, target_group, on.cloud, run, health).await?,
        }
    }
    Ok(())
}

/// What a request showed.
enum Shown {
    Pass,
    Fail(String),
    Unknown(String),
}

async fn http_check(
    check: &HttpCheck,
    way: Way,
    plan: &Plan,
    probe: &impl Probe,
    run: &mut Run<'_, Undo>,
) -> Result<(), Failure> {
    let known = data(plan);
    let began = Instant::now();
    // The check's own limit decides; it is judged inside, where the last answer is known.
    let patience =
        Patience::new(check.timeout + REQUEST + PAUSE, PAUSE, PAUSE).in_a_row(check.times);
    run.wait("http check", &patience, async || {
        let shown = request(check, way, plan, probe, &known).await?;
        let late = began.elapsed() >= check.timeout;
        match shown {
            Shown::Pass => Ok(Readiness::Ready(())),
            Shown::Fail(reason) if late => Err(Error::CheckFailed(reason)),
            Shown::Unknown(reason) if late => Err(Error::CheckUnknown(reason)),
            Shown::Fail(reason) | Shown::Unknown(reason) => Ok(Readiness::NotYet(reason)),
        }
    })
    .await
}

fn data(plan: &Plan) -> Data {
    let image = &plan.image_facts;
    names::data(
        image,
        &plan.service,
        &plan.region,
        plan.run,
        &plan.next.group,
    )
}

async fn request(
    check: &HttpCheck,
    way: Way,
    plan: &Plan,
    probe: &impl Probe,
    known: &Data,
) -> Result<Shown, Error> {
    let rendered = |finding| Error::Rendered(Box::new(finding));
    let traffic = &plan.traffic;
    let header = (traffic.probe_header.clone(), targets::secret(plan));
    let host = check.host.as_ref().map(|host| host.value.clone());
    let ask = Ask {
        tls: traffic.tls,
        address: traffic.address.clone(),
        port: traffic.port,
        host: host.unwrap_or_else(|| traffic.host.clone()),
        path: check.path.render(known).map_err(rendered)?,
        headers: if way == Way::Probe {
            vec![header]
        } else {
            Vec::new()
        },
        timeout: REQUEST,
    };
    let path = ask.path.clone();
    let answer = match probe.ask(&ask).await {
        Ok(answer) => answer,
        Err(none) => return Ok(Shown::Unknown(format!("{path}: {none}"))),
    };
    compare(check, &path, &answer, known).map_err(rendered)
}

fn compare(
    check: &HttpCheck,
    path: &str,
    answer: &Answer,
    known: &Data,
) -> Result<Shown, crate::source::Diagnostic> {
    if !check.status.contains(&answer.status) {
        return Ok(Shown::Fail(format!(
            "{path} answered with status {}",
            answer.status
        )));
    }
    let body = answer.body.trim();
    let (wanted, holds, relation) = match &check.body {
        None => return Ok(Shown::Pass),
        Some(Body::Equals(text)) => {
            let wanted = text.render(known)?.trim().to_owned();
            let holds = body == wanted;
            (wanted, holds, "instead of")
        }
        Some(Body::Contains(text)) => {
            let wanted = text.render(known)?.trim().to_owned();
            let holds = body.contains(&wanted);
            (wanted, holds, "which lacks")
        }
    };
    if holds {
        return Ok(Shown::Pass);
    }
    let start: String = body.chars().take(SHOWN).collect();
    Ok(Shown::Fail(format!(
        "{path} answered `{start}` {relation} `{wanted}`"
    )))
}

/// Of a body, in a reason.
const SHOWN: usize = 80;

/// How many machines the next group is to have now, which may be more than the plan knew of.
async fn whole(plan: &Plan, cloud: &impl Cloud) -> Result<u32, Error> {
    match group(cloud, &plan.next.group).await {
        Ok(next) => Ok(next.size.desired),
        Err(Error::Cloud(error)) if error.is_passing() => Ok(plan.next.size.desired),
        Err(error) => Err(error),
    }
}

/// Waits for `time` with the next group healthy all the while.
pub(super) async fn soak(
    time: Duration,
    plan: &Plan,
    target_group: &TargetGroupArn,
    cloud: &impl Cloud,
    run: &mut Run<'_, Undo>,
    health: &mut Health,
) -> Result<(), Failure> {
    let began = Instant::now();
    health.again(began);
    let (mut seen, mut bad) = (began, 0);
    let patience = Patience::new(time + BLIND + 2 * LOOK, LOOK, LOOK);
    run.wait("soak", &patience, async || {
        let count = whole(plan, cloud).await?;
        let looked = look(plan, count, target_group, cloud, health).await?;
        match looked {
            Readiness::Ready(_) => (seen, bad) = (Instant::now(), 0),
            Readiness::NotYet(reason)
            | Readiness::Moving { reason, .. }
            | Readiness::Never(reason) => {
                bad += 1;
                if bad >= BAD_LOOKS && seen.elapsed() >= BAD_LOOKS * LOOK {
                    return Err(Error::Unhealthy {
                        instance: None,
                        reason,
                        console: None,
                    });
                }
                if bad < BAD_LOOKS {
                    return Ok(Readiness::NotYet(reason));
                }
            }
        }
        if began.elapsed() >= time && bad == 0 {
            return Ok(Readiness::Ready(()));
        }
        let left = time.saturating_sub(began.elapsed()).as_secs();
        Ok(Readiness::NotYet(format!("healthy, {left} s to go")))
    })
    .await
}

//! Giving half-made rolls up: what dead runs left is taken back, and nothing is rolled. And its opposite, a roll that only goes
//! on.

use super::bury::bury;
use super::cut_short;
use super::ended::Ended;
use super::error::Error;
use super::facts::{Facts, NoFacts, look_up};
use super::inherit;
use super::judge::{attendance, judge};
use super::plan::{Decision, Refusal};
use super::probe::Probe;
use super::run_roll::{Request, Tools, take_lease};
use super::takeback::{self, any, take_back};
use super::verdict::Verdict;
use crate::cloud::Cloud;
use crate::run::{self, Failure, LaterLists, Leases, Setup};
use crate::source::Diagnostic;
use crate::undo::{Undo, Unwinder};

/// How many dead rolls a service can have left, and more.
const MOST: u32 = 5;

/// Takes back what dead runs left half-made.
pub async fn abandon<C: Cloud, P: Probe, S: Leases + LaterLists<Undo>>(
    request: &Request<'_>,
    on: &Tools<'_, C, P, S>,
) -> Ended {
    let lease = match take_lease(request, on) {
        Ok(lease) => lease,
        Err(ended) => return *ended,
    };
    let mut ended = match Box::pin(abandoned(request, on)).await {
        Ok(ended) => ended,
        Err(ended) => return *ended,
    };
    ended.leave(Box::pin(bury(request, on)).await);
    if ended.verdict == Verdict::NothingToDo {
        let text = format!("no roll of {} is half-made", request.service.name);
        ended.loose.push(text);
    }
    drop(lease);
    ended
}

async fn abandoned<C: Cloud, P: Probe, S>(
    request: &Request<'_>,
    on: &Tools<'_, C, P, S>,
) -> Result<Ended, Box<Ended>> {
    let facts = match found(request, on).await {
        Ok(facts) => facts,
        Err(NoFacts::Refused(refused)) => return Err(Box::new(Ended::refused(refused))),
        Err(NoFacts::Cloud(error)) => {
            return Err(Box::new(Ended::failed("look up", error.into())));
        }
    };
    if cut_short::refusal(&request.service.name, &facts).is_some() {
        return Err(cut_short::end(request, on).await);
    }
    let Some(first) = any(request.service, &facts) else {
        return Ok(Ended::new(Verdict::NothingToDo));
    };
    let unwinder = Unwinder::new(on.cloud);
    let setup = Setup {
        journal: on.journal,
        events: on.events,
        stop: on.stop.clone(),
    };
    let outcome = run::attended(&unwinder, setup, attendance(), async |run| {
        let mut dead = first.clone();
        for _ in 0..MOST {
            inherit::take_back(&dead, run)?;
            let back = async |made: &mut _| take_back(&dead, on.cloud, &unwinder, made).await;
            run.step(takeback::STEP, back).await?;
            let again = async |_: &mut _| match found(request, on).await {
                Ok(facts) => Ok(any(request.service, &facts)),
                Err(NoFacts::Refused(refused)) => Err(Error::Refused(refused)),
                Err(NoFacts::Cloud(error)) => Err(error.into()),
            };
            match run.step("look up again", again).await? {
                Some(next) => dead = next,
                None => return Ok(Vec::new()),
            }
        }
        let text = "dead rolls keep coming back".to_owned();
        Err(Failure::new(takeback::STEP, Error::Changed(text)))
    });
    let outcome = outcome.await;
    let decision = Decision::TakeBack(Box::new(first));
    Ok(judge(request, decision, None, outcome, on).await)
}

async fn found<C: Cloud, P, S>(
    request: &Request<'_>,
    on: &Tools<'_, C, P, S>,
) -> Result<Facts, NoFacts> {
    let (service, image) = (request.service, request.image.as_ref());
    look_up(on.cloud, &request.region, service, image).await
}

/// What keeps a roll that only goes on from beginning: that there is nothing to go on with.
pub(super) fn nothing_to_resume(request: &Request<'_>, decision: &Decision) -> Option<Refusal> {
    let name = &request.service.name;
    let (text, help) = match decision {
        Decision::Roll(plan) if plan.resumed => return None,
        Decision::TakeBack(dead) => (
            format!(
                "group {} of the dead run {} is not gone on with: it is of another image, or not as this service file wants it",
                dead.next, dead.run
            ),
            "`--abandon` takes it back; without `--resume` it is taken back, and the roll begins anew",
        ),
        Decision::Roll(_) | Decision::Nothing { .. } => (
            format!("no roll of {name} is half-made"),
            "without `--resume` a roll begins",
        ),
    };
    let finding = Diagnostic::error("roll::nothing_to_resume", text);
    Some(Refusal::input(finding.help(help)))
}

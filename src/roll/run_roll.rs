//! One `kiln roll`: lease, facts, what a dead run left, plan, flow, and what its end means.

use std::cell::RefCell;

use super::abandon::nothing_to_resume;
use super::address;
use super::approval::Approval;
use super::bury::{Dead, bury};
use super::cut_short;
use super::drained;
use super::ended::Ended;
use super::error::Error;
use super::facts::{Facts, NoFacts, look_up};
use super::hold;
use super::inherit;
use super::judge::{attendance, judge};
use super::plan::{Decision, Plan, plan};
use super::probe::Probe;
use super::retiring::{Retiring, Wait};
use super::strategy::carry_out;
use super::takeback::{self, take_back};
use super::tidy::{chores, tidy};
use super::{Verdict, retire};
use crate::cloud::{Cloud, ImageId};
use crate::run::{
    self, Clock, Event, Events, Failure, Held, Holder, Journal, LaterLists, Leases, Left, Run,
    RunId, Setup, Stop,
};
use crate::template::service::Service;
use crate::undo::{Undo, Unwinder};

/// What a roll works with.
pub struct Tools<'a, C, P, S> {
    pub cloud: &'a C,
    pub probe: &'a P,
    pub store: &'a S,
    pub clock: &'a dyn Clock,
    pub events: &'a dyn Events,
    pub journal: &'a dyn Journal<Undo>,
    pub stop: Stop,
}

/// What is asked for.
pub struct Request<'a> {
    pub service: &'a Service,
    pub region: String,
    /// Instead of the image that the service file names.
    pub image: Option<ImageId>,
    pub run: RunId,
    pub holder: Holder,
    /// Why it rolls all the same a quarantined image, over red alarms, with credentials that may end too soon.
    pub force: Option<&'a str>,
    /// Dead runs of this service, for what only their journals know.
    pub dead: Vec<Dead<'a>>,
    /// The bucket where the service's state is; `None`: it is in a folder.
    pub state: Option<String>,
    /// Only goes on with a roll that is half-made.
    pub resume: bool,
    /// The plan that somebody has approved: nothing begins when another one would be carried out.
    pub approved: Option<&'a Approval>,
}

/// Rolls.
pub async fn roll<C: Cloud, P: Probe, S: Leases + LaterLists<Undo>>(
    request: &Request<'_>,
    on: &Tools<'_, C, P, S>,
) -> Ended {
    let lease = match take_lease(request, on) {
        Ok(lease) => lease,
        Err(ended) => return *ended,
    };
    let mut buried = None;
    let mut ended = match Box::pin(leased(request, on, &mut buried)).await {
        Ok(ended) => ended,
        Err(ended) => *ended,
    };
    let left = match buried {
        Some(left) => left,
        // What is held, or could not even be looked up, stays as it is.
        None if ended.decision.is_none() || ended.is_held() => Vec::new(),
        None => Box::pin(bury(request, on)).await,
    };
    ended.leave(left);
    drop(lease);
    drained::wait(request, on, &mut ended).await;
    ended
}

/// The service's lease.
pub(super) fn take_lease<C, P, S: Leases>(
    request: &Request<'_>,
    on: &Tools<'_, C, P, S>,
) -> Result<S::Lease, Box<Ended>> {
    let busy = || Ended::new(Verdict::Busy);
    let held = match on.store.take(&request.service.name, &request.holder) {
        Ok(lease) => return Ok(lease),
        Err(held) => held,
    };
    Err(Box::new(match held {
        Held::By(holder) => Ended {
            holder: Some(*holder),
            ..busy()
        },
        Held::Unreadable { .. } => Ended {
            loose: vec![held.to_string()],
            ..busy()
        },
        Held::Io(error) => Ended::failed("lease", Error::Later(error)),
    }))
}

async fn leased<C: Cloud, P: Probe, S: LaterLists<Undo>>(
    request: &Request<'_>,
    on: &Tools<'_, C, P, S>,
    buried: &mut Option<Vec<Left<Undo>>>,
) -> Result<Ended, Box<Ended>> {
    let (facts, mut decision) = match prepare(request, on).await {
        Err(ended) if ended.cut_short => return Err(cut_short::end(request, on).await),
        prepared => prepared?,
    };
    approved(request, &decision)?;
    address::note(request, &facts, on).await;
    let rolls = matches!(decision, Decision::Roll(_));
    let (changed, stays) = put_right(request, (&facts, rolls), on)
        .await
        .map_err(|error| Box::new(Ended::failed("tidy up", error)))?;
    if changed {
        (_, decision) = prepare(request, on).await?;
        approved(request, &decision)?;
    }
    // Nothing of theirs is gone on with. What they have pinned would look like what this roll has to keep; all else has time
    // until the roll is over.
    if let Decision::Roll(plan) = &decision
        && !plan.resumed
        && request.dead.iter().any(Dead::has_pinned)
    {
        *buried = Some(Box::pin(bury(request, on)).await);
        (_, decision) = prepare(request, on).await?;
        approved(request, &decision)?;
    }
    if let Decision::Nothing { .. } = decision {
        let verdict = if stays.is_empty() {
            Verdict::NothingToDo
        } else {
            Verdict::CleanUpDue
        };
        return Ok(Ended {
            decision: Some(decision),
            loose: stays,
            ..Ended::new(verdict)
        });
    }
    let by_force = match &decision {
        Decision::Roll(plan) => plan.outlook.by_force.as_slice(),
        _ => &[],
    };
    // What has to go for this roll goes in its course, or fails it.
    for text in stays.into_iter().chain(by_force.iter().cloned()) {
        on.events.emit(Event::Warning { text });
    }
    let ended = Box::pin(go(request, decision, on)).await;
    address::note_new(request, &facts, on).await;
    Ok(ended)
}

/// Refuses what is not the plan that was approved.
fn approved(request: &Request<'_>, decision: &Decision) -> Result<(), Box<Ended>> {
    let objections = |approved: &Approval| approved.objections(request.service, decision);
    let objections = request.approved.map(objections).unwrap_or_default();
    if objections.is_empty() {
        Ok(())
    } else {
        Err(Box::new(Ended::refused(objections)))
    }
}

/// Facts and what follows from them.
pub(super) async fn prepare<C: Cloud, P, S>(
    request: &Request<'_>,
    on: &Tools<'_, C, P, S>,
) -> Result<(Facts, Decision), Box<Ended>> {
    let facts = look_up(
        on.cloud,
        &request.region,
        request.service,
        request.image.as_ref(),
    )
    .await;
    let facts = match facts {
        Ok(facts) => facts,
        Err(NoFacts::Refused(refused)) => return Err(Box::new(Ended::refused(refused))),
        Err(NoFacts::Cloud(error)) => {
            return Err(Box::new(Ended::failed("look up", error.into())));
        }
    };
    if let Some(ended) = cut_short::refusal(&request.service.name, &facts) {
        return Err(ended);
    }
    let now = on.clock.now();
    let mut sides = facts.sides.iter();
    if let Some(why) = sides.find_map(|side| hold::in_force(&side.tags, now)) {
        return Err(Box::new(Ended {
            loose: vec![format!(
                "a hold is set on {name}: {why}; `kiln unhold {name}` takes it off",
                name = request.service.name
            )],
            ..Ended::new(Verdict::Frozen)
        }));
    }
    match plan(request.service, &facts, request.run, now, request.force) {
        Ok(decision) => {
            let nothing = nothing_to_resume(request, &decision).filter(|_| request.resume);
            match nothing {
                Some(refusal) => Err(Box::new(Ended::refused(vec![refusal]))),
                None => Ok((facts, decision)),
            }
        }
        Err(refused) => Err(Box::new(Ended::refused(refused))),
    }
}

/// Puts right what dead runs left behind their commit, and retires what is due. `rolls`: a roll is to follow. Says whether anything changed,
/// and what is due and stays.
async fn put_right<C: Cloud, P: Probe, S: LaterLists<Undo>>(
    request: &Request<'_>,
    (facts, rolls): (&Facts, bool),
    on: &Tools<'_, C, P, S>,
) -> Result<(bool, Vec<String>), Error> {
    let name = &request.service.name;
    let now = on.clock.now();
    let listed = on.store.read(name).map_err(Error::Later)?;
    let listed: Vec<Undo> = listed.into_iter().map(|later| later.undo).collect();
    let chores = chores(name, facts, &listed, now);
    let keep = (now, request.service.keep.previous);
    tidy(
        name,
        &chores,
        request.run,
        keep,
        on.cloud,
        on.store,
        on.events,
    )
    .await?;
    let by = Retiring {
        service: request.service,
        region: request.region.clone(),
        run: request.run,
        probe: on.probe,
        stop: on.stop.clone(),
    };
    let by = (now, Some(&by));
    let wait = Wait {
        events: on.events,
        stop: &on.stop,
        is_needed: rolls
            && !request.service.strategy.is_in_place()
            && request.service.traffic.is_some(),
    };
    let done = retire::work_off(name, by, on.cloud, on.store, &wait).await?;
    for (_, group) in &done.ending {
        let text = format!(
            "machines of group {} end; the next run deletes it",
            group.name
        );
        on.events.emit(Event::Note { text });
    }
    let left = done.left.iter();
    let stays = left.map(|left| format!("{}: {}", left.undo, left.reason));
    let done_any = done.gone + done.released + done.deleted + done.ending.len() > 0;
    Ok((done_any || !chores.is_empty(), stays.collect()))
}

async fn go<C: Cloud, P: Probe, S: LaterLists<Undo>>(
    request: &Request<'_>,
    decision: Decision,
    on: &Tools<'_, C, P, S>,
) -> Ended {
    let unwinder = Unwinder::new(on.cloud);
    let used = RefCell::new(None);
    let setup = Setup {
        journal: on.journal,
        events: on.events,
        stop: on.stop.clone(),
    };
    let outcome = run::attended(&unwinder, setup, attendance(), async |run| {
        let plan = settled(request, decision.clone(), on, &unwinder, run).await?;
        used.borrow_mut().clone_from(&plan);
        let Some(plan) = plan else {
            return Ok(Vec::new());
        };
        inherit::go_on(&plan, run)?;
        carry_out(&plan, request.service, on, run).await
    })
    .await;
    let plan = used.into_inner();
    judge(request, decision, plan, outcome, on).await
}

/// The plan to run. What a dead run left half-made is taken back first, and then everything is looked up again.
async fn settled<C: Cloud, P, S>(
    request: &Request<'_>,
    decision: Decision,
    on: &Tools<'_, C, P, S>,
    unwinder: &Unwinder<'_, C>,
    run: &mut Run<'_, Undo>,
) -> Result<Option<Plan>, Failure> {
    const MOST: u32 = 3;
    let mut decision = decision;
    for _ in 0..MOST {
        let dead = match decision {
            Decision::Roll(plan) => return Ok(Some(*plan)),
            Decision::Nothing { .. } => return Ok(None),
            Decision::TakeBack(dead) => dead,
        };
        inherit::take_back(&dead, run)?;
        let back = async |made: &mut _| take_back(&dead, on.cloud, unwinder, made).await;
        run.step(takeback::STEP, back).await?;
        let again = async |_: &mut _| match prepare(request, on).await {
            Ok((_, decision)) => Ok(decision),
            Err(ended) => Err(ended.into_error()),
        };
        decision = run.step("look up again", again).await?;
    }
    let text = "dead rolls keep coming back".to_owned();
    Err(Failure::new(takeback::STEP, Error::Changed(text)))
}

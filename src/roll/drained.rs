//! The wait for the machines of a group that a roll has emptied. The roll is over by then and holds nothing: who stops the
//! wait leaves its end to whoever works on the service next, who finds the time in a tag of the group.

use std::time::Duration;

use jiff::Timestamp;

use super::aside;
use super::ended::Ended;
use super::error::Error;
use super::plan::{Decision, Plan};
use super::run_roll::{Request, Tools};
use super::verdict::Verdict;
use crate::cloud::{Cloud, GroupName, tag};
use crate::run::{
    self, Event, Failure, Held, Leases, MemoryJournal, Patience, Readiness, Run, Setup, with_causes,
};
use crate::template::service::Strategy;
use crate::undo::{Undo, Unwinder};

/// Between two looks at a group that drains.
const LOOK: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(15));
/// What ends without its hooks takes a moment more to go.
const ENDING: Duration = Duration::from_mins(10);

/// Waits, where the roll that has ended emptied a group and says how long its machines may take; then lets these go. A stop
/// ends the wait.
pub(super) async fn wait<C: Cloud, P, S: Leases>(
    request: &Request<'_>,
    on: &Tools<'_, C, P, S>,
    ended: &mut Ended,
) {
    let Some((name, drain)) = emptied(ended) else {
        return;
    };
    let journal = MemoryJournal::<Undo>::default();
    let setup = Setup {
        journal: &journal,
        events: on.events,
        stop: on.stop.clone(),
    };
    let unwinder = Unwinder::new(on.cloud);
    let drained = async |run: &mut Run<'_, Undo>| drained(&name, drain, request, on, run).await;
    let Err(failure) = run::run(&unwinder, setup, drained).await.result else {
        return;
    };
    if failure.is_stop() {
        let text = format!(
            "machines of group {name} have not ended: the next `kiln roll`, `kiln sweep` or `kiln doctor` after their time lets them go"
        );
        on.events.emit(Event::Note { text });
        return;
    }
    ended.loose.push(with_causes(&failure));
    if ended.verdict == Verdict::Done {
        ended.verdict = Verdict::CleanUpDue;
    }
}

/// The group that a roll which has gone through has emptied, with the time that its machines have.
fn emptied(ended: &Ended) -> Option<(GroupName, Duration)> {
    let Some(Decision::Roll(plan)) = &ended.decision else {
        return None;
    };
    let Plan {
        strategy: Strategy::Replace(replace),
        previous: Some(previous),
        ..
    } = &**plan
    else {
        return None;
    };
    let is_through = matches!(ended.verdict, Verdict::Done | Verdict::CleanUpDue);
    let drain = replace
        .drain
        .filter(|_| is_through && !replace.keep_running)?;
    Some((previous.group.clone(), drain))
}

async fn drained<C: Cloud, P, S: Leases>(
    name: &GroupName,
    drain: Duration,
    request: &Request<'_>,
    on: &Tools<'_, C, P, S>,
    run: &mut Run<'_, Undo>,
) -> Result<(), Failure> {
    let patience = Patience::new(drain + ENDING, LOOK.0, LOOK.1);
    let look = async || look(name, Some(on.clock.now()), on.cloud).await;
    run.wait("previous group empty", &patience, look).await?;
    let let_go = async |_: &mut _| let_go(name, request, on).await;
    if !run.step("let its machines go", let_go).await? {
        return Ok(());
    }
    let patience = Patience::new(ENDING, LOOK.0, LOOK.1);
    let look = async || self::look(name, None, on.cloud).await;
    run.wait("previous group empty", &patience, look).await
}

/// Ready when no machine is left, when somebody else has seen to it, or when the time of the tag is up at `now`.
async fn look(
    name: &GroupName,
    now: Option<Timestamp>,
    cloud: &impl Cloud,
) -> Result<Readiness<()>, Error> {
    let there = match cloud.group(name).await {
        Err(error) if error.is_passing() => return Ok(Readiness::NotYet(error.to_string())),
        found => found?,
    };
    let Some(there) = there.filter(|group| !aside::is_filled(group) && !group.members.is_empty())
    else {
        return Ok(Readiness::Ready(()));
    };
    let until = there
        .tag(tag::DRAIN_UNTIL)
        .and_then(|until| until.parse().ok());
    if now.is_some_and(|now| until.is_none_or(|until: Timestamp| until <= now)) {
        return Ok(Readiness::Ready(()));
    }
    let count = there.members.len();
    Ok(Readiness::NotYet(format!(
        "{count} machines of group {name} have not ended"
    )))
}

/// Under the service's lease; says whether it was to be had. Whoever else has it does the same.
async fn let_go<C: Cloud, P, S: Leases>(
    name: &GroupName,
    request: &Request<'_>,
    on: &Tools<'_, C, P, S>,
) -> Result<bool, Error> {
    let _lease = match on.store.take(&request.service.name, &request.holder) {
        Ok(lease) => lease,
        Err(Held::By(_) | Held::Unreadable { .. }) => return Ok(false),
        Err(Held::Io(error)) => return Err(Error::Later(error)),
    };
    aside::let_go(name, on.cloud).await?;
    Ok(true)
}

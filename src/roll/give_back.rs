//! The way back of a roll that replaces machines in place and has not gone through: one that is held, or died in the middle
//! of its refresh.
//!
//! The lease of the group tells what there was before. It is taken off last of all, so that a rollback that died is gone on
//! with by the next.

use std::time::Duration;

use super::error::Error;
use super::refresh_back::half_way;
use super::rollback::{RolledBack, Way, bar, verdict};
use super::status::Standing;
use super::takeback::{Dead, refreshing};
use super::unsaid::Unsaid;
use super::verdict::Verdict;
use crate::cloud::{
    Cloud, Error as CloudError, Group, GroupName, LaunchTemplateVersion, Refresh, RefreshState,
    VersionRef,
};
use crate::run::{self, Event, Failure, Patience, Readiness, Run, Unwind, with_causes};
use crate::undo::lease::Leased;
use crate::undo::refresh::{LIMIT, Refreshing, has_begun, turn_back};
use crate::undo::{Undo, Unwinder};

/// Between two looks at a refresh, whose batches take minutes.
const LOOK: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(15));
/// How often a refresh may have to be turned: once by Auto Scaling's own way back, once by another refresh, and for each a
/// call that fails for a passing reason.
const TURNS: u32 = 6;

/// The roll of a group that has not gone through.
pub(super) fn of(live: Option<&Standing>) -> Option<(&Standing, Refreshing)> {
    let live = live?;
    Some((live, Refreshing::of(&live.group)?))
}

/// Gives the group back what it ran, with everything that the roll made.
pub(super) async fn give_back<C: Cloud>(
    live: &Group,
    of: &Refreshing,
    way: &Way<'_>,
    cloud: &C,
) -> RolledBack {
    let name = &live.name;
    let mut unsaid = Unsaid::default();
    bar(way, (name, Some(of.image.clone())), cloud, &mut unsaid).await;
    let unwinder = Unwinder::new(cloud);
    let dead = refreshing(way.service, live, of);
    let outcome = run::run(&unwinder, way.setup(), async |run| {
        go(name, cloud, run).await?;
        run.commit()?;
        Ok(clear(&dead, unsaid.is_none(), &unwinder, run).await)
    });
    let mut back = match outcome.await.result {
        Ok(left) => {
            let text = format!("{name} runs version {} again", of.before);
            way.events.emit(Event::Note { text });
            unsaid.extend(left);
            RolledBack::done(Some((name, None)), name.clone(), unsaid)
        }
        Err(failure) => not(name, of.before, &failure, cloud).await.without(unsaid),
    };
    back.image = Some(of.image.clone());
    back
}

async fn not(
    name: &GroupName,
    before: LaunchTemplateVersion,
    failure: &Failure,
    cloud: &impl Cloud,
) -> RolledBack {
    let mut not = RolledBack::not(verdict(failure), with_causes(failure));
    if failure.is_stop() && goes_back(name, before, cloud).await {
        let text = "the refresh goes back by itself; the next rollback waits for its end";
        not.reasons.push(text.to_owned());
    } else if has_begun(cloud, name).await.unwrap_or(true) {
        not.verdict = Verdict::Traffic;
        if failure.is_stop() {
            let text = "nothing goes back yet: the next rollback begins it";
            not.reasons.push(text.to_owned());
        }
    }
    not
}

/// Whether the group goes back without us. Where that cannot be seen it is not promised.
async fn goes_back(name: &GroupName, before: LaunchTemplateVersion, cloud: &impl Cloud) -> bool {
    let newest = cloud.newest_refresh(name).await.ok().flatten();
    newest.is_some_and(|refresh| match (refresh.state, refresh.to) {
        (RefreshState::GoingBack, _) => true,
        (RefreshState::Going, Some((_, to))) => to == VersionRef::Number(before),
        _ => false,
    })
}

/// Turns the refresh back, and waits for its end.
async fn go<C: Cloud>(name: &GroupName, cloud: &C, run: &mut Run<'_, Undo>) -> Result<(), Failure> {
    for _ in 0..TURNS {
        let turn = async |_: &mut _| match turn_back(cloud, name).await {
            Err(error) if error.is_passing() => Ok(Some(error.to_string())),
            answer => answer,
        };
        if run.step("give the refresh back", turn).await?.is_none() {
            return Ok(());
        }
        let patience = Patience::new(LIMIT, LOOK.0, LOOK.1);
        let waited = run.wait("refresh back", &patience, async || over(name, cloud).await);
        waited.await.map_err(|failure| half_way(name, failure))?;
    }
    let text = "every refresh back has ended early".to_owned();
    let failure = Failure::new("give the refresh back", Error::Changed(text));
    Err(half_way(name, failure))
}

async fn over(name: &GroupName, cloud: &impl Cloud) -> Result<Readiness<()>, CloudError> {
    match cloud.newest_refresh(name).await {
        Ok(Some(refresh)) if refresh.is_active() => {
            let Refresh { percent, .. } = refresh;
            Ok(Readiness::NotYet(format!(
                "{percent} % are left to go back"
            )))
        }
        Ok(_) => Ok(Readiness::Ready(())),
        Err(error) if error.is_passing() => Ok(Readiness::NotYet(error.to_string())),
        Err(error) => Err(error),
    }
}

/// Takes off what else the roll made; the lease of the refresh, by which a rollback is found again, as the last, and only
/// where nothing else is left to do. Returns what would not go.
async fn clear<C: Cloud>(
    dead: &Dead,
    is_said: bool,
    unwinder: &Unwinder<'_, C>,
    run: &mut Run<'_, Undo>,
) -> Vec<String> {
    let (last, first): (Vec<_>, Vec<_>) = dead
        .undos
        .iter()
        .partition(|undo| undo.releases(Leased::Refresh));
    let mut left = Vec::new();
    for of in first.into_iter().chain(last) {
        if of.releases(Leased::Refresh) && !(is_said && left.is_empty()) {
            break;
        }
        let undo = Undo::Roll(of.clone());
        let step = async |_: &mut _| unwinder.undo(&undo).await;
        if let Err(failure) = run.step("take the roll back", step).await {
            left.push(format!("{undo}: {}", with_causes(&failure)));
        }
    }
    left
}

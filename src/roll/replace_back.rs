//! The way back of a service without a load balancer: the kept group is filled again, found healthy and put in office, and
//! then the one that was in office is emptied. Both work meanwhile: there is never less than there was.
//!
//! The image is barred first, since the way takes minutes. The tags that put the kept group in office are the point of no
//! return; whoever comes later finishes what is behind it.

use std::time::Duration;

use jiff::Timestamp;

use super::alone::{self, Stand};
use super::error::Error;
use super::ground::Ground;
use super::health::status::of_members;
use super::launches::{self, Class};
use super::making::{group, intend};
use super::mark::{self, Mark};
use super::office::{self, Before, drain_of, taking_over};
use super::rollback::{RolledBack, Way, bar, barred, nowhere, tags, verdict};
use super::takeback::{self, take_back};
use super::unsaid::Unsaid;
use super::verdict::Verdict;
use super::{aside, calm, give_back, refresh_back, root_back};
use crate::cloud::{Cloud, Group, GroupName, Size, tag};
use crate::run::{self, Event, Failure, Ledger, Patience, Readiness, Run, with_causes};
use crate::undo::floor::{self, Floor};
use crate::undo::lease::Sizes;
use crate::undo::refresh::{Refreshing, rolled};
use crate::undo::{Change, OfRoll, Undo, Unwinder};

/// Machines that start move a wait on; one that nothing moves for this long is over.
const STALLED: Duration = Duration::from_mins(15);
/// Between two looks: EC2 checks machines once a minute.
const LOOK: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(15));
/// Healthy counts when it was seen this many times in a row: one good look may be a lucky moment.
const IN_A_ROW: u32 = 3;
/// How often the kept group follows what is in office while that grows.
const ROUNDS: u32 = 10;

/// Goes back, in the way that the last roll asks for.
pub(super) async fn rollback<C: Cloud>(way: &Way<'_>, stand: &Stand, cloud: &C) -> RolledBack {
    if let Some(back) = finished(way, stand, cloud).await {
        return back;
    }
    let Some(live) = stand.live.as_ref().map(|live| &live.group) else {
        let text = format!("no group of {} is in office", way.service);
        return RolledBack::not(Verdict::Failed, text);
    };
    if let Some(next) = &stand.next {
        return give_up(way, live, next, cloud).await;
    }
    if let Some(of) = Refreshing::of(live) {
        return give_back::give_back(live, &of, way, cloud).await;
    }
    if let Some(back) = root_back::rollback(live, way, cloud).await {
        return back;
    }
    match (rolled(live), &stand.back) {
        (Some(rolled), _) => {
            let of = (&rolled, stand.hold.as_deref());
            refresh_back::refresh_back(live, of, way, cloud).await
        }
        (None, Some(back)) => go_back(way, stand, (live, &back.group), cloud).await,
        (None, None) => RolledBack::not(Verdict::Failed, nowhere(way.service, Some(live))),
    }
}

/// Takes a roll back that is held or died before its group was in office: what is in office stays so.
async fn give_up<C: Cloud>(way: &Way<'_>, live: &Group, next: &Group, cloud: &C) -> RolledBack {
    let groups = match cloud.groups().await {
        Ok(groups) => groups,
        Err(error) => return RolledBack::not(Verdict::Failed, error.to_string()),
    };
    let ground = Ground {
        service: way.service,
        sides: &office::sides(way.service, &groups),
        led: false,
        production: &[],
        listeners: &[],
        tested: &[],
    };
    let Some(dead) = takeback::undos(&ground, next) else {
        let text = format!("no tag of group {} says whose it is", next.name);
        return RolledBack::not(Verdict::Failed, text);
    };
    let mut unsaid = Unsaid::default();
    bar(way, barred(next), cloud, &mut unsaid).await;
    let unwinder = Unwinder::new(cloud);
    let outcome = run::run(&unwinder, way.setup(), async |run| {
        let back = async |made: &mut _| take_back(&dead, cloud, &unwinder, made).await;
        run.step("take the half-made roll back", back).await
    });
    let outcome = outcome.await;
    let back = match outcome.result {
        Ok(()) => RolledBack::done(Some(barred(next)), live.name.clone(), unsaid),
        Err(failure) => RolledBack::not(verdict(&failure), with_causes(&failure)).without(unsaid),
    };
    back.but(&outcome.left)
}

/// What a rollback before left, done; `None` where none put the group in office that is there.
pub(super) async fn finished(
    way: &Way<'_>,
    stand: &Stand,
    cloud: &impl Cloud,
) -> Option<RolledBack> {
    let live = stand.live.as_ref().map(|live| &live.group)?;
    let mark = Mark::of(live)?;
    let text = "the group is in office already: what a rollback before left is finished";
    way.events.emit(Event::Note {
        text: text.to_owned(),
    });
    let mut unsaid = Unsaid::default();
    let from = stand.back.as_ref().map(|back| &back.group);
    let name = from.map_or(&live.name, |from| &from.name);
    bar(way, (name, mark.image), cloud, &mut unsaid).await;
    Some(said(way, from, live, unsaid, cloud).await)
}

/// Fills the kept group, puts it in office, and empties the other.
async fn go_back<C: Cloud>(
    way: &Way<'_>,
    stand: &Stand,
    (live, back): (&Group, &Group),
    cloud: &C,
) -> RolledBack {
    let against = stand.not_ready();
    if !against.is_empty() && way.force.is_none() {
        return RolledBack {
            reasons: against,
            ..RolledBack::not(Verdict::Failed, "")
        };
    }
    let mut unsaid = Unsaid::default();
    bar(way, barred(live), cloud, &mut unsaid).await;
    let unwinder = Unwinder::new(cloud);
    let outcome = run::run(&unwinder, way.setup(), async |run| {
        fill(way, stand, (live, back), cloud, run).await
    });
    let outcome = outcome.await;
    if let Err(failure) = outcome.result {
        let not = RolledBack::not(verdict(&failure), with_causes(&failure));
        return not.without(unsaid).but(&outcome.left);
    }
    let text = format!("{} is served by {} again", way.service, back.name);
    way.events.emit(Event::Note { text });
    let done = said(way, Some(live), back, unsaid, cloud).await;
    done.but(&outcome.left)
}

/// Fills the kept group and puts it in office, once it is as large as what is in office then.
async fn fill<C: Cloud>(
    way: &Way<'_>,
    stand: &Stand,
    (live, back): (&Group, &Group),
    cloud: &C,
    run: &mut Run<'_, Undo>,
) -> Result<(), Failure> {
    let since = way.clock.now();
    let mut floor = stand.floor(back);
    for _ in 0..ROUNDS {
        let wanted = floor.count();
        if way.force.is_some() {
            // With the first that is there.
            floor = Floor::anywhere(1);
        }
        let grow = async |made: &mut _| grow(way, (live, back, wanted), cloud, made).await;
        run.step("fill the kept group", grow).await?;
        let patience = Patience::new(STALLED, LOOK.0, LOOK.1).in_a_row(IN_A_ROW);
        let look = async || look(&back.name, &floor, since, cloud).await;
        run.wait("kept group healthy", &patience, look).await?;
        let again = async |_: &mut _| {
            let now = alone::stand(cloud, way.service, way.clock.now()).await?;
            Ok::<_, Error>(now.map_or(floor.clone(), |now| now.floor(back)))
        };
        let now = run.step("look at what is in office", again).await?;
        if now.count() <= wanted || way.force.is_some() {
            let office = async |made: &mut _| {
                calm::hold_back(way, back, cloud, made).await;
                put_in_office(way, (live, back), cloud).await
            };
            run.step("put in office", office).await?;
            return run.commit();
        }
        floor = now;
    }
    let text = "what is in office grew faster than the kept group could follow".to_owned();
    Err(Failure::new("fill the kept group", Error::Changed(text)))
}

/// Looks once whether enough machines of the kept group are healthy.
async fn look(
    name: &GroupName,
    floor: &Floor,
    since: Timestamp,
    cloud: &impl Cloud,
) -> Result<Readiness<()>, Error> {
    let looked = async {
        let there = group(cloud, name).await?;
        let health = of_members(&there, cloud).await?;
        let activities = cloud.activities(name).await?;
        Ok::<_, Error>((there, health, launches::failed(&activities, since)))
    };
    let (there, health, failed) = match looked.await {
        Ok(looked) => looked,
        Err(Error::Cloud(error)) if error.is_passing() => {
            return Ok(Readiness::NotYet(error.to_string()));
        }
        Err(error) => return Err(error),
    };
    let healthy = floor::healthy(&there, &health);
    let Some(lack) = floor.lack(&healthy) else {
        return Ok(Readiness::Ready(()));
    };
    let mut reason = format!("machines of group {name}: {lack}");
    match failed.first() {
        Some(failed) if failed.class == Class::Permanent => {
            return Ok(Readiness::Never(failed.message.clone()));
        }
        Some(failed) => reason = format!("{reason}: {}", failed.message),
        None => {}
    }
    Ok(Readiness::Moving {
        reason,
        done: floor.done(&healthy),
    })
}

async fn grow(
    way: &Way<'_>,
    (from, back, count): (&Group, &Group, u32),
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let there = group(cloud, &back.name).await?;
    // A rollback that died may have filled it already.
    let is_emptied = matches!(Before::of(from), Some(Before::Emptied(_)));
    let before = if is_emptied {
        Size {
            min: 0,
            max: 0,
            desired: 0,
        }
    } else {
        there.size
    };
    let change = Change::Filled {
        group: there.name.clone(),
        before,
    };
    let undo = Undo::Roll(OfRoll {
        service: way.service.to_owned(),
        run: way.run,
        next: there.name.clone(),
        change,
    });
    intend(made, undo)?;
    // Whoever comes meanwhile sees that it is filled on purpose.
    let mut noted = tags(&[(tag::BACK, &mark::text(way.run, way.clock.now(), from))]);
    if Sizes::of(&there).is_none() {
        noted.extend([Sizes::before(&there).tag()]);
    }
    cloud.tag_group(&there.name, &noted).await?;
    if there.tag(tag::DRAIN_UNTIL).is_some() {
        let drain = [tag::DRAIN_UNTIL];
        cloud.untag_group(&there.name, &drain).await?;
    }
    let desired = count.max(there.size.desired);
    let size = Size {
        min: desired,
        max: Sizes::largest(&there),
        desired,
    };
    Ok(cloud.resize_group(&there.name, size).await?)
}

/// The tags are the point of no return: whoever comes later sees them.
async fn put_in_office(
    way: &Way<'_>,
    (from, back): (&Group, &Group),
    cloud: &impl Cloud,
) -> Result<(), Error> {
    let now = way.clock.now();
    let mark = mark::text(way.run, now, from);
    // The machines of that group have as long as those of this one had.
    let before = Before::of(from).filter(|before| *before != Before::Running);
    let before = before.unwrap_or(Before::Emptied(None));
    let mut live = tags(&[(tag::STATE, tag::LIVE), (tag::BACK, &mark)]);
    live.extend(taking_over(Some(&from.name), before, now, cloud).await?);
    if let Err(error) = cloud.tag_group(&back.name, &live).await {
        // A lost answer may hide success, and then nothing may be undone any more.
        let is_live = |group: &Group| {
            let is_marked = group.tag(tag::BACK) == Some(&mark);
            is_marked && group.tag(tag::STATE) == Some(tag::LIVE)
        };
        if !group(cloud, &back.name)
            .await
            .is_ok_and(|one| is_live(&one))
        {
            return Err(error.into());
        }
    }
    Ok(())
}

/// Says in tags that one group has gone out of office and another in, each on its own: one that fails keeps none of the
/// others back.
async fn said(
    way: &Way<'_>,
    from: Option<&Group>,
    to: &Group,
    mut unsaid: Unsaid,
    cloud: &impl Cloud,
) -> RolledBack {
    if let Some(from) = from {
        let now = way.clock.now();
        let out = tags(&[(tag::STATE, tag::KEPT), (tag::KEEP_UNTIL, &now.to_string())]);
        let out = cloud.tag_group(&from.name, &out).await;
        unsaid.note("tag the group that served", out);
        let until = drain_of(to).map(|drain| now + drain);
        let emptied = aside::empty(&from.name, until, cloud).await;
        unsaid.note("empty the group that served", emptied);
    }
    let settled = aside::settle(&to.name, cloud).await;
    unsaid.note("give it its minimum and its schedule back", settled);
    let off = cloud
        .untag_group(&to.name, &[tag::KEEP_UNTIL, tag::EXPIRES])
        .await;
    unsaid.note("tag the group that serves", off);
    // The last of all: while it is marked, the next rollback does the rest again.
    if unsaid.is_none() {
        let off = cloud.untag_group(&to.name, &[tag::BACK, tag::SIZE]).await;
        unsaid.note("tag the group that serves", off);
    }
    RolledBack::done(from.map(barred), to.name.clone(), unsaid)
}

/// Where the service stands, if no load balancer leads to it.
pub(super) async fn stand(way: &Way<'_>, cloud: &impl Cloud) -> Result<Option<Stand>, Error> {
    let targets = crate::undo::serving::target_groups_of(cloud, way.service).await?;
    if !targets.is_empty() {
        return Ok(None);
    }
    alone::stand(cloud, way.service, way.clock.now()).await
}

//! Putting production traffic back where it was before a roll.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::floor::{self, Floor};
use super::mend;
use super::roll::Moved;
use super::serving::{forwards, served};
use super::share::{naming, same_but_for, written};
use crate::cloud::{
    Action, Cloud, Error, Group, RulePlace, TargetGroupArn, TargetHealth, TargetState, Zone,
    longest_follow,
};

/// How long what served before may take to be whole again while what serves now is healthier: a machine that is replaced is
/// back in minutes. Then it goes back all the same, since the roll has failed.
const WHOLE: Duration = Duration::from_mins(2);
/// How long it may take until the health of what is in use again is known: the longest interval of a health check, and a little more.
const SEEN: Duration = Duration::from_secs(330);
/// Between two looks: targets change at the pace of their health checks, 5 s at the least.
const LOOK: Duration = Duration::from_secs(5);
/// How long records may take to be everywhere before nobody waits for that any more.
const SPREAD: Duration = Duration::from_mins(10);

/// Puts traffic back where it was: only from what the roll wrote, and only to targets of which some are healthy.
///
/// As many are asked for as there are, up to the number that serves now, for a while at least. Where what serves now is no
/// healthier, nothing is waited for. A rule that cannot be put back keeps none of the others where it is.
pub(super) async fn restore(cloud: &impl Cloud, moved: &[Moved]) -> Result<(), Error> {
    let (mut stays, mut named) = (Stays::default(), Vec::new());
    let mut rest: Vec<&Moved> = moved.iter().collect();
    for last in [false, true] {
        let away;
        (away, rest) = look(cloud, rest, &mut stays).await;
        let away: Vec<_> = away.into_iter().map(|(one, _)| one).collect();
        named.extend(when_seen(cloud, &away).await);
        let away = when_whole(cloud, away, &mut stays).await;
        put_back(cloud, away, &mut stays).await;
        // That nothing is to be put back is seen twice: the roll may have written a moment ago, and what is read be from
        // before.
        if last || rest.is_empty() {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    no_longer_named(cloud, named, &mut stays).await;
    let is_final = stays.why.as_ref().is_none_or(|why| !why.is_passing());
    if is_final {
        followed(cloud, moved).await;
    }
    stays.why.map_or(Ok(()), Err)
}

/// What served meanwhile goes next, and clients may still go by records that led to it: waits until every server answers what is written,
/// where anybody knows of that, and no answer from before may be kept any more.
async fn followed(cloud: &impl Cloud, moved: &[Moved]) {
    let follow = follows(moved);
    if follow.is_zero() {
        return;
    }
    let began = Instant::now();
    for one in moved {
        while began.elapsed() < SPREAD && matches!(cloud.is_spread(&one.place).await, Ok(false)) {
            tokio::time::sleep(LOOK).await;
        }
    }
    tokio::time::sleep(follow).await;
}

/// How long clients may go on to where some of the traffic was led, once it is back.
pub(super) fn follows(moved: &[Moved]) -> Duration {
    longest_follow(moved.iter().map(|one| &one.place))
}

/// A listener or a rule that names what served before for its health alone.
struct Named<'m> {
    place: &'m RulePlace,
    before: Vec<Action>,
    after: Vec<Action>,
}

/// Waits until the health of what served before is known, but not for ever: somebody may have taken it out of every rule. Gives what
/// names it for that. What cannot be looked at or named is told by whoever leads traffic back.
async fn when_seen<'m>(cloud: &impl Cloud, away: &[&'m Moved]) -> Vec<Named<'m>> {
    let (began, mut named) = (Instant::now(), Vec::new());
    loop {
        let mut is_open = false;
        for one in away {
            let unseen = is_unseen(cloud, one, &mut named).await;
            is_open |= unseen.unwrap_or_else(|error| error.is_passing());
        }
        if !is_open || began.elapsed() >= SEEN {
            return named;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether nobody knows the health of any target of what served before. It is put in use where it is not, if nobody else has written since.
async fn is_unseen<'m>(
    cloud: &impl Cloud,
    one: &'m Moved,
    named: &mut Vec<Named<'m>>,
) -> Result<bool, Error> {
    let Some(back) = back(&one.before) else {
        return Ok(false);
    };
    let mut there = cloud.target_health(back).await?;
    there.retain(|target| target.state != TargetState::Draining);
    let all = |states: &[TargetState]| there.iter().all(|one| states.contains(&one.state));
    if there.is_empty() || !all(&[TargetState::Unused, TargetState::Initial]) {
        return Ok(false);
    }
    // One that records lead to is named by a listener of its own load balancer.
    if all(&[TargetState::Unused]) && one.place.record().is_none() {
        let Some(before) = led_away(cloud, one).await? else {
            return Ok(false);
        };
        let after = naming(&before, back);
        if after != before {
            let place = &one.place;
            let shows = |there: Option<&[Action]>| there == Some(&after);
            let write = written(cloud, place, (&before, &after), shows).await;
            named.push(Named {
                place,
                before,
                after,
            });
            write?;
        }
    }
    Ok(true)
}

/// Takes out again what named it for its health where traffic has not gone back.
async fn no_longer_named(cloud: &impl Cloud, named: Vec<Named<'_>>, stays: &mut Stays) {
    for Named {
        place,
        before,
        after,
    } in named
    {
        let look = async || match cloud.actions_at(place).await? {
            Some(now) if now == after => {
                let shows = |there: Option<&[Action]>| there != Some(&after);
                written(cloud, place, (&after, &before), shows).await
            }
            _ => Ok(()),
        };
        stays.unless(look().await);
    }
}

/// The target group that served before, where it was one alone.
fn back(before: &[Action]) -> Option<&TargetGroupArn> {
    forwards(before).find_map(|forward| forward.only())
}

/// Waits until what served before is whole, but not for ever. Gives what may go back.
async fn when_whole<'m>(
    cloud: &impl Cloud,
    mut away: Vec<&'m Moved>,
    stays: &mut Stays,
) -> Vec<&'m Moved> {
    let began = Instant::now();
    while !away.is_empty() {
        let mut wait = false;
        let mut goes = Vec::new();
        for one in away {
            if let Some(short) = stays.unless(shortage(cloud, &one.place, &one.before).await) {
                wait |= short;
                goes.push(one);
            }
        }
        away = goes;
        if !wait || began.elapsed() >= WHOLE {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    away
}

/// Writes each that is still away: somebody may have written meanwhile.
async fn put_back(cloud: &impl Cloud, mut rest: Vec<&Moved>, stays: &mut Stays) {
    for last in [false, true] {
        let away;
        (away, rest) = look(cloud, rest, stays).await;
        for (one, now) in away {
            let (place, before) = (&one.place, &one.before);
            let shows = |there: Option<&[Action]>| there == Some(before);
            stays.unless(written(cloud, place, (&now, before), shows).await);
        }
        if last || rest.is_empty() {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Why something stays where it is: what may go by itself, so that it is tried again, before what a person must see to.
#[derive(Default)]
struct Stays {
    why: Option<Error>,
}

impl Stays {
    fn unless<T>(&mut self, answer: Result<T, Error>) -> Option<T> {
        let error = match answer {
            Ok(answer) => return Some(answer),
            Err(error) => error,
        };
        let comes_first = |why: &Error| error.is_passing() && !why.is_passing();
        // What is gone is not led anywhere.
        if !error.is_not_found() && self.why.as_ref().is_none_or(comes_first) {
            self.why = Some(error);
        }
        None
    }
}

/// What is to be put back, with what it does now, and what is not.
async fn look<'m>(
    cloud: &impl Cloud,
    moved: Vec<&'m Moved>,
    stays: &mut Stays,
) -> (Vec<(&'m Moved, Vec<Action>)>, Vec<&'m Moved>) {
    let (mut away, mut back) = (Vec::new(), Vec::new());
    for one in moved {
        match stays.unless(led_away(cloud, one).await) {
            Some(Some(now)) => away.push((one, now)),
            Some(None) => back.push(one),
            None => {}
        }
    }
    (away, back)
}

/// What there is to put back; nothing where it is back. Errors when somebody else has written.
async fn led_away(cloud: &impl Cloud, one: &Moved) -> Result<Option<Vec<Action>>, Error> {
    // It may have been put in use since.
    let is_same = |after: &[Action], now: &[Action]| match back(&one.before) {
        Some(back) => same_but_for(back, (after, now)),
        None => after == now,
    };
    match cloud.actions_at(&one.place).await? {
        None => Ok(None),
        Some(now) if now == one.before => Ok(None),
        Some(now) if one.after.iter().any(|after| is_same(after, &now)) => Ok(Some(now)),
        Some(_) => {
            let place = &one.place;
            let mend = mend::settle(place, &one.before);
            let text =
                format!("{place} does what neither the roll nor the one before it wrote; {mend}");
            Err(Error::blocked(place.written_by(), text))
        }
    }
}

/// Whether what served before is short of machines, and less healthy than what has come in. Errors when none of it is
/// healthy: then traffic stays.
async fn shortage(cloud: &impl Cloud, place: &RulePlace, before: &[Action]) -> Result<bool, Error> {
    let Some(back) = back(before) else {
        return Ok(false);
    };
    let there = cloud.target_health(back).await?;
    if healthy(&there) == 0 {
        let mut text = format!("no target of {back} is healthy: traffic stays");
        if let Some(mend) = mend::write(place, before) {
            text = format!("{text}; once one is: `{mend}`");
        }
        return Err(Error::blocked(place.written_by(), text));
    }
    let now = cloud.actions_at(place).await?.unwrap_or_default();
    let mut next = Vec::new();
    for target_group in served(&now).unwrap_or_default() {
        if target_group != *back {
            next.extend(cloud.target_health(&target_group).await?);
        }
    }
    if healthy(&there) >= healthy(&next) {
        return Ok(false);
    }
    let groups = cloud.groups().await?;
    let behind = |group: &&Group| group.target_groups.contains(back);
    let behind: Vec<&Group> = groups.iter().filter(behind).collect();
    let whole: u32 = behind.iter().map(|group| group.size.desired).sum();
    let zones = behind.iter().flat_map(|group| &group.zones).cloned();
    let zones: Vec<Zone> = zones.collect::<BTreeSet<_>>().into_iter().collect();
    let members = |group, health| floor::healthy(group, health);
    let serving: Vec<_> = groups.iter().flat_map(|one| members(one, &next)).collect();
    let standing: Vec<_> = behind.iter().flat_map(|one| members(one, &there)).collect();
    let floor = Floor::even(healthy(&next).min(whole), &zones).lowered_to(&serving);
    Ok(floor.lack(&standing).is_some())
}

/// How many targets are healthy.
fn healthy(targets: &[TargetHealth]) -> u32 {
    let healthy = targets
        .iter()
        .filter(|one| one.state == TargetState::Healthy);
    u32::try_from(healthy.count()).unwrap_or(u32::MAX)
}

//! The minimum of a group that has just taken over. It is held until the group's own low alarms have been OK once: while
//! they still go by the time without traffic, they would shrink what now has all of it.
//!
//! The hold is a lease in a tag of the group. The run that made it waits a little for the alarms; what is left then stands on
//! the due-list, and whoever works that off releases it once the alarms are OK, or its time is up.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::commit;
use super::error::Error;
use super::health;
use super::making::{Hold, group, note_min};
use super::rollback::Way;
use crate::cloud::{AlarmState, Alarms, Cloud, Group, GroupName, Tags, tag};
use crate::run::{Event, Events, Later, LaterLists, Ledger, Patience, Readiness, Run, RunId};
use crate::undo::floor;
use crate::undo::held::unheld;
use crate::undo::lease::{Lease, Leased, release};
use crate::undo::{Change, OfRoll, Undo};

/// How long a roll waits for the alarms. With traffic a metric that comes once a minute says so in two or three.
const WAIT: Duration = Duration::from_mins(3);
/// Between two looks: alarms are judged once a minute.
const LOOK: Duration = Duration::from_secs(15);
/// How long the minimum is held at the most: longer than the quarter of an hour that a low alarm of target tracking looks
/// back, and not so long that anybody pays for it over a night.
const HELD: SignedDuration = SignedDuration::from_hours(1);

/// Who holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holding<'a> {
    pub service: &'a str,
    pub run: RunId,
    /// Until when the tag is good, should nobody come back to it.
    pub until: Timestamp,
}

/// The low alarms of a group that do not say OK, in words; nothing when no alarm would shrink it.
async fn unsettled(cloud: &impl Alarms, name: &GroupName) -> Result<Option<String>, Error> {
    let low = cloud.low_alarms(name).await?;
    if low.is_empty() {
        return Ok(None);
    }
    // An alarm that is gone sets nothing off.
    let alarms = cloud.alarms(&low).await?.into_iter();
    let open = alarms.filter(|alarm| alarm.state != AlarmState::Ok);
    let open: Vec<String> = open
        .map(|alarm| match alarm.state {
            AlarmState::Alarm => format!("alarm {} is red", alarm.name),
            _ => format!("alarm {} has no data", alarm.name),
        })
        .collect();
    Ok((!open.is_empty()).then(|| open.join("; ")))
}

/// Notes, before a group gets traffic, that its minimum is to stay until its low alarms are OK. A group that no alarm
/// shrinks needs no such thing.
pub(super) async fn hold(
    name: &GroupName,
    by: Holding<'_>,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    if cloud.low_alarms(name).await?.is_empty() {
        return Ok(());
    }
    let there = group(cloud, name).await?;
    let min = there.size.desired.max(there.size.min);
    let hold = Hold {
        what: Leased::LowAlarm,
        run: by.run,
        until: by.until,
        before: unheld(&there).min,
        min,
    };
    note_min(of(name, by), hold, &there, cloud, made).await?;
    if there.size.min == min {
        return Ok(());
    }
    Ok(cloud.set_min(name, min).await?)
}

/// The same for a rollback. A minimum that is not held may be mended; a rollback that waits for it serves nobody.
pub(super) async fn hold_back(
    way: &Way<'_>,
    to: &Group,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) {
    let by = Holding {
        service: way.service,
        run: way.run,
        until: until(way.clock.now()),
    };
    let name = &to.name;
    if let Err(error) = hold(name, by, cloud, made).await {
        let text =
            format!("the minimum of group {name} is not held until its low alarm is OK: {error}");
        way.events.emit(Event::Warning { text });
    }
}

fn of(name: &GroupName, by: Holding<'_>) -> Undo {
    Undo::Roll(OfRoll {
        service: by.service.to_owned(),
        run: by.run,
        next: name.clone(),
        change: Change::Lease {
            group: name.clone(),
            what: Leased::LowAlarm,
        },
    })
}

/// Waits a little for the low alarms of a group that has taken over. Releases its minimum when they are OK, and puts that on
/// the due-list when they are not.
pub(super) async fn settle<S: LaterLists<Undo>>(
    name: &GroupName,
    by: Holding<'_>,
    (cloud, store): (&impl Cloud, &S),
    run: &mut Run<'_, Undo>,
) -> Result<(), Error> {
    let there = group(cloud, name).await?;
    let Some(lease) = Lease::of(&there, Leased::LowAlarm) else {
        return Ok(());
    };
    let well = found(&there, cloud).await.map(|(well, _)| well);
    // Beyond the limit, so that not the wait's own end but the last look decides.
    let patience = Patience::new(2 * WAIT, LOOK, LOOK);
    let began = tokio::time::Instant::now();
    let wait = run.wait("low alarms", &patience, async || {
        match unsettled(cloud, name).await {
            Ok(Some(open)) if began.elapsed() < WAIT => Ok(Readiness::NotYet(open)),
            Err(Error::Cloud(error)) if error.is_passing() && began.elapsed() < WAIT => {
                Ok(Readiness::NotYet(error.to_string()))
            }
            Ok(open) => Ok(Readiness::Ready(open)),
            Err(error) => Err(error),
        }
    });
    // One who stops a roll that has gone through stops this wait.
    let open = wait
        .await
        .unwrap_or_else(|failure| Some(failure.to_string()));
    if began.elapsed() >= LOOK {
        tell_of_loss(name, by.service, well, cloud, run.events()).await;
    }
    let Some(open) = open else {
        return Ok(release(cloud, name, Leased::LowAlarm, None).await?);
    };
    let until = by.until;
    let text = format!("the minimum of group {name} is held until {until} at the most: {open}");
    run.events().emit(Event::Note { text });
    note(name, by, &lease, (cloud, store)).await
}

/// How many machines of a group are healthy, with what is missing of as many as it wants; `None` where nobody can tell.
async fn found(there: &Group, cloud: &impl Cloud) -> Option<(usize, Option<String>)> {
    let target_group = there.target_groups.first()?;
    let targets = cloud.target_health(target_group).await.ok()?;
    let well = floor::healthy(there, &targets).len();
    Some((well, health::lost(there, &targets)))
}

/// Says what has died while nothing but an alarm was waited for: `well` were healthy before. The roll's checks had passed, and it is
/// done all the same.
async fn tell_of_loss(
    name: &GroupName,
    service: &str,
    well: Option<usize>,
    cloud: &impl Cloud,
    events: &dyn Events,
) {
    let Ok(there) = group(cloud, name).await else {
        return;
    };
    if let Some((now, Some(lost))) = found(&there, cloud).await
        && well.is_some_and(|well| now < well)
    {
        let text = format!(
            "group {name} has lost machines since its checks passed: {lost}; `kiln rollback {service}` leads back"
        );
        events.emit(Event::Warning { text });
    }
}

/// The end of a hold that begins now.
pub(super) fn until(now: Timestamp) -> Timestamp {
    now + HELD
}

/// Puts a hold on the due-list that a run which died could not put there.
async fn keep<S: LaterLists<Undo>>(
    group: &Group,
    service: &str,
    lease: &Lease,
    now: Timestamp,
    (cloud, store): (&impl Cloud, &S),
) -> Result<(), Error> {
    let by = Holding {
        service,
        run: lease.run,
        until: lease.until.min(until(now)),
    };
    let undo = of(&group.name, by);
    let listed = store.read(service).map_err(Error::Later)?;
    if listed.iter().any(|later| later.undo == undo) {
        return Ok(());
    }
    note(&group.name, by, lease, (cloud, store)).await
}

/// Says in the tag and on the due-list until when a minimum is held.
async fn note<S: LaterLists<Undo>>(
    name: &GroupName,
    by: Holding<'_>,
    lease: &Lease,
    (cloud, store): (&impl Cloud, &S),
) -> Result<(), Error> {
    let due = Later {
        run: by.run,
        undo: of(name, by),
        at: by.until,
        why: "held until its low alarm has been OK".to_owned(),
    };
    commit::list(store, by.service, due)?;
    let lease = Lease {
        until: by.until,
        ..lease.clone()
    };
    let tags = Tags::from([(Leased::LowAlarm.tag().to_owned(), lease.to_string())]);
    Ok(cloud.tag_group(name, &tags).await?)
}

/// Releases the minimum of the service's group that serves when its low alarms are OK or the time is up. Says of how many.
pub(super) async fn release_due<S: LaterLists<Undo>>(
    service: &str,
    now: Timestamp,
    groups: &[Group],
    (cloud, store): (&impl Cloud, &S),
    events: &dyn Events,
) -> Result<usize, Error> {
    let mut released = 0;
    let mut held = Vec::new();
    for one in groups
        .iter()
        .filter(|one| one.tag(tag::SERVICE) == Some(service))
    {
        let Some(lease) = Lease::of(one, Leased::LowAlarm) else {
            continue;
        };
        // What is kept is held for another reason, and a next group is its own run's.
        let serves = one.tag(tag::STATE) == Some(tag::LIVE);
        // Alarms that cannot be asked keep no roll off: the time of the lease ends it all the same.
        let settled = async || matches!(unsettled(cloud, &one.name).await, Ok(None));
        let over = serves && (lease.until <= now || settled().await);
        if !over {
            held.push(one.name.clone());
            if serves {
                keep(one, service, &lease, now, (cloud, store)).await?;
            }
            continue;
        }
        release(cloud, &one.name, Leased::LowAlarm, None).await?;
        let what = format!("{} of group {}", Leased::LowAlarm, one.name);
        events.emit(Event::Undone { what });
        released += 1;
    }
    commit::unlist(store, service, |undo| match undo {
        Undo::Roll(OfRoll {
            change:
                Change::Lease {
                    group,
                    what: Leased::LowAlarm,
                },
            ..
        }) => !held.contains(group),
        _ => false,
    })?;
    Ok(released)
}

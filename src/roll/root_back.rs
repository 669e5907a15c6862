//! The way back of a machine that got another root (`replace_root`): the old one comes back, as long as it is kept.
//!
//! A roll that has gone through is made an unfinished one again by its tags, and then taken back as one that failed is. A
//! rollback that died is gone on with by the next, by a roll, or by `kiln doctor`.

use std::time::Duration;

use jiff::Timestamp;

use super::drift::AsRolled;
use super::error::Error;
use super::making::{group, note_lease};
use super::plan::reroot::MEANWHILE;
use super::rollback::{RolledBack, Way, bar, tags, verdict};
use super::takeback::{rerooting, take_back};
use super::unsaid::Unsaid;
use super::verdict::Verdict;
use crate::cloud::{Cloud, Filter, Group, GroupName, ImageId, Rooted, VolumeId, tag};
use crate::run::{self, Event, Ledger, RunId, with_causes};
use crate::undo::lease::{Lease, Leased, lasting};
use crate::undo::root::{Rerooted, Rerooting, rerooted};
use crate::undo::{Change, OfRoll, Undo, Unwinder};

/// What is read shows within so many looks.
const SHOWS: u32 = 12;
const PAUSE: Duration = Duration::from_secs(5);
/// How long a lease of the way back is good; far longer than it takes.
const HELD: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// Brings the old root of the group's machine back; `None` where the last roll replaced none.
pub(super) async fn rollback<C: Cloud>(
    live: &Group,
    way: &Way<'_>,
    cloud: &C,
) -> Option<RolledBack> {
    let done = rerooted(live);
    let image = || live.image(tag::IMAGE);
    let of = match (Rerooting::of(live), &done) {
        (Some(of), _) => of,
        (None, Some(done)) => done.unfinished(image().unwrap_or_else(|| ImageId::new("-"))),
        (None, None) => return None,
    };
    let done = done.filter(|done| done.run == of.run);
    if let Some(done) = &done {
        let against = against(done, way.force.is_some(), cloud).await;
        if let Some(reason) = against.unwrap_or_else(|error| Some(error.to_string())) {
            return Some(RolledBack::not(Verdict::Failed, reason));
        }
    }
    let mut unsaid = Unsaid::default();
    let bad = Some(of.image.clone()).filter(|image| image.as_str() != "-");
    bar(way, (&live.name, bad.clone()), cloud, &mut unsaid).await;
    let unwinder = Unwinder::new(cloud);
    let outcome = run::run(&unwinder, way.setup(), async |run| {
        if done.is_some() {
            let reopen = async |made: &mut _| reopen(way, live, &of, cloud, made).await;
            run.step("note the way back", reopen).await?;
        }
        let back = async |made: &mut _| {
            let there = reopened(&live.name, of.run, cloud).await?;
            let dead = rerooting(way.service, &there, of.run);
            take_back(&dead, cloud, &unwinder, made).await
        };
        run.step("bring the old root back", back).await?;
        let look = async |_: &mut _| is_on(&of, cloud).await;
        run.step("look at the machine", look).await
    });
    let outcome = outcome.await;
    let mut back = match &outcome.result {
        Ok(()) => {
            let (instance, root) = (&of.instance, &of.root);
            let text = format!("{instance} runs from {root} again");
            way.events.emit(Event::Note { text });
            RolledBack::done(Some((&live.name, bad.clone())), live.name.clone(), unsaid)
        }
        Err(failure) => {
            let verdict = match verdict(failure) {
                Verdict::Stopped => Verdict::Stopped,
                _ => Verdict::Traffic,
            };
            RolledBack::not(verdict, with_causes(failure))
        }
    };
    back.image = bad;
    Some(back.but(&outcome.left))
}

/// Why the old root cannot come back. By force it comes back over a root that is not of the roll.
async fn against(
    done: &Rerooted,
    by_force: bool,
    cloud: &impl Cloud,
) -> Result<Option<String>, Error> {
    let (instance, old) = (&done.instance, &done.root);
    let rooted = match cloud.rooted(instance).await {
        Err(error) if !error.is_not_found() => return Err(error.into()),
        rooted => rooted.ok().filter(|one| !one.state.is_ending()),
    };
    let Some(rooted) = rooted else {
        let text = format!("{instance} is gone, and its old root is of no use to another machine");
        return Ok(Some(text));
    };
    if cloud.find_volumes(&[only(old)]).await?.is_empty() {
        let text = format!("the old root {old} is gone: roll the last good image");
        return Ok(Some(text));
    }
    let Some(root) = rooted.root().map(|root| &root.volume) else {
        return Ok(None);
    };
    let ours = [only(root), Filter::tag(tag::RUN, done.run.to_string())];
    if by_force || root == old || !cloud.find_volumes(&ours).await?.is_empty() {
        return Ok(None);
    }
    Ok(Some(format!(
        "{instance} runs from {root}, which is not of the last roll, and would lose what is on it"
    )))
}

/// The group once its tags say what is to be taken back: what is read may be of before.
async fn reopened(name: &GroupName, run: RunId, cloud: &impl Cloud) -> Result<Group, Error> {
    for _ in 0..SHOWS {
        let there = group(cloud, name).await?;
        if Rerooting::of(&there).is_some_and(|of| of.run == run) {
            return Ok(there);
        }
        tokio::time::sleep(PAUSE).await;
    }
    let text = format!("the tags of group {name} do not say what is to be taken back");
    Err(Error::Changed(text))
}

/// Errors where the machine does not run from its old root. One that is gone has left nothing to go back to.
async fn is_on(of: &Rerooting, cloud: &impl Cloud) -> Result<(), Error> {
    let (instance, old) = (&of.instance, &of.root);
    for _ in 0..SHOWS {
        let rooted = match cloud.rooted(instance).await {
            Err(error) if !error.is_not_found() => return Err(error.into()),
            rooted => rooted.ok().filter(|one| !one.state.is_ending()),
        };
        let root = rooted.as_ref().map(Rooted::root);
        if root.is_none_or(|root| root.is_some_and(|root| root.volume == *old)) {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    let text = format!("{instance} does not run from {old}");
    Err(Error::Root(text))
}

fn only(volume: &VolumeId) -> Filter {
    Filter {
        name: "volume-id".to_owned(),
        values: vec![volume.to_string()],
    }
}

/// Makes the roll an unfinished one. With its leases on, whoever comes next takes it back.
async fn reopen(
    way: &Way<'_>,
    live: &Group,
    of: &Rerooting,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let now: Timestamp = way.clock.now();
    let there = group(cloud, &live.name).await?;
    let ours = MEANWHILE.iter().map(|name| (*name).to_owned());
    let for_good = lasting(&there);
    let ours: std::collections::BTreeSet<String> =
        ours.filter(|name| !for_good.contains(name)).collect();
    let held = [
        (Leased::Processes, ours.iter().cloned().collect()),
        (Leased::Root, of.words()),
    ];
    for (what, before) in held {
        let lease = Lease {
            run: of.run,
            until: now + HELD,
            before,
        };
        let undo = lease_of(way, &there, of.run, what);
        note_lease(undo, &lease, &there, what, cloud, made).await?;
        if what == Leased::Processes && !ours.is_empty() {
            cloud.suspend(&there.name, &ours).await?;
        }
    }
    // Before the note that the roll has gone through goes: behind it nobody would put this right.
    if let Some(rolled) = AsRolled::of(&there) {
        let version = of.before.0;
        let rolled = AsRolled { version, ..rolled };
        let rolled = tags(&[(tag::AS_ROLLED, &rolled.to_string())]);
        cloud.tag_group(&there.name, &rolled).await?;
    }
    Ok(cloud.untag_group(&live.name, &[tag::REROOTED]).await?)
}

fn lease_of(way: &Way<'_>, group: &Group, run: RunId, what: Leased) -> Undo {
    Undo::Roll(OfRoll {
        service: way.service.to_owned(),
        run,
        next: group.name.clone(),
        change: Change::Lease {
            group: group.name.clone(),
            what,
        },
    })
}

//! The way back of a machine that got another root (`replace_root`): the old one comes back, as long as it is kept.
//!
//! A roll that has gone through is made an unfinished one again by its tags, and then taken back as one that failed is. A
//! rollback that died is gone on with by the next, by a roll, or by `kiln doctor`.

use jiff::Timestamp;

use super::drift::AsRolled;
use super::error::Error;
use super::making::{group, note_lease};
use super::plan::reroot::MEANWHILE;
use super::rollback::{RolledBack, Way, bar, tags, verdict};
use super::takeback::{rerooting, take_back};
use super::unsaid::Unsaid;
use super::verdict::Verdict;
use crate::cloud::{Cloud, Group, ImageId, StartsFrom, VersionRef, tag};
use crate::run::{self, Event, Ledger, RunId, with_causes};
use crate::undo::lease::{Lease, Leased, lasting};
use crate::undo::root::{Rerooted, Rerooting, rerooted};
use crate::undo::{Change, OfRoll, Undo, Unwinder};

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
    if let Some(done) = &done
        && let Some(reason) = against(done, cloud).await
    {
        return Some(RolledBack::not(Verdict::Failed, reason));
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
            let there = group(cloud, &live.name).await?;
            let dead = rerooting(way.service, &there, of.run);
            take_back(&dead, cloud, &unwinder, made).await
        };
        run.step("bring the old root back", back).await
    });
    let outcome = outcome.await;
    let mut back = match &outcome.result {
        Ok(()) => {
            let (instance, root) = (&of.instance, &of.root);
            let text = format!("{instance} runs from {root} again");
            way.events.emit(Event::Note { text });
            say(live, &of, cloud, &mut unsaid).await;
            RolledBack::done(live, live.name.clone(), unsaid)
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

/// Why the old root cannot come back.
async fn against(done: &Rerooted, cloud: &impl Cloud) -> Option<String> {
    let (instance, root) = (&done.instance, &done.root);
    match cloud.rooted(instance).await {
        Ok(rooted) if rooted.state.is_ending() => {
            return Some(format!(
                "{instance} is gone, and its old root is of no use to another machine"
            ));
        }
        Ok(_) => {}
        Err(error) => return Some(format!("{instance}: {error}")),
    }
    let only = crate::cloud::Filter {
        name: "volume-id".to_owned(),
        values: vec![root.to_string()],
    };
    match cloud.find_volumes(&[only]).await {
        Ok(found) if found.is_empty() => Some(format!(
            "the old root {root} is gone: roll the last good image"
        )),
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
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

/// Says in tags what the machine runs again.
async fn say(live: &Group, of: &Rerooting, cloud: &impl Cloud, unsaid: &mut Unsaid) {
    let image = async {
        let there = group(cloud, &live.name).await?;
        let now = AsRolled::now(&there);
        let StartsFrom::Template { id, .. } = &there.starts_from else {
            return Ok((now, None));
        };
        let before = VersionRef::Number(of.before);
        let found = cloud.template_version(id, before).await?;
        Ok::<_, Error>((now, found.and_then(|found| found.image)))
    };
    let (now, image) = match image.await {
        Ok(found) => found,
        Err(error) => return unsaid.note("look at the group", Err::<(), _>(error)),
    };
    let mut said = tags(&[(tag::STATE, tag::LIVE)]);
    said.extend(image.map(|image| (tag::IMAGE.to_owned(), image)));
    said.extend(now.map(|now| (tag::AS_ROLLED.to_owned(), now.to_string())));
    unsaid.note(
        "tag the group",
        cloud.tag_group(&live.name, &said).await,
    );
}

//! The way back: one listener write a rule to the group that is kept whole, checked first and read back. A kept group that what
//! serves has outgrown catches up before.
//!
//! It needs the service's name, region and credentials and nothing else: tags find the target groups, the listener says
//! what is live, and a kept group's health is known because a rule keeps it in use.

use std::fmt::Display;
use std::time::Duration;

use jiff::SignedDuration;

use super::calm;
use super::error::Error;
use super::led_back::lead_back;
use super::making::group;
use super::mark::{self, Mark};
use super::regrow::{healthy, regrow};
pub use super::rolled_back::RolledBack;
use super::status::{Stand, Standing, is_retiring, stand};
use super::strategy::records;
use super::unsaid::Unsaid;
use super::{Verdict, give_back, hold, refresh_back, replace_back};
use crate::cloud::{Cloud, Group, GroupName, ImageId, Tags, longest_follow, tag};
use crate::run::{
    self, Clock, Event, Events, Failure, Journal, Run, RunId, Setup, Stop, with_causes,
};
use crate::undo::lease::{self, Leased};
use crate::undo::{Undo, Unwinder, tested};

/// What a rollback needs beside the cloud.
pub struct Way<'a> {
    pub service: &'a str,
    pub run: RunId,
    pub clock: &'a dyn Clock,
    pub events: &'a dyn Events,
    pub journal: &'a dyn Journal<Undo>,
    /// Heard until traffic is written.
    pub stop: Stop,
    /// Why it is done whatever the kept group is: for the night when waiting is worse.
    pub force: Option<&'a str>,
}

impl Way<'_> {
    /// What its flow is run with.
    pub(super) fn setup(&self) -> Setup<'_, Undo> {
        Setup {
            journal: self.journal,
            events: self.events,
            stop: self.stop.clone(),
        }
    }
}

/// What a load balancer takes at the most to follow its listener.
const FOLLOWS: SignedDuration = SignedDuration::from_secs(15);

/// Goes back. The caller holds the service's lease, where it has a store.
///
/// A kept group that is smaller than what serves grows first, unless forced.
pub async fn rollback(way: &Way<'_>, cloud: &impl Cloud) -> RolledBack {
    match replace_back::stand(way, cloud).await {
        Ok(None) => {}
        Ok(Some(alone)) => return Box::pin(replace_back::rollback(way, &alone, cloud)).await,
        Err(error) => return RolledBack::not(Verdict::Failed, error.to_string()),
    }
    let stand = match stand(cloud, way.service, way.clock.now()).await {
        Ok(stand) => stand,
        Err(error) => return RolledBack::not(Verdict::Failed, error.to_string()),
    };
    if let Some(back) = finished(&stand, way, cloud).await {
        return back;
    }
    if let (Some((live, of)), false) = (give_back::of(stand.live.as_ref()), stand.is_shared) {
        return give_back::give_back(&live.group, &of, way, cloud).await;
    }
    if let (Some((live, rolled)), false) = (refresh_back::of(stand.live.as_ref()), stand.is_shared)
    {
        return refresh_back::refresh_back(
            &live.group,
            (&rolled, stand.hold.as_deref()),
            way,
            cloud,
        )
        .await;
    }
    if let Some(refused) = refused(&stand, way) {
        return refused;
    }
    if let (Some(live), true) = (&stand.live, stand.is_shared) {
        let canary = stand.canary.as_ref().map(|(canary, _)| canary);
        return end_canary(way, &stand, live, canary, cloud).await;
    }
    let unwinder = Unwinder::new(cloud);
    let outcome = run::run(&unwinder, way.setup(), async |run| {
        let stand = match way.force {
            Some(_) => stand.clone(),
            None => regrow(stand.clone(), way, cloud, run).await?,
        };
        go(&stand, way, cloud, run).await
    });
    let outcome = outcome.await;
    let back = match outcome.result {
        Ok(back) => back,
        Err(failure) => RolledBack::not(verdict(&failure), with_causes(&failure)),
    };
    back.but(&outcome.left)
}

/// Does what a rollback left that died behind its write, and nothing else.
pub(super) async fn finish(way: &Way<'_>, cloud: &impl Cloud) -> RolledBack {
    if let Ok(Some(alone)) = replace_back::stand(way, cloud).await
        && let Some(back) = replace_back::finished(way, &alone, cloud).await
    {
        return back;
    }
    match stand(cloud, way.service, way.clock.now()).await {
        Err(error) => RolledBack::not(Verdict::Failed, error.to_string()),
        // The rest of its rules is led back too.
        Ok(stand) if stand.is_half_back => Box::pin(rollback(way, cloud)).await,
        Ok(stand) => match finished(&stand, way, cloud).await {
            Some(back) => back,
            None => RolledBack::not(Verdict::Failed, "nothing tells what it came from"),
        },
    }
}

/// What a rollback before left, done; `None` where none led traffic to what serves.
async fn finished(stand: &Stand, way: &Way<'_>, cloud: &impl Cloud) -> Option<RolledBack> {
    let live = stand.live.as_ref().filter(|_| stand.is_back())?;
    let text = "traffic is back already: what a rollback before left is finished".to_owned();
    way.events.emit(Event::Note { text });
    if let Some(back) = &stand.back {
        return Some(said(way, stand, (back, live), cloud).await);
    }
    // The group that served before is gone; the mark has its image.
    let (mut unsaid, name) = (Unsaid::default(), &live.group.name);
    let image = Mark::of(&live.group).and_then(|mark| mark.image);
    bar(way, (name, image.clone()), cloud, &mut unsaid).await;
    if unsaid.is_none() {
        let marks = cloud.untag_group(name, &[tag::BACK]).await;
        unsaid.note("tag the group that serves", marks);
    }
    Some(RolledBack::done(Some((name, image)), name.clone(), unsaid))
}

/// What stands against it.
fn refused(stand: &Stand, way: &Way<'_>) -> Option<RolledBack> {
    let canary = stand.canary.as_ref().map(|(canary, _)| canary);
    let to = if stand.is_shared {
        &stand.live
    } else {
        &stand.back
    };
    let Some((live, to)) = stand.live.as_ref().zip(to.as_ref()) else {
        let text = nowhere(way.service, stand.live.as_ref().map(|live| &live.group));
        return Some(RolledBack::not(Verdict::Failed, text));
    };
    let against = match way.force {
        None => stand.not_ready(),
        Some(_) => dead(canary.unwrap_or(live), to).into_iter().collect(),
    };
    (!against.is_empty()).then(|| RolledBack {
        reasons: against,
        ..RolledBack::not(Verdict::Failed, "")
    })
}

/// That there is no group to go back to, and what serves what served before again.
pub(super) fn nowhere(service: &str, live: Option<&Group>) -> String {
    let image = live.and_then(|live| live.tag(tag::PREVIOUS_IMAGE));
    let then = match image {
        None => "roll the last good image".to_owned(),
        Some(image) => format!(
            "`kiln roll {service}.json --image {image}` rolls the one that served before (`--plan` shows how); \
             `kiln hold {service}` behind it keeps newer ones off"
        ),
    };
    format!("{service} has no group to go back to: {then}")
}

/// What force does not change: there is nobody to lead traffic to.
fn dead(live: &Standing, back: &Standing) -> Option<String> {
    let name = &back.group.name;
    if is_retiring(back) {
        return Some(format!("group {name} is being retired"));
    }
    let worse = healthy(back).is_empty() && !healthy(live).is_empty();
    worse.then(|| format!("no machine of group {name} is healthy, and some that serve are"))
}

pub(super) fn verdict(failure: &Failure) -> Verdict {
    match failure.error::<Error>().and_then(verdict_of) {
        Some(verdict) => verdict,
        None if failure.is_stop() => Verdict::Stopped,
        None => Verdict::Failed,
    }
}

/// What an error says of traffic; nothing where it is as it was.
pub(super) fn verdict_of(error: &Error) -> Option<Verdict> {
    let moved = matches!(
        error,
        Error::TrafficChanged { .. }
            | Error::TrafficUnknown { .. }
            | Error::HalfBack { .. }
            | Error::HalfReplaced { .. }
    );
    moved.then_some(Verdict::Traffic)
}

/// Errors when the kept group is about to go. Asked behind the mark, which whoever retires a group looks for behind theirs.
async fn stays(name: &GroupName, cloud: &impl Cloud) -> Result<(), Error> {
    let there = group(cloud, name).await?;
    if there.deleting || there.tag(tag::STATE) == Some(tag::RETIRING) {
        return Err(Error::Changed(format!("group {name} is being retired")));
    }
    Ok(())
}

/// Writes, and says so in tags.
async fn go<C: Cloud>(
    stand: &Stand,
    way: &Way<'_>,
    cloud: &C,
    run: &mut Run<'_, Undo>,
) -> Result<RolledBack, Failure> {
    let Some((live, back)) = stand.live.as_ref().zip(stand.back.as_ref()) else {
        let gone = Error::Changed("the kept group is gone".to_owned());
        return Err(Failure::new("swap back", gone));
    };
    let name = &back.group.name;
    let swap = async |made: &mut _| {
        calm::hold_back(way, &back.group, cloud, made).await;
        // What finds it after a death finishes it. Without it all but that is as good.
        let mark = mark::text(way.run, way.clock.now(), &live.group);
        let mark = tags(&[(tag::BACK, &mark)]);
        if let Err(error) = cloud.tag_group(name, &mark).await {
            if stand.production.len() > 1 {
                // Nothing else tells that a rollback has died between two rules.
                return Err(error.into());
            }
            let text = format!("group {name} cannot be marked: {error}");
            way.events.emit(Event::Warning { text });
        }
        let swapped = swap_back(stand, back, cloud).await;
        let written = swapped.as_ref().err().and_then(verdict_of);
        if swapped.is_err() && written.is_none() && !stand.is_half_back {
            // Whoever leads traffic there by hand is no rollback. Where this fails, it runs out.
            drop(cloud.untag_group(name, &[tag::BACK]).await);
        }
        swapped
    };
    run.step("swap back", swap).await?;
    run.commit()?;
    let text = format!("{} is served by {} again", way.service, back.group.name);
    tell(way, stand, text);
    Ok(said(way, stand, (live, back), cloud).await)
}

/// Leads all of the traffic to a kept group, if that is there to stay and the listener is as it was.
async fn swap_back(stand: &Stand, back: &Standing, cloud: &impl Cloud) -> Result<(), Error> {
    stays(&back.group.name, cloud).await?;
    lead_back(stand, &back.target_group, cloud).await
}

/// How long clients may go where traffic was led before.
fn follow(stand: &Stand) -> Duration {
    longest_follow(stand.production.iter().map(|one| &one.place))
}

/// Says where traffic goes, and when all of it does.
fn tell(way: &Way<'_>, stand: &Stand, text: String) {
    way.events.emit(Event::Note { text });
    records::tell(follow(stand), way.events);
}

/// Leads all of the traffic to what had it before a canary that died. Its group is left to the next roll, which takes it
/// back. The image is barred first: with the traffic gone nothing would tell any more that it is to be.
async fn end_canary(
    way: &Way<'_>,
    stand: &Stand,
    live: &Standing,
    canary: Option<&Standing>,
    cloud: &impl Cloud,
) -> RolledBack {
    let mut unsaid = Unsaid::default();
    if let Some(canary) = canary {
        bar(way, barred(&canary.group), cloud, &mut unsaid).await;
    }
    way.events.emit(Event::Started { step: "swap back" });
    if let Err(error) = lead_back(stand, &live.target_group, cloud).await {
        let failure = Failure::new("swap back", error);
        return RolledBack::not(verdict(&failure), with_causes(&failure)).without(unsaid);
    }
    let to = live.group.name.clone();
    let text = format!("{} is served by {to} alone again", way.service);
    tell(way, stand, text);
    if let Some(next) = &stand.next {
        let text =
            format!("group {next} stays until the hold is taken off and a roll takes it back");
        unsaid.extend(vec![text]);
    }
    RolledBack::done(canary.map(|canary| barred(&canary.group)), to, unsaid)
}

/// Says in tags that traffic has gone from one group to another, each on its own: one that fails keeps none of the others
/// back.
async fn said(
    way: &Way<'_>,
    stand: &Stand,
    (from, to): (&Standing, &Standing),
    cloud: &impl Cloud,
) -> RolledBack {
    let (from, to) = (&from.group, &to.group.name);
    let mut unsaid = Unsaid::default();
    bar(way, barred(from), cloud, &mut unsaid).await;
    let is_barred = unsaid.is_none();
    // The nodes of the load balancer follow within seconds, clients that go by records in minutes: until then it has requests.
    let until = (way.clock.now() + FOLLOWS + follow(stand)).to_string();
    let out = tags(&[(tag::STATE, tag::KEPT), (tag::KEEP_UNTIL, &until)]);
    let out = cloud.tag_group(&from.name, &out).await;
    unsaid.note("tag the group that served", out);
    for what in [Leased::GrownMin, Leased::MinSize] {
        let release = lease::release(cloud, to, what, None).await;
        unsaid.note("release its minimum", release);
    }
    for rule in &stand.watch {
        unsaid.note("delete the watch rule", cloud.delete_rule(rule).await);
    }
    for (what, lease) in lease::run_out(from, way.clock.now()) {
        let release = lease::release(cloud, &from.name, what, Some(lease.run)).await;
        unsaid.note("restore what has run out", release);
    }
    for rule in &stand.probes {
        unsaid.note("delete a probe rule", cloud.delete_rule(rule).await);
    }
    for (lease, tested) in &stand.tested {
        let back = tested::give_back(cloud, tested, lease.run, async || Ok(false)).await;
        unsaid.note("lead the test listener back", back);
    }
    let live = tags(&[(tag::STATE, tag::LIVE)]);
    let live = cloud.tag_group(to, &live).await;
    unsaid.note("tag the group that serves", live);
    // The last of all: while it is marked, the next rollback does the rest again, and nothing is rolled.
    let marks = [tag::KEEP_UNTIL, tag::EXPIRES, tag::BACK];
    let marks = if is_barred { &marks[..] } else { &marks[..2] };
    let marks = cloud.untag_group(to, marks).await;
    unsaid.note("tag the group that serves", marks);
    RolledBack::done(Some(barred(from)), to.clone(), unsaid)
}

/// Bars the image that served, and any other until the hold is taken off.
pub(super) async fn bar(
    way: &Way<'_>,
    (from, image): (&impl Display, Option<ImageId>),
    cloud: &impl Cloud,
    unsaid: &mut Unsaid,
) {
    let now = way.clock.now();
    let mut why = format!("{now} rolled back from {from}");
    if let Some(reason) = way.force {
        why = format!("{why} by force: {reason}");
    }
    unsaid.note(
        "set a hold",
        hold::set(cloud, way.service, &why, None).await,
    );
    if let Some(image) = image {
        let value = format!("{now} run {}: rolled back", way.run);
        let tag = tags(&[(&tag::quarantine(way.service), &value)]);
        let put = cloud.put_tags(&[image.to_string()], &tag).await;
        unsaid.note("quarantine the image", put);
    }
}

/// A group whose image is to be barred.
pub(super) fn barred(group: &Group) -> (&GroupName, Option<ImageId>) {
    (&group.name, group.image(tag::IMAGE))
}

pub(super) fn tags(pairs: &[(&str, &str)]) -> Tags {
    let pairs = pairs.iter();
    let pairs = pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    pairs.collect()
}

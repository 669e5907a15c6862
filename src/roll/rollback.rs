//! The way back: one listener write to the group that is kept whole, checked first and read back. A kept group that what
//! serves has outgrown catches up before.
//!
//! It needs the service's name, region and credentials and nothing else: tags find the target groups, the listener says
//! what is live, and a kept group's health is known because a rule keeps it in use.

use serde::Serialize;

use super::error::Error;
use super::plan::led_to;
use super::regrow::{healthy, regrow};
use super::status::{Stand, Standing, is_retiring, stand};
use super::swap::write;
use super::{Verdict, hold};
use crate::cloud::{Cloud, Group, GroupName, ImageId, Tags, tag};
use crate::run::{
    self, Clock, Event, Events, Failure, Journal, Run, RunId, Setup, Stop, with_causes,
};
use crate::undo::lease::{self, Leased};
use crate::undo::{Undo, Unwinder};

/// How a rollback ended.
#[derive(Debug, Serialize)]
#[must_use]
pub struct RolledBack {
    pub verdict: Verdict,
    /// The group that serves again.
    pub live: Option<GroupName>,
    /// The group that served before, now due for retirement.
    pub from: Option<GroupName>,
    /// Its image, which is quarantined for this service.
    pub image: Option<ImageId>,
    /// Why not, or what is left to do.
    pub reasons: Vec<String>,
}

impl RolledBack {
    fn not(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self {
            verdict,
            live: None,
            from: None,
            image: None,
            reasons: vec![reason.into()],
        }
    }
}

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

/// Goes back. The caller holds the service's lease, where it has a store.
///
/// A kept group that is smaller than what serves grows first, unless forced.
pub async fn rollback(way: &Way<'_>, cloud: &impl Cloud) -> RolledBack {
    let stand = match stand(cloud, way.service).await {
        Ok(stand) => stand,
        Err(error) => return RolledBack::not(Verdict::Failed, error.to_string()),
    };
    if let (true, Some((live, back))) = (
        stand.is_back(),
        stand.live.as_ref().zip(stand.back.as_ref()),
    ) {
        let text = "traffic is back already: what a rollback before left is finished".to_owned();
        way.events.emit(Event::Note { text });
        return said(way, &stand, (back, live), cloud).await;
    }
    if let Some(refused) = refused(&stand, way) {
        return refused;
    }
    let setup = Setup {
        journal: way.journal,
        events: way.events,
        stop: way.stop.clone(),
    };
    let unwinder = Unwinder::new(cloud);
    let outcome = run::run(&unwinder, setup, async |run| {
        let stand = match way.force {
            Some(_) => stand.clone(),
            None => regrow(stand.clone(), way, cloud, run).await?,
        };
        go(&stand, way, cloud, run).await
    });
    let outcome = outcome.await;
    let left = outcome.left.iter();
    let left = left.map(|left| format!("{}: {}", left.undo, left.reason));
    let mut back = match outcome.result {
        Ok(back) => back,
        Err(failure) => RolledBack::not(verdict(&failure), with_causes(&failure)),
    };
    back.reasons.extend(left);
    if back.verdict == Verdict::Done && !back.reasons.is_empty() {
        back.verdict = Verdict::CleanUpDue;
    }
    back
}

/// What stands against it.
fn refused(stand: &Stand, way: &Way<'_>) -> Option<RolledBack> {
    let Some((live, back)) = stand.live.as_ref().zip(stand.back.as_ref()) else {
        let service = way.service;
        let text = format!("{service} has no group to go back to: roll the last good image");
        return Some(RolledBack::not(Verdict::Failed, text));
    };
    let against = match way.force {
        None => stand.not_ready(),
        Some(_) => dead(live, back).into_iter().collect(),
    };
    (!against.is_empty()).then(|| RolledBack {
        reasons: against,
        ..RolledBack::not(Verdict::Failed, "")
    })
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

fn verdict(failure: &Failure) -> Verdict {
    match failure.error::<Error>() {
        Some(Error::TrafficChanged { .. } | Error::TrafficUnknown { .. }) => Verdict::Traffic,
        _ if failure.is_stop() => Verdict::Stopped,
        _ => Verdict::Failed,
    }
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
    let after = led_to(&stand.actions, &back.target_group);
    let swap = async |_: &mut _| write(&stand.place, &after, &stand.actions, cloud).await;
    run.step("swap back", swap).await?;
    run.commit()?;
    let text = format!("{} is served by {} again", way.service, back.group.name);
    way.events.emit(Event::Note { text });
    Ok(said(way, stand, (live, back), cloud).await)
}

/// Says in tags that traffic has gone from one group to another.
async fn said(
    way: &Way<'_>,
    stand: &Stand,
    (from, to): (&Standing, &Standing),
    cloud: &impl Cloud,
) -> RolledBack {
    let reasons = finish(way, stand, &from.group, &to.group, cloud).await;
    RolledBack {
        verdict: if reasons.is_empty() {
            Verdict::Done
        } else {
            Verdict::CleanUpDue
        },
        live: Some(to.group.name.clone()),
        from: Some(from.group.name.clone()),
        image: from.group.image(tag::IMAGE),
        reasons,
    }
}

/// Says in tags what the listener says already, each on its own: one that fails keeps none of the others back.
async fn finish(
    way: &Way<'_>,
    stand: &Stand,
    from: &Group,
    to: &Group,
    cloud: &impl Cloud,
) -> Vec<String> {
    let (service, run, now) = (way.service, way.run, way.clock.now());
    let tags = |pairs: &[(&str, &str)]| -> Tags {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    let mut left = Vec::new();
    let mut note = |what: &str, result: Result<(), Error>| {
        left.extend(result.err().map(|error| format!("{what}: {error}")));
    };
    let until = now.to_string();
    let out = tags(&[(tag::STATE, tag::KEPT), (tag::KEEP_UNTIL, &until)]);
    note(
        "tag the group that served",
        cloud.tag_group(&from.name, &out).await.map_err(Error::from),
    );
    let kept = cloud
        .untag_group(&to.name, &[tag::KEEP_UNTIL, tag::EXPIRES])
        .await;
    note("tag the group that serves", kept.map_err(Error::from));
    let release = lease::release(cloud, &to.name, Leased::MinSize, None).await;
    note("release its minimum", release.map_err(Error::from));
    for rule in &stand.watch {
        note(
            "delete the watch rule",
            cloud.delete_rule(rule).await.map_err(Error::from),
        );
    }
    let mut why = format!("{now} rolled back from {}", from.name);
    if let Some(reason) = way.force {
        why = format!("{why} by force: {reason}");
    }
    note("set a hold", hold::set(cloud, service, &why).await);
    if let Some(image) = from.image(tag::IMAGE) {
        let value = format!("{now} run {run}: rolled back");
        let tag = tags(&[(&tag::quarantine(service), &value)]);
        let put = cloud.put_tags(&[image.to_string()], &tag).await;
        note("quarantine the image", put.map_err(Error::from));
    }
    // The last of all: where it does not stand, the next rollback does the rest again.
    let live = cloud
        .tag_group(&to.name, &tags(&[(tag::STATE, tag::LIVE)]))
        .await;
    note("tag the group that serves", live.map_err(Error::from));
    left
}

//! The way back of a group that stays (`rolling`): another refresh, to the launch template version before.
//!
//! Its tags alone tell which one. The image is barred first, since the way takes minutes; a rollback that died is gone on
//! with by the next, and the refresh goes on meanwhile.

use std::time::Duration;

use jiff::Timestamp;

use super::drift::AsRolled;
use super::error::Error;
use super::making::group;
use super::rollback::{RolledBack, Way, bar, barred, tags, verdict};
use super::status::Standing;
use super::unsaid::Unsaid;
use super::verdict::Verdict;
use crate::cloud::{
    Cloud, Group, GroupName, LaunchTemplateId, LaunchTemplateVersion, NewRefresh, Refresh,
    RefreshState, StartsFrom, TemplateVersion, VersionRef, tag,
};
use crate::run::{self, Event, Failure, Patience, Readiness, Run, with_causes};
use crate::undo::refresh::{LIMIT, MOST, Refreshing, Rolled, rolled};
use crate::undo::{Undo, Unwinder};

/// Between two looks at a refresh, whose batches take minutes.
const LOOK: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(15));
/// Beyond the grace period, which the group's own health check waits for: what a sick machine takes to be found out
/// with the slowest usual checks (anchors/rollout.md 3a: two of 30 s), and for the group to act.
const FOUND_OUT: Duration = Duration::from_secs(90);

/// Goes back to the version before. By force only where the `hold` tells that another roll was given back.
pub(super) async fn refresh_back<C: Cloud>(
    live: &Group,
    (of, hold): (&Rolled, Option<&str>),
    way: &Way<'_>,
    cloud: &C,
) -> RolledBack {
    let name = &live.name;
    if let (Some(reason), None) = (is_back(live, hold), way.force) {
        return RolledBack::not(Verdict::Failed, reason);
    }
    let version = match version(live, of, cloud).await {
        Ok(version) => version,
        Err(error) => return RolledBack::not(Verdict::Failed, error.to_string()),
    };
    let mut unsaid = Unsaid::default();
    let (_, served) = barred(live);
    // One that died behind its last tag but one has put the good image there.
    let bad = served.filter(|one| version.1.image.as_deref() != Some(one.as_str()));
    // The run tells the next rollback that the hold is of this way back.
    let from = format!("{name} run {}", of.run);
    bar(way, (&from, bad.clone()), cloud, &mut unsaid).await;
    let unwinder = Unwinder::new(cloud);
    let outcome = run::run(&unwinder, way.setup(), async |run| {
        go(live, &version, cloud, run).await
    });
    if let Err(failure) = outcome.await.result {
        let mut not = RolledBack::not(verdict(&failure), with_causes(&failure));
        if failure.is_stop() {
            let text = "the refresh back goes on by itself; the next rollback waits for its end";
            not.reasons.push(text.to_owned());
        }
        return not.without(unsaid);
    }
    let text = format!("{name} runs version {} again", of.before);
    way.events.emit(Event::Note { text });
    let image = version.1.image.clone().unwrap_or_default();
    let mut said = tags(&[(tag::IMAGE, &image), (tag::STATE, tag::LIVE)]);
    let there = group(cloud, name).await;
    let as_rolled = there.as_ref().ok().and_then(AsRolled::now);
    said.extend(as_rolled.map(|now| (tag::AS_ROLLED.to_owned(), now.to_string())));
    unsaid.note("look at the group", there.map(drop));
    unsaid.note("tag the group", cloud.tag_group(name, &said).await);
    // The last of all: while it is there, the next rollback does the rest again.
    let untag = cloud.untag_group(name, &[tag::ROLLED]).await;
    unsaid.note("tag the group", untag);
    RolledBack::done(Some((name, bad)), name.clone(), unsaid)
}

/// The version to go back to. Errors with the reason why one cannot.
async fn version(
    live: &Group,
    of: &Rolled,
    cloud: &impl Cloud,
) -> Result<(LaunchTemplateId, TemplateVersion), Error> {
    let name = &live.name;
    let StartsFrom::Template { id, .. } = &live.starts_from else {
        return Err(Error::Changed(format!(
            "group {name} has no launch template any more"
        )));
    };
    let before = VersionRef::Number(of.before);
    let found = cloud.template_version(id, before).await?;
    let gone = || {
        let text = format!("launch template version {before} is gone: roll the last good image");
        Error::Changed(text)
    };
    Ok((id.clone(), found.ok_or_else(gone)?))
}

async fn go<C: Cloud>(
    live: &Group,
    version: &(LaunchTemplateId, TemplateVersion),
    cloud: &C,
    run: &mut Run<'_, Undo>,
) -> Result<(), Failure> {
    let name = &live.name;
    let to = (version.0.clone(), VersionRef::Number(version.1.number));
    let begin = async |_: &mut _| begin(live, &to, cloud).await;
    run.step("refresh back", begin).await?;
    let patience = Patience::new(LIMIT, LOOK.0, LOOK.1);
    let waited = run.wait("refresh back", &patience, async || {
        let refresh = match cloud.newest_refresh(name).await {
            Ok(refresh) => refresh,
            Err(error) if error.is_passing() => return Ok(Readiness::NotYet(error.to_string())),
            Err(error) => return Err(Error::Cloud(error)),
        };
        if let Some(refresh) = refresh.as_ref().filter(|one| one.is_active()) {
            return Ok(Readiness::NotYet(format!(
                "{} % are as before",
                refresh.percent
            )));
        }
        if runs(&group(cloud, name).await?, &to) {
            return Ok(Readiness::Ready(()));
        }
        let reason = refresh.map_or_else(String::new, |refresh| refresh.reason);
        Err(Error::Changed(format!(
            "the refresh back has ended: {reason}"
        )))
    });
    waited.await.map_err(|failure| half_way(name, failure))?;
    run.commit()
}

/// What a way back that does not come to its end leaves: machines of both versions. A stop lets it go on by itself.
pub(super) fn half_way(name: &GroupName, failure: Failure) -> Failure {
    if failure.is_stop() {
        return failure;
    }
    let error = Error::HalfReplaced {
        group: name.clone(),
        reason: with_causes(&failure.cause),
    };
    Failure::new(failure.step, error)
}

/// Starts the refresh unless it is under way, or through.
async fn begin(
    live: &Group,
    to: &(LaunchTemplateId, VersionRef),
    cloud: &impl Cloud,
) -> Result<(), Error> {
    let name = &live.name;
    let ours = |refresh: &Refresh| refresh.to.as_ref() == Some(to);
    let newest = cloud.newest_refresh(name).await?.filter(Refresh::is_active);
    if let Some(other) = newest.as_ref().filter(|one| !ours(one)) {
        let text = format!("group {name} is refreshed by somebody else: {}", other.id);
        return Err(Error::Changed(text));
    }
    if newest.is_some_and(|one| one.state == RefreshState::Going) || runs(live, to) {
        return Ok(());
    }
    let new = NewRefresh {
        group: name.clone(),
        to: to.clone(),
        most: MOST,
        warmup: live.grace + FOUND_OUT,
        checkpoints: Vec::new(),
        checkpoint_delay: Duration::ZERO,
        takes_back: false,
    };
    match cloud.start_refresh(&new).await {
        Err(error) if error.may_have_happened() => {
            let newest = cloud.newest_refresh(name).await?;
            newest
                .filter(|one| one.is_active() && ours(one))
                .map(drop)
                .ok_or_else(|| error.into())
        }
        answer => Ok(answer.map(drop)?),
    }
}

fn runs(group: &Group, (id, version): &(LaunchTemplateId, VersionRef)) -> bool {
    let (id, version) = (id.clone(), *version);
    group.starts_from == StartsFrom::Template { id, version }
}

/// The refresh that a rollback of this group would take back.
pub(super) fn of(live: Option<&Standing>) -> Option<(&Standing, Rolled)> {
    let live = live?;
    Some((live, rolled(&live.group)?))
}

/// Why there is nothing to take back, though the group could go further back: the hold is of a rollback that gave back
/// another roll, and what serves since then is good.
pub(super) fn is_back(live: &Group, hold: Option<&str>) -> Option<String> {
    let rolled = rolled(live)?;
    if Refreshing::of(live).is_some() {
        return None;
    }
    let hold = hold?;
    let (at, why) = hold.split_once(' ')?;
    let is_ours = at.parse::<Timestamp>().is_ok() && why.starts_with("rolled back from ");
    (is_ours && !why.contains(&rolled.run.to_string())).then(|| {
        let name = &live.name;
        format!("group {name} is back already ({hold}): with --force --reason it goes to the version before")
    })
}

/// The version that a rollback of this group would lead to by a refresh, whether the roll has gone through or not.
pub(super) fn to(live: Option<&Standing>) -> Option<LaunchTemplateVersion> {
    let group = &live?.group;
    let unfinished = Refreshing::of(group).map(|of| of.before);
    unfinished.or_else(|| Some(rolled(group)?.before))
}

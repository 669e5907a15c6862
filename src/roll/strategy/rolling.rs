//! `rolling`: the group that serves stays, and Auto Scaling replaces its machines, each new one in service and warm before
//! an old one goes (an instance refresh).
//!
//! The refresh goes on without us: its warm-up is longer than a sick machine takes to be found out by the group's own
//! health check, so that a dead run costs no healthy machine, and Auto Scaling itself takes back what fails. What began
//! stands in a lease of the group; the tag that says that it has gone through is the point of no return.

use std::time::Duration;

use tokio::time::Instant;

use super::super::checks::{Stage, Way};
use super::super::diagnosis::keep_log;
use super::super::drift::AsRolled;
use super::super::error::Error;
use super::super::examine::examine;
use super::super::flow::{Flow, Led};
use super::super::making::{group, lease};
use super::super::plan::{InPlace, Plan, Traffic};
use super::super::probe::Probe;
use super::super::run_roll::Tools;
use super::super::swap::claim;
use super::super::{targets, template};
use crate::cloud::{
    Cloud, Group, GroupName, Kind, LaunchTemplateId, LaunchTemplateVersion, NewRefresh, Refresh,
    RefreshState, StartsFrom, Tags, VersionRef, tag,
};
use crate::run::{Event, Failure, LaterLists, Ledger, Patience, Readiness, Run};
use crate::template::service::Service;
use crate::undo::Undo;
use crate::undo::floor::Floor;
use crate::undo::lease::Leased;
use crate::undo::refresh::{LIMIT, Refreshing, rolled, rolled_text};

/// Between two looks at a refresh, whose batches take minutes.
const LOOK: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(15));

/// How long reads may lag behind the start of a refresh.
const SHOWS: Duration = Duration::from_mins(2);

/// A version of a launch template.
type Version = (LaunchTemplateId, LaunchTemplateVersion);

/// Rolls. What is left to finish behind the point of no return is returned, not failed.
pub(super) async fn roll<C: Cloud, P: Probe, S: LaterLists<Undo>>(
    plan: &Plan,
    in_place: &InPlace,
    service: &Service,
    on: &Tools<'_, C, P, S>,
    run: &mut Run<'_, Undo>,
) -> Result<Vec<String>, Failure> {
    let cloud = on.cloud;
    if let Some(previous) = &plan.previous {
        let pin = async |made: &mut _| template::pin(plan, previous, cloud, made).await;
        run.step("pin the previous version", pin).await?;
    }
    let create = async |made: &mut _| template::create(plan, cloud, made).await;
    let version = run.step("launch template", create).await?;
    let began = on.clock.now();
    let mut led = None;
    if let Some(traffic) = &plan.traffic {
        // From here on the service's name alone leads a rollback to the group.
        let create = async |made: &mut _| {
            let target_group = targets::create((plan, traffic), service, cloud, made).await?;
            for place in traffic.places() {
                claim(plan, place, cloud).await?;
            }
            Ok::<_, Error>(target_group)
        };
        let target_group = run.step("target groups", create).await?;
        led = Some(Led {
            traffic,
            target_group,
        });
    }
    let mut flow = Flow::new(plan, service, on, run, (led, began));
    flow.run_hooks("before the swap", &plan.hooks.before_swap)
        .await?;
    settle(&mut flow, &version).await?;
    let start = async |made: &mut _| start(plan, in_place, &version, cloud, made).await;
    flow.run.step("instance refresh", start).await?;
    flow.watches.reached(Stage::Shared);
    if let Err(failure) = watch(&mut flow, &version).await {
        if let Some(Error::Held(_)) = failure.error() {
            halt(&mut flow, &version).await;
        }
        return Err(failure);
    }
    flow.watches.reached(Stage::Swapped);
    flow.run_hooks("after the swap", &plan.hooks.after_swap)
        .await?;
    flow.health.again(Instant::now());
    flow.run_checks(&service.checks.after, Way::Production)
        .await?;
    flow.watches_pass().await?;
    let office = async |_: &mut _| put_in_office(plan, in_place, &version, cloud).await;
    flow.run.step("put in office", office).await?;
    flow.run.commit()?;
    let release = async |_: &mut _| forget(&plan.next.group, cloud).await;
    let loose = flow.run.step("take the notes off", release).await.err();
    Ok(loose
        .iter()
        .map(|failure| format!("{failure}: {}", failure.cause))
        .collect())
}

/// Waits for a refresh of a run before that stops or goes back: until it is over no other can begin.
async fn settle<C: Cloud, P: Probe, S>(
    flow: &mut Flow<'_, '_, C, P, S>,
    version: &Version,
) -> Result<(), Failure> {
    let (name, cloud) = (&flow.plan.next.group, flow.on.cloud);
    let patience = Patience::new(LIMIT, LOOK.0, LOOK.1);
    let poll = async || match cloud.newest_refresh(name).await {
        Ok(Some(refresh))
            if refresh.is_active()
                && refresh.state != RefreshState::Going
                && leads_to(&refresh, version) =>
        {
            Ok(Readiness::NotYet(format!("it stops: {}", refresh.reason)))
        }
        Ok(_) => Ok(Readiness::Ready(())),
        Err(error) if error.is_passing() => Ok(Readiness::NotYet(error.to_string())),
        Err(error) => Err(Error::Cloud(error)),
    };
    if !flow.plan.resumed {
        return Ok(());
    }
    flow.run
        .wait("refresh of the run before", &patience, poll)
        .await
}

/// Stops the refresh of a roll that is held: it would go on by itself. One that Auto Scaling takes back already is left to
/// that, which a cancel would end as well. Where it fails the user is told how.
async fn halt<C: Cloud, P, S>(flow: &mut Flow<'_, '_, C, P, S>, version: &Version) {
    let (name, cloud) = (&flow.plan.next.group, flow.on.cloud);
    let goes = |one: &Refresh| one.state == RefreshState::Going && leads_to(one, version);
    let stop = async |_: &mut _| {
        if !cloud.newest_refresh(name).await?.as_ref().is_some_and(goes) {
            return Ok(());
        }
        match cloud.stop_refresh(name).await {
            Err(error) if error.is_not_found() => Ok(()),
            answer => answer,
        }
    };
    if let Err(failure) = flow.run.step("stop the refresh", stop).await {
        let text = format!(
            "the refresh goes on by itself ({}): aws autoscaling cancel-instance-refresh --auto-scaling-group-name {name}",
            failure.cause
        );
        flow.on.events.emit(Event::Warning { text });
    }
}

/// Notes what there was, and starts the refresh unless it is under way or through already.
async fn start(
    plan: &Plan,
    in_place: &InPlace,
    version: &Version,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let name = &plan.next.group;
    let there = group(cloud, name).await?;
    let note = Refreshing {
        run: plan.run,
        before: in_place.before,
        image: plan.image.clone(),
        warmup: in_place.warmup,
    };
    lease(plan, cloud, made, &there, Leased::Refresh, note.words()).await?;
    if runs(&there, version) || is_ours(cloud.newest_refresh(name).await?, version)? {
        return Ok(());
    }
    let new = NewRefresh {
        group: name.clone(),
        to: (version.0.clone(), VersionRef::Number(version.1)),
        most: in_place.rolling.most,
        warmup: in_place.warmup,
        checkpoints: in_place.rolling.checkpoints.clone(),
        checkpoint_delay: in_place.rolling.checkpoint_delay,
        takes_back: true,
    };
    match cloud.start_refresh(&new).await {
        Ok(_) => Ok(()),
        Err(error) if error.may_have_happened() || error.kind == Kind::Dependency => {
            if is_ours(cloud.newest_refresh(name).await?, version)? {
                return Ok(());
            }
            Err(error.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether the newest refresh leads to our version. Errors when somebody else's is under way.
fn is_ours(newest: Option<Refresh>, version: &Version) -> Result<bool, Error> {
    let Some(refresh) = newest.filter(Refresh::is_active) else {
        return Ok(false);
    };
    if leads_to(&refresh, version) {
        return Ok(true);
    }
    let text = format!("the group is refreshed by somebody else: {}", refresh.id);
    Err(Error::Changed(text))
}

fn leads_to(refresh: &Refresh, version: &Version) -> bool {
    let to = (version.0.clone(), VersionRef::Number(version.1));
    refresh.to.as_ref() == Some(&to)
}

/// Whether the group launches the version by itself, which it does once the refresh has gone through.
fn runs(group: &Group, version: &Version) -> bool {
    let (id, number) = version;
    let version = VersionRef::Number(*number);
    let id = id.clone();
    group.starts_from == StartsFrom::Template { id, version }
}

/// Waits for the end of the refresh; a new machine that never gets healthy speaks for itself.
async fn watch<C: Cloud, P: Probe, S>(
    flow: &mut Flow<'_, '_, C, P, S>,
    version: &Version,
) -> Result<(), Failure> {
    let (plan, on) = (flow.plan, flow.on);
    let limit = plan.in_place.as_ref().map_or(LIMIT, InPlace::limit);
    let patience = Patience::new(limit, LOOK.0, LOOK.1);
    let (began, mut said) = (Instant::now(), 0);
    let behind = flow.target_group();
    let poll = async || {
        let refresh = match on.cloud.newest_refresh(&plan.next.group).await {
            Ok(refresh) => refresh,
            Err(error) if error.is_passing() => return Ok(Readiness::NotYet(error.to_string())),
            Err(error) => return Err(Error::Cloud(error)),
        };
        let Some(refresh) = ours(refresh, version, began)? else {
            return Ok(Readiness::NotYet("it does not show yet".to_owned()));
        };
        if refresh.percent > said {
            said = refresh.percent;
            let text = format!("{said} % of {} run {}", plan.next.group, plan.image);
            on.events.emit(Event::Note { text });
        }
        // Only the new machines are asked after: what an old one does is no news of the image.
        let new = |_: &Group, member: &crate::cloud::Member| member.from.as_ref() == Some(version);
        let none = |_: &Group| Floor::anywhere(0);
        let health = &mut flow.health;
        let looked = examine(plan, none, new, behind.as_ref(), on.cloud, health).await?;
        keep_log(flow.service, health, on).await;
        match refresh.state {
            RefreshState::Done => Ok(Readiness::Ready(())),
            RefreshState::Going => Ok(Readiness::NotYet(match looked {
                Readiness::NotYet(reason) => reason,
                _ => format!("{} % replaced", refresh.percent),
            })),
            RefreshState::Stopping
            | RefreshState::GoingBack
            | RefreshState::TakenBack
            | RefreshState::Broken => {
                let reason = refresh.reason;
                Err(Error::Changed(format!(
                    "Auto Scaling has ended the refresh: {reason}"
                )))
            }
        }
    };
    let about = (plan, on);
    let watches = &flow.watches;
    let waited = watches
        .during(flow.run, about, "instance refresh", &patience, poll)
        .await;
    flow.with_log(waited).await
}

/// The newest refresh, where it is this roll's. What is read may be from before that began; nothing then.
fn ours(
    newest: Option<Refresh>,
    version: &Version,
    began: Instant,
) -> Result<Option<Refresh>, Error> {
    if let Some(refresh) = newest.as_ref().filter(|one| leads_to(one, version)) {
        return Ok(Some(refresh.clone()));
    }
    let is_active = newest.as_ref().is_some_and(Refresh::is_active);
    if !is_active && began.elapsed() < SHOWS {
        return Ok(None);
    }
    let text = newest.map_or("the refresh is gone".to_owned(), |other| {
        format!("the newest refresh is another one, {}", other.id)
    });
    Err(Error::Changed(text))
}

/// Says that the group runs the new version. The tag is the point of no return: whoever comes later sees it.
async fn put_in_office(
    plan: &Plan,
    in_place: &InPlace,
    version: &Version,
    cloud: &impl Cloud,
) -> Result<(), Error> {
    let name = &plan.next.group;
    let there = group(cloud, name).await?;
    if !runs(&there, version) {
        let text = format!("group {name} was given another launch template version meanwhile");
        return Err(Error::Changed(text));
    }
    for place in plan.traffic.iter().flat_map(Traffic::places) {
        claim(plan, place, cloud).await?;
    }
    let tags = [
        (tag::SERVICE, plan.service.clone()),
        (tag::STATE, tag::LIVE.to_owned()),
        (tag::IMAGE, plan.image.to_string()),
        (tag::ROLLED, rolled_text(plan.run, in_place.before)),
    ];
    let mut tags: Tags = tags.map(|(key, value)| (key.to_owned(), value)).into();
    let now = AsRolled::now(&there).map(|now| (tag::AS_ROLLED.to_owned(), now.to_string()));
    tags.extend(now);
    if let Err(error) = cloud.tag_group(name, &tags).await {
        // A lost answer may hide success, and then nothing may be undone any more.
        let said = |group: &Group| rolled(group).is_some_and(|rolled| rolled.run == plan.run);
        if !group(cloud, name).await.is_ok_and(|group| said(&group)) {
            return Err(error.into());
        }
    }
    Ok(())
}

/// Takes the notes of a refresh off that has gone through. The group keeps the number: `$Latest` or `$Default`, which it may
/// have followed, can mean another version by now.
pub(in crate::roll) async fn forget(name: &GroupName, cloud: &impl Cloud) -> Result<(), Error> {
    // A root that was replaced before went with its machine.
    let notes = [Leased::Refresh.tag(), Leased::Version.tag(), tag::REROOTED];
    Ok(cloud.untag_group(name, &notes).await?)
}

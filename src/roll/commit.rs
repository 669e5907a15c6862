//! The point of no return and what is done behind it: nothing there is undone, only finished.

use std::time::Duration;

use jiff::Timestamp;

use super::error::Error;
use super::hold::tag_text;
use super::making::group;
use super::office::{Before, taking_over};
use super::plan::{Plan, Previous, Traffic};
use crate::cloud::{Cloud, Group, GroupName, Tags, TargetGroupArn, tag};
use crate::run::{Later, LaterLists, RunId};
use crate::template::service::Strategy;
use crate::undo::{Retire, Undo};

/// Makes the next group the service's own. The tag is the point of no return: whoever comes later sees it.
/// `started`: what its first machine took from its start to its health, for the next plan.
pub(super) async fn put_in_office(
    plan: &Plan,
    (started, now): (Option<Duration>, Timestamp),
    cloud: &impl Cloud,
) -> Result<(), Error> {
    let name = &plan.next.group;
    let mut live = Tags::from([(tag::STATE.to_owned(), tag::LIVE.to_owned())]);
    live.extend(started.map(|time| (tag::HEALTHY_AFTER.to_owned(), time.as_secs().to_string())));
    // In the same call: without a listener this alone says what becomes of the previous group.
    if let Strategy::Replace(replace) = &plan.strategy {
        let before = if replace.keep_running {
            Before::Running
        } else {
            Before::Emptied(replace.drain)
        };
        let previous = plan.previous.as_ref().map(|previous| &previous.group);
        live.extend(taking_over(previous, before, now, cloud).await?);
    }
    // No rule watches the previous group behind records or a network load balancer, and says so.
    if plan.traffic.as_ref().is_some_and(Traffic::names_on) {
        let previous = plan.previous.as_ref().map(|previous| &previous.group);
        live.extend(previous.map(|group| (tag::PREVIOUS.to_owned(), tag_text(group.as_str()))));
    }
    let image = plan.previous.as_ref().and_then(|one| one.image.clone());
    live.extend(image.map(|image| (tag::PREVIOUS_IMAGE.to_owned(), image)));
    if let Err(error) = cloud.tag_group(name, &live).await {
        // A lost answer may hide success, and then nothing may be undone any more.
        let is_live = |group: &Group| group.tag(tag::STATE) == Some(tag::LIVE);
        if !group(cloud, name).await.is_ok_and(|group| is_live(&group)) {
            return Err(error.into());
        }
    }
    Ok(())
}

/// Makes a sweep by tag leave the group alone. It is given back to nobody any more either.
pub(super) async fn unexpire(plan: &Plan, cloud: &impl Cloud) -> Result<(), Error> {
    let marks = [tag::EXPIRES, tag::TAKEN];
    Ok(cloud.untag_group(&plan.next.group, &marks).await?)
}

/// Keeps the previous group whole until `until`, in its tags and on the due-list.
pub(super) async fn keep<S: LaterLists<Undo>>(
    plan: &Plan,
    previous: &Previous,
    until: Timestamp,
    cloud: &impl Cloud,
    store: &S,
) -> Result<(), Error> {
    let target_group = plan.traffic.as_ref().and_then(|one| one.previous.as_ref());
    let due = retirement(&plan.service, &previous.group, target_group);
    later(store, plan.run, due, until, "kept to go back to")?;
    if !plan.hooks.before_retire.is_empty() {
        let hooked = Tags::from([(tag::BEFORE_RETIRE.to_owned(), plan.run.to_string())]);
        cloud.tag_group(&previous.group, &hooked).await?;
    }
    keep_tags(&plan.service, &previous.group, until, cloud).await
}

/// The tags of a kept group. One of others' making gets the service's name, and stays theirs.
pub(super) async fn keep_tags(
    service: &str,
    name: &GroupName,
    until: Timestamp,
    cloud: &impl Cloud,
) -> Result<(), Error> {
    let kept = [
        (tag::SERVICE, service.to_owned()),
        (tag::STATE, tag::KEPT.to_owned()),
        (tag::KEEP_UNTIL, until.to_string()),
    ];
    let kept = kept.map(|(key, value)| (key.to_owned(), value));
    Ok(cloud.tag_group(name, &kept.into()).await?)
}

/// Puts a retirement on the due-list, once.
pub(super) fn later<S: LaterLists<Undo>>(
    store: &S,
    run: RunId,
    due: Retire,
    at: Timestamp,
    why: &str,
) -> Result<(), Error> {
    let service = due.service.clone();
    let due = Later {
        run,
        undo: Undo::Retire(due),
        at,
        why: why.to_owned(),
    };
    list(store, &service, due)
}

/// Puts one thing on the due-list, once.
pub(super) fn list<S: LaterLists<Undo>>(
    store: &S,
    service: &str,
    due: Later<Undo>,
) -> Result<(), Error> {
    let mut list = store.read(service).map_err(Error::Later)?;
    list.retain(|item| item.undo != due.undo);
    list.push(due);
    store.replace(service, &list).map_err(Error::Later)
}

/// Takes a retirement off the due-list.
pub(super) fn no_longer<S: LaterLists<Undo>>(
    store: &S,
    service: &str,
    group: &GroupName,
) -> Result<(), Error> {
    unlist(
        store,
        service,
        |undo| matches!(undo, Undo::Retire(due) if due.group == *group),
    )
}

/// Takes what is done off the due-list.
pub(super) fn unlist<S: LaterLists<Undo>>(
    store: &S,
    service: &str,
    is_done: impl Fn(&Undo) -> bool,
) -> Result<(), Error> {
    let mut list = store.read(service).map_err(Error::Later)?;
    let before = list.len();
    list.retain(|item| !is_done(&item.undo));
    if list.len() == before {
        return Ok(());
    }
    store.replace(service, &list).map_err(Error::Later)
}

/// What a retirement of the group behind `target_group`, where there is one, is.
pub(super) fn retirement(
    service: &str,
    group: &GroupName,
    target_group: Option<&TargetGroupArn>,
) -> Retire {
    Retire {
        service: service.to_owned(),
        group: group.clone(),
        target_group: target_group.cloned(),
    }
}

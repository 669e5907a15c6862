//! The way back to the old root: one look and one call at a time, until the machine runs from it and is well.

use std::time::Duration;

use tokio::time::Instant;

use super::super::lease::{Lease, Leased};
use super::super::roll::description;
use super::super::{lease, of, persist};
use super::{BLIND, LIMIT, Rerooting};
use crate::cloud::{
    Cloud, Error, Filter, Group, GroupName, ImageQuery, InstanceState, Kind, NewRoot, Replacement,
    ReplacementState, Rooted, StartsFrom, StatusCheck, Tags, VersionRef, VolumeId, tag,
};

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(5);
/// A machine that is not well so long after its restart does not get so.
const UP: Duration = Duration::from_mins(15);
/// So many replacements are tried; then the root is put back by hand.
const TRIES: u32 = 3;
/// So many looks in a row nothing must be seen to have been done: what has begun a moment ago may show late.
const QUIET: u32 = 12;
/// So many looks in a row the roll must be seen to have gone through: one read may be of before a rollback.
const THROUGH: u32 = 6;

/// Brings the old root of a lease back, and waits until the machine is well. Nothing is done where the roll has gone through.
pub(in crate::undo) async fn take_back<C: Cloud>(cloud: &C, name: &GroupName) -> Result<(), Error> {
    let began = Instant::now();
    let mut seen = Seen::default();
    loop {
        let reason = match Box::pin(turn_back(cloud, name, &mut seen)).await {
            Ok(None) => return Ok(()),
            Ok(Some(reason)) => reason,
            Err(error)
                if error.is_passing() || matches!(error.kind, Kind::Dependency | Kind::Limit) =>
            {
                error.to_string()
            }
            // It would count as done.
            Err(error) if error.is_not_found() => {
                return Err(Error::blocked(error.call, format!("group {name}: {error}")));
            }
            Err(error) => return Err(error),
        };
        if began.elapsed() > LIMIT {
            let text = format!("group {name}: {reason}");
            return Err(Error::blocked("CreateReplaceRootVolumeTask", text));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What was seen and done on this way so far.
#[derive(Default)]
struct Seen {
    tries: u32,
    /// The machine has restarted, or will.
    restarts: bool,
    /// Since when it runs from the old root.
    up: Option<Instant>,
    quiet: u32,
    through: u32,
}

/// One look, and one call where it helps. `None`: the machine is what it was; else what is waited for.
async fn turn_back<C: Cloud>(
    cloud: &C,
    name: &GroupName,
    seen: &mut Seen,
) -> Result<Option<String>, Error> {
    let Some(group) = cloud.group(name).await?.filter(|group| !group.deleting) else {
        return Ok(None);
    };
    let Some(of) = Rerooting::of(&group) else {
        seen.through += 1;
        let text = "its tags say that nothing is to be taken back";
        return Ok((seen.through < THROUGH).then(|| text.to_owned()));
    };
    seen.through = 0;
    let rooted = match cloud.rooted(&of.instance).await {
        Err(error) if error.is_not_found() => return gone(cloud, &group, &of).await,
        answer => answer?,
    };
    if rooted.state.is_ending() {
        return gone(cloud, &group, &of).await;
    }
    let past = cloud.root_replacements(&of.instance).await?;
    let goes = |one: &Replacement| one.state == ReplacementState::Going;
    if past.iter().any(goes) {
        (seen.restarts, seen.up) = (true, None);
        return Ok(Some("its root is being replaced".to_owned()));
    }
    let text = match (rooted.root().map(|root| &root.volume), rooted.state) {
        (Some(root), InstanceState::Running) if *root == of.root => {
            return on_old_root(cloud, (&group, &of, &rooted), past.len(), seen).await;
        }
        (Some(root), InstanceState::Stopped) if *root == of.root => {
            seen.restarts = true;
            cloud.start_instance(&of.instance).await?;
            "it starts"
        }
        (Some(root), InstanceState::Running) if seen.tries < TRIES => {
            (seen.restarts, seen.up) = (true, None);
            mark(cloud, root, &of).await?;
            put_back(cloud, &of, past.len(), seen).await?;
            "its old root comes back"
        }
        (_, InstanceState::Running) => {
            cloud.stop_instance(&of.instance).await?;
            "it stops, to get its old root by hand"
        }
        (Some(root), InstanceState::Stopped) => {
            mark(cloud, root, &of).await?;
            cloud.detach_volume(root).await?;
            "its root is taken off"
        }
        (None, InstanceState::Stopped) => {
            let place = (&of.instance, rooted.root_device.as_str());
            cloud.attach_volume(&of.root, place).await?;
            cloud.set_lasting(place, of.lasts).await?;
            "its old root is put on"
        }
        (_, state) => return Ok(Some(format!("it is {}", state.word()))),
    };
    Ok(Some(text.to_owned()))
}

/// The machine is gone, and whatever there is to come is of the version before.
async fn gone(cloud: &impl Cloud, group: &Group, of: &Rerooting) -> Result<Option<String>, Error> {
    restore(cloud, group, of, &[]).await.map(|()| None)
}

/// Has EC2 put the old root on. What it refuses for good, as an unencrypted root in place of an encrypted one, is done by hand.
async fn put_back(
    cloud: &impl Cloud,
    of: &Rerooting,
    past: usize,
    seen: &mut Seen,
) -> Result<(), Error> {
    let token = format!("kiln-{}-back-{past}", of.run);
    let old = NewRoot::Volume(of.root.clone());
    match cloud.replace_root(&of.instance, &old, &token).await {
        Err(error) if error.is_passing() || error.is_not_found() => return Err(error),
        Err(error) if matches!(error.kind, Kind::Invalid | Kind::Other | Kind::Denied) => {
            seen.tries = TRIES;
        }
        Err(error) => {
            seen.tries += 1;
            return Err(error);
        }
        Ok(_) => seen.tries += 1,
    }
    Ok(())
}

/// What is left once the old root is on again: a restart where something was stopped, and health.
async fn on_old_root<C: Cloud>(
    cloud: &C,
    (group, of, rooted): (&Group, &Rerooting, &Rooted),
    past: usize,
    seen: &mut Seen,
) -> Result<Option<String>, Error> {
    let on: Vec<&VolumeId> = rooted.disks.iter().map(|disk| &disk.volume).collect();
    // The processes go on last of all: the machine was well then, and is no longer to be touched.
    let suspended = Lease::of(group, Leased::Processes);
    if suspended.is_none_or(|lease| lease.run != of.run) {
        return restore(cloud, group, of, &on).await.map(|()| None);
    }
    if of.stopped && !seen.restarts {
        cloud.restart_instance(&of.instance).await?;
        seen.restarts = true;
        return Ok(Some("it restarts".to_owned()));
    }
    if past == of.replaced && !seen.restarts {
        seen.quiet += 1;
        if seen.quiet < QUIET {
            return Ok(Some("nothing has been done to it".to_owned()));
        }
        return restore(cloud, group, of, &on).await.map(|()| None);
    }
    let root = rooted.root().filter(|root| root.lasts != of.lasts);
    if let Some(root) = root {
        let place = (&of.instance, root.device.as_str());
        cloud.set_lasting(place, of.lasts).await?;
    }
    let since = *seen.up.get_or_insert_with(Instant::now);
    if since.elapsed() < BLIND {
        return Ok(Some(
            "what EC2 says of it is of before its restart".to_owned(),
        ));
    }
    let checks = cloud
        .status_checks(std::slice::from_ref(&of.instance))
        .await?;
    if checks
        .iter()
        .any(|(_, check)| *check == StatusCheck::Passed)
    {
        return restore(cloud, group, of, &on).await.map(|()| None);
    }
    let text = format!(
        "{} runs from its old root, and is not well by EC2's checks",
        of.instance
    );
    if since.elapsed() > UP {
        return Err(Error::blocked("DescribeInstanceStatus", text));
    }
    Ok(Some(text))
}

/// Marks a root that is about to go as the run's, so that it is found again to be deleted. One that is not of the run's image
/// is somebody else's, and stays.
async fn mark(cloud: &impl Cloud, root: &VolumeId, of: &Rerooting) -> Result<(), Error> {
    let image = cloud.find_images(&ImageQuery::id(&of.image)).await?;
    let snapshot = image.first().and_then(|image| {
        let mut devices = image.devices.iter();
        let root = devices.find(|device| device.device == image.root_device)?;
        root.snapshot.clone()
    });
    let Some(snapshot) = snapshot else {
        return Ok(());
    };
    let ours = [
        Filter::new("volume-id", root.as_str()),
        Filter::new("snapshot-id", snapshot.as_str()),
    ];
    if cloud.find_volumes(&ours).await?.is_empty() {
        return Ok(());
    }
    let run = Tags::from([(tag::RUN.to_owned(), of.run.to_string())]);
    cloud.put_tags(&[root.to_string()], &run).await
}

/// The group starts machines of the version before again and says so, its processes go on, and the roots of the run go, but
/// for what is on the machine. All before the lease goes: whoever finds it does what is missing again.
async fn restore(
    cloud: &impl Cloud,
    group: &Group,
    noted: &Rerooting,
    on: &[&VolumeId],
) -> Result<(), Error> {
    if let StartsFrom::Template {
        id,
        version: VersionRef::Number(now),
    } = &group.starts_from
        && *now != noted.before
    {
        let versions = cloud.template_versions(id).await?;
        let wanted = description(noted.run);
        let mut versions = versions.iter();
        if versions.any(|one| one.number == *now && one.description == wanted) {
            let before = VersionRef::Number(noted.before);
            cloud.follow_version(&group.name, id, before).await?;
        }
    }
    says_what_it_runs(cloud, group, noted).await?;
    if on.contains(&&noted.root) {
        let marks = [tag::REPLACED, tag::KEEP_UNTIL];
        let old = [noted.root.to_string()];
        cloud.remove_tags(&old, &marks).await?;
    }
    for id in cloud.find_volumes(&of(noted.run)).await? {
        if id != noted.root && !on.contains(&&id) {
            persist(async || cloud.delete_volume(&id).await).await?;
        }
    }
    lease::resume(cloud, group, noted.run).await
}

/// The tag with the image that the group runs, where the roll has written its own: with the lease gone nobody would put it
/// right any more.
async fn says_what_it_runs(
    cloud: &impl Cloud,
    group: &Group,
    noted: &Rerooting,
) -> Result<(), Error> {
    let StartsFrom::Template { id, .. } = &group.starts_from else {
        return Ok(());
    };
    if group.tag(tag::IMAGE) != Some(noted.image.as_str()) {
        return Ok(());
    }
    let before = VersionRef::Number(noted.before);
    let found = cloud.template_version(id, before).await?;
    match found.and_then(|found| found.image) {
        Some(image) => {
            let image = Tags::from([(tag::IMAGE.to_owned(), image)]);
            cloud.tag_group(&group.name, &image).await
        }
        None => cloud.untag_group(&group.name, &[tag::IMAGE]).await,
    }
}

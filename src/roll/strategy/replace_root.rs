//! `replace_root`: a group of one machine that has an address and volumes of its own, which a second machine would take. So
//! the machine stays, and its root is replaced by one of the image. It is down meanwhile.
//!
//! What began stands in a lease of the group, with the root that there was: whoever finds it can bring that back. Until the
//! machine is well again, on the way back too, Auto Scaling neither starts nor ends machines of the group. The tag that says
//! that it has gone through is the point of no return.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::super::checks::{Stage, Way};
use super::super::commit;
use super::super::drift::AsRolled;
use super::super::error::Error;
use super::super::examine::{asked, look};
use super::super::flow::Flow;
use super::super::making::{group, lease, of, tags};
use super::super::plan::reroot::{self, COMES, MEANWHILE};
use super::super::plan::{Plan, Reroot};
use super::super::probe::Probe;
use super::super::run_roll::Tools;
use super::super::template;
use crate::cloud::{
    Cloud, Group, LaunchTemplateId, LaunchTemplateVersion, NewRoot, ReplacementState, Tags,
    VersionRef, VolumeId, tag,
};
use crate::run::{Failure, Later, LaterLists, Ledger, Patience, Readiness, Run};
use crate::template::service::Service;
use crate::undo::lease::{Lease, Leased, lasting};
use crate::undo::root::{BLIND, Rerooted, Rerooting, of_service, rerooted};
use crate::undo::{Change, Undo};

/// Between two looks at a machine that is on its way down or up.
const LOOK: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10));
/// Healthy counts when it was seen this many times in a row: one good look may be a lucky moment.
const IN_A_ROW: u32 = 3;

/// Rolls. What is left to finish behind the point of no return is returned, not failed.
pub(super) async fn roll<C: Cloud, P: Probe, S: LaterLists<Undo>>(
    plan: &Plan,
    reroot: &Reroot,
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
    let keep = async |made: &mut _| suspend(plan, cloud, made).await;
    run.step("keep the machine from being replaced", keep)
        .await?;
    let began = on.clock.now();
    let mut flow = Flow::new(plan, service, on, run, (None, began));
    let new = Box::pin(replace(&mut flow, reroot)).await?;
    Box::pin(well(&mut flow)).await?;
    flow.watches.reached(Stage::Swapped);
    flow.run_hooks("after the swap", &plan.hooks.after_swap)
        .await?;
    flow.health.again(Instant::now());
    flow.run_checks(&service.checks.after, Way::Production)
        .await?;
    flow.watches_pass().await?;
    let office = async |_: &mut _| put_in_office((plan, reroot), &new, &version, on).await;
    flow.run.step("put in office", office).await?;
    flow.run.commit()?;
    let forget = async |_: &mut _| {
        // A refresh before is none any more that a rollback could take back.
        let notes = [Leased::Root.tag(), Leased::Version.tag(), tag::ROLLED];
        cloud.untag_group(&plan.next.group, &notes).await
    };
    let loose = flow.run.step("take the notes off", forget).await.err();
    Ok(loose
        .iter()
        .map(|failure| format!("{failure}: {}", failure.cause))
        .collect())
}

/// Keeps Auto Scaling from ending the machine while it is down, and from starting another.
async fn suspend(
    plan: &Plan,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let there = group(cloud, &plan.next.group).await?;
    let lasting = lasting(&there);
    let ours = MEANWHILE.iter().filter(|name| !lasting.contains(**name));
    let ours: BTreeSet<String> = ours.map(|name| (*name).to_owned()).collect();
    let before = ours.iter().cloned().collect();
    lease(plan, cloud, made, &there, Leased::Processes, before).await?;
    if ours.is_subset(&there.suspended) {
        return Ok(());
    }
    Ok(cloud.suspend(&there.name, &ours).await?)
}

/// What the machine is on.
enum On {
    Old,
    New(VolumeId),
    Nothing,
}

/// What it is on, and whether that is about to change.
async fn look_at(reroot: &Reroot, cloud: &impl Cloud) -> Result<(On, bool), Error> {
    let past = cloud.root_replacements(&reroot.instance).await?;
    let rooted = cloud.rooted(&reroot.instance).await?;
    let on = match rooted.root() {
        Some(root) if root.volume == reroot.root => On::Old,
        Some(root) => On::New(root.volume.clone()),
        None => On::Nothing,
    };
    let going = |state| state == ReplacementState::Going;
    Ok((on, past.iter().any(|one| going(one.state))))
}

/// Gives the machine its new root, unless it has it already, or is about to. Returns which it is.
async fn replace<C: Cloud, P: Probe, S: LaterLists<Undo>>(
    flow: &mut Flow<'_, '_, C, P, S>,
    reroot: &Reroot,
) -> Result<VolumeId, Failure> {
    let (plan, on) = (flow.plan, flow.on);
    let note = async |made: &mut _| note(plan, reroot, on.cloud, made).await;
    let begins = flow.run.step("note the old root", note).await?;
    let mut task = None;
    if begins {
        // A right that is lacking shows before anybody is asked to let go of the machine.
        let image = NewRoot::Image(plan.image.clone());
        let rehearse = async |_: &mut _| on.cloud.rehearse_root(&reroot.instance, &image).await;
        flow.run.step("rehearse another root", rehearse).await?;
        flow.run_hooks("before the swap", &plan.hooks.before_swap)
            .await?;
        let keep = async |_: &mut _| snapshots(plan, reroot, on).await;
        flow.run.step("snapshots of the data volumes", keep).await?;
        let begin = async |_: &mut _| begin(plan, reroot, on.cloud).await;
        task = Some(flow.run.step("another root", begin).await?);
    }
    let new = comes(flow, reroot, task.as_deref()).await?;
    let mark = async |_: &mut _| on.cloud.put_tags(&[new.to_string()], &tags(plan)).await;
    flow.run.step("mark the new root", mark).await?;
    Ok(new)
}

/// Notes what there was. Says whether nothing has been done to the machine yet.
async fn note(
    plan: &Plan,
    reroot: &Reroot,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<bool, Error> {
    let there = group(cloud, &plan.next.group).await?;
    let noted = Rerooting::of(&there);
    let (stops, has) = (
        !plan.hooks.before_swap.is_empty(),
        noted.as_ref().is_some_and(|of| of.stopped),
    );
    let wanted = Rerooting {
        run: plan.run,
        before: reroot.before,
        image: plan.image.clone(),
        instance: reroot.instance.clone(),
        root: reroot.root.clone(),
        replaced: reroot.replaced,
        lasts: reroot.lasts,
        stopped: stops || has,
    };
    lease(plan, cloud, made, &there, Leased::Root, wanted.words()).await?;
    if Lease::of(&there, Leased::Root).is_some() && noted.is_none_or(|of| of != wanted) {
        // Of an earlier roll that went through; or the commands have come into the file since the run died.
        let lease = Lease {
            run: plan.run,
            until: plan.expires,
            before: wanted.words(),
        };
        let tags = Tags::from([(Leased::Root.tag().to_owned(), lease.to_string())]);
        cloud.tag_group(&there.name, &tags).await?;
    }
    let (on, going) = look_at(reroot, cloud).await?;
    Ok(matches!(on, On::Old) && !going)
}

/// Begins a snapshot of each data volume, once a run. They stay when the roll is taken back: what the new version did to the
/// data has no other way back.
async fn snapshots<C: Cloud, P, S: LaterLists<Undo>>(
    plan: &Plan,
    reroot: &Reroot,
    on: &Tools<'_, C, P, S>,
) -> Result<(), Error> {
    if reroot.data.is_empty() {
        return Ok(());
    }
    // First, since a lost answer hides their ids: they are found by the tags of the run.
    let due = Later {
        run: plan.run,
        undo: of(plan, Change::Snapshots),
        at: on.clock.now() + reroot.keep_snapshots,
        why: "taken before a root was replaced".to_owned(),
    };
    commit::list(on.store, &plan.service, due)?;
    let description = format!("{} before {}", plan.service, plan.image);
    for volume in &reroot.data {
        let find = async || {
            let mut wanted = of_service(plan.run, &plan.service);
            wanted.push(crate::cloud::Filter {
                name: "volume-id".to_owned(),
                values: vec![volume.to_string()],
            });
            let found = on.cloud.find_snapshots(&wanted).await?;
            Ok::<_, Error>(!found.is_empty())
        };
        if plan.resumed && find().await? {
            continue;
        }
        let made = on
            .cloud
            .snapshot_volume(volume, &description, &tags(plan))
            .await;
        match made {
            Err(error) if error.may_have_happened() && find().await? => {}
            made => drop(made?),
        }
    }
    Ok(())
}

/// Has the root replaced. The same token never begins twice, so that it is asked again after a lost answer.
async fn begin(plan: &Plan, reroot: &Reroot, cloud: &impl Cloud) -> Result<String, Error> {
    let past = cloud.root_replacements(&reroot.instance).await?.len();
    let token = format!("kiln-{}-{past}", plan.run);
    let image = NewRoot::Image(plan.image.clone());
    let ask = async || cloud.replace_root(&reroot.instance, &image, &token).await;
    let begun = match ask().await {
        Err(error) if error.may_have_happened() => ask().await,
        begun => begun,
    };
    Ok(begun?.id)
}

/// Waits until the machine has another root, and says which.
async fn comes<C: Cloud, P: Probe, S>(
    flow: &mut Flow<'_, '_, C, P, S>,
    reroot: &Reroot,
    task: Option<&str>,
) -> Result<VolumeId, Failure> {
    let (plan, cloud) = (flow.plan, flow.on.cloud);
    let patience = Patience::new(COMES, LOOK.0, LOOK.1);
    let look = async || {
        let past = cloud.root_replacements(&reroot.instance).await?;
        let mine = task.map(|id| past.iter().find(|one| one.id == id));
        if matches!(mine, Some(None)) {
            return Ok(None);
        }
        let done = past
            .iter()
            .any(|one| one.state == ReplacementState::Done && task.is_none_or(|id| one.id == id));
        let (on, going) = look_at(reroot, cloud).await?;
        match on {
            _ if going => Ok(None),
            On::New(root) => Ok(Some(root)),
            // What EC2 says of the machine may be older than what it says of the replacement.
            On::Old if done => Ok(None),
            On::Old => Err(Error::Root(format!(
                "{} keeps its old one",
                reroot.instance
            ))),
            On::Nothing => Err(Error::Root(format!(
                "{} has none any more",
                reroot.instance
            ))),
        }
    };
    let poll = async || match look().await {
        Ok(Some(root)) => Ok(Readiness::Ready(root)),
        Ok(None) => Ok(Readiness::NotYet("the root is being replaced".to_owned())),
        Err(Error::Cloud(error)) if error.is_passing() => Ok(Readiness::NotYet(error.to_string())),
        Err(error) => Err(error),
    };
    let about = (plan, flow.on);
    flow.watches
        .during(flow.run, about, "root replaced", &patience, poll)
        .await
}

/// Waits until the machine is well. What EC2 says of it is of before its restart for a while, and does not count.
async fn well<C: Cloud, P: Probe, S>(flow: &mut Flow<'_, '_, C, P, S>) -> Result<(), Failure> {
    let (plan, cloud) = (flow.plan, flow.on.cloud);
    let patience = Patience::new(reroot::well(plan), LOOK.0, LOOK.1).in_a_row(IN_A_ROW);
    let since = Instant::now();
    flow.health.again(since + BLIND);
    let poll = async || {
        if since.elapsed() < BLIND {
            let text = "what EC2 says of it is of before its restart".to_owned();
            return Ok(Readiness::NotYet(text));
        }
        look(plan, asked(plan, 1), None, cloud, &mut flow.health).await
    };
    let about = (plan, flow.on);
    flow.watches
        .during(flow.run, about, "machine well", &patience, poll)
        .await
        .map(drop)
}

/// Says that the machine runs the new version. The tag is the point of no return: whoever comes later sees it.
async fn put_in_office<C: Cloud, P, S: LaterLists<Undo>>(
    (plan, reroot): (&Plan, &Reroot),
    new: &VolumeId,
    version: &(LaunchTemplateId, LaunchTemplateVersion),
    on: &Tools<'_, C, P, S>,
) -> Result<(), Error> {
    let (cloud, name) = (on.cloud, &plan.next.group);
    let (is_on, going) = look_at(reroot, cloud).await?;
    if going || !matches!(is_on, On::New(root) if root == *new) {
        let text = format!("{} was given another root meanwhile", reroot.instance);
        return Err(Error::Changed(text));
    }
    let until = on.clock.now() + plan.keep;
    let volume = reroot.root.clone();
    let due = Later {
        run: plan.run,
        undo: of(plan, Change::ReplacedRoot { volume }),
        at: until,
        why: "kept to go back to".to_owned(),
    };
    commit::list(on.store, &plan.service, due)?;
    let old = [
        (tag::SERVICE, plan.service.clone()),
        (tag::REPLACED, plan.run.to_string()),
        (tag::KEEP_UNTIL, until.to_string()),
    ];
    let old = old.map(|(key, value)| (key.to_owned(), value)).into();
    cloud.put_tags(&[reroot.root.to_string()], &old).await?;
    let number = VersionRef::Number(version.1);
    cloud.follow_version(name, &version.0, number).await?;
    let done = Rerooted {
        run: plan.run,
        before: reroot.before,
        instance: reroot.instance.clone(),
        root: reroot.root.clone(),
        lasts: reroot.lasts,
        until,
    };
    let there = group(cloud, name).await?;
    let tags = [
        (tag::SERVICE, plan.service.clone()),
        (tag::STATE, tag::LIVE.to_owned()),
        (tag::IMAGE, plan.image.to_string()),
        (tag::REROOTED, done.text()),
    ];
    let mut tags: Tags = tags.map(|(key, value)| (key.to_owned(), value)).into();
    let now = AsRolled::now(&there).map(|now| (tag::AS_ROLLED.to_owned(), now.to_string()));
    tags.extend(now);
    let say = async || cloud.tag_group(name, &tags).await;
    let told = match say().await {
        Err(error) if error.may_have_happened() => say().await,
        told => told,
    };
    if let Err(error) = told {
        // A lost answer may hide success, and then nothing may be undone any more.
        let said = |group: &Group| rerooted(group).is_some_and(|one| one.run == plan.run);
        if !group(cloud, name).await.is_ok_and(|group| said(&group)) {
            return Err(error.into());
        }
    }
    Ok(())
}

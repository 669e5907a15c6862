//! Taking the idle group of a pair, in place of making one. It is there, empty, and its owner's: what a roll changes of it
//! stands in its tags first, and `undo` gives it back.

use super::drift::AsRolled;
use super::error::Error;
use super::making::{group, intend, of, owe};
use super::next_group::{as_rolled, fighting, is_own, quieten};
use super::plan::{Idle, NextTemplate, Plan, Traffic};
use crate::cloud::{
    Cloud, Group, LaunchTemplateId, LaunchTemplateVersion, Member, StartsFrom, Tags, VersionRef,
    tag,
};
use crate::run::Ledger;
use crate::undo::lease::{Lease, Leased, followed, release};
use crate::undo::{Change, LONGEST_PAUSE, Undo};

/// Says whose the group is and what it followed, has it do nothing by itself, and pins it: before the version is made that it
/// would follow.
pub(super) async fn take(
    (plan, traffic): (&Plan, &Traffic),
    idle: &Idle,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let there = group(cloud, &plan.next.group).await?;
    if !is_own(plan, &there) && !is_idle(&there) {
        let name = &there.name;
        let text = format!(
            "group {name} is not empty any more: `aws autoscaling update-auto-scaling-group --auto-scaling-group-name {name} --min-size 0 \
             --desired-capacity 0`"
        );
        return Err(Error::Changed(text));
    }
    let there = without_others(plan, there, cloud).await?;
    let StartsFrom::Template { id, version } = &there.starts_from else {
        return Err(led_elsewhere(&there));
    };
    if *id != idle.follows.template {
        return Err(led_elsewhere(&there));
    }
    owe(of(plan, change(plan)), made)?;
    cloud.tag_group(&there.name, &tags(plan, idle)).await?;
    quieten(plan, Some(traffic), cloud, made).await?;
    if followed(*version).is_none() {
        return Ok(());
    }
    let number = VersionRef::Number(idle.version);
    Ok(cloud.follow_version(&there.name, id, number).await?)
}

/// What is journalled of it, and gives it back.
pub(super) fn change(plan: &Plan) -> Change {
    let suspends = fighting(plan);
    Change::Taken { suspends }
}

/// What other runs have changed of the group for a while is taken back first: it would be neither ours nor theirs.
async fn without_others(plan: &Plan, there: Group, cloud: &impl Cloud) -> Result<Group, Error> {
    let is_other = |what: &Leased| {
        let lease = Lease::of(&there, *what);
        lease.is_some_and(|lease| lease.run != plan.run)
    };
    let others: Vec<_> = Leased::ALL.into_iter().filter(is_other).collect();
    if others.is_empty() {
        return Ok(there);
    }
    for what in others {
        release(cloud, &there.name, what, None).await?;
    }
    group(cloud, &there.name).await
}

/// The group, which is still the run's and starts machines from its version: one that others have taken or led elsewhere
/// proves nothing.
pub(super) async fn held(plan: &Plan, cloud: &impl Cloud) -> Result<Group, Error> {
    seen(plan, cloud, |group| {
        rolled(group).is_some_and(|number| starts(plan, group, number))
    })
    .await
}

/// Whether a machine of the group is of the roll's version.
pub(super) fn is_rolled(plan: &Plan, group: &Group, member: &Member) -> bool {
    let from = member.from.as_ref();
    from.is_some_and(|(id, number)| of_roll(plan, id) && rolled(group) == Some(*number))
}

fn rolled(group: &Group) -> Option<LaunchTemplateVersion> {
    AsRolled::of(group).map(|rolled| LaunchTemplateVersion(rolled.version))
}

fn starts(plan: &Plan, group: &Group, number: LaunchTemplateVersion) -> bool {
    let number = VersionRef::Number(number);
    matches!(&group.starts_from, StartsFrom::Template { id, version } if of_roll(plan, id) && *version == number)
}

fn of_roll(plan: &Plan, template: &LaunchTemplateId) -> bool {
    matches!(&plan.next.template, NextTemplate::Version { id, .. } if id == template)
}

/// The group, where it is the run's and led as it is to be.
async fn seen(
    plan: &Plan,
    cloud: &impl Cloud,
    is_led: impl Fn(&Group) -> bool,
) -> Result<Group, Error> {
    let name = &plan.next.group;
    let is_taken = |group: &Group| is_own(plan, group) && group.tag(tag::STATE) == Some(tag::NEXT);
    let mut there = group(cloud, name).await?;
    if !is_taken(&there) || !is_led(&there) {
        // It was changed, perhaps a moment ago: what is read may be from before.
        tokio::time::sleep(LONGEST_PAUSE).await;
        there = group(cloud, name).await?;
    }
    if !is_taken(&there) {
        let text = format!(
            "the tags of group {name} do not say any more that this run has taken it: `aws autoscaling describe-tags --filters \
             Name=auto-scaling-group,Values={name}`"
        );
        return Err(Error::Changed(text));
    }
    if is_led(&there) {
        Ok(there)
    } else {
        Err(led_elsewhere(&there))
    }
}

fn led_elsewhere(group: &Group) -> Error {
    let name = &group.name;
    let text =
        format!("group {name} was led to another launch template version while the roll ran");
    Error::Changed(text)
}

/// Nothing is in it, and no other run has it.
fn is_idle(group: &Group) -> bool {
    let is_next = group.tag(tag::STATE) == Some(tag::NEXT);
    group.size.desired == 0 && group.members.is_empty() && !is_next
}

fn tags(plan: &Plan, idle: &Idle) -> Tags {
    let mut tags: Tags = [
        (tag::SERVICE, plan.service.clone()),
        (tag::RUN, plan.run.to_string()),
        (tag::STATE, tag::NEXT.to_owned()),
        (tag::IMAGE, plan.image.to_string()),
        (tag::EXPIRES, plan.expires.to_string()),
        (tag::TAKEN, idle.follows.to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    if !plan.hooks.before_retire.is_empty() {
        tags.insert(tag::BEFORE_RETIRE.to_owned(), plan.run.to_string());
    }
    tags
}

/// Has the group start machines from the roll's version.
pub(super) async fn lead(
    plan: &Plan,
    (id, version): (&LaunchTemplateId, LaunchTemplateVersion),
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let name = &plan.next.group;
    let before = plan.next.idle.as_ref().map(|idle| idle.version);
    let numbers = || before.into_iter().chain([version]);
    seen(plan, cloud, |group| {
        numbers().any(|number| starts(plan, group, number))
    })
    .await?;
    // Behind the version, which goes once the group starts from it no more; what is inherited stands there.
    if !plan.resumed {
        intend(made, of(plan, change(plan)))?;
    }
    let rolled = as_rolled(plan, version).to_string();
    let rolled = Tags::from([(tag::AS_ROLLED.to_owned(), rolled)]);
    cloud.tag_group(name, &rolled).await?;
    let number = VersionRef::Number(version);
    Ok(cloud.follow_version(name, id, number).await?)
}

/// The group's maximum is its owner's.
pub(super) fn no_room(group: &Group, count: u32) -> Error {
    let (most, name) = (group.size.max, &group.name);
    Error::Launch(format!(
        "group {name} may have {most} machines and {count} serve by now: `aws autoscaling update-auto-scaling-group \
         --auto-scaling-group-name {name} --max-size {count}`"
    ))
}

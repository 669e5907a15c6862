//! The idle group of a pair that a roll has taken: it was there before, empty, and is given back as it was.
//!
//! While its tag `kiln:state` is `next`, another of its tags says which version it followed. Nothing of it is ever deleted
//! but the version that the run has made for it.

use std::collections::BTreeSet;
use std::fmt;

use super::emptied::empty_soon;
use super::lease::{self, Leased};
use super::roll::{OfRoll, description, is_scratch, lookup, refuse_serving};
use super::{LONGEST_PAUSE, persist, versions};
use crate::cloud::{
    Cloud, Error, Group, LaunchTemplateId, LaunchTemplateVersion, StartsFrom, VersionRef, tag,
};

/// What a taken group started machines from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    pub followed: VersionRef,
    /// The number that this was.
    pub number: LaunchTemplateVersion,
    /// Of this template.
    pub template: LaunchTemplateId,
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match lease::followed(self.followed) {
            Some(word) => f.write_str(word)?,
            None => self.followed.fmt(f)?,
        }
        write!(f, " {} {}", self.number, self.template)
    }
}

impl Taken {
    /// What the tag of a group says.
    pub fn of(group: &Group) -> Option<Self> {
        let mut words = group.tag(tag::TAKEN)?.split_whitespace();
        let (followed, number, template) = (words.next()?, words.next()?, words.next()?);
        Some(Self {
            followed: match lease::version(followed) {
                Some(followed) => followed,
                None => VersionRef::Number(LaunchTemplateVersion(followed.parse().ok()?)),
            },
            number: LaunchTemplateVersion(number.parse().ok()?),
            template: LaunchTemplateId::new(template),
        })
    }
}

/// The tags of a half-made group; the service's name stays on it.
const OF_ROLL: [&str; 8] = [
    tag::RUN,
    tag::STATE,
    tag::IMAGE,
    tag::EXPIRES,
    tag::AS_ROLLED,
    tag::BEFORE_RETIRE,
    tag::KEEP_UNTIL,
    tag::TAKEN,
];

/// The group is given back only while it is the run's own, not proven, and behind no rule but probes.
pub(super) async fn undo(
    cloud: &impl Cloud,
    of: &OfRoll,
    suspends: &BTreeSet<String>,
) -> Result<(), Error> {
    let mut found = lookup(cloud, &of.next).await?;
    let is_untagged = |group: &Group| group.tag(tag::RUN).is_none();
    if found.as_ref().is_some_and(is_untagged) {
        // It was tagged, perhaps a moment ago: what is read may be from before.
        tokio::time::sleep(LONGEST_PAUSE).await;
        found = lookup(cloud, &of.next).await?;
    }
    let Some(group) = found else {
        return Ok(());
    };
    if is_untagged(&group) {
        return leave(cloud, &group, suspends).await;
    }
    if !is_scratch(of, &group) {
        return Ok(());
    }
    refuse_serving(cloud, &group, "UpdateAutoScalingGroup").await?;
    give_back(cloud, of, &group).await
}

/// Empties the group and gives it back: its version, its processes, and last of all its tags, by which it is found until then.
pub(super) async fn give_back(cloud: &impl Cloud, of: &OfRoll, group: &Group) -> Result<(), Error> {
    empty_soon(cloud, group).await?;
    if let Some(taken) = Taken::of(group) {
        lead_back(cloud, of, group, &taken).await?;
    }
    for what in Leased::ALL {
        persist(async || lease::release(cloud, &group.name, what, None).await).await?;
    }
    persist(async || cloud.untag_group(&group.name, &OF_ROLL).await).await
}

/// Leaves a group that a run had taken and whose tags somebody has taken off: with its processes, where it is empty. Errors where
/// it has machines, since nobody knows whose they are.
async fn leave(
    cloud: &impl Cloud,
    group: &Group,
    suspends: &BTreeSet<String>,
) -> Result<(), Error> {
    if group.deleting {
        return Ok(());
    }
    let name = &group.name;
    let stuck: BTreeSet<String> = suspends.intersection(&group.suspended).cloned().collect();
    if group.members.is_empty() {
        if !stuck.is_empty() {
            persist(async || cloud.resume(name, &stuck).await).await?;
        }
        return Ok(());
    }
    refuse_serving(cloud, group, "UpdateAutoScalingGroup").await?;
    let mut text = format!(
        "group {name} has machines, and no tag {} says whose any more; look at them, then empty it: aws autoscaling \
         update-auto-scaling-group --auto-scaling-group-name {name} --min-size 0 --desired-capacity 0",
        tag::RUN
    );
    if !stuck.is_empty() {
        let stuck: Vec<_> = stuck.iter().map(String::as_str).collect();
        text = format!(
            "{text}; and resume what the roll had suspended: aws autoscaling resume-processes --auto-scaling-group-name {name} \
             --scaling-processes {}",
            stuck.join(" ")
        );
    }
    Err(Error::blocked("UpdateAutoScalingGroup", text))
}

/// One that its owner has led to another template since stays there.
async fn lead_back(
    cloud: &impl Cloud,
    of: &OfRoll,
    group: &Group,
    taken: &Taken,
) -> Result<(), Error> {
    let id = &taken.template;
    let is_there = matches!(&group.starts_from, StartsFrom::Template { id: of, .. } if of == id);
    if !is_there {
        return versions::delete(cloud, of, id, None).await;
    }
    let (mut found, number) = (None, VersionRef::Number(taken.number));
    persist(async || {
        found = cloud.template_version(id, number).await?;
        Ok(())
    })
    .await?;
    let has_name = lease::followed(taken.followed).is_some();
    if found.is_some() {
        // By its number first: what it followed may be the run's own version for as long as that is there.
        lead(cloud, group, id, number).await?;
    } else if has_name {
        lead(cloud, group, id, taken.followed).await?;
    }
    versions::delete(cloud, of, id, None).await?;
    if found.is_some() && has_name {
        refuse_own(cloud, of, group, (id, taken.followed)).await?;
        lead(cloud, group, id, taken.followed).await?;
    }
    Ok(())
}

/// Errors while what a group followed is the run's own version still, from which somebody else's group starts.
async fn refuse_own(
    cloud: &impl Cloud,
    of: &OfRoll,
    group: &Group,
    (id, followed): (&LaunchTemplateId, VersionRef),
) -> Result<(), Error> {
    let mut found = None;
    persist(async || {
        found = cloud.template_version(id, followed).await?;
        Ok(())
    })
    .await?;
    match found {
        Some(found) if found.description == description(of.run) => Err(lease::still_own(
            group,
            id,
            followed,
            (of.run, found.number),
        )),
        _ => Ok(()),
    }
}

async fn lead(
    cloud: &impl Cloud,
    group: &Group,
    id: &LaunchTemplateId,
    version: VersionRef,
) -> Result<(), Error> {
    persist(async || cloud.follow_version(&group.name, id, version).await).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_group_followed_is_read_back_as_it_was_written() {
        let number = LaunchTemplateVersion(7);
        for (followed, text) in [
            (VersionRef::Latest, "latest 7 lt-1"),
            (VersionRef::Default, "default 7 lt-1"),
            (VersionRef::Number(number), "7 7 lt-1"),
        ] {
            let template = LaunchTemplateId::new("lt-1");
            let taken = Taken {
                followed,
                number,
                template,
            };
            assert_eq!(taken.to_string(), text);
        }
    }
}

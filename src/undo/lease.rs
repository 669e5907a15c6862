//! Temporary changes of a group. Each stands in a tag of the group beside what was there before, its owner and its end,
//! so that any later run can take it back without a journal. The tag is written before the change and removed after it.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::roll::run_of;
use super::root::{self, Rerooting};
use super::{held, refresh};
use crate::cloud::{
    Cloud, Error, Group, GroupName, LaunchTemplateId, LaunchTemplateVersion, StartsFrom,
    VersionRef, tag,
};
use crate::run::RunId;

/// What is changed for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leased {
    /// Processes are suspended.
    Processes,
    /// The minimum is held at the capacity of the moment.
    MinSize,
    /// The minimum is raised further for a rollback, until the kept group has caught up with what serves.
    GrownMin,
    /// The minimum stays held behind the end of a roll or a rollback, until the group's own low alarm has been OK once.
    LowAlarm,
    /// The group follows a numbered version instead of `$Latest` or `$Default`.
    Version,
    /// Its machines are being replaced.
    Refresh,
    /// Its machine is getting another root.
    Root,
    /// A person is asked.
    Question,
}

impl Leased {
    /// All kinds, in the order in which they go: what was there before the first of two minimums comes back last, and a group
    /// follows no version again while its machines are being replaced. Before its processes go on, its machine is well.
    pub const ALL: [Self; 8] = [
        Self::Question,
        Self::Root,
        Self::Processes,
        Self::GrownMin,
        Self::MinSize,
        Self::LowAlarm,
        Self::Refresh,
        Self::Version,
    ];

    /// The tag that says so.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Processes => "kiln:lease:processes",
            Self::MinSize => "kiln:lease:min-size",
            Self::GrownMin => "kiln:lease:grown-min",
            Self::LowAlarm => "kiln:lease:low-alarm",
            Self::Version => "kiln:lease:version",
            Self::Refresh => "kiln:lease:refresh",
            Self::Root => "kiln:lease:root",
            Self::Question => "kiln:lease:question",
        }
    }
}

impl fmt::Display for Leased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Processes => "suspended processes",
            Self::MinSize => "held minimum",
            Self::GrownMin => "minimum held for a rollback",
            Self::LowAlarm => "minimum held until the low alarm has been OK",
            Self::Version => "pinned launch template version",
            Self::Refresh => "instance refresh",
            Self::Root => "replaced root",
            Self::Question => "question to a person",
        })
    }
}

/// The text of the tag: owner, end and what was there before, separated by blanks. Tags of groups allow few other signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub run: RunId,
    pub until: Timestamp,
    /// Processes that were not suspended, the minimum with what holds it ([`held::Held`]), `latest` or `default`, of a refresh version, image and warm-up, of a root what [`Rerooting::words`] says, or a question.
    pub before: Vec<String>,
}

impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.run, self.until, self.before.join(" "))
    }
}

impl Lease {
    /// Reads the tag of a group; `None` when there is none, or when it is no lease.
    pub fn of(group: &Group, what: Leased) -> Option<Self> {
        Self::read(group.tag(what.tag())?)
    }

    /// Reads the text of a tag; `None` when it is no lease.
    pub fn read(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        Some(Self {
            run: words.next()?.parse().ok()?,
            until: words.next()?.parse().ok()?,
            before: words.map(ToOwned::to_owned).collect(),
        })
    }
}

/// Temporary changes of a group whose time is up, but for pins: what a group would start without one is to be looked at.
pub fn run_out(group: &Group, now: Timestamp) -> Vec<(Leased, Lease)> {
    let kinds = Leased::ALL.into_iter();
    let kinds = kinds.filter(|what| *what != Leased::Version);
    let held = kinds.filter_map(|what| Some((what, Lease::of(group, what)?)));
    held.filter(|(_, lease)| lease.until <= now).collect()
}

/// Takes a temporary change back. A group that is gone, has no such lease, or has one of another run than `owner` is left
/// alone; without an owner whoever's it is goes.
pub async fn release(
    cloud: &impl Cloud,
    name: &GroupName,
    what: Leased,
    owner: Option<RunId>,
) -> Result<(), Error> {
    let look = async || cloud.group(name).await;
    let mut found = look().await?;
    // What is read may be from before its owner has noted it, or from before another one on the minimum was let go.
    let unseen = |group: &Group| owner.is_some() && Lease::of(group, what).is_none();
    let unsure = |group: &Group| unseen(group) || held::stays(group, what);
    if found.as_ref().is_some_and(unsure) {
        tokio::time::sleep(super::LONGEST_PAUSE).await;
        found = look().await?;
    }
    let Some(group) = found.filter(|group| !group.deleting) else {
        return Ok(());
    };
    let Some(lease) = Lease::of(&group, what) else {
        return Ok(());
    };
    if owner.is_some_and(|owner| owner != lease.run) {
        return Ok(());
    }
    if owner.is_some() && what == Leased::Version && stays_pinned(cloud, &group, &lease).await? {
        return Ok(());
    }
    if !held::stays(&group, what) {
        restore(cloud, &group, what, &lease).await?;
    }
    let tags = match what {
        Leased::Question => &[what.tag(), tag::ANSWER][..],
        _ => &[what.tag()][..],
    };
    cloud.untag_group(name, tags).await
}

/// The process by which a group's schedule sets its sizes. One that names a maximum would fill an emptied group again.
pub const SCHEDULE: &str = "ScheduledActions";

/// What a group without machines had before it was emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    pub min: u32,
    pub desired: u32,
    pub max: u32,
    /// Its schedule was in force, and is again once it is filled.
    pub scheduled: bool,
}

impl Sizes {
    /// What its tag says.
    pub fn of(group: &Group) -> Option<Self> {
        let mut words = group.tag(tag::SIZE)?.split_whitespace();
        Some(Self {
            min: words.next()?.parse().ok()?,
            desired: words.next()?.parse().ok()?,
            max: words.next()?.parse().ok()?,
            scheduled: words.next() == Some(tag::SCHEDULED),
        })
    }

    /// Those of a group that is about to be emptied.
    pub fn before(group: &Group) -> Self {
        Self {
            min: held::unheld(group).min,
            desired: group.size.desired,
            max: group.size.max,
            scheduled: !lasting(group).contains(SCHEDULE),
        }
    }

    /// The largest that a group may be, were it not emptied.
    pub fn largest(group: &Group) -> u32 {
        Self::of(group).map_or(group.size.max, |sizes| sizes.max)
    }

    /// The tag, with its text.
    pub fn tag(self) -> (String, String) {
        let mut text = format!("{} {} {}", self.min, self.desired, self.max);
        if self.scheduled {
            text = format!("{text} {}", tag::SCHEDULED);
        }
        (tag::SIZE.to_owned(), text)
    }
}

/// What is suspended on a group for good: without what a run has suspended for a while.
pub fn lasting(group: &Group) -> BTreeSet<String> {
    let lease = Lease::of(group, Leased::Processes);
    let leased: BTreeSet<String> = lease.into_iter().flat_map(|lease| lease.before).collect();
    group.suspended.difference(&leased).cloned().collect()
}

async fn restore(
    cloud: &impl Cloud,
    group: &Group,
    what: Leased,
    lease: &Lease,
) -> Result<(), Error> {
    let first = lease.before.first().map(String::as_str);
    match (what, first) {
        (Leased::Processes, Some(_)) => {
            if Rerooting::of(group).is_some() {
                let text = format!(
                    "the machine of group {} has not got its root back",
                    group.name
                );
                return Err(Error::blocked("ResumeProcesses", text));
            }
            resume_leased(cloud, group, lease).await
        }
        (Leased::MinSize | Leased::GrownMin | Leased::LowAlarm, Some(_)) => {
            held::give_back(cloud, group, what).await
        }
        (Leased::Version, Some(before)) => {
            let version =
                version(before).ok_or_else(|| held::unreadable(&group.name, what.tag()))?;
            let StartsFrom::Template { id, .. } = &group.starts_from else {
                return Ok(());
            };
            cloud.follow_version(&group.name, id, version).await
        }
        (Leased::Refresh, Some(_)) => refresh::take_back(cloud, &group.name).await,
        (Leased::Root, Some(_)) => Box::pin(root::take_back(cloud, &group.name)).await,
        (Leased::Question, Some(_)) | (_, None) => Ok(()),
    }
}

/// Has the processes of a group go on that a run has suspended for a while, and takes the lease off.
pub(super) async fn resume(cloud: &impl Cloud, group: &Group, run: RunId) -> Result<(), Error> {
    let what = Leased::Processes;
    match Lease::of(group, what).filter(|lease| lease.run == run) {
        None => Ok(()),
        Some(lease) => {
            resume_leased(cloud, group, &lease).await?;
            cloud.untag_group(&group.name, &[what.tag()]).await
        }
    }
}

async fn resume_leased(cloud: &impl Cloud, group: &Group, lease: &Lease) -> Result<(), Error> {
    let mut names: BTreeSet<String> = lease.before.iter().cloned().collect();
    // Of a group that was emptied since, the schedule comes back when it is filled again.
    if Sizes::of(group).is_some_and(|sizes| sizes.scheduled) {
        names.remove(SCHEDULE);
    }
    cloud.resume(&group.name, &names).await
}

/// Whether a pin is to stay, since the group would start what a later roll has made without it. Errors where that is the
/// version of the very run that pinned it, which could not be taken back either.
async fn stays_pinned(cloud: &impl Cloud, group: &Group, lease: &Lease) -> Result<bool, Error> {
    let (StartsFrom::Template { id, version: now }, Some(version)) =
        (&group.starts_from, followed_by(lease))
    else {
        return Ok(false);
    };
    let Some(found) = cloud.template_version(id, version).await? else {
        return Ok(false);
    };
    match run_of(&found.description) {
        Some(run) if run == lease.run => Err(still_own(group, id, version, (run, found.number))),
        Some(_) => Ok(*now != VersionRef::Number(found.number)),
        None => Ok(false),
    }
}

/// A group cannot follow again what is still the version of the run that is taken back.
pub(super) fn still_own(
    group: &Group,
    id: &LaunchTemplateId,
    followed: VersionRef,
    (run, number): (RunId, LaunchTemplateVersion),
) -> Error {
    let name = &group.name;
    let text = format!(
        "group {name} stays pinned: {followed} is version {number} of run {run}; once no group starts from that: \
         `aws ec2 delete-launch-template-versions --launch-template-id {id} --versions {number}`"
    );
    Error::blocked("UpdateAutoScalingGroup", text)
}

/// What a pinned group followed before.
pub fn followed_by(lease: &Lease) -> Option<VersionRef> {
    version(lease.before.first()?)
}

/// The name of a version that is none by number.
pub(super) fn version(before: &str) -> Option<VersionRef> {
    match before {
        "latest" => Some(VersionRef::Latest),
        "default" => Some(VersionRef::Default),
        _ => None,
    }
}

/// What the tag says of a group that follows `version`; `None` for a number, which needs no pin.
pub fn followed(version: VersionRef) -> Option<&'static str> {
    match version {
        VersionRef::Latest => Some("latest"),
        VersionRef::Default => Some("default"),
        VersionRef::Number(LaunchTemplateVersion(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_read_back_as_it_was_written() {
        let lease = Lease {
            run: RunId::new(Timestamp::UNIX_EPOCH, 7),
            until: "2026-01-02T03:04:05Z".parse().unwrap(),
            before: vec!["AZRebalance".to_owned(), "ScheduledActions".to_owned()],
        };
        let text = lease.to_string();
        assert!(
            text.chars()
                .all(|c| c.is_alphanumeric() || " +-=._:/@".contains(c)),
            "{text}"
        );
        let mut group = Group::example("web-v001", 0);
        group.tags.insert(Leased::Processes.tag().to_owned(), text);
        assert_eq!(Lease::of(&group, Leased::Processes), Some(lease));
        assert_eq!(Lease::of(&group, Leased::MinSize), None);
    }
}

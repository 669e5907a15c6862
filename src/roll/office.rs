//! What serves where no load balancer says so: the group in office, by its tags alone.
//!
//! A roll's last write before its point of no return makes the next group `live`, a rollback's makes the kept one `live`
//! and marks it; so there is always one group of which the tags say that it is in office, whatever died when.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::facts::Side;
use super::hold::{self, tag_text};
use super::names;
use crate::cloud::{Cloud, Group, GroupName, Result, Tags, tag};

/// Groups of the service that no load balancer leads to.
fn own<'a>(service: &'a str, groups: &'a [Group]) -> impl Iterator<Item = &'a Group> {
    groups.iter().filter(move |group| {
        group.tag(tag::SERVICE) == Some(service)
            && group.target_groups.is_empty()
            && !group.deleting
    })
}

/// The group in office. One that somebody has given the service's name to, and nothing else, is in office until a roll has
/// made another.
///
/// Of two that are live a run died between its word for the one and its word for the other: the marked one is a rollback's,
/// and the younger one a roll's.
pub(super) fn in_office<'a>(service: &'a str, groups: &'a [Group]) -> Option<&'a Group> {
    let may_be = |group: &&Group| match group.tag(tag::STATE) {
        Some(state) => state == tag::LIVE,
        None => group.size.desired > 0,
    };
    own(service, groups)
        .filter(may_be)
        .max_by_key(|group| (group.tag(tag::BACK).is_some(), age(group)))
}

/// The group that is kept to go back to: the youngest, if there are several.
pub(super) fn kept<'a>(service: &'a str, groups: &'a [Group]) -> Option<&'a Group> {
    let live = in_office(service, groups).map(|group| &group.name);
    let is_kept = |group: &&Group| {
        let superseded = group.tag(tag::STATE) == Some(tag::LIVE);
        Some(&group.name) != live && (superseded || group.tag(tag::STATE) == Some(tag::KEPT))
    };
    own(service, groups)
        .filter(is_kept)
        .max_by_key(|group| age(group))
}

fn age(group: &Group) -> (Option<Timestamp>, &str) {
    let began = names::run_of(group).map(|run| run.began());
    (began, group.name.as_str())
}

/// The two sides of such a service: the group in office, and all others.
pub(super) fn sides(service: &str, groups: &[Group]) -> [Side; 2] {
    let live = in_office(service, groups);
    let name = live.map(|group| group.name.clone());
    let others = own(service, groups).filter(|group| Some(&group.name) != name.as_ref());
    let side = |groups: Vec<Group>| {
        // A hold stands at each of them, or at those that were there when it was set.
        let held = groups.iter().find(|one| one.tag(tag::HOLD).is_some());
        let tags = held.or(groups.first()).map(|one| one.tags.clone());
        Side {
            tags: tags.unwrap_or_default(),
            groups,
            ..Side::default()
        }
    };
    [
        side(live.into_iter().cloned().collect()),
        side(others.cloned().collect()),
    ]
}

/// Groups with machines of which nothing says whether they are in office, where there is more than one that may be; the
/// one in office stands first.
pub(super) fn rivals<'a>(service: &'a str, groups: &'a [Group]) -> Vec<&'a Group> {
    let Some(live) = in_office(service, groups) else {
        return Vec::new();
    };
    let is_rival = |group: &&Group| {
        group.tag(tag::STATE).is_none()
            && group.size.desired > 0
            && group.name != live.name
            && !is_before(live, group)
    };
    let rivals: Vec<&Group> = own(service, groups).filter(is_rival).collect();
    let first = (!rivals.is_empty()).then_some(live);
    first.into_iter().chain(rivals).collect()
}

/// What becomes of the group before the one in office, as a tag of the latter says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// It is kept without machines; so long these may take to end.
    Emptied(Option<Duration>),
    /// It goes on running.
    Running,
}

impl Before {
    /// What the tag of the group in office says; `None` of one that took nobody's place.
    pub fn of(live: &Group) -> Option<Self> {
        let mut words = live.tag(tag::BEFORE)?.split_whitespace();
        match words.next()? {
            tag::EMPTIED => {
                let drain = words.next().and_then(|seconds| seconds.parse().ok());
                Some(Self::Emptied(drain.map(Duration::from_secs)))
            }
            tag::RUNNING => Some(Self::Running),
            _ => None,
        }
    }
}

impl fmt::Display for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Emptied(None) => f.write_str(tag::EMPTIED),
            Self::Emptied(Some(drain)) => write!(f, "{} {}", tag::EMPTIED, drain.as_secs()),
            Self::Running => f.write_str(tag::RUNNING),
        }
    }
}

/// How long the machines of the group before may take to end, where the one in office says so.
pub(super) fn drain_of(live: &Group) -> Option<Duration> {
    match Before::of(live)? {
        Before::Emptied(drain) => drain,
        Before::Running => None,
    }
}

/// The tags by which a group takes another's place: what becomes of that one, and a hold that somebody has set meanwhile.
pub(super) async fn taking_over(
    previous: Option<&GroupName>,
    before: Before,
    now: Timestamp,
    cloud: &impl Cloud,
) -> Result<Tags> {
    let mut tags = Tags::from([(tag::BEFORE.to_owned(), before.to_string())]);
    let Some(name) = previous else {
        return Ok(tags);
    };
    tags.insert(tag::PREVIOUS.to_owned(), tag_text(name.as_str()));
    if let Some(there) = cloud.group(name).await? {
        tags.extend(hold::tags_in_force(&there.tags, now));
    }
    Ok(tags)
}

/// Whether `live` says that it has taken the place of a group.
pub(super) fn is_before(live: &Group, group: &Group) -> bool {
    live.tag(tag::PREVIOUS) == Some(tag_text(group.name.as_str()).as_str())
}

/// Whether a group is to be without machines, since `live` is in office.
pub(super) fn is_to_be_empty(live: &Group, group: &Group) -> bool {
    let is_over = match group.tag(tag::STATE) {
        Some(state) => matches!(state, tag::LIVE | tag::KEPT),
        None => is_before(live, group),
    };
    is_over && group.name != live.name && matches!(Before::of(live), Some(Before::Emptied(_)))
}

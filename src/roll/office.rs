//! What serves where no load balancer says so: the group in office, by its tags alone.
//!
//! A roll's last write before its point of no return makes the next group `live`, a rollback's makes the kept one `live`
//! and marks it; so there is always one group of which the tags say that it is in office, whatever died when.

use jiff::Timestamp;

use super::facts::Side;
use super::names;
use crate::cloud::{Group, tag};

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
    let side = |groups: Vec<Group>| Side {
        tags: groups
            .first()
            .map(|one| one.tags.clone())
            .unwrap_or_default(),
        groups,
        ..Side::default()
    };
    [
        side(live.into_iter().cloned().collect()),
        side(others.cloned().collect()),
    ]
}

/// What becomes of the group before the one in office.
pub(super) fn empties_the_one_before(live: &Group) -> bool {
    live.tag(tag::BEFORE) == Some(tag::EMPTIED)
}

//! The minimum of a group while it is held. A lease on it says what was there before, and what kiln makes of it: a minimum that is
//! neither is somebody else's, such as a schedule's or a person's, and is left to them.

use std::collections::BTreeSet;

use super::lease::{Lease, Leased, Sizes};
use crate::cloud::{Cloud, Error, Group, GroupName, Size, Tags};

/// The leases that hold a minimum.
const HOLDS: [Leased; 3] = [Leased::MinSize, Leased::GrownMin, Leased::LowAlarm];

/// What a lease says of a minimum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What comes back.
    pub before: u32,
    /// What the minimum may be by kiln's own doing: what it was at the last change, what it was to become, and what other
    /// leases give back. A lease that does not say so, as of an earlier kiln, has none.
    pub ours: BTreeSet<u32>,
}

impl Held {
    /// Reads the tag of a group; `None` when there is none, or when it does not hold the minimum.
    pub fn of(group: &Group, what: Leased) -> Option<Self> {
        if !HOLDS.contains(&what) {
            return None;
        }
        let lease = Lease::of(group, what)?;
        let mut words = lease.before.iter().map(|word| word.parse().ok());
        let before = words.next()??;
        let ours = words.collect::<Option<_>>()?;
        Some(Self { before, ours })
    }

    /// What a lease is to say of a group whose minimum becomes `min` now. `before` counts where the group has no such lease
    /// yet.
    pub fn now(group: &Group, what: Leased, before: u32, min: u32) -> Self {
        // What another lease gives back is kiln's doing too.
        let others = HOLDS.into_iter().filter(|other| *other != what);
        let others = others.filter_map(|other| Some(Self::of(group, other)?.before));
        let ours: BTreeSet<u32> = others.chain([group.size.min, min]).collect();
        match Self::of(group, what) {
            Some(there) if is_ours(group) && ours.is_subset(&there.ours) => there,
            Some(there) if is_ours(group) => Self { ours, ..there },
            Some(_) => Self {
                before: group.size.min,
                ours,
            },
            None => Self { before, ours },
        }
    }

    /// The words of the lease.
    pub fn words(&self) -> Vec<String> {
        let all = [self.before].into_iter().chain(self.ours.iter().copied());
        all.map(|min| min.to_string()).collect()
    }
}

/// What the other leases on the minimum say once it becomes `min`: any of them may be the last to go.
pub fn beside(group: &Group, what: Leased, min: u32) -> Tags {
    let others = HOLDS.into_iter().filter(|other| *other != what);
    let others = others.filter_map(|other| {
        let lease = Lease::of(group, other)?;
        let there = Held::of(group, other)?;
        let before = Held::now(group, other, there.before, min).words();
        let lease = Lease { before, ..lease };
        Some((other.tag().to_owned(), lease.to_string()))
    });
    others.collect()
}

/// The minimum without what holds it: holds only ever raise it.
pub fn unheld(group: &Group) -> Size {
    let mut min = group.size.min;
    if is_ours(group) {
        let before = all(group).map(|held| held.before);
        min = before.chain([min]).min().unwrap_or(min);
    }
    // One that was emptied and is filled again has a minimum for the time being too.
    if let Some(sizes) = Sizes::of(group).filter(|_| group.size.desired > 0) {
        min = min.min(sizes.min);
    }
    Size { min, ..group.size }
}

fn all(group: &Group) -> impl Iterator<Item = Held> {
    HOLDS.into_iter().filter_map(|what| Held::of(group, what))
}

/// Whether the minimum is what kiln has made of it, or what it was before.
fn is_ours(group: &Group) -> bool {
    let min = group.size.min;
    all(group).any(|held| held.ours.is_empty() || held.before == min || held.ours.contains(&min))
}

/// Whether another lease goes on holding the minimum that this one held.
pub(super) fn stays(group: &Group, what: Leased) -> bool {
    let by = |other: Leased| Lease::of(group, other).is_some();
    match what {
        Leased::MinSize | Leased::GrownMin => by(Leased::LowAlarm),
        Leased::LowAlarm => by(Leased::MinSize) || by(Leased::GrownMin),
        Leased::Processes | Leased::Version | Leased::Refresh | Leased::Root | Leased::Question => {
            false
        }
    }
}

/// Gives a group the minimum that it had before.
pub(super) async fn give_back(
    cloud: &impl Cloud,
    group: &Group,
    what: Leased,
) -> Result<(), Error> {
    let Some(held) = Held::of(group, what) else {
        let (name, tag) = (&group.name, what.tag());
        return Err(unreadable(name, tag));
    };
    // Never raised: a next group that is taken back may never have grown to the minimum that it was to have, and of two
    // leases the other may have gone first.
    if held.before >= group.size.min || !is_ours(group) {
        return Ok(());
    }
    cloud.set_min(&group.name, held.before).await
}

pub(super) fn unreadable(name: &GroupName, tag: &str) -> Error {
    Error::blocked(
        "lease",
        format!("the tag {tag} of group {name} cannot be read"),
    )
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::run::RunId;

    fn hold(group: &mut Group, what: Leased, before: u32, min: u32) {
        let tags = beside(group, what, min);
        let lease = Lease {
            run: RunId::new(Timestamp::UNIX_EPOCH, 7),
            until: Timestamp::UNIX_EPOCH,
            before: Held::now(group, what, before, min).words(),
        };
        group.tags.extend(tags);
        group.tags.insert(what.tag().to_owned(), lease.to_string());
        group.size.min = min;
    }

    fn give_back(group: &mut Group, what: Leased) {
        let held = Held::of(group, what).unwrap();
        if is_ours(group) {
            group.size.min = group.size.min.min(held.before);
        }
        group.tags.remove(what.tag());
    }

    #[test]
    fn what_was_there_first_comes_back_however_often_it_is_raised() {
        let mut group = Group::example("web-v001", 2);
        hold(&mut group, Leased::MinSize, 2, 3);
        for min in [6, 8, 8] {
            let before = group.size.min;
            hold(&mut group, Leased::GrownMin, before, min);
        }
        assert_eq!(unheld(&group).min, 2);
        give_back(&mut group, Leased::GrownMin);
        assert_eq!(group.size.min, 3);
        give_back(&mut group, Leased::MinSize);
        assert_eq!(group.size.min, 2);
    }

    #[test]
    fn what_somebody_sets_is_theirs_and_comes_back_from_then_on() {
        let mut group = Group::example("web-v001", 2);
        hold(&mut group, Leased::MinSize, 2, 3);
        group.size.min = 5;
        assert_eq!(unheld(&group).min, 5);
        hold(&mut group, Leased::MinSize, 2, 6);
        assert_eq!(unheld(&group).min, 5);
        give_back(&mut group, Leased::MinSize);
        assert_eq!(group.size.min, 5);
    }

    #[test]
    fn a_hold_that_was_noted_and_never_written_changes_nothing() {
        let mut group = Group::example("web-v001", 2);
        hold(&mut group, Leased::MinSize, 2, 3);
        group.size.min = 2;
        assert_eq!(unheld(&group).min, 2);
        // A next group begins with none, and is to have more in the end.
        let mut group = Group::example("web-v002", 0);
        hold(&mut group, Leased::MinSize, 4, 1);
        group.size.min = 0;
        hold(&mut group, Leased::MinSize, 4, 6);
        assert_eq!(unheld(&group).min, 4);
    }
}

//! What will happen by the passing of time alone.

use super::{ec2, elb, scaling, watch};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Something that comes due. A handler must bear that what it names has gone meanwhile.
#[derive(Clone, Debug)]
pub(super) enum Due {
    Ec2(ec2::Due),
    Scaling(scaling::Due),
    Elb(elb::Due),
    Watch(watch::Due),
}

/// The things to come, in order of time, then of entry.
#[derive(Clone, Debug, Default)]
pub(super) struct Agenda {
    entries: BTreeMap<(Timestamp, u64), Due>,
    entered: u64,
}

impl Agenda {
    pub(super) fn add(&mut self, at: Timestamp, due: Due) {
        self.entered += 1;
        self.entries.insert((at, self.entered), due);
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.entries.keys().next().map(|(at, _)| *at)
    }

    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<(Timestamp, Due)> {
        let entry = self
            .entries
            .first_entry()
            .filter(|entry| entry.key().0 <= now)?;
        let at = entry.key().0;
        Some((at, entry.remove()))
    }
}

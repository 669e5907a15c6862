//! AWS's own pace, for those who want to know how long theirs takes: what a machine has done is told no sooner than it would
//! be there. A container boots in a second, and its disk is an image in milliseconds.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::{Effect, Fact};

/// The least that things take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// From launch or start to `running`.
    pub pending: Duration,
    /// From the order to stop to `stopped`.
    pub stop: Duration,
    /// From the beginning of an image to `available`.
    pub image: Duration,
}

/// What is not over before its time, and facts that came too soon.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    pace: Pace,
    /// By instance or image.
    not_before: HashMap<String, Timestamp>,
    early: BTreeMap<(Timestamp, u64), Fact>,
    kept: u64,
}

impl Pacer {
    pub fn new(pace: Pace) -> Self {
        Self {
            pace,
            ..Self::default()
        }
    }

    /// Notes what begins.
    pub fn begin(&mut self, effect: &Effect, now: Timestamp) {
        let (id, takes) = match effect {
            Effect::Boot(boot) => (&boot.instance, self.pace.pending),
            Effect::Start { instance } => (instance, self.pace.pending),
            Effect::Stop { instance } => (instance, self.pace.stop),
            Effect::Freeze { image, .. } => (image, self.pace.image),
            _ => return,
        };
        if !takes.is_zero() {
            let takes = SignedDuration::try_from(takes).unwrap_or(SignedDuration::MAX);
            let at = now.checked_add(takes).unwrap_or(Timestamp::MAX);
            self.not_before.insert(id.clone(), at);
        }
    }

    /// Gives a fact back unless it comes too soon.
    pub fn pass(&mut self, fact: Fact, now: Timestamp) -> Option<Fact> {
        let id = match &fact {
            Fact::Running { instance } | Fact::Stopped { instance, .. } => instance,
            Fact::Frozen { image } => image,
            _ => return Some(fact),
        };
        match self.not_before.remove(id) {
            Some(at) if at > now => {
                self.kept += 1;
                self.early.insert((at, self.kept), fact);
                None
            }
            _ => Some(fact),
        }
    }

    /// When the next kept fact may be told.
    pub fn next(&self) -> Option<Timestamp> {
        self.early.keys().next().map(|(at, _)| *at)
    }

    /// A kept fact whose time has come.
    pub fn take(&mut self, now: Timestamp) -> Option<Fact> {
        let first = self.early.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_too_soon_is_told_in_time() {
        let second = |k: i64| Timestamp::from_second(k).unwrap();
        let mut pacer = Pacer::new(Pace {
            stop: Duration::from_secs(15),
            ..Pace::default()
        });
        let instance = "i-1".to_owned();
        let stop = Effect::Stop {
            instance: instance.clone(),
        };
        let stopped = Fact::Stopped {
            instance: instance.clone(),
            asked: true,
        };
        let running = Fact::Running { instance };
        assert_eq!(pacer.pass(running.clone(), second(0)), Some(running));
        pacer.begin(&stop, second(1));
        assert_eq!(pacer.pass(stopped.clone(), second(2)), None);
        assert_eq!(
            (pacer.next(), pacer.take(second(15))),
            (Some(second(16)), None)
        );
        assert_eq!(pacer.take(second(16)), Some(stopped.clone()));
        pacer.begin(&stop, second(20));
        assert_eq!(pacer.pass(stopped.clone(), second(40)), Some(stopped));
    }
}

//! What was answered for a name, for as long as somebody may still follow it.
//!
//! A name server has the old answer or the new one from a change's beginning until its `INSYNC`; who has asked keeps the old
//! one for its TTL from then at most.

use super::Record;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Seconds for which it is kept that there is nothing: the least of the TTL and the last number of a zone's SOA.
pub(super) const NOTHING_TTL: i64 = 900;

/// The answers for each name and type, in the order in which they were submitted.
#[derive(Clone, Debug, Default)]
pub(in crate::model) struct Past(BTreeMap<(String, String), Vec<Version>>);

#[derive(Clone, Debug)]
struct Version {
    records: Vec<Record>,
    /// When every name server has it.
    settled: Timestamp,
}

/// An answer that may be followed.
#[derive(Clone, Debug)]
pub(in crate::model) struct Answered<'a> {
    pub(in crate::model) records: &'a [Record],
    /// A name server may still give it.
    pub(in crate::model) is_given: bool,
    /// When the last who got it asks again; nothing for the present one.
    pub(in crate::model) until: Option<Timestamp>,
}

impl Version {
    /// For how long it is kept.
    fn kept(&self) -> SignedDuration {
        let longest = self.records.iter().map(Record::ttl).max();
        SignedDuration::from_secs(longest.unwrap_or(NOTHING_TTL))
    }

    /// When it is forgotten, being replaced by one that every server has by then.
    fn ends(&self, replaced: Timestamp) -> Timestamp {
        replaced.checked_add(self.kept()).unwrap_or(Timestamp::MAX)
    }
}

impl Past {
    /// Enters what is answered from now on, and forgets what nobody can follow any more.
    pub(super) fn note(
        &mut self,
        name: &str,
        kind: &str,
        records: Vec<Record>,
        (now, settled): (Timestamp, Timestamp),
    ) {
        let versions = self.0.entry((name.into(), kind.into())).or_default();
        versions.push(Version { records, settled });
        let over = versions
            .windows(2)
            .take_while(|pair| pair[0].ends(pair[1].settled) <= now);
        let over = over.count();
        versions.drain(..over);
    }

    /// Has it that a name was always answered so.
    pub(super) fn always(&mut self, name: &str, kind: &str, records: Vec<Record>, now: Timestamp) {
        let settled = now;
        let versions = vec![Version { records, settled }];
        self.0.insert((name.into(), kind.into()), versions);
    }

    /// The answers that somebody may follow, the oldest first.
    pub(in crate::model) fn followed(
        &self,
        name: &str,
        kind: &str,
        at: Timestamp,
    ) -> Vec<Answered<'_>> {
        let versions = self.0.get(&(name.to_owned(), kind.to_owned()));
        let versions = versions.map_or(&[][..], Vec::as_slice);
        let answered = |index: usize| {
            let replaced = versions.get(index + 1).map(|next| next.settled);
            Answered {
                records: &versions[index].records,
                is_given: replaced.is_none_or(|replaced| at < replaced),
                until: replaced.map(|replaced| versions[index].ends(replaced)),
            }
        };
        let all = (0..versions.len()).map(answered);
        all.filter(|answer| answer.until.is_none_or(|until| at < until))
            .collect()
    }
}

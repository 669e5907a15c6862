//! Weighted records of Route 53 that lead to load balancers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Action, Forward, HostedZoneId, Result, RulePlace, TargetGroupArn, TrafficArn};

/// What Route 53 takes at the most, as a rule, until every server of a zone answers what was written ("How Route 53 routes
/// traffic": within 60 seconds under normal conditions).
const SPREADS: Duration = Duration::from_mins(1);
/// Resolvers that ask others keep an answer for once more its time to live.
const TIMES: u32 = 2;

/// A hosted zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedZone {
    pub id: HostedZoneId,
    /// Without the dot at its end.
    pub name: String,
    pub private: bool,
}

/// A record set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// `A`, `AAAA`, `CNAME`, …
    pub kind: String,
    /// Of a weighted one: its set identifier and its weight.
    pub weighted: Option<(String, u32)>,
    /// The name that it leads to, in lower case, where it leads to one.
    pub host: Option<String>,
    /// How long an answer may be kept.
    pub ttl: Duration,
    pub rest: RecordRest,
}

/// What a record says besides, which stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordRest {
    /// Where it leads, as it is written.
    pub host: String,
    /// In seconds; an alias has none.
    pub ttl: Option<u64>,
    /// Of an alias: the hosted zone of what it leads to, and whether its health counts.
    pub alias: Option<(HostedZoneId, bool)>,
    /// The id of its own health check.
    pub health_check: Option<String>,
}

/// The weighted records of one name and type as a place of production traffic: each leads to a load balancer, and that to one of
/// the service's target groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordPlace {
    pub zone: HostedZoneId,
    pub name: String,
    pub kind: String,
    /// The longest of its records, in seconds.
    pub ttl: u64,
    pub ends: Vec<End>,
}

/// Where one of the records leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Its set identifier.
    pub identifier: String,
    /// The load balancer's own name, in lower case.
    pub host: String,
    pub target_group: TargetGroupArn,
    /// The rules and listeners of the load balancer that lead to the target group.
    pub fronts: Vec<TrafficArn>,
    pub rest: RecordRest,
}

impl RecordPlace {
    /// How long clients may go by an answer that has been replaced.
    pub fn follows(&self) -> Duration {
        SPREADS + TIMES * Duration::from_secs(self.ttl)
    }

    /// What records of its name do, in the words of a rule; `None` when there is none of its type.
    ///
    /// What is not as the place has it, a record more or one that leads elsewhere, is an action of another kind.
    pub fn actions(&self, records: &[Record]) -> Option<Vec<Action>> {
        let own = || records.iter().filter(|record| record.kind == self.kind);
        // Where none has a weight, all are answered alike ("Values specific for weighted records").
        let weightless = own().all(|record| {
            record
                .weighted
                .as_ref()
                .is_some_and(|(_, weight)| *weight == 0)
        });
        let (mut shares, mut other) = (Vec::new(), Vec::new());
        for record in own() {
            let host = record.host.as_deref().unwrap_or("no load balancer");
            match &record.weighted {
                // An answer that may be kept for longer is not the one that clients are waited for by.
                Some((identifier, weight)) if record.ttl.as_secs() <= self.ttl => {
                    let weight = if weightless { 1 } else { *weight };
                    match self.end(identifier, host) {
                        Some(end) => shares.push((end.target_group.clone(), weight)),
                        None => other.push(format!("record {identifier} to {host}")),
                    }
                }
                Some((identifier, _)) => other.push(format!("record {identifier} of a longer TTL")),
                None => other.push(format!("record without a weight to {host}")),
            }
        }
        if shares.is_empty() && other.is_empty() {
            return None;
        }
        shares.sort();
        let forward = Action::Forward(Forward {
            shares,
            sticky_seconds: None,
        });
        Some(
            std::iter::once(forward)
                .chain(other.into_iter().map(Action::Other))
                .collect(),
        )
    }

    fn end(&self, identifier: &str, host: &str) -> Option<&End> {
        let mut ends = self.ends.iter();
        ends.find(|end| end.identifier == identifier && end.host == host)
    }

    /// The weights that such actions give its records, by set identifier; `None` where they say what no record can.
    pub fn weights(&self, actions: &[Action]) -> Option<BTreeMap<&str, u32>> {
        let [Action::Forward(forward)] = actions else {
            return None;
        };
        let each = self.ends.iter().map(|end| {
            let mut shares = forward.shares.iter();
            let share = shares.find(|(arn, _)| *arn == end.target_group);
            Some((end.identifier.as_str(), share?.1))
        });
        each.collect()
    }

    /// The rules and listeners of load balancers that its records lead to.
    pub fn fronts(&self) -> impl Iterator<Item = &TrafficArn> {
        self.ends.iter().flat_map(|end| &end.fronts)
    }
}

/// How long clients may go by an answer of any of some places that has been replaced; nothing where none is records.
pub fn longest_follow<'a>(places: impl IntoIterator<Item = &'a RulePlace>) -> Duration {
    let records = places.into_iter().filter_map(RulePlace::record);
    records.map(RecordPlace::follows).max().unwrap_or_default()
}

/// Names of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    pub found: BTreeSet<String>,
    /// Of a zone that is larger: after so many records nobody looked any further.
    pub looked_at: Option<usize>,
}

/// Records of DNS.
pub trait Records {
    /// The hosted zones of that name.
    fn zones_named(&self, name: &str) -> impl Future<Output = Result<Vec<HostedZone>>>;

    /// A hosted zone; `None` when there is none of that id.
    fn zone(&self, id: &HostedZoneId) -> impl Future<Output = Result<Option<HostedZone>>>;

    /// Every record of a name, of whatever type.
    fn records(&self, zone: &HostedZoneId, name: &str)
    -> impl Future<Output = Result<Vec<Record>>>;

    /// The names of a zone of which a record leads to one of some hosts, which are as [`plain_host`] gives them. Of a large zone only so many
    /// records are looked at.
    fn names_to(
        &self,
        zone: &HostedZoneId,
        hosts: &[String],
    ) -> impl Future<Output = Result<Names>>;

    /// Whether every server of the zone answers what this process has written last to a place. Always so of what is no record.
    fn is_spread(&self, place: &RulePlace) -> impl Future<Output = Result<bool>>;
}

/// A name as records compare it: in lower case, without the dot at its end and without the word by which an alias asks for addresses of
/// both families ("Values specific for alias records": `dualstack.`).
pub fn plain_host(name: &str) -> String {
    let name = plain_name(name);
    match name.strip_prefix("dualstack.") {
        Some(rest) => rest.to_owned(),
        None => name,
    }
}

/// A name of a record or a zone, in lower case and without the dot at its end.
pub fn plain_name(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> RecordPlace {
        let end = |letter: &str| End {
            identifier: letter.to_owned(),
            host: format!("lb-{letter}"),
            target_group: TargetGroupArn::new(letter),
            fronts: Vec::new(),
            rest: RecordRest::default(),
        };
        RecordPlace {
            zone: HostedZoneId::new("Z1"),
            name: "www.example.org".to_owned(),
            kind: "A".to_owned(),
            ttl: 60,
            ends: vec![end("b"), end("a")],
        }
    }

    fn record(identifier: &str, host: &str, weight: u32) -> Record {
        Record {
            kind: "A".to_owned(),
            weighted: Some((identifier.to_owned(), weight)),
            host: Some(host.to_owned()),
            ttl: Duration::from_mins(1),
            rest: RecordRest::default(),
        }
    }

    #[test]
    fn records_read_as_shares_and_shares_write_as_weights() {
        let place = place();
        let records = [record("b", "lb-b", 0), record("a", "lb-a", 255)];
        let actions = place.actions(&records).unwrap();
        let share = |letter, weight| (TargetGroupArn::new(letter), weight);
        let forward = Forward {
            shares: vec![share("a", 255), share("b", 0)],
            sticky_seconds: None,
        };
        assert_eq!(actions, [Action::Forward(forward)]);
        let weights = place.weights(&actions).unwrap();
        assert_eq!(weights, BTreeMap::from([("a", 255), ("b", 0)]));
        assert_eq!(place.follows(), Duration::from_mins(3));
    }

    #[test]
    fn what_is_not_as_the_place_has_it_is_another_action() {
        let place = place();
        let own = [record("b", "lb-b", 0), record("a", "lb-a", 1)];
        for more in [record("c", "lb-a", 1), record("a", "lb-b", 1)] {
            let records = [own.as_slice(), &[more]].concat();
            let actions = place.actions(&records).unwrap();
            assert!(matches!(&actions[1], Action::Other(_)), "{actions:?}");
            assert_eq!(place.weights(&actions), None);
        }
        let other = Record {
            kind: "TXT".to_owned(),
            ..record("a", "lb-a", 1)
        };
        assert_eq!(place.actions(&[other]), None);
        let longer = Record {
            ttl: Duration::from_secs(61),
            ..record("a", "lb-a", 1)
        };
        let actions = place.actions(&[own[0].clone(), longer]).unwrap();
        assert!(matches!(&actions[1], Action::Other(_)), "{actions:?}");
    }

    #[test]
    fn where_none_has_a_weight_all_have_the_same() {
        let records = [record("b", "lb-b", 0), record("a", "lb-a", 0)];
        let actions = place().actions(&records).unwrap();
        let Action::Forward(forward) = &actions[0] else {
            panic!("{actions:?}");
        };
        assert_eq!(forward.only(), None);
        assert!(forward.shares.iter().all(|(_, weight)| *weight == 1));
    }

    #[test]
    fn one_name_of_a_load_balancer_is_as_good_as_the_other() {
        assert_eq!(
            plain_host("dualstack.Web-1.elb.example."),
            "web-1.elb.example"
        );
        assert_eq!(plain_host("web-1.elb.example"), "web-1.elb.example");
    }
}

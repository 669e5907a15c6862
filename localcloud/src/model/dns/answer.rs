//! What a name server says of a name: records of a hosted zone, where an alias or a CNAME in them leads, or that there is none.
//!
//! A load balancer's own name is answered too, as AWS's servers answer it in the zones that load balancers share, and a chain of
//! CNAMEs is followed from one zone to the next, as the resolver of a VPC does it. Of names in no zone nothing is said.

use super::{
    Dns, Record, Zone, choice, name,
    record::{ALIAS_TTL, Leads, balancer_of},
};
use crate::model::{Model, elb};
use jiff::Timestamp;
use std::net::Ipv4Addr;

/// How many CNAMEs are followed.
const LONGEST_CHAIN: usize = 8;

/// A question.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// As [`read`](super::read) gives it.
    pub name: &'a str,
    /// `A`, `TXT`, …; whatever no record can have finds nothing.
    pub kind: &'a str,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub code: Code,
    /// It is said of a name that is kept here.
    pub is_authority: bool,
    /// CNAMEs in the order in which they are followed, and what is at their end.
    pub answers: Vec<Given>,
    /// The zone's SOA where there is nothing, or the NS records of who knows.
    pub authority: Vec<Given>,
}

/// How a question ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Code {
    /// The name is there, with or without records of the type.
    #[default]
    Found,
    NoName,
    /// No zone has such names.
    Refused,
}

/// One record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    pub name: String,
    pub kind: String,
    /// In seconds.
    pub ttl: u32,
    /// As it is written in the zone.
    pub value: String,
}

/// A load balancer, as its name leads to it.
#[derive(Clone, Copy, Debug)]
struct Front {
    address: Ipv4Addr,
    is_healthy: bool,
}

impl Model {
    /// Answers a question as one of Route 53's name servers does; which one draws.
    pub fn ask(&mut self, asked: Asked<'_>, now: Timestamp) -> Said {
        let mut draws = self.state.dns.draws.clone();
        let said = Server {
            dns: &self.state.dns,
            front: &|host| self.front(host),
            draw: &mut || draws.below(u32::MAX),
            now,
        }
        .say(asked, LONGEST_CHAIN);
        self.state.dns.draws = draws;
        said
    }

    fn front(&self, host: &str) -> Option<Front> {
        let host = balancer_of(host);
        self.states().find_map(|state| {
            let mut balancers = state.elb.balancers.iter();
            let (arn, balancer) = balancers.find(|(_, one)| one.dns_name() == host)?;
            Some(Front {
                address: balancer.address,
                is_healthy: elb::is_healthy(state, arn),
            })
        })
    }
}

/// What a name server knows.
struct Server<'a> {
    dns: &'a Dns,
    front: &'a dyn Fn(&str) -> Option<Front>,
    draw: &'a mut dyn FnMut() -> u32,
    now: Timestamp,
}

impl Server<'_> {
    fn say(&mut self, asked: Asked<'_>, chain: usize) -> Said {
        let Some(zone) = self.dns.zone_of(asked.name) else {
            return self.beside_zones(asked);
        };
        let elsewhere = zone.delegated(asked.name);
        if !elsewhere.is_empty() {
            return Said {
                authority: elsewhere,
                ..Said::default()
            };
        }
        let answers = self.records(zone, asked.name, asked);
        let answers = match zone.covering(asked.name) {
            Some(wildcard) if answers.is_empty() => self.records(zone, &wildcard, asked),
            _ => answers,
        };
        let is_there = !answers.is_empty() || zone.covers(asked.name);
        let said = Said {
            code: if is_there { Code::Found } else { Code::NoName },
            is_authority: true,
            answers,
            authority: Vec::new(),
        };
        match said.answers.as_slice() {
            [only] if only.kind == "CNAME" && asked.kind != "CNAME" => {
                self.followed(said, asked.kind, chain)
            }
            [] => Said {
                authority: zone.soa(),
                ..said
            },
            _ => said,
        }
    }

    /// A load balancer's own name.
    fn beside_zones(&self, asked: Asked<'_>) -> Said {
        let Some(front) = (self.front)(asked.name) else {
            return Said {
                code: Code::Refused,
                ..Said::default()
            };
        };
        Said {
            is_authority: true,
            answers: addresses(asked.name, asked.kind, front),
            ..Said::default()
        }
    }

    /// An answer that is a CNAME, with what it leads to where that is known here.
    fn followed(&mut self, mut said: Said, kind: &str, chain: usize) -> Said {
        let target = said.answers.first().and_then(|one| name::kept(&one.value));
        let (Some(target), true) = (target, chain > 0) else {
            return said;
        };
        let name = target.as_str();
        let end = self.say(Asked { name, kind }, chain - 1);
        if end.code == Code::NoName {
            said.code = end.code;
        }
        said.answers.extend(end.answers);
        said.authority = end.authority;
        said
    }

    /// What is given for a name of a zone, under the name that was asked for.
    fn records(&mut self, zone: &Zone, owner: &str, asked: Asked<'_>) -> Vec<Given> {
        for kind in ["CNAME", asked.kind] {
            let answered = zone.past.followed(owner, kind, self.now);
            let given = answered.iter().filter(|one| one.is_given);
            let given: Vec<_> = given.map(|one| one.records).collect();
            // While a change is on its way, one server has it and another has not.
            let Some(group) = given.get(self.drawn(given.len())) else {
                continue;
            };
            let drawn = (self.draw)();
            if let Some(record) = choice::choose(group, |one| self.is_healthy(one), drawn) {
                return self.values(record, asked.name);
            }
        }
        Vec::new()
    }

    fn drawn(&mut self, among: usize) -> usize {
        let drawn = usize::try_from((self.draw)()).unwrap_or_default();
        drawn.checked_rem(among).unwrap_or_default()
    }

    fn is_healthy(&self, record: &Record) -> bool {
        match &record.leads {
            Leads::Alias {
                target,
                evaluates_health: true,
                ..
            } => (self.front)(target).is_some_and(|front| front.is_healthy),
            _ => true,
        }
    }

    /// The values of a record set, in any order. An alias of a load balancer that is gone has none.
    fn values(&mut self, record: &Record, name: &str) -> Vec<Given> {
        let mut values = match &record.leads {
            Leads::Values { .. } => given(record, name),
            Leads::Alias { target, .. } => (self.front)(target)
                .map(|front| addresses(name, &record.kind, front))
                .unwrap_or_default(),
        };
        let first = self.drawn(values.len());
        values.rotate_left(first);
        values
    }
}

/// What a load balancer's name is answered with.
fn addresses(name: &str, kind: &str, front: Front) -> Vec<Given> {
    let given = Given {
        name: name.to_owned(),
        kind: "A".to_owned(),
        ttl: seconds(ALIAS_TTL),
        value: front.address.to_string(),
    };
    Some(given)
        .filter(|given| given.kind == kind)
        .into_iter()
        .collect()
}

fn given(record: &Record, name: &str) -> Vec<Given> {
    let Leads::Values { ttl, values } = &record.leads else {
        return Vec::new();
    };
    let given = |value: &String| Given {
        name: name.to_owned(),
        kind: record.kind.clone(),
        ttl: seconds(*ttl),
        value: value.clone(),
    };
    values.iter().map(given).collect()
}

fn seconds(ttl: i64) -> u32 {
    u32::try_from(ttl).unwrap_or_default()
}

impl Dns {
    /// The zone that a name is in: of those the longest, and before a public one a private one, since who can ask stands in the VPC.
    fn zone_of(&self, name: &str) -> Option<&Zone> {
        let zones = self.zones.values();
        let around = zones.filter(|zone| name::is_in(name, &zone.name));
        around.max_by_key(|zone| (zone.name.len(), zone.vpc.is_some()))
    }
}

impl Zone {
    /// Whether the zone has the name, or one below it.
    fn covers(&self, name: &str) -> bool {
        let order = name::order(name);
        let from = super::Key {
            order: order.clone(),
            kind: String::new(),
            identifier: String::new(),
        };
        let mut behind = self.records.range(from..);
        behind
            .next()
            .is_some_and(|(key, _)| key.order.starts_with(&order))
    }

    /// The wildcard that stands for a name that the zone does not have: the one below the nearest name above it (RFC 4592).
    fn covering(&self, name: &str) -> Option<String> {
        let is_new = name != self.name && !self.covers(name);
        let mut above = is_new.then_some(above(name)).into_iter().flatten();
        let nearest = above.find(|name| *name == self.name || self.covers(name))?;
        Some(format!("\\052.{nearest}"))
    }

    /// The NS records of a name below the zone's own that a name is at or below.
    fn delegated(&self, name: &str) -> Vec<Given> {
        let all = std::iter::once(name).chain(above(name));
        let below: Vec<&str> = all.take_while(|name| *name != self.name).collect();
        let mut cuts = below.into_iter().rev().map(|name| {
            let servers = self.group(name, "NS").into_iter();
            servers.flat_map(|record| given(&record, name)).collect()
        });
        cuts.find(|servers: &Vec<_>| !servers.is_empty())
            .unwrap_or_default()
    }

    fn soa(&self) -> Vec<Given> {
        let records = self.group(&self.name, "SOA").into_iter();
        records
            .flat_map(|record| given(&record, &self.name))
            .collect()
    }
}

/// The names above a name, the nearest first.
fn above(name: &str) -> impl Iterator<Item = &str> {
    let first = name.split_once('.').map(|(_, above)| above);
    std::iter::successors(first, |name| name.split_once('.').map(|(_, above)| above))
        .filter(|name| !name.is_empty())
}

//! What a record set must be like to stand where it is put.

use super::{
    Key, Leads, Reachable, Record, name,
    record::{KINDS, balancer_of},
};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The record sets of a zone.
pub(super) type Records = BTreeMap<Key, Record>;

/// The record sets of one name and type.
pub(super) fn group<'a>(
    records: &'a Records,
    name: &str,
    kind: &str,
) -> impl Iterator<Item = &'a Record> {
    let (order, of) = (name::order(name), kind.to_owned());
    let first = Key {
        order: order.clone(),
        kind: of.clone(),
        identifier: String::new(),
    };
    records
        .range(first..)
        .take_while(move |(key, _)| key.order == order && key.kind == of)
        .map(|(_, record)| record)
}

/// Why a record set cannot be put into a zone as it now is, in AWS's words; nothing when it can.
pub(super) fn placing(
    zone: &str,
    records: &Records,
    record: &Record,
    reachable: &Reachable,
) -> Option<String> {
    let Record { name, kind, .. } = record;
    if !name::is_in(name, zone) {
        return Some(format!(
            "RRSet with DNS name {name} is not permitted in zone {zone}"
        ));
    }
    mixed(records, record)
        .or_else(|| beside_a_cname(zone, records, record))
        .or_else(|| match &record.leads {
            Leads::Values { values, .. } => values_of(kind, name, values),
            Leads::Alias { zone, target, .. } => aliased(record, zone, target, reachable),
        })
}

/// Simple and weighted record sets do not stand under one name and type.
fn mixed(records: &Records, record: &Record) -> Option<String> {
    let Record { name, kind, .. } = record;
    let others = group(records, name, kind).filter(|other| other.key() != record.key());
    let others: Vec<&Record> = others.collect();
    match record.identifier() {
        None if !others.is_empty() => Some(format!(
            "RRSet with DNS name {name}, type {kind} cannot be created as other RRSets exist with the same name and type."
        )),
        Some(identifier) if others.iter().any(|other| other.weighted.is_none()) => Some(format!(
            "RRSet with DNS name {name}, type {kind}, SetIdentifier {identifier} cannot be created as a non-weighted set \
             exists with the same name and type."
        )),
        _ => None,
    }
}

/// A name with a CNAME has nothing else, and a zone's own name has none.
fn beside_a_cname(zone: &str, records: &Records, record: &Record) -> Option<String> {
    let Record { name, kind, .. } = record;
    let is_cname = kind == "CNAME";
    if is_cname && name == zone {
        return Some(format!(
            "RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {zone}"
        ));
    }
    let mut others = KINDS.split_whitespace();
    let clash = others.any(|other| {
        other != kind
            && (is_cname || other == "CNAME")
            && group(records, name, other).next().is_some()
    });
    clash.then(|| {
        if is_cname {
            format!(
                "RRSet of type CNAME with DNS name {name} is not permitted as it conflicts with other records with the \
                 same DNS name in zone {zone}"
            )
        } else {
            format!(
                "RRSet of type {kind} with DNS name {name} is not permitted because a conflicting RRSet of type CNAME with \
                 the same DNS name already exists in zone {zone}"
            )
        }
    })
}

fn values_of(kind: &str, name: &str, values: &[String]) -> Option<String> {
    let mut seen = values.iter().enumerate();
    if let Some((_, twice)) = seen.find(|(at, value)| values[..*at].contains(value)) {
        return Some(format!("Duplicate Resource Record: '{twice}'"));
    }
    if matches!(kind, "CNAME" | "SOA") && values.len() > 1 {
        return Some(format!(
            "RRSet of type {kind} with DNS name {name} must contain exactly one resource record"
        ));
    }
    let illegal = |code: &str, what: &str, value: &str| {
        format!(
            "Invalid Resource Record: 'FATAL problem: {code} ({what}) encountered with '{value}''"
        )
    };
    values.iter().find_map(|value| match kind {
        "A" if value.parse::<Ipv4Addr>().is_err() => Some(illegal(
            "ARRDATAIllegalIPv4Address",
            "Value is not a valid IPv4 address",
            value,
        )),
        "AAAA" if value.parse::<Ipv6Addr>().is_err() => Some(illegal(
            "AAAARRDATAIllegalIPv6Address",
            "Value is not a valid IPv6 address",
            value,
        )),
        "CNAME" | "NS" | "PTR" if name::kept(value).is_none() => Some(illegal(
            "InvalidDomainName",
            "Value is not a valid domain name",
            value,
        )),
        "TXT" | "SPF" if !(value.starts_with('"') && value.ends_with('"') && value.len() > 1) => {
            Some(illegal(
                "InvalidCharacterString",
                "Value should be enclosed in quotation marks",
                value,
            ))
        }
        _ => None,
    })
}

fn aliased(record: &Record, zone: &str, target: &str, reachable: &Reachable) -> Option<String> {
    let kind = &record.kind;
    let why = if !matches!(kind.as_str(), "A" | "AAAA") {
        "but the alias target name does not lie within the target zone"
    } else if !reachable.has_balancer(zone, balancer_of(target)) {
        "but that target was not found"
    } else {
        return None;
    };
    Some(format!(
        "Tried to create an alias that targets {target}, type {kind} in zone {zone}, {why}"
    ))
}

/// Why the record sets of one name and type cannot stand together, once all changes are made.
pub(super) fn together(records: &Records, name: &str, kind: &str) -> Option<String> {
    let plain = |record: &&Record| matches!(record.leads, Leads::Values { .. });
    let group = group(records, name, kind).filter(plain);
    let sets: Vec<&Record> = group.collect();
    let other = sets.iter().find(|set| set.ttl() != sets[0].ttl())?;
    let identifier = other.identifier().unwrap_or_default();
    Some(format!(
        "RRSet with DNS name {name} and type {kind}, SetIdentifier {identifier} cannot be created as weighted sets must \
         contain the same TTL."
    ))
}

/// A zone keeps its own SOA and NS records.
pub(super) fn zone_stands(zone: &str, records: &Records) -> Option<String> {
    let has = |kind: &str| group(records, zone, kind).next().is_some();
    if !has("SOA") {
        return Some("A HostedZone must contain exactly one SOA record.".into());
    }
    (!has("NS"))
        .then(|| "A HostedZone must contain at least one NS record for the zone itself.".into())
}

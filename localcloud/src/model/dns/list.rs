//! Lists of zones and of record sets, a page at a time.

use super::{Key, name, record::KINDS, zone_id};
use crate::model::{Fault, Tree, args::Args, state::State};

/// Most zones and most record sets of a page; more may be asked for and are not given.
const MOST_ZONES: usize = 100;
const MOST_RECORDS: usize = 300;

/// How many are wanted, and as it is said back.
fn wanted(args: &Args<'_>, most: usize) -> Result<(usize, Tree), Fault> {
    let given = args.int_in("MaxItems", 1..=i64::MAX)?;
    let size = given.and_then(|size| usize::try_from(size).ok());
    let size = size.unwrap_or(most).min(most);
    Ok((size, Tree::from(size.to_string())))
}

pub(super) fn zones(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let (size, said) = wanted(args, MOST_ZONES)?;
    let marker = args.maybe_text("Marker")?.map(zone_id);
    if let Some(unknown) = marker.filter(|id| !state.dns.zones.contains_key(*id)) {
        return Err(args.invalid("Marker", unknown, "No hosted zone has this id."));
    }
    let from = marker.unwrap_or_default().to_owned();
    let mut zones = state.dns.zones.range(from..);
    let shown = zones.by_ref().take(size);
    let shown: Vec<Tree> = shown.map(|(id, zone)| zone.tree(id)).collect();
    let next = zones.next().map(|(id, _)| id);
    Ok(Tree::new()
        .put("HostedZones", shown)
        .put_some("Marker", marker)
        .put("IsTruncated", next.is_some())
        .put_some("NextMarker", next)
        .put("MaxItems", said))
}

pub(super) fn zones_by_name(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let (size, said) = wanted(args, MOST_ZONES)?;
    let given = args.maybe_text("DNSName")?;
    let id = args.maybe_text("HostedZoneId")?.map(zone_id);
    if given.is_none() && id.is_some() {
        return Err(args.missing("DNSName"));
    }
    let from = given
        .map(|given| domain(args, "DNSName", given))
        .transpose()?;
    let from = (from.as_deref().map(name::order), id.map(ToOwned::to_owned));
    let from = (from.0.unwrap_or_default(), from.1.unwrap_or_default());
    let zones = state.dns.zones.iter();
    let sorted = zones.map(|(id, zone)| ((name::order(&zone.name), id.clone()), zone));
    let mut sorted: Vec<_> = sorted.filter(|(place, _)| *place >= from).collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let next = sorted.get(size);
    let shown = sorted.iter().take(size);
    let shown: Vec<Tree> = shown.map(|((_, id), zone)| zone.tree(id)).collect();
    Ok(Tree::new()
        .put("HostedZones", shown)
        .put_some("DNSName", given)
        .put_some("HostedZoneId", id)
        .put("IsTruncated", next.is_some())
        .put_some("NextDNSName", next.map(|(_, zone)| &zone.name))
        .put_some("NextHostedZoneId", next.map(|((_, id), _)| id))
        .put("MaxItems", said))
}

pub(super) fn records(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let (size, said) = wanted(args, MOST_RECORDS)?;
    let from = start(args)?;
    let zone = state.dns.zone(zone_id(args.text("HostedZoneId")?))?;
    let mut records = zone.records.range(from..).map(|(_, record)| record);
    let shown: Vec<Tree> = records
        .by_ref()
        .take(size)
        .map(super::Record::tree)
        .collect();
    let next = records.next();
    Ok(Tree::new()
        .put("ResourceRecordSets", shown)
        .put("IsTruncated", next.is_some())
        .put_some("NextRecordName", next.map(|record| &record.name))
        .put_some("NextRecordType", next.map(|record| &record.kind))
        .put_some(
            "NextRecordIdentifier",
            next.and_then(|record| record.identifier()),
        )
        .put("MaxItems", said))
}

/// The place in the order at which a page begins.
fn start(args: &Args<'_>) -> Result<Key, Fault> {
    let name = args.maybe_text("StartRecordName")?;
    let kind = args.word("StartRecordType", KINDS)?;
    let identifier = args.maybe_text("StartRecordIdentifier")?;
    if (kind.is_some() && name.is_none()) || (identifier.is_some() && kind.is_none()) {
        return Err(Fault::new("InvalidInput", "The input is not valid."));
    }
    let name = name
        .map(|given| domain(args, "StartRecordName", given))
        .transpose()?;
    Ok(Key {
        order: name.as_deref().map(name::order).unwrap_or_default(),
        kind: kind.unwrap_or_default().to_owned(),
        identifier: identifier.unwrap_or_default().to_owned(),
    })
}

fn domain(args: &Args<'_>, parameter: &str, given: &str) -> Result<String, Fault> {
    name::kept(given).ok_or_else(|| args.invalid(parameter, given, "The domain name is not valid."))
}

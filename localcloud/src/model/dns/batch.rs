//! `ChangeResourceRecordSets`: a batch of changes of which all are made or none.

use super::{
    Reachable, Record, changes,
    check::{self, Records},
    record, zone_id,
};
use crate::model::{Fault, Tree, args::Args, regions::Lent, state::State};
use std::collections::{BTreeMap, BTreeSet};

/// `ResourceRecord` elements of one request, those of an `UPSERT` counted twice ("Quotas", "`ChangeResourceRecordSets`").
const MOST: usize = 1000;

struct Change<'a> {
    action: &'a str,
    record: Record,
}

pub(super) fn change(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let id = zone_id(args.text("HostedZoneId")?);
    let zone = state.dns.zone(id)?.clone();
    let batch = args.map("ChangeBatch")?;
    let batch = batch.ok_or_else(|| args.missing("ChangeBatch"))?;
    batch.only("Comment Changes")?;
    let batch_changes = read(&batch)?;
    let reachable = match &state.lent {
        Some(Lent::Reachable(reachable)) => reachable,
        _ => &Reachable::default(),
    };
    let records = apply(&zone.name, zone.records, &batch_changes, reachable)?;
    let (info, settles) = changes::submit(state, batch.maybe_text("Comment")?);
    let times = (state.now, settles);
    let zone = state.dns.zone(id)?;
    zone.records = records;
    for (name, kind) in touched(&batch_changes) {
        let group = zone.group(name, kind);
        zone.past.note(name, kind, group, times);
    }
    Ok(Tree::new().put("ChangeInfo", info))
}

fn read<'a>(batch: &Args<'a>) -> Result<Vec<Change<'a>>, Fault> {
    let given = batch.maps("Changes")?;
    if given.is_empty() {
        return Err(batch.missing("Changes"));
    }
    let mut all = Vec::new();
    let mut elements = 0;
    for change in given {
        change.only("Action ResourceRecordSet")?;
        let action = change.word("Action", "CREATE DELETE UPSERT")?;
        let action = action.ok_or_else(|| change.missing("Action"))?;
        let set = change.map("ResourceRecordSet")?;
        let set = set.ok_or_else(|| change.missing("ResourceRecordSet"))?;
        let values = set.list("ResourceRecords")?.len();
        elements += values * if action == "UPSERT" { 2 } else { 1 };
        let record = record::read(&set, action)?;
        all.push(Change { action, record });
    }
    if elements > MOST || all.len() > MOST {
        let why = format!("Number of records limit of {MOST} exceeded.");
        return Err(refused(&[why]));
    }
    Ok(all)
}

/// The names and types that a batch changes something of.
fn touched<'a>(batch: &'a [Change<'_>]) -> BTreeSet<(&'a str, &'a str)> {
    let records = batch.iter().map(|change| &change.record);
    records
        .map(|record| (record.name.as_str(), record.kind.as_str()))
        .collect()
}

/// The record sets of a zone after a batch, or everything that is wrong with it.
fn apply(
    zone: &str,
    mut records: Records,
    batch: &[Change<'_>],
    reachable: &Reachable,
) -> Result<Records, Fault> {
    let mut wrong = repeated(batch);
    for change in batch {
        wrong.extend(one(zone, &mut records, change, reachable));
    }
    if wrong.is_empty() {
        let groups = touched(batch).into_iter();
        wrong.extend(groups.filter_map(|(name, kind)| check::together(&records, name, kind)));
        wrong.extend(check::zone_stands(zone, &records));
    }
    if wrong.is_empty() {
        return Ok(records);
    }
    Err(refused(&wrong))
}

/// A record set is changed once in a batch, but that one may be deleted and made anew.
fn repeated(batch: &[Change<'_>]) -> Vec<String> {
    let mut actions: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for change in batch {
        let of = actions.entry(change.record.key()).or_default();
        of.push(change.action);
        if *of != ["DELETE", "CREATE"] && of.len() > 1 {
            let Record { name, kind, .. } = &change.record;
            return vec![format!(
                "The request contains an invalid set of changes for a resource record set '{kind} {name}'"
            )];
        }
    }
    Vec::new()
}

fn one(
    zone: &str,
    records: &mut Records,
    Change { action, record }: &Change<'_>,
    reachable: &Reachable,
) -> Option<String> {
    let key = record.key();
    let named = record.named();
    match (*action, records.get(&key)) {
        ("DELETE", None) => {
            return Some(format!(
                "Tried to delete resource record set {named} but it was not found"
            ));
        }
        ("DELETE", Some(there)) if !there.is(record) => {
            return Some(format!(
                "Tried to delete resource record set {named} but the values provided do not match the current values"
            ));
        }
        ("DELETE", Some(_)) => {
            records.remove(&key);
            return None;
        }
        ("CREATE", Some(_)) => {
            return Some(format!(
                "Tried to create resource record set {named} but it already exists"
            ));
        }
        _ => {}
    }
    let why = check::placing(zone, records, record, reachable);
    records.insert(key, record.clone());
    why
}

/// All that is wrong in one message, as the service gives it today.
fn refused(wrong: &[String]) -> Fault {
    Fault::new("InvalidChangeBatch", format!("[{}]", wrong.join(", ")))
}

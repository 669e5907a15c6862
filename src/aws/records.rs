//! Weighted records of Route 53.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, ChangeInfo, ChangeStatus, HostedZoneConfig,
    ResourceRecordSet, RrType,
};

use super::Aws;
use super::error::failed;
use crate::cloud::{
    Action, Error, HostedZone, HostedZoneId, Kind, Names, Record, RecordPlace, RecordRest, Records,
    Result, RulePlace, plain_host, plain_name,
};

/// How long an answer with the addresses of a load balancer may be kept ("Choosing between alias and non-alias records").
const OF_ALIAS: Duration = Duration::from_mins(1);

/// So many pages of a zone are looked at for a note, of 300 records each: at the five requests a second that Route 53 answers an
/// account, two seconds.
const PAGES: usize = 10;

/// The last change of the records of each name and type that this process has made, by its id.
#[derive(Debug, Default)]
pub(super) struct Changes(Mutex<BTreeMap<Place, String>>);

/// Zone, name and type.
type Place = (HostedZoneId, String, String);

fn key(place: &RecordPlace) -> Place {
    (place.zone.clone(), place.name.clone(), place.kind.clone())
}

impl Changes {
    /// Notes a change, or that nobody knows its id.
    fn note(&self, place: &RecordPlace, change: Option<&str>) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match change {
            Some(change) => last.insert(key(place), change.to_owned()),
            None => last.remove(&key(place)),
        };
    }

    fn last(&self, place: &RecordPlace) -> Option<String> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.get(&key(place)).cloned()
    }
}

impl Records for Aws {
    async fn zones_named(&self, name: &str) -> Result<Vec<HostedZone>> {
        let name = plain_name(name);
        let mut all = Vec::new();
        let mut from = (Some(name.clone()), None);
        loop {
            let call = self.route53().await.list_hosted_zones_by_name();
            let answer = call
                .set_dns_name(from.0)
                .set_hosted_zone_id(from.1)
                .send()
                .await;
            let answer = answer.map_err(|error| failed("ListHostedZonesByName", error))?;
            let zones: Vec<HostedZone> = answer.hosted_zones().iter().map(zone_of).collect();
            // They come in the order of their names, the one that is asked for first.
            let is_past = zones.iter().any(|zone| zone.name != name);
            all.extend(zones.into_iter().filter(|zone| zone.name == name));
            if is_past || !answer.is_truncated() {
                return Ok(all);
            }
            let next = |text: Option<&str>| text.map(ToOwned::to_owned);
            from = (
                next(answer.next_dns_name()),
                next(answer.next_hosted_zone_id()),
            );
        }
    }

    async fn zone(&self, id: &HostedZoneId) -> Result<Option<HostedZone>> {
        let call = self.route53().await.get_hosted_zone();
        let answer = call.id(id.as_str()).send().await;
        match answer.map_err(|error| failed("GetHostedZone", error)) {
            Err(error) if error.is_not_found() => Ok(None),
            answer => Ok(answer?.hosted_zone().map(zone_of)),
        }
    }

    async fn records(&self, zone: &HostedZoneId, name: &str) -> Result<Vec<Record>> {
        let (sets, _) = self.record_sets(zone, Some(name), usize::MAX).await?;
        Ok(sets.iter().map(record_of).collect())
    }

    async fn names_to(&self, zone: &HostedZoneId, hosts: &[String]) -> Result<Names> {
        let (sets, is_whole) = self.record_sets(zone, None, PAGES).await?;
        let leads = |set: &&ResourceRecordSet| {
            let host = record_of(set).host;
            host.is_some_and(|host| hosts.contains(&host))
        };
        let leading = sets.iter().filter(leads);
        Ok(Names {
            found: leading.map(|set| plain_name(set.name())).collect(),
            looked_at: (!is_whole).then_some(sets.len()),
        })
    }

    async fn is_spread(&self, place: &RulePlace) -> Result<bool> {
        let changes = &self.services.changes;
        let last = place.record().and_then(|one| changes.last(one));
        let Some(change) = last else {
            return Ok(true);
        };
        let call = self.route53().await.get_change();
        let answer = call.id(change).send().await;
        let answer = answer.map_err(|error| failed("GetChange", error))?;
        let info = answer.change_info();
        Ok(info.is_some_and(|info| *info.status() == ChangeStatus::Insync))
    }
}

impl Aws {
    /// The record sets of a name, of whatever type, or of the whole zone, and whether these are all: no more than so many pages are
    /// read. They come in the order of their names, by labels from the right.
    async fn record_sets(
        &self,
        zone: &HostedZoneId,
        name: Option<&str>,
        pages: usize,
    ) -> Result<(Vec<ResourceRecordSet>, bool)> {
        let name = name.map(plain_name);
        let is_own = |set: &ResourceRecordSet| {
            let own = name.as_deref();
            own.is_none_or(|name| plain_name(set.name()) == name)
        };
        let mut all = Vec::new();
        let mut from = (name.clone(), None, None);
        for _ in 0..pages {
            let call = self.route53().await.list_resource_record_sets();
            let answer = call
                .hosted_zone_id(zone.as_str())
                .set_start_record_name(from.0)
                .set_start_record_type(from.1)
                .set_start_record_identifier(from.2)
                .send()
                .await;
            let answer = answer.map_err(|error| failed("ListResourceRecordSets", error))?;
            let sets = answer.resource_record_sets().iter();
            let (own, others): (Vec<_>, Vec<_>) = sets.cloned().partition(is_own);
            all.extend(own);
            if !others.is_empty() || !answer.is_truncated() {
                return Ok((all, true));
            }
            from = (
                answer.next_record_name().map(ToOwned::to_owned),
                answer.next_record_type().cloned(),
                answer.next_record_identifier().map(ToOwned::to_owned),
            );
        }
        Ok((all, false))
    }

    /// What the records of a place do; `None` when there are none.
    pub(super) async fn actions_of_records(
        &self,
        place: &RecordPlace,
    ) -> Result<Option<Vec<Action>>> {
        match self.records(&place.zone, &place.name).await {
            Err(error) if error.is_not_found() => Ok(None),
            records => Ok(place.actions(&records?)),
        }
    }

    /// Gives the records of a place other weights, all at once. Each is deleted as it was read and made anew in the same batch, which goes through
    /// as a whole or not at all: whoever writes in between is never written over ("`API_ChangeResourceRecordSets`").
    pub(super) async fn write_records(
        &self,
        place: &RecordPlace,
        from: &[Action],
        to: &[Action],
    ) -> Result<()> {
        const CALL: &str = "ChangeResourceRecordSets";
        let refused = |text: &str| Error {
            kind: Kind::Invalid,
            ..Error::blocked(CALL, text)
        };
        let weights = place.weights(to);
        let weights = weights.ok_or_else(|| refused("no records can do that"))?;
        let (sets, _) = self
            .record_sets(&place.zone, Some(&place.name), usize::MAX)
            .await?;
        let read: Vec<Record> = sets.iter().map(record_of).collect();
        if place.actions(&read).as_deref() != Some(from) {
            let text = "the records are not as they were looked at";
            return Err(Error::blocked(CALL, text));
        }
        let changes = changes_of(&sets, &place.kind, &weights)?;
        if changes.is_empty() {
            return Ok(());
        }
        let batch = ChangeBatch::builder().set_changes(Some(changes)).build();
        let batch = batch.map_err(|_| Error::malformed(CALL, "change"))?;
        self.services.changes.note(place, None);
        let call = self.route53().await.change_resource_record_sets();
        let answer = call
            .hosted_zone_id(place.zone.as_str())
            .change_batch(batch)
            .send()
            .await;
        match answer.map_err(|error| failed(CALL, error)) {
            // A batch that does not fit what is there may be the second try of one that went through, and whose answer was lost.
            Err(error) if error.code.as_deref() == Some("InvalidChangeBatch") => {
                match self.actions_of_records(place).await? {
                    Some(now) if now == to => Ok(()),
                    _ => Err(error),
                }
            }
            answer => {
                let answer = answer?;
                let change = answer.change_info().map(ChangeInfo::id);
                self.services.changes.note(place, change);
                Ok(())
            }
        }
    }
}

/// What gives records of a type other weights: each goes as it was read, before what takes its place.
fn changes_of(
    sets: &[ResourceRecordSet],
    kind: &str,
    weights: &BTreeMap<&str, u32>,
) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    for set in sets.iter().filter(|set| set.r#type().as_str() == kind) {
        let weight = set.set_identifier().and_then(|name| weights.get(name));
        let weight = weight.map(|weight| i64::from(*weight));
        if weight == set.weight() {
            continue;
        }
        let mut next = set.clone();
        next.weight = weight;
        changes.push(change(ChangeAction::Delete, set.clone())?);
        changes.push(change(ChangeAction::Create, next)?);
    }
    changes.sort_by_key(|one| *one.action() != ChangeAction::Delete);
    Ok(changes)
}

fn change(action: ChangeAction, set: ResourceRecordSet) -> Result<Change> {
    let change = Change::builder().action(action).resource_record_set(set);
    change
        .build()
        .map_err(|_| Error::malformed("ChangeResourceRecordSets", "record set"))
}

fn zone_of(zone: &aws_sdk_route53::types::HostedZone) -> HostedZone {
    let id = zone.id().rsplit('/').next().unwrap_or_default();
    HostedZone {
        id: HostedZoneId::new(id),
        name: plain_name(zone.name()),
        private: zone.config().is_some_and(HostedZoneConfig::private_zone),
    }
}

fn record_of(set: &ResourceRecordSet) -> Record {
    let weight = set.weight().and_then(|weight| u32::try_from(weight).ok());
    let host = set.alias_target().map(|alias| plain_host(alias.dns_name()));
    let value = match (set.r#type(), set.resource_records()) {
        (RrType::Cname, [one]) => Some(plain_host(one.value())),
        _ => None,
    };
    let written = set.alias_target().map(|alias| alias.dns_name().to_owned());
    let written = written.or_else(|| Some(set.resource_records().first()?.value().to_owned()));
    let seconds = set.ttl().and_then(|seconds| u64::try_from(seconds).ok());
    let alias = set.alias_target();
    let alias = alias.map(|one| {
        (
            HostedZoneId::new(one.hosted_zone_id()),
            one.evaluate_target_health(),
        )
    });
    Record {
        kind: set.r#type().as_str().to_owned(),
        weighted: set.set_identifier().map(ToOwned::to_owned).zip(weight),
        host: host.or(value),
        ttl: seconds.map_or(OF_ALIAS, Duration::from_secs),
        rest: RecordRest {
            host: written.unwrap_or_default(),
            ttl: seconds,
            alias,
            health_check: set.health_check_id().map(ToOwned::to_owned),
        },
    }
}

//! Hosted zones, their record sets, and which answers somebody may be following.

use super::Tags;
use crate::model::{
    Model,
    dns::{Answered, Leads, Record},
};
use jiff::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneView {
    pub id: String,
    /// With its last dot.
    pub name: String,
    pub private: bool,
    pub tags: Tags,
}

/// A resource record set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordView {
    /// With its last dot.
    pub name: String,
    pub kind: String,
    /// The set identifier and weight of a weighted one.
    pub weighted: Option<(String, i64)>,
    /// In seconds; an alias has none.
    pub ttl: Option<i64>,
    pub values: Vec<String>,
    pub alias: Option<AliasView>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasView {
    /// `CanonicalHostedZoneId` of the load balancer.
    pub zone: String,
    pub target: String,
    pub evaluates_health: bool,
}

/// What is answered for a name and type, all record sets of it together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerView {
    /// A name server may give it now; else it is only kept by who asked before.
    pub is_given: bool,
    /// When nobody follows it any more; nothing for the present one.
    pub until: Option<Timestamp>,
    /// Empty where nothing is answered.
    pub pointers: Vec<PointerView>,
}

/// One value of a record set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointerView {
    pub identifier: Option<String>,
    /// The value, or the load balancer's own name, without a last dot.
    pub host: String,
    /// 0 to 255; 1 where it is not weighted.
    pub weight: i64,
}

impl AnswerView {
    /// Where somebody who follows it may be led: all that have a weight, or all where none has ("Weighted routing").
    pub fn reached(&self) -> impl Iterator<Item = &PointerView> {
        let none = self.pointers.iter().all(|pointer| pointer.weight == 0);
        let pointers = self.pointers.iter();
        pointers.filter(move |pointer| none || pointer.weight > 0)
    }
}

impl Model {
    /// The moment that the model has come to.
    pub fn view_now(&self) -> Timestamp {
        self.state.now
    }

    pub fn view_zones(&self) -> Vec<ZoneView> {
        let zones = self.state.dns.zones.iter();
        let view = zones.map(|(id, zone)| ZoneView {
            id: id.clone(),
            name: zone.name.clone(),
            private: zone.vpc.is_some(),
            tags: zone.tags.clone(),
        });
        view.collect()
    }

    /// The record sets of a zone, as the API lists them.
    pub fn view_records(&self, zone: &str) -> Vec<RecordView> {
        let zone = self.state.dns.zones.get(zone);
        let records = zone.into_iter().flat_map(|zone| zone.records.values());
        records.map(RecordView::from).collect()
    }

    /// Every answer for a name and type of a zone that somebody may follow at this moment, the oldest first: what name
    /// servers may give, which while a change is not yet everywhere are the old and the new one, and what was given before
    /// until its TTL is over.
    pub fn view_answers(
        &self,
        zone: &str,
        name: &str,
        kind: &str,
        at: Timestamp,
    ) -> Vec<AnswerView> {
        let name = format!("{}.", name.trim_end_matches('.').to_ascii_lowercase());
        let Some(zone) = self.state.dns.zones.get(zone) else {
            return Vec::new();
        };
        let answers = zone.past.followed(&name, kind, at).into_iter();
        answers.map(|answer| view(&answer)).collect()
    }
}

fn view(answer: &Answered<'_>) -> AnswerView {
    let pointers = answer.records.iter().flat_map(|record| {
        let (identifier, weight) = record.weighted.clone().unzip();
        let pointer = move |host: &str| PointerView {
            identifier: identifier.clone(),
            host: host.to_owned(),
            weight: weight.unwrap_or(1),
        };
        record.hosts().into_iter().map(pointer)
    });
    AnswerView {
        is_given: answer.is_given,
        until: answer.until,
        pointers: pointers.collect(),
    }
}

impl From<&Record> for RecordView {
    fn from(record: &Record) -> Self {
        let view = Self {
            name: record.name.clone(),
            kind: record.kind.clone(),
            weighted: record.weighted.clone(),
            ..Self::default()
        };
        match &record.leads {
            Leads::Values { ttl, values } => Self {
                ttl: Some(*ttl),
                values: values.clone(),
                ..view
            },
            Leads::Alias {
                zone,
                target,
                evaluates_health,
            } => Self {
                alias: Some(AliasView {
                    zone: zone.clone(),
                    target: target.clone(),
                    evaluates_health: *evaluates_health,
                }),
                ..view
            },
        }
    }
}

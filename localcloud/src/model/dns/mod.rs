//! Route 53: hosted zones with their record sets, simple and weighted ones, and how long a change takes to be everywhere.
//!
//! The API shows a change at once. Name servers take it on somewhere between then and its `INSYNC`, and whoever asked them
//! before keeps the answer for its TTL: `past` knows what is still followed. What a name server says is the business
//! of `answer`, and which record it gives that of `choice`. Health checks, other kinds of routing and aliases of anything but load
//! balancers are refused by name.

mod aliases;
mod answer;
mod batch;
mod changes;
mod check;
mod choice;
mod list;
mod name;
mod past;
mod plant;
mod record;
mod tags;
mod zones;

use super::{Config, Fault, Service, actions::Action, ids::Ids, tags::Tags};
use changes::Submitted;
use past::Past;
use std::collections::BTreeMap;

pub(super) use aliases::Reachable;
pub use answer::{Asked, Code, Given, Said};
pub use name::{labels, read};
pub(super) use past::Answered;
pub(super) use record::{Key, Leads, Record};

pub(super) const ACTIONS: &[Action] = &[
    Action::new(
        Service::Route53,
        "CreateHostedZone",
        "Name CallerReference HostedZoneConfig VPC",
        zones::create,
    ),
    Action::new(Service::Route53, "DeleteHostedZone", "Id", zones::delete),
    Action::new(Service::Route53, "GetHostedZone", "Id", zones::get),
    Action::new(
        Service::Route53,
        "ListHostedZones",
        "Marker MaxItems",
        list::zones,
    ),
    Action::new(
        Service::Route53,
        "ListHostedZonesByName",
        "DNSName HostedZoneId MaxItems",
        list::zones_by_name,
    ),
    Action::new(
        Service::Route53,
        "ListResourceRecordSets",
        "HostedZoneId StartRecordName StartRecordType StartRecordIdentifier MaxItems",
        list::records,
    ),
    Action::new(
        Service::Route53,
        "ChangeResourceRecordSets",
        "HostedZoneId ChangeBatch",
        batch::change,
    ),
    Action::new(Service::Route53, "GetChange", "Id", changes::get),
    Action::new(
        Service::Route53,
        "ChangeTagsForResource",
        "ResourceType ResourceId AddTags RemoveTagKeys",
        tags::change,
    ),
    Action::new(
        Service::Route53,
        "ListTagsForResource",
        "ResourceType ResourceId",
        tags::list,
    ),
];

/// The account's zones and what was changed in them.
#[derive(Clone, Debug)]
pub(super) struct Dns {
    pub(super) zones: BTreeMap<String, Zone>,
    changes: BTreeMap<String, Submitted>,
    /// A stream of its own, so that zones do not change which ids the rest of the account gets.
    ids: Ids,
    /// Another one, for what name servers draw.
    draws: Ids,
}

#[derive(Clone, Debug)]
pub(super) struct Zone {
    /// With its last dot.
    pub(super) name: String,
    reference: String,
    comment: Option<String>,
    /// Id and region of the VPC that a private one answers in.
    pub(super) vpc: Option<(String, String)>,
    pub(super) records: BTreeMap<Key, Record>,
    pub(super) past: Past,
    pub(super) tags: Tags,
}

impl Dns {
    pub(super) fn seeded(config: &Config) -> Self {
        Self {
            zones: BTreeMap::new(),
            changes: BTreeMap::new(),
            ids: Ids::new(config.seed ^ u64::from_be_bytes(*b"route 53")),
            draws: Ids::new(config.seed ^ u64::from_be_bytes(*b"answered")),
        }
    }

    /// Twenty capitals and digits after a letter.
    fn id(&mut self, letter: char) -> String {
        let drawn = self.ids.uuid().replace('-', "").to_uppercase();
        format!("{letter}{}", &drawn[..20])
    }

    fn zone(&mut self, id: &str) -> Result<&mut Zone, Fault> {
        let zone = self.zones.get_mut(id);
        zone.ok_or_else(|| {
            Fault::new(
                "NoSuchHostedZone",
                format!("No hosted zone found with ID: {id}"),
            )
            .with_status(404)
        })
    }
}

impl Zone {
    /// The record sets of one name and type.
    fn group(&self, name: &str, kind: &str) -> Vec<Record> {
        check::group(&self.records, name, kind).cloned().collect()
    }
}

/// An id with or without what answers have before it.
fn zone_id(given: &str) -> &str {
    given.strip_prefix("/hostedzone/").unwrap_or(given)
}

//! Resource record sets: how they are read, compared and shown.

use super::name;
use crate::model::{Fault, Tree, args::Args, elb};

/// The types that records have (`Type` of `ResourceRecordSet`).
pub(super) const KINDS: &str =
    "A AAAA CAA CNAME DS HTTPS MX NAPTR NS PTR SOA SPF SRV SSHFP SVCB TLSA TXT";
/// Seconds for which an answer that comes from a load balancer's alias is kept by who has it ("TTL" of "Choosing between
/// alias and non-alias records").
pub(super) const ALIAS_TTL: i64 = 60;

/// What one record set is known by, in the order of lists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::model) struct Key {
    pub(super) order: String,
    pub(super) kind: String,
    pub(super) identifier: String,
}

/// One resource record set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) struct Record {
    pub(in crate::model) name: String,
    pub(in crate::model) kind: String,
    /// Of a weighted one, with its weight.
    pub(in crate::model) weighted: Option<(String, i64)>,
    pub(in crate::model) leads: Leads,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) enum Leads {
    Values {
        ttl: i64,
        values: Vec<String>,
    },
    /// What a load balancer's name is answered with.
    Alias {
        /// The hosted zone that all load balancers of a type and region share.
        zone: String,
        target: String,
        evaluates_health: bool,
    },
}

impl Record {
    /// A record set of plain values.
    pub(super) fn plain(name: &str, kind: &str, ttl: i64, values: Vec<String>) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            weighted: None,
            leads: Leads::Values { ttl, values },
        }
    }

    pub(super) fn key(&self) -> Key {
        Key {
            order: name::order(&self.name),
            kind: self.kind.clone(),
            identifier: self.identifier().unwrap_or_default().to_owned(),
        }
    }

    pub(super) fn identifier(&self) -> Option<&str> {
        self.weighted
            .as_ref()
            .map(|(identifier, _)| identifier.as_str())
    }

    /// Seconds for which an answer is kept by who has it.
    pub(super) fn ttl(&self) -> i64 {
        match self.leads {
            Leads::Values { ttl, .. } => ttl,
            Leads::Alias { .. } => ALIAS_TTL,
        }
    }

    /// The names and addresses that it leads to, without a last dot.
    pub(in crate::model) fn hosts(&self) -> Vec<&str> {
        match &self.leads {
            Leads::Values { values, .. } => {
                let values = values.iter();
                values.map(|value| value.trim_end_matches('.')).collect()
            }
            Leads::Alias { target, .. } => vec![balancer_of(target)],
        }
    }

    /// Whether a record set is told to be deleted as it is; the order of its values does not count.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.sorted() == other.sorted()
    }

    fn sorted(&self) -> Self {
        let mut record = self.clone();
        if let Leads::Values { values, .. } = &mut record.leads {
            values.sort();
        }
        record
    }

    /// `[name='…', type='…']`, as refusals name it.
    pub(super) fn named(&self) -> String {
        let identifier = self.identifier();
        let identifier = identifier.map(|id| format!(", set identifier='{id}'"));
        format!(
            "[name='{}', type='{}'{}]",
            self.name,
            self.kind,
            identifier.unwrap_or_default()
        )
    }

    pub(super) fn tree(&self) -> Tree {
        let (identifier, weight) = self.weighted.clone().unzip();
        let tree = Tree::new()
            .put("Name", &self.name)
            .put("Type", &self.kind)
            .put_some("SetIdentifier", identifier)
            .put_some("Weight", weight);
        match &self.leads {
            Leads::Values { ttl, values } => {
                let value = |value: &String| Tree::new().put("Value", value);
                let values: Vec<Tree> = values.iter().map(value).collect();
                tree.put("TTL", *ttl).put("ResourceRecords", values)
            }
            Leads::Alias {
                zone,
                target,
                evaluates_health,
            } => {
                let alias = Tree::new()
                    .put("HostedZoneId", zone)
                    .put("DNSName", target)
                    .put("EvaluateTargetHealth", *evaluates_health);
                tree.put("AliasTarget", alias)
            }
        }
    }
}

/// The name of the load balancer that an alias names: every one has its name with `dualstack.` before it too.
pub(super) fn balancer_of(target: &str) -> &str {
    let target = target.trim_end_matches('.');
    target.strip_prefix("dualstack.").unwrap_or(target)
}

/// Reads `ResourceRecordSet`; what is done with it is told in refusals.
pub(super) fn read(args: &Args<'_>, action: &str) -> Result<Record, Fault> {
    args.only("Name Type SetIdentifier Weight TTL ResourceRecords AliasTarget")?;
    let given = args.text("Name")?;
    let name = name::kept(given)
        .ok_or_else(|| args.invalid("Name", given, "The domain name is not valid."))?;
    let kind = args.word("Type", KINDS)?;
    let kind = kind.ok_or_else(|| args.missing("Type"))?;
    let refused = |why: String| {
        let identifier = args.maybe_text("SetIdentifier").ok().flatten();
        let identifier = identifier.unwrap_or("null");
        let text = format!(
            "Invalid request: {why} in Change with [Action={action}, Name={name}, Type={kind}, SetIdentifier={identifier}]"
        );
        Fault::new("InvalidInput", text)
    };
    Ok(Record {
        weighted: weighted(args, &refused)?,
        leads: leads(args, &refused)?,
        kind: kind.to_owned(),
        name,
    })
}

fn weighted(
    args: &Args<'_>,
    refused: &dyn Fn(String) -> Fault,
) -> Result<Option<(String, i64)>, Fault> {
    let identifier = args.maybe_text("SetIdentifier")?;
    if let Some(given) = identifier.filter(|id| !(1..=128).contains(&id.chars().count())) {
        let why = "Member must have length between 1 and 128";
        return Err(args.invalid("SetIdentifier", given, why));
    }
    match (identifier, args.int_in("Weight", 0..=255)?) {
        (Some(identifier), Some(weight)) => Ok(Some((identifier.to_owned(), weight))),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(refused("Missing field 'SetIdentifier'".into())),
        (Some(_), None) => Err(refused(
            "Expected exactly one of [Weight, Region, Failover, GeoLocation, MultiValueAnswer, CidrRoutingConfig, or \
             GeoProximityLocation], but found none"
                .into(),
        )),
    }
}

fn leads(args: &Args<'_>, refused: &dyn Fn(String) -> Fault) -> Result<Leads, Fault> {
    let ttl = args.int_in("TTL", 0..=i64::from(i32::MAX))?;
    let records = args.maps("ResourceRecords")?;
    let one_of = |found: &str| {
        refused(format!(
            "Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but \
             found {found}"
        ))
    };
    match (args.map("AliasTarget")?, ttl, records.is_empty()) {
        (Some(alias), None, true) => alias_target(&alias),
        (Some(_), _, _) => Err(one_of("more than one")),
        (None, Some(ttl), false) => {
            let value = |record: &Args<'_>| {
                record.only("Value")?;
                record.text("Value").map(ToOwned::to_owned)
            };
            let values = records.iter().map(value).collect::<Result<_, _>>()?;
            Ok(Leads::Values { ttl, values })
        }
        (None, _, _) => Err(one_of("none")),
    }
}

fn alias_target(args: &Args<'_>) -> Result<Leads, Fault> {
    args.only("HostedZoneId DNSName EvaluateTargetHealth")?;
    let given = args.text("DNSName")?;
    let target = name::kept(given)
        .ok_or_else(|| args.invalid("DNSName", given, "The domain name is not valid."))?;
    let evaluates_health = args.flag("EvaluateTargetHealth")?;
    let zone = super::zone_id(args.text("HostedZoneId")?);
    if !elb::is_hosted_zone(zone) {
        let text = format!(
            "This cloud knows aliases of load balancers alone, not of {target} in zone {zone}."
        );
        return Err(Fault::new("NotImplemented", text).with_status(501));
    }
    Ok(Leads::Alias {
        zone: zone.to_owned(),
        target,
        evaluates_health: evaluates_health.ok_or_else(|| args.missing("EvaluateTargetHealth"))?,
    })
}

//! The instance types that the next group falls back to: which they are, and why one of them would be of no use.

use std::collections::BTreeSet;

use super::Refusal;
use crate::cloud::{Group, InstanceType, Mixed, Zone};
use crate::roll::facts::Facts;
use crate::roll::facts::types::Known;
use crate::source::{Diagnostic, Spanned};
use crate::template::service::Service;

/// Those that the file names, in their order.
fn of(service: &Service) -> &[Spanned<String>] {
    service.capacity.as_ref().map_or(&[], |one| one.types())
}

/// Their names; empty where the file names none.
pub(super) fn named(service: &Service) -> Vec<String> {
    of(service).iter().map(|kind| kind.value.clone()).collect()
}

/// The types of the next group: those of the file, else those of the group that it is made like. How many machines are spot is
/// that group's.
pub(super) fn mixed(service: &Service, like: Option<&Group>) -> Option<Mixed> {
    let before = like.and_then(|group| group.mixed.clone());
    let types = named(service);
    if types.is_empty() {
        return before;
    }
    let (base, percent) = before.map_or((0, 100), |mixed| {
        (mixed.on_demand_base, mixed.on_demand_percent)
    });
    Some(Mixed {
        types,
        on_demand_base: base,
        on_demand_percent: percent,
        in_order: true,
        of_types: Vec::new(),
    })
}

/// Whether the group falls back as the file says.
pub(super) fn are_of(service: &Service, group: &Group) -> bool {
    let types = named(service);
    let mixed = group.mixed.as_ref();
    types.is_empty() || mixed.is_some_and(|mixed| mixed.in_order && mixed.types == types)
}

/// Types that are not there, do not run the image, or cannot be had where the group is; and zones that have none of them.
pub(super) fn refuse(service: &Service, facts: &Facts, refused: &mut Vec<Refusal>) {
    let zones = facts.subnets.iter().map(|subnet| subnet.zone.clone());
    let ground = Where {
        region: &facts.region,
        zones: zones.collect(),
        known: &facts.types,
    };
    refused.extend(ground.objections(of(service), |known| known.unfit(&facts.image, "the image")));
}

/// Where the group is to be, and what can be had there.
struct Where<'a> {
    region: &'a str,
    /// Of its subnets.
    zones: BTreeSet<Zone>,
    known: &'a Known,
}

impl Where<'_> {
    fn objections(
        &self,
        types: &[Spanned<String>],
        unfit: impl Fn(&InstanceType) -> Vec<String>,
    ) -> Vec<Refusal> {
        let all = types.iter().flat_map(|kind| self.against(kind, &unfit));
        let all: Vec<_> = all.collect();
        let Some(first) = types.first().filter(|_| all.is_empty()) else {
            return all;
        };
        let offers = &self.known.offers;
        let has_one = |zone: &Zone| offers.iter().any(|offer| offer.zone == *zone);
        let bare = self.zones.iter().filter(|zone| !has_one(zone));
        bare.map(|zone| {
            let text =
                format!("none of these types can be had in {zone}, where the group has a subnet");
            let help = "add one that can, or leave the zone out by `set.subnets`";
            refusal(first, text, Some(help.to_owned()))
        })
        .collect()
    }

    fn against(
        &self,
        kind: &Spanned<String>,
        unfit: impl Fn(&InstanceType) -> Vec<String>,
    ) -> Vec<Refusal> {
        let mut known = self.known.types.iter();
        let Some(known) = known.find(|one| one.name == kind.value) else {
            let text = format!("{} has no instance type {kind}", self.region);
            return vec![refusal(kind, text, None)];
        };
        let unfit = unfit(known).into_iter();
        let mut all: Vec<_> = unfit.map(|text| refusal(kind, text, None)).collect();
        let offers = self.known.offers.iter();
        let there: BTreeSet<Zone> = offers
            .filter(|offer| offer.instance_type == kind.value)
            .map(|offer| offer.zone.clone())
            .collect();
        if !self.zones.is_empty() && there.is_disjoint(&self.zones) {
            let text = format!("{kind} cannot be had in {}", words(&self.zones));
            let help = match there.len() {
                0 => format!("no zone of {} has it", self.region),
                _ => format!("it can be had in {}", words(&there)),
            };
            all.push(refusal(kind, text, Some(help)));
        }
        all
    }
}

fn words(zones: &BTreeSet<Zone>) -> String {
    let names: Vec<_> = zones.iter().map(ToString::to_string).collect();
    names.join(", ")
}

fn refusal(kind: &Spanned<String>, text: String, help: Option<String>) -> Refusal {
    let finding = Diagnostic::error("roll::instance_type", text).at_value(kind, "this type");
    Refusal::input(match help {
        Some(help) => finding.help(help),
        None => finding,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::Offer;

    fn refused(offers: &[(&str, &str)]) -> Vec<String> {
        let names = ["t3.small", "t3a.small"];
        let kind = |name: &&str| InstanceType {
            name: (*name).to_owned(),
            architectures: Vec::new(),
            virtualization: Vec::new(),
            boot_modes: Vec::new(),
            spot: true,
        };
        let offers = offers.iter().map(|(kind, zone)| Offer {
            instance_type: (*kind).to_owned(),
            zone: Zone::new(*zone),
        });
        let known = Known {
            types: names.iter().map(kind).collect(),
            offers: offers.collect(),
        };
        let ground = Where {
            region: "eu",
            zones: ["a", "b"].map(Zone::new).into(),
            known: &known,
        };
        let types = names.map(|name| Spanned::unplaced(name.to_owned()));
        let refused = ground.objections(&types, |_| Vec::new()).into_iter();
        refused
            .map(|one| format!("{}: {:?}", one.finding.message, one.finding.help))
            .collect()
    }

    #[test]
    fn every_zone_has_a_type_and_every_type_a_zone() {
        assert_eq!(refused(&[("t3.small", "a"), ("t3a.small", "b")]), [""; 0]);
        assert_eq!(
            refused(&[("t3.small", "a"), ("t3.small", "b"), ("t3a.small", "c")]),
            ["t3a.small cannot be had in a, b: Some(\"it can be had in c\")"]
        );
        assert_eq!(
            refused(&[("t3.small", "a"), ("t3.small", "b")]),
            ["t3a.small cannot be had in a, b: Some(\"no zone of eu has it\")"]
        );
        let bare = refused(&[("t3.small", "a"), ("t3a.small", "a")]);
        assert!(
            bare.len() == 1 && bare[0].starts_with("none of these types can be had in b"),
            "{bare:?}"
        );
    }
}

//! What a group must have healthy to serve no worse than another: so many machines, and in each zone its share of them.

use std::fmt;

use crate::cloud::{Group, Member, TargetHealth, TargetState, Zone};

/// What is asked of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Floor {
    count: u32,
    zones: Vec<(Zone, u32)>,
}

/// What a group lacks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Machines in the whole.
    Machines { there: u32, wanted: u32 },
    /// As many as are asked for, but too few of them in this zone.
    InZone { zone: Zone, wanted: u32 },
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machines { there, wanted } => write!(f, "{there} of {wanted} healthy"),
            Self::InZone { zone, wanted } => {
                write!(f, "fewer than {wanted} healthy in zone {zone}")
            }
        }
    }
}

impl Floor {
    /// So many machines, wherever they are.
    pub fn anywhere(count: u32) -> Self {
        Self::even(count, &[])
    }

    /// So many machines, of which each of the zones has its share.
    pub fn even(count: u32, zones: &[Zone]) -> Self {
        let share = count / number(zones.len()).max(1);
        let zones = zones.iter().map(|zone| (zone.clone(), share));
        Self {
            count,
            zones: zones.collect(),
        }
    }

    /// One machine at the least in each of these zones too.
    #[must_use]
    pub fn in_each(mut self, zones: &[Zone]) -> Self {
        for zone in zones {
            match self.zones.iter_mut().find(|(one, _)| one == zone) {
                Some((_, share)) => *share = (*share).max(1),
                None => self.zones.push((zone.clone(), 1)),
            }
        }
        self
    }

    /// Asks no zone for more than is healthy there of what serves: a zone may be out.
    #[must_use]
    pub fn lowered_to(mut self, serving: &[&Member]) -> Self {
        for (zone, share) in &mut self.zones {
            *share = in_zone(serving, zone).min(*share);
        }
        self
    }

    /// How many machines it asks for in the whole.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How many percent of the machines that it asks for these are.
    pub fn done(&self, healthy: &[&Member]) -> u8 {
        let done = number(healthy.len()).saturating_mul(100) / self.count.max(1);
        u8::try_from(done.min(100)).unwrap_or(100)
    }

    /// What these healthy machines lack of it; nothing where they are enough.
    pub fn lack(&self, healthy: &[&Member]) -> Option<Lack> {
        let there = number(healthy.len());
        if there < self.count {
            let wanted = self.count;
            return Some(Lack::Machines { there, wanted });
        }
        let mut zones = self.zones.iter();
        let (zone, wanted) = zones.find(|(zone, share)| in_zone(healthy, zone) < *share)?;
        Some(Lack::InZone {
            zone: zone.clone(),
            wanted: *wanted,
        })
    }
}

/// The members in service that the load balancer calls healthy.
pub fn healthy<'g>(group: &'g Group, health: &[TargetHealth]) -> Vec<&'g Member> {
    let is_healthy = |member: &&Member| {
        let mut own = health.iter().filter(|one| one.instance == member.instance);
        own.any(|one| one.state == TargetState::Healthy)
    };
    group.in_service().filter(is_healthy).collect()
}

fn in_zone(members: &[&Member], zone: &Zone) -> u32 {
    number(members.iter().filter(|one| one.zone == *zone).count())
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::{InstanceId, Stage};

    fn members(zones: &str) -> Vec<Member> {
        let zones = zones.split_whitespace().enumerate();
        let member = |(number, zone): (usize, &str)| Member {
            instance: InstanceId::new(format!("i-{number}")),
            zone: Zone::new(zone),
            stage: Stage::InService,
            healthy: true,
            protected: false,
            from: None,
        };
        zones.map(member).collect()
    }

    #[test]
    fn no_zone_is_asked_for_more_than_serves_there() {
        let zones = ["a", "b", "c"].map(Zone::new);
        let in_c = Some("fewer than 2 healthy in zone c");
        for (serving, healthy, lack) in [
            ("a a b b c c", "a a b b c", Some("5 of 6 healthy")),
            ("a a b b c c", "a a b b c c", None),
            (
                "a a b b c c",
                "a a a b b c",
                Some("fewer than 2 healthy in zone c"),
            ),
            ("a a a b b c", "a a a b b c", None),
            ("a a a b b b", "a a a a b b", None),
            ("c c c c c c", "a a a b b b", in_c),
            ("", "a a a a a a", None),
        ] {
            let (serving, healthy) = (members(serving), members(healthy));
            let serving: Vec<_> = serving.iter().collect();
            let floor = Floor::even(6, &zones).lowered_to(&serving);
            let found = floor.lack(&healthy.iter().collect::<Vec<_>>());
            let found = found.map(|lack| lack.to_string());
            assert_eq!(found.as_deref(), lack, "{serving:?}");
        }
    }

    #[test]
    fn a_zone_that_is_served_by_its_own_machines_alone_needs_one() {
        let zones = ["a", "b", "c"].map(Zone::new);
        let in_b = Some("fewer than 1 healthy in zone b");
        for (serving, healthy, zonal, lack) in [
            ("a b", "a c", false, None),
            ("a b", "a c", true, in_b),
            ("a b", "b a", true, None),
            ("a a", "c a", true, None),
        ] {
            let (serving, healthy) = (members(serving), members(healthy));
            let serving: Vec<_> = serving.iter().collect();
            let zonal = if zonal { &zones[..] } else { &[] };
            let floor = Floor::even(2, &zones).in_each(zonal).lowered_to(&serving);
            let found = floor.lack(&healthy.iter().collect::<Vec<_>>());
            let found = found.map(|lack| lack.to_string());
            assert_eq!(found.as_deref(), lack, "{serving:?}");
        }
    }
}

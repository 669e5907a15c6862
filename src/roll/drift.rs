//! Drift: what somebody else has changed since the last roll of a service. It is shown and never put right: nobody knows
//! whether it was meant.

use std::collections::BTreeSet;
use std::fmt;

use super::status::{Ruled, Stand};
use crate::cloud::{Group, StartsFrom, VersionRef, WarmPool, tag};
use crate::undo::held::unheld;
use crate::undo::lease::lasting;

/// A group as its roll made it, in a tag of the group: numbers and names with blanks between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AsRolled {
    pub min: u32,
    pub max: u32,
    pub version: u64,
    /// Processes that are suspended for good.
    pub suspended: BTreeSet<String>,
    /// What its warm pool is made with.
    pub pool: Option<String>,
}

/// Before the word that says what the pool is made with.
const POOL: &str = "pool=";

impl fmt::Display for AsRolled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.min, self.max, self.version)?;
        self.suspended
            .iter()
            .try_for_each(|name| write!(f, " {name}"))?;
        let mut pool = self.pool.iter();
        pool.try_for_each(|pool| write!(f, " {POOL}{pool}"))
    }
}

impl AsRolled {
    /// What the tag says; `None` of a group that no roll made, or one before this tag.
    pub(super) fn of(group: &Group) -> Option<Self> {
        let mut words = group.tag(tag::AS_ROLLED)?.split_whitespace();
        let (min, max, version) = (words.next()?, words.next()?, words.next()?);
        let (pools, processes): (Vec<_>, Vec<_>) = words.partition(|word| word.starts_with(POOL));
        let pool = pools.first().and_then(|word| word.strip_prefix(POOL));
        Some(Self {
            min: min.parse().ok()?,
            max: max.parse().ok()?,
            version: version.parse().ok()?,
            suspended: processes.into_iter().map(ToOwned::to_owned).collect(),
            pool: pool.map(ToOwned::to_owned),
        })
    }

    /// A group as it is, but for what a lease has changed for a while.
    pub(super) fn now(group: &Group) -> Option<Self> {
        let StartsFrom::Template {
            version: VersionRef::Number(version),
            ..
        } = &group.starts_from
        else {
            return None;
        };
        Some(Self {
            min: unheld(group).min,
            max: group.size.max,
            version: version.0,
            suspended: lasting(group),
            pool: pool_of(group).map(WarmPool::word),
        })
    }

    /// The warm pool that its roll has meant a group to have, and that it has not.
    pub(super) fn lost_pool(group: &Group) -> Option<WarmPool> {
        let lost = Self::of(group)?.pool.filter(|_| !group.keeps_pool());
        WarmPool::of_word(&lost?)
    }
}

/// The warm pool of a group, unless it is on its way out.
pub(super) fn pool_of(group: &Group) -> Option<&WarmPool> {
    group.pool.as_ref().filter(|_| group.keeps_pool())
}

/// What has changed since, in words. While a roll or a rollback is half-way nobody else's doing is told from its own.
pub(super) fn drift(stand: &Stand) -> Vec<String> {
    if stand.next.is_some() || stand.canary.is_some() || stand.is_back() || stand.is_half_back {
        return Vec::new();
    }
    let mut drift = traffic(stand);
    if let Some(live) = &stand.live {
        drift.extend(of_group(&live.group));
    }
    drift
}

fn traffic(stand: &Stand) -> Vec<String> {
    let astray = stand.astray.iter();
    let mut drift: Vec<String> = astray
        .map(|place| {
            format!("{place} leads to no target group of the service, whose name it carries")
        })
        .collect();
    let rules: Vec<_> = stand.production.iter().map(Ruled::of).collect();
    let shares = rules.iter().filter(|rule| rule.leads_to.len() > 1);
    drift.extend(shares.map(|rule| {
        let place = &rule.place;
        let shares = rule.leads_to.iter();
        let shares = shares.map(|(arn, share)| format!("{} {share} %", arn.name()));
        let shares = shares.collect::<Vec<_>>().join(", ");
        format!("{place} shares its traffic, and no roll is under way: {shares}")
    }));
    let whole = rules.iter().filter(|rule| rule.leads_to.len() == 1);
    let whole: Vec<_> = whole.collect();
    if whole.iter().any(|rule| rule.leads_to != whole[0].leads_to) {
        let ways = whole.iter().flat_map(|rule| {
            let to = rule.leads_to.iter();
            to.map(|(arn, _)| format!("{} to {}", rule.place, arn.name()))
        });
        let ways = ways.collect::<Vec<_>>().join(", ");
        drift.push(format!(
            "its rules lead apart, and no roll is under way: {ways}"
        ));
    }
    let live = stand.live.iter().map(|live| &live.group);
    let mut aside =
        live.filter(|group| matches!(group.tag(tag::STATE), Some(tag::KEPT | tag::RETIRING)));
    if let (Some(group), true) = (aside.next(), drift.is_empty()) {
        drift.extend(rules.iter().map(|rule| {
            let (place, name) = (&rule.place, &group.name);
            format!("{place} leads to group {name}, which the last roll set aside")
        }));
    }
    drift
}

/// What has changed of a group that is in office.
pub(super) fn of_group(group: &Group) -> Vec<String> {
    let Some(was) = AsRolled::of(group) else {
        return Vec::new();
    };
    let name = &group.name;
    let number = |what: &str, was: u32, is: u32| {
        (was != is).then(|| format!("{what} of group {name}: {was} as rolled, {is} now"))
    };
    let mut drift: Vec<String> = number("minimum", was.min, unheld(group).min)
        .into_iter()
        .chain(number("maximum", was.max, group.size.max))
        .collect();
    let version = was.version;
    let starts = match &group.starts_from {
        StartsFrom::Template { version, .. } => version.to_string(),
        StartsFrom::Other(what) => what.clone(),
    };
    if starts != version.to_string() {
        drift.push(format!(
            "launch template version of group {name}: {version} as rolled, {starts} now"
        ));
    }
    let suspended = lasting(group);
    let ours = was.suspended.difference(&suspended);
    drift.extend(ours.map(|process| {
        format!("process {process} of group {name}: suspended as rolled, runs now")
    }));
    let others = suspended.difference(&was.suspended);
    drift.extend(
        others.map(|process| {
            format!("process {process} of group {name}: ran as rolled, suspended now")
        }),
    );
    drift.extend(of_pool(group, &was));
    drift
}

fn of_pool(group: &Group, was: &AsRolled) -> Option<String> {
    let now = pool_of(group);
    if was.pool == now.map(WarmPool::word) {
        return None;
    }
    let words = |pool: Option<String>| pool.unwrap_or("none".to_owned());
    let was = was.pool.as_deref().and_then(WarmPool::of_word);
    let was = words(was.map(|pool| pool.to_string()));
    let now = words(now.map(ToString::to_string));
    let name = &group.name;
    Some(format!(
        "warm pool of group {name}: {was} as rolled, {now} now"
    ))
}

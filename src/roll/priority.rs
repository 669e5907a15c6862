//! Priorities of a listener's rules: a probe is looked at before any rule that would take its requests, a production rule
//! that is made behind all that are there.

use super::plan::Traffic;
use crate::cloud::{Rule, RulePlace};

/// Rules of one listener have priorities from 1 to this ("`API_CreateRule`").
pub(super) const MOST: u32 = 50_000;
/// Room for rules of others before the first that kiln makes for production.
const FIRST_PRODUCTION: u32 = 100;
/// So many are tried before the listener is read again.
const TRIED: usize = 8;

/// Those that no rule has and that come before another one, lowest first.
pub(super) fn free(taken: &[u32], before: u32) -> impl Iterator<Item = u32> {
    (1..before).filter(|priority| !taken.contains(priority))
}

/// For a probe, on the listener of the first production rule, with the rules that are there.
pub(super) fn for_probe(there: &[Rule], traffic: &Traffic) -> Vec<u32> {
    let places = traffic.rules.iter().filter_map(|rule| rule.place.as_ref());
    let places: Vec<_> = places.collect();
    let is_ours = |rule: &&Rule| {
        let mut places = places.iter();
        places.any(|place| **place == RulePlace::Rule(rule.arn.clone()))
    };
    let production = there.iter().filter(is_ours).map(|rule| rule.priority);
    let before = production.min().unwrap_or(MOST);
    free(&taken(there), before).take(TRIED).collect()
}

/// For a production rule, with the rules that are there.
pub(super) fn for_production(there: &[Rule]) -> Vec<u32> {
    let last = taken(there).into_iter().max().unwrap_or_default();
    let first = last.max(FIRST_PRODUCTION - 1) + 1;
    (first..=MOST).take(TRIED).collect()
}

fn taken(there: &[Rule]) -> Vec<u32> {
    there.iter().map(|rule| rule.priority).collect()
}

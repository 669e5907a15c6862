//! Weighted forwards as a map from drawn numbers to target groups, so that weights change without a reload.
//!
//! Rule `n` owns the million numbers from `n * SPAN`; each target group has a range of them in proportion to its weight.
//! The proxy draws a number below `SPAN`, adds the rule's base and looks the range up.

use std::collections::HashMap;

use crate::model::{Balancer, Share};

/// Numbers a rule. A weight of 1 among 999s keeps its share to four digits.
pub(super) const SPAN: u64 = 1_000_000;

/// One range of the map: its key as the proxy writes ranges, and the target group's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub key: String,
    pub group: String,
}

/// The map of a load balancer, rules counted over all its listeners.
pub(super) fn of_balancer(wanted: &Balancer) -> Vec<Range> {
    let names: HashMap<&str, &str> = wanted
        .groups
        .iter()
        .map(|group| (group.arn.as_str(), group.name.as_str()))
        .collect();
    let rules = wanted.listeners.iter().flat_map(|listener| &listener.rules);
    rules
        .zip(0..)
        .filter_map(|(rule, number)| match &rule.action {
            Share::Forward(shares) => Some((shares, number)),
            Share::Fixed { .. } | Share::Redirect { .. } => None,
        })
        .flat_map(|(shares, number)| ranges(number * SPAN, shares, &names))
        .collect()
}

fn ranges(base: u64, shares: &[(String, u32)], names: &HashMap<&str, &str>) -> Vec<Range> {
    let total: u64 = shares.iter().map(|(_, weight)| u64::from(*weight)).sum();
    let mut taken = 0;
    let mut ranges = Vec::new();
    for (arn, weight) in shares.iter().filter(|(_, weight)| *weight > 0) {
        let low = taken * SPAN / total;
        taken += u64::from(*weight);
        let high = taken * SPAN / total - 1;
        let Some(name) = names.get(arn.as_str()) else {
            continue;
        };
        ranges.push(Range {
            key: format!("{}:{}", base + low, base + high),
            group: (*name).to_owned(),
        });
    }
    ranges
}

/// The map as the file that the proxy reads when it starts.
pub(super) fn file(ranges: &[Range]) -> String {
    ranges.iter().fold(String::new(), |text, range| {
        format!("{text}{} {}\n", range.key, range.group)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bounds(range: &Range) -> (u64, u64) {
        let (low, high) = range.key.split_once(':').unwrap();
        (low.parse().unwrap(), high.parse().unwrap())
    }

    proptest! {
        #[test]
        fn ranges_cover_the_span_without_gap_in_proportion(weights in prop::collection::vec(0_u32..1000, 1..6)) {
            let shares: Vec<_> = weights.iter().enumerate().map(|(at, weight)| (format!("arn{at}"), *weight)).collect();
            let names = shares.iter().map(|(arn, _)| (arn.as_str(), arn.as_str())).collect();
            let total: u32 = weights.iter().sum();
            let found = ranges(3 * SPAN, &shares, &names);
            let mut next = 3 * SPAN;
            for range in &found {
                let (low, high) = bounds(range);
                prop_assert_eq!(low, next);
                next = high + 1;
                let weight = u64::from(shares.iter().find(|(arn, _)| *arn == range.group).unwrap().1);
                prop_assert!((high + 1 - low).abs_diff(weight * SPAN / u64::from(total)) <= 1);
            }
            prop_assert_eq!(next, if total == 0 { 3 * SPAN } else { 4 * SPAN });
        }
    }
}

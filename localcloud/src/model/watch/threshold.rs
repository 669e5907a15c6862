//! What a metric alarm goes by: a statistic of one metric against a number, period by period.

use super::metrics::{Key, Series, Statistic, floor};
use crate::model::{Params, Tree};
use jiff::{SignedDuration, Timestamp};

#[derive(Clone, Debug)]
pub(in crate::model) struct Threshold {
    /// Nothing for an expression over several metrics.
    pub(super) metric: Option<Key>,
    /// The queries of an expression, as they came.
    pub(super) queries: Vec<Params>,
    pub(super) statistic: Option<Statistic>,
    pub(super) statistic_text: String,
    pub(super) unit: Option<String>,
    /// Seconds.
    pub(super) period: i64,
    /// How many periods are looked at, and in how many of them the number must be passed.
    pub(super) periods: i64,
    pub(super) datapoints: Option<i64>,
    pub(super) bound: f64,
    pub(super) comparison: String,
    /// `breaching`, `notBreaching`, `ignore` or `missing`.
    pub(super) missing: Option<String>,
}

/// What the periods say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Found {
    Alarm(f64),
    Ok,
    Nothing,
    /// Nothing that would change it.
    Same,
}

impl Threshold {
    /// The ends of the periods of which one that holds `at` is among those looked at.
    pub(super) fn ends_after(&self, at: Timestamp) -> impl Iterator<Item = Timestamp> + use<> {
        let (start, period) = (floor(at, self.period), self.period);
        (1..=self.periods + 1).filter_map(move |periods| {
            let after = SignedDuration::from_secs(period.saturating_mul(periods));
            start.checked_add(after).ok()
        })
    }

    /// Judges the whole periods before `now` ("Configuring how `CloudWatch` alarms treat missing data").
    pub(super) fn judge(&self, series: &Series, now: Timestamp) -> Found {
        let Some(statistic) = self.statistic else {
            return Found::Same;
        };
        let end = floor(now, self.period);
        let starts = (1..=self.periods).filter_map(|back| {
            let before = SignedDuration::from_secs(self.period.saturating_mul(back));
            end.checked_sub(before).ok()
        });
        let seen: Vec<f64> = starts
            .filter_map(|start| series.in_period(start, self.period, statistic))
            .collect();
        let present = i64::try_from(seen.len()).unwrap_or(i64::MAX);
        let absent = self.periods - present;
        let breaching: Vec<f64> = seen
            .into_iter()
            .filter(|value| self.passes(*value))
            .collect();
        let bad = i64::try_from(breaching.len()).unwrap_or(i64::MAX);
        let needed = self.datapoints.unwrap_or(self.periods);
        let (bad, needed) = match self.missing.as_deref() {
            Some("breaching") => (bad + absent, needed),
            Some("notBreaching") => (bad, needed),
            Some("ignore") if absent > 0 => return Found::Same,
            _ if present == 0 => return Found::Nothing,
            // Where all that is there passes the number, it alone decides.
            _ => (bad, needed.min(present)),
        };
        if bad >= needed {
            return Found::Alarm(breaching.first().copied().unwrap_or(self.bound));
        }
        Found::Ok
    }

    fn passes(&self, value: f64) -> bool {
        match self.comparison.as_str() {
            "GreaterThanThreshold" => value > self.bound,
            "GreaterThanOrEqualToThreshold" => value >= self.bound,
            "LessThanThreshold" => value < self.bound,
            _ => value <= self.bound,
        }
    }

    pub(super) fn put_on(&self, tree: Tree) -> Tree {
        let percentile = matches!(self.statistic, Some(Statistic::Percentile(_)));
        let statistic = if percentile {
            "ExtendedStatistic"
        } else {
            "Statistic"
        };
        let tree = match &self.metric {
            Some(key) => tree
                .put("MetricName", &key.name)
                .put("Namespace", &key.namespace)
                .put(statistic, &self.statistic_text)
                .put("Dimensions", key.dimension_trees())
                .put("Period", self.period)
                .put_some("Unit", self.unit.as_ref()),
            None => tree
                .put("Dimensions", Vec::new())
                .put("Metrics", super::queries::echo(&self.queries)),
        };
        tree.put("EvaluationPeriods", self.periods)
            .put_some("DatapointsToAlarm", self.datapoints)
            .put("Threshold", self.bound)
            .put("ComparisonOperator", &self.comparison)
            .put_some("TreatMissingData", self.missing.as_ref())
    }
}

//! Samples of metrics, and what they come to in a period.

use super::{Due, real, time, value};
use crate::model::{Fault, Tree, agenda, args::Args, state::State};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Values of one datum (`MetricDatum` in the API reference).
const VALUES: usize = 150;
/// Data of one call (`PutMetricData`).
const DATA: usize = 1000;
/// Dimensions of a metric.
const DIMENSIONS: usize = 30;
/// How long a sample is kept: as long as AWS keeps periods of a minute.
const KEPT: SignedDuration = SignedDuration::from_hours(15 * 24);

/// What a metric goes by: one with other dimensions is another metric.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::model) struct Key {
    pub(in crate::model) namespace: String,
    pub(in crate::model) name: String,
    pub(in crate::model) dimensions: BTreeMap<String, String>,
}

impl Key {
    pub(super) fn dimension_trees(&self) -> Vec<Tree> {
        let dimensions = self.dimensions.iter();
        dimensions
            .map(|(name, value)| Tree::new().put("Name", name).put("Value", value))
            .collect()
    }
}

/// What was put at one time.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) at: Timestamp,
    pub(super) count: f64,
    pub(super) sum: f64,
    pub(super) least: f64,
    pub(super) most: f64,
    /// Values and how often each was seen; nothing for a set that came as its statistics.
    pub(super) values: Vec<(f64, f64)>,
}

impl Sample {
    /// One value.
    pub(super) fn of(at: Timestamp, value: f64) -> Self {
        Self::of_many(at, vec![(value, 1.0)])
    }

    /// Values and how often each was seen.
    pub(super) fn of_many(at: Timestamp, values: Vec<(f64, f64)>) -> Self {
        let seen = values.iter();
        Self {
            at,
            count: seen.clone().map(|(_, count)| count).sum(),
            sum: seen.clone().map(|(value, count)| value * count).sum(),
            least: seen
                .clone()
                .map(|(value, _)| *value)
                .fold(f64::INFINITY, f64::min),
            most: seen
                .map(|(value, _)| *value)
                .fold(f64::NEG_INFINITY, f64::max),
            values,
        }
    }
}

/// The samples of one metric.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    samples: Vec<Sample>,
    /// When the last one came, whatever time it is for.
    pub(super) heard: Option<Timestamp>,
}

impl Series {
    /// What a statistic comes to in the period that begins at `start`; nothing without a sample in it.
    pub(super) fn in_period(
        &self,
        start: Timestamp,
        seconds: i64,
        statistic: Statistic,
    ) -> Option<f64> {
        let end = start.checked_add(SignedDuration::from_secs(seconds)).ok()?;
        let within = self.samples.iter();
        let within: Vec<&Sample> = within
            .filter(|sample| sample.at >= start && sample.at < end)
            .collect();
        if within.is_empty() {
            return None;
        }
        let sum = |of: fn(&Sample) -> f64| within.iter().map(|sample| of(sample)).sum::<f64>();
        Some(match statistic {
            Statistic::SampleCount => sum(|sample| sample.count),
            Statistic::Sum => sum(|sample| sample.sum),
            Statistic::Average => sum(|sample| sample.sum) / sum(|sample| sample.count),
            Statistic::Minimum => within
                .iter()
                .map(|one| one.least)
                .fold(f64::INFINITY, f64::min),
            Statistic::Maximum => {
                let most = within.iter().map(|one| one.most);
                most.fold(f64::NEG_INFINITY, f64::max)
            }
            Statistic::Percentile(percent) => return percentile(&within, percent),
        })
    }
}

/// The value below which so many of a hundred are. Statistic sets have none, as in AWS.
fn percentile(samples: &[&Sample], percent: f64) -> Option<f64> {
    let mut values: Vec<(f64, f64)> = samples.iter().flat_map(|one| one.values.clone()).collect();
    if samples.iter().any(|sample| sample.values.is_empty()) {
        return None;
    }
    values.sort_by(|one, other| one.0.total_cmp(&other.0));
    let wanted = values.iter().map(|(_, count)| count).sum::<f64>() * percent / 100.0;
    let mut seen = 0.0;
    for (value, count) in &values {
        seen += count;
        if seen >= wanted {
            return Some(*value);
        }
    }
    values.last().map(|(value, _)| *value)
}

/// What is made of the samples of a period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Statistic {
    SampleCount,
    Average,
    Sum,
    Minimum,
    Maximum,
    Percentile(f64),
}

impl Statistic {
    pub(super) fn read(text: &str) -> Option<Self> {
        Some(match text {
            "SampleCount" => Self::SampleCount,
            "Average" => Self::Average,
            "Sum" => Self::Sum,
            "Minimum" => Self::Minimum,
            "Maximum" => Self::Maximum,
            _ => {
                let percent: f64 = text.strip_prefix('p')?.parse().ok()?;
                Self::Percentile(Some(percent).filter(|percent| (0.0..=100.0).contains(percent))?)
            }
        })
    }
}

/// Namespace, name and dimensions, where they stand side by side.
pub(super) fn key(args: &Args<'_>, namespace: &str) -> Result<Key, Fault> {
    let mut dimensions = BTreeMap::new();
    for dimension in args.maps("Dimensions")? {
        dimension.only("Name Value")?;
        let (name, value) = (dimension.text("Name")?, dimension.text("Value")?);
        dimensions.insert(name.to_owned(), value.to_owned());
    }
    if dimensions.len() > DIMENSIONS {
        return Err(value(
            "The collection Dimensions must not have a size greater than 30.",
        ));
    }
    Ok(Key {
        namespace: namespace.to_owned(),
        name: args.text("MetricName")?.to_owned(),
        dimensions,
    })
}

pub(super) fn put(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let namespace = args.text("Namespace")?;
    if namespace.starts_with("AWS/") {
        return Err(value("The value AWS/ for parameter Namespace is invalid."));
    }
    let data = args.maps("MetricData")?;
    if data.is_empty() {
        return Err(args.missing("MetricData"));
    }
    if data.len() > DATA {
        return Err(value(
            "The collection MetricData must not have a size greater than 1000.",
        ));
    }
    for datum in data {
        datum.only("MetricName Dimensions Timestamp Value StatisticValues Values Counts Unit StorageResolution")?;
        let key = key(&datum, namespace)?;
        let at = time(&datum, "Timestamp")?.unwrap_or(state.now);
        let sample = sample(&datum, at)?;
        add(state, &key, sample);
    }
    Ok(Tree::new())
}

fn sample(datum: &Args<'_>, at: Timestamp) -> Result<Sample, Fault> {
    let given = ["Value", "Values", "StatisticValues"];
    if given.iter().filter(|name| datum.has(name)).count() != 1 {
        return Err(super::combination(
            "The parameters MetricData.member.1.Value, Values and StatisticValues are mutually exclusive and you have specified \
             more than one, or none.",
        ));
    }
    if let Some(value) = real(datum, "Value")? {
        return Ok(Sample::of(at, value));
    }
    if let Some(set) = datum.map("StatisticValues")? {
        set.only("SampleCount Sum Minimum Maximum")?;
        let number = |name| real(&set, name)?.ok_or_else(|| set.missing(name));
        return Ok(Sample {
            at,
            count: number("SampleCount")?,
            sum: number("Sum")?,
            least: number("Minimum")?,
            most: number("Maximum")?,
            values: Vec::new(),
        });
    }
    let numbers = |name| -> Result<Vec<f64>, Fault> {
        let texts = datum.texts(name)?.into_iter();
        let number = |text: &str| {
            text.parse()
                .map_err(|_| datum.invalid(name, text, "A number is expected."))
        };
        texts.map(number).collect()
    };
    let (values, counts) = (numbers("Values")?, numbers("Counts")?);
    if values.len() > VALUES || (!counts.is_empty() && counts.len() != values.len()) {
        return Err(value(
            "Values and Counts must have the same length of at most 150.",
        ));
    }
    let counts = counts.into_iter().chain(std::iter::repeat(1.0));
    Ok(Sample::of_many(
        at,
        values.into_iter().zip(counts).collect(),
    ))
}

/// Keeps a sample, and has the alarms on its metric judged when periods end that it may count in.
pub(super) fn add(state: &mut State, key: &Key, sample: Sample) {
    let (now, at) = (state.now, sample.at);
    let series = state.watch.metrics.entry(key.clone()).or_default();
    series.heard = Some(now);
    let oldest = now.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
    series.samples.retain(|sample| sample.at >= oldest);
    series.samples.push(sample);
    let alarms = state.watch.alarms.iter();
    let concerned =
        alarms.filter_map(|(name, alarm)| Some((name.clone(), alarm.threshold()?.clone())));
    let concerned: Vec<_> = concerned
        .filter(|(_, threshold)| threshold.metric.as_ref() == Some(key))
        .collect();
    for (alarm, threshold) in concerned {
        for end in threshold.ends_after(at).filter(|end| *end >= now) {
            let due = Due::Judge {
                alarm: alarm.clone(),
            };
            state.agenda.add(end, agenda::Due::Watch(due));
        }
    }
}

/// The beginning of the period that a time is in.
pub(super) fn floor(at: Timestamp, seconds: i64) -> Timestamp {
    let second = at.as_second();
    Timestamp::from_second(second - second.rem_euclid(seconds.max(1))).unwrap_or(at)
}

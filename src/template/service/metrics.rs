//! Checks that go by alarms and metrics.

use super::super::late::Late;
use super::super::seconds;
use crate::source::Spanned;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// A metric against a number. Dimensions may name `target_group`, `load_balancer` and the data of any late text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricCheck {
    pub namespace: String,
    pub name: String,
    pub dimensions: Vec<(String, Late)>,
    /// `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, or a percentile as `p99`.
    pub statistic: String,
    /// Whole minutes.
    #[serde(serialize_with = "seconds::plain")]
    pub period: Duration,
    pub bound: Bound,
}

/// Where the value must be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    Below(f64),
    Above(f64),
}

/// What the load balancer counts of the next group against what it counted of the previous one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CompareCheck {
    pub compare: Compared,
    pub max_ratio: f64,
    /// Below it there is nothing to go by.
    pub min_requests: u64,
    pub if_fewer: IfFewer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Compared {
    /// Answers of machines with a status of 500 to 599, of all requests.
    #[serde(rename = "5xx_rate")]
    Errors,
    /// The mean time that machines take.
    #[serde(rename = "latency")]
    Latency,
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Errors => "5xx_rate",
            Self::Latency => "latency",
        })
    }
}

/// What too few requests are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IfFewer {
    Pass,
    Fail,
    Unknown,
}

/// The name of an alarm, metric or composite.
pub type AlarmCheck = Spanned<String>;

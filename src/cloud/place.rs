//! Where production traffic is led from.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ListenerArn, RecordPlace, RuleArn};

/// The place of production traffic: a rule, a listener's default action, or weighted records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RulePlace {
    Rule(RuleArn),
    Default(ListenerArn),
    Record(Box<RecordPlace>),
}

impl RulePlace {
    /// Whether it is a listener of a network load balancer.
    pub fn is_network(&self) -> bool {
        matches!(self, Self::Default(arn) if arn.is_network())
    }

    /// Whether it goes on naming a target group at weight 0, to which nothing sticks: a listener of a network load balancer, and records.
    pub fn names_on(&self) -> bool {
        self.is_network() || self.record().is_some()
    }

    /// The action that reads it, as AWS names it.
    pub fn read_by(&self) -> &'static str {
        match self {
            Self::Rule(_) => "DescribeRules",
            Self::Default(_) => "DescribeListeners",
            Self::Record(_) => "ListResourceRecordSets",
        }
    }

    /// The action that writes it.
    pub fn written_by(&self) -> &'static str {
        match self {
            Self::Rule(_) => "ModifyRule",
            Self::Default(_) => "ModifyListener",
            Self::Record(_) => "ChangeResourceRecordSets",
        }
    }

    /// The records, where it is these.
    pub fn record(&self) -> Option<&RecordPlace> {
        match self {
            Self::Record(record) => Some(record.as_ref()),
            Self::Rule(_) | Self::Default(_) => None,
        }
    }
}

impl fmt::Display for RulePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(arn) => write!(f, "rule {arn}"),
            Self::Default(arn) => write!(f, "default action of listener {arn}"),
            Self::Record(record) => write!(f, "record {} ({})", record.name, record.kind),
        }
    }
}

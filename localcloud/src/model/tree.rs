//! Requests and answers in the shape that AWS's own protocols give them, free of any encoding.

use std::collections::BTreeMap;

/// The AWS services that the model answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    Ec2,
    AutoScaling,
    Elb,
    Iam,
    Sts,
    Ssm,
    Kms,
    CloudWatch,
    Route53,
}

impl Service {
    /// Each of them.
    pub const ALL: [Self; 9] = [
        Self::Ec2,
        Self::AutoScaling,
        Self::Elb,
        Self::Iam,
        Self::Sts,
        Self::Ssm,
        Self::Kms,
        Self::CloudWatch,
        Self::Route53,
    ];

    /// Its name in the scope of credentials.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::AutoScaling => "autoscaling",
            Self::Elb => "elasticloadbalancing",
            Self::Iam => "iam",
            Self::Sts => "sts",
            Self::Ssm => "ssm",
            Self::Kms => "kms",
            Self::CloudWatch => "monitoring",
            Self::Route53 => "route53",
        }
    }

    /// What stands before its actions in policies.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::CloudWatch => "cloudwatch",
            other => other.name(),
        }
    }

    /// Whether it is one service for all regions.
    pub fn is_global(self) -> bool {
        matches!(self, Self::Iam | Self::Sts | Self::Route53)
    }

    /// Whether its calls and answers are JSON alone; the others speak the Query protocols, `CloudWatch` others too, and
    /// Route 53 in paths and XML.
    pub fn speaks_json(self) -> bool {
        matches!(self, Self::Ssm | Self::Kms)
    }
}

/// The parameters of one call: a tree of texts, lists and structures.
///
/// `wire` builds it from `Filter.1.Value.2=x` (EC2), `Tags.member.1.Key=x` (Query) or a JSON body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Params {
    Text(String),
    List(Vec<Params>),
    Map(BTreeMap<String, Params>),
}

/// The body of a successful answer, in the element names that the service's XML uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    Text(String),
    /// Numbers and flags are texts in XML and themselves in JSON.
    Int(i64),
    Real(Real),
    Bool(bool),
    /// A point in time, which each encoding writes in its own way.
    Time(jiff::Timestamp),
    /// The encoding wraps each entry in `<item>` (EC2), `<member>` (Query) or a name of the list's own (Route 53).
    List(Vec<Tree>),
    Map(Vec<(&'static str, Tree)>),
}

/// A number of the answer that need not be whole, the same only as its very bits.
#[derive(Clone, Copy, Debug)]
pub struct Real(pub f64);

impl PartialEq for Real {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Real {}

/// A refusal, with the code that AWS documents for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Fault {
    /// HTTP status, 400 for almost all of them.
    pub status: u16,
    pub code: String,
    pub message: String,
}

impl Tree {
    /// An empty structure to `put` fields into.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "an empty structure is one of several shapes, not the default one"
    )]
    pub const fn new() -> Self {
        Self::Map(Vec::new())
    }

    /// Adds a field to a structure.
    #[must_use]
    pub fn put(self, name: &'static str, value: impl Into<Self>) -> Self {
        let Self::Map(mut fields) = self else {
            return self;
        };
        fields.push((name, value.into()));
        Self::Map(fields)
    }

    /// Adds a field that may be absent.
    #[must_use]
    pub fn put_some(self, name: &'static str, value: Option<impl Into<Self>>) -> Self {
        match value {
            Some(value) => self.put(name, value),
            None => self,
        }
    }

    /// A field of a structure.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Map(fields) = self else { return None };
        fields
            .iter()
            .find(|(field, _)| *field == name)
            .map(|(_, value)| value)
    }

    /// What is found by going down a path of field names and list positions, `instancesSet.0.instanceId`.
    pub fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |tree, step| match tree {
            Self::List(list) => list.get(step.parse::<usize>().ok()?),
            _ => tree.get(step),
        })
    }

    /// The text of a leaf; nothing for lists and structures.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Int(number) => Some(number.to_string()),
            Self::Real(number) => Some(number.0.to_string()),
            Self::Time(at) => Some(written(*at)),
            Self::Bool(flag) => Some(flag.to_string()),
            Self::List(_) | Self::Map(_) => None,
        }
    }
}

impl From<&str> for Tree {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Tree {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Tree {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<bool> for Tree {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<i64> for Tree {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for Tree {
    fn from(number: f64) -> Self {
        Self::Real(Real(number))
    }
}

impl From<u32> for Tree {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl From<Vec<Tree>> for Tree {
    fn from(list: Vec<Tree>) -> Self {
        Self::List(list)
    }
}

/// To the millisecond, as every AWS service writes times in XML.
impl From<jiff::Timestamp> for Tree {
    fn from(at: jiff::Timestamp) -> Self {
        Self::Text(written(at))
    }
}

fn written(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

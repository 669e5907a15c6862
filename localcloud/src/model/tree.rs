//! Requests and answers in the shape that AWS's own protocols give them, free of any encoding.

use std::collections::BTreeMap;

/// The AWS services that the model answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    Ec2,
    AutoScaling,
    Elb,
    Sts,
    Ssm,
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
    /// The encoding wraps each entry in `<item>` (EC2) or `<member>` (Query).
    List(Vec<Tree>),
    Map(Vec<(&'static str, Tree)>),
}

/// A refusal, with the code that AWS documents for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Fault {
    /// HTTP status, 400 for almost all of them.
    pub status: u16,
    pub code: String,
    pub message: String,
}

//! What an account may have at once, and for how long the caller is let in.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::cloud::Result;

/// How many Auto Scaling groups a region may have, and has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupQuota {
    pub most: u32,
    pub there: u32,
}

/// For how long the credentials are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validity {
    /// They have no end, or whatever gave them gives new ones.
    Lasting,
    /// They end, and nobody renews them.
    Until(Timestamp),
    /// They end, and nobody says when: whose they are, in words.
    Unknown(&'static str),
}

/// Limits that calls run into.
pub trait Quotas {
    /// The limits of load balancers, by the names that the API has for them (`ELBv2`, "`DescribeAccountLimits`").
    fn balancer_quotas(&self) -> impl Future<Output = Result<BTreeMap<String, u32>>>;

    /// The limit of groups (Auto Scaling, "`DescribeAccountLimits`").
    fn group_quota(&self) -> impl Future<Output = Result<GroupQuota>>;

    /// For how long calls are answered at all.
    fn validity(&self) -> impl Future<Output = Validity>;
}

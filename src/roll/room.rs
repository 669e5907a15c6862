//! What the account may have at once, and how long the credentials last. What may not be asked is noted, and keeps no roll off.

use std::collections::BTreeMap;

use crate::cloud::{Error, GroupQuota, Kind, Quotas, Result, Validity};

/// Limits, as far as the account says them.
#[derive(Clone, Debug)]
pub struct Room {
    /// Of load balancers, by the API's names; empty when nobody says.
    pub balancer: BTreeMap<String, u32>,
    pub groups: Option<GroupQuota>,
    pub validity: Validity,
    /// What could not be asked, and why.
    pub unknown: Vec<String>,
}

/// Asks for the limits.
pub(super) async fn look_up(cloud: &impl Quotas) -> Room {
    let mut unknown = Vec::new();
    let balancer = known(
        cloud.balancer_quotas().await,
        "load balancers",
        &mut unknown,
    );
    let groups = known(
        cloud.group_quota().await,
        "Auto Scaling groups",
        &mut unknown,
    );
    Room {
        balancer: balancer.unwrap_or_default(),
        groups,
        validity: cloud.validity().await,
        unknown,
    }
}

/// A limit that nobody tells, for whatever reason, is no reason not to roll.
fn known<T>(answer: Result<T>, what: &str, unknown: &mut Vec<String>) -> Option<T> {
    let note = |error: Error| {
        let why = match error.kind {
            Kind::Denied => format!("{} is denied", error.call),
            _ => error.to_string(),
        };
        unknown.push(format!("the quotas of {what} are not known: {why}"));
    };
    answer.map_err(note).ok()
}

//! EC2's request token buckets ("Request throttling for the Amazon EC2 API"): a bucket an action, refilled every second.
//!
//! Off unless a fault plan asks for it, since tests of other things call as fast as they can.

use super::{Fault, Params, Request, Service};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Tokens are counted in thousandths, so that every instant gives the same sum.
const WHOLE: i64 = 1000;

/// How many tokens a bucket holds, and how many it gets each second.
#[derive(Clone, Copy)]
struct Bucket {
    size: i64,
    refill: i64,
}

/// What is left in each action's bucket of each region, and when that was so.
#[derive(Clone, Debug, Default)]
pub(super) struct Buckets(BTreeMap<(String, String), (i64, Timestamp)>);

impl Buckets {
    /// Takes a token for a call, or refuses it. Refused calls take none.
    pub(super) fn take(
        &mut self,
        region: &str,
        request: &Request,
        now: Timestamp,
    ) -> Result<(), Fault> {
        if request.service != Service::Ec2 {
            return Ok(());
        }
        let Bucket { size, refill } = bucket(&request.action, &request.params);
        let full = size * WHOLE;
        let entry = self.0.entry((region.to_owned(), request.action.clone()));
        let (left, at) = entry.or_insert((full, now));
        let passed = now.duration_since(*at).as_millis();
        let gained = i64::try_from(passed).unwrap_or(full) * refill;
        *left = left.saturating_add(gained.max(0)).min(full);
        *at = now;
        if *left < WHOLE {
            return Err(Fault::throttled(Service::Ec2));
        }
        *left -= WHOLE;
        Ok(())
    }
}

/// The categories of that page; an action that it names on its own has its own line.
fn bucket(action: &str, params: &Params) -> Bucket {
    let looks = ["Describe", "Get", "List", "Search"];
    let (size, refill) = match action {
        "RunInstances" | "StartInstances" => (5, 2),
        _ if !looks.iter().any(|look| action.starts_with(look)) => (50, 5),
        _ if UNBOUNDED.contains(&action) && !is_bounded(params) => (50, 10),
        _ => (100, 20),
    };
    Bucket { size, refill }
}

/// Describe calls that cost more when nothing says how much is wanted.
const UNBOUNDED: &[&str] = &[
    "DescribeInstances",
    "DescribeInstanceStatus",
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroups",
    "DescribeSnapshots",
    "DescribeSpotInstanceRequests",
    "DescribeVolumes",
];

fn is_bounded(params: &Params) -> bool {
    let Params::Map(fields) = params else {
        return false;
    };
    fields.keys().any(|name| name != "DryRun")
}

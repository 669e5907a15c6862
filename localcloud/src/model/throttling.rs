//! Request token buckets, refilled every second: of EC2 one an action ("Request throttling for the Amazon EC2 API"), of
//! Elastic Load Balancing one for all that reads, one for targets and one for all else ("Request throttling for the Elastic
//! Load Balancing API"), of Auto Scaling one for all actions, of Route 53 one for all actions of the account ("Quotas").
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

/// What is left in each bucket of each region, and when that was so. A bucket has the name of its action, or of a service
/// and what shares it.
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
        let action = request.action.as_str();
        let everywhere = request.service == Service::Route53;
        let region = if everywhere { "" } else { region };
        let (name, bucket) = match request.service {
            Service::Ec2 => (action, ec2(action, &request.params)),
            Service::Elb => elb(action),
            Service::AutoScaling => ("Auto Scaling", SCALING),
            Service::Route53 => ("Route 53", DNS),
            _ => return Ok(()),
        };
        let Bucket { size, refill } = bucket;
        let full = size * WHOLE;
        let entry = self.0.entry((region.to_owned(), name.to_owned()));
        let (left, at) = entry.or_insert((full, now));
        let passed = now.duration_since(*at).as_millis();
        let gained = i64::try_from(passed).unwrap_or(full) * refill;
        *left = left.saturating_add(gained.max(0)).min(full);
        *at = now;
        if *left < WHOLE {
            return Err(Fault::throttled(request.service));
        }
        *left -= WHOLE;
        Ok(())
    }
}

/// AWS names no figures; those of the tools that have been throttled there (rollout.md 3b, "Spinnaker's answer").
const SCALING: Bucket = Bucket {
    size: 40,
    refill: 10,
};

/// "Five requests per second per AWS account".
const DNS: Bucket = Bucket { size: 5, refill: 5 };

/// The page's figures for what reads. It has none for what writes, but that they are lower.
fn elb(action: &str) -> (&'static str, Bucket) {
    let (name, size, refill) = match action {
        "RegisterTargets" | "DeregisterTargets" => ("load balancing, targets", 20, 5),
        _ if is_look(action) => ("load balancing, reads", 40, 10),
        _ => ("load balancing, writes", 20, 5),
    };
    (name, Bucket { size, refill })
}

fn is_look(action: &str) -> bool {
    let looks = ["Describe", "Get", "List", "Search"];
    looks.iter().any(|look| action.starts_with(look))
}

/// The categories of that page; an action that it names on its own has its own line.
fn ec2(action: &str, params: &Params) -> Bucket {
    let (size, refill) = match action {
        "RunInstances" | "StartInstances" => (5, 2),
        _ if !is_look(action) => (50, 5),
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

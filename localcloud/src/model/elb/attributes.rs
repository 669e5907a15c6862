//! Attributes of load balancers and target groups: their defaults, and the ranges that AWS checks.

use crate::model::{Fault, Tree, args::Args};
use std::collections::BTreeMap;

/// The values that an attribute may have.
#[derive(Clone, Copy)]
enum Allowed {
    Flag,
    Range(u32, u32),
    /// Zero switches it off.
    OffOr(u32, u32),
    OneOf(&'static [&'static str]),
    /// A text that has no effect here.
    Any,
    /// What the proxy cannot do: only the default is accepted.
    Only(&'static str),
}

/// An attribute: key, default, allowed values.
pub(super) type Table = &'static [(&'static str, &'static str, Limit)];

/// What a value of an attribute is checked against.
#[derive(Clone, Copy)]
pub(super) struct Limit(Allowed);

/// `ModifyLoadBalancerAttributes`, for Application Load Balancers.
pub(super) const BALANCER: Table = &[
    ("access_logs.s3.bucket", "", Limit(Allowed::Any)),
    ("access_logs.s3.enabled", "false", Limit(Allowed::Flag)),
    ("access_logs.s3.prefix", "", Limit(Allowed::Any)),
    (
        "client_keep_alive.seconds",
        "3600",
        Limit(Allowed::Range(60, 604_800)),
    ),
    ("connection_logs.s3.bucket", "", Limit(Allowed::Any)),
    ("connection_logs.s3.enabled", "false", Limit(Allowed::Flag)),
    ("connection_logs.s3.prefix", "", Limit(Allowed::Any)),
    ("deletion_protection.enabled", "false", Limit(Allowed::Flag)),
    (
        "idle_timeout.timeout_seconds",
        "60",
        Limit(Allowed::Range(1, 4000)),
    ),
    ("ipv6.deny_all_igw_traffic", "false", Limit(Allowed::Flag)),
    (
        "load_balancing.cross_zone.enabled",
        "true",
        Limit(Allowed::Only("true")),
    ),
    (
        "routing.http.desync_mitigation_mode",
        "defensive",
        Limit(Allowed::OneOf(&["monitor", "defensive", "strictest"])),
    ),
    (
        "routing.http.drop_invalid_header_fields.enabled",
        "false",
        Limit(Allowed::Flag),
    ),
    (
        "routing.http.preserve_host_header.enabled",
        "false",
        Limit(Allowed::Flag),
    ),
    (
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
        "false",
        Limit(Allowed::Flag),
    ),
    (
        "routing.http.xff_client_port.enabled",
        "false",
        Limit(Allowed::Flag),
    ),
    (
        "routing.http.xff_header_processing.mode",
        "append",
        Limit(Allowed::OneOf(&["append", "preserve", "remove"])),
    ),
    ("routing.http2.enabled", "true", Limit(Allowed::Flag)),
    ("waf.fail_open.enabled", "false", Limit(Allowed::Flag)),
    ("zonal_shift.config.enabled", "false", Limit(Allowed::Flag)),
];

/// `ModifyTargetGroupAttributes`, for instance targets of Application Load Balancers.
pub(super) const GROUP: Table = &[
    (
        "deregistration_delay.timeout_seconds",
        "300",
        Limit(Allowed::Range(0, 3600)),
    ),
    (
        "load_balancing.algorithm.type",
        "round_robin",
        Limit(Allowed::OneOf(&[
            "round_robin",
            "least_outstanding_requests",
            "weighted_random",
        ])),
    ),
    (
        "load_balancing.algorithm.anomaly_mitigation",
        "off",
        Limit(Allowed::OneOf(&["on", "off"])),
    ),
    (
        "load_balancing.cross_zone.enabled",
        "use_load_balancer_configuration",
        Limit(Allowed::OneOf(&[
            "true",
            "false",
            "use_load_balancer_configuration",
        ])),
    ),
    (
        "slow_start.duration_seconds",
        "0",
        Limit(Allowed::OffOr(30, 900)),
    ),
    ("stickiness.app_cookie.cookie_name", "", Limit(Allowed::Any)),
    (
        "stickiness.app_cookie.duration_seconds",
        "86400",
        Limit(Allowed::Range(1, 604_800)),
    ),
    ("stickiness.enabled", "false", Limit(Allowed::Flag)),
    (
        "stickiness.lb_cookie.duration_seconds",
        "86400",
        Limit(Allowed::Range(1, 604_800)),
    ),
    (
        "stickiness.type",
        "lb_cookie",
        Limit(Allowed::OneOf(&["lb_cookie", "app_cookie"])),
    ),
    (
        "target_group_health.dns_failover.minimum_healthy_targets.count",
        "1",
        Limit(Allowed::Any),
    ),
    (
        "target_group_health.dns_failover.minimum_healthy_targets.percentage",
        "off",
        Limit(Allowed::Any),
    ),
    (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
        "1",
        Limit(Allowed::Only("1")),
    ),
    (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
        "off",
        Limit(Allowed::Only("off")),
    ),
];

impl Limit {
    fn accepts(self, value: &str) -> bool {
        let within = |low: u32, high: u32| {
            value
                .parse::<u32>()
                .is_ok_and(|number| (low..=high).contains(&number))
        };
        match self.0 {
            Allowed::Flag => matches!(value, "true" | "false"),
            Allowed::Range(low, high) => within(low, high),
            Allowed::OffOr(low, high) => value == "0" || within(low, high),
            Allowed::OneOf(values) => values.contains(&value),
            Allowed::Any => true,
            Allowed::Only(only) => value == only,
        }
    }
}

/// Every attribute at its default.
pub(super) fn defaults(table: Table) -> BTreeMap<String, String> {
    table
        .iter()
        .map(|(key, default, _)| ((*key).to_owned(), (*default).to_owned()))
        .collect()
}

/// Reads `Attributes` and checks each; nothing is taken over unless all are good.
pub(super) fn read(table: Table, args: &Args<'_>) -> Result<BTreeMap<String, String>, Fault> {
    let mut changes = BTreeMap::new();
    for entry in args.maps("Attributes")? {
        let key = entry.text("Key")?;
        let value = entry.maybe_text("Value")?.unwrap_or_default();
        let known = table.iter().find(|(name, _, _)| *name == key);
        let (_, _, limit) = known
            .ok_or_else(|| Fault::validation(format!("Attribute key '{key}' is not recognized")))?;
        if !limit.accepts(value) {
            return Err(Fault::validation(format!(
                "Attribute value '{value}' is not valid for '{key}'"
            )));
        }
        changes.insert(key.to_owned(), value.to_owned());
    }
    Ok(changes)
}

pub(super) fn tree(attributes: &BTreeMap<String, String>) -> Tree {
    let entry = |(key, value): (&String, &String)| Tree::new().put("Key", key).put("Value", value);
    Tree::new().put(
        "Attributes",
        attributes.iter().map(entry).collect::<Vec<_>>(),
    )
}

/// The number that an attribute holds; attributes were checked when they were set.
pub(super) fn number(attributes: &BTreeMap<String, String>, key: &str) -> u32 {
    attributes
        .get(key)
        .and_then(|value| value.parse().ok())
        .unwrap_or_default()
}

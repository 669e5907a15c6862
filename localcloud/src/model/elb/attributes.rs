//! Attributes of load balancers and target groups: their defaults, and the ranges that AWS checks.

use super::kind::Kind;
use crate::model::{Closes, Fault, Tree, args::Args};
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

/// Attributes: key, default, allowed values.
type Rows = &'static [(&'static str, &'static str, Limit)];

/// All the attributes that something has.
pub(super) type Table = &'static [Rows];

/// What a value of an attribute is checked against.
#[derive(Clone, Copy)]
pub(super) struct Limit(Allowed);

/// `ModifyLoadBalancerAttributes`, for all load balancers.
const BALANCER: Rows = &[
    ("access_logs.s3.bucket", "", Limit(Allowed::Any)),
    ("access_logs.s3.enabled", "false", Limit(Allowed::Flag)),
    ("access_logs.s3.prefix", "", Limit(Allowed::Any)),
    ("deletion_protection.enabled", "false", Limit(Allowed::Flag)),
    ("ipv6.deny_all_igw_traffic", "false", Limit(Allowed::Flag)),
    ("zonal_shift.config.enabled", "false", Limit(Allowed::Flag)),
];

const APPLICATION_BALANCER: Rows = &[
    (
        "client_keep_alive.seconds",
        "3600",
        Limit(Allowed::Range(60, 604_800)),
    ),
    ("connection_logs.s3.bucket", "", Limit(Allowed::Any)),
    ("connection_logs.s3.enabled", "false", Limit(Allowed::Flag)),
    ("connection_logs.s3.prefix", "", Limit(Allowed::Any)),
    (
        "idle_timeout.timeout_seconds",
        "60",
        Limit(Allowed::Range(1, 4000)),
    ),
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
];

/// One address stands for the nodes of all zones here, so that every zone's targets are reached whether or not nodes lead to
/// other zones.
const NETWORK_BALANCER: Rows = &[
    (
        "dns_record.client_routing_policy",
        "any_availability_zone",
        Limit(Allowed::OneOf(&[
            "any_availability_zone",
            "availability_zone_affinity",
            "partial_availability_zone_affinity",
        ])),
    ),
    (
        "load_balancing.cross_zone.enabled",
        "false",
        Limit(Allowed::Flag),
    ),
    (
        "secondary_ips.auto_assigned.per_subnet",
        "0",
        Limit(Allowed::Range(0, 7)),
    ),
];

/// `ModifyTargetGroupAttributes`, for instance targets of all load balancers.
const GROUP: Rows = &[
    (
        "deregistration_delay.timeout_seconds",
        "300",
        Limit(Allowed::Range(0, 3600)),
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
    ("stickiness.enabled", "false", Limit(Allowed::Flag)),
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

const APPLICATION_GROUP: Rows = &[
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
];

/// Targets see the proxy's address here, not their clients'.
const NETWORK_GROUP: Rows = &[
    (
        "proxy_protocol_v2.enabled",
        "false",
        Limit(Allowed::Only("false")),
    ),
    (
        "stickiness.type",
        "source_ip",
        Limit(Allowed::OneOf(&["source_ip"])),
    ),
    (
        "target_health_state.unhealthy.draining_interval_seconds",
        "0",
        Limit(Allowed::Only("0")),
    ),
];

const STREAMS: Rows = &[
    (CLOSES_DEREGISTERED, "false", Limit(Allowed::Flag)),
    ("preserve_client_ip.enabled", "true", Limit(Allowed::Flag)),
    (CLOSES_UNHEALTHY, "true", Limit(Allowed::Flag)),
];

const DATAGRAMS: Rows = &[
    (CLOSES_DEREGISTERED, "true", Limit(Allowed::Flag)),
    (
        "preserve_client_ip.enabled",
        "true",
        Limit(Allowed::Only("true")),
    ),
    (CLOSES_UNHEALTHY, "false", Limit(Allowed::Only("false"))),
];

/// Connections are closed when the deregistration delay of their target is over.
const CLOSES_DEREGISTERED: &str = "deregistration_delay.connection_termination.enabled";

/// Connections are closed when their target becomes unhealthy.
const CLOSES_UNHEALTHY: &str = "target_health_state.unhealthy.connection_termination.enabled";

/// The attributes of a load balancer.
pub(super) fn of_balancer(kind: Kind) -> Table {
    match kind {
        Kind::Application => &[BALANCER, APPLICATION_BALANCER],
        Kind::Network => &[BALANCER, NETWORK_BALANCER],
    }
}

/// The attributes of a target group of this protocol.
pub(super) fn of_group(protocol: &str) -> Table {
    match protocol {
        "HTTP" | "HTTPS" => &[GROUP, APPLICATION_GROUP],
        "UDP" | "TCP_UDP" => &[GROUP, NETWORK_GROUP, DATAGRAMS],
        _ => &[GROUP, NETWORK_GROUP, STREAMS],
    }
}

/// Every attribute that there is.
const ALL: Table = &[
    BALANCER,
    APPLICATION_BALANCER,
    NETWORK_BALANCER,
    GROUP,
    APPLICATION_GROUP,
    NETWORK_GROUP,
    STREAMS,
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

fn rows(table: Table) -> impl Iterator<Item = &'static (&'static str, &'static str, Limit)> {
    table.iter().copied().flatten()
}

/// An attribute that only others have is told from one that nothing has.
fn unknown(key: &str) -> Fault {
    if rows(ALL).any(|(name, _, _)| *name == key) {
        let message = format!("The provided attribute '{key}' is not supported");
        return Fault::new("InvalidConfigurationRequest", message);
    }
    Fault::validation(format!("Attribute key '{key}' is not recognized"))
}

/// Every attribute at its default.
pub(super) fn defaults(table: Table) -> BTreeMap<String, String> {
    rows(table)
        .map(|(key, default, _)| ((*key).to_owned(), (*default).to_owned()))
        .collect()
}

/// Reads `Attributes` and checks each; nothing is taken over unless all are good.
pub(super) fn read(table: Table, args: &Args<'_>) -> Result<BTreeMap<String, String>, Fault> {
    let mut changes = BTreeMap::new();
    for entry in args.maps("Attributes")? {
        let key = entry.text("Key")?;
        let value = entry.maybe_text("Value")?.unwrap_or_default();
        let mut known = rows(table);
        let (_, _, limit) = known
            .find(|(name, _, _)| *name == key)
            .ok_or_else(|| unknown(key))?;
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

/// Which connections a target group wants closed; those of HTTP end with their requests.
pub(super) fn closes(attributes: &BTreeMap<String, String>) -> Closes {
    let is_on = |key: &str| attributes.get(key).is_some_and(|value| value == "true");
    Closes {
        unhealthy: is_on(CLOSES_UNHEALTHY),
        deregistered: is_on(CLOSES_DEREGISTERED),
    }
}

/// The number that an attribute holds; attributes were checked when they were set.
pub(super) fn number(attributes: &BTreeMap<String, String>, key: &str) -> u32 {
    attributes
        .get(key)
        .and_then(|value| value.parse().ok())
        .unwrap_or_default()
}

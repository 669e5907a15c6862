//! The two target groups of a service, as one has to be like the other.

use std::time::Duration;

use super::{Plan, Refusal, in_place};
use crate::cloud::{Listener, LoadBalancer, NewTargetGroup, Tags, Zone};
use crate::roll::facts::{Balancer, Facts, Side};
use crate::source::Diagnostic;
use crate::template::service::{HealthCheck, Protocol, Service, Strategy, Traffic};
use crate::undo::serving::forwards;

/// The protocol in the API's words.
pub(super) fn word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http => "HTTP",
        Protocol::Https => "HTTPS",
        Protocol::Tcp => "TCP",
        Protocol::Tls => "TLS",
        Protocol::Udp => "UDP",
        Protocol::TcpUdp => "TCP_UDP",
    }
}

/// The protocol of one that is made: what the file says, else what the load balancer's first listener forwards.
fn protocol(wanted: &Traffic, balancer: &Balancer) -> String {
    match &wanted.target.protocol {
        Some(protocol) => word(protocol.value).to_owned(),
        None if !balancer.is_network() => "HTTP".to_owned(),
        None => match balancer.rules[0].listener.protocol.as_str() {
            // It ends TLS, and machines need no certificate.
            "TLS" => "TCP".to_owned(),
            other => other.to_owned(),
        },
    }
}

/// What the health check of one that is made speaks; `None`: what it is by default, HTTP behind an Application Load Balancer.
fn checks_by(check: &HealthCheck, balancer: &Balancer) -> Option<&'static str> {
    let asks = check.path.place.is_some() || check.matcher.is_some();
    match &check.protocol {
        Some(protocol) => Some(word(protocol.value)),
        None if !balancer.is_network() => None,
        None if asks => Some("HTTP"),
        None => Some("TCP"),
    }
}

/// One that is made.
pub(super) fn new(wanted: &Traffic, balancer: &Balancer, name: &str) -> NewTargetGroup {
    let target = &wanted.target;
    let check = &target.health_check;
    let by = checks_by(check, balancer);
    NewTargetGroup {
        name: name.to_owned(),
        protocol: protocol(wanted, balancer),
        port: *target.port,
        vpc: balancer.load_balancer.vpc.clone(),
        path: (by != Some("TCP")).then(|| check.path.value.clone()),
        checks_by: by.map(ToOwned::to_owned),
        matcher: check.matcher.as_ref().map(|matcher| matcher.value.clone()),
        interval: check.interval,
        timeout: check.timeout,
        healthy_threshold: check.healthy_threshold,
        unhealthy_threshold: check.unhealthy_threshold,
        tags: Tags::new(),
    }
}

/// Zones whose requests go to targets of this target group in the same zone, and nowhere else.
pub(super) fn zonal(
    side: &Side,
    (load_balancer, _, cross_zone): (&LoadBalancer, &Listener, bool),
) -> Vec<Zone> {
    let zones = load_balancer.zones.iter();
    let zones = zones.filter(|_| side.habits.is_zonal(cross_zone));
    zones.cloned().collect()
}

/// Two target groups of different protocols: machines that serve behind one would not behind the other. One that is still to
/// be made gets the file's; where machines are replaced in place, none is.
pub(super) fn protocols(
    service: &Service,
    (traffic, balancer): (&Traffic, &Balancer),
    facts: &Facts,
) -> Option<Refusal> {
    let missing = facts.sides.iter().any(|side| side.target_group.is_none());
    if missing && in_place::staying(service, facts).is_some() {
        return None;
    }
    let of = |side: &Side| match &side.target_group {
        Some(group) => group.protocol.clone(),
        None => protocol(traffic, balancer),
    };
    let [one, other] = [0, 1].map(|side| of(&facts.sides[side]));
    if one == other {
        return None;
    }
    let [first, second] = &traffic.target_groups;
    let text = format!("target group {first} speaks {one}, and {second} {other}");
    let help = if missing {
        "write the protocol of the one that is there: \"target\": { \"protocol\": … }"
    } else {
        "rolls alternate between them: name two of one protocol, or one more, which is then made"
    };
    let finding = Diagnostic::error("roll::protocols", text);
    let finding = match (second.place, missing) {
        (Some(_), false) => finding.at_value(second, "of another protocol than the first"),
        _ => finding.at_value(&traffic.target.port, "of these targets"),
    };
    Some(Refusal::input(finding.help(help)))
}

/// ELB shares requests among sticky target groups only where the rule sticks too.
pub(super) fn stickiness(service: &Service, traffic: &Traffic, facts: &Facts) -> Option<Refusal> {
    let shares = matches!(service.strategy, Strategy::Canary(_));
    // Clients of a network load balancer stick to a target, by their address, of whatever target group.
    let network = facts.balancer.as_ref().is_some_and(Balancer::is_network);
    if !shares || network || facts.serving().is_none() {
        return None;
    }
    let sticky = facts.sides.iter().find(|side| side.habits.sticky)?;
    let production = facts.production().find(|one| {
        let mut forwards = forwards(one.actions());
        forwards.any(|forward| forward.sticky_seconds.is_none())
    })?;
    let text = format!(
        "clients stick to targets of {}, and {} does not stick: ELB refuses to share its requests",
        sticky.name, production.place
    );
    let finding = Diagnostic::error("roll::stickiness", text);
    let finding = finding.at_value(&traffic.load_balancer, "of this load balancer");
    Some(Refusal::input(finding.help(
        "have the rule stick too (TargetGroupStickinessConfig), or roll with \"blue_green\", which shares nothing",
    )))
}

impl Plan {
    /// How long targets that join healthy ones get less than their share, where that matters.
    pub fn slow_start(&self) -> Option<Duration> {
        Some(self.patience.slow_start).filter(|time| !time.is_zero() && self.next.size.desired > 1)
    }
}

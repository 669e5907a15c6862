//! The two target groups of a service, as one has to be like the other.

use std::time::Duration;

use super::{Plan, Refusal, in_place};
use crate::cloud::{NewTargetGroup, Tags, Zone};
use crate::roll::facts::{Balancer, Facts, Side};
use crate::source::Diagnostic;
use crate::template::service::{Protocol, Service, Strategy, Traffic};
use crate::undo::serving::forwards;

/// The protocol in the API's words.
pub(super) fn word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http => "HTTP",
        Protocol::Https => "HTTPS",
    }
}

/// One that is made.
pub(super) fn new(wanted: &Traffic, balancer: &Balancer, name: &str) -> NewTargetGroup {
    let target = &wanted.target;
    let check = &target.health_check;
    NewTargetGroup {
        name: name.to_owned(),
        protocol: word(target.protocol).to_owned(),
        port: *target.port,
        vpc: balancer.load_balancer.vpc.clone(),
        path: check.path.value.clone(),
        matcher: check.matcher.as_ref().map(|matcher| matcher.value.clone()),
        interval: check.interval,
        timeout: check.timeout,
        healthy_threshold: check.healthy_threshold,
        unhealthy_threshold: check.unhealthy_threshold,
        tags: Tags::new(),
    }
}

/// Zones whose requests go to targets of this target group in the same zone, and nowhere else.
pub(super) fn zonal(side: &Side, balancer: &Balancer) -> Vec<Zone> {
    let zones = balancer.load_balancer.zones.iter();
    zones.filter(|_| side.habits.zonal).cloned().collect()
}

/// Two target groups of different protocols: machines that serve behind one would not behind the other. One that is still to
/// be made gets the file's; where machines are replaced in place, none is.
pub(super) fn protocols(service: &Service, traffic: &Traffic, facts: &Facts) -> Option<Refusal> {
    let missing = facts.sides.iter().any(|side| side.target_group.is_none());
    if missing && in_place::staying(service, facts).is_some() {
        return None;
    }
    let of = |side: &Side| match &side.target_group {
        Some(group) => group.protocol.clone(),
        None => word(traffic.target.protocol).to_owned(),
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
    if !shares || facts.serving().is_none() {
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

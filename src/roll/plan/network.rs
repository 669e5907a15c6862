//! What a service file says that a network load balancer cannot do: its listeners forward connections, and look at no request.

use super::target_groups::word;
use super::{Refusal, in_place};
use crate::cloud::Listener;
use crate::roll::facts::{Balancer, Facts};
use crate::source::{Diagnostic, Place};
use crate::template::service::{CheckKind, Protocol, Rule, Service, Traffic};

/// Every reason in the file.
pub(super) fn refuse(
    service: &Service,
    facts: &Facts,
    (wanted, balancer): (&Traffic, &Balancer),
    refused: &mut Vec<Refusal>,
) {
    // Where machines are replaced in place nothing is made, and nothing is proven before it serves.
    let stays = in_place::staying(service, facts).is_some();
    if !stays {
        refused.extend(protocols(wanted, facts, balancer));
    }
    // Behind records the next group is reached through a load balancer of its own.
    let stays = stays || wanted.record.is_some();
    if !balancer.is_network() {
        return;
    }
    for rule in &wanted.rules {
        refused.extend(rule_of(rule));
    }
    if let Some(place) = wanted.probe.header.place {
        let help = "leave `header` out: the next target group is named at weight 0 before it has machines, and its health is known; requests reach it by \
                    the `port` of a test listener";
        refused.push(at(Some(place), "no header of a request is looked at", help));
    }
    let checks = &service.checks;
    let unreached = !stays && balancer.test.is_none();
    let unheard = balancer.rules[0].listener.protocol == "UDP";
    let before = checks.before.iter();
    let before = before.map(|check| (check, unreached.then_some(UNREACHED)));
    let behind = checks.watch.iter().chain(&checks.after);
    let behind = behind.map(|check| (check, unheard.then_some(UNHEARD)));
    for (check, unasked) in before.chain(behind) {
        let why = match check.kind {
            CheckKind::Http(_) => unasked,
            CheckKind::Compare(_) => Some(UNCOUNTED),
            _ => None,
        };
        refused.extend(why.map(|(text, help)| at(check.place, text, help)));
    }
}

/// Why a check is none, and what is one instead.
const UNREACHED: (&str, &str) = (
    "no request can reach the next group before the swap",
    "name the port of a test listener (`probe`); or ask machines themselves, by a `command` that has their addresses in KILN_ADDRESSES or by \
     an `instance` check; or ask under `after`, or `watch`",
);
const UNHEARD: (&str, &str) = (
    "its listener takes no connections, and an `http` check makes one",
    "write a `command` that speaks what the service does",
);
const UNCOUNTED: (&str, &str) = (
    "it counts no requests that could be compared",
    "watch a `metric` or an `alarm` of the service's own instead",
);

fn rule_of(rule: &Rule) -> Option<Refusal> {
    let matches = !rule.hosts.is_empty() || !rule.paths.is_empty() || !rule.headers.is_empty();
    let text = match (matches, rule.create) {
        (true, _) => "its listeners have no rules that could match a request",
        (_, true) => "its listeners have no rules that could be made",
        _ => return None,
    };
    let help = format!("name the listener alone: {{ \"port\": {} }}", rule.port);
    Some(at(Some(rule.place), text, &help))
}

fn at(place: Option<Place>, why: &str, help: &str) -> Refusal {
    let text = format!("this is a network load balancer: {why}");
    let finding = Diagnostic::error("roll::network_load_balancer", text);
    let finding = match place {
        Some(place) => finding.at_place(place, "this"),
        None => finding,
    };
    Refusal::input(finding.help(help))
}

/// What a target group that is made would speak, or be asked by, and a listener of this load balancer cannot ("Create a listener for your
/// Network Load Balancer", "`API_CreateTargetGroup`").
fn protocols(wanted: &Traffic, facts: &Facts, balancer: &Balancer) -> Option<Refusal> {
    let made = facts.sides.iter().any(|side| side.target_group.is_none());
    if !made {
        return None;
    }
    let check = wanted.target.health_check.protocol.as_ref();
    if let Some(protocol) = check
        && protocol.value == Protocol::Tcp
        && !balancer.is_network()
    {
        let text = "an application load balancer checks machines by HTTP or HTTPS alone";
        return Some(spoken(text.to_owned(), protocol.place, "leave it out"));
    }
    let protocol = wanted.target.protocol.as_ref()?;
    let listeners = balancer.rules.iter().map(|rule| &rule.listener);
    let fits = |one: &&Listener| taken(&one.protocol).contains(&word(protocol.value));
    let listener = listeners.clone().find(|one| !fits(one))?;
    let (by, port) = (&listener.protocol, listener.port);
    let text = format!(
        "the listener on port {port} is for {by}, and cannot lead to targets that speak {}",
        word(protocol.value)
    );
    let help = format!("it can to: {}", taken(by).join(", "));
    Some(spoken(text, protocol.place, &help))
}

fn spoken(text: String, place: Option<Place>, help: &str) -> Refusal {
    let finding = Diagnostic::error("roll::protocols", text);
    let finding = match place {
        Some(place) => finding.at_place(place, "this"),
        None => finding,
    };
    Refusal::input(finding.help(help))
}

/// What target groups of a listener may speak.
pub(super) fn taken(listener: &str) -> &'static [&'static str] {
    match listener {
        "TCP" => &["TCP", "TCP_UDP"],
        "TLS" => &["TCP", "TLS"],
        "UDP" => &["UDP", "TCP_UDP"],
        "TCP_UDP" => &["TCP_UDP"],
        _ => &["HTTP", "HTTPS"],
    }
}

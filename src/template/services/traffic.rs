//! `traffic`: load balancer, the two target groups, rules and the probe.

use super::super::options::{Key, Options, on};
use super::super::service::{HealthCheck, Probe, Protocol, Rule, Strategy, Target, Traffic};
use super::record::{self, Said};
use crate::source::json::{Json, Value};
use crate::source::{Diagnostic, Place, Spanned};
use std::ops::RangeInclusive;

const TRAFFIC: &[Key] = &[
    on("load_balancer"),
    on("load_balancers"),
    on("record"),
    on("target_groups"),
    on("target"),
    on("rules"),
    on("probe"),
];
const TARGET: &[Key] = &[
    on("port"),
    on("protocol"),
    on("health_check"),
    on("deregistration_delay"),
];
const HEALTH: &[Key] = &[
    on("protocol"),
    on("path"),
    on("matcher"),
    on("interval"),
    on("timeout"),
    on("healthy_threshold"),
    on("unhealthy_threshold"),
];
const RULE: &[Key] = &[on("port"), on("match"), on("create")];
const MATCH: &[Key] = &[on("host"), on("path"), on("header")];
const PROBE: &[Key] = &[on("header"), on("port")];

const HTTP: (&str, Protocol) = ("HTTP", Protocol::Http);
const HTTPS: (&str, Protocol) = ("HTTPS", Protocol::Https);
const TCP: (&str, Protocol) = ("TCP", Protocol::Tcp);
const TLS: (&str, Protocol) = ("TLS", Protocol::Tls);
const UDP: (&str, Protocol) = ("UDP", Protocol::Udp);
const TCP_UDP: (&str, Protocol) = ("TCP_UDP", Protocol::TcpUdp);

/// The header of the probe rule when the file names none.
const HEADER: &str = "x-kiln-probe";
/// The longest target group name (ELB API, `CreateTargetGroup`).
const LONGEST_NAME: usize = 32;

pub(super) fn read(
    root: &Options<'_>,
    service: Option<&Spanned<String>>,
    strategy: &Strategy,
) -> Option<Traffic> {
    if !root.has("traffic") {
        root.missing(
            "traffic",
            "the strategy `blue_green` moves traffic: name the load balancer and its rules",
        );
        return None;
    }
    let traffic = root.object("traffic", "`traffic`", TRAFFIC)?;
    let record = record::read(&traffic, strategy);
    let load_balancer = match &record {
        Some(Said::Nothing) => traffic.need_text("load_balancer", "name the load balancer"),
        Some(Said::Record(by)) => Some(by.load_balancers[0].clone()),
        None => None,
    };
    let target_groups = target_groups(&traffic, service);
    let target = match strategy {
        Strategy::Dns(_) => Some(record::target()),
        _ => target(&traffic),
    };
    let count = traffic.get("rules").map_or(0, |json| {
        if let Value::List(items) = &json.value {
            items.len()
        } else {
            1
        }
    });
    let rules: Vec<_> = traffic
        .objects("rules", "a rule", RULE)
        .iter()
        .filter_map(rule)
        .collect();
    if matches!(strategy, Strategy::Dns(_)) {
        for rule in &rules {
            record::check_rule(&traffic, rule);
        }
    }
    for (index, one) in rules.iter().enumerate() {
        if rules[..index].iter().any(|other| one.is_like(other)) {
            let text = "this rule is written twice";
            let finding = Diagnostic::error("template::wrong_value", text);
            let finding = finding.at_place(one.place, "the second time");
            traffic.report(finding.help("each rule of a listener is written once"));
        }
    }
    if count == 0 {
        traffic.missing(
            "rules",
            "name the listener's port: \"rules\": [{ \"port\": 80 }]",
        );
    }
    let probe = probe(&traffic, &rules);
    let (load_balancer, target_groups, target) = (load_balancer?, target_groups?, target?);
    let record = match record? {
        Said::Nothing => None,
        Said::Record(by) => Some(*by),
    };
    (count > 0 && rules.len() == count).then_some(Traffic {
        load_balancer,
        record,
        target_groups,
        target,
        rules,
        probe,
    })
}

/// How the next group is asked before the swap. A test listener is one of its own.
fn probe(traffic: &Options<'_>, rules: &[Rule]) -> Probe {
    let given = traffic.object("probe", "`probe`", PROBE);
    let header = given.as_ref().and_then(|probe| probe.text("header"));
    let port = given.as_ref().and_then(|probe| probe.number("port"));
    let refuse = |place: Option<Place>, text: String, help: &str| {
        let finding = Diagnostic::error("template::wrong_value", text).help(help);
        traffic.report(match place {
            Some(place) => finding.at_place(place, "this"),
            None => finding,
        });
    };
    if let (Some(header), Some(_)) = (&header, &port) {
        let text = "`header` and `port` are two ways to the next group".to_owned();
        let help = "write one: with `port` every request there reaches it, with `header` those that carry it";
        refuse(header.place, text, help);
    }
    if let Some(port) = &port
        && rules.iter().any(|rule| *rule.port == **port)
    {
        let text = format!("port {port} carries production traffic");
        let help = "name the port of another listener of this load balancer, which has no users; or `header` instead";
        refuse(port.place, text, help);
    }
    Probe {
        header: header.unwrap_or_else(|| Spanned::unplaced(HEADER.to_owned())),
        port,
    }
}

fn target_groups(
    traffic: &Options<'_>,
    service: Option<&Spanned<String>>,
) -> Option<[Spanned<String>; 2]> {
    if !traffic.has("target_groups") {
        let service = service?;
        return Some(["a", "b"].map(|letter| Spanned::unplaced(format!("{service}-{letter}"))));
    }
    let names = traffic.ids("target_groups");
    for name in &names {
        check_name(traffic, name);
    }
    match <[Spanned<String>; 2]>::try_from(names) {
        Ok([one, other]) if one != other => Some([one, other]),
        _ => {
            let span = traffic.get("target_groups")?.span;
            traffic.report(
                Diagnostic::error(
                    "template::wrong_value",
                    "`target_groups` must be two different names",
                )
                .at(span, "not two names")
                .help("rolls alternate between two: \"target_groups\": [\"web-a\", \"web-b\"]"),
            );
            None
        }
    }
}

fn check_name(traffic: &Options<'_>, name: &Spanned<String>) {
    let sound = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if !sound || name.len() > LONGEST_NAME || name.is_empty() {
        traffic.report(
            Diagnostic::error(
                "template::wrong_value",
                format!("`{name}` cannot name a target group"),
            )
            .at_value(name, "this name")
            .help(format!(
                "up to {LONGEST_NAME} letters, digits and hyphens inside"
            )),
        );
    }
}

fn target(traffic: &Options<'_>) -> Option<Target> {
    if !traffic.has("target") {
        traffic.missing(
            "target",
            "say where machines listen: \"target\": { \"port\": 80 }",
        );
        return None;
    }
    let target = traffic.object("target", "`target`", TARGET)?;
    if !target.has("port") {
        target.missing("port", "say on which port machines listen");
    }
    let port = target.number("port");
    let health_check = health_check(&target);
    Some(Target {
        protocol: protocol(&target, &[HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP]),
        health_check,
        deregistration_delay: target
            .duration("deregistration_delay")
            .map(|delay| delay.value),
        port: port?,
    })
}

fn health_check(target: &Options<'_>) -> HealthCheck {
    let options = target.object("health_check", "`health_check`", HEALTH);
    let options = options.as_ref();
    let text = |name| options.and_then(|options| options.text(name));
    let within = |name, range: RangeInclusive<u64>| {
        let value = options?.duration(name)?;
        let whole = value.value.subsec_nanos() == 0 && range.contains(&value.value.as_secs());
        let (first, last) = (range.start(), range.end());
        whole
            .then_some(value.value)
            .or_else(|| refuse(options?, name, value.place, &format!("{first}s to {last}s")))
    };
    let count = |name| {
        let value = options?.number(name)?;
        (2..=10)
            .contains(&value.value)
            .then_some(value.value)
            .or_else(|| refuse(options?, name, value.place, "2 to 10"))
    };
    let protocol = options.and_then(|options| protocol(options, &[HTTP, HTTPS, TCP]));
    if let (Some(options), Some(Protocol::Tcp)) = (options, protocol.as_ref().map(|one| one.value))
    {
        nothing_asked(options);
    }
    HealthCheck {
        protocol,
        path: text("path").unwrap_or_else(|| Spanned::unplaced("/".to_owned())),
        matcher: text("matcher"),
        interval: within("interval", 5..=300),
        timeout: within("timeout", 2..=120),
        healthy_threshold: count("healthy_threshold"),
        unhealthy_threshold: count("unhealthy_threshold"),
    }
}

/// A protocol by its word.
fn protocol(options: &Options<'_>, known: &[(&str, Protocol)]) -> Option<Spanned<Protocol>> {
    let found = options.choice("protocol", known)?;
    let place = Place::at(options.get("protocol")?.span);
    Some(Spanned::new(found, place))
}

/// Reports what belongs to requests where a check only opens a connection.
fn nothing_asked(options: &Options<'_>) {
    for name in ["path", "matcher"] {
        if let Some(json) = options.get(name) {
            let text =
                format!("`{name}` belongs to a health check by HTTP, and this one is by TCP");
            let finding = Diagnostic::error("template::wrong_value", text);
            options.report(
                finding
                    .at(json.span, "nothing is asked")
                    .help("leave it out, or write \"protocol\": \"HTTP\""),
            );
        }
    }
}

/// Reports what `CreateTargetGroup` (ELB API) does not take.
fn refuse<T>(options: &Options<'_>, name: &str, place: Option<Place>, range: &str) -> Option<T> {
    let text = format!("`{name}` of a health check is {range}, in whole numbers");
    let finding = Diagnostic::error("template::wrong_value", text);
    options.report(match place {
        Some(place) => finding.at_place(place, "ELB refuses this"),
        None => finding,
    });
    None
}

fn rule(rule: &Options<'_>) -> Option<Rule> {
    if !rule.has("port") {
        rule.missing("port", "name the listener by its port");
    }
    let port = rule.number("port");
    let matching = rule.object("match", "`match`", MATCH);
    let list = |name| {
        matching
            .as_ref()
            .map(|matching| matching.list(name))
            .unwrap_or_default()
    };
    let headers = matching.as_ref().map(headers).unwrap_or_default();
    Some(Rule {
        hosts: list("host"),
        paths: list("path"),
        headers,
        create: rule.flag("create"),
        place: Place::at(rule.json.span.first_byte()),
        port: port?,
    })
}

fn headers(matching: &Options<'_>) -> Vec<(Spanned<String>, Vec<String>)> {
    let members = matching
        .get("header")
        .and_then(Json::members)
        .unwrap_or_default();
    let values = |json: &Json| match &json.value {
        Value::List(items) => items
            .iter()
            .filter_map(|item| matching.text_of("header", item))
            .map(|text| text.value)
            .collect(),
        _ => matching
            .text_of("header", json)
            .map(|text| text.value)
            .into_iter()
            .collect(),
    };
    members
        .iter()
        .map(|member| {
            (
                Spanned::new(member.key.value.clone(), Place::at(member.key.span)),
                values(&member.value),
            )
        })
        .collect()
}

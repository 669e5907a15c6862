//! `traffic.record`: weighted records of DNS that choose between two load balancers.

use super::super::options::{Key, Options, on};
use super::super::service::{ByRecord, HealthCheck, Rule, Strategy, Target};
use crate::source::{Diagnostic, Place, Spanned};

const RECORD: &[Key] = &[on("name"), on("zone")];
/// What a service without records has, and one with records has not.
const OF_OTHERS: [(&str, &str); 3] = [
    (
        "load_balancer",
        "write two: \"load_balancers\": [\"web-a\", \"web-b\"]",
    ),
    (
        "target",
        "leave it out: the load balancers lead to target groups that are there already",
    ),
    (
        "probe",
        "leave it out: the next version is reached through its own load balancer before it serves",
    ),
];

/// What a service file says of records, or that it says nothing of them.
pub(super) enum Said {
    Nothing,
    Record(Box<ByRecord>),
}

/// Reads it; `None` when something is missing or wrong, which is reported.
pub(super) fn read(traffic: &Options<'_>, strategy: &Strategy) -> Option<Said> {
    if !matches!(strategy, Strategy::Dns(_)) {
        for name in ["record", "load_balancers"] {
            foreign(
                traffic,
                name,
                "write \"type\": \"dns\", or leave it out",
                "the strategy `dns`",
            );
        }
        return Some(Said::Nothing);
    }
    for (name, help) in OF_OTHERS {
        foreign(
            traffic,
            name,
            help,
            "strategies that move traffic within a load balancer",
        );
    }
    let both = load_balancers(traffic);
    if !traffic.has("record") {
        let help = "say which record leads clients: \"record\": { \"name\": \"www.example.org\", \"zone\": \"example.org\" }";
        traffic.missing("record", help);
    }
    let record = traffic.object("record", "`record`", RECORD)?;
    let name = record.need_text("name", "the name that clients resolve");
    let zone = record.need_text("zone", "the hosted zone, by its name or its id");
    let name = name.filter(|name| check_name(&record, name));
    Some(Said::Record(Box::new(ByRecord {
        place: Place::at(record.json.span.first_byte()),
        name: name?,
        zone: zone?,
        load_balancers: both?,
    })))
}

fn foreign(traffic: &Options<'_>, name: &str, help: &str, of: &str) {
    if let Some(json) = traffic.get(name) {
        let text = format!("`{name}` belongs to {of}");
        let finding = Diagnostic::error("template::wrong_value", text);
        traffic.report(finding.at(json.span, "this option").help(help));
    }
}

fn load_balancers(traffic: &Options<'_>) -> Option<[Spanned<String>; 2]> {
    const HELP: &str =
        "each leads to one of the target groups: \"load_balancers\": [\"web-a\", \"web-b\"]";
    let Some(json) = traffic.get("load_balancers") else {
        traffic.missing("load_balancers", HELP);
        return None;
    };
    match <[Spanned<String>; 2]>::try_from(traffic.ids("load_balancers")) {
        Ok([one, other]) if one != other => Some([one, other]),
        _ => {
            let text = "`load_balancers` must be two different names";
            let finding = Diagnostic::error("template::wrong_value", text);
            traffic.report(finding.at(json.span, "not two names").help(HELP));
            None
        }
    }
}

/// One for every name below another is read as `\052`, which no tag can hold.
fn check_name(record: &Options<'_>, name: &Spanned<String>) -> bool {
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_sound = name.contains('.') && name.chars().all(sound);
    if !is_sound {
        let text = format!("`{name}` is no name of a record");
        let finding = Diagnostic::error("template::wrong_value", text);
        let help = "letters, digits, hyphens and underlines between dots; no `*`";
        record.report(finding.at_value(name, "this name").help(help));
    }
    is_sound
}

/// Rules that lead on behind records are there already.
pub(super) fn check_rule(traffic: &Options<'_>, rule: &Rule) {
    if rule.create {
        let text = "no rule is made behind records: both load balancers lead on already";
        let finding = Diagnostic::error("template::wrong_value", text);
        let finding = finding.at_place(rule.place, "this rule");
        traffic
            .report(finding.help("leave `create` out, and make the rule on both load balancers"));
    }
}

/// What is said of targets where no target group is made.
pub(super) fn target() -> Target {
    Target {
        port: Spanned::unplaced(80),
        protocol: None,
        health_check: HealthCheck {
            protocol: None,
            path: Spanned::unplaced("/".to_owned()),
            matcher: None,
            interval: None,
            timeout: None,
            healthy_threshold: None,
            unhealthy_threshold: None,
        },
        deregistration_delay: None,
    }
}

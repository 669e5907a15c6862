//! The words for what is not there, each at its place in the service file and with the nearest right name.

use super::plan::Refusal;
use crate::cloud::{Group, GroupName, LoadBalancer, TargetGroup};
use crate::source::{Diagnostic, Spanned};
use crate::template::service::{Service, Traffic};
use crate::undo::serving::Leading;

/// Names closer than this (Jaro-Winkler, 0 to 1) are suggested; `web-publc` for `web-public` has 0.98.
const NEAR: f64 = 0.8;

/// The nearest of `names`, if one is near.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = names.map(|other| (strsim::jaro_winkler(name, other), other));
    let near = scored.filter(|(score, _)| *score > NEAR);
    near.max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}

pub(super) fn no_load_balancer(name: &Spanned<String>, all: &[LoadBalancer]) -> Refusal {
    let text = format!("there is no load balancer named {name}");
    let finding = Diagnostic::error("roll::no_load_balancer", text).at_value(name, "named here");
    let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    let help = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "this account and region have none".to_owned(),
        None => format!("there are: {}", names.join(", ")),
    };
    Refusal::input(finding.help(help))
}

/// One that a load balancer behind records would lead to.
pub(super) fn no_target_group(name: &Spanned<String>, all: &[TargetGroup]) -> Refusal {
    let text = format!("there is no target group named {name}");
    let finding = Diagnostic::error("roll::record", text).at_value(name, "named here");
    Refusal::input(finding.help(
        match nearest(name, all.iter().map(|one| one.name.as_str())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "make it, and have its load balancer lead to it".to_owned(),
        },
    ))
}

/// One of appliances leads to no service.
pub(super) fn gateway(name: &Spanned<String>) -> Refusal {
    let text = format!("{name} is a gateway load balancer, which leads to appliances");
    let finding = Diagnostic::error("roll::no_load_balancer", text).at_value(name, "named here");
    Refusal::input(finding.help("name an application or a network load balancer"))
}

pub(super) fn no_listener(
    port: &Spanned<u16>,
    load_balancer: &LoadBalancer,
    leading: &[Leading],
) -> Refusal {
    let text = format!(
        "load balancer {} has no listener on port {port}",
        load_balancer.name
    );
    let finding = Diagnostic::error("roll::no_listener", text).at_value(port, "asked for here");
    let mut ports: Vec<u16> = leading.iter().map(|one| one.listener.port).collect();
    ports.sort_unstable();
    ports.dedup();
    let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
    Refusal::input(finding.help(if ports.is_empty() {
        "it has no listeners at all: create one first".to_owned()
    } else {
        format!("it listens on {}", ports.join(", "))
    }))
}

pub(super) fn no_rule(traffic: &Traffic) -> Refusal {
    let text = "the service file names no rule for its traffic";
    let finding = Diagnostic::error("roll::no_rule", text);
    Refusal::input(finding.at_value(&traffic.load_balancer, "of this load balancer"))
}

pub(super) fn no_template(service: &Service, group: &GroupName, what: &str) -> Refusal {
    let text = format!("group {group} starts from {what}, which has no versions to roll");
    let finding = Diagnostic::error("roll::no_template", text);
    Refusal::account(finding.at_value(&service.groups.template, "wanted instead"))
}

pub(super) fn no_alarm(name: &Spanned<String>, all: &[String]) -> Refusal {
    let text = format!("there is no alarm named {name}");
    let finding = Diagnostic::error("roll::no_alarm", text).at_value(name, "named here");
    Refusal::input(
        finding.help(match nearest(name, all.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if all.is_empty() => "this account and region have none".to_owned(),
            None => "`aws cloudwatch describe-alarms` lists those that there are".to_owned(),
        }),
    )
}

pub(super) fn no_group(name: &Spanned<String>, all: &[Group]) -> Refusal {
    let text = format!("there is no Auto Scaling group named {name}");
    let finding = Diagnostic::error("roll::no_group", text).at_value(name, "named here");
    Refusal::input(finding.help(
        match nearest(name, all.iter().map(|one| one.name.as_str())) {
            Some(near) => format!("did you mean `{near}`?"),
            None if all.is_empty() => "this account and region have none".to_owned(),
            None => "a pair is made by its owner: make the group, at size 0".to_owned(),
        },
    ))
}

pub(super) fn no_such(what: &str, id: &Spanned<String>) -> Refusal {
    let text = format!("there is no {what} {id} in this account and region");
    Refusal::input(Diagnostic::error("roll::not_found", text).at_value(id, "named here"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_gets_the_right_name() {
        let names = ["web-public", "internal"];
        assert_eq!(nearest("web-publc", names.into_iter()), Some("web-public"));
        assert_eq!(nearest("zzz", names.into_iter()), None);
    }
}

//! A test listener: one of its own, without users, by which the next group is proven through the load balancer.

use serde::Serialize;

use super::network::taken;
use super::{Refusal, in_place};
use crate::cloud::{Action, ListenerArn, tag};
use crate::roll::facts::{Balancer, Facts};
use crate::source::{Diagnostic, Spanned};
use crate::template::service::{Rule, Service, Traffic};
use crate::undo::mend;
use crate::undo::serving::{Leading, forwards};
use crate::undo::tested::Tested;

/// The listener, and what it is like now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TestListener {
    pub listener: ListenerArn,
    pub port: u16,
    pub tls: bool,
    /// Whether it carries the service's name.
    #[serde(skip)]
    pub is_named: bool,
    /// What its default action does without this roll.
    #[serde(skip)]
    pub before: Vec<Action>,
    /// What it does now: a run that died has led that of a network load balancer elsewhere.
    #[serde(skip)]
    pub now: Vec<Action>,
}

impl TestListener {
    pub(super) fn of(service: &str, found: &Leading, facts: &Facts) -> Self {
        let listener = &found.listener;
        let groups: Vec<_> = facts.target_groups().collect();
        let now = found.actions().to_vec();
        let led = Tested::of(found, &groups).filter(|(_, tested)| tested.after == now);
        let is = |key: &str, value: &str| found.tags.get(key).map(String::as_str) == Some(value);
        Self {
            listener: listener.arn.clone(),
            port: listener.port,
            tls: listener.is_tls(),
            is_named: is(tag::SERVICE, service) && is(tag::RULE, tag::TEST),
            before: led.map_or_else(|| now.clone(), |(_, tested)| tested.before),
            now,
        }
    }
}

impl super::Traffic {
    /// Where the rules are made that no user comes by.
    pub fn probing(&self) -> &ListenerArn {
        let test = self.test.as_ref();
        test.map_or(&self.listener, |test| &test.listener)
    }
}

/// Every reason in the test listener.
pub(super) fn refuse(
    service: &Service,
    facts: &Facts,
    (wanted, balancer): (&Traffic, &Balancer),
    refused: &mut Vec<Refusal>,
) {
    let named = wanted.probe.port.as_ref().zip(balancer.test.as_ref());
    let Some((port, found)) = named.filter(|_| in_place::staying(service, facts).is_none()) else {
        return;
    };
    let other = found.tags.get(tag::SERVICE);
    if let Some(other) = other.filter(|other| **other != *service.name) {
        let text = format!("{} carries the name of service {other}", found.place);
        let help = format!(
            "name a listener of this service's own; or, when {other} is no more: {}",
            mend::disown(&found.place)
        );
        refused.push(at(port, "roll::rule_of_another", text, help));
        return;
    }
    let mut rules = balancer.leading.iter().filter(|one| one.rule.is_some());
    let others = rules.find(|one| one.listener.arn == found.listener.arn && !one.is_probe());
    if let Some(rule) = others {
        let text = format!(
            "the listener on port {port} has a rule of others, {}",
            rule.place
        );
        let help =
            "every request to a test listener goes to the next group: name one without rules";
        refused.push(at(port, "roll::test_listener", text, help.to_owned()));
    }
    refused.extend(unfit(port, found, facts));
    let ours: Vec<_> = facts.target_groups().map(|group| &group.arn).collect();
    let mut shares = forwards(found.actions()).flat_map(|forward| &forward.shares);
    if let Some((arn, _)) = shares.find(|(arn, _)| !ours.contains(&arn)) {
        let [one, other] = &wanted.target_groups;
        let text =
            format!("the listener on port {port} leads to {arn}, which is none of {one}, {other}");
        let help = "name a listener that nothing else is behind";
        refused.push(at(port, "roll::test_listener", text, help.to_owned()));
    }
}

/// Why its protocol proves nothing.
fn unfit(port: &Spanned<u16>, found: &Leading, facts: &Facts) -> Option<Refusal> {
    let by = &found.listener.protocol;
    let help = "name one by which requests reach the targets; or leave it out, and ask machines themselves by a `command` or an `instance` check".to_owned();
    if matches!(by.as_str(), "UDP" | "QUIC") {
        let text = format!("the listener on port {port} is for {by}, and checks make connections");
        return Some(at(port, "roll::test_listener", text, help));
    }
    let speaks = facts.target_groups().map(|group| group.protocol.as_str());
    let other = speaks.filter(|one| !taken(by).contains(one)).last()?;
    let text = format!(
        "the listener on port {port} is for {by}, and cannot lead to targets that speak {other}"
    );
    Some(at(port, "roll::protocols", text, help))
}

fn at(port: &Spanned<u16>, code: &'static str, text: String, help: String) -> Refusal {
    let finding = Diagnostic::error(code, text).at_value(port, "asked for here");
    Refusal::input(finding.help(help))
}

/// A test listener that is to carry production traffic: its tags say that nobody's traffic goes by it.
pub(super) fn in_production(production: &Leading, rule: &Rule) -> Option<Refusal> {
    if !production.is_probe() {
        return None;
    }
    let text = format!(
        "{} is a test listener by its tag {}",
        production.place,
        tag::RULE
    );
    let finding = Diagnostic::error("roll::test_listener", text).at_place(rule.place, "this one");
    let arn = &production.listener.arn;
    Some(Refusal::input(finding.help(format!(
        "name another port; or, when nothing is tested by it any more: aws elbv2 remove-tags --resource-arns {arn} --tag-keys {}",
        tag::RULE
    ))))
}

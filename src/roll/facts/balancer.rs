//! The load balancer of a service, its listeners and its rules.

use super::{NoFacts, keep, records};
use crate::cloud::{BalancerKind, Cloud, Listener, LoadBalancer, LoadBalancerArn, Names};
use crate::roll::plan::Refusal;
use crate::roll::refusals;
use crate::source::Spanned;
use crate::template::service::{Rule, Traffic};
use crate::undo::serving::{Leading, rules};

/// A load balancer, and what it does with the service's requests; of two that records lead to, the first.
#[derive(Clone, Debug)]
pub struct Balancer {
    pub load_balancer: LoadBalancer,
    /// Every rule and default action of the load balancer.
    pub leading: Vec<Leading>,
    /// Those that the service file names, in its order; at least one.
    pub rules: Vec<Found>,
    /// The default action of the test listener, where the file names one.
    pub test: Option<Leading>,
    /// Its own word on cross-zone load balancing.
    pub cross_zone: bool,
    /// The one that leads to the second target group, where records choose between two.
    pub second: Option<Second>,
}

/// A second load balancer.
#[derive(Clone, Debug)]
pub struct Second {
    pub load_balancer: LoadBalancer,
    pub listener: Listener,
    pub cross_zone: bool,
    /// Other names of the zone that lead to one of the two, and are no service's that kiln knows of; `None`: nobody could look, or
    /// there is nothing to roll.
    pub also_named: Option<Names>,
}

impl Balancer {
    /// Whether it forwards connections, and has no rules.
    pub fn is_network(&self) -> bool {
        self.load_balancer.kind == BalancerKind::Network
    }

    /// Where rules for requests of nobody's are made.
    pub fn probing(&self) -> &Listener {
        let first = &self.rules[0].listener;
        self.test.as_ref().map_or(first, |test| &test.listener)
    }

    /// The one of that ARN.
    pub fn named(&self, arn: &LoadBalancerArn) -> &LoadBalancer {
        let second = self.second.iter().map(|second| &second.load_balancer);
        let mut second = second.filter(|one| one.arn == *arn);
        second.next().unwrap_or(&self.load_balancer)
    }

    /// The one that leads to the target group of a side, the listener where checks ask, and its word on cross-zone load balancing.
    pub fn at(&self, side: usize) -> (&LoadBalancer, &Listener, bool) {
        match &self.second {
            Some(second) if side == 1 => {
                (&second.load_balancer, &second.listener, second.cross_zone)
            }
            _ => (
                &self.load_balancer,
                &self.rules[0].listener,
                self.cross_zone,
            ),
        }
    }
}

/// A production rule of the service file as it is found.
#[derive(Clone, Debug)]
pub struct Found {
    pub listener: Listener,
    /// `None`: the rule is still to be made.
    pub production: Option<Leading>,
}

/// The load balancer with its listener and rules; nothing where it, or its listener, is not there.
pub(super) async fn look_up(
    cloud: &impl Cloud,
    traffic: &Traffic,
    refused: &mut Vec<Refusal>,
) -> Result<Option<Balancer>, NoFacts> {
    if let Some(by) = &traffic.record {
        return records::balancer(cloud, (traffic, by), refused).await;
    }
    let load_balancers = cloud.load_balancers().await?;
    let name = &traffic.load_balancer;
    let found = load_balancers.iter().find(|one| one.name == **name);
    let Some(load_balancer) = found.cloned() else {
        refused.push(refusals::no_load_balancer(name, &load_balancers));
        return Err(NoFacts::Refused(std::mem::take(refused)));
    };
    if load_balancer.kind == BalancerKind::Gateway {
        refused.push(refusals::gateway(name));
        return Err(NoFacts::Refused(std::mem::take(refused)));
    }
    let cross_zone = cloud.cross_zone(&load_balancer.arn).await?;
    let leading = rules(cloud, &load_balancer.arn).await?;
    if traffic.rules.is_empty() {
        refused.push(refusals::no_rule(traffic));
    }
    let found = traffic.rules.iter().map(|rule| {
        let listener = listener_of(&rule.port, &load_balancer, &leading)?;
        let production = production(rule, &listener, &leading);
        Ok(Found {
            listener,
            production,
        })
    });
    let found: Vec<_> = found.filter_map(|found| keep(found, refused)).collect();
    let port = traffic.probe.port.as_ref();
    let test = port.map(|port| test(port, &load_balancer, &leading));
    let test = test.and_then(|found| keep(found, refused));
    let is_whole =
        !found.is_empty() && found.len() == traffic.rules.len() && test.is_some() == port.is_some();
    Ok(is_whole.then_some(Balancer {
        load_balancer,
        leading,
        rules: found,
        test,
        cross_zone,
        second: None,
    }))
}

pub(super) fn listener_of(
    port: &Spanned<u16>,
    load_balancer: &LoadBalancer,
    leading: &[Leading],
) -> Result<Listener, Refusal> {
    let mut listeners = leading.iter().map(|one| &one.listener);
    let found = listeners.find(|listener| listener.port == **port).cloned();
    found.ok_or_else(|| refusals::no_listener(port, load_balancer, leading))
}

/// The default action of the listener on a port.
fn test(
    port: &Spanned<u16>,
    load_balancer: &LoadBalancer,
    leading: &[Leading],
) -> Result<Leading, Refusal> {
    let mut defaults = leading.iter().filter(|one| one.rule.is_none());
    let found = defaults.find(|one| one.listener.port == **port).cloned();
    found.ok_or_else(|| refusals::no_listener(port, load_balancer, leading))
}

/// The rule, or the default action, that matches exactly what the service file says.
pub(super) fn production(rule: &Rule, listener: &Listener, leading: &[Leading]) -> Option<Leading> {
    let wanted = conditions(rule);
    let on_listener = leading
        .iter()
        .filter(|one| one.listener.arn == listener.arn);
    let mut matching = on_listener.filter(|one| match &one.rule {
        // A rule that it cannot have is refused for that.
        None => wanted.is_empty() || listener.arn.is_network(),
        Some(rule) => !wanted.is_empty() && rule.conditions == wanted && !one.is_probe(),
    });
    matching.next().cloned()
}

/// A rule's conditions in the cloud's words.
pub fn conditions(rule: &Rule) -> crate::cloud::Conditions {
    let texts = |values: &[Spanned<String>]| -> Vec<String> {
        values.iter().map(|value| value.value.clone()).collect()
    };
    let headers = rule.headers.iter();
    crate::cloud::Conditions {
        hosts: texts(&rule.hosts),
        paths: texts(&rule.paths),
        headers: headers
            .map(|(name, values)| (name.value.clone(), values.clone()))
            .collect(),
        other: Vec::new(),
    }
    .sorted()
}

//! What Elastic Load Balancing remembers.

use super::{actions::Action, check::HealthCheck, conditions::Condition, kind::Kind};
use crate::model::{Balancer, Verdict, tags::Tags};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Everything that `ELBv2` keeps, by ARN.
#[derive(Clone, Debug, Default)]
pub(in crate::model) struct Elb {
    pub(in crate::model) balancers: BTreeMap<String, LoadBalancer>,
    pub(in crate::model) groups: BTreeMap<String, Group>,
    pub(in crate::model) listeners: BTreeMap<String, Listener>,
    pub(in crate::model) rules: BTreeMap<String, Rule>,
    pub(in crate::model) tags: BTreeMap<String, Tags>,
    /// What the world was last told to make of each load balancer.
    pub(super) told: BTreeMap<String, Balancer>,
}

/// An Application or Network Load Balancer.
#[derive(Clone, Debug)]
pub(in crate::model) struct LoadBalancer {
    pub(in crate::model) kind: Kind,
    pub(in crate::model) name: String,
    pub(in crate::model) address: Ipv4Addr,
    pub(super) scheme: String,
    pub(super) vpc: String,
    /// Zone and subnet.
    pub(in crate::model) zones: Vec<(String, String)>,
    pub(super) security_groups: Vec<String>,
    pub(super) created: Timestamp,
    /// Its proxy has listened once; until then it is `provisioning`.
    pub(in crate::model) active: bool,
    pub(super) attributes: BTreeMap<String, String>,
}

impl LoadBalancer {
    /// Its `DNSName`, which is its address here.
    pub(in crate::model) fn dns_name(&self) -> String {
        self.address.to_string()
    }
}

/// A target group.
#[derive(Clone, Debug)]
pub(in crate::model) struct Group {
    pub(in crate::model) name: String,
    pub(in crate::model) protocol: String,
    /// Of HTTP alone.
    pub(super) protocol_version: Option<String>,
    pub(in crate::model) port: u16,
    pub(super) vpc: String,
    pub(super) check: HealthCheck,
    pub(super) attributes: BTreeMap<String, String>,
    /// By instance id and port.
    pub(in crate::model) targets: BTreeMap<(String, u16), Registration>,
}

/// A target in a target group.
#[derive(Clone, Debug, Default)]
pub(in crate::model) struct Registration {
    /// What the proxy's checks said last; `None` until the first word.
    pub(super) verdict: Option<Verdict>,
    /// It is being deregistered and shown as `draining` until then.
    pub(super) draining_until: Option<Timestamp>,
    /// No connection is left, so the proxy need not know it any more.
    pub(super) drained: bool,
}

/// A listener; what it does by default is its default rule.
#[derive(Clone, Debug)]
pub(in crate::model) struct Listener {
    pub(in crate::model) balancer: String,
    pub(in crate::model) protocol: String,
    pub(in crate::model) port: u16,
}

/// A listener rule.
#[derive(Clone, Debug)]
pub(in crate::model) struct Rule {
    pub(in crate::model) listener: String,
    /// `None` is the default rule, which stands last.
    pub(in crate::model) priority: Option<u32>,
    pub(in crate::model) conditions: Vec<Condition>,
    pub(in crate::model) action: Action,
}

impl Group {
    /// The type of the load balancers that it can stand behind.
    pub(in crate::model) fn kind(&self) -> Kind {
        Kind::in_front_of(&self.protocol)
    }
}

impl Rule {
    /// Target group ARNs that the rule forwards to, whatever their weight.
    pub(in crate::model) fn forwards_to(&self) -> impl Iterator<Item = &str> {
        self.weights().iter().map(|(arn, _)| arn.as_str())
    }

    /// Target group ARNs and weights; none for other actions than forward.
    pub(in crate::model) fn weights(&self) -> &[(String, u32)] {
        match &self.action {
            Action::Forward(forward) => &forward.groups,
            _ => &[],
        }
    }
}

impl Elb {
    /// The type of a listener's load balancer.
    pub(in crate::model) fn kind_of(&self, listener: &Listener) -> Kind {
        let balancer = self.balancers.get(&listener.balancer);
        balancer.map_or(Kind::Application, |balancer| balancer.kind)
    }

    /// ARNs of the load balancers whose rules name a target group.
    pub(super) fn balancers_of(&self, group: &str) -> BTreeSet<&str> {
        let rules = self
            .rules
            .values()
            .filter(|rule| rule.forwards_to().any(|arn| arn == group));
        rules
            .filter_map(|rule| self.listeners.get(&rule.listener))
            .map(|listener| listener.balancer.as_str())
            .collect()
    }

    /// Rules of a listener in the order in which they are tried, the default rule last.
    pub(in crate::model) fn rules_of(&self, listener: &str) -> Vec<(&String, &Rule)> {
        let mut rules: Vec<_> = self
            .rules
            .iter()
            .filter(|(_, rule)| rule.listener == listener)
            .collect();
        rules.sort_by_key(|(_, rule)| rule.priority.unwrap_or(u32::MAX));
        rules
    }

    /// Listeners of a load balancer, by ARN.
    pub(super) fn listeners_of(
        &self,
        balancer: &str,
    ) -> impl Iterator<Item = (&String, &Listener)> {
        self.listeners
            .iter()
            .filter(move |(_, listener)| listener.balancer == balancer)
    }
}

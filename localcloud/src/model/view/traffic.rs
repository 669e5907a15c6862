//! Load balancers, listeners, rules, target groups and the health of targets.

use super::Tags;
use crate::model::{
    Model,
    elb::{self, Reach},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalancerView {
    pub arn: String,
    pub name: String,
    /// `application` or `network`.
    pub kind: &'static str,
    /// Its `DNSName`.
    pub dns_name: String,
    pub zones: Vec<String>,
    /// Its proxy listens.
    pub active: bool,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerView {
    pub arn: String,
    pub balancer: String,
    /// `HTTP` or `TCP`.
    pub protocol: String,
    pub port: u16,
    /// In the order in which they are tried, the default rule last.
    pub rules: Vec<RuleView>,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleView {
    pub arn: String,
    /// `None` is the default rule.
    pub priority: Option<u32>,
    /// What a request must be like, in words.
    pub conditions: String,
    /// Target group ARNs and weights; empty for other actions than forward.
    pub forwards: Vec<(String, u32)>,
    /// What a request, or a connection, may reach through it now.
    pub reach: Vec<Reach>,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGroupView {
    pub arn: String,
    pub name: String,
    pub protocol: String,
    pub targets: Vec<TargetView>,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetView {
    pub instance: String,
    pub port: u16,
    pub zone: Option<String>,
    /// As `DescribeTargetHealth` says it: `healthy`, `draining`, …
    pub state: &'static str,
    pub reason: Option<&'static str>,
}

impl Model {
    fn tags_at(&self, arn: &str) -> Tags {
        self.state.elb.tags.get(arn).cloned().unwrap_or_default()
    }

    pub fn view_balancers(&self) -> Vec<BalancerView> {
        let balancers = self.state.elb.balancers.iter();
        let view = |(arn, balancer): (&String, &elb::LoadBalancer)| BalancerView {
            arn: arn.clone(),
            name: balancer.name.clone(),
            kind: balancer.kind.word(),
            dns_name: balancer.dns_name(),
            zones: balancer
                .zones
                .iter()
                .map(|(zone, _)| zone.clone())
                .collect(),
            active: balancer.active,
            tags: self.tags_at(arn),
        };
        balancers.map(view).collect()
    }

    pub fn view_listeners(&self) -> Vec<ListenerView> {
        let listeners = self.state.elb.listeners.iter();
        let view = |(arn, listener): (&String, &elb::Listener)| ListenerView {
            arn: arn.clone(),
            balancer: listener.balancer.clone(),
            protocol: listener.protocol.clone(),
            port: listener.port,
            rules: self
                .state
                .elb
                .rules_of(arn)
                .into_iter()
                .map(|(arn, rule)| self.rule(arn, rule))
                .collect(),
            tags: self.tags_at(arn),
        };
        listeners.map(view).collect()
    }

    fn rule(&self, arn: &str, rule: &elb::Rule) -> RuleView {
        RuleView {
            arn: arn.to_owned(),
            priority: rule.priority,
            conditions: format!("{:?}", rule.conditions),
            forwards: rule.weights().to_vec(),
            reach: self.served_by(arn),
            tags: self.tags_at(arn),
        }
    }

    /// Tells which targets a request, or a connection, may reach now through a rule, by its ARN: of each target group with a weight the
    /// healthy ones, or all of them when none is healthy.
    pub fn served_by(&self, rule: &str) -> Vec<Reach> {
        elb::served_by(&self.state, rule)
    }

    pub fn view_target_groups(&self) -> Vec<TargetGroupView> {
        let groups = self.state.elb.groups.iter();
        let view = |(arn, group): (&String, &elb::Group)| TargetGroupView {
            arn: arn.clone(),
            name: group.name.clone(),
            protocol: group.protocol.clone(),
            targets: group
                .targets
                .keys()
                .map(|target| self.target(arn, target))
                .collect(),
            tags: self.tags_at(arn),
        };
        groups.map(view).collect()
    }

    fn target(&self, arn: &str, target: &(String, u16)) -> TargetView {
        let health = elb::health_of(&self.state, arn, target);
        TargetView {
            instance: target.0.clone(),
            port: target.1,
            zone: self
                .state
                .ec2
                .instances
                .get(&target.0)
                .map(|instance| instance.zone.clone()),
            state: health.state,
            reason: health.reason,
        }
    }
}

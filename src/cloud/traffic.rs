//! Load balancers, listeners, rules and target groups in our words.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cloud::{
    InstanceId, ListenerArn, LoadBalancerArn, Result, RuleArn, RulePlace, Tags, TargetGroupArn,
    VpcId, Zone,
};

/// A load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancer {
    pub arn: LoadBalancerArn,
    pub name: String,
    /// The name that clients resolve.
    pub host: String,
    pub vpc: VpcId,
    pub kind: BalancerKind,
    pub zones: Vec<Zone>,
}

/// What a load balancer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BalancerKind {
    /// Its rules look at requests.
    Application,
    /// Its listeners forward connections, and have no rules.
    Network,
    /// Of appliances; it leads to no service.
    Gateway,
}

/// A listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    pub arn: ListenerArn,
    pub port: u16,
    /// In the API's words.
    pub protocol: String,
    /// What its default rule does.
    pub actions: Vec<Action>,
}

/// A listener's rule; the default rule is the listener's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub arn: RuleArn,
    pub priority: u32,
    pub conditions: Conditions,
    pub actions: Vec<Action>,
}

/// What a rule matches. Values in the order of their words, so that two ways of writing one rule are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions {
    pub hosts: Vec<String>,
    pub paths: Vec<String>,
    pub headers: Vec<(String, Vec<String>)>,
    /// Conditions of other kinds, by the names of their fields. Such a rule is read, never written.
    pub other: Vec<String>,
}

/// What a rule does with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Forward(Forward),
    Fixed {
        status: String,
        content_type: Option<String>,
        body: Option<String>,
    },
    Redirect {
        status: String,
        protocol: Option<String>,
        port: Option<String>,
        host: Option<String>,
        path: Option<String>,
        query: Option<String>,
    },
    /// Of another kind, by its name. Such a rule is read, never written.
    Other(String),
}

/// A weighted forward, normalised: one target group has weight 1 whichever way the rule says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// In the order of their ARNs.
    pub shares: Vec<(TargetGroupArn, u32)>,
    /// Clients stick to a group for this many seconds.
    pub sticky_seconds: Option<u32>,
}

impl Listener {
    /// Whether it ends TLS.
    pub fn is_tls(&self) -> bool {
        matches!(self.protocol.as_str(), "HTTPS" | "TLS")
    }
}

/// A rule to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRule {
    pub listener: ListenerArn,
    pub priority: u32,
    pub conditions: Conditions,
    pub target_group: TargetGroupArn,
    pub tags: Tags,
}

/// A target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGroup {
    pub arn: TargetGroupArn,
    pub name: String,
    pub protocol: String,
    pub port: u16,
    pub vpc: VpcId,
    pub check: TargetCheck,
    /// The load balancers whose rules name it.
    pub load_balancers: Vec<LoadBalancerArn>,
}

/// A target group's own health check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetCheck {
    pub path: String,
    pub matcher: String,
    pub interval: Duration,
    pub timeout: Duration,
    pub healthy_threshold: u32,
    pub unhealthy_threshold: u32,
}

/// How a target group treats its targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetHabits {
    /// How long a target that leaves may end its requests (0 to 3600 s).
    pub drains: Duration,
    /// How long a target that joins healthy ones gets less than its share (0, or 30 to 900 s).
    pub slow_start: Duration,
    /// Clients stick to a target.
    pub sticky: bool,
    /// Whether cross-zone load balancing is on; `None`: as the load balancer has it.
    pub cross_zone: Option<bool>,
}

impl TargetHabits {
    /// Whether what comes in by a zone goes to targets of that zone alone, where the load balancer's own word is `cross_zone`.
    pub fn is_zonal(&self, cross_zone: bool) -> bool {
        !self.cross_zone.unwrap_or(cross_zone)
    }
}

/// A target group to make. `None` is AWS's default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTargetGroup {
    pub name: String,
    pub protocol: String,
    pub port: u16,
    pub vpc: VpcId,
    /// What its health check speaks.
    pub checks_by: Option<String>,
    pub path: Option<String>,
    pub matcher: Option<String>,
    pub interval: Option<Duration>,
    pub timeout: Option<Duration>,
    pub healthy_threshold: Option<u32>,
    pub unhealthy_threshold: Option<u32>,
    pub tags: Tags,
}

/// What a load balancer knows of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetHealth {
    pub instance: InstanceId,
    pub state: TargetState,
    /// `Target.ResponseCodeMismatch` and the like; empty when healthy.
    pub reason: String,
    pub description: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TargetState {
    Initial,
    Healthy,
    Unhealthy,
    /// No rule leads to its target group, or its zone is not the load balancer's. Never health.
    Unused,
    Draining,
    /// The load balancer does not know.
    Unavailable,
}

/// A thing of the load balancer that carries tags.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrafficArn {
    Listener(ListenerArn),
    Rule(RuleArn),
    TargetGroup(TargetGroupArn),
}

impl TrafficArn {
    /// The ARN as the cloud spells it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Listener(arn) => arn.as_str(),
            Self::Rule(arn) => arn.as_str(),
            Self::TargetGroup(arn) => arn.as_str(),
        }
    }
}

/// Load balancers and what stands behind them.
pub trait Traffic {
    /// Every load balancer of the region.
    fn load_balancers(&self) -> impl Future<Output = Result<Vec<LoadBalancer>>>;

    /// A load balancer's listeners.
    fn listeners(&self, of: &LoadBalancerArn) -> impl Future<Output = Result<Vec<Listener>>>;

    /// Whether cross-zone load balancing of a load balancer is on, for target groups that do not say otherwise.
    fn cross_zone(&self, of: &LoadBalancerArn) -> impl Future<Output = Result<bool>>;

    /// A listener's rules but for its default rule, by priority; none of a network load balancer, which has no rules.
    fn rules(&self, of: &ListenerArn) -> impl Future<Output = Result<Vec<Rule>>>;

    /// What a place does now; `None` when it is gone.
    fn actions_at(&self, place: &RulePlace) -> impl Future<Output = Result<Option<Vec<Action>>>>;

    /// Replaces what a place does, in one call. Records compare: nothing is written where they do something else than `from`.
    fn write_actions(
        &self,
        place: &RulePlace,
        from: &[Action],
        to: &[Action],
    ) -> impl Future<Output = Result<()>>;

    /// Makes a rule that forwards to one target group.
    fn create_rule(&self, new: &NewRule) -> impl Future<Output = Result<RuleArn>>;

    /// Deletes a rule.
    fn delete_rule(&self, rule: &RuleArn) -> impl Future<Output = Result<()>>;

    /// Every target group of the region.
    fn target_groups(&self) -> impl Future<Output = Result<Vec<TargetGroup>>>;

    /// Makes a target group of instances. The same name with the same settings gives the same group.
    fn create_target_group(
        &self,
        new: &NewTargetGroup,
    ) -> impl Future<Output = Result<TargetGroupArn>>;

    /// How a target group treats its targets (`ELBv2`, "`DescribeTargetGroupAttributes`").
    fn habits(&self, of: &TargetGroupArn) -> impl Future<Output = Result<TargetHabits>>;

    /// Sets [`TargetHabits::drains`].
    fn set_deregistration_delay(
        &self,
        of: &TargetGroupArn,
        delay: Duration,
    ) -> impl Future<Output = Result<()>>;

    /// Deletes a target group that no rule names.
    fn delete_target_group(&self, arn: &TargetGroupArn) -> impl Future<Output = Result<()>>;

    /// The health of every target.
    fn target_health(&self, of: &TargetGroupArn)
    -> impl Future<Output = Result<Vec<TargetHealth>>>;

    /// The tags of many things at once; what is gone is left out.
    fn traffic_tags(
        &self,
        of: &[TrafficArn],
    ) -> impl Future<Output = Result<BTreeMap<TrafficArn, Tags>>>;

    /// Sets tags.
    fn tag_traffic(&self, what: &TrafficArn, tags: &Tags) -> impl Future<Output = Result<()>>;

    /// Removes tags; absent ones are no error.
    fn untag_traffic(&self, what: &TrafficArn, keys: &[&str]) -> impl Future<Output = Result<()>>;
}

impl Forward {
    /// All to one target group.
    pub fn to(target_group: TargetGroupArn) -> Self {
        Self {
            shares: vec![(target_group, 1)],
            sticky_seconds: None,
        }
    }

    /// The one target group that gets requests, if it is one.
    pub fn only(&self) -> Option<&TargetGroupArn> {
        let mut served = self.shares.iter().filter(|(_, weight)| *weight > 0);
        match (served.next(), served.next()) {
            (Some((arn, _)), None) => Some(arn),
            _ => None,
        }
    }
}

impl Conditions {
    /// Whether nothing is asked of a request.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The same with every list in order.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.hosts.sort();
        self.paths.sort();
        for (_, values) in &mut self.headers {
            values.sort();
        }
        self.headers.sort();
        self.other.sort();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forward(shares: &[(&str, u32)]) -> Forward {
        let shares = shares.iter();
        Forward {
            shares: shares
                .map(|(arn, weight)| (TargetGroupArn::new(*arn), *weight))
                .collect(),
            sticky_seconds: None,
        }
    }

    #[test]
    fn only_one_weighted_group_is_live() {
        assert_eq!(
            forward(&[("a", 1), ("b", 0)]).only(),
            Some(&TargetGroupArn::new("a"))
        );
        assert_eq!(forward(&[("a", 1), ("b", 1)]).only(), None);
        assert_eq!(forward(&[("a", 0)]).only(), None);
    }
}

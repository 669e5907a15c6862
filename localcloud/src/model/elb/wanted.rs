//! What the proxies should do, computed whole from what is stored, and which targets a request may reach.

use super::{
    actions,
    actions::Action,
    attributes,
    conditions::Condition,
    ground,
    health::{self, health_of},
    kind::Kind,
    stored::{Elb, Group, LoadBalancer, Rule},
};
use crate::model::{
    Balancer, Effect, Listener, Rule as WantedRule, Target, TargetGroup, ec2::InstanceState,
    state::State,
};
use std::collections::BTreeSet;

/// Seconds without a packet after which a network load balancer forgets a TCP connection (`tcp.idle_timeout.seconds`).
const IDLE_TCP: u32 = 350;

/// Tells the world about every load balancer whose wanted state is not the one it was told last.
pub(in crate::model) fn flush(state: &mut State) {
    forget_old_verdicts(state);
    let balancers = state.elb.balancers.iter();
    let wanted: Vec<Balancer> = balancers
        .map(|(arn, balancer)| wanted(state, arn, balancer))
        .collect();
    for balancer in wanted {
        if state.elb.told.get(&balancer.arn) != Some(&balancer) {
            state
                .elb
                .told
                .insert(balancer.arn.clone(), balancer.clone());
            state.emit(Effect::Balance(Box::new(balancer)));
        }
    }
}

/// A target that no load balancer looks at any more has to prove its health anew when one does again.
fn forget_old_verdicts(state: &mut State) {
    let mut old = Vec::new();
    for (arn, group) in &state.elb.groups {
        for (target, registration) in &group.targets {
            if registration.verdict.is_some() && health::unused(state, arn, &target.0).is_some() {
                old.push((arn.clone(), target.clone()));
            }
        }
    }
    for (arn, target) in old {
        let group = state.elb.groups.get_mut(&arn);
        if let Some(registration) = group.and_then(|group| group.targets.get_mut(&target)) {
            registration.verdict = None;
        }
    }
}

fn wanted(state: &State, arn: &str, balancer: &LoadBalancer) -> Balancer {
    let elb = &state.elb;
    let mut listeners = Vec::new();
    let mut named = BTreeSet::new();
    for (listener, at) in elb.listeners_of(arn) {
        let rules = elb.rules_of(listener);
        named.extend(rules.iter().flat_map(|(_, rule)| rule.forwards_to()));
        let rules = rules
            .into_iter()
            .map(|(arn, rule)| wanted_rule(arn, rule))
            .collect();
        listeners.push(Listener {
            arn: listener.clone(),
            protocol: balancer.kind.passes(),
            port: at.port,
            rules,
        });
    }
    let groups = named
        .into_iter()
        .filter_map(|arn| Some((arn, elb.groups.get(arn)?)));
    Balancer {
        arn: arn.to_owned(),
        name: balancer.name.clone(),
        address: balancer.address,
        idle_timeout_seconds: idle_timeout(balancer),
        listeners,
        groups: groups
            .map(|(arn, group)| wanted_group(state, arn, group))
            .collect(),
    }
}

fn idle_timeout(balancer: &LoadBalancer) -> u32 {
    match balancer.kind {
        Kind::Application => {
            attributes::number(&balancer.attributes, "idle_timeout.timeout_seconds")
        }
        Kind::Network => IDLE_TCP,
    }
}

fn wanted_rule(arn: &str, rule: &Rule) -> WantedRule {
    let mut wanted = WantedRule {
        arn: arn.to_owned(),
        hosts: Vec::new(),
        paths: Vec::new(),
        headers: Vec::new(),
        action: actions::share(&rule.action),
    };
    for condition in &rule.conditions {
        match condition {
            Condition::Host(values) => wanted.hosts.clone_from(values),
            Condition::Path(values) => wanted.paths.clone_from(values),
            Condition::Header { name, values } => {
                wanted.headers.push((name.clone(), values.clone()));
            }
        }
    }
    wanted
}

fn wanted_group(state: &State, arn: &str, group: &Group) -> TargetGroup {
    let mut targets = Vec::new();
    for ((id, port), registration) in &group.targets {
        let draining = registration.draining_until.is_some();
        if registration.drained || (!draining && health::unused(state, arn, id).is_some()) {
            continue;
        }
        // A machine that is going away keeps its connections until it is gone.
        let alive = |state: InstanceState| {
            matches!(state, InstanceState::Running | InstanceState::ShuttingDown)
        };
        if let Some(seen) = ground::instance(state, id).filter(|seen| alive(seen.state)) {
            targets.push(Target {
                id: id.clone(),
                address: seen.address,
                port: *port,
                draining,
            });
        }
    }
    TargetGroup {
        arn: arn.to_owned(),
        name: group.name.clone(),
        protocol: group.kind().passes(),
        closes: attributes::closes(&group.attributes),
        probe: group.check.probe(),
        targets,
    }
}

/// The names under which `CloudWatch` counts the requests of a target group, one for each load balancer in front of it.
/// Network load balancers count none.
pub(in crate::model) fn request_labels(state: &State, group: &str) -> Vec<String> {
    let target_group = ground::after(group, ":targetgroup/");
    let counts = |arn: &&str| {
        let balancer = state.elb.balancers.get(*arn);
        balancer.is_some_and(|balancer| balancer.kind == Kind::Application)
    };
    let balancers = state.elb.balancers_of(group).into_iter().filter(counts);
    let label = |arn: &str| {
        format!(
            "{}/targetgroup/{target_group}",
            ground::after(arn, ":loadbalancer/")
        )
    };
    balancers.map(label).collect()
}

/// One target group behind a rule and what of it a request may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The target group's ARN.
    pub group: String,
    pub weight: u32,
    /// Instance ids. Empty means that requests for this group are answered 503.
    pub targets: Vec<String>,
    /// None of them is healthy: the load balancer routes to all of them.
    pub failed_open: bool,
}

/// Tells which targets a request, or a connection, may reach now through a rule: of each group with a weight the healthy ones, or all of
/// them when none is healthy (Application Load Balancers, "Target group health").
pub(in crate::model) fn served_by(state: &State, rule: &str) -> Vec<Reach> {
    let Some(Action::Forward(forward)) = state.elb.rules.get(rule).map(|rule| &rule.action) else {
        return Vec::new();
    };
    let weighted = forward.groups.iter().filter(|(_, weight)| *weight > 0);
    weighted
        .map(|(arn, weight)| reach(state, &state.elb, arn, *weight))
        .collect()
}

fn reach(state: &State, elb: &Elb, arn: &str, weight: u32) -> Reach {
    let (mut healthy, mut others) = (Vec::new(), Vec::new());
    for target in elb
        .groups
        .get(arn)
        .into_iter()
        .flat_map(|group| group.targets.keys())
    {
        match health_of(state, arn, target).state {
            "healthy" => healthy.push(target.0.clone()),
            "initial" | "unhealthy" => others.push(target.0.clone()),
            _ => {}
        }
    }
    let failed_open = healthy.is_empty() && !others.is_empty();
    Reach {
        group: arn.to_owned(),
        weight,
        targets: if failed_open { others } else { healthy },
        failed_open,
    }
}

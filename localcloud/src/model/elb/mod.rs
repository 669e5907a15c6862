//! Elastic Load Balancing v2: load balancers, target groups, listeners, rules and the health of targets.
//!
//! Owns what the API stores and says. Health is never guessed here: it is what `Fact::Probed` told. What a load balancer
//! should do in the world is computed whole in `wanted` and handed out only when it differs from what was handed out last.

mod actions;
mod attributes;
mod balancers;
mod check;
mod conditions;
mod ground;
mod groups;
mod health;
mod kind;
mod limits;
mod listeners;
mod rules;
mod stored;
mod tags;
mod targets;
mod wanted;

#[cfg(test)]
mod tests;

pub(super) use health::{health_of, healthy, is_healthy, says};
pub(super) use kind::is_hosted_zone;
pub(super) use stored::{Elb, Group, Listener, LoadBalancer, Rule};
pub(super) use targets::{enlist, is_draining, release};
pub use wanted::Reach;
pub(super) use wanted::{flush, request_labels, served_by};

use super::{
    Fact, Service,
    actions::Action,
    paging::Paging,
    state::{Change, State},
};
use std::net::Ipv4Addr;

/// `PageSize` and `Marker` of every Describe call here.
const PAGES: Paging = Paging {
    size: "PageSize",
    token: "Marker",
    range: (1, 400),
    usual: 400,
};

pub(super) const TABLES: &[&[Action]] = &[&[
    action("AddTags", "ResourceArns Tags", tags::add),
    action("CreateListener", listeners::TAKES_CREATE, listeners::create),
    action(
        "CreateLoadBalancer",
        balancers::TAKES_CREATE,
        balancers::create,
    ),
    action(
        "CreateRule",
        "ListenerArn Conditions Priority Actions Tags",
        rules::create,
    ),
    action("CreateTargetGroup", groups::TAKES_CREATE, groups::create),
    action("DeleteListener", "ListenerArn", listeners::delete),
    action("DeleteLoadBalancer", "LoadBalancerArn", balancers::delete),
    action("DeleteRule", "RuleArn", rules::delete),
    action("DeleteTargetGroup", "TargetGroupArn", groups::delete),
    action(
        "DeregisterTargets",
        "TargetGroupArn Targets",
        targets::deregister,
    ),
    action(
        "DescribeAccountLimits",
        "PageSize Marker",
        limits::describe_account_limits,
    ),
    action(
        "DescribeListeners",
        "LoadBalancerArn ListenerArns PageSize Marker",
        listeners::describe,
    ),
    action(
        "DescribeLoadBalancerAttributes",
        "LoadBalancerArn",
        balancers::describe_attributes,
    ),
    action(
        "DescribeLoadBalancers",
        "LoadBalancerArns Names PageSize Marker",
        balancers::describe,
    ),
    action(
        "DescribeRules",
        "ListenerArn RuleArns PageSize Marker",
        rules::describe,
    ),
    action("DescribeTags", "ResourceArns", tags::describe),
    action(
        "DescribeTargetGroupAttributes",
        "TargetGroupArn",
        groups::describe_attributes,
    ),
    action(
        "DescribeTargetGroups",
        "LoadBalancerArn TargetGroupArns Names PageSize Marker",
        groups::describe,
    ),
    action(
        "DescribeTargetHealth",
        "TargetGroupArn Targets Include",
        targets::describe_health,
    ),
    action("ModifyListener", listeners::TAKES_MODIFY, listeners::modify),
    action(
        "ModifyLoadBalancerAttributes",
        "LoadBalancerArn Attributes",
        balancers::modify_attributes,
    ),
    action("ModifyRule", "RuleArn Conditions Actions", rules::modify),
    action("ModifyTargetGroup", groups::TAKES_MODIFY, groups::modify),
    action(
        "ModifyTargetGroupAttributes",
        "TargetGroupArn Attributes",
        groups::modify_attributes,
    ),
    action(
        "RegisterTargets",
        "TargetGroupArn Targets",
        targets::register,
    ),
    action("RemoveTags", "ResourceArns TagKeys", tags::remove),
    action("SetRulePriorities", "RulePriorities", rules::set_priorities),
    action(
        "SetSecurityGroups",
        "LoadBalancerArn SecurityGroups",
        balancers::set_security_groups,
    ),
    action(
        "SetSubnets",
        "LoadBalancerArn Subnets SubnetMappings",
        balancers::set_subnets,
    ),
]];

const fn action(name: &'static str, takes: &'static str, run: super::actions::Handler) -> Action {
    Action::new(Service::Elb, name, takes, run)
}

/// The addresses that load balancers hold.
pub(super) fn addresses(state: &State) -> Vec<Ipv4Addr> {
    state
        .elb
        .balancers
        .values()
        .map(|balancer| balancer.address)
        .collect()
}

/// Tells whether a load balancer stands in a security group.
pub(super) fn uses_security_group(state: &State, id: &str) -> bool {
    let mut balancers = state.elb.balancers.values();
    balancers.any(|balancer| balancer.security_groups.iter().any(|group| group == id))
}

/// What time alone brings to load balancers and targets.
#[derive(Clone, Debug)]
pub(super) enum Due {
    /// A target's deregistration delay is over.
    Deregistered {
        group: String,
        target: String,
        port: u16,
    },
}

/// Lets something happen that came due.
pub(super) fn due(state: &mut State, due: Due) {
    let Due::Deregistered {
        group,
        target,
        port,
    } = due;
    targets::forget(state, &group, &(target, port));
}

/// Reacts to a change of an instance's state.
pub(super) fn changed(state: &mut State, change: &Change) {
    let Change::Instance { id, to, .. } = change;
    targets::instance_changed(state, id, *to);
}

/// Takes in what the proxies saw.
pub(super) fn observe(state: &mut State, fact: &Fact) {
    match fact {
        Fact::Probed {
            group,
            target,
            port,
            verdict,
        } => targets::probed(state, group, target, *port, verdict),
        Fact::Drained {
            group,
            target,
            port,
        } => targets::drained(state, group, target, *port),
        Fact::Balanced { arn } => balancers::listening(state, arn),
        _ => {}
    }
}

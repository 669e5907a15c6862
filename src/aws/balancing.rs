//! What Elastic Load Balancing says of load balancers, listeners, target groups and targets, in our words.

use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::types;

use super::rules::actions_of;
use crate::cloud::{
    BalancerKind, Error, InstanceId, Listener, ListenerArn, LoadBalancer, LoadBalancerArn, Result,
    TargetCheck, TargetGroup, TargetGroupArn, TargetHealth, TargetState, VpcId, Zone,
};

pub(super) fn load_balancer_of(one: &types::LoadBalancer) -> Result<LoadBalancer> {
    let lacks = |what| Error::malformed("DescribeLoadBalancers", what);
    let zones = one.availability_zones().iter();
    Ok(LoadBalancer {
        arn: LoadBalancerArn::new(one.load_balancer_arn().ok_or_else(|| lacks("ARN"))?),
        name: one
            .load_balancer_name()
            .ok_or_else(|| lacks("name"))?
            .to_owned(),
        host: one.dns_name().ok_or_else(|| lacks("DNS name"))?.to_owned(),
        vpc: VpcId::new(one.vpc_id().unwrap_or_default()),
        kind: match one.r#type() {
            Some(types::LoadBalancerTypeEnum::Application) => BalancerKind::Application,
            Some(types::LoadBalancerTypeEnum::Network) => BalancerKind::Network,
            _ => BalancerKind::Gateway,
        },
        zones: zones
            .filter_map(|zone| zone.zone_name())
            .map(Zone::new)
            .collect(),
    })
}

pub(super) fn listener_of(one: &types::Listener) -> Result<Listener> {
    let lacks = |what| Error::malformed("DescribeListeners", what);
    let port = one.port().and_then(|port| u16::try_from(port).ok());
    Ok(Listener {
        arn: ListenerArn::new(one.listener_arn().ok_or_else(|| lacks("ARN"))?),
        port: port.ok_or_else(|| lacks("port"))?,
        protocol: one
            .protocol()
            .map_or("", |protocol| protocol.as_str())
            .to_owned(),
        actions: actions_of(one.default_actions()),
    })
}

/// A target group; `None` for one of lambdas, which has no port and no VPC.
pub(super) fn target_group_of(one: &types::TargetGroup) -> Result<Option<TargetGroup>> {
    let lacks = |what| Error::malformed("DescribeTargetGroups", what);
    let (Some(port), Some(vpc)) = (one.port(), one.vpc_id()) else {
        return Ok(None);
    };
    let duration = |seconds: Option<i32>| {
        Duration::from_secs(u64::try_from(seconds.unwrap_or_default()).unwrap_or_default())
    };
    let count = |count: Option<i32>| u32::try_from(count.unwrap_or_default()).unwrap_or_default();
    let matcher = one.matcher().and_then(|matcher| matcher.http_code());
    Ok(Some(TargetGroup {
        arn: TargetGroupArn::new(one.target_group_arn().ok_or_else(|| lacks("ARN"))?),
        name: one
            .target_group_name()
            .ok_or_else(|| lacks("name"))?
            .to_owned(),
        protocol: one
            .protocol()
            .map_or("", |protocol| protocol.as_str())
            .to_owned(),
        port: u16::try_from(port).map_err(|_| lacks("port"))?,
        vpc: VpcId::new(vpc),
        check: TargetCheck {
            path: one.health_check_path().unwrap_or_default().to_owned(),
            matcher: matcher.unwrap_or_default().to_owned(),
            interval: duration(one.health_check_interval_seconds()),
            timeout: duration(one.health_check_timeout_seconds()),
            healthy_threshold: count(one.healthy_threshold_count()),
            unhealthy_threshold: count(one.unhealthy_threshold_count()),
        },
        load_balancers: one
            .load_balancer_arns()
            .iter()
            .map(LoadBalancerArn::new)
            .collect(),
    }))
}

pub(super) fn health_of(one: &types::TargetHealthDescription) -> Result<TargetHealth> {
    use types::TargetHealthStateEnum as State;
    let lacks = |what| Error::malformed("DescribeTargetHealth", what);
    let id = one.target().and_then(|target| target.id());
    let health = one.target_health().ok_or_else(|| lacks("target health"))?;
    let state = match health.state() {
        Some(State::Healthy) => TargetState::Healthy,
        Some(State::Initial) => TargetState::Initial,
        Some(State::Unhealthy) => TargetState::Unhealthy,
        Some(State::Unused) => TargetState::Unused,
        Some(State::Draining | State::UnhealthyDraining) => TargetState::Draining,
        _ => TargetState::Unavailable,
    };
    Ok(TargetHealth {
        instance: InstanceId::new(id.ok_or_else(|| lacks("target id"))?),
        state,
        reason: health
            .reason()
            .map_or("", |reason| reason.as_str())
            .to_owned(),
        description: health.description().unwrap_or_default().to_owned(),
    })
}

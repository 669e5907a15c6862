//! How a target group treats its targets: the attributes that a roll goes by.

use std::time::Duration;

use super::Aws;
use super::error::failed;
use crate::cloud::{Error, LoadBalancerArn, Result, TargetGroupArn, TargetHabits};

pub(super) const DELAY: &str = "deregistration_delay.timeout_seconds";
const SLOW: &str = "slow_start.duration_seconds";
const STICKY: &str = "stickiness.enabled";
const CROSS_ZONE: &str = "load_balancing.cross_zone.enabled";
const CALL: &str = "DescribeTargetGroupAttributes";

/// Looks them up.
pub(super) async fn of(aws: &Aws, of: &TargetGroupArn) -> Result<TargetHabits> {
    let call = aws.elb_to_read().await.describe_target_group_attributes();
    let answer = call.target_group_arn(of.as_str()).send().await;
    let answer = answer.map_err(|error| failed(CALL, error))?;
    let value = |key: &str| {
        let mut attributes = answer.attributes().iter();
        attributes.find(|one| one.key() == Some(key))?.value()
    };
    let seconds = |key: &str| Some(Duration::from_secs(value(key)?.parse().ok()?));
    let drains = seconds(DELAY);
    Ok(TargetHabits {
        drains: drains.ok_or_else(|| Error::malformed(CALL, "deregistration delay"))?,
        // Network load balancers have none.
        slow_start: seconds(SLOW).unwrap_or_default(),
        sticky: value(STICKY) == Some("true"),
        cross_zone: value(CROSS_ZONE).and_then(|word| word.parse().ok()),
    })
}

/// What a load balancer has of cross-zone load balancing. An Application Load Balancer's is always on ("Cross-zone load balancing for
/// target groups"), and is not asked for.
pub(super) async fn cross_zone(aws: &Aws, of: &LoadBalancerArn) -> Result<bool> {
    if !of.is_network() {
        return Ok(true);
    }
    let call = aws.elb_to_read().await.describe_load_balancer_attributes();
    let answer = call.load_balancer_arn(of.as_str()).send().await;
    let answer = answer.map_err(|error| failed("DescribeLoadBalancerAttributes", error))?;
    let mut attributes = answer.attributes().iter();
    let found = attributes.find(|one| one.key() == Some(CROSS_ZONE));
    Ok(found.and_then(|one| one.value()) == Some("true"))
}

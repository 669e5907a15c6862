//! How many requests each group of a service gets, as its load balancer counts them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::checks::floor;
use super::error::Error;
use crate::cloud::{Behind, Cloud, MetricQuery, TargetGroupArn};
use crate::undo::serving::target_groups_of;

/// Seconds that one value is of.
const PERIOD: u32 = 60;
/// Metrics of load balancers come a minute or two late.
const BACK: SignedDuration = SignedDuration::from_mins(3);

/// The requests of the newest whole minute that is known of (AWS: "`CloudWatch` metrics for your Application Load Balancer",
/// `RequestCount`), for each target group of the service that a load balancer leads to. One without a value had none, or none
/// is known yet, and is left out.
pub async fn requests(
    cloud: &impl Cloud,
    service: &str,
    now: Timestamp,
) -> Result<BTreeMap<TargetGroupArn, f64>, Error> {
    let found = target_groups_of(cloud, service).await?;
    let groups = found.iter().map(|(group, _)| group);
    let led = groups.filter_map(|group| Some((&group.arn, group.load_balancers.first()?)));
    // A network load balancer counts no requests, and its flows for no target group of their own.
    let led: Vec<_> = led.filter(|(_, balancer)| !balancer.is_network()).collect();
    if led.is_empty() {
        return Ok(BTreeMap::new());
    }
    let queries = led.iter().map(|(target_group, load_balancer)| {
        let behind = Behind {
            target_group,
            load_balancer,
        };
        MetricQuery {
            namespace: "AWS/ApplicationELB".to_owned(),
            name: "RequestCount".to_owned(),
            dimensions: behind.of_target_group(),
            statistic: "Sum".to_owned(),
            period: PERIOD,
        }
    });
    let end = floor(now, i64::from(PERIOD));
    let queries: Vec<_> = queries.collect();
    let values = cloud.metrics(&queries, end - BACK, end).await?;
    let newest = led.into_iter().zip(values);
    let newest = newest.filter_map(|((arn, _), values)| Some((arn.clone(), *values.last()?)));
    Ok(newest.collect())
}

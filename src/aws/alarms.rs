//! `CloudWatch`'s alarms and metrics, and which alarms a group's scaling policies have.

use std::collections::BTreeSet;

use aws_sdk_autoscaling::types::ScalingPolicy;
use aws_sdk_cloudwatch::types;
use jiff::Timestamp;

use super::Aws;
use super::error::failed;
use crate::cloud::{
    Alarm, AlarmState, Alarms, Dimensions, Error, GroupName, LooksAt, MetricQuery, Result,
};

/// Names of one call (`DescribeAlarms`).
pub(super) const NAMES: usize = 100;
/// Queries of one call (`GetMetricData`).
const QUERIES: usize = 500;
/// What target tracking names the alarm that takes machines away ("Target tracking scaling policies").
const LOW: &str = "-AlarmLow-";

const DESCRIBE: &str = "DescribeAlarms";
const METRICS: &str = "GetMetricData";

impl Alarms for Aws {
    async fn alarms(&self, names: &BTreeSet<String>) -> Result<Vec<Alarm>> {
        let names: Vec<&String> = names.iter().collect();
        let mut found = Vec::new();
        for some in names.chunks(NAMES) {
            let call = self.all_alarms();
            let some = some.iter().map(|name| (*name).clone()).collect();
            found.extend(pages(call.set_alarm_names(Some(some))).await?);
        }
        Ok(found)
    }

    async fn alarm_names(&self) -> Result<Vec<String>> {
        let all = pages(self.all_alarms()).await?;
        Ok(all.into_iter().map(|alarm| alarm.name).collect())
    }

    async fn low_alarms(&self, group: &GroupName) -> Result<BTreeSet<String>> {
        let call = self.scaling_to_read().await.describe_policies();
        let call = call.auto_scaling_group_name(group.as_str());
        let mut policies = call.into_paginator().items().send();
        let mut found = BTreeSet::new();
        while let Some(policy) = policies.next().await {
            let policy = policy.map_err(|error| failed("DescribePolicies", error))?;
            found.extend(low(&policy));
        }
        Ok(found)
    }

    async fn metrics(
        &self,
        queries: &[MetricQuery],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Vec<f64>>> {
        let mut values = Vec::new();
        for some in queries.chunks(QUERIES) {
            values.extend(data(self, some, from, to).await?);
        }
        Ok(values)
    }
}

type Describe =
    aws_sdk_cloudwatch::operation::describe_alarms::builders::DescribeAlarmsFluentBuilder;

impl Aws {
    /// Metric alarms alone come when no type is asked for.
    fn all_alarms(&self) -> Describe {
        let call = self.cloudwatch().describe_alarms();
        call.alarm_types(types::AlarmType::MetricAlarm)
            .alarm_types(types::AlarmType::CompositeAlarm)
    }
}

async fn pages(call: Describe) -> Result<Vec<Alarm>> {
    let mut found = Vec::new();
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failed(DESCRIBE, error))?;
        for alarm in page.metric_alarms() {
            found.push(metric(alarm)?);
        }
        for alarm in page.composite_alarms() {
            found.push(composite(alarm)?);
        }
    }
    Ok(found)
}

fn metric(alarm: &types::MetricAlarm) -> Result<Alarm> {
    let mut metrics: Vec<Dimensions> = alarm
        .metrics()
        .iter()
        .filter_map(|query| query.metric_stat()?.metric())
        .map(|metric| dimensions(metric.dimensions()))
        .collect();
    if alarm.metrics().is_empty() {
        metrics.push(dimensions(alarm.dimensions()));
    }
    let looks_at = LooksAt::Metrics(metrics);
    let state = State {
        value: alarm.state_value(),
        reason: alarm.state_reason(),
        since: alarm.state_transitioned_timestamp(),
    };
    of(alarm.alarm_name(), &state, looks_at)
}

fn composite(alarm: &types::CompositeAlarm) -> Result<Alarm> {
    let rule = alarm.alarm_rule().unwrap_or_default();
    let looks_at = LooksAt::Alarms(named(rule));
    let state = State {
        value: alarm.state_value(),
        reason: alarm.state_reason(),
        since: alarm.state_transitioned_timestamp(),
    };
    of(alarm.alarm_name(), &state, looks_at)
}

/// What both kinds of alarms say of their state.
struct State<'a> {
    value: Option<&'a types::StateValue>,
    reason: Option<&'a str>,
    since: Option<&'a aws_smithy_types::DateTime>,
}

fn of(name: Option<&str>, said: &State<'_>, looks_at: LooksAt) -> Result<Alarm> {
    let name = name.ok_or_else(|| Error::malformed(DESCRIBE, "alarm name"))?;
    let state = match said
        .value
        .ok_or_else(|| Error::malformed(DESCRIBE, "alarm state"))?
    {
        types::StateValue::Ok => AlarmState::Ok,
        types::StateValue::Alarm => AlarmState::Alarm,
        // A state that a newer AWS has is none that anybody may go by.
        _ => AlarmState::Unknown,
    };
    Ok(Alarm {
        name: name.to_owned(),
        state,
        reason: said.reason.unwrap_or_default().to_owned(),
        since: said
            .since
            .and_then(|at| Timestamp::from_second(at.secs()).ok()),
        looks_at,
    })
}

fn dimensions(from: &[types::Dimension]) -> Dimensions {
    let pairs = from.iter();
    pairs
        .filter_map(|one| Some((one.name()?.to_owned(), one.value()?.to_owned())))
        .collect()
}

/// The alarms that a rule names: what stands in parentheses behind a state, in quotes or without (`PutCompositeAlarm`).
fn named(rule: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = rule;
    while let Some(open) = rest.find('(') {
        let before = rest[..open].trim_end();
        rest = &rest[open + 1..];
        let is_state = ["ALARM", "OK", "INSUFFICIENT_DATA"]
            .iter()
            .any(|state| before.ends_with(state));
        if !is_state {
            continue;
        }
        let inside = rest.trim_start();
        let (name, after) = match inside.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => inside.split_once(')').unwrap_or((inside, "")),
        };
        let name = name.trim();
        let of_arn = name
            .split_once(":alarm:")
            .filter(|_| name.starts_with("arn:"));
        found.push(of_arn.map_or(name, |(_, name)| name).to_owned());
        rest = after;
    }
    found
}

/// The alarms that may set a policy off to take machines away.
fn low(policy: &ScalingPolicy) -> Vec<String> {
    let alarms = policy.alarms().iter();
    let names = alarms.filter_map(|alarm| alarm.alarm_name().map(ToOwned::to_owned));
    if policy.target_tracking_configuration().is_some() {
        return names.filter(|name| name.contains(LOW)).collect();
    }
    let steps = policy.step_adjustments().iter();
    let mut adjustments = steps
        .filter_map(aws_sdk_autoscaling::types::StepAdjustment::scaling_adjustment)
        .chain(policy.scaling_adjustment());
    // An exact capacity may be less than there is.
    let exact = policy.adjustment_type() == Some("ExactCapacity");
    if exact || adjustments.any(|by| by < 0) {
        return names.collect();
    }
    Vec::new()
}

async fn data(
    aws: &Aws,
    queries: &[MetricQuery],
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Vec<f64>>> {
    let time = |at: Timestamp| aws_smithy_types::DateTime::from_secs(at.as_second());
    let mut call = aws
        .cloudwatch()
        .get_metric_data()
        .start_time(time(from))
        .end_time(time(to))
        .scan_by(types::ScanBy::TimestampAscending);
    for (index, query) in queries.iter().enumerate() {
        call = call.metric_data_queries(asked(index, query));
    }
    let mut values = vec![Vec::new(); queries.len()];
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failed(METRICS, error))?;
        for result in page.metric_data_results() {
            let index = result
                .id()
                .and_then(|id| id.strip_prefix('q')?.parse::<usize>().ok());
            let of = index.and_then(|index| values.get_mut(index));
            let of = of.ok_or_else(|| Error::malformed(METRICS, "id of a query"))?;
            of.extend_from_slice(result.values());
        }
    }
    Ok(values)
}

fn asked(index: usize, query: &MetricQuery) -> types::MetricDataQuery {
    let dimensions = query.dimensions.iter();
    let dimensions =
        dimensions.map(|(name, value)| types::Dimension::builder().name(name).value(value).build());
    let metric = types::Metric::builder()
        .namespace(&query.namespace)
        .metric_name(&query.name)
        .set_dimensions(Some(dimensions.collect()));
    let stat = types::MetricStat::builder()
        .metric(metric.build())
        .period(i32::try_from(query.period).unwrap_or(i32::MAX))
        .stat(&query.statistic);
    types::MetricDataQuery::builder()
        .id(format!("q{index}"))
        .metric_stat(stat.build())
        .return_data(true)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_autoscaling::types::{
        Alarm as Named, PredefinedMetricSpecification, StepAdjustment, TargetTrackingConfiguration,
    };

    #[test]
    fn a_rule_names_its_alarms() {
        let rule = r#"ALARM("web 5xx (prod)") AND (OK( low ) OR NOT INSUFFICIENT_DATA(arn:aws:cloudwatch:eu-central-1:1:alarm:web))"#;
        assert_eq!(named(rule), ["web 5xx (prod)", "low", "web"]);
        assert!(named("TRUE").is_empty());
    }

    #[test]
    fn an_alarm_is_low_when_its_policy_takes_machines_away() {
        let policy = |alarm: &str| {
            let named = Named::builder().alarm_name(alarm).build();
            ScalingPolicy::builder().alarms(named)
        };
        let step = |by| StepAdjustment::builder().scaling_adjustment(by).build();
        let metric = PredefinedMetricSpecification::builder();
        let metric = metric
            .predefined_metric_type("ASGAverageCPUUtilization".into())
            .build();
        let tracking = TargetTrackingConfiguration::builder();
        let tracking = tracking
            .predefined_metric_specification(metric)
            .target_value(50.0)
            .build();
        let both = policy("TargetTracking-web-AlarmHigh-1").alarms(
            Named::builder()
                .alarm_name("TargetTracking-web-AlarmLow-2")
                .build(),
        );
        let found = |policy: &ScalingPolicy| low(policy);
        assert_eq!(
            found(&both.target_tracking_configuration(tracking).build()),
            ["TargetTracking-web-AlarmLow-2"]
        );
        assert_eq!(
            found(
                &policy("a")
                    .step_adjustments(step(1))
                    .step_adjustments(step(-1))
                    .build()
            ),
            ["a"]
        );
        assert!(found(&policy("a").step_adjustments(step(2)).build()).is_empty());
        assert_eq!(found(&policy("a").scaling_adjustment(-1).build()), ["a"]);
        let exact = policy("a")
            .adjustment_type("ExactCapacity")
            .scaling_adjustment(3);
        assert_eq!(found(&exact.build()), ["a"]);
    }
}

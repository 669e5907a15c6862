//! Copies of policies.

use super::super::answering::silent;
use super::*;
use crate::cloud::TargetGroupArn;

fn copying() -> Copying {
    let arn = |name: &str| {
        TargetGroupArn::new(format!(
            "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/{name}/0123"
        ))
    };
    Copying {
        from: GroupName::new("web-v001"),
        to: GroupName::new("web-v002"),
        target_groups: Some((arn("web-a"), arn("web-b"))),
    }
}

fn copy(policy: types::ScalingPolicy) -> String {
    let call = input(silent().put_scaling_policy(), policy, &copying());
    format!("{:?}", call.as_input().clone().build().unwrap())
}

/// Of both kinds of names nothing is left of the previous group, and each is there as often as it was.
fn assert_moved(text: &str, groups: usize, targets: usize) {
    let of = |name: &str| text.matches(name).count();
    assert_eq!(
        (of("web-v001"), of("targetgroup/web-a/0123")),
        (0, 0),
        "{text}"
    );
    assert_eq!(of("\"web-v002\"") + of("'web-v002'"), groups + 1, "{text}");
    assert_eq!(of("targetgroup/web-b/0123"), targets, "{text}");
}

fn metric() -> types::Metric {
    let group = types::MetricDimension::builder().name("AutoScalingGroupName");
    let group = group.value("web-v001").build();
    types::Metric::builder().dimensions(group).build()
}

const QUERY: &str = "SELECT AVG(mem) FROM agent WHERE AutoScalingGroupName = 'web-v001'";
const LABEL: &str = "app/lb/77/targetgroup/web-a/0123";

#[test]
fn a_policy_on_requests_follows_its_own_target_group() {
    let metric = types::PredefinedMetricSpecification::builder()
        .predefined_metric_type(types::MetricType::AlbRequestCountPerTarget)
        .resource_label(LABEL)
        .build();
    let tracking =
        types::TargetTrackingConfiguration::builder().predefined_metric_specification(metric);
    let policy = types::ScalingPolicy::builder().target_tracking_configuration(tracking.build());
    assert_moved(&copy(policy.build()), 0, 1);
}

#[test]
fn a_policy_on_a_metric_of_ones_own_follows_its_own_group() {
    let stat = types::TargetTrackingMetricStat::builder()
        .metric(metric())
        .build();
    let query = types::TargetTrackingMetricDataQuery::builder();
    let target = types::MetricDimension::builder().name("TargetGroup");
    let target = target.value("targetgroup/web-a/0123").build();
    let metric = types::CustomizedMetricSpecification::builder()
        .set_dimensions(metric().dimensions)
        .dimensions(target)
        .metrics(query.clone().expression(QUERY).build())
        .metrics(query.metric_stat(stat).build())
        .build();
    let tracking =
        types::TargetTrackingConfiguration::builder().customized_metric_specification(metric);
    let policy = types::ScalingPolicy::builder().target_tracking_configuration(tracking.build());
    assert_moved(&copy(policy.build()), 3, 1);
}

#[test]
fn a_prediction_looks_at_its_own_group() {
    let stat = types::MetricStat::builder().metric(metric()).build();
    let query = types::MetricDataQuery::builder();
    let queries = vec![
        query.clone().expression(QUERY).build(),
        query.metric_stat(stat).build(),
    ];
    let some = || Some(queries.clone());
    let spec = types::PredictiveScalingMetricSpecification::builder()
        .predefined_metric_pair_specification(
            types::PredictiveScalingPredefinedMetricPair::builder()
                .resource_label(LABEL)
                .build(),
        )
        .predefined_scaling_metric_specification(
            types::PredictiveScalingPredefinedScalingMetric::builder()
                .resource_label(LABEL)
                .build(),
        )
        .predefined_load_metric_specification(
            types::PredictiveScalingPredefinedLoadMetric::builder()
                .resource_label(LABEL)
                .build(),
        )
        .customized_scaling_metric_specification(
            types::PredictiveScalingCustomizedScalingMetric::builder()
                .set_metric_data_queries(some())
                .build(),
        )
        .customized_load_metric_specification(
            types::PredictiveScalingCustomizedLoadMetric::builder()
                .set_metric_data_queries(some())
                .build(),
        )
        .customized_capacity_metric_specification(
            types::PredictiveScalingCustomizedCapacityMetric::builder()
                .set_metric_data_queries(some())
                .build(),
        );
    let prediction =
        types::PredictiveScalingConfiguration::builder().metric_specifications(spec.build());
    let policy =
        types::ScalingPolicy::builder().predictive_scaling_configuration(prediction.build());
    assert_moved(&copy(policy.build()), 6, 3);
}

//! Every field of the SDK's input, with what becomes of it in a copy.

use aws_sdk_cloudwatch::operation::put_metric_alarm::PutMetricAlarmInput;

use super::*;
use crate::cloud::TargetGroupArn;

/// `copied`, `moved` to the next group, `named` by the plan, or `refused` when the alarm has it.
const FIELDS: &[(&str, &str)] = &[
    ("alarm_name", "named"),
    ("alarm_description", "copied"),
    ("actions_enabled", "copied"),
    ("ok_actions", "moved"),
    ("alarm_actions", "moved"),
    ("insufficient_data_actions", "moved"),
    ("metric_name", "copied"),
    ("namespace", "copied"),
    ("statistic", "copied"),
    ("extended_statistic", "copied"),
    ("dimensions", "moved"),
    ("period", "copied"),
    ("unit", "copied"),
    ("evaluation_periods", "copied"),
    ("datapoints_to_alarm", "copied"),
    ("threshold", "copied"),
    ("comparison_operator", "copied"),
    ("treat_missing_data", "copied"),
    ("evaluate_low_sample_count_percentile", "copied"),
    ("metrics", "moved"),
    // The user's own, and kiln's.
    ("tags", "named"),
    ("threshold_metric_id", "refused"),
    ("evaluation_window", "copied"),
    ("warm_up_configuration", "copied"),
    ("evaluation_criteria", "refused"),
    ("evaluation_interval", "copied"),
    ("action_configuration", "copied"),
];

fn arn(name: &str) -> TargetGroupArn {
    let text = format!("arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/{name}/0123");
    TargetGroupArn::new(text)
}

fn copying() -> Copying {
    Copying {
        from: GroupName::new("web-v001"),
        to: GroupName::new("web-v002"),
        target_groups: Some((arn("web-a"), arn("web-b"))),
    }
}

fn put() -> Put {
    let config = aws_sdk_cloudwatch::Config::builder()
        .behavior_version(aws_sdk_cloudwatch::config::BehaviorVersion::latest());
    aws_sdk_cloudwatch::Client::from_conf(config.build()).put_metric_alarm()
}

fn policy(group: &str) -> String {
    format!(
        "arn:aws:autoscaling:eu-west-1:1:scalingPolicy:0:autoScalingGroupName/{group}:policyName/out"
    )
}

fn dimensions(pairs: &[(&str, &str)]) -> Vec<types::Dimension> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| {
            types::Dimension::builder()
                .name(*name)
                .value(*value)
                .build()
        })
        .collect()
}

/// An alarm with every field that is copied set to something.
fn full() -> types::builders::MetricAlarmBuilder {
    MetricAlarm::builder()
        .alarm_name("cpu high")
        .alarm_description("d")
        .actions_enabled(false)
        .ok_actions("arn:aws:sns:eu-west-1:1:page")
        .alarm_actions(policy("web-v001"))
        .alarm_actions(policy("batch-v001"))
        .insufficient_data_actions(policy("web-v001"))
        .metric_name("m")
        .namespace("n")
        .statistic(types::Statistic::Sum)
        .extended_statistic("p99")
        .period(60)
        .unit(types::StandardUnit::Count)
        .evaluation_periods(3)
        .datapoints_to_alarm(2)
        .threshold(1.5)
        .comparison_operator(types::ComparisonOperator::GreaterThanThreshold)
        .treat_missing_data("missing")
        .evaluate_low_sample_count_percentile("ignore")
        .evaluation_window(types::EvaluationWindow::SlidingWindow(
            types::SlidingWindow::builder().build(),
        ))
        .warm_up_configuration(types::WarmUpConfiguration::builder().build())
        .evaluation_interval(60)
        .action_configuration(types::ActionConfiguration::builder().build())
}

/// The names in `Input { a: None, b: Some(…) }`, with what stands behind each.
fn fields(input: &PutMetricAlarmInput) -> BTreeMap<String, bool> {
    let names = FIELDS.iter().map(|(name, _)| *name);
    let text = format!("{input:?}");
    let known = names.filter(|name| text.contains(&format!(" {name}: ")));
    known
        .map(|name| (name.to_owned(), !text.contains(&format!(" {name}: None"))))
        .collect()
}

#[test]
fn every_field_of_an_alarm_is_decided() {
    let empty = PutMetricAlarmInput::builder().build().unwrap();
    let text = format!("{empty:?}");
    let body = text.split_once('{').unwrap().1.trim_end_matches('}');
    let pairs = body.split(',').filter_map(|pair| pair.split_once(':'));
    let names: BTreeSet<String> = pairs.map(|(name, _)| name.trim().to_owned()).collect();
    let table: BTreeSet<String> = FIELDS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names, table);
}

#[test]
fn every_field_marked_copied_is_set_in_the_copy() {
    let call = like(put(), &full().build(), &copying());
    let set = fields(&call.as_input().clone().build().unwrap());
    for (name, fate) in FIELDS {
        assert_eq!(set[*name], *fate == "copied", "{name} is {fate}");
    }
}

#[test]
fn the_copy_sets_off_the_next_group_alone() {
    let policies = BTreeMap::from([(policy("web-v001"), Some(policy("web-v002")))]);
    let call = acting(put(), &full().build(), &policies, Acting::Scaling).unwrap();
    let input = call.as_input().clone().build().unwrap();
    assert_eq!(input.alarm_actions(), [policy("web-v002")]);
    assert!(input.ok_actions().is_empty());
    let call = acting(put(), &full().build(), &policies, Acting::Fully).unwrap();
    let input = call.as_input().clone().build().unwrap();
    assert_eq!(input.alarm_actions(), [policy("web-v002")]);
    assert_eq!(input.insufficient_data_actions(), [policy("web-v002")]);
    assert_eq!(input.ok_actions(), ["arn:aws:sns:eu-west-1:1:page"]);
    let missing = BTreeMap::from([(policy("web-v001"), None)]);
    assert!(acting(put(), &full().build(), &missing, Acting::Fully).is_err());
}

#[test]
fn what_names_the_previous_group_names_the_next_one() {
    let pairs = [
        ("AutoScalingGroupName", "web-v001"),
        ("TargetGroup", "targetgroup/web-a/0123"),
        ("LoadBalancer", "app/public/77"),
        ("QueueName", "web-v001"),
    ];
    let moved = [
        ("AutoScalingGroupName", "web-v002"),
        ("TargetGroup", "targetgroup/web-b/0123"),
        ("LoadBalancer", "app/public/77"),
        ("QueueName", "web-v001"),
    ];
    let plain = full().set_dimensions(Some(dimensions(&pairs))).build();
    let call = like(put(), &plain, &copying());
    assert_eq!(call.get_dimensions().clone().unwrap(), dimensions(&moved));
    let metric = types::Metric::builder().set_dimensions(Some(dimensions(&pairs)));
    let stat = types::MetricStat::builder().metric(metric.build()).build();
    let query = |id: &str| types::MetricDataQuery::builder().id(id);
    let text = "SELECT AVG(x) WHERE AutoScalingGroupName = 'web-v001' OR y = 'web-v0011'";
    let queries = [
        query("a").metric_stat(stat).build(),
        query("b").expression(text).build(),
    ];
    let math = full().set_metrics(Some(queries.to_vec())).build();
    let call = like(put(), &math, &copying());
    let queries = call.get_metrics().clone().unwrap();
    let metric = queries[0].metric_stat().unwrap().metric().unwrap();
    assert_eq!(metric.dimensions(), dimensions(&moved));
    assert_eq!(
        queries[1].expression(),
        Some("SELECT AVG(x) WHERE AutoScalingGroupName = 'web-v002' OR y = 'web-v0011'")
    );
}

#[test]
fn bands_and_queries_are_refused() {
    assert_eq!(not_copied(&full().build()), None);
    let band = full().threshold_metric_id("band").build();
    assert!(not_copied(&band).unwrap().contains("anomaly"));
}

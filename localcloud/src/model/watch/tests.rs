mod scaling;

use super::super::{Fact, Model, Params, Request, Service, SourceImage, Tree, config::Config};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

fn image() -> SourceImage {
    SourceImage {
        id: "ami-0123456789abcdef0".into(),
        name: "debian-12".into(),
        owner: "136693071363".into(),
        description: String::new(),
        created: Timestamp::UNIX_EPOCH,
        architecture: "x86_64".into(),
        root_device: "/dev/xvda".into(),
        root_size: 8,
    }
}

struct Cloud {
    model: Model,
    now: Timestamp,
}

impl Cloud {
    fn new() -> Self {
        let now: Timestamp = "2026-11-01T03:00:10Z".parse().unwrap();
        let config = Config {
            opened: now,
            images: vec![image()],
            ..Config::default()
        };
        Self {
            model: Model::new(config),
            now,
        }
    }

    fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
        self.model.advance(self.now);
    }

    fn call(
        &mut self,
        service: Service,
        action: &str,
        given: &serde_json::Value,
    ) -> Result<Tree, String> {
        let request = Request {
            service,
            action: action.into(),
            params: params(given),
        };
        self.model
            .call(&request, self.now)
            .result
            .map_err(|fault| fault.code)
    }

    #[track_caller]
    fn watch(&mut self, action: &str, given: &serde_json::Value) -> Tree {
        self.call(Service::CloudWatch, action, given).unwrap()
    }

    fn alarm(&mut self, name: &str, more: &serde_json::Value) {
        let mut given = serde_json::json!({
            "AlarmName": name, "Namespace": "web", "MetricName": "errors", "Statistic": "Sum", "Period": "60",
            "EvaluationPeriods": "2", "Threshold": "5", "ComparisonOperator": "GreaterThanThreshold"});
        for (key, value) in more.as_object().unwrap() {
            given[key] = value.clone();
        }
        self.watch("PutMetricAlarm", &given);
    }

    fn put(&mut self, value: f64) {
        let data = serde_json::json!({"Namespace": "web", "MetricData": [{"MetricName": "errors", "Value": value.to_string()}]});
        self.watch("PutMetricData", &data);
    }

    fn set(&mut self, name: &str, state: &str) {
        let given =
            serde_json::json!({"AlarmName": name, "StateValue": state, "StateReason": "test"});
        self.watch("SetAlarmState", &given);
    }

    #[track_caller]
    fn state(&self, name: &str) -> &'static str {
        let alarms = self.model.view_alarms();
        alarms
            .iter()
            .find(|alarm| alarm.name == name)
            .unwrap()
            .state
    }
}

fn params(value: &serde_json::Value) -> Params {
    match value {
        serde_json::Value::Array(list) => Params::List(list.iter().map(params).collect()),
        serde_json::Value::Object(map) => {
            let fields = map
                .iter()
                .map(|(name, value)| (name.clone(), params(value)));
            Params::Map(fields.collect::<BTreeMap<_, _>>())
        }
        serde_json::Value::String(text) => Params::Text(text.clone()),
        other => Params::Text(other.to_string()),
    }
}

#[test]
fn an_alarm_follows_its_metric_and_is_blind_without_data() {
    let mut cloud = Cloud::new();
    cloud.alarm("a", &serde_json::json!({}));
    assert_eq!(cloud.state("a"), "INSUFFICIENT_DATA");
    for _ in 0..2 {
        cloud.put(6.0);
        cloud.pass(60);
    }
    assert_eq!(cloud.state("a"), "ALARM");
    cloud.put(1.0);
    cloud.pass(60);
    assert_eq!(cloud.state("a"), "OK", "one of two periods is not enough");
    cloud.pass(180);
    assert_eq!(cloud.state("a"), "INSUFFICIENT_DATA");
}

#[test]
fn what_is_missing_is_treated_as_the_alarm_says() {
    let mut cloud = Cloud::new();
    cloud.alarm("bad", &serde_json::json!({"TreatMissingData": "breaching"}));
    cloud.alarm(
        "good",
        &serde_json::json!({"TreatMissingData": "notBreaching"}),
    );
    cloud.alarm("same", &serde_json::json!({"TreatMissingData": "ignore"}));
    cloud.pass(120);
    let states = ["bad", "good", "same"].map(|name| cloud.state(name));
    assert_eq!(states, ["ALARM", "OK", "INSUFFICIENT_DATA"]);
}

#[test]
fn a_state_that_was_set_stays_until_data_comes() {
    let mut cloud = Cloud::new();
    cloud.alarm("a", &serde_json::json!({}));
    cloud.set("a", "ALARM");
    cloud.pass(600);
    assert_eq!(cloud.state("a"), "ALARM");
    cloud.put(0.0);
    cloud.pass(60);
    assert_eq!(cloud.state("a"), "OK");
}

#[test]
fn a_composite_alarm_follows_its_rule_and_shows_up_only_when_asked_for() {
    let mut cloud = Cloud::new();
    let rule = serde_json::json!({"AlarmName": "both", "AlarmRule": "ALARM(a) AND NOT OK(b)"});
    assert_eq!(
        cloud.call(Service::CloudWatch, "PutCompositeAlarm", &rule),
        Err("ValidationError".into())
    );
    cloud.alarm("a", &serde_json::json!({}));
    cloud.alarm("b", &serde_json::json!({}));
    cloud.watch("PutCompositeAlarm", &rule);
    cloud.pass(1);
    assert_eq!(cloud.state("both"), "OK");
    cloud.set("a", "ALARM");
    assert_eq!(cloud.state("both"), "ALARM");
    cloud.set("b", "OK");
    assert_eq!(cloud.state("both"), "OK");
    let cycle = serde_json::json!({"AlarmName": "both", "AlarmRule": "ALARM(both)"});
    assert!(
        cloud
            .call(Service::CloudWatch, "PutCompositeAlarm", &cycle)
            .is_err()
    );
    let all = cloud.watch(
        "DescribeAlarms",
        &serde_json::json!({"AlarmNames": ["both", "a", "none"]}),
    );
    assert_eq!(all.at("MetricAlarms.0.AlarmName"), Some(&"a".into()));
    assert_eq!(all.at("CompositeAlarms.0"), None);
    let asked = serde_json::json!({"AlarmNames": ["both"], "AlarmTypes": ["CompositeAlarm"]});
    let all = cloud.watch("DescribeAlarms", &asked);
    assert_eq!(all.at("CompositeAlarms.0.StateValue"), Some(&"OK".into()));
}

#[test]
fn many_alarms_come_in_pages() {
    let mut cloud = Cloud::new();
    for number in 0..60 {
        cloud.alarm(&format!("a{number:02}"), &serde_json::json!({}));
    }
    let first = cloud.watch(
        "DescribeAlarms",
        &serde_json::json!({"AlarmNamePrefix": "a"}),
    );
    let token = first.get("NextToken").unwrap().text().unwrap();
    let second = cloud.watch(
        "DescribeAlarms",
        &serde_json::json!({"AlarmNamePrefix": "a", "NextToken": token}),
    );
    assert_eq!(second.at("MetricAlarms.0.AlarmName"), Some(&"a50".into()));
    assert_eq!(second.get("NextToken"), None);
    let many: Vec<String> = (0..101).map(|number| format!("a{number}")).collect();
    let many = serde_json::json!({"AlarmNames": many});
    assert!(
        cloud
            .call(Service::CloudWatch, "DescribeAlarms", &many)
            .is_err()
    );
}

#[test]
fn metrics_of_aws_come_from_what_is_served_alone() {
    let mut cloud = Cloud::new();
    let own = serde_json::json!({"Namespace": "AWS/EC2", "MetricData": [{"MetricName": "x", "Value": "1"}]});
    assert_eq!(
        cloud.call(Service::CloudWatch, "PutMetricData", &own),
        Err("InvalidParameterValue".into())
    );
    let subnets: Vec<String> = cloud
        .model
        .view_subnets()
        .into_iter()
        .map(|subnet| subnet.id)
        .collect();
    let vpc = cloud.model.view_vpc().to_owned();
    let made = serde_json::json!({"Name": "public", "Subnets": subnets});
    let balancer = cloud
        .call(Service::Elb, "CreateLoadBalancer", &made)
        .unwrap();
    let balancer = balancer
        .at("LoadBalancers.0.LoadBalancerArn")
        .unwrap()
        .text()
        .unwrap();
    let made = serde_json::json!({"Name": "web-a", "Protocol": "HTTP", "Port": "80", "VpcId": vpc});
    let group = cloud
        .call(Service::Elb, "CreateTargetGroup", &made)
        .unwrap();
    let group = group
        .at("TargetGroups.0.TargetGroupArn")
        .unwrap()
        .text()
        .unwrap();
    let forward = serde_json::json!([{"Type": "forward", "TargetGroupArn": group}]);
    let made = serde_json::json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": "80", "DefaultActions": forward});
    cloud.call(Service::Elb, "CreateListener", &made).unwrap();
    let served = |failed| Fact::Served {
        group: group.clone(),
        requests: 100,
        failed,
        mean_millis: 250,
    };
    cloud.model.observe(served(7), cloud.now);
    cloud.model.observe(served(0), cloud.now);
    let dimension = |name: &str, arn: &str, marker: &str| {
        let value = arn.split_once(marker).unwrap().1.to_owned();
        let value = if name == "TargetGroup" {
            format!("targetgroup/{value}")
        } else {
            value
        };
        serde_json::json!({"Name": name, "Value": value})
    };
    let dimensions = serde_json::json!([
        dimension("LoadBalancer", &balancer, ":loadbalancer/"),
        dimension("TargetGroup", &group, ":targetgroup/")
    ]);
    let query = |id: &str, name: &str, stat: &str| {
        serde_json::json!({"Id": id, "MetricStat": {"Stat": stat, "Period": "60",
        "Metric": {"Namespace": "AWS/ApplicationELB", "MetricName": name, "Dimensions": dimensions}}})
    };
    let asked = serde_json::json!({"StartTime": "2026-11-01T03:00:00Z", "EndTime": "2026-11-01T03:01:00Z",
        "MetricDataQueries": [query("r", "RequestCount", "Sum"), query("e", "HTTPCode_Target_5XX_Count", "Sum"),
            query("t", "TargetResponseTime", "p90"), query("n", "HTTPCode_Target_4XX_Count", "Sum")]});
    let data = cloud.watch("GetMetricData", &asked);
    let value = |index: usize| {
        data.at(&format!("MetricDataResults.{index}.Values.0"))
            .and_then(Tree::text)
    };
    assert_eq!(
        [value(0), value(1), value(2), value(3)],
        [
            Some("200".into()),
            Some("7".into()),
            Some("0.25".into()),
            None
        ]
    );
}

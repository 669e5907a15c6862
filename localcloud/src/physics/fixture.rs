//! A cloud for tests: a launch template `web` over one image, and calls written as JSON.

#![expect(
    clippy::needless_pass_by_value,
    reason = "cases read best with their JSON in place"
)]

use super::World;
use crate::model::{Config, Fault, Model, Params, Request, Service, SourceImage, Tree};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

pub(crate) const IMAGE: &str = "ami-0aaaaaaaaaaaaaaaa";
pub(crate) const BROKEN: &str = "ami-0bbbbbbbbbbbbbbbb";

pub(crate) struct Cloud {
    pub(crate) world: World,
}

fn source_image(id: &str, name: &str) -> SourceImage {
    SourceImage {
        id: id.into(),
        name: name.into(),
        owner: "136693071363".into(),
        description: String::new(),
        created: Timestamp::UNIX_EPOCH,
        architecture: "x86_64".into(),
        root_device: "/dev/xvda".into(),
        root_size: 8,
    }
}

pub(crate) fn params(value: &Value) -> Params {
    match value {
        Value::Array(list) => Params::List(list.iter().map(params).collect()),
        Value::Object(map) => Params::Map(
            map.iter()
                .map(|(name, value)| (name.clone(), params(value)))
                .collect(),
        ),
        Value::String(text) => Params::Text(text.clone()),
        other => Params::Text(other.to_string()),
    }
}

impl Cloud {
    pub(crate) fn new() -> Self {
        Self::seeded(7)
    }

    pub(crate) fn seeded(seed: u64) -> Self {
        let opened = "2026-01-05T10:00:00Z".parse().unwrap();
        let images = vec![source_image(IMAGE, "good"), source_image(BROKEN, "broken")];
        let config = Config {
            seed,
            images,
            opened,
            ..Config::default()
        };
        let mut cloud = Self {
            world: World::new(config),
        };
        cloud.template("web", IMAGE);
        cloud
    }

    pub(crate) fn call(
        &mut self,
        service: Service,
        action: &str,
        given: &Value,
    ) -> Result<Tree, Fault> {
        let request = Request {
            service,
            action: action.into(),
            params: params(given),
        };
        let now = self.world.now();
        self.world.call(&request, now).result
    }

    #[track_caller]
    pub(crate) fn scaling(&mut self, action: &str, given: Value) -> Tree {
        self.call(Service::AutoScaling, action, &given)
            .unwrap_or_else(|fault| panic!("{action} {given}: {fault}"))
    }

    #[track_caller]
    pub(crate) fn elb(&mut self, action: &str, given: Value) -> Tree {
        self.call(Service::Elb, action, &given)
            .unwrap_or_else(|fault| panic!("{action} {given}: {fault}"))
    }

    #[track_caller]
    pub(crate) fn ec2(&mut self, action: &str, given: Value) -> Tree {
        self.call(Service::Ec2, action, &given)
            .unwrap_or_else(|fault| panic!("{action} {given}: {fault}"))
    }

    /// The code of a refusal.
    #[track_caller]
    pub(crate) fn refused(&mut self, service: Service, action: &str, given: Value) -> String {
        match self.call(service, action, &given) {
            Err(fault) => fault.code,
            Ok(answer) => panic!("{action} {given} was answered: {answer:?}"),
        }
    }

    pub(crate) fn model(&self) -> &Model {
        &self.world.model
    }

    pub(crate) fn pass(&mut self, seconds: i64) {
        let to = self.world.now() + SignedDuration::from_secs(seconds);
        self.world.advance_to(to);
    }

    /// Lets time pass second by second until something holds, at most that many.
    #[track_caller]
    pub(crate) fn pass_until(&mut self, limit: i64, holds: impl Fn(&Model) -> bool) -> i64 {
        for second in 0..limit {
            if holds(self.model()) {
                return second;
            }
            self.pass(1);
        }
        panic!(
            "it did not come to hold in {limit} s: {:#?}",
            self.model().view_groups()
        );
    }

    pub(crate) fn template(&mut self, name: &str, image: &str) {
        let data = json!({"ImageId": image, "InstanceType": "t3.micro"});
        self.ec2(
            "CreateLaunchTemplate",
            json!({"LaunchTemplateName": name, "LaunchTemplateData": data}),
        );
    }

    pub(crate) fn subnets(&self) -> Vec<String> {
        let mut subnets = self.model().view_subnets();
        subnets.sort_by(|a, b| a.zone.cmp(&b.zone));
        subnets.into_iter().map(|subnet| subnet.id).collect()
    }

    /// A load balancer in the first two zones, and its ARN.
    pub(crate) fn balancer(&mut self, name: &str) -> String {
        let subnets = &self.subnets()[..2];
        let made = self.elb(
            "CreateLoadBalancer",
            json!({"Name": name, "Subnets": subnets}),
        );
        text(&made, "LoadBalancers.0.LoadBalancerArn")
    }

    /// A target group with quick checks, and its ARN.
    pub(crate) fn target_group(&mut self, name: &str) -> String {
        let vpc = self.model().view_vpc().to_owned();
        let made = self.elb(
            "CreateTargetGroup",
            json!({"Name": name, "Protocol": "HTTP", "Port": 80, "VpcId": vpc, "HealthCheckIntervalSeconds": 5,
                "HealthCheckTimeoutSeconds": 2, "HealthyThresholdCount": 2}),
        );
        text(&made, "TargetGroups.0.TargetGroupArn")
    }

    /// A listener that forwards to a target group, and its ARN.
    pub(crate) fn listener(&mut self, balancer: &str, port: u16, group: &str) -> String {
        let action = json!([{"Type": "forward", "TargetGroupArn": group}]);
        let made = self.elb(
            "CreateListener",
            json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": port, "DefaultActions": action}),
        );
        text(&made, "Listeners.0.ListenerArn")
    }

    /// A group in the first two zones, with more settings laid over.
    #[track_caller]
    pub(crate) fn group(&mut self, name: &str, sizes: [i64; 3], more: Value) {
        let mut given = json!({
            "AutoScalingGroupName": name, "LaunchTemplate": {"LaunchTemplateName": "web", "Version": "1"},
            "MinSize": sizes[0], "DesiredCapacity": sizes[1], "MaxSize": sizes[2],
            "VPCZoneIdentifier": self.subnets()[..2].join(","),
        });
        for (field, value) in more.as_object().unwrap() {
            given[field] = value.clone();
        }
        self.scaling("CreateAutoScalingGroup", given);
    }

    /// Starts one instance by hand and waits for it.
    pub(crate) fn instance(&mut self, subnet: usize) -> String {
        let subnet = self.subnets()[subnet].clone();
        let template = json!({"LaunchTemplateName": "web"});
        let made = self.ec2(
            "RunInstances",
            json!({"LaunchTemplate": template, "SubnetId": subnet, "MinCount": 1, "MaxCount": 1}),
        );
        let id = text(&made, "instancesSet.0.instanceId");
        self.pass_until(120, |model| {
            model
                .view_instances()
                .iter()
                .any(|seen| seen.id == id && seen.state == "running")
        });
        id
    }

    /// State and reason of a target's health, as the API says it.
    pub(crate) fn health(&mut self, group: &str, instance: &str) -> String {
        let given = json!({"TargetGroupArn": group, "Targets": [{"Id": instance}]});
        let answer = self.elb("DescribeTargetHealth", given);
        let health = answer
            .at("TargetHealthDescriptions.0.TargetHealth")
            .unwrap();
        let reason = health
            .get("Reason")
            .and_then(Tree::text)
            .unwrap_or_default();
        format!("{} {reason}", text(health, "State"))
            .trim()
            .to_owned()
    }

    /// Instances of a group in a lifecycle state.
    pub(crate) fn members(&self, name: &str, state: &str) -> Vec<String> {
        let groups = self.model().view_groups();
        let group = groups.iter().find(|group| group.name == name).unwrap();
        group
            .members
            .iter()
            .filter(|member| member.state == state)
            .map(|member| member.instance.clone())
            .collect()
    }

    /// Waits until a group has that many instances in service, and nothing else.
    #[track_caller]
    pub(crate) fn settled(&mut self, name: &str, count: usize) -> Vec<String> {
        self.pass_until(900, |model| {
            let groups = model.view_groups();
            let group = groups.iter().find(|group| group.name == name).unwrap();
            group.members.len() == count
                && group
                    .members
                    .iter()
                    .all(|member| member.state == "InService")
        });
        self.members(name, "InService")
    }

    /// Descriptions, status codes and messages of a group's activities, the newest first.
    pub(crate) fn activities(&mut self, name: &str) -> Vec<(String, String, String)> {
        let answer = self.scaling(
            "DescribeScalingActivities",
            json!({"AutoScalingGroupName": name}),
        );
        let Some(Tree::List(list)) = answer.get("Activities") else {
            panic!("{answer:?}")
        };
        let part =
            |tree: &Tree, name: &str| tree.get(name).and_then(Tree::text).unwrap_or_default();
        let entry = |tree: &Tree| {
            (
                part(tree, "Description"),
                part(tree, "StatusCode"),
                part(tree, "StatusMessage"),
            )
        };
        list.iter().map(entry).collect()
    }
}

/// The text at a path that must be there.
#[track_caller]
pub(crate) fn text(tree: &Tree, path: &str) -> String {
    tree.at(path)
        .and_then(Tree::text)
        .unwrap_or_else(|| panic!("nothing at {path} in {tree:#?}"))
}

/// How many entries a list has.
pub(crate) fn count(tree: &Tree, path: &str) -> usize {
    match tree.at(path) {
        Some(Tree::List(list)) => list.len(),
        _ => 0,
    }
}

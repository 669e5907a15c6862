//! The account that services are rolled in, and calls of another client of it.

use std::time::Duration;

use jiff::Timestamp;
use kiln::run::{Holder, RunId};
use kiln::template::service::{Check, CheckKind};
use localcloud::model::view::{AliasView, RecordView};
use localcloud::model::{Config, Params, Request as Call, Service as Api, SourceImage, Tree};
use localcloud::physics::{Behaviour, World};

use super::{V1, V2, V3};

pub const BLUE_GREEN: &str = r#"{ "type": "blue_green" }"#;
pub const DEFAULT_RULE: &str = r#"{ "port": 80, "create": false }"#;
pub const OWN_RULE: &str =
    r#"{ "port": 80, "match": { "host": ["web.example"] }, "create": true }"#;

/// Of test listeners.
pub const TEST_PORT: u16 = 8443;

/// Three machines in three zones, so that every zone has a floor of one.
pub const SERVICE: &str = r#"{
  "format": 1, "service": "web", "region": "eu-central-1",
  "image": { "id": "ami-0000000000000001" },
  "groups": { "mode": "new", "template": "web",
    "initial": { "min": 2, "max": 6, "desired": 3, "subnets": SUBNETS } },
  "set": { "instance_type": "t3.small", "security_groups": ["GROUP"], "health_check_grace_period": "90s",
    "user_data": { "raw": "version" }, "tags": { "team": "web" } },
  "traffic": { "load_balancer": "public",
    "target": { "port": 80, "protocol": "HTTP", "health_check": { "path": "/healthz", "interval": "5s", "timeout": "2s",
      "healthy_threshold": 2, "unhealthy_threshold": 2 }, "deregistration_delay": "20s" },
    "rules": [ RULE ],
    "probe": { "header": "x-kiln-probe" } },
  "strategy": STRATEGY,
  "checks": {
    "before": [ { "http": { "path": "/version", "body": { "equals": "{{ image.id }}" } }, "times": 2, "timeout": "1m" } ],
    "after": [ { "soak": "30s" } ] },
  "rollback": { "keep": "1h" }
}"#;

/// The same without a load balancer, and without what asks it.
pub fn without_traffic() -> String {
    let cut = |text: &str, from: &str, to: &str| {
        let (start, end) = (text.find(from).unwrap(), text.find(to).unwrap());
        format!("{}{}", &text[..start], &text[end..])
    };
    let text = cut(SERVICE, "  \"traffic\"", "  \"strategy\"");
    cut(&text, "    \"before\"", "    \"after\"")
}

/// The same behind a network load balancer, where no request can reach the next group before the swap.
pub fn by_connections() -> String {
    let cut = |text: &str, from: &str, to: &str, with: &str| {
        let start = text.find(from).unwrap();
        let end = start + text[start..].find(to).unwrap();
        format!("{}{with}{}", &text[..start], &text[end..])
    };
    let text = SERVICE.replace("\"protocol\": \"HTTP\"", "\"protocol\": \"TCP\"");
    let text = cut(&text, ",\n    \"probe\"", " },\n  \"strategy\"", "");
    let asked = r#"{ "command": ["check"], "times": 2, "timeout": "1m" } ],
"#;
    cut(&text, "{ \"http\"", "    \"after\"", asked)
}

/// The same behind two load balancers, to which a record each leads.
pub fn by_records() -> String {
    let start = SERVICE.find("  \"traffic\"").unwrap();
    let end = SERVICE.find("  \"strategy\"").unwrap();
    let traffic = r#"  "traffic": { "load_balancers": ["web-a", "web-b"], "target_groups": ["web-a", "web-b"],
    "record": { "name": "www.example.org", "zone": "example.org" },
    "rules": [ RULE ] },
"#;
    format!("{}{traffic}{}", &SERVICE[..start], &SERVICE[end..])
}

/// Machines that come up in seconds, so that a roll takes few calls.
pub fn quick() -> Behaviour {
    use localcloud::physics::Spread;
    Behaviour {
        boot: Spread::seconds(4, 8),
        start: Spread::seconds(2, 5),
        ..Behaviour::default()
    }
}

pub fn account() -> Config {
    let image = |id: &str, name: &str| SourceImage {
        id: id.to_owned(),
        name: name.to_owned(),
        owner: "012345678901".to_owned(),
        description: String::new(),
        created: "2026-01-01T00:00:00Z".parse().unwrap(),
        architecture: "x86_64".to_owned(),
        root_device: "/dev/xvda".to_owned(),
        root_size: 8,
    };
    Config {
        opened: "2026-11-01T03:00:00Z".parse().unwrap(),
        images: vec![image(V1, "web-1"), image(V2, "web-2"), image(V3, "web-3")],
        ..Config::default()
    }
}

pub fn params(value: &serde_json::Value) -> Params {
    match value {
        serde_json::Value::Array(list) => Params::List(list.iter().map(params).collect()),
        serde_json::Value::Object(map) => Params::Map(
            map.iter()
                .map(|(name, value)| (name.clone(), params(value)))
                .collect(),
        ),
        serde_json::Value::String(text) => Params::Text(text.clone()),
        other => Params::Text(other.to_string()),
    }
}

#[track_caller]
pub fn call(
    world: &mut World,
    now: Timestamp,
    service: Api,
    action: &str,
    given: &serde_json::Value,
) -> Tree {
    let request = Call {
        service,
        action: action.to_owned(),
        params: params(given),
    };
    world
        .call(&request, now)
        .result
        .unwrap_or_else(|fault| panic!("{action} {given}: {fault}"))
}

/// A text in an answer, by its path.
pub fn text(tree: &Tree, path: &str) -> String {
    path.split('.')
        .try_fold(tree, |tree, step| match tree {
            Tree::Map(fields) => fields
                .iter()
                .find(|(name, _)| *name == step)
                .map(|(_, tree)| tree),
            Tree::List(items) => items.get(step.parse::<usize>().ok()?),
            _ => None,
        })
        .and_then(|tree| match tree {
            Tree::Text(text) => Some(text.clone()),
            _ => None,
        })
        .unwrap_or_else(|| panic!("{path} in {tree:?}"))
}

/// A load balancer in all zones with a listener, and a security group. Gives the subnets and the group.
pub fn seed(world: &mut World) -> (Vec<String>, String) {
    use serde_json::json;
    let (subnets, vpc) = network(world);
    let balancer = json!({"Name": "public", "Subnets": subnets});
    let fixed = json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]);
    let listener = json!({"Protocol": "HTTP", "Port": 80, "DefaultActions": fixed});
    (subnets, listening(world, &vpc, &balancer, listener))
}

/// The same with a network load balancer, whose listener leads to a target group without machines.
pub fn seed_connections(world: &mut World) -> (Vec<String>, String) {
    use serde_json::json;
    let (subnets, vpc) = network(world);
    let now = world.now();
    let group = json!({"Name": "web-a", "Protocol": "TCP", "Port": 80, "VpcId": vpc, "HealthCheckProtocol": "HTTP",
        "HealthCheckPath": "/healthz", "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2,
        "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2});
    let made = call(world, now, Api::Elb, "CreateTargetGroup", &group);
    let arn = text(&made, "TargetGroups.0.TargetGroupArn");
    let delay = json!([{"Key": "deregistration_delay.timeout_seconds", "Value": "20"}]);
    let given = json!({"TargetGroupArn": arn, "Attributes": delay});
    call(world, now, Api::Elb, "ModifyTargetGroupAttributes", &given);
    let balancer = json!({"Name": "public", "Type": "network", "Subnets": subnets});
    let leads = json!([{"Type": "forward", "TargetGroupArn": arn}]);
    let listener = json!({"Protocol": "TCP", "Port": 80, "DefaultActions": leads});
    (subnets, listening(world, &vpc, &balancer, listener))
}

/// Two load balancers, each with a listener that leads to a target group without machines, and a record to each: all of the traffic
/// goes to the first.
pub fn seed_records(world: &mut World) -> (Vec<String>, String) {
    seed_names(world, None)
}

/// The same with aliases, or with names that may be kept for so many seconds.
pub fn seed_names(world: &mut World, ttl: Option<i64>) -> (Vec<String>, String) {
    use serde_json::json;
    let (subnets, vpc) = network(world);
    let zone = world.model.plant_zone("example.org").unwrap();
    let mut group = String::new();
    for (letter, weight) in [("a", 1), ("b", 0)] {
        let name = format!("web-{letter}");
        let now = world.now();
        let target = json!({"Name": name, "Protocol": "HTTP", "Port": 80, "VpcId": vpc, "HealthCheckPath": "/healthz",
            "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2, "HealthyThresholdCount": 2,
            "UnhealthyThresholdCount": 2});
        let made = call(world, now, Api::Elb, "CreateTargetGroup", &target);
        let arn = text(&made, "TargetGroups.0.TargetGroupArn");
        let delay = json!([{"Key": "deregistration_delay.timeout_seconds", "Value": "20"}]);
        let given = json!({"TargetGroupArn": arn, "Attributes": delay});
        call(world, now, Api::Elb, "ModifyTargetGroupAttributes", &given);
        let balancer = json!({"Name": name, "Subnets": subnets});
        let leads = json!([{"Type": "forward", "TargetGroupArn": arn}]);
        let listener = json!({"Protocol": "HTTP", "Port": 80, "DefaultActions": leads});
        listen(world, &balancer, listener);
        let views = world.model.view_balancers();
        let host = &views.iter().find(|one| one.name == name).unwrap().dns_name;
        let named = RecordView {
            name: "www.example.org.".to_owned(),
            weighted: Some((letter.to_owned(), weight)),
            ..RecordView::default()
        };
        let record = match ttl {
            None => RecordView {
                kind: "A".to_owned(),
                alias: Some(AliasView {
                    zone: "Z215JYRZR1TBD5".to_owned(),
                    target: host.clone(),
                    evaluates_health: true,
                }),
                ..named
            },
            Some(_) => RecordView {
                kind: "CNAME".to_owned(),
                ttl,
                values: vec![host.clone()],
                ..named
            },
        };
        world.model.plant_record(&zone, &record).unwrap();
        if group.is_empty() {
            group = security_group(world, &vpc);
        }
    }
    (subnets, group)
}

/// Subnets in the order of their zones, and their VPC.
fn network(world: &World) -> (Vec<String>, String) {
    let mut subnets = world.model.view_subnets();
    subnets.sort_by(|one, other| one.zone.cmp(&other.zone));
    let subnets: Vec<String> = subnets.into_iter().map(|subnet| subnet.id).collect();
    (subnets, world.model.view_vpc().to_owned())
}

/// Makes a load balancer with a listener, and a security group.
fn listening(
    world: &mut World,
    vpc: &str,
    balancer: &serde_json::Value,
    listener: serde_json::Value,
) -> String {
    listen(world, balancer, listener);
    security_group(world, vpc)
}

fn listen(world: &mut World, balancer: &serde_json::Value, mut listener: serde_json::Value) {
    let now = world.now();
    let made = call(world, now, Api::Elb, "CreateLoadBalancer", balancer);
    listener["LoadBalancerArn"] = serde_json::json!(text(&made, "LoadBalancers.0.LoadBalancerArn"));
    call(world, now, Api::Elb, "CreateListener", &listener);
}

/// Makes a security group, and lets a proxy come up.
fn security_group(world: &mut World, vpc: &str) -> String {
    use serde_json::json;
    let now = world.now();
    let group = json!({"GroupName": "web", "GroupDescription": "web", "VpcId": vpc});
    let group = call(world, now, Api::Ec2, "CreateSecurityGroup", &group);
    let group = text(&group, "groupId");
    // The proxy comes up.
    let then = now + jiff::SignedDuration::from_secs(30);
    world.advance_to(then);
    group
}

/// An agent that has a lease for a run.
pub fn holder(run: RunId, since: Timestamp) -> Holder {
    Holder {
        run,
        host: "agent".to_owned(),
        process: 1,
        since,
    }
}

/// A check that the service is healthy for so many minutes.
pub fn soak(minutes: u64) -> Check {
    Check {
        kind: CheckKind::Soak(Duration::from_mins(minutes)),
        times: 1,
        timeout: Duration::from_mins(2),
        place: None,
    }
}

//! What requests come through to the machines of a seed's service.

use fastrand::Rng;
use localcloud::model::Service as Api;
use localcloud::physics::World;
use serde_json::json;

use super::drawn::{Drawn, Strategy};
use super::tested::Proof;
use crate::simulation::roll::world::{TEST_PORT, seed_connections, seed_records};
use crate::simulation::roll::{DEFAULT_RULE, OWN_RULE, call, seed, text};

/// Tells the draw apart from all others.
const FRONT: u64 = 0x5eed_f1f2;
/// And that of connections that stay in their zones.
const ZONAL: u64 = 0x5eed_f3f4;
/// Of the second listener, where there is one.
const SECOND: u16 = 8080;

/// What the service file has where records choose.
const BY_RECORDS: &str = r#""traffic": { "load_balancers": ["web-a", "web-b"], "target_groups": ["web-a", "web-b"],
    "record": { "name": "www.example.org", "zone": "example.org" }, "rules": [ { "port": 80 } ] },
  "#;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// A listener of an application load balancer.
    Requests,
    /// Two of them, which lead to the same machines.
    TwoListeners,
    /// A listener of a network load balancer.
    Connections,
    /// Two application load balancers, between which records of DNS choose.
    Records,
}

impl Front {
    pub fn draw(seed: u64, strategy: Strategy) -> Self {
        if !strategy.is_led() {
            return Self::Requests;
        }
        match Rng::with_seed(seed ^ FRONT).u32(0..8) {
            0 => Self::Connections,
            1 => Self::TwoListeners,
            2 if strategy != Strategy::Rolling => Self::Records,
            _ => Self::Requests,
        }
    }

    /// Makes the load balancer, and what every service needs. Gives the subnets and the security group.
    pub fn seed(self, world: &mut World, drawn: &Drawn) -> (Vec<String>, String) {
        let made = self.balance(world, drawn);
        drawn.proof.open(world, self);
        made
    }

    fn balance(self, world: &mut World, drawn: &Drawn) -> (Vec<String>, String) {
        match self {
            Self::Requests => seed(world),
            Self::Records => seed_records(world),
            Self::Connections => {
                let made = seed_connections(world);
                if !is_zonal(drawn) {
                    cross_zone_on(world);
                }
                made
            }
            Self::TwoListeners => {
                let made = seed(world);
                let listener = world.model.view_listeners().remove(0);
                let fixed = json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]);
                let given = json!({ "LoadBalancerArn": listener.balancer, "Protocol": "HTTP", "Port": SECOND,
                    "DefaultActions": fixed });
                let now = world.now();
                call(world, now, Api::Elb, "CreateListener", &given);
                made
            }
        }
    }

    /// As the service file has it.
    pub fn traffic(self, drawn: &Drawn) -> String {
        match self {
            Self::Requests if drawn.own_rule => by_listeners(drawn, "HTTP", OWN_RULE),
            Self::Requests => by_listeners(drawn, "HTTP", DEFAULT_RULE),
            Self::TwoListeners => {
                let second = format!(r#"{DEFAULT_RULE}, {{ "port": {SECOND}, "create": false }}"#);
                by_listeners(drawn, "HTTP", &second)
            }
            Self::Connections => by_listeners(drawn, "TCP", r#"{ "port": 80 }"#),
            Self::Records => BY_RECORDS.to_owned(),
        }
    }

    /// What asks the next version before it serves. Behind a network load balancer no request can reach it but by a test listener.
    pub fn asks(self, proof: Proof) -> &'static str {
        match self {
            Self::Connections if proof == Proof::Usual => {
                r#"{ "command": ["check"], "times": 2, "timeout": "1m" }"#
            }
            Self::Requests | Self::TwoListeners | Self::Connections | Self::Records => {
                r#"{ "http": { "path": "/version", "body": { "equals": "{{ image.id }}" } }, "times": 2, "timeout": "1m" }"#
            }
        }
    }

    /// A target group that others have made, to which every listener leads.
    pub fn led(self, world: &mut World, drawn: &Drawn) -> String {
        match self {
            // Its listener leads to it from the beginning.
            Self::Connections | Self::Records => arn_of(world, "web-a"),
            Self::Requests | Self::TwoListeners => {
                let arn = target_group(world, drawn, "web-a");
                let listeners = world.model.view_listeners().into_iter();
                for listener in listeners.filter(|one| one.port != TEST_PORT) {
                    lead(world, &listener.arn, &arn);
                }
                arn
            }
        }
    }
}

fn by_listeners(drawn: &Drawn, protocol: &str, rules: &str) -> String {
    let (interval, good, bad) = drawn.health;
    let probe = drawn.proof.probe(drawn.front);
    format!(
        r#""traffic": {{ "load_balancer": "public",
    "target": {{ "port": 80, "protocol": "{protocol}", "health_check": {{ "path": "/healthz", "interval": "{interval}s",
      "timeout": "2s", "healthy_threshold": {good}, "unhealthy_threshold": {bad} }}, "deregistration_delay": "20s" }},
    "rules": [ {rules} ]{probe} }},
  "#
    )
}

/// Whether connections of a zone find its own machines alone: only where there are enough for every zone at all times.
fn is_zonal(drawn: &Drawn) -> bool {
    let enough = drawn.zones >= 2 && drawn.min as usize >= drawn.zones;
    enough && Rng::with_seed(drawn.seed ^ ZONAL).bool()
}

fn cross_zone_on(world: &mut World) {
    let balancer = world.model.view_balancers().remove(0).arn;
    let on = json!([{ "Key": "load_balancing.cross_zone.enabled", "Value": "true" }]);
    let given = json!({ "LoadBalancerArn": balancer, "Attributes": on });
    let now = world.now();
    call(world, now, Api::Elb, "ModifyLoadBalancerAttributes", &given);
}

pub fn arn_of(world: &World, target_group: &str) -> String {
    let mut groups = world.model.view_target_groups().into_iter();
    let found = groups.find(|group| group.name == target_group);
    found.unwrap().arn
}

/// The second target group of a pair.
pub fn beside(world: &mut World, drawn: &Drawn) -> String {
    match drawn.front {
        Front::Records => arn_of(world, "web-b"),
        _ => target_group(world, drawn, "web-b"),
    }
}

/// One that others have made.
fn target_group(world: &mut World, drawn: &Drawn, name: &str) -> String {
    let (interval, good, bad) = drawn.health;
    let protocol = match drawn.front {
        Front::Connections => "TCP",
        _ => "HTTP",
    };
    let given = json!({
        "Name": name, "Protocol": protocol, "Port": 80, "VpcId": world.model.view_vpc(),
        "HealthCheckProtocol": "HTTP", "HealthCheckPath": "/healthz",
        "HealthCheckIntervalSeconds": interval, "HealthCheckTimeoutSeconds": 2,
        "HealthyThresholdCount": good, "UnhealthyThresholdCount": bad,
    });
    let now = world.now();
    let made = call(world, now, Api::Elb, "CreateTargetGroup", &given);
    text(&made, "TargetGroups.0.TargetGroupArn")
}

pub fn lead(world: &mut World, listener: &str, target_group: &str) {
    let now = world.now();
    let forward = json!([{ "Type": "forward", "TargetGroupArn": target_group }]);
    let change = json!({ "ListenerArn": listener, "DefaultActions": forward });
    call(world, now, Api::Elb, "ModifyListener", &change);
}

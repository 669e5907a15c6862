//! A test listener, by which the next group of a seed's service is proven.

use fastrand::Rng;
use localcloud::model::Service as Api;
use localcloud::physics::World;
use serde_json::json;

use super::drawn::Strategy;
use super::front::{Front, arn_of, lead};
use crate::simulation::roll::call;
use crate::simulation::roll::world::TEST_PORT;

/// Tells the draw apart from all others.
const TESTED: u64 = 0x5eed_b7b8;

/// How requests reach the next group before it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By a header; behind a network load balancer not at all.
    Usual,
    /// By a test listener, which answers by itself.
    Silent,
    /// By one that leads to the first target group.
    Leading,
}

impl Proof {
    /// A third of the services that may have a test listener. One of a network load balancer leads somewhere.
    pub fn draw(seed: u64, strategy: Strategy, front: Front) -> Self {
        let moves = matches!(strategy, Strategy::BlueGreen | Strategy::Canary);
        let mut rng = Rng::with_seed(seed ^ TESTED);
        if !moves || front == Front::Records || rng.u32(0..3) > 0 {
            return Self::Usual;
        }
        match front {
            Front::Connections => Self::Leading,
            _ => [Self::Silent, Self::Leading][rng.usize(0..2)],
        }
    }

    /// As the service file has it, behind a comma.
    pub fn probe(self, front: Front) -> String {
        match self {
            Self::Usual if front == Front::Connections => String::new(),
            Self::Usual => r#", "probe": { "header": "x-kiln-probe" }"#.to_owned(),
            Self::Silent | Self::Leading => format!(r#", "probe": {{ "port": {TEST_PORT} }}"#),
        }
    }

    /// Makes the listener.
    pub fn open(self, world: &mut World, front: Front) {
        if self == Self::Usual {
            return;
        }
        let balancer = world.model.view_balancers().remove(0).arn;
        let (protocol, actions) = match front {
            Front::Connections => {
                let arn = arn_of(world, "web-a");
                ("TCP", json!([{ "Type": "forward", "TargetGroupArn": arn }]))
            }
            _ => (
                "HTTP",
                json!([{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "404" } }]),
            ),
        };
        let given = json!({ "LoadBalancerArn": balancer, "Protocol": protocol, "Port": TEST_PORT,
            "DefaultActions": actions });
        let now = world.now();
        call(world, now, Api::Elb, "CreateListener", &given);
    }

    /// Has it lead to the first target group for good, where that is there already.
    pub fn lead(self, world: &mut World) {
        let mut groups = world.model.view_target_groups().into_iter();
        let first = groups.find(|group| group.name == "web-a");
        let mut listeners = world.model.view_listeners().into_iter();
        let test = listeners.find(|one| one.port == TEST_PORT);
        if let (Self::Leading, Some(group), Some(listener)) = (self, first, test) {
            lead(world, &listener.arn, &group.arn);
        }
    }
}

//! What groups have besides a launch template: a mixed instances policy, a warm pool.

use std::fmt;

use fastrand::Rng;
use localcloud::model::Service as Api;
use serde_json::{Value, json};

use super::drawn::{Start, Strategy};
use crate::simulation::roll::Bench;

/// Tells the draw of policies apart from all others.
const MIXED: u64 = 0x5eed_b3b4;
/// And that of pools.
const POOLED: u64 = 0x5eed_b5b6;

/// Types of two sizes: so many machines on demand, and so many percent of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mixed {
    base: u32,
    percent: u32,
}

impl Mixed {
    /// A quarter of what others have made.
    pub fn draw(seed: u64, start: Start) -> Option<Self> {
        let mut rng = Rng::with_seed(seed ^ MIXED);
        let is_drawn = matches!(start, Start::Foreign { .. }) && rng.u32(0..4) == 0;
        is_drawn.then(|| Self {
            base: rng.u32(0..3),
            percent: [0, 50, 100][rng.usize(0..3)],
        })
    }

    /// Has a group be made with it instead of the launch template alone.
    pub fn instead(self, asked: &mut Value) {
        let template = asked["LaunchTemplate"].take();
        asked["MixedInstancesPolicy"] = json!({
            "LaunchTemplate": { "LaunchTemplateSpecification": template,
                "Overrides": [{ "InstanceType": "t3.micro" }, { "InstanceType": "t3.small" }] },
            "InstancesDistribution": { "OnDemandBaseCapacity": self.base,
                "OnDemandPercentageAboveBaseCapacity": self.percent } });
        if let Value::Object(asked) = asked {
            asked.remove("LaunchTemplate");
        }
    }
}

impl fmt::Display for Mixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, percent } = self;
        write!(
            f,
            "mixed: {base} on demand and {percent} % of the other machines"
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    prepared: Option<u32>,
    min: u32,
    state: &'static str,
    /// The group that is kept when the simulation begins has one too.
    both: bool,
}

impl Pool {
    /// Half of the services that may have one: kiln takes over those of groups that it made, and leaves those of groups whose
    /// machines it replaces. None is of spot machines.
    pub fn draw(seed: u64, strategy: Strategy, start: Start, mixed: Option<Mixed>) -> Option<Self> {
        let fits = match (strategy, start) {
            (Strategy::Replace | Strategy::ReplaceRoot, _) | (_, Start::Empty) => false,
            (Strategy::Rolling, _) => mixed.is_none_or(|mixed| mixed.percent == 100),
            (Strategy::BlueGreen | Strategy::Canary, _) => {
                matches!(start, Start::Rolled | Start::Kept)
            }
        };
        let mut rng = Rng::with_seed(seed ^ POOLED);
        (fits && rng.bool()).then(|| Self {
            prepared: rng.bool().then(|| rng.u32(1..6)),
            min: rng.u32(0..3),
            state: ["Stopped", "Running"][rng.usize(0..2)],
            both: rng.bool(),
        })
    }

    /// Puts one beside the newest group, and beside the others. It may still fill itself when the first run begins.
    pub fn put(self, bench: &Bench) {
        let groups = bench.cloud.world().model.view_groups().into_iter();
        let mut names: Vec<String> = groups.map(|group| group.name).collect();
        names.sort();
        let newest = if self.both { names.len() } else { 1 };
        for name in names.into_iter().rev().take(newest) {
            let mut given = json!({ "AutoScalingGroupName": name, "MinSize": self.min, "PoolState": self.state });
            if let Some(prepared) = self.prepared {
                given["MaxGroupPreparedCapacity"] = json!(prepared);
            }
            bench.meanwhile(Api::AutoScaling, "PutWarmPool", &given);
        }
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            prepared,
            min,
            state,
            both,
        } = self;
        write!(f, "a pool: {state}, {min} at the least")?;
        if let Some(prepared) = prepared {
            write!(f, ", {prepared} with the group's own")?;
        }
        write!(f, "{}", if *both { ", of every group" } else { "" })
    }
}

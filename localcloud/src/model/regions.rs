//! Several regions of one account: a state each, since nothing of EC2 is seen from another region; IAM, STS and Route 53 are global.
//!
//! What crosses regions is lent for the time of one call: `CopyImage` reads its source where that stands, and Route 53 what
//! its zones may lead to.

use super::{
    Config, Effect, Fact, Model, Params, Request, Service, dns::Reachable, ec2::Ec2, state::State,
};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What other regions let a call read while it is answered.
#[derive(Clone, Debug)]
pub(super) enum Lent {
    Region { name: String, ec2: Box<Ec2> },
    Reachable(Reachable),
}

/// The states of the regions beside the home one. Ids are drawn from seeds of their own, so that no two regions share one.
pub(super) fn away(config: &Config) -> BTreeMap<String, State> {
    let others = config.other_regions.iter().zip(1..);
    others
        .map(|(region, index)| {
            let all = [&config.region].into_iter().chain(&config.other_regions);
            let own = Config {
                region: region.clone(),
                other_regions: all.filter(|other| *other != region).cloned().collect(),
                seed: config.seed ^ (index << 32),
                region_index: index,
                images: Vec::new(),
                ..config.clone()
            };
            (region.clone(), State::new(own))
        })
        .collect()
}

impl Model {
    /// Every region's state, the home region's first.
    pub(super) fn states(&self) -> impl Iterator<Item = &State> {
        [&self.state].into_iter().chain(self.away.values())
    }

    /// Whether calls may be scoped to this region.
    pub fn serves(&self, region: &str) -> bool {
        region == self.state.config.region || self.away.contains_key(region)
    }

    pub(super) fn state_in(&mut self, region: &str, service: Service) -> &mut State {
        if !service.is_global()
            && let Some(state) = self.away.get_mut(region)
        {
            return state;
        }
        &mut self.state
    }

    /// What the call reads in other regions.
    pub(super) fn lend(&self, region: &str, request: &Request) -> Option<Lent> {
        let leads = ["CreateHostedZone", "ChangeResourceRecordSets"];
        if request.service == Service::Route53 && leads.contains(&request.action.as_str()) {
            return Some(Lent::Reachable(Reachable::of(self)));
        }
        let Params::Map(params) = &request.params else {
            return None;
        };
        let Some(Params::Text(source)) = params.get("SourceRegion") else {
            return None;
        };
        let reads = request.service == Service::Ec2 && request.action == "CopyImage";
        let mut states = self.states();
        let other = states.find(|state| state.config.region == *source)?;
        (reads && source != region).then(|| Lent::Region {
            name: source.clone(),
            ec2: Box::new(other.ec2.clone()),
        })
    }

    pub(super) fn turn(&mut self, now: Timestamp) {
        for state in [&mut self.state].into_iter().chain(self.away.values_mut()) {
            state.turn(now);
        }
    }

    pub(super) fn take_effects(&mut self) -> Vec<Effect> {
        let states = [&mut self.state].into_iter().chain(self.away.values_mut());
        states.flat_map(State::take_effects).collect()
    }

    /// The state that a fact is about; what no region knows is the home region's to ignore.
    pub(super) fn state_of(&mut self, fact: &Fact) -> &mut State {
        let knows = |state: &State| match fact {
            Fact::Running { instance }
            | Fact::BootFailed { instance, .. }
            | Fact::Stopped { instance, .. }
            | Fact::Gone { instance }
            | Fact::Rooted { instance }
            | Fact::RootFailed { instance, .. }
            | Fact::Console { instance, .. } => state.ec2.instances.contains_key(instance),
            Fact::Frozen { image } | Fact::FreezeFailed { image, .. } => {
                let mut instances = state.ec2.instances.values();
                instances.any(|instance| instance.freezing.contains(image))
            }
            Fact::Balanced { arn } => state.elb.balancers.contains_key(arn),
            Fact::Probed { group, .. }
            | Fact::Drained { group, .. }
            | Fact::Served { group, .. } => state.elb.groups.contains_key(group),
        };
        let found = self.away.values_mut().find(|state| knows(state));
        found.unwrap_or(&mut self.state)
    }
}

//! What a zone may lead to that stands in a region: load balancers, and the VPCs that private zones answer in.

use crate::model::{Model, state::State};
use std::collections::BTreeSet;

/// What there is of it in every region, for the time of one call.
#[derive(Clone, Debug, Default)]
pub(in crate::model) struct Reachable {
    /// Hosted zones of load balancers and the names in them.
    balancers: BTreeSet<(String, String)>,
    /// Ids and regions.
    vpcs: BTreeSet<(String, String)>,
}

impl Reachable {
    pub(in crate::model) fn of(model: &Model) -> Self {
        let mut all = Self::default();
        for state in model.states() {
            all.add(state);
        }
        all
    }

    fn add(&mut self, state: &State) {
        let balancers = state.elb.balancers.values();
        self.balancers
            .extend(balancers.map(|one| (one.kind.hosted_zone().to_owned(), one.dns_name())));
        let region = state.config.region.clone();
        self.vpcs.insert((state.ec2.vpc.id.clone(), region));
    }

    pub(super) fn has_balancer(&self, zone: &str, name: &str) -> bool {
        self.balancers.contains(&(zone.to_owned(), name.to_owned()))
    }

    pub(super) fn has_vpc(&self, id: &str, region: &str) -> bool {
        self.vpcs.contains(&(id.to_owned(), region.to_owned()))
    }
}

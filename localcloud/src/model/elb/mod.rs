//! Load balancers, listeners, rules, target groups and the health of targets.

use super::{
    Fact,
    actions::Action,
    state::{Change, State},
};

pub(super) const TABLES: &[&[Action]] = &[];

/// Everything that ELBv2 keeps.
#[derive(Clone, Debug, Default)]
pub(super) struct Elb {}

/// What time alone brings to load balancers and targets.
#[derive(Clone, Debug)]
pub(super) enum Due {}

/// Lets something happen that came due.
pub(super) fn due(_state: &mut State, due: Due) {
    match due {}
}

/// Reacts to a change of an instance's state.
pub(super) fn changed(_state: &mut State, _change: &Change) {}

/// Takes in what the proxies saw.
pub(super) fn observe(_state: &mut State, _fact: &Fact) {}

/// The addresses that load balancers take up in the subnets.
pub(super) fn addresses(_state: &State) -> Vec<std::net::Ipv4Addr> {
    Vec::new()
}

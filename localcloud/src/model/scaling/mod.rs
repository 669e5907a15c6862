//! Auto Scaling groups: what is wanted, what was launched for it, and the activities in between.

use super::{
    actions::Action,
    state::{Change, State},
};

pub(super) const TABLES: &[&[Action]] = &[];

/// Everything that Auto Scaling keeps.
#[derive(Clone, Debug, Default)]
pub(super) struct Scaling {}

/// What time alone brings to groups.
#[derive(Clone, Debug)]
pub(super) enum Due {}

/// Lets something happen that came due.
pub(super) fn due(_state: &mut State, due: Due) {
    match due {}
}

/// Reacts to a change of an instance's state.
pub(super) fn changed(_state: &mut State, _change: &Change) {}

//! Which group is the previous one, and where the next one goes.

use super::{Refusal, in_place, traffic};
use crate::cloud::Group;
use crate::roll::facts::Facts;
use crate::template::service::Service;

/// Who plays which part.
pub(super) struct Cast<'a> {
    pub previous: Option<&'a Group>,
    pub previous_side: Option<usize>,
    pub next_side: usize,
    /// The next group of a dead run, which this one goes on with.
    pub flying: Option<&'a Group>,
    pub swapped: bool,
}

/// Reads it from the listener; a dead run's half-made group is the next one.
pub(super) fn of<'a>(
    service: &Service,
    facts: &'a Facts,
    flying: Option<&'a Group>,
    refused: &mut Vec<Refusal>,
) -> Cast<'a> {
    let serving = facts.serving();
    if let Some(staying) = in_place::staying(service, facts) {
        return Cast {
            previous: Some(staying),
            previous_side: serving,
            next_side: serving.unwrap_or_default(),
            flying: None,
            swapped: false,
        };
    }
    let flying_side = flying.and_then(|group| {
        (facts.sides.iter()).position(|side| side.groups.iter().any(|one| one.name == group.name))
    });
    let swapped = flying_side.is_some() && flying_side == serving;
    let next_side = flying_side.unwrap_or(serving.map_or(0, |side| 1 - side));
    let previous_side = match (swapped, serving) {
        (true, _) => Some(1 - next_side),
        (false, serving) => serving,
    };
    let previous = previous_side.and_then(|side| {
        let side = &facts.sides[side];
        if side.groups.len() > 1 && side.group().is_none() {
            refused.push(traffic::several_groups(service, side));
        }
        side.group().filter(|group| !group.deleting)
    });
    Cast {
        previous,
        previous_side: previous_side.filter(|_| previous.is_some()),
        next_side,
        flying,
        swapped,
    }
}

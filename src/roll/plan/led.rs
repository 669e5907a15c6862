//! What a rule does when its requests are led elsewhere.

use super::ProductionRule;
use crate::cloud::{Action, Forward, RulePlace, TargetGroupArn};
use crate::undo::serving::forwards;
use crate::undo::share::{led, named};

/// The same actions with requests shared between two target groups, `percent` of them for `next`.
pub fn shared(
    place: &RulePlace,
    actions: &[Action],
    (previous, next): (&TargetGroupArn, &TargetGroupArn),
    percent: u32,
) -> Vec<Action> {
    let shares = [(previous.clone(), 100 - percent), (next.clone(), percent)];
    forwarded(place, actions, &shares)
}

/// The same actions with all requests forwarded to one target group; whatever else they do, such as stickiness, stays.
pub fn led_to(place: &RulePlace, actions: &[Action], target_group: &TargetGroupArn) -> Vec<Action> {
    if forwards(actions).next().is_none() {
        return vec![Action::Forward(Forward::to(target_group.clone()))];
    }
    forwarded(place, actions, &[(target_group.clone(), 1)])
}

/// A listener of a network load balancer goes on naming the others, at weight 0: of what it does not name nobody would know whether it
/// is healthy.
fn forwarded(
    place: &RulePlace,
    actions: &[Action],
    shares: &[(TargetGroupArn, u32)],
) -> Vec<Action> {
    let others = |forward: &Forward| {
        let others = forward.shares.iter().filter(|_| place.names_on());
        let others = others.map(|(arn, _)| (arn.clone(), 0));
        others
            .filter(|(arn, _)| !shares.iter().any(|(one, _)| one == arn))
            .collect::<Vec<_>>()
    };
    let each = actions.iter().map(|action| match action {
        Action::Forward(forward) => {
            let mut shares = [shares, &others(forward)].concat();
            shares.sort();
            Action::Forward(Forward {
                shares,
                ..forward.clone()
            })
        }
        other => other.clone(),
    });
    each.collect()
}

impl ProductionRule {
    /// What it does with requests shared between two target groups.
    pub fn shared(&self, between: (&TargetGroupArn, &TargetGroupArn), percent: u32) -> Vec<Action> {
        match &self.place {
            Some(place) => shared(place, &self.before, between, percent),
            None => self.before.clone(),
        }
    }

    /// What it does with all requests led to one target group.
    pub fn led_to(&self, target_group: &TargetGroupArn) -> Vec<Action> {
        match &self.place {
            Some(place) => led_to(place, &self.before, target_group),
            None => vec![Action::Forward(Forward::to(target_group.clone()))],
        }
    }

    /// The same actions once the next target group is in use.
    pub fn with_next(&self, actions: &[Action], next: &TargetGroupArn) -> Vec<Action> {
        match &self.place {
            Some(place) => named(place, actions, next),
            None => actions.to_vec(),
        }
    }

    /// Whether requests go where they went when the roll began, or before a dead run moved it.
    pub fn was_found(&self, actions: &[Action]) -> bool {
        let Some(place) = &self.place else {
            return true;
        };
        let now = led(place, actions);
        led(place, &self.before) == now || led(place, &self.now) == now
    }
}

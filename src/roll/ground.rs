//! Two target groups, what stands behind them and what production traffic does: all that says what a half-made roll has
//! come to. A plan has it from its facts, a doctor from the service's name.

use super::facts::Side;
use super::names;
use crate::cloud::{Group, ListenerArn, TargetGroupArn};
use crate::undo::serving::{Leading, served};

/// Where a service stands.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub service: &'a str,
    pub sides: &'a [Side; 2],
    /// A load balancer leads to the machines. Otherwise the first side is the group in office, by its tags.
    pub led: bool,
    /// `None`: no rule leads to them yet, or nobody can say which.
    pub production: Option<&'a Leading>,
    /// Where rolls make their rules.
    pub listeners: &'a [&'a ListenerArn],
}

impl Ground<'_> {
    /// The side that production traffic goes to. While a canary shares it, the side that had it before.
    pub fn serving(&self) -> Option<usize> {
        if !self.led {
            return (!self.sides[0].groups.is_empty()).then_some(0);
        }
        let served = served(self.production?.actions())?;
        let side_of = |arn: &TargetGroupArn| {
            let is_it =
                |side: &Side| side.target_group.as_ref().map(|group| &group.arn) == Some(arn);
            self.sides.iter().position(is_it)
        };
        let is_next = |side: &usize| self.sides[*side].groups.iter().any(names::is_next);
        match served.as_slice() {
            [one] => side_of(one),
            [one, other] => {
                let both = [side_of(one)?, side_of(other)?];
                let mut old = both.into_iter().filter(|side| !is_next(side));
                old.next().filter(|_| old.next().is_none())
            }
            _ => None,
        }
    }

    /// Whether a canary shares production traffic.
    pub fn is_shared(&self) -> bool {
        let served = self.production.and_then(|one| served(one.actions()));
        self.serving().is_some() && served.is_some_and(|served| served.len() > 1)
    }

    /// The side that a group's machines are behind.
    pub fn side_of(&self, group: &Group) -> Option<usize> {
        let has = |side: &Side| side.groups.iter().any(|one| one.name == group.name);
        self.sides.iter().position(has)
    }
}

//! Two target groups, what stands behind them and what production traffic does: all that says what a half-made roll has
//! come to. A plan has it from its facts, a doctor from the service's name.

use super::facts::Side;
use super::names;
use crate::cloud::{Group, ListenerArn, TargetGroupArn, tag};
use crate::undo::lease::Lease;
use crate::undo::serving::{Leading, served_by};
use crate::undo::tested::Tested;

/// Where a service stands.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub service: &'a str,
    pub sides: &'a [Side; 2],
    /// A load balancer leads to the machines. Otherwise the first side is the group in office, by its tags.
    pub led: bool,
    /// The rules that carry the service's traffic; none where nobody can say which.
    pub production: &'a [&'a Leading],
    /// Where rolls make their rules.
    pub listeners: &'a [&'a ListenerArn],
    /// Test listeners that are led to a next target group for a while.
    pub tested: &'a [(Lease, Tested)],
}

impl Ground<'_> {
    /// The side that production traffic goes to. While two share it, the side that had it before: a canary has begun, or
    /// a run died between two rules.
    pub fn serving(&self) -> Option<usize> {
        if !self.led {
            return (!self.sides[0].groups.is_empty()).then_some(0);
        }
        let side_of = |arn: &TargetGroupArn| {
            let is_it =
                |side: &Side| side.target_group.as_ref().map(|group| &group.arn) == Some(arn);
            self.sides.iter().position(is_it)
        };
        let comes = |group: &Group| names::is_next(group) || group.tag(tag::BACK).is_some();
        let is_coming = |side: &usize| self.sides[*side].groups.iter().any(comes);
        match self.served().as_slice() {
            [one] => side_of(one),
            [one, other] => {
                let both = [side_of(one)?, side_of(other)?];
                let mut old = both.into_iter().filter(|side| !is_coming(side));
                old.next().filter(|_| old.next().is_none())
            }
            _ => None,
        }
    }

    /// The target groups that get requests.
    fn served(&self) -> Vec<TargetGroupArn> {
        served_by(self.production.iter().copied())
    }

    /// Whether production traffic is on its way from one side to the other.
    pub fn is_shared(&self) -> bool {
        self.serving().is_some() && self.served().len() > 1
    }

    /// Whether a group gets requests.
    pub fn leads_to(&self, group: &Group) -> bool {
        if !self.led {
            return self.serving().is_some() && self.serving() == self.side_of(group);
        }
        let served = self.served();
        group.target_groups.iter().any(|arn| served.contains(arn))
    }

    /// The side that a group's machines are behind.
    pub fn side_of(&self, group: &Group) -> Option<usize> {
        let has = |side: &Side| side.groups.iter().any(|one| one.name == group.name);
        self.sides.iter().position(has)
    }
}

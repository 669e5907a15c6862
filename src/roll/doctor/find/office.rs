//! What is left to do of a change of office without a load balancer: the group before is emptied, and its machines end.

use super::{Look, named};
use crate::cloud::{Group, tag};
use crate::roll::doctor::temporary::{Cure, DRAINING, Temporary};
use crate::roll::mark::Mark;
use crate::roll::{aside, names, office};

impl Look<'_> {
    /// Machines of a group that is to be kept without any, since another is in office. A rollback that fills it says so.
    pub(super) fn out_of_office(&self, group: &Group) -> Option<Temporary> {
        let live = self.scene.sides[0].group().filter(|_| !self.scene.led)?;
        if !office::is_to_be_empty(live, group) || !aside::is_filled(group) {
            return None;
        }
        let filling = Mark::of(group);
        let run = match &filling {
            Some(mark) => mark.run,
            None => Mark::of(live).map_or_else(|| names::run_of(live), |mark| mark.run),
        };
        let mut one = self.one("machines", named(group), run);
        let over = match filling {
            Some(mark) => {
                one.until = mark.until;
                self.over(run, mark.until)
            }
            None if self.is_at_work(run) => None,
            None => Some("another group is in office"),
        };
        let until = office::drain_of(live).map(|drain| self.now + drain);
        let cure = Cure::Empty(group.name.clone(), until);
        Some(match over {
            Some(why) => one.run_out(why, cure),
            None => one,
        })
    }

    /// Machines of an emptied group that may take until then to end what they do.
    pub(super) fn draining(&self, group: &Group) -> Option<Temporary> {
        let until = group.tag(tag::DRAIN_UNTIL)?.parse().ok();
        let mut one = self.one(DRAINING, named(group), None);
        one.until = until;
        let untag = Cure::Untag(group.name.clone(), tag::DRAIN_UNTIL);
        Some(if self.known.holder.is_some() {
            one
        } else if aside::is_filled(group) {
            one.run_out("it is filled again", untag)
        } else if group.members.is_empty() {
            one.run_out("they have ended", untag)
        } else if until.is_none_or(|until| until <= self.now) {
            one.run_out("their time is up", Cure::LetGo(group.name.clone()))
        } else {
            one
        })
    }
}

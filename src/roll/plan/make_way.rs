//! A kept group that goes before its time, since its target group is needed.

use super::{MakeWay, Refusal, pool};
use crate::cloud::{Group, tag};
use crate::roll::facts::{Facts, Side};
use crate::roll::{names, office};
use crate::source::Diagnostic;

/// The kept group behind the side that the next group needs.
pub(super) fn of(facts: &Facts, side: &Side, refused: &mut Vec<Refusal>) -> Option<MakeWay> {
    let group = side.group().filter(|group| !is_spent(group))?;
    let target_group = side.target_group.as_ref()?.arn.clone();
    // One of others' making that kiln watches, or that the group in office names, is the previous group of a roll that could not say so
    // any more.
    let live = facts.serving().and_then(|side| facts.sides[side].group());
    let was_before =
        facts.is_watched(&target_group) || live.is_some_and(|live| office::is_before(live, group));
    if group.tag(tag::STATE).is_none() && !was_before {
        let text = format!(
            "target group {} is needed for the next group, and group {}, which kiln does not know, is in it",
            side.name, group.name
        );
        let mend = format!(
            "empty it: aws autoscaling update-auto-scaling-group --auto-scaling-group-name {} --min-size 0 --desired-capacity 0",
            group.name
        );
        let finding = Diagnostic::error("roll::occupied", text);
        refused.push(Refusal::account(finding.help(mend)));
        return None;
    }
    refused.extend(super::rules::still_named(facts, side, group));
    refused.extend(pool::stays(group));
    Some(MakeWay {
        group: group.name.clone(),
        target_group,
        kept_until: names::keep_until(group),
    })
}

/// An emptied group of others' making stays where it is for good.
pub(super) fn is_spent(group: &Group) -> bool {
    group.tag(tag::MADE_BY).is_none() && group.size.desired == 0 && group.members.is_empty()
}

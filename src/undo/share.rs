//! The share of weight 0 that a target group has in a listener of a network load balancer, by which its health is known: a
//! target group that no listener names has none, and such listeners have no rules that could name it.

use super::roll::{OfRoll, is_scratch, standing};
use super::{LONGEST_PAUSE, persist};
use crate::cloud::{Action, Cloud, Error, Forward, Group, Kind, RulePlace, TargetGroupArn};

/// The same actions with a share of weight 0 for a target group that they do not name yet. Of a rule they stay what they are: it has its
/// probe rule.
pub fn named(place: &RulePlace, actions: &[Action], target_group: &TargetGroupArn) -> Vec<Action> {
    if place.names_on() {
        naming(actions, target_group)
    } else {
        actions.to_vec()
    }
}

/// The same for any place: in use, a target group has a health.
pub(super) fn naming(actions: &[Action], target_group: &TargetGroupArn) -> Vec<Action> {
    let each = actions.iter().map(|action| match action {
        Action::Forward(forward) => {
            let mut forward = forward.clone();
            if !forward.shares.iter().any(|(arn, _)| arn == target_group) {
                forward.shares.push((target_group.clone(), 0));
                forward.shares.sort();
            }
            Action::Forward(forward)
        }
        other => other.clone(),
    });
    each.collect()
}

/// What actions lead to, without the shares of weight 0 of a network load balancer's listener.
pub fn led(place: &RulePlace, actions: &[Action]) -> Vec<Action> {
    if !place.names_on() {
        return actions.to_vec();
    }
    without(actions, |weight, _| weight == 0)
}

/// The same actions without a target group's share of weight 0; nothing where it has none.
fn unnamed(actions: &[Action], target_group: &TargetGroupArn) -> Option<Vec<Action>> {
    let less = without(actions, |weight, arn| weight == 0 && arn == target_group);
    (less != actions).then_some(less)
}

/// One target group that is left alone has all of it, whatever its weight.
fn without(actions: &[Action], goes: impl Fn(u32, &TargetGroupArn) -> bool) -> Vec<Action> {
    let each = actions.iter().map(|action| match action {
        Action::Forward(forward) => {
            let mut shares = forward.shares.clone();
            shares.retain(|(arn, weight)| !goes(*weight, arn));
            if let [(_, weight)] = shares.as_mut_slice() {
                *weight = 1;
            }
            Action::Forward(Forward {
                shares,
                ..forward.clone()
            })
        }
        other => other.clone(),
    });
    each.collect()
}

/// Whether actions are the same but for a target group's share of weight 0.
pub(super) fn same_but_for(
    target_group: &TargetGroupArn,
    (now, after): (&[Action], &[Action]),
) -> bool {
    let less = |actions| without(actions, |weight, arn| weight == 0 && arn == target_group);
    now == after || less(now) == less(after)
}

/// Takes the shares of weight 0 out that a roll had put into these listeners. Errors while machines of the roll are behind the target group:
/// of them nobody would know whether they are healthy. Where others' are by now, it is theirs.
pub(super) async fn take_out(
    cloud: &impl Cloud,
    of: &OfRoll,
    (target_group, places): (&TargetGroupArn, &[RulePlace]),
    next: Option<&Group>,
) -> Result<(), Error> {
    let groups = standing(cloud, next).await?;
    let mut behind = groups
        .iter()
        .filter(|group| group.target_groups.contains(target_group));
    if let Some(group) = behind.find(|one| one.size.desired > 0 || !one.members.is_empty()) {
        if !is_scratch(of, group) {
            return Ok(());
        }
        let text = format!("group {} has machines in {target_group}", group.name);
        return Err(Error::blocked("ModifyListener", text));
    }
    for place in places {
        persist(async || take_out_of(cloud, target_group, place).await).await?;
    }
    Ok(())
}

async fn take_out_of(
    cloud: &impl Cloud,
    target_group: &TargetGroupArn,
    place: &RulePlace,
) -> Result<(), Error> {
    // That there is none is seen twice: the roll may have written a moment ago, and what is read be from before.
    for last in [false, true] {
        let Some(now) = cloud.actions_at(place).await? else {
            return Ok(());
        };
        if let Some(less) = unnamed(&now, target_group) {
            let shows = |there: Option<&[Action]>| {
                there.is_none_or(|now| unnamed(now, target_group).is_none())
            };
            return written(cloud, place, (&now, &less), shows).await;
        }
        if last {
            break;
        }
        tokio::time::sleep(LONGEST_PAUSE).await;
    }
    Ok(())
}

/// Writes, and looks once whether it shows. Where it does not, errors with what the write said, or for the caller to look again: reads may lag
/// behind writes.
pub(super) async fn written(
    cloud: &impl Cloud,
    place: &RulePlace,
    (now, to): (&[Action], &[Action]),
    shows: impl Fn(Option<&[Action]>) -> bool,
) -> Result<(), Error> {
    let written = cloud.write_actions(place, now, to).await;
    if shows(cloud.actions_at(place).await?.as_deref()) {
        return Ok(());
    }
    Err(written.err().unwrap_or_else(|| lags(place)))
}

/// A write that does not show yet.
fn lags(place: &RulePlace) -> Error {
    let text = format!("{place} does not show the write yet");
    let mut error = Error::blocked(place.read_by(), text);
    error.kind = Kind::Ambiguous;
    error
}

//! The warm pool of the group that serves: it goes over to the next group, or is in the way of a roll.

use super::Refusal;
use crate::cloud::{Group, WarmPool, tag};
use crate::source::Diagnostic;
use crate::template::service::{Service, Strategy};
use crate::undo::pool::{delete_it, fills, not_of_others};

/// The pool that the next group is to get, or that the group which stays has.
pub(super) fn of(service: &Service, like: Option<&Group>) -> Option<WarmPool> {
    let group = like.filter(|group| service.groups.pair.is_none() && group.keeps_pool())?;
    group.pool.clone()
}

/// Why a roll over a group with a pool is not safe. Of a pair, `pair` says so; machines that are replaced in place are
/// replaced in the pool too, by Auto Scaling itself.
pub(super) fn refuse(service: &Service, group: &Group) -> Option<Refusal> {
    if service.groups.pair.is_some() || !group.keeps_pool() {
        return None;
    }
    let name = &group.name;
    let reuses = group.pool.as_ref().is_some_and(|pool| pool.reuses);
    let delete = delete_it(name);
    let (why, help) = match service.strategy {
        Strategy::Rolling(_) => return None,
        Strategy::ReplaceRoot(_) => (
            "whose machines would keep the root that is replaced",
            format!("delete it: {delete}"),
        ),
        Strategy::Replace(_) => (
            "whose machines run their user data while another group is in office, and hear no hook that says whose turn it is",
            format!("delete it: {delete}"),
        ),
        _ if reuses => (
            "that takes machines back on scale-in: those of a group that is emptied would go there",
            format!(
                "aws autoscaling put-warm-pool --auto-scaling-group-name {name} --instance-reuse-policy ReuseOnScaleIn=false"
            ),
        ),
        _ if group.tag(tag::MADE_BY).is_none() => (
            "and kiln did not make the group: it stays when its time is up, emptied, and the pool would fill itself",
            format!(
                "delete it, and put it on the group that kiln makes, from which rolls take it over: {delete}"
            ),
        ),
        _ => return None,
    };
    let text = format!("group {name} has a warm pool, {why}");
    let finding = Diagnostic::error("roll::warm_pool", text);
    Some(Refusal::account(finding.help(help)))
}

/// Why a kept group with a pool does not make way: one of others' making stays, emptied.
pub(super) fn stays(group: &Group) -> Option<Refusal> {
    not_of_others(group).err()?;
    let finding = Diagnostic::error("roll::warm_pool", fills(&group.name));
    let help = format!("delete it: {}", delete_it(&group.name));
    Some(Refusal::account(finding.help(help)))
}

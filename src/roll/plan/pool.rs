//! The warm pool of the group that serves: it goes over to the next group, or is in the way of a roll.

use super::{Next, Plan, Refusal};
use crate::cloud::{Group, Mixed, WarmPool, tag};
use crate::roll::drift::AsRolled;
use crate::roll::facts::Facts;
use crate::source::Diagnostic;
use crate::template::service::{Service, Strategy};
use crate::undo::pool::{delete_it, fills, not_of_others, put_it};

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

/// The pool that the group which serves was to have when it was rolled, and that neither it nor the next group has.
pub(super) fn lost(facts: &Facts, plan: &Plan) -> Option<String> {
    let name = &plan.previous.as_ref()?.group;
    let group = facts.groups.iter().find(|group| group.name == *name)?;
    let pool = AsRolled::lost_pool(group).filter(|_| plan.next.pool.is_none())?;
    let mend = put_it(name, &pool);
    Some(format!(
        "group {name} was rolled with a warm pool ({pool}) and has none now, nor will the next one: `{mend}` first gives both one"
    ))
}

/// Why a pool cannot be of what the next version starts: Auto Scaling has none of spot machines, whether a policy or a template
/// asks for them ("`API_PutWarmPool`"). The policy goes over as it is, and the version is made from the live one, each of which may have
/// been changed since the pool was made.
pub(super) fn refuse_spot(facts: &Facts, like: Option<&Group>, next: &Next) -> Option<Refusal> {
    let (name, _) = (&like?.name, next.pool.as_ref()?);
    let version = facts.template.as_ref().map(|there| &there.source);
    let asks = if next.mixed.as_ref().is_some_and(Mixed::asks_for_spot) {
        "its mixed instances policy".to_owned()
    } else {
        let version = version.filter(|version| version.spot)?;
        format!("version {} of its launch template", version.number)
    };
    let text = format!(
        "group {name} has a warm pool, and {asks} asks for spot machines, of which Auto Scaling makes no pool"
    );
    let finding = Diagnostic::error("roll::warm_pool", text);
    let help = format!(
        "have it ask for none, or delete the pool: {}",
        delete_it(name)
    );
    Some(Refusal::account(finding.help(help)))
}

/// Why a kept group with a pool does not make way: one of others' making stays, emptied.
pub(super) fn stays(group: &Group) -> Option<Refusal> {
    not_of_others(group).err()?;
    let finding = Diagnostic::error("roll::warm_pool", fills(&group.name));
    let help = format!("delete it: {}", delete_it(&group.name));
    Some(Refusal::account(finding.help(help)))
}

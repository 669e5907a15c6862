//! Lifecycle hooks: instances wait in `Pending:Wait`, `Terminating:Wait` and those of a warm pool until told, or until the heartbeat runs out.

use super::{
    NAME, groups, reconcile,
    stored::{Group, Member, Wait},
};
use crate::model::{Fault, Tree, args::Args, state::State};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

pub(super) const TAKES_PUT: &str = "LifecycleHookName AutoScalingGroupName LifecycleTransition RoleARN NotificationTargetARN \
    NotificationMetadata HeartbeatTimeout DefaultResult";
pub(super) const TAKES_COMPLETE: &str =
    "LifecycleHookName AutoScalingGroupName LifecycleActionToken LifecycleActionResult InstanceId";
pub(super) const TAKES_HEARTBEAT: &str =
    "LifecycleHookName AutoScalingGroupName LifecycleActionToken InstanceId";

const LAUNCHING: &str = "autoscaling:EC2_INSTANCE_LAUNCHING";
const TERMINATING: &str = "autoscaling:EC2_INSTANCE_TERMINATING";

/// Hooks that one group may have (Quotas for Amazon EC2 Auto Scaling).
const HOOKS: usize = 50;

#[derive(Clone, Debug)]
pub(super) struct Hook {
    launching: bool,
    /// Seconds.
    heartbeat: i64,
    continues: bool,
    target: Option<String>,
    role: Option<String>,
    metadata: Option<String>,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Continue,
    Abandon,
}

fn read(args: &Args<'_>, old: Option<&Hook>) -> Result<Hook, Fault> {
    let transition = args.word("LifecycleTransition", &format!("{LAUNCHING} {TERMINATING}"))?;
    let launching = match (transition, old) {
        (Some(transition), _) => transition == LAUNCHING,
        (None, Some(old)) => old.launching,
        (None, None) => return Err(args.missing("LifecycleTransition")),
    };
    let text = |name| {
        Ok::<_, Fault>(
            args.maybe_text(name)?
                .filter(|text| !text.is_empty())
                .map(String::from),
        )
    };
    Ok(Hook {
        launching,
        heartbeat: args
            .int_in("HeartbeatTimeout", 30..=7200)?
            .or(old.map(|old| old.heartbeat))
            .unwrap_or(3600),
        continues: match args.word("DefaultResult", "CONTINUE ABANDON")? {
            Some(result) => result == "CONTINUE",
            None => old.is_some_and(|old| old.continues),
        },
        target: text("NotificationTargetARN")?,
        role: text("RoleARN")?,
        metadata: text("NotificationMetadata")?,
    })
}

/// Reads `LifecycleHookSpecificationList` of `CreateAutoScalingGroup`.
pub(super) fn read_list(args: &Args<'_>) -> Result<BTreeMap<String, Hook>, Fault> {
    let mut hooks = BTreeMap::new();
    for entry in args.maps("LifecycleHookSpecificationList")? {
        hooks.insert(
            entry.text("LifecycleHookName")?.to_owned(),
            read(&entry, None)?,
        );
    }
    Ok(hooks)
}

/// Makes or changes a hook. Instances that are past its transition already do not wait for it.
pub(super) fn put(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = args.text("LifecycleHookName")?;
    let group = groups::named(state, args)?;
    groups::refuse_deleting(group, args.text(NAME)?)?;
    let hook = read(args, group.hooks.get(name))?;
    if group.hooks.len() >= HOOKS && !group.hooks.contains_key(name) {
        return Err(Fault::new(
            "LimitExceeded",
            "The maximum number of lifecycle hooks for the group has been reached",
        ));
    }
    group.hooks.insert(name.to_owned(), hook);
    Ok(Tree::new())
}

pub(super) fn describe(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let names = args.texts("LifecycleHookNames")?;
    let group = args.text(NAME)?;
    let found = groups::find(state, group)?.hooks.iter();
    let found = found.filter(|(name, _)| names.is_empty() || names.contains(&name.as_str()));
    let shown: Vec<Tree> = found.map(|(name, hook)| tree(group, name, hook)).collect();
    Ok(Tree::new().put("LifecycleHooks", shown))
}

fn tree(group: &str, name: &str, hook: &Hook) -> Tree {
    Tree::new()
        .put("LifecycleHookName", name)
        .put("AutoScalingGroupName", group)
        .put(
            "LifecycleTransition",
            if hook.launching {
                LAUNCHING
            } else {
                TERMINATING
            },
        )
        .put_some("NotificationTargetARN", hook.target.as_ref())
        .put_some("RoleARN", hook.role.as_ref())
        .put_some("NotificationMetadata", hook.metadata.as_ref())
        .put("HeartbeatTimeout", hook.heartbeat)
        .put("GlobalTimeout", limit(hook))
        .put(
            "DefaultResult",
            if hook.continues {
                "CONTINUE"
            } else {
                "ABANDON"
            },
        )
}

/// 48 hours or 100 times the heartbeat, whichever is less (`LifecycleHook` in the API reference).
fn limit(hook: &Hook) -> i64 {
    (hook.heartbeat * 100).min(172_800)
}

#[expect(clippy::unnecessary_wraps, reason = "a handler of the table")]
pub(super) fn describe_types(_state: &mut State, _args: &Args<'_>) -> Result<Tree, Fault> {
    Ok(Tree::new().put(
        "LifecycleHookTypes",
        vec![Tree::from(LAUNCHING), Tree::from(TERMINATING)],
    ))
}

/// Deletes a hook; instances that wait for it go on as if it had been completed.
pub(super) fn delete(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = args.text("LifecycleHookName")?;
    let group = groups::named(state, args)?;
    if group.hooks.remove(name).is_none() {
        return Err(Fault::validation(format!(
            "No Lifecycle Hook found with name: {name}"
        )));
    }
    let warm = group
        .pool
        .iter_mut()
        .flat_map(|pool| pool.members.values_mut());
    for member in group.members.values_mut().chain(warm) {
        member.waits.remove(name);
    }
    reconcile::touch(state, args.text(NAME)?);
    Ok(Tree::new())
}

/// The waits that begin now for an instance that is launching or terminating.
pub(super) fn waits(state: &mut State, name: &str, launching: bool) -> BTreeMap<String, Wait> {
    let Some(group) = state.scaling.groups.get(name) else {
        return BTreeMap::new();
    };
    let hooks: Vec<_> = group
        .hooks
        .iter()
        .filter(|(_, hook)| hook.launching == launching)
        .collect();
    let hooks: Vec<(String, i64, i64)> = hooks
        .into_iter()
        .map(|(name, hook)| (name.clone(), hook.heartbeat, limit(hook)))
        .collect();
    let now = state.now;
    let wait = |(name, heartbeat, limit): (String, i64, i64)| {
        (
            name,
            Wait {
                token: state.ids.uuid(),
                until: later(now, heartbeat),
                limit: later(now, limit),
                abandoned: false,
            },
        )
    };
    hooks.into_iter().map(wait).collect()
}

fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX)
}

/// What ended by now on a waiting instance without a CONTINUE: the hook's name, and what comes of it.
pub(super) fn run_out(group: &Group, member: &Member, now: Timestamp) -> Option<(String, Ending)> {
    let (name, wait) = member
        .waits
        .iter()
        .find(|(_, wait)| wait.abandoned || wait.until <= now)?;
    let continues = !wait.abandoned && group.hooks.get(name).is_none_or(|hook| hook.continues);
    Some((
        name.clone(),
        if continues {
            Ending::Continue
        } else {
            Ending::Abandon
        },
    ))
}

/// The instance that a call means, by its id or by its token.
fn waiting<'a>(group: &'a mut Group, args: &Args<'_>) -> Result<&'a mut Member, Fault> {
    let hook = args.text("LifecycleHookName")?;
    let (id, token) = (
        args.maybe_text("InstanceId")?,
        args.maybe_text("LifecycleActionToken")?,
    );
    let means = |member_id: &String, member: &Member| {
        let wait = member.waits.get(hook);
        wait.is_some_and(|wait| match (token, id) {
            (Some(token), _) => wait.token == token,
            (None, id) => id == Some(member_id.as_str()),
        })
    };
    let warm = group.pool.iter_mut().flat_map(|pool| &mut pool.members);
    let found = (group.members.iter_mut())
        .chain(warm)
        .find(|(id, member)| means(id, member));
    let missing = || {
        let what = token.or(id).unwrap_or_default();
        Fault::validation(format!(
            "No active Lifecycle Action found with token or instance {what}"
        ))
    };
    found.map(|(_, member)| member).ok_or_else(missing)
}

pub(super) fn complete(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    args.text("LifecycleActionResult")?;
    let continues = args.word("LifecycleActionResult", "CONTINUE ABANDON")? == Some("CONTINUE");
    let hook = args.text("LifecycleHookName")?;
    let group = groups::named(state, args)?;
    let member = waiting(group, args)?;
    if continues {
        member.waits.remove(hook);
    } else if let Some(wait) = member.waits.get_mut(hook) {
        wait.abandoned = true;
    }
    reconcile::touch(state, args.text(NAME)?);
    Ok(Tree::new())
}

/// Gives a waiting instance another heartbeat, up to the global limit.
pub(super) fn heartbeat(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let hook = args.text("LifecycleHookName")?;
    let now = state.now;
    let group = groups::named(state, args)?;
    let seconds = group.hooks.get(hook).map_or(3600, |hook| hook.heartbeat);
    let member = waiting(group, args)?;
    if let Some(wait) = member.waits.get_mut(hook) {
        wait.until = later(now, seconds).min(wait.limit);
    }
    reconcile::touch(state, args.text(NAME)?);
    Ok(Tree::new())
}

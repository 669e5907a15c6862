//! Starting, cancelling and rolling back.

use super::{Back, Configuration, Refresh, Status, Waiting, preferences::Preferences, waiting};
use crate::model::{
    Fault, Tree,
    args::Args,
    scaling::{
        NAME, groups, reconcile,
        stored::Group,
        template::{Mixed, Template, check},
    },
    state::State,
};
use jiff::Timestamp;
use std::collections::BTreeSet;

pub(in crate::model::scaling) const TAKES_START: &str =
    "AutoScalingGroupName Strategy DesiredConfiguration Preferences";

pub(in crate::model::scaling) fn start(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = args.text(NAME)?;
    let group = groups::find(state, name)?;
    groups::refuse_deleting(group, name)?;
    group.refuse_refreshing()?;
    if args.word("Strategy", "Rolling ReplaceRootVolume")? == Some("ReplaceRootVolume") {
        let message = "The strategy ReplaceRootVolume is not served by this cloud";
        return Err(Fault::validation(message));
    }
    let desired = match args.map("DesiredConfiguration")? {
        Some(desired) => Some(configuration(state, group, &desired)?),
        None => None,
    };
    let preferences = Preferences::read(args.map("Preferences")?)?;
    if preferences.rolls_back() {
        if desired.is_none() {
            // The message is AWS's own.
            return Err(Fault::validation(
                "The request isn't valid. The AutoRollback parameter cannot be set to true when the DesiredConfiguration \
                 parameter is empty. Set AutoRollback to false or specify a desired configuration and try again.",
            ));
        }
        if floats(group, desired.as_ref()) {
            return Err(Fault::validation(
                "The AutoRollback parameter cannot be set to true when the launch template version is $Latest or $Default.",
            ));
        }
    }
    let total = group.counted().count();
    let id = state.ids.uuid();
    let refresh = Refresh {
        id: id.clone(),
        status: Status::Pending,
        reason: None,
        started: state.now,
        ended: None,
        desired,
        preferences,
        outdated: BTreeSet::new(),
        fresh: BTreeSet::new(),
        waiting: Waiting::default(),
        total,
        done: 0,
        passed: 0,
        paused: None,
        moved: state.now,
        baking: None,
        back: None,
    };
    groups::named(state, args)?.refreshes.push(refresh);
    reconcile::touch(state, name);
    Ok(Tree::new().put("InstanceRefreshId", id))
}

fn configuration(state: &State, group: &Group, args: &Args<'_>) -> Result<Configuration, Fault> {
    args.only("LaunchTemplate MixedInstancesPolicy")?;
    let read = match (
        args.map("LaunchTemplate")?,
        args.map("MixedInstancesPolicy")?,
    ) {
        (Some(template), None) => Configuration {
            template: Template::read(state, &template)?,
            mixed: None,
        },
        (None, Some(policy)) => {
            let (template, mixed) = Mixed::read(state, &policy)?;
            let mixed = Some(mixed);
            Configuration { template, mixed }
        }
        _ => {
            return Err(Fault::validation(
                "DesiredConfiguration must contain either LaunchTemplate or MixedInstancesPolicy.",
            ));
        }
    };
    let subnet = group.settings.subnets.first().map(String::as_str);
    check(state, subnet, &read.template, read.mixed.as_ref())?;
    Ok(read)
}

/// A version that means another one tomorrow cannot be gone back to.
fn floats(group: &Group, desired: Option<&Configuration>) -> bool {
    let templates = group.settings.template.iter();
    let mut templates = templates.chain(desired.map(|desired| &desired.template));
    templates.any(|template| template.version.starts_with('$'))
}

fn none_active() -> Fault {
    let message = "No in progress or pending Instance Refresh found for Auto Scaling group.";
    Fault::new("ActiveInstanceRefreshNotFound", message)
}

pub(in crate::model::scaling) fn cancel(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = args.text(NAME)?;
    let wait = args.flag("WaitForTransitioningInstances")?.unwrap_or(true);
    let now = state.now;
    let group = groups::named(state, args)?;
    let refresh = group.active_mut().ok_or_else(none_active)?;
    let id = refresh.id.clone();
    match refresh.status {
        Status::Cancelling if wait => {}
        _ if wait => {
            refresh.status = Status::Cancelling;
            refresh.reason = Some("Cancelled due to user request.".to_owned());
        }
        _ => refresh.end(
            Status::Cancelled,
            Some("Cancelled due to user request."),
            now,
        ),
    }
    reconcile::touch(state, name);
    Ok(Tree::new().put("InstanceRefreshId", id))
}

pub(in crate::model::scaling) fn roll_back(
    state: &mut State,
    args: &Args<'_>,
) -> Result<Tree, Fault> {
    let name = args.text(NAME)?;
    let now = state.now;
    let group = groups::named(state, args)?;
    let active = group.active().filter(|one| one.status.goes_forward());
    let active = active.ok_or_else(none_active)?;
    if active.desired.is_none() || floats(group, active.desired.as_ref()) {
        let message = "The instance refresh cannot be rolled back: it has no desired configuration, or a launch template \
                       version is $Latest or $Default.";
        return Err(Fault::new("IrreversibleInstanceRefresh", message));
    }
    let id = active.id.clone();
    turn_back(group, "Rollback was initiated by user request.", now);
    reconcile::touch(state, name);
    Ok(Tree::new().put("InstanceRefreshId", id))
}

/// What was launched since the beginning is to be replaced by what was there before.
pub(super) fn turn_back(group: &mut Group, reason: &str, now: Timestamp) {
    let there: BTreeSet<String> = group.counted().map(|(id, _)| id.clone()).collect();
    let waiting = waiting(group, |refresh, member| member.launched >= refresh.started);
    let Some(refresh) = group.active_mut() else {
        return;
    };
    refresh.back = Some(Back {
        reason: reason.to_owned(),
        started: now,
        percentage: refresh.percentage(),
        to_update: refresh.to_update(),
    });
    refresh.status = Status::RollbackInProgress;
    refresh.reason = Some(reason.to_owned());
    // One that warms up yet is no more ready than it was.
    refresh.outdated = refresh.fresh.intersection(&there).cloned().collect();
    refresh.waiting = waiting;
    refresh.paused = None;
    refresh.baking = None;
    refresh.moved = now;
}

//! Targets: registered when running, draining for the deregistration delay, and seen through the proxy's eyes.

use super::{
    Due, attributes, ground, groups,
    health::health_of,
    stored::{Group, Registration},
};
use crate::model::{
    Fault, Tree, Verdict, agenda, args::Args, ec2::InstanceState, scaling, state::State,
};
use jiff::{SignedDuration, Timestamp};

/// Targets that a target group may have (Quotas for your Application Load Balancers).
const TARGETS: usize = 1000;

fn read(args: &Args<'_>, group: &Group) -> Result<Vec<(String, u16)>, Fault> {
    let target = |entry: Args<'_>| {
        entry.only("Id Port AvailabilityZone")?;
        let port = entry
            .int_in("Port", 1..=65535)?
            .and_then(|port| u16::try_from(port).ok());
        Ok((entry.text("Id")?.to_owned(), port.unwrap_or(group.port)))
    };
    args.maps("Targets")?.into_iter().map(target).collect()
}

pub(super) fn register(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let group = groups::named(state, args)?.clone();
    let targets = read(args, &group)?;
    if targets.is_empty() {
        return Err(args.missing("Targets"));
    }
    if group.targets.len() + targets.len() > TARGETS {
        return Err(Fault::new(
            "TooManyTargets",
            "The maximum number of targets in a target group has been reached",
        ));
    }
    for (id, _) in &targets {
        check_target(state, id)?;
    }
    let arn = args.text("TargetGroupArn")?;
    for target in targets {
        enter(state, arn, target);
    }
    Ok(Tree::new())
}

fn check_target(state: &State, id: &str) -> Result<(), Fault> {
    let wrong = |message: String| Err(Fault::new("InvalidTarget", message));
    let Some(seen) = ground::instance(state, id) else {
        return wrong(format!("Instance ID '{id}' is not valid"));
    };
    if seen.state != InstanceState::Running {
        return wrong(format!(
            "The following targets are not in a running state and cannot be registered: '{id}'"
        ));
    }
    Ok(())
}

/// A target that drains and is registered again starts anew; one that is registered already stays as it is.
fn enter(state: &mut State, arn: &str, target: (String, u16)) {
    let Some(group) = state.elb.groups.get_mut(arn) else {
        return;
    };
    let registration = group.targets.entry(target).or_default();
    if registration.draining_until.is_some() {
        *registration = Registration::default();
    }
}

/// Registers an instance on the target group's own port, for an Auto Scaling group.
pub(in crate::model) fn enlist(state: &mut State, arn: &str, instance: &str) {
    if let Some(port) = state.elb.groups.get(arn).map(|group| group.port) {
        enter(state, arn, (instance.to_owned(), port));
    }
}

/// Deregisters targets; one that is not registered is no error.
pub(super) fn deregister(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let group = groups::named(state, args)?.clone();
    let targets = read(args, &group)?;
    if targets.is_empty() {
        return Err(args.missing("Targets"));
    }
    for target in targets {
        drain(state, args.text("TargetGroupArn")?, &target);
    }
    Ok(Tree::new())
}

/// Deregisters an instance on all its ports, for an Auto Scaling group.
pub(in crate::model) fn release(state: &mut State, arn: &str, instance: &str) {
    let targets = state
        .elb
        .groups
        .get(arn)
        .into_iter()
        .flat_map(|group| group.targets.keys());
    let targets: Vec<_> = targets.filter(|(id, _)| id == instance).cloned().collect();
    for target in targets {
        drain(state, arn, &target);
    }
}

/// Tells whether an instance is still being deregistered.
pub(in crate::model) fn is_draining(state: &State, arn: &str, instance: &str) -> bool {
    let targets = state
        .elb
        .groups
        .get(arn)
        .into_iter()
        .flat_map(|group| &group.targets);
    targets
        .into_iter()
        .any(|((id, _), registration)| id == instance && registration.draining_until.is_some())
}

/// Lets a target drain for the deregistration delay; one that no load balancer used is gone at once.
fn drain(state: &mut State, arn: &str, target: &(String, u16)) {
    let in_use = !state.elb.balancers_of(arn).is_empty();
    let now = state.now;
    let Some(group) = state.elb.groups.get_mut(arn) else {
        return;
    };
    let delay = attributes::number(&group.attributes, "deregistration_delay.timeout_seconds");
    let delay = SignedDuration::from_secs(if in_use { delay.into() } else { 0 });
    let Some(registration) = group.targets.get_mut(target) else {
        return;
    };
    if registration.draining_until.is_some() {
        return;
    }
    registration.draining_until = Some(now.checked_add(delay).unwrap_or(Timestamp::MAX));
    if delay.is_zero() {
        return forget(state, arn, target);
    }
    let due = Due::Deregistered {
        group: arn.to_owned(),
        target: target.0.clone(),
        port: target.1,
    };
    state.after(delay, agenda::Due::Elb(due));
}

/// Takes a target away whose deregistration delay is over; one that was registered again meanwhile stays.
pub(super) fn forget(state: &mut State, arn: &str, target: &(String, u16)) {
    let now = state.now;
    let Some(group) = state.elb.groups.get_mut(arn) else {
        return;
    };
    if group
        .targets
        .get(target)
        .and_then(|registration| registration.draining_until)
        .is_some_and(|until| until <= now)
    {
        group.targets.remove(target);
    }
    scaling::touch_instance(state, &target.0);
}

/// An instance that is terminated leaves its target groups.
pub(super) fn instance_changed(state: &mut State, instance: &str, to: InstanceState) {
    if !to.ending() {
        return;
    }
    let arns: Vec<String> = state.elb.groups.keys().cloned().collect();
    for arn in arns {
        release(state, &arn, instance);
    }
}

/// Takes in what a health check saw. A target that no load balancer looks at has no health.
pub(super) fn probed(state: &mut State, arn: &str, target: &str, port: u16, verdict: &Verdict) {
    if super::health::unused(state, arn, target).is_some() {
        return;
    }
    let Some(group) = state.elb.groups.get_mut(arn) else {
        return;
    };
    let Some(registration) = group.targets.get_mut(&(target.to_owned(), port)) else {
        return;
    };
    registration.verdict = Some(verdict.clone());
    scaling::touch_instance(state, target);
}

/// No connection is left on a draining target. It is shown as draining until its delay is over all the same
/// (Edit target group attributes, "Deregistration delay").
pub(super) fn drained(state: &mut State, arn: &str, target: &str, port: u16) {
    let group = state.elb.groups.get_mut(arn);
    let registration = group.and_then(|group| group.targets.get_mut(&(target.to_owned(), port)));
    if let Some(registration) =
        registration.filter(|registration| registration.draining_until.is_some())
    {
        registration.drained = true;
    }
}

pub(super) fn describe_health(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let group = groups::named(state, args)?.clone();
    let mut targets = read(args, &group)?;
    if targets.is_empty() {
        targets = group.targets.keys().cloned().collect();
    }
    let arn = args.text("TargetGroupArn")?;
    let shown: Vec<Tree> = targets
        .iter()
        .map(|target| tree(state, arn, &group, target))
        .collect();
    Ok(Tree::new().put("TargetHealthDescriptions", shown))
}

fn tree(state: &State, arn: &str, group: &Group, target: &(String, u16)) -> Tree {
    let health = health_of(state, arn, target);
    let health = Tree::new()
        .put("State", health.state)
        .put_some("Reason", health.reason)
        .put_some("Description", health.description);
    Tree::new()
        .put(
            "Target",
            Tree::new()
                .put("Id", &target.0)
                .put("Port", i64::from(target.1)),
        )
        .put("HealthCheckPort", group.check.port_on(target.1).to_string())
        .put("TargetHealth", health)
}

//! Target groups of a group, under both of their names: load balancer target groups and traffic sources.

use super::{
    NAME, groups,
    groups::PAGES,
    reconcile,
    stored::{Group, Lifecycle, Source},
};
use crate::model::{Fault, Tree, args::Args, elb, state::State};

/// Target groups in one call (`AttachLoadBalancerTargetGroups`).
const AT_ONCE: usize = 10;

/// Target groups that one group may have (Quotas for Amazon EC2 Auto Scaling).
const SOURCES: usize = 50;

fn read_groups(args: &Args<'_>) -> Result<Vec<String>, Fault> {
    Ok(args
        .texts("TargetGroupARNs")?
        .into_iter()
        .map(String::from)
        .collect())
}

fn read_sources(args: &Args<'_>) -> Result<Vec<String>, Fault> {
    let mut targets = Vec::new();
    for source in args.maps("TrafficSources")? {
        source.only("Identifier Type")?;
        if source
            .word("Type", "elb elbv2 vpc-lattice")?
            .is_some_and(|kind| kind != "elbv2")
        {
            return Err(Fault::validation(
                "Only traffic sources of type elbv2 are served by this cloud",
            ));
        }
        targets.push(source.text("Identifier")?.to_owned());
    }
    Ok(targets)
}

fn check_exist(state: &State, targets: &[String]) -> Result<(), Fault> {
    if targets.iter().all(|arn| state.elb.groups.contains_key(arn)) {
        return Ok(());
    }
    Err(Fault::validation(
        "Provided Target Groups may not be valid. Please ensure they exist and try again.",
    ))
}

/// Reads `TargetGroupARNs` and `TrafficSources` of `CreateAutoScalingGroup`.
pub(super) fn read_for_create(state: &State, args: &Args<'_>) -> Result<Vec<String>, Fault> {
    let mut targets = read_groups(args)?;
    targets.extend(read_sources(args)?);
    check_exist(state, &targets)?;
    Ok(targets)
}

pub(super) fn attach_groups(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    attach(state, args, read_groups(args)?, "TargetGroupARNs")
}

pub(super) fn attach_sources(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    attach(state, args, read_sources(args)?, "TrafficSources")
}

fn check_count(args: &Args<'_>, targets: &[String], list: &str) -> Result<(), Fault> {
    match targets.len() {
        0 => Err(args.missing(list)),
        1..=AT_ONCE => Ok(()),
        _ => Err(Fault::validation(format!(
            "{list} must have at most {AT_ONCE} entries"
        ))),
    }
}

/// Adds to what is attached; instances are registered a moment later.
fn attach(
    state: &mut State,
    args: &Args<'_>,
    targets: Vec<String>,
    list: &str,
) -> Result<Tree, Fault> {
    check_count(args, &targets, list)?;
    check_exist(state, &targets)?;
    let name = args.text(NAME)?;
    let group = groups::named(state, args)?;
    groups::refuse_deleting(group, name)?;
    group.refuse_refreshing()?;
    if group.sources.len() + targets.len() > SOURCES {
        return Err(Fault::new(
            "LimitExceeded",
            "The maximum number of target groups for the group has been reached",
        ));
    }
    for arn in targets {
        let source = group.sources.entry(arn).or_insert(Source::Adding);
        if *source == Source::Removing {
            *source = Source::Adding;
        }
    }
    reconcile::touch(state, name);
    Ok(Tree::new())
}

pub(super) fn detach_groups(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    detach(state, args, &read_groups(args)?, "TargetGroupARNs")
}

pub(super) fn detach_sources(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    detach(state, args, &read_sources(args)?, "TrafficSources")
}

fn detach(
    state: &mut State,
    args: &Args<'_>,
    targets: &[String],
    list: &str,
) -> Result<Tree, Fault> {
    check_count(args, targets, list)?;
    let name = args.text(NAME)?;
    let group = groups::named(state, args)?;
    if targets.iter().any(|arn| !group.sources.contains_key(arn)) {
        return Err(Fault::validation(
            "Trying to remove Target Groups that are not part of the group",
        ));
    }
    for arn in targets {
        group.sources.insert(arn.clone(), Source::Removing);
    }
    let members: Vec<String> = group.members.keys().cloned().collect();
    for arn in targets {
        for member in &members {
            elb::release(state, arn, member);
        }
    }
    reconcile::touch(state, name);
    Ok(Tree::new())
}

/// `Adding`, `Added`, `InService` once an instance is healthy there, `Removing`.
fn state_of(state: &State, group: &Group, arn: &str, source: Source) -> &'static str {
    match source {
        Source::Adding => "Adding",
        Source::Removing => "Removing",
        Source::Added
            if group
                .members
                .keys()
                .any(|id| elb::says(state, arn, id, "healthy")) =>
        {
            "InService"
        }
        Source::Added => "Added",
    }
}

pub(super) fn describe_groups(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let page = PAGES.read(args)?;
    let group = groups::find(state, args.text(NAME)?)?;
    let entry = |(arn, source): (&String, &Source)| {
        let tree = Tree::new()
            .put("LoadBalancerTargetGroupARN", arn)
            .put("State", state_of(state, group, arn, *source));
        (arn.clone(), tree)
    };
    let (shown, token) = page.cut(group.sources.iter().map(entry).collect());
    Ok(Tree::new()
        .put("LoadBalancerTargetGroups", shown)
        .put_some("NextToken", token))
}

pub(super) fn describe_sources(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let page = PAGES.read(args)?;
    let kind = args
        .word("TrafficSourceType", "elb elbv2 vpc-lattice")?
        .unwrap_or("elbv2");
    let group = groups::find(state, args.text(NAME)?)?;
    let entry = |(arn, source): (&String, &Source)| {
        let tree = Tree::new()
            .put("Identifier", arn)
            .put("Type", "elbv2")
            .put("TrafficSource", arn);
        (
            arn.clone(),
            tree.put("State", state_of(state, group, arn, *source)),
        )
    };
    let found = group.sources.iter().filter(|_| kind == "elbv2");
    let (shown, token) = page.cut(found.map(entry).collect());
    Ok(Tree::new()
        .put("TrafficSources", shown)
        .put_some("NextToken", token))
}

/// Moves attachments on: registers what is in service, and forgets what has drained.
pub(super) fn settle(state: &mut State, name: &str) {
    let Some(group) = state.scaling.groups.get(name) else {
        return;
    };
    let in_service = group
        .members
        .iter()
        .filter(|(_, member)| member.state == Lifecycle::InService);
    let in_service: Vec<String> = in_service.map(|(id, _)| id.clone()).collect();
    let members: Vec<String> = group.members.keys().cloned().collect();
    let adds = !group.suspends("AddToLoadBalancer");
    for (arn, source) in group.sources.clone() {
        let gone = !state.elb.groups.contains_key(&arn);
        let draining = members.iter().any(|id| elb::is_draining(state, &arn, id));
        if source == Source::Adding && adds {
            for id in &in_service {
                elb::enlist(state, &arn, id);
            }
        }
        let Some(group) = state.scaling.groups.get_mut(name) else {
            return;
        };
        match source {
            Source::Removing if !draining => drop(group.sources.remove(&arn)),
            Source::Adding if adds || gone => drop(group.sources.insert(arn, Source::Added)),
            _ => {}
        }
    }
}

//! Groups as the API makes, changes, shows and deletes them.

use super::{
    NAME, hooks, instances, launching, reconcile,
    settings::Settings,
    stored::{Group, Source},
    tags, traffic, warm,
};
use crate::model::{Fault, Tree, args::Args, paging::Paging, state::State};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const TAKES_CREATE: &str = "AutoScalingGroupName LaunchTemplate MixedInstancesPolicy MinSize MaxSize \
    DesiredCapacity AvailabilityZones VPCZoneIdentifier HealthCheckType HealthCheckGracePeriod TerminationPolicies \
    NewInstancesProtectedFromScaleIn SkipZonalShiftValidation DefaultCooldown PlacementGroup CapacityRebalance \
    ServiceLinkedRoleARN MaxInstanceLifetime Context DesiredCapacityType DefaultInstanceWarmup InstanceMaintenancePolicy \
    AvailabilityZoneDistribution AvailabilityZoneImpairmentPolicy CapacityReservationSpecification InstanceLifecyclePolicy \
    DeletionProtection TargetGroupARNs TrafficSources LifecycleHookSpecificationList Tags";
pub(super) const TAKES_DESCRIBE: &str =
    "AutoScalingGroupNames IncludeInstances NextToken MaxRecords Filters";

/// Pages of groups, policies and the like.
pub(super) const PAGES: Paging = Paging {
    size: "MaxRecords",
    token: "NextToken",
    range: (1, 100),
    usual: 50,
};

/// How long a group that is empty and deleted is still shown; on AWS it is some seconds too.
const SHOWN_WHILE_DELETING: SignedDuration = SignedDuration::from_secs(3);

/// The group of that name.
pub(super) fn find<'a>(state: &'a State, name: &str) -> Result<&'a Group, Fault> {
    state
        .scaling
        .groups
        .get(name)
        .ok_or_else(|| not_found(name))
}

fn not_found(name: &str) -> Fault {
    Fault::validation(format!(
        "AutoScalingGroup name not found - AutoScalingGroup '{name}' not found"
    ))
}

/// The group that a call names, to be changed.
pub(super) fn named<'a>(state: &'a mut State, args: &Args<'_>) -> Result<&'a mut Group, Fault> {
    let name = args.text(NAME)?;
    state
        .scaling
        .groups
        .get_mut(name)
        .ok_or_else(|| not_found(name))
}

pub(super) fn create(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = args.text(NAME)?;
    check_name(name)?;
    if let Some(old) = state.scaling.groups.get(name) {
        let why = if old.deleting.is_some() {
            "is pending delete"
        } else {
            "already exists"
        };
        let message = format!(
            "AutoScalingGroup by this name already exists - A group with the name {name} {why}"
        );
        return Err(Fault::new("AlreadyExists", message));
    }
    for required in ["MinSize", "MaxSize"] {
        args.text(required)?;
    }
    let mut settings = Settings::fresh(state);
    settings.read(state, args)?;
    settings.read_sizes(args)?;
    let sources = traffic::read_for_create(state, args)?;
    let hooks = hooks::read_list(args)?;
    let tags = tags::read_for_create(args, name)?;
    let id = state.ids.uuid();
    let arn = state.arn(
        "autoscaling",
        &format!("autoScalingGroup:{id}:autoScalingGroupName/{name}"),
    );
    let cause = format!(
        "At {} a user request created an AutoScalingGroup changing the desired capacity from 0 to {}.",
        launching::instant(state.now),
        settings.desired
    );
    let group = Group {
        arn,
        created: state.now,
        settings,
        sources: sources
            .into_iter()
            .map(|arn| (arn, Source::Adding))
            .collect(),
        suspended: BTreeMap::new(),
        metrics: BTreeSet::new(),
        tags,
        members: BTreeMap::new(),
        pool: None,
        hooks,
        policies: BTreeMap::new(),
        schedules: BTreeMap::new(),
        refreshes: Vec::new(),
        notifications: BTreeSet::new(),
        deleting: None,
        cause,
        failures: 0,
        avoided: BTreeSet::new(),
        retry_at: None,
        last_scaled: None,
        rebalancing: false,
        wake: None,
    };
    state.scaling.groups.insert(name.to_owned(), group);
    reconcile::touch(state, name);
    Ok(Tree::new())
}

fn check_name(name: &str) -> Result<(), Fault> {
    if name.len() > 255 || name.contains(':') || name.chars().any(char::is_control) {
        return Err(Fault::validation(format!(
            "Auto Scaling group name '{name}' must have at most 255 characters and no colon"
        )));
    }
    Ok(())
}

pub(super) fn update(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = args.text(NAME)?;
    let group = find(state, name)?;
    refuse_deleting(group, name)?;
    if args.has("LaunchTemplate") || args.has("MixedInstancesPolicy") {
        group.refuse_reconfiguring()?;
    }
    let mut settings = group.settings.clone();
    let before = settings.desired;
    settings.read(state, args)?;
    settings.read_sizes(args)?;
    let cause = format!(
        "At {} a user request update of AutoScalingGroup constraints to min: {}, max: {}, desired: {} changing the desired \
         capacity from {before} to {}.",
        launching::instant(state.now),
        settings.min,
        settings.max,
        settings.desired,
        settings.desired
    );
    let group = named(state, args)?;
    group.settings = settings;
    if group.settings.desired != before {
        group.cause = cause;
    }
    start_over(group);
    reconcile::touch(state, name);
    Ok(Tree::new())
}

/// A group that is told something new tries to launch at once.
pub(super) fn start_over(group: &mut Group) {
    group.retry_at = None;
    group.failures = 0;
    group.avoided.clear();
}

pub(super) fn refuse_deleting(group: &Group, name: &str) -> Result<(), Fault> {
    match group.deleting {
        Some(_) => Err(Fault::new(
            "ScalingActivityInProgress",
            format!("AutoScalingGroup '{name}' is pending delete"),
        )),
        None => Ok(()),
    }
}

pub(super) fn set_desired(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = args.text(NAME)?;
    let desired = args
        .int("DesiredCapacity")?
        .ok_or_else(|| args.missing("DesiredCapacity"))?;
    let honor = args.flag("HonorCooldown")?.unwrap_or(false);
    let now = state.now;
    let group = named(state, args)?;
    refuse_deleting(group, name)?;
    let refuse = |what: &str, bound: i64| {
        let message = format!(
            "New SetDesiredCapacity value {desired} is {what} value {bound} for the AutoScalingGroup."
        );
        Err(Fault::validation(message))
    };
    if desired > group.settings.max {
        return refuse("above max", group.settings.max);
    }
    if desired < group.settings.min {
        return refuse("below min", group.settings.min);
    }
    if honor && cooling(group, now) {
        let message =
            format!("Scaling activity is in progress for the group '{name}': it cools down");
        return Err(Fault::new("ScalingActivityInProgress", message));
    }
    set_capacity(
        group,
        desired,
        now,
        "a user request explicitly set group desired capacity",
    );
    reconcile::touch(state, name);
    Ok(Tree::new())
}

fn cooling(group: &Group, now: Timestamp) -> bool {
    let cooldown = group.cooldown();
    group
        .last_scaled
        .is_some_and(|last| now.duration_since(last).as_secs() < cooldown)
}

/// Sets the desired capacity and why.
pub(super) fn set_capacity(group: &mut Group, desired: i64, now: Timestamp, why: &str) {
    let before = group.settings.desired;
    group.settings.desired = desired;
    if before != desired {
        let at = launching::instant(now);
        group.cause =
            format!("At {at} {why} changing the desired capacity from {before} to {desired}.");
    }
    start_over(group);
}

/// Deletes an empty group, or with `ForceDelete` one with all its instances.
pub(super) fn delete(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let name = args.text(NAME)?;
    let force = args.flag("ForceDelete")?.unwrap_or(false);
    let until = state
        .now
        .checked_add(SHOWN_WHILE_DELETING)
        .unwrap_or(Timestamp::MAX);
    let now = state.now;
    let group = named(state, args)?;
    check_delete(group, force)?;
    group.forget_refresh(now);
    group.deleting = Some(until);
    group.settings.min = 0;
    group.settings.desired = 0;
    group.schedules.clear();
    if force {
        group.hooks.clear();
    }
    if let Some(pool) = &mut group.pool {
        pool.delete(force);
    }
    super::policies::clear(state, name);
    reconcile::touch(state, name);
    Ok(Tree::new())
}

fn check_delete(group: &Group, force: bool) -> Result<(), Fault> {
    if group.deleting.is_some() && !force {
        return Err(Fault::new(
            "ScalingActivityInProgress",
            "The group is being deleted already.",
        ));
    }
    match group.settings.kept_text("DeletionProtection") {
        Some("prevent-all-deletion") => return Err(protected("prevent-all-deletion")),
        Some("prevent-force-deletion") if force => return Err(protected("prevent-force-deletion")),
        _ => {}
    }
    if force {
        return Ok(());
    }
    if group.pool.is_some() {
        let message = "You cannot delete an AutoScalingGroup while there is a warm pool associated with that group.";
        return Err(Fault::new("ResourceInUse", message));
    }
    if group.members.is_empty() {
        return Ok(());
    }
    if group.members.values().all(|member| !member.state.counts()) {
        let message = "You cannot delete an AutoScalingGroup while there are scaling activities in progress for that group.";
        return Err(Fault::new("ScalingActivityInProgress", message));
    }
    let message = "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in the group.";
    Err(Fault::new("ResourceInUse", message))
}

fn protected(how: &str) -> Fault {
    Fault::validation(format!(
        "The group cannot be deleted because its deletion protection is {how}."
    ))
}

pub(super) fn describe(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let page = PAGES.read(args)?;
    let names = args.texts("AutoScalingGroupNames")?;
    let filters = read_filters(args)?;
    let instances = args.flag("IncludeInstances")?.unwrap_or(true);
    let groups = state.scaling.groups.iter();
    let wanted = |name: &String, group: &Group| {
        (names.is_empty() || names.contains(&name.as_str()) || names.contains(&group.arn.as_str()))
            && filters
                .iter()
                .all(|(filter, values)| passes(group, filter, values))
    };
    let found = groups
        .filter(|(name, group)| wanted(name, group))
        .map(|(name, _)| (name.clone(), name.clone()));
    let (shown, token) = page.cut(found.collect());
    let trees = shown
        .iter()
        .map(|name| tree(state, name, instances))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Tree::new()
        .put("AutoScalingGroups", trees)
        .put_some("NextToken", token))
}

fn read_filters<'a>(args: &Args<'a>) -> Result<Vec<(&'a str, Vec<&'a str>)>, Fault> {
    let mut filters = Vec::new();
    for entry in args.maps("Filters")? {
        let name = entry.text("Name")?;
        if !matches!(name, "tag-key" | "tag-value") && !name.starts_with("tag:") {
            return Err(Fault::validation(format!(
                "Filter type {name} is not correct. Allowed Filter types are: tag-key, tag-value, tag:<key>"
            )));
        }
        filters.push((name, entry.texts("Values")?));
    }
    Ok(filters)
}

fn passes(group: &Group, filter: &str, values: &[&str]) -> bool {
    let wanted = |text: &String| values.contains(&text.as_str());
    match filter {
        "tag-key" => group.tags.keys().any(wanted),
        "tag-value" => group.tags.values().any(|(value, _)| wanted(value)),
        _ => {
            let key = filter.strip_prefix("tag:").unwrap_or(filter);
            group.tags.get(key).is_some_and(|(value, _)| wanted(value))
        }
    }
}

fn tree(state: &State, name: &str, with_instances: bool) -> Result<Tree, Fault> {
    let group = find(state, name)?;
    let tree = Tree::new()
        .put("AutoScalingGroupName", name)
        .put("AutoScalingGroupARN", &group.arn);
    let members: Vec<Tree> = if with_instances {
        group
            .members
            .iter()
            .map(|(id, member)| instances::tree(id, member))
            .collect()
    } else {
        Vec::new()
    };
    let targets: Vec<Tree> = group.targets().iter().map(Tree::from).collect();
    let sources = group
        .targets()
        .into_iter()
        .map(|arn| Tree::new().put("Identifier", arn).put("Type", "elbv2"));
    let suspended = group.suspended.iter().map(|(process, why)| {
        Tree::new()
            .put("ProcessName", process)
            .put("SuspensionReason", why)
    });
    let metrics = group.metrics.iter().map(|metric| {
        Tree::new()
            .put("Metric", metric)
            .put("Granularity", "1Minute")
    });
    Ok(warm::put_on(group.settings.put_on(tree)?, group)
        .put("LoadBalancerNames", Vec::new())
        .put("TargetGroupARNs", targets)
        .put("TrafficSources", sources.collect::<Vec<_>>())
        .put("Instances", members)
        .put("CreatedTime", group.created)
        .put("SuspendedProcesses", suspended.collect::<Vec<_>>())
        .put("EnabledMetrics", metrics.collect::<Vec<_>>())
        .put("Tags", tags::trees(name, group))
        .put_some("Status", group.deleting.map(|_| "Delete in progress")))
}

//! Suspended processes and collected metrics.

use super::{NAME, groups, reconcile};
use crate::model::{Fault, Tree, args::Args, state::State};

/// `DescribeScalingProcessTypes`.
const PROCESSES: &str = "Launch Terminate AddToLoadBalancer AlarmNotification AZRebalance HealthCheck InstanceRefresh ReplaceUnhealthy ScheduledActions";

/// `DescribeMetricCollectionTypes`.
const METRICS: &str = "GroupMinSize GroupMaxSize GroupDesiredCapacity GroupInServiceInstances GroupPendingInstances \
    GroupStandbyInstances GroupTerminatingInstances GroupTotalInstances GroupInServiceCapacity GroupPendingCapacity \
    GroupStandbyCapacity GroupTerminatingCapacity GroupTotalCapacity";

/// The words that a call names, all of them when it names none.
fn words<'a>(args: &Args<'a>, name: &str, all: &'static str) -> Result<Vec<&'a str>, Fault> {
    let named = args.texts(name)?;
    if let Some(unknown) = named
        .iter()
        .find(|word| all.split_whitespace().all(|known| known != **word))
    {
        return Err(Fault::validation(format!(
            "'{unknown}' is not one of: {all}"
        )));
    }
    Ok(if named.is_empty() {
        all.split_whitespace().collect()
    } else {
        named
    })
}

pub(super) fn suspend(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let now = super::launching::instant(state.now);
    let group = groups::named(state, args)?;
    groups::refuse_deleting(group, args.text(NAME)?)?;
    for process in words(args, "ScalingProcesses", PROCESSES)? {
        let why = format!("User suspended at {now}");
        group.suspended.entry(process.to_owned()).or_insert(why);
    }
    Ok(Tree::new())
}

pub(super) fn resume(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let group = groups::named(state, args)?;
    for process in words(args, "ScalingProcesses", PROCESSES)? {
        group.suspended.remove(process);
    }
    groups::start_over(group);
    reconcile::touch(state, args.text(NAME)?);
    Ok(Tree::new())
}

pub(super) fn enable_metrics(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    args.text("Granularity")?;
    args.word("Granularity", "1Minute")?;
    let metrics = words(args, "Metrics", METRICS)?;
    groups::named(state, args)?
        .metrics
        .extend(metrics.into_iter().map(String::from));
    Ok(Tree::new())
}

pub(super) fn disable_metrics(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let metrics = words(args, "Metrics", METRICS)?;
    groups::named(state, args)?
        .metrics
        .retain(|metric| !metrics.contains(&metric.as_str()));
    Ok(Tree::new())
}

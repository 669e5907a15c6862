//! Auto Scaling groups: what is wanted, what was launched for it, and the activities in between.
//!
//! Calls change what a group is told to be and never launch anything themselves; a moment later `reconcile` looks at the
//! group and moves it one step nearer, as often as facts, time and calls give it reason to.

mod acting;
mod activities;
mod cron;
mod echo;
mod ending;
mod groups;
mod hooks;
mod instances;
mod launching;
mod limits;
mod notifications;
mod policies;
mod processes;
mod reconcile;
mod refresh;
mod refusals;
mod schedules;
mod settings;
mod stored;
mod tags;
mod template;
mod traffic;
mod warm;

#[cfg(test)]
mod tests;

pub(super) use acting::set_off;
pub(super) use reconcile::touch_instance;
pub(super) use stored::Scaling;

use super::{
    Service,
    actions::Action,
    state::{Change, State},
};
use jiff::Timestamp;

const NAME: &str = "AutoScalingGroupName";
const PAGED: &str = "AutoScalingGroupName NextToken MaxRecords";

pub(super) const TABLES: &[&[Action]] = &[GROUPS, TRAFFIC, RULES, ASIDE, REFRESHES];

const GROUPS: &[Action] = &[
    action(
        "CreateAutoScalingGroup",
        groups::TAKES_CREATE,
        groups::create,
    ),
    action("CreateOrUpdateTags", "Tags", tags::create_or_update),
    action(
        "DeleteAutoScalingGroup",
        "AutoScalingGroupName ForceDelete",
        groups::delete,
    ),
    action("DeleteTags", "Tags", tags::delete),
    action(
        "DescribeAutoScalingGroups",
        groups::TAKES_DESCRIBE,
        groups::describe,
    ),
    action(
        "DescribeAutoScalingInstances",
        "InstanceIds MaxRecords NextToken",
        instances::describe,
    ),
    action(
        "DescribeScalingActivities",
        "ActivityIds AutoScalingGroupName IncludeDeletedGroups MaxRecords NextToken",
        activities::describe,
    ),
    action(
        "DescribeTags",
        "Filters NextToken MaxRecords",
        tags::describe,
    ),
    action(
        "SetDesiredCapacity",
        "AutoScalingGroupName DesiredCapacity HonorCooldown",
        groups::set_desired,
    ),
    action(
        "SetInstanceHealth",
        "InstanceId HealthStatus ShouldRespectGracePeriod",
        instances::set_health,
    ),
    action(
        "SetInstanceProtection",
        "InstanceIds AutoScalingGroupName ProtectedFromScaleIn",
        instances::set_protection,
    ),
    action(
        "TerminateInstanceInAutoScalingGroup",
        "InstanceId ShouldDecrementDesiredCapacity",
        instances::terminate,
    ),
    action("UpdateAutoScalingGroup", settings::TAKES, groups::update),
];

const TRAFFIC: &[Action] = &[
    action(
        "AttachLoadBalancerTargetGroups",
        "AutoScalingGroupName TargetGroupARNs",
        traffic::attach_groups,
    ),
    action(
        "AttachTrafficSources",
        "AutoScalingGroupName TrafficSources SkipZonalShiftValidation",
        traffic::attach_sources,
    ),
    action(
        "DescribeLoadBalancerTargetGroups",
        PAGED,
        traffic::describe_groups,
    ),
    action(
        "DescribeTrafficSources",
        "AutoScalingGroupName TrafficSourceType NextToken MaxRecords",
        traffic::describe_sources,
    ),
    action(
        "DetachLoadBalancerTargetGroups",
        "AutoScalingGroupName TargetGroupARNs",
        traffic::detach_groups,
    ),
    action(
        "DetachTrafficSources",
        "AutoScalingGroupName TrafficSources",
        traffic::detach_sources,
    ),
];

const RULES: &[Action] = &[
    action(
        "CompleteLifecycleAction",
        hooks::TAKES_COMPLETE,
        hooks::complete,
    ),
    action(
        "DeleteLifecycleHook",
        "LifecycleHookName AutoScalingGroupName",
        hooks::delete,
    ),
    action(
        "DeletePolicy",
        "AutoScalingGroupName PolicyName",
        policies::delete,
    ),
    action(
        "DeleteScheduledAction",
        "AutoScalingGroupName ScheduledActionName",
        schedules::delete,
    ),
    action("DescribeLifecycleHookTypes", "", hooks::describe_types),
    action(
        "DescribeLifecycleHooks",
        "AutoScalingGroupName LifecycleHookNames",
        hooks::describe,
    ),
    action(
        "DescribePolicies",
        "AutoScalingGroupName PolicyNames PolicyTypes NextToken MaxRecords",
        policies::describe,
    ),
    action(
        "DescribeScheduledActions",
        schedules::TAKES_DESCRIBE,
        schedules::describe,
    ),
    action("PutLifecycleHook", hooks::TAKES_PUT, hooks::put),
    action("PutScalingPolicy", policies::TAKES_PUT, policies::put),
    action(
        "PutScheduledUpdateGroupAction",
        schedules::TAKES_PUT,
        schedules::put,
    ),
    action(
        "RecordLifecycleActionHeartbeat",
        hooks::TAKES_HEARTBEAT,
        hooks::heartbeat,
    ),
    action(
        "ResumeProcesses",
        "AutoScalingGroupName ScalingProcesses",
        processes::resume,
    ),
    action(
        "SuspendProcesses",
        "AutoScalingGroupName ScalingProcesses",
        processes::suspend,
    ),
];

const ASIDE: &[Action] = &[
    action(
        "DeleteNotificationConfiguration",
        "AutoScalingGroupName TopicARN",
        notifications::delete,
    ),
    action("DescribeAccountLimits", "", limits::describe_account_limits),
    action("DescribeLoadBalancers", PAGED, limits::describe_balancers),
    action(
        "DescribeNotificationConfigurations",
        "AutoScalingGroupNames NextToken MaxRecords",
        notifications::describe,
    ),
    action(
        "DeleteWarmPool",
        "AutoScalingGroupName ForceDelete",
        warm::delete,
    ),
    action("DescribeWarmPool", PAGED, warm::describe),
    action("PutWarmPool", warm::TAKES_PUT, warm::put),
    action(
        "DisableMetricsCollection",
        "AutoScalingGroupName Metrics",
        processes::disable_metrics,
    ),
    action(
        "EnableMetricsCollection",
        "AutoScalingGroupName Metrics Granularity",
        processes::enable_metrics,
    ),
    action(
        "PutNotificationConfiguration",
        "AutoScalingGroupName TopicARN NotificationTypes",
        notifications::put,
    ),
];

const REFRESHES: &[Action] = &[
    action(
        "CancelInstanceRefresh",
        "AutoScalingGroupName WaitForTransitioningInstances",
        refresh::cancel,
    ),
    action(
        "DescribeInstanceRefreshes",
        "AutoScalingGroupName InstanceRefreshIds NextToken MaxRecords",
        refresh::describe,
    ),
    action(
        "RollbackInstanceRefresh",
        "AutoScalingGroupName",
        refresh::roll_back,
    ),
    action("StartInstanceRefresh", refresh::TAKES_START, refresh::start),
];

const fn action(name: &'static str, takes: &'static str, run: super::actions::Handler) -> Action {
    Action::new(Service::AutoScaling, name, takes, run)
}

/// What time alone brings to groups.
#[derive(Clone, Debug)]
pub(super) enum Due {
    /// A group is looked at.
    Look { group: String },
    /// A scheduled action may be due.
    Scheduled {
        group: String,
        action: String,
        at: Timestamp,
    },
}

/// Lets something happen that came due.
pub(super) fn due(state: &mut State, due: Due) {
    match due {
        Due::Look { group } => reconcile::look(state, &group),
        Due::Scheduled { group, action, at } => schedules::run(state, &group, &action, at),
    }
}

/// Reacts to a change of an instance's state.
pub(super) fn changed(state: &mut State, change: &Change) {
    let Change::Instance { id, .. } = change;
    touch_instance(state, id);
}

//! Scaling activities: what a group did, why, and how it ended.

use super::groups;
use crate::model::{Fault, Tree, args::Args, paging::Paging, state::State};
use jiff::Timestamp;

/// Pages of activities: 100 without being asked (`DescribeScalingActivities`).
const PAGES: Paging = Paging {
    size: "MaxRecords",
    token: "NextToken",
    range: (1, 100),
    usual: 100,
};

/// How far an activity is (`StatusCode` of `Activity` in the API reference), as far as it is used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    InProgress,
    WaitingForELBConnectionDraining,
    MidLifecycleAction,
    Successful,
    Failed,
    Cancelled,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::WaitingForELBConnectionDraining => "WaitingForELBConnectionDraining",
            Self::MidLifecycleAction => "MidLifecycleAction",
            Self::Successful => "Successful",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Activity {
    pub(super) id: String,
    pub(super) group: String,
    pub(super) arn: String,
    pub(super) description: String,
    pub(super) cause: String,
    pub(super) start: Timestamp,
    pub(super) end: Option<Timestamp>,
    pub(super) status: Status,
    pub(super) message: Option<String>,
    pub(super) progress: i64,
    pub(super) details: String,
}

/// Enters an activity that begins now and gives its id.
pub(super) fn begin(
    state: &mut State,
    group: &str,
    description: String,
    cause: String,
    zone: &str,
) -> String {
    let id = state.ids.uuid();
    let Some(found) = state.scaling.groups.get(group) else {
        return id;
    };
    let subnet = state
        .ec2
        .subnets
        .values()
        .find(|subnet| subnet.zone == zone && found.settings.subnets.contains(&subnet.id));
    let subnet = subnet.map(|subnet| subnet.id.as_str()).unwrap_or_default();
    let activity = Activity {
        id: id.clone(),
        group: group.to_owned(),
        arn: found.arn.clone(),
        description,
        cause,
        start: state.now,
        end: None,
        status: Status::InProgress,
        message: None,
        progress: 0,
        details: format!("{{\"Subnet ID\":\"{subnet}\",\"Availability Zone\":\"{zone}\"}}"),
    };
    state.scaling.activities.push(activity);
    id
}

/// Moves an activity on that is under way.
pub(super) fn mark(state: &mut State, id: &str, status: Status, progress: i64) {
    let open = state
        .scaling
        .activities
        .iter_mut()
        .find(|activity| activity.id == id && activity.end.is_none());
    if let Some(activity) = open {
        activity.status = status;
        activity.progress = progress;
    }
}

/// Ends an activity; one that has ended stays as it is.
pub(super) fn end(state: &mut State, id: &str, status: Status, message: Option<String>) {
    let now = state.now;
    let open = state
        .scaling
        .activities
        .iter_mut()
        .find(|activity| activity.id == id && activity.end.is_none());
    if let Some(activity) = open {
        activity.status = status;
        activity.message = message;
        activity.progress = 100;
        activity.end = Some(now);
    }
}

/// The newest first. Those of deleted groups only when they are asked for.
pub(super) fn describe(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let page = PAGES.read(args)?;
    let ids = args.texts("ActivityIds")?;
    let deleted = args.flag("IncludeDeletedGroups")?.unwrap_or(false);
    let name = args
        .maybe_text("AutoScalingGroupName")?
        .filter(|name| !name.is_empty());
    if let Some(name) = name.filter(|_| !deleted) {
        groups::find(state, name)?;
    }
    let live = |activity: &Activity| {
        state
            .scaling
            .groups
            .get(&activity.group)
            .is_some_and(|group| group.arn == activity.arn)
    };
    let wanted = |activity: &Activity| {
        (ids.is_empty() || ids.contains(&activity.id.as_str()))
            && name.is_none_or(|name| activity.group == name)
            && (deleted || live(activity))
    };
    let numbered = state.scaling.activities.iter().enumerate();
    let found = numbered.filter(|(_, activity)| wanted(activity));
    let entry = |(index, activity): (usize, &Activity)| {
        (format!("{:020}", usize::MAX - index), tree(state, activity))
    };
    let (shown, token) = page.cut(found.map(entry).collect());
    Ok(Tree::new()
        .put("Activities", shown)
        .put_some("NextToken", token))
}

/// One activity by its id.
pub(super) fn one(state: &State, id: &str) -> Option<Tree> {
    let activity = state
        .scaling
        .activities
        .iter()
        .find(|activity| activity.id == id)?;
    Some(tree(state, activity))
}

fn tree(state: &State, activity: &Activity) -> Tree {
    let live = state
        .scaling
        .groups
        .get(&activity.group)
        .is_some_and(|group| group.arn == activity.arn);
    Tree::new()
        .put("ActivityId", &activity.id)
        .put("AutoScalingGroupName", &activity.group)
        .put("AutoScalingGroupARN", &activity.arn)
        .put_some("AutoScalingGroupState", (!live).then_some("Deleted"))
        .put("Description", &activity.description)
        .put("Cause", &activity.cause)
        .put("StartTime", activity.start)
        .put_some("EndTime", activity.end)
        .put("StatusCode", activity.status.name())
        .put_some("StatusMessage", activity.message.as_ref())
        .put("Progress", activity.progress)
        .put("Details", &activity.details)
}

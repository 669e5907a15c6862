//! The alarms that set off scaling policies, looked up for a plan, and copies of alarms whose group is gone.

use std::collections::BTreeMap;

use super::error::Error;
use super::facts::{Facts, Side};
use super::names;
use crate::cloud::{Cloud, Group, GroupName, Kind, Result, ScalingAlarm, ScalingAlarms, tag};
use crate::undo::alarms::{self, listed};

/// What is known of a service's alarms.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// By the group whose policies they set off.
    pub of_groups: BTreeMap<GroupName, Vec<ScalingAlarm>>,
    /// Names that the service's copies may have.
    pub names: Vec<String>,
    /// Copies whose group is gone.
    pub stray: Vec<String>,
}

/// Looks them up: of every group that a next one may be made like.
pub(super) async fn look_up(
    cloud: &impl Cloud,
    service: &str,
    sides: &[Side; 2],
    groups: &[Group],
) -> Result<Known> {
    let mut known = Known::default();
    let behind = |group: &Group| {
        let mut all = sides.iter().flat_map(|side| &side.groups);
        all.any(|one| one.name == group.name)
    };
    let ours = |group: &Group| group.tag(tag::SERVICE) == Some(service);
    let standing = groups
        .iter()
        .filter(|group| !group.deleting && !names::is_next(group));
    for group in standing.filter(|group| ours(group) || behind(group)) {
        let alarms = cloud.scaling_alarms(&group.name).await?;
        known.of_groups.insert(group.name.clone(), alarms);
    }
    (known.names, known.stray) = made(cloud, service, groups).await?;
    Ok(known)
}

/// The names of all alarms that may be a group's of the service, and of those that kiln made for a group which is gone.
pub(super) async fn made(
    cloud: &impl ScalingAlarms,
    service: &str,
    groups: &[Group],
) -> Result<(Vec<String>, Vec<String>)> {
    let all = listed(cloud, &names::beginning(service)).await?;
    let is_there = |name: &str| {
        let mut groups = groups.iter();
        groups.any(|group| name.starts_with(&alarms::prefix(&group.name)))
    };
    let mut stray = Vec::new();
    for alarm in all.iter().filter(|alarm| !is_there(&alarm.name)) {
        let tags = match cloud.alarm_tags(alarm).await {
            Err(error) if error.is_not_found() || error.kind == Kind::Denied => continue,
            answer => answer?,
        };
        let ours = tags.get(tag::SERVICE).map(String::as_str) == Some(service);
        let group = tags.get(tag::GROUP).map(GroupName::new);
        if ours && group.is_some_and(|group| alarms::is_of(&tags, &group)) {
            stray.push(alarm.name.clone());
        }
    }
    Ok((all.into_iter().map(|alarm| alarm.name).collect(), stray))
}

/// Deletes an alarm whose group is gone.
pub(super) async fn delete(
    cloud: &impl ScalingAlarms,
    name: &str,
) -> std::result::Result<(), Error> {
    match cloud.delete_alarm(name).await {
        Err(error) if error.is_not_found() => Ok(()),
        answer => Ok(answer?),
    }
}

impl Facts {
    /// The alarms that set off a group's step and simple policies.
    pub(super) fn alarms_of(&self, group: &Group) -> &[ScalingAlarm] {
        let of = self.scaling.of_groups.get(&group.name);
        of.map(Vec::as_slice).unwrap_or_default()
    }
}

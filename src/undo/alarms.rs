//! The alarms that kiln made for a group. They go before it, as long as its name and their tags tell whose they are; what was
//! journalled for the group stands for them too, since none is made before it.

use super::persist;
use crate::cloud::{Error, GroupName, Kind, NamedAlarm, ScalingAlarms, Tags, tag};
use crate::run::RunId;

/// How the names of the alarms of a group begin.
pub fn prefix(group: &GroupName) -> String {
    format!("{group}-")
}

/// Whether kiln made an alarm for that group.
pub fn is_of(tags: &Tags, group: &GroupName) -> bool {
    tags.contains_key(tag::MADE_BY)
        && tags.get(tag::GROUP).map(String::as_str) == Some(group.as_str())
}

/// Deletes the alarms of a group; with a run only what that run made. Others that are named alike stay.
pub(super) async fn delete(
    cloud: &impl ScalingAlarms,
    group: &GroupName,
    run: Option<RunId>,
) -> Result<(), Error> {
    let mut found = Vec::new();
    persist(async || {
        found = listed(cloud, &prefix(group)).await?;
        Ok(())
    })
    .await?;
    for alarm in found {
        let mut tags = Tags::new();
        persist(async || {
            tags = cloud.alarm_tags(&alarm).await?;
            Ok(())
        })
        .await?;
        let of_run = |run: RunId| tags.get(tag::RUN) == Some(&run.to_string());
        if is_of(&tags, group) && run.is_none_or(of_run) {
            persist(async || cloud.delete_alarm(&alarm.name).await).await?;
        }
    }
    Ok(())
}

/// The alarms whose names begin so. Who may not list alarms has made none.
pub async fn listed(cloud: &impl ScalingAlarms, prefix: &str) -> Result<Vec<NamedAlarm>, Error> {
    match cloud.alarms_beginning(prefix).await {
        Err(error) if error.kind == Kind::Denied => Ok(Vec::new()),
        answer => answer,
    }
}

//! The target group that a roll made, and what keeps it from being deleted.

use super::persist;
use super::roll::{OfRoll, standing};
use super::serving::{is_named, target_groups_of};
use crate::cloud::{Cloud, Error, Group, tag};

/// Deletes it, unless a group or a rule needs it by now.
pub(super) async fn delete(
    cloud: &impl Cloud,
    of: &OfRoll,
    name: &str,
    next: Option<&Group>,
) -> Result<(), Error> {
    let mut found = Vec::new();
    persist(async || {
        found = target_groups_of(cloud, &of.service).await?;
        Ok(())
    })
    .await?;
    let ours = found.into_iter().find(|(group, tags)| {
        group.name == name && tags.get(tag::RUN) == Some(&of.run.to_string())
    });
    let Some((group, _)) = ours else {
        return Ok(());
    };
    let is_used = |one: &Group| one.target_groups.contains(&group.arn);
    if standing(cloud, next).await?.iter().any(is_used) || is_named(cloud, &group.arn).await? {
        return Ok(());
    }
    persist(async || cloud.delete_target_group(&group.arn).await).await
}

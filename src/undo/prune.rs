//! Versions of launch templates that retired groups leave: each roll makes one, and a template has room for ten thousand
//! ("Launch template quotas").

use std::collections::BTreeSet;

use super::refresh::{Refreshing, rolled};
use super::roll::{run_of, standing};
use super::root::{Rerooting, rerooted};
use super::{Taken, persist, refresh};
use crate::cloud::{Cloud, Error, Group, LaunchTemplateId, LaunchTemplateVersion, StartsFrom, tag};
use crate::run::RunId;

/// How many go with one group: each is a call. A template that kiln has not pruned before takes several rolls.
const MOST: usize = 20;

/// Deletes what kiln's runs up to the one that made the group have left of its template: no default or latest version, none that
/// a group, an instance or a way back needs, and none whose description does not name a run. A later run may be about to use its own.
pub async fn versions(cloud: &impl Cloud, group: &Group) -> Result<(), Error> {
    let StartsFrom::Template { id, .. } = &group.starts_from else {
        return Ok(());
    };
    let run: Option<RunId> = group.tag(tag::RUN).and_then(|run| run.parse().ok());
    let Some(run) = run else {
        return Ok(());
    };
    let mut spent = Vec::new();
    persist(async || {
        spent = unused(cloud, id, run).await?;
        Ok(())
    })
    .await?;
    for number in spent.into_iter().take(MOST) {
        persist(async || cloud.delete_template_version(id, number).await).await?;
    }
    Ok(())
}

/// Oldest first.
async fn unused(
    cloud: &impl Cloud,
    id: &LaunchTemplateId,
    upto: RunId,
) -> Result<Vec<LaunchTemplateVersion>, Error> {
    let Some(template) = cloud.template(id).await? else {
        return Ok(Vec::new());
    };
    let mut needed = cloud.versions_in_use(&template).await?;
    needed.extend([template.default, template.latest]);
    let groups = standing(cloud, None).await?;
    needed.extend(groups.iter().flat_map(ways_back));
    let spent = cloud
        .template_versions(id)
        .await?
        .into_iter()
        .filter(|one| {
            let by = run_of(&one.description);
            by.is_some_and(|by| by <= upto) && !needed.contains(&one.number)
        });
    let spent: BTreeSet<_> = spent.map(|version| version.number).collect();
    Ok(spent.into_iter().collect())
}

/// What a group whose machines or whose root were replaced, or are being replaced, may go back to, and what a taken one is
/// given back.
fn ways_back(group: &Group) -> impl Iterator<Item = LaunchTemplateVersion> {
    let ways = [
        rolled(group).map(|rolled: refresh::Rolled| rolled.before),
        Refreshing::of(group).map(|of| of.before),
        rerooted(group).map(|rerooted| rerooted.before),
        Rerooting::of(group).map(|of| of.before),
        Taken::of(group).map(|taken| taken.number),
    ];
    ways.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_before_another_root_is_a_way_back() {
        let mut group = Group::example("web-v001", 1);
        let run = RunId::new(jiff::Timestamp::UNIX_EPOCH, 7);
        let text = format!("{run} 4 i-1 vol-1 goes 2026-01-01T00:00:00Z");
        group.tags.insert(tag::REROOTED.to_owned(), text);
        let ways: Vec<_> = ways_back(&group).collect();
        assert_eq!(ways, [LaunchTemplateVersion(4)]);
    }
}

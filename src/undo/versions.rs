//! Launch templates and versions that a roll made, and what keeps them from being deleted.

use super::lease::{self, Leased};
use super::persist;
use super::refresh;
use super::roll::{OfRoll, description, standing};
use crate::cloud::{
    Cloud, Error, Group, GroupName, LaunchTemplateId, LaunchTemplateVersion, StartsFrom,
    VersionRef, tag,
};

/// Deletes the versions that a run made, but for what is in use.
pub(super) async fn delete(
    cloud: &impl Cloud,
    of: &OfRoll,
    template: &LaunchTemplateId,
    next: Option<&Group>,
) -> Result<(), Error> {
    let (mut versions, mut default) = (Vec::new(), None);
    persist(async || {
        default = cloud
            .template(template)
            .await?
            .map(|template| template.default);
        versions = cloud.template_versions(template).await?;
        Ok(())
    })
    .await?;
    let description = description(of.run);
    let groups = standing(cloud, next).await?;
    // The default version is the template's first, which goes with the template or not at all.
    let is_used = |number| {
        if default == Some(number) {
            return true;
        }
        let version = VersionRef::Number(number);
        let used = StartsFrom::Template {
            id: template.clone(),
            version,
        };
        groups
            .iter()
            .flat_map(Group::starts)
            .any(|from| *from == used)
    };
    for version in versions
        .iter()
        .filter(|version| version.description == description && !is_used(version.number))
    {
        refuse_running(cloud, &groups, template, version.number).await?;
        persist(async || {
            cloud
                .delete_template_version(template, version.number)
                .await
        })
        .await?;
    }
    Ok(())
}

/// Has a group follow again what it did before the run pinned it. What that is may be the run's own version still, which somebody's group
/// kept from going with the rest: where it can go by now, it goes first.
pub(super) async fn unpin(
    cloud: &impl Cloud,
    of: &OfRoll,
    group: &GroupName,
    next: Option<&Group>,
) -> Result<(), Error> {
    let what = Leased::Version;
    let release = async || Box::pin(lease::release(cloud, group, what, Some(of.run))).await;
    let error = match persist(release).await {
        Err(error) if error.is_blocked() => error,
        done => return done,
    };
    match cloud.group(group).await?.map(|group| group.starts_from) {
        Some(StartsFrom::Template { id, .. }) => {
            delete(cloud, of, &id, next).await?;
            persist(release).await
        }
        _ => Err(error),
    }
}

/// Errors while machines run a version, or a refresh is about to start some: it is all that tells whose they are.
async fn refuse_running(
    cloud: &impl Cloud,
    groups: &[Group],
    template: &LaunchTemplateId,
    number: LaunchTemplateVersion,
) -> Result<(), Error> {
    for group in groups {
        let mut runs = refresh::runs(group, template, number);
        persist(async || {
            runs = runs || refresh::leads_to(cloud, group, template, number).await?;
            Ok(())
        })
        .await?;
        if runs {
            let name = &group.name;
            let text = format!("group {name} has machines of version {number}, or is to get some");
            return Err(Error::blocked("DeleteLaunchTemplateVersions", text));
        }
    }
    Ok(())
}

pub(super) async fn delete_template(
    cloud: &impl Cloud,
    of: &OfRoll,
    name: &str,
    next: Option<&Group>,
) -> Result<(), Error> {
    let mut found = None;
    persist(async || {
        found = cloud.template_named(name).await?;
        Ok(())
    })
    .await?;
    let ours = |tags: &crate::cloud::Tags| tags.get(tag::RUN) == Some(&of.run.to_string());
    let Some(template) = found.filter(|template| ours(&template.tags)) else {
        return Ok(());
    };
    // EC2 deletes a template under its groups' feet. A later run may have adopted this one.
    let is_of =
        |from: &StartsFrom| matches!(from, StartsFrom::Template { id, .. } if *id == template.id);
    let groups = standing(cloud, next).await?;
    if groups.iter().flat_map(Group::starts).any(is_of) {
        return Ok(());
    }
    persist(async || cloud.delete_template(&template.id).await).await
}

//! The launch template: pinning the previous group to its number, and the version that the next group starts from.

use super::error::Error;
use super::making::{ensure, group, lease, tags};
use super::plan::{NextTemplate, Plan, Previous};
use crate::cloud::{
    Cloud, LaunchTemplate, LaunchTemplateId, LaunchTemplateVersion, VersionRef, tag,
};
use crate::run::{Ledger, RunId};
use crate::undo::lease::{Leased, followed};
use crate::undo::{Change, Undo, description};

/// Pins the previous group, so that a scale-out in the middle of the roll starts the image that serves, not the next.
pub(super) async fn pin(
    plan: &Plan,
    previous: &Previous,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let Some(before) = previous.pin.and_then(followed) else {
        return Ok(());
    };
    let there = group(cloud, &previous.group).await?;
    lease(
        plan,
        cloud,
        made,
        &there,
        Leased::Version,
        vec![before.to_owned()],
    )
    .await?;
    let number = VersionRef::Number(previous.version);
    Ok(cloud
        .follow_version(&previous.group, &previous.template, number)
        .await?)
}

/// Makes the version, or on the first roll of all the template.
pub(super) async fn create(
    plan: &Plan,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(LaunchTemplateId, LaunchTemplateVersion), Error> {
    match &plan.next.template {
        NextTemplate::Version { id, source, .. } => {
            let version = version(plan, id, *source, cloud, made).await?;
            Ok((id.clone(), version))
        }
        NextTemplate::New { name } => {
            let template = new(plan, name, cloud, made).await?;
            Ok((template.id, template.default))
        }
    }
}

async fn version(
    plan: &Plan,
    id: &LaunchTemplateId,
    source: LaunchTemplateVersion,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<LaunchTemplateVersion, Error> {
    let description = description(plan.run);
    let change = Change::Version {
        template: id.clone(),
    };
    let find = async || {
        let versions = cloud.template_versions(id).await?.into_iter();
        let mut ours = versions.filter(|version| version.description == description);
        Ok(ours.next().map(|version| version.number))
    };
    let token = token(plan.run);
    let create = async || {
        let change = &plan.next.change;
        cloud
            .create_template_version(id, source, &description, change, &token)
            .await
    };
    ensure(plan, made, change, find, create).await
}

async fn new(
    plan: &Plan,
    name: &str,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<LaunchTemplate, Error> {
    let change = Change::Template {
        name: name.to_owned(),
    };
    let run = plan.run.to_string();
    let find = async || {
        let found = cloud.template_named(name).await?;
        Ok(found.filter(|template| template.tags.get(tag::RUN) == Some(&run)))
    };
    let create = async || {
        let (description, token) = (description(plan.run), token(plan.run));
        let change = &plan.next.change;
        cloud
            .create_template(name, &description, change, &token, &tags(plan))
            .await
    };
    ensure(plan, made, change, find, create).await
}

/// The same run asks for the same version, however often it asks.
fn token(run: RunId) -> String {
    format!("kiln-{run}")
}

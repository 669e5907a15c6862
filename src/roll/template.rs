//! The launch template: pinning the previous group to its number, and the version that the next group starts from.

use super::error::Error;
use super::making::{ensure, group, lease, of, owe, tags};
use super::plan::{NextTemplate, Plan, Previous};
use crate::cloud::{
    Cloud, LaunchTemplate, LaunchTemplateId, LaunchTemplateVersion, VersionRef, tag,
};
use crate::run::{Ledger, Lifetime, RunId, Unwind as _};
use crate::undo::lease::{Lease, Leased, followed};
use crate::undo::{Change, OfRoll, Undo, Unwinder, description};

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
    let what = Leased::Version;
    if let Some(dead) = Lease::of(&there, what).filter(|lease| lease.run != plan.run) {
        clear(plan, previous, dead.run, cloud, made).await?;
    }
    lease(plan, cloud, made, &there, what, vec![before.to_owned()]).await?;
    let number = VersionRef::Number(previous.version);
    Ok(cloud
        .follow_version(&previous.group, &previous.template, number)
        .await?)
}

/// Takes away the version of a run that has pinned the group and died with its journal: without the pin the group would
/// start it, and the pin would have to stay. It is owed behind the pin, so that it goes first where it does not go now.
async fn clear(
    plan: &Plan,
    previous: &Previous,
    dead: RunId,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    let pin = Change::Lease {
        group: previous.group.clone(),
        what: Leased::Version,
    };
    owe(of(plan, pin), made)?;
    let version = Undo::Roll(OfRoll {
        service: plan.service.clone(),
        run: dead,
        next: previous.group.clone(),
        change: Change::Version {
            template: previous.template.clone(),
        },
    });
    let slot = made.intend(Lifetime::Scratch, version.clone());
    let slot = slot.map_err(Error::Journal)?;
    // What is in its way is in the way of no roll, and told at the end.
    if Unwinder::new(cloud).undo(&version).await.is_ok() {
        made.forget(slot).map_err(Error::Journal)?;
    }
    Ok(())
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

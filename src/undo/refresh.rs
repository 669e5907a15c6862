//! A group whose machines are replaced in place: what was noted when that began, and the way back to it.
//!
//! The note is a lease of the group, so that whoever finds it, with or without a journal, can take the refresh back.

use std::time::Duration;

use tokio::time::Instant;

use super::lease::{Lease, Leased};
use super::roll::description;
use crate::cloud::{
    Error, Group, GroupName, Groups, ImageId, LaunchTemplateId, LaunchTemplateVersion,
    LaunchTemplates, Member, NewRefresh, Refresh, RefreshState, Refreshes, Stage, StartsFrom,
    TemplateVersion, VersionRef, tag,
};
use crate::run::RunId;

/// How long the way back may take: a large group warms up batch by batch, and Auto Scaling gives up after an hour without
/// any progress ("How an instance refresh works").
pub const LIMIT: Duration = Duration::from_hours(12);
/// Between two looks.
const PAUSE: Duration = Duration::from_secs(10);
/// How much more than its desired capacity a group may have on the way back.
pub const MOST: u32 = 110;

/// What a refresh of the run's own does to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refreshing {
    pub run: RunId,
    /// The version that the group ran before.
    pub before: LaunchTemplateVersion,
    /// The image that it is to run.
    pub image: ImageId,
    pub warmup: Duration,
}

impl Refreshing {
    /// What stands in the lease, beside run and end.
    pub fn words(&self) -> Vec<String> {
        vec![
            self.before.to_string(),
            self.image.to_string(),
            self.warmup.as_secs().to_string(),
        ]
    }

    /// What a group's lease says; `None` when there is none, or the refresh has gone through.
    pub fn of(group: &Group) -> Option<Self> {
        let lease = Lease::of(group, Leased::Refresh)?;
        if rolled(group).is_some_and(|rolled| rolled.run == lease.run) {
            return None;
        }
        let [before, image, warmup] = lease.before.as_slice() else {
            return None;
        };
        Some(Self {
            run: lease.run,
            before: LaunchTemplateVersion(before.parse().ok()?),
            image: ImageId::new(image),
            warmup: Duration::from_secs(warmup.parse().ok()?),
        })
    }
}

/// A refresh that went through: the run that it was of, and the version before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rolled {
    pub run: RunId,
    pub before: LaunchTemplateVersion,
}

/// What the tag of a group that stays says.
pub fn rolled(group: &Group) -> Option<Rolled> {
    let mut words = group.tag(tag::ROLLED)?.split_whitespace();
    Some(Rolled {
        run: words.next()?.parse().ok()?,
        before: LaunchTemplateVersion(words.next()?.parse().ok()?),
    })
}

/// The text of that tag.
pub fn rolled_text(run: RunId, before: LaunchTemplateVersion) -> String {
    format!("{run} {before}")
}

/// Takes the refresh of a lease back and waits until the group is what it was. Nothing is done where it has gone through.
pub(super) async fn take_back<C: Groups + LaunchTemplates + Refreshes>(
    cloud: &C,
    name: &GroupName,
) -> Result<(), Error> {
    let began = Instant::now();
    loop {
        let reason = match turn_back(cloud, name).await {
            Ok(None) => return Ok(()),
            Ok(Some(reason)) => reason,
            Err(error) if error.is_passing() => error.to_string(),
            Err(error) => return Err(error),
        };
        if began.elapsed() > LIMIT {
            let text = format!("group {name}: {reason}");
            return Err(Error::blocked("DescribeInstanceRefreshes", text));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A group whose machines a run replaces, or has begun to.
struct Scene {
    group: Group,
    of: Refreshing,
    template: LaunchTemplateId,
    versions: Vec<TemplateVersion>,
    newest: Option<Refresh>,
}

impl Scene {
    /// `None` where no run replaces machines: its refresh has gone through, or is taken back.
    async fn look_up<C: Groups + LaunchTemplates + Refreshes>(
        cloud: &C,
        name: &GroupName,
    ) -> Result<Option<Self>, Error> {
        let group = cloud.group(name).await?.filter(|group| !group.deleting);
        let of = group.as_ref().and_then(Refreshing::of);
        let Some((group, of)) = group.zip(of) else {
            return Ok(None);
        };
        let StartsFrom::Template { id, .. } = &group.starts_from else {
            return Ok(None);
        };
        Ok(Some(Self {
            template: id.clone(),
            versions: cloud.template_versions(id).await?,
            newest: cloud.newest_refresh(name).await?,
            group,
            of,
        }))
    }

    /// Whether a version is the run's. One that is gone is no less so: the group has machines of it, or is to get some, and
    /// no such version was there before the run.
    fn is_own(&self, template: &LaunchTemplateId, number: LaunchTemplateVersion) -> bool {
        let wanted = description(self.of.run);
        let named = self.versions.iter().find(|one| one.description == wanted);
        let is_gone = || self.versions.iter().all(|one| one.number != number);
        *template == self.template
            && named.map_or_else(
                || number > self.of.before && is_gone(),
                |named| named.number == number,
            )
    }

    fn leads_to_own(&self, refresh: &Refresh) -> bool {
        matches!(&refresh.to, Some((id, VersionRef::Number(number))) if self.is_own(id, *number))
    }

    /// Whether the group starts machines from the run's version by itself, or has one of it.
    fn runs_own(&self) -> bool {
        let starts = match &self.group.starts_from {
            StartsFrom::Template {
                id,
                version: VersionRef::Number(number),
            } => self.is_own(id, *number),
            _ => false,
        };
        let mut staying = staying(&self.group);
        starts
            || staying.any(|member| {
                let from = member.from.as_ref();
                from.is_some_and(|(id, number)| self.is_own(id, *number))
            })
    }
}

/// The members of a group that are not on their way out.
fn staying(group: &Group) -> impl Iterator<Item = &Member> {
    let members = group.members.iter();
    members.filter(|member| member.stage != Stage::Terminating)
}

/// Whether machines of a group run a version of a launch template.
pub(super) fn runs(group: &Group, id: &LaunchTemplateId, number: LaunchTemplateVersion) -> bool {
    let of = Some((id.clone(), number));
    staying(group).any(|member| member.from == of)
}

/// Whether a refresh that a lease of ours speaks of will start machines from a version.
pub(super) async fn leads_to(
    cloud: &impl Refreshes,
    group: &Group,
    id: &LaunchTemplateId,
    number: LaunchTemplateVersion,
) -> Result<bool, Error> {
    if Lease::of(group, Leased::Refresh).is_none() {
        return Ok(false);
    }
    let newest = cloud.newest_refresh(&group.name).await?;
    let to = Some((id.clone(), VersionRef::Number(number)));
    Ok(newest.is_some_and(|one| one.state == RefreshState::Going && one.to == to))
}

/// Whether a refresh of a lease has begun to replace machines, and they are not what they were.
pub async fn has_begun<C: Groups + LaunchTemplates + Refreshes>(
    cloud: &C,
    name: &GroupName,
) -> Result<bool, Error> {
    let Some(scene) = Scene::look_up(cloud, name).await? else {
        return Ok(false);
    };
    let going = |one: &Refresh| one.state == RefreshState::Going && scene.leads_to_own(one);
    Ok(scene.runs_own() || scene.newest.as_ref().is_some_and(going))
}

/// One look, and one call where it helps. `None`: the group is what it was; else what is waited for.
pub async fn turn_back<C: Groups + LaunchTemplates + Refreshes>(
    cloud: &C,
    name: &GroupName,
) -> Result<Option<String>, Error> {
    let Some(scene) = Scene::look_up(cloud, name).await? else {
        return Ok(None);
    };
    let before = (scene.template.clone(), VersionRef::Number(scene.of.before));
    match scene.newest.as_ref().filter(|one| one.is_active()) {
        Some(refresh) if refresh.state == RefreshState::GoingBack => {
            Ok(Some(format!("it goes back: {}", refresh.reason)))
        }
        Some(refresh) if refresh.state == RefreshState::Stopping => {
            Ok(Some(format!("it stops: {}", refresh.reason)))
        }
        Some(refresh) if refresh.to.as_ref() == Some(&before) => {
            Ok(Some(format!("{} % are as before", refresh.percent)))
        }
        Some(refresh) if scene.leads_to_own(refresh) => {
            match cloud.take_refresh_back(name).await {
                Err(error) if error.is_not_found() => {}
                answer => answer?,
            }
            Ok(Some("it begins to go back".to_owned()))
        }
        // Nothing of ours is there, whatever somebody else replaces.
        _ if !scene.runs_own() => Ok(None),
        Some(refresh) => {
            let text = format!("group {name} is refreshed by somebody else: {}", refresh.id);
            Err(Error::blocked("RollbackInstanceRefresh", text))
        }
        None => {
            let new = NewRefresh {
                group: name.clone(),
                to: before,
                most: MOST,
                warmup: scene.of.warmup,
                checkpoints: Vec::new(),
                checkpoint_delay: Duration::ZERO,
                takes_back: false,
            };
            cloud.start_refresh(&new).await?;
            Ok(Some("a refresh leads it back".to_owned()))
        }
    }
}

//! A group whose machines are replaced in place: what was noted when that began, and the way back to it.
//!
//! The note is a lease of the group, so that whoever finds it, with or without a journal, can take the refresh back.

use std::time::Duration;

use tokio::time::Instant;

use super::lease::{Lease, Leased};
use super::roll::description;
use crate::cloud::{
    Error, Group, GroupName, Groups, ImageId, LaunchTemplateVersion, LaunchTemplates, NewRefresh,
    Refresh, RefreshState, Refreshes, StartsFrom, VersionRef, tag,
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
        let reason = match step(cloud, name).await {
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

/// One look, and one call where it helps. `None`: the group is what it was; else what is waited for.
async fn step<C: Groups + LaunchTemplates + Refreshes>(
    cloud: &C,
    name: &GroupName,
) -> Result<Option<String>, Error> {
    let group = cloud.group(name).await?.filter(|group| !group.deleting);
    let Some((group, of)) = group.and_then(|group| Refreshing::of(&group).map(|of| (group, of)))
    else {
        return Ok(None);
    };
    let StartsFrom::Template { id, version } = &group.starts_from else {
        return Ok(None);
    };
    let versions = cloud.template_versions(id).await?.into_iter();
    let mut own = versions.filter(|version| version.description == description(of.run));
    let Some(own) = own.next().map(|version| VersionRef::Number(version.number)) else {
        return Ok(None);
    };
    let before = VersionRef::Number(of.before);
    let newest = cloud.newest_refresh(name).await?;
    match newest.filter(Refresh::is_active) {
        Some(refresh) if refresh.state == RefreshState::GoingBack => {
            Ok(Some(format!("it goes back: {}", refresh.reason)))
        }
        Some(refresh) if refresh.to == Some((id.clone(), before)) => {
            Ok(Some(format!("{} % are as before", refresh.percent)))
        }
        Some(refresh) if refresh.to == Some((id.clone(), own)) => {
            match cloud.take_refresh_back(name).await {
                Err(error) if error.is_not_found() => {}
                answer => answer?,
            }
            Ok(Some("it begins to go back".to_owned()))
        }
        Some(refresh) => {
            let text = format!("group {name} is refreshed by somebody else: {}", refresh.id);
            Err(Error::blocked("RollbackInstanceRefresh", text))
        }
        None if *version != own && !runs(&group, id, own) => Ok(None),
        None => {
            let new = NewRefresh {
                group: name.clone(),
                to: (id.clone(), before),
                most: MOST,
                warmup: of.warmup,
                checkpoints: Vec::new(),
                checkpoint_delay: Duration::ZERO,
                takes_back: false,
            };
            cloud.start_refresh(&new).await?;
            Ok(Some("a refresh leads it back".to_owned()))
        }
    }
}

/// Whether a machine of the group was launched from a version.
fn runs(group: &Group, id: &crate::cloud::LaunchTemplateId, version: VersionRef) -> bool {
    let of = |member: &crate::cloud::Member| {
        let from = member.from.as_ref();
        from.is_some_and(|(template, number)| {
            template == id && VersionRef::Number(*number) == version
        })
    };
    let staying = |member: &&crate::cloud::Member| member.stage != crate::cloud::Stage::Terminating;
    group.members.iter().filter(staying).any(of)
}

//! The last steps of a bake in one region: the image gets its name, and then the word that it is ready.
//!
//! Once a bake has passed its point of no return these are finished, by the run itself, by the next try, or by a sweep:
//! between the end of an old image and the registration of the new one under its name there is no way back.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::images::used;
use super::{DEPENDENCY_LIMIT, LONGEST_PAUSE, Unwinder, persist};
use crate::cloud::{
    Cloud, Error, Filter, Image, ImageId, ImageQuery, ImageRights, ImageState, Kind, Region,
    SnapshotId, SnapshotRights, Tags, tag,
};
use crate::run::RunId;

/// An image that is whole, and what is still to be done with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    pub run: RunId,
    pub region: Region,
    pub image: ImageId,
    pub snapshots: Vec<SnapshotId>,
    /// What the image is called in the end.
    pub name: String,
    pub tags: Tags,
    /// When they are to differ from the image's.
    pub snapshot_tags: Option<Tags>,
    pub settings: Settings,
    /// Protected from being deregistered; with the cooldown of a day or without.
    pub protection: Option<bool>,
    /// When the bake had done its work; the value of the ready tag.
    pub at: Timestamp,
    /// The name belongs to another image until then.
    pub takes: Option<TakesName>,
}

/// An old image whose name the new one gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakesName {
    pub old: ImageId,
    /// The old image's, when they are to go too.
    pub old_snapshots: Vec<SnapshotId>,
    /// Take it even from under a launch template, a group or an instance.
    pub even_if_used: bool,
}

/// What an image is given that can be given twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    pub rights: ImageRights,
    pub snapshot_rights: SnapshotRights,
    pub imds_v2: bool,
    pub deprecate_at: Option<Timestamp>,
}

impl fmt::Display for Publication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (image, name, region) = (&self.image, &self.name, &self.region);
        write!(f, "publication of {image} as {name} in {region}")
    }
}

impl Settings {
    /// Whether there is nothing to set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Gives them to an image and its snapshots.
    pub async fn give(
        &self,
        image: &ImageId,
        snapshots: &[SnapshotId],
        cloud: &impl Cloud,
    ) -> Result<(), Error> {
        if !self.rights.is_empty() {
            insist(async || cloud.share_image(image, &self.rights).await).await?;
        }
        if self.imds_v2 {
            insist(async || cloud.require_tokens(image).await).await?;
        }
        if let Some(at) = self.deprecate_at {
            insist(async || cloud.deprecate_image(image, at).await).await?;
        }
        if !self.snapshot_rights.is_empty() {
            for snapshot in snapshots {
                insist(async || cloud.share_snapshot(snapshot, &self.snapshot_rights).await)
                    .await?;
            }
        }
        Ok(())
    }
}

impl Publication {
    /// Does what is still to be done, and gives the image that bears the name then. Doing it twice is harmless.
    ///
    /// Errors while something uses the old image; then that one stands as it did.
    pub async fn finish(&self, cloud: &impl Cloud) -> Result<ImageId, Error> {
        let cloud = &cloud.in_region(&self.region);
        let Some(takes) = &self.takes else {
            self.mark(&self.image, cloud).await?;
            return Ok(self.image.clone());
        };
        let registered = self.take_name(takes, cloud).await?;
        self.settings
            .give(&registered, &self.snapshots, cloud)
            .await?;
        persist(async || cloud.deregister_image(&self.image).await).await?;
        self.mark(&registered, cloud).await?;
        let used = used(cloud, &takes.old_snapshots, &takes.old).await?;
        for id in takes.old_snapshots.iter().filter(|id| !used.contains(id)) {
            persist(async || cloud.delete_snapshot(id).await).await?;
        }
        Ok(registered)
    }

    /// Finishes it, or gives way: when a later bake has the name by now, our image was never published and goes.
    pub(super) async fn settle(&self, cloud: &impl Cloud) -> Result<(), Error> {
        let there = cloud.in_region(&self.region);
        if let Some(takes) = &self.takes
            && self.holder(takes, &there).await?.is_some()
        {
            let unwinder = Unwinder::new(&there);
            return unwinder.remove_made_image(&self.image, self.run).await;
        }
        self.finish(cloud).await.map(drop)
    }

    /// Says on image and snapshots that the bake ended well. Whoever looks for an image of a family takes no other.
    ///
    /// Snapshots get their tags here too, and not with `CreateImage` as EC2 would let us: moto, on which teams try their
    /// templates, answers that with a failure, and leaves those of copies out.
    async fn mark(&self, image: &ImageId, cloud: &impl Cloud) -> Result<(), Error> {
        if let Some(with_cooldown) = self.protection {
            insist(async || cloud.protect_image(image, with_cooldown).await).await?;
        }
        let snapshots: Vec<String> = self.snapshots.iter().map(ToString::to_string).collect();
        let mut last: Tags = [(tag::READY.to_owned(), self.at.to_string())].into();
        match &self.snapshot_tags {
            Some(own) => insist(async || cloud.put_tags(&snapshots, own).await).await?,
            None => last.extend(self.tags.clone()),
        }
        let ids: Vec<String> = [image.to_string()].into_iter().chain(snapshots).collect();
        insist(async || cloud.put_tags(&ids, &last).await).await
    }

    /// The image under the name: registered before, or now that the old one has gone.
    async fn take_name(&self, takes: &TakesName, cloud: &impl Cloud) -> Result<ImageId, Error> {
        if let Some(image) = self.registered(takes, cloud).await? {
            return Ok(image);
        }
        self.let_go(takes, cloud).await?;
        let began = Instant::now();
        let mut pause = Duration::from_secs(1);
        loop {
            let answer = cloud
                .register_again(&self.image, &self.name, &self.tags)
                .await;
            let error = match answer {
                Ok(image) => return Ok(image),
                Err(error) => error,
            };
            // The name may still look taken by the old image, or it is ours by a call whose answer was lost.
            let again = error.is_passing()
                || error.may_have_happened()
                || matches!(error.kind, Kind::AlreadyExists | Kind::NotFound);
            if !again || began.elapsed() + pause > DEPENDENCY_LIMIT {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            if let Some(image) = self.registered(takes, cloud).await? {
                return Ok(image);
            }
        }
    }

    /// Own images under the name, but for those that failed.
    async fn named(&self, cloud: &impl Cloud) -> Result<Vec<Image>, Error> {
        let query = ImageQuery::own(vec![Filter::new("name", self.name.as_str())]);
        let mut found: Vec<Image> = Vec::new();
        insist(async || {
            found = cloud.find_images(&query).await?;
            Ok(())
        })
        .await?;
        found.retain(|image| !matches!(image.state, ImageState::Failed(_)));
        Ok(found)
    }

    fn is_ours(&self, image: &Image) -> bool {
        image.tags.get(tag::RUN) == Some(&self.run.to_string())
    }

    /// Somebody else's image under the name, which is not the old one.
    async fn holder(&self, takes: &TakesName, cloud: &impl Cloud) -> Result<Option<Image>, Error> {
        let named = self.named(cloud).await?.into_iter();
        let mut others = named.filter(|image| image.id != takes.old && !self.is_ours(image));
        Ok(others.next())
    }

    /// Our image under the name. Errors when somebody else's stands there.
    async fn registered(
        &self,
        takes: &TakesName,
        cloud: &impl Cloud,
    ) -> Result<Option<ImageId>, Error> {
        let found = self.named(cloud).await?;
        if let Some(image) = found.iter().find(|image| self.is_ours(image)) {
            return Ok(Some(image.id.clone()));
        }
        match found.iter().find(|image| image.id != takes.old) {
            None => Ok(None),
            Some(other) => {
                let text = format!("the name {} belongs to {} by now", self.name, other.id);
                Err(Error::blocked("RegisterImage", text))
            }
        }
    }

    /// Deregisters the old image, when nothing uses it and the new one is sure to be let in its place.
    async fn let_go(&self, takes: &TakesName, cloud: &impl Cloud) -> Result<(), Error> {
        let query = ImageQuery::own(vec![Filter::new("image-id", takes.old.as_str())]);
        let mut there = true;
        insist(async || {
            there = !cloud.find_images(&query).await?.is_empty();
            Ok(())
        })
        .await?;
        if !there {
            return Ok(());
        }
        if !takes.even_if_used {
            let mut users = Vec::new();
            insist(async || {
                users = cloud.image_users(&takes.old).await?;
                Ok(())
            })
            .await?;
            if !users.is_empty() {
                let text = format!("{} is in use by {}", takes.old, users.join(", "));
                return Err(Error::blocked("DeregisterImage", text));
            }
        }
        let trial = format!("kiln-{}-trial", self.run);
        insist(async || cloud.may_register_again(&self.image, &trial).await).await?;
        persist(async || cloud.deregister_image(&takes.old).await).await
    }
}

/// Tries until it goes through or never will. Unlike an undo, what is not found may only show late.
async fn insist(mut call: impl AsyncFnMut() -> Result<(), Error>) -> Result<(), Error> {
    let mut pause = Duration::from_secs(1);
    for _ in 1..super::LOOKS {
        match call().await {
            Err(error) if error.is_passing() || error.is_not_found() => {}
            answer => return answer,
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    call().await
}

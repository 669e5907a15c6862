//! Taking images back, with the snapshots that are theirs alone.

use crate::cloud::{
    Cloud, Error as CloudError, Filter, Image, ImageId, ImageQuery, SnapshotId, Tags, tag,
};
use crate::run::RunId;
use crate::undo::{Unwinder, look, of, persist};

impl<C: Cloud> Unwinder<'_, C> {
    pub(super) async fn remove_images(&self, run: RunId) -> Result<(), CloudError> {
        let query = ImageQuery::own(of(run));
        for image in look(async || self.cloud.find_images(&query).await).await? {
            self.remove_image(&image.id, run).await?;
        }
        Ok(())
    }

    pub(super) async fn remove_made_image(
        &self,
        id: &ImageId,
        run: RunId,
    ) -> Result<(), CloudError> {
        self.remove_image(id, run).await
    }

    /// Snapshots get the run's tag before the image goes, since afterwards only the tag leads to them. Until then their
    /// description does ("`CreateImage`"), and not the image: of what that stands on, some may have been there before, as
    /// `snapshot_id` in a device mapping says.
    async fn remove_image(&self, id: &ImageId, run: RunId) -> Result<(), CloudError> {
        let described = [Filter {
            name: "description".to_owned(),
            values: vec![
                format!("Created by CreateImage(*) for {id}*"),
                format!("Copied for DestinationAmi {id} *"),
            ],
        }];
        let mut snapshots = look(async || self.cloud.find_snapshots(&described).await).await?;
        self.tag_snapshots(&snapshots, run).await?;
        persist(async || self.cloud.deregister_image(id).await).await?;
        snapshots.extend(self.cloud.find_snapshots(&of(run)).await?);
        snapshots.sort();
        snapshots.dedup();
        self.delete_unused(snapshots, id).await
    }

    async fn tag_snapshots(&self, ids: &[SnapshotId], run: RunId) -> Result<(), CloudError> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let tags: Tags = [(tag::RUN.to_owned(), run.to_string())].into();
        persist(async || self.cloud.put_tags(&ids, &tags).await).await
    }

    /// Deletes snapshots that no other image than `gone` stands on: one of the same run may, which has been copied from it
    /// or registered from the same snapshots.
    async fn delete_unused(
        &self,
        snapshots: Vec<SnapshotId>,
        gone: &ImageId,
    ) -> Result<(), CloudError> {
        let used = used(self.cloud, &snapshots, gone).await?;
        for id in snapshots.iter().filter(|id| !used.contains(id)) {
            persist(async || self.cloud.delete_snapshot(id).await).await?;
        }
        Ok(())
    }
}

/// Those of the snapshots that an own image stands on, beside the one that is gone or about to go.
pub(super) async fn used(
    cloud: &impl Cloud,
    snapshots: &[SnapshotId],
    gone: &ImageId,
) -> Result<Vec<SnapshotId>, CloudError> {
    if snapshots.is_empty() {
        return Ok(Vec::new());
    }
    let query = ImageQuery::own(vec![Filter {
        name: "block-device-mapping.snapshot-id".to_owned(),
        values: snapshots.iter().map(ToString::to_string).collect(),
    }]);
    let mut found = Vec::new();
    persist(async || {
        found = cloud.find_images(&query).await?;
        Ok(())
    })
    .await?;
    let others = found.iter().filter(|image| image.id != *gone);
    Ok(others.flat_map(Image::snapshots).collect())
}

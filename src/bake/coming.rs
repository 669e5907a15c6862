//! The wait for an image: for as long as its snapshots move on, and no longer.

use std::time::Duration;

use tokio::time::Instant;

use crate::bake::Error;
use crate::cloud::{Cloud, Error as CloudError, Image, ImageId, ImageQuery, ImageState};
use crate::run::Readiness;

/// How often the snapshots are asked how far they are. A volume of a terabyte takes minutes for each hundredth.
const PROGRESS_EVERY: Duration = Duration::from_secs(20);

/// An image that is on its way, and how far it was when last asked.
pub(super) struct Coming<'a> {
    id: &'a ImageId,
    asked: Instant,
    done: u8,
}

impl<'a> Coming<'a> {
    /// Nothing is known of it yet.
    pub fn new(id: &'a ImageId) -> Self {
        Self {
            id,
            asked: Instant::now(),
            done: 0,
        }
    }

    /// Whether the image can be launched. What is not known yet, or not told, may come.
    pub async fn look(&mut self, cloud: &impl Cloud) -> Result<Readiness<Image>, Error> {
        let id = self.id;
        let found = match cloud.find_images(&ImageQuery::id(id)).await {
            Err(error) if is_later(&error) => return Ok(Readiness::NotYet(error.to_string())),
            answer => answer?,
        };
        let Some(image) = found.into_iter().next() else {
            return Ok(Readiness::NotYet(format!("{id} is not known yet")));
        };
        Ok(match &image.state {
            ImageState::Available => Readiness::Ready(image),
            ImageState::Pending => self.pending(&image, cloud).await?,
            ImageState::Failed(reason) => Readiness::Never(format!("{id} is {reason}")),
        })
    }

    async fn pending(
        &mut self,
        image: &Image,
        cloud: &impl Cloud,
    ) -> Result<Readiness<Image>, Error> {
        if self.asked.elapsed() >= PROGRESS_EVERY {
            self.asked = Instant::now();
            self.done = progress(image, cloud).await?.unwrap_or(self.done);
        }
        let snapshots = match image.snapshots().len() {
            0 => "no snapshot has begun".to_owned(),
            1 => format!("its snapshot is {} % done", self.done),
            count => format!(
                "the slowest of its {count} snapshots is {} % done",
                self.done
            ),
        };
        let reason = format!("{} is pending, {snapshots}", image.id);
        let done = self.done;
        Ok(Readiness::Moving { reason, done })
    }
}

/// How far the slowest snapshot is, as far as it is told. A pending image may not name any yet.
async fn progress(image: &Image, cloud: &impl Cloud) -> Result<Option<u8>, Error> {
    let mut slowest = None;
    for id in image.snapshots() {
        let done = match cloud.snapshot_progress(&id).await {
            Err(error) if is_later(&error) => return Ok(None),
            answer => answer?,
        };
        slowest = Some(slowest.map_or(done, |least: u8| least.min(done)));
    }
    Ok(slowest)
}

fn is_later(error: &CloudError) -> bool {
    error.is_not_found() || error.is_passing()
}

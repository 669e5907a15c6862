//! What becomes of an image beyond its making: copies, who may use it, when it goes, and under which name it stands.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cloud::{ImageId, Region, Result, SnapshotId, Tags};

/// A copy of an image to be made in the region that is asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewCopy {
    pub from: Region,
    pub source: ImageId,
    pub name: String,
    pub description: Option<String>,
    /// Encrypt what is not; what is encrypted stays so.
    pub encrypted: bool,
    /// Unset: the region's own key.
    pub key: Option<String>,
    /// Ask the cloud to be done by then.
    pub minutes: Option<u32>,
    /// The same token never copies twice.
    pub token: String,
    pub tags: Tags,
    pub snapshot_tags: Tags,
}

/// Who may use an image; all of it is added to what there is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRights {
    pub accounts: Vec<String>,
    pub groups: Vec<String>,
    /// ARNs of organizations.
    pub organizations: Vec<String>,
    /// ARNs of organizational units.
    pub units: Vec<String>,
}

impl ImageRights {
    /// Whether nobody is let in.
    pub fn is_empty(&self) -> bool {
        let all = [
            &self.accounts,
            &self.groups,
            &self.organizations,
            &self.units,
        ];
        all.into_iter().all(Vec::is_empty)
    }
}

/// Who may make volumes of a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRights {
    pub accounts: Vec<String>,
    pub groups: Vec<String>,
}

impl SnapshotRights {
    /// Whether nobody is let in.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.groups.is_empty()
    }
}

/// A key for encryption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EncryptionKey {
    pub arn: String,
    /// `Enabled`, `Disabled`, `PendingDeletion`, …
    pub state: String,
    /// The cloud's own default key, which no policy opens to other accounts.
    pub of_aws: bool,
}

/// Images after they were made.
pub trait Publishing {
    /// Begins to copy an image into this region.
    fn copy_image(&self, copy: &NewCopy) -> impl Future<Output = Result<ImageId>>;

    /// Registers the snapshots of an image under a second name, with all settings that a call can carry over.
    fn register_again(
        &self,
        of: &ImageId,
        name: &str,
        tags: &Tags,
    ) -> impl Future<Output = Result<ImageId>>;

    /// Whether `register_again` would be let through; changes nothing.
    fn may_register_again(&self, of: &ImageId, name: &str) -> impl Future<Output = Result<()>>;

    /// Lets others launch an image.
    fn share_image(&self, id: &ImageId, rights: &ImageRights) -> impl Future<Output = Result<()>>;

    /// Has instances of an image demand `IMDSv2`. There is no way back.
    fn require_tokens(&self, id: &ImageId) -> impl Future<Output = Result<()>>;

    /// Lets others make volumes of a snapshot.
    fn share_snapshot(
        &self,
        id: &SnapshotId,
        rights: &SnapshotRights,
    ) -> impl Future<Output = Result<()>>;

    /// Hides an image from others from then on; who has its id can go on using it.
    fn deprecate_image(&self, id: &ImageId, at: Timestamp) -> impl Future<Output = Result<()>>;

    /// Keeps an image from being deregistered.
    fn protect_image(&self, id: &ImageId, with_cooldown: bool) -> impl Future<Output = Result<()>>;

    /// The regions that the account can use.
    fn regions(&self) -> impl Future<Output = Result<Vec<Region>>>;

    /// A key of this region by id, ARN or alias.
    fn encryption_key(&self, name: &str) -> impl Future<Output = Result<EncryptionKey>>;
}

/// The same account in other regions.
pub trait Elsewhere {
    /// Clients of another region, under the same rules for endpoints, profiles and credentials. Makes no call.
    #[must_use]
    fn in_region(&self, region: &Region) -> Self;
}

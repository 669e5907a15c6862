//! Machine images, their snapshots, and who uses them.

use jiff::Timestamp;
use serde::Serialize;

use crate::cloud::{Account, Filter, ImageId, InstanceId, Result, SnapshotId, Tags};

/// A machine image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Image {
    pub id: ImageId,
    pub name: String,
    pub state: ImageState,
    pub owner: Account,
    /// `amazon` and the like; most owners have none.
    pub owner_alias: Option<String>,
    pub created: Timestamp,
    pub architecture: String,
    /// `hvm` or `paravirtual`.
    pub virtualization: String,
    /// `legacy-bios`, `uefi` or `uefi-preferred`; unset: the machine's type decides.
    pub boot_mode: Option<String>,
    /// The device that the machine boots from, such as `/dev/sda1`.
    pub root_device: String,
    pub devices: Vec<ImageDevice>,
    /// The platform whose licence its instances pay for; plain Linux has none.
    pub billed: Option<String>,
    /// It cannot be deregistered.
    pub protected: bool,
    pub tags: Tags,
}

impl Image {
    /// The snapshots that it is made of.
    pub fn snapshots(&self) -> Vec<SnapshotId> {
        let devices = self.devices.iter();
        devices
            .filter_map(|device| device.snapshot.clone())
            .collect()
    }

    /// The snapshots that were made with it, when it was to stand on those of `devices` too.
    pub fn own_snapshots(&self, devices: &[BlockDevice]) -> Vec<SnapshotId> {
        let mut snapshots = self.snapshots();
        snapshots.retain(|id| {
            devices
                .iter()
                .all(|device| device.snapshot.as_ref() != Some(id))
        });
        snapshots
    }
}

/// How far an image is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageState {
    Pending,
    Available,
    /// It will never be available; the reason is the cloud's.
    Failed(String),
}

/// One device of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImageDevice {
    pub device: String,
    /// Missing for ephemeral disks.
    pub snapshot: Option<SnapshotId>,
    pub delete_on_termination: bool,
    pub encrypted: bool,
}

/// Which images to look up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageQuery {
    pub ids: Vec<ImageId>,
    /// Account ids or `self`, `amazon`, `aws-marketplace`; empty for any.
    pub owners: Vec<String>,
    pub filters: Vec<Filter>,
    pub include_deprecated: bool,
}

impl ImageQuery {
    /// One image by its id.
    pub fn id(id: &ImageId) -> Self {
        Self {
            ids: vec![id.clone()],
            include_deprecated: true,
            ..Self::default()
        }
    }

    /// Those of some owners that pass filters, each with the values that it takes.
    pub fn found_by<'a>(
        owners: impl Iterator<Item = &'a String>,
        filters: impl Iterator<Item = (&'a String, &'a Vec<String>)>,
        include_deprecated: bool,
    ) -> Self {
        let filters = filters.map(|(name, values)| Filter {
            name: name.clone(),
            values: values.clone(),
        });
        Self {
            ids: Vec::new(),
            owners: owners.cloned().collect(),
            filters: filters.collect(),
            include_deprecated,
        }
    }

    /// Images of this account.
    pub fn own(filters: Vec<Filter>) -> Self {
        Self {
            owners: vec!["self".to_owned()],
            filters,
            include_deprecated: true,
            ..Self::default()
        }
    }
}

/// An image to be made from an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewImage {
    pub instance: InstanceId,
    pub name: String,
    pub description: Option<String>,
    /// Replace or add to the instance's own devices.
    pub devices: Vec<BlockDevice>,
    /// On the image, from the moment it exists.
    pub tags: Tags,
}

/// One entry of a block device mapping ("`BlockDeviceMapping`" of the EC2 API). Unset fields are the cloud's to choose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BlockDevice {
    pub device: String,
    pub delete_on_termination: bool,
    pub encrypted: Option<bool>,
    pub kms_key: Option<String>,
    pub iops: Option<u32>,
    /// MiB a second.
    pub throughput: Option<u32>,
    /// GiB.
    pub size: Option<u32>,
    pub volume_type: Option<String>,
    pub snapshot: Option<SnapshotId>,
    pub virtual_name: Option<String>,
    /// Leaves out a device that the source image has.
    pub no_device: bool,
}

/// Images and snapshots.
pub trait Images {
    /// Looks images up; an id that does not exist is an error of kind `NotFound`.
    fn find_images(&self, query: &ImageQuery) -> impl Future<Output = Result<Vec<Image>>>;

    /// Begins to make an image; the machine restarts when it runs.
    fn create_image(&self, image: &NewImage) -> impl Future<Output = Result<ImageId>>;

    /// Takes an image away; its snapshots stay.
    fn deregister_image(&self, id: &ImageId) -> impl Future<Output = Result<()>>;

    /// Own snapshots that match all filters.
    fn find_snapshots(&self, filters: &[Filter]) -> impl Future<Output = Result<Vec<SnapshotId>>>;

    /// How far a snapshot is, in hundredths.
    fn snapshot_progress(&self, id: &SnapshotId) -> impl Future<Output = Result<u8>>;

    /// Deletes a snapshot; one that an image still uses is an error of kind `Dependency`.
    fn delete_snapshot(&self, id: &SnapshotId) -> impl Future<Output = Result<()>>;

    /// What would be hurt by the image's end: launch templates whose latest or default version names it, Auto
    /// Scaling groups that start from it by another version, and instances that run from it, each in words.
    fn image_users(&self, id: &ImageId) -> impl Future<Output = Result<Vec<String>>>;
}

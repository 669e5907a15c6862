//! Root volumes in our words: another one under a machine that stays, and what else is on it.

use serde::Serialize;

use crate::cloud::{ImageId, InstanceId, InstanceState, Result, SnapshotId, Tags, VolumeId};

/// A machine as far as its volumes go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rooted {
    pub instance: InstanceId,
    pub state: InstanceState,
    pub architecture: String,
    /// `legacy-bios` or `uefi`; empty where the cloud does not say.
    pub boot_mode: String,
    /// `hvm` or `paravirtual`.
    pub virtualization: String,
    /// What its owner pays for beside the machine, as an image says it ([`Image::billed`](crate::cloud::Image::billed)).
    pub billed: Option<String>,
    /// It may be put to sleep, with its memory on its root.
    pub hibernates: bool,
    /// Spare capacity cannot be stopped.
    pub spot: bool,
    /// The device that it boots from.
    pub root_device: String,
    pub disks: Vec<Disk>,
}

impl Rooted {
    /// The volume that it boots from; `None` when a replacement has failed half-way.
    pub fn root(&self) -> Option<&Disk> {
        let mut disks = self.disks.iter();
        disks.find(|disk| disk.device == self.root_device)
    }
}

/// A volume on a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disk {
    pub device: String,
    pub volume: VolumeId,
    /// It stays when the machine goes.
    pub lasts: bool,
}

/// What a machine's root is replaced by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewRoot {
    /// A new volume, as the image has it.
    Image(ImageId),
    /// A volume that is on no machine.
    Volume(VolumeId),
}

/// A replacement as the cloud describes it ("`ReplaceRootVolumeTask`").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    pub id: String,
    pub state: ReplacementState,
}

/// How far a replacement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplacementState {
    /// The old root is still there, or is on its way off.
    Going,
    Done,
    /// It has failed, and the old root is still there.
    Failed,
    /// It has failed, and the machine has no root.
    Detached,
}

/// Root volumes, and the calls that bring one back by hand.
pub trait Roots {
    /// A machine and its volumes; unknown ids are errors of kind `NotFound`.
    fn rooted(&self, id: &InstanceId) -> impl Future<Output = Result<Rooted>>;

    /// Begins to replace the root of a running machine, which restarts. The old one is kept. The same token never begins
    /// twice.
    fn replace_root(
        &self,
        id: &InstanceId,
        by: &NewRoot,
        token: &str,
    ) -> impl Future<Output = Result<Replacement>>;

    /// Asks whether [`Roots::replace_root`] would be begun, and changes nothing.
    fn rehearse_root(&self, id: &InstanceId, by: &NewRoot) -> impl Future<Output = Result<()>>;

    /// The replacements of a machine's root, in no order.
    fn root_replacements(&self, id: &InstanceId) -> impl Future<Output = Result<Vec<Replacement>>>;

    /// Puts a volume on a machine; a root comes while it is stopped.
    fn attach_volume(
        &self,
        volume: &VolumeId,
        to: (&InstanceId, &str),
    ) -> impl Future<Output = Result<()>>;

    /// Takes a volume off its machine; a root goes while it is stopped.
    fn detach_volume(&self, volume: &VolumeId) -> impl Future<Output = Result<()>>;

    /// Says whether the volume of a device stays when its machine goes.
    fn set_lasting(&self, of: (&InstanceId, &str), lasts: bool)
    -> impl Future<Output = Result<()>>;

    /// Starts a machine that is stopped.
    fn start_instance(&self, id: &InstanceId) -> impl Future<Output = Result<()>>;

    /// Has a machine that runs shut down and start again.
    fn restart_instance(&self, id: &InstanceId) -> impl Future<Output = Result<()>>;

    /// Begins a snapshot of a volume: what is on it at this moment, whatever is written while it is made.
    fn snapshot_volume(
        &self,
        volume: &VolumeId,
        description: &str,
        tags: &Tags,
    ) -> impl Future<Output = Result<SnapshotId>>;
}

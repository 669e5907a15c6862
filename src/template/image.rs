//! What the image of a bake will be, as the template says it; read and checked by the builder's own file.

use super::bake::{BlockDevice, Tag};
use super::late::Late;
use super::seconds;
use crate::source::{Diagnostic, Spanned};
use jiff::Timestamp;
use serde::Serialize;
use std::time::Duration;

/// Characters of a description (EC2 API, `CreateImage`).
const DESCRIPTION: usize = 255;

/// That EC2 would refuse what a description has become, for its length.
pub fn description_too_long(description: &Late, text: &str) -> Option<Diagnostic> {
    let length = text.chars().count();
    (length > DESCRIPTION).then(|| {
        let text = format!("the description of the image has {length} characters");
        let finding = Diagnostic::error("template::image_options", text);
        let finding = finding.help(format!("EC2 takes {DESCRIPTION} at most"));
        match description.place() {
            Some(place) => finding.at_place(place, "this text"),
            None => finding,
        }
    })
}

/// The image.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
#[derive(Debug, Clone, Serialize)]
pub struct ImageOptions {
    /// 3 to 128 characters of EC2's alphabet, checked.
    pub name: Spanned<String>,
    /// Late data: `BuildRegion`, `SourceAMI`, `SourceAMIName`, `SourceAMICreationDate`, `SourceAMIOwner`,
    /// `SourceAMIOwnerName`, `SourceAMITags` (an object). The same for all tags.
    pub description: Option<Late>,
    /// On the image and its snapshots.
    pub tags: Vec<Tag>,
    pub snapshot_tags: Vec<Tag>,
    /// Whether `run_tags` stay off the image.
    pub skip_run_tags: bool,
    /// Nothing is made at all.
    pub skip_create: bool,
    pub sharing: Sharing,
    pub copies: Copies,
    pub encryption: EncryptionKeys,
    /// Take the name over from an own image that has it.
    pub force_deregister: bool,
    /// Delete that image's snapshots too.
    pub force_delete_snapshot: bool,
    pub block_devices: Vec<BlockDevice>,
    pub ena_support: Option<bool>,
    pub sriov_support: bool,
    /// Instances of the image demand `IMDSv2`.
    pub imds_v2: bool,
    /// Absolute, or after the bake.
    pub deprecate_at: Option<Spanned<Timestamp>>,
    #[serde(serialize_with = "seconds::optional")]
    pub deprecate_after: Option<Duration>,
    /// Protected from being deregistered; with the cooldown of a day or without.
    pub protection: Option<Protection>,
}

/// Who may use the image and its snapshots.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Sharing {
    pub users: Vec<Spanned<String>>,
    pub groups: Vec<Spanned<String>>,
    pub organizations: Vec<Spanned<String>>,
    pub units: Vec<Spanned<String>>,
    pub snapshot_users: Vec<Spanned<String>>,
    pub snapshot_groups: Vec<Spanned<String>>,
}

impl Sharing {
    /// The first of those who are let in, image or snapshots; product codes let nobody in.
    pub fn first(&self) -> Option<&Spanned<String>> {
        let all = [
            &self.users,
            &self.groups,
            &self.organizations,
            &self.units,
            &self.snapshot_users,
            &self.snapshot_groups,
        ];
        all.into_iter().flatten().next()
    }
}

/// Where the image will be.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Copies {
    /// Each once, in the order written; the build region may be among them.
    pub regions: Vec<Spanned<String>>,
    /// The image of the build region is only there to be copied.
    pub skip_build_region: bool,
    /// Ask EC2 to be done within so many minutes.
    pub minutes: Option<Spanned<u32>>,
}

/// Encryption of the image's snapshots.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct EncryptionKeys {
    /// `encrypt_boot`; unset: as the source is.
    pub wanted: Option<Spanned<bool>>,
    /// The key of the build region; unset: the region's own key for EBS.
    pub key: Option<Spanned<String>>,
    /// Keys of other regions, by region; an empty one is the region's own.
    pub by_region: Vec<(Spanned<String>, Spanned<String>)>,
}

impl EncryptionKeys {
    /// The key that is named for a region.
    pub fn named(&self, region: &str) -> Option<&Spanned<String>> {
        let mut keys = self.by_region.iter();
        let found = keys.find(|(name, _)| name.value == region);
        found.map(|(_, key)| key).filter(|key| !key.is_empty())
    }
}

/// `deregistration_protection`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Protection {
    /// Once switched off it stays in force for a day.
    pub with_cooldown: bool,
}

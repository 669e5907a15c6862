//! The machine that an image is made on: what it is, where it may stand, and what it may cost.

use super::Tag;
use crate::source::{Place, Spanned};
use serde::Serialize;

/// The machine the image is made on.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
#[derive(Debug, Clone, Serialize)]
pub struct Instance {
    /// `instance_type`, or `spot_instance_types` in the order in which they are wanted; at least one.
    pub types: Vec<Spanned<String>>,
    pub profile: Option<Spanned<String>>,
    /// Do not look the profile up before the launch.
    pub skip_profile_validation: bool,
    /// The policy of a role that is made for the run only, as IAM's JSON.
    pub temporary_profile_policy: Option<Spanned<serde_json::Value>>,
    /// Empty, and no filter: a temporary one is made.
    pub security_groups: Vec<Spanned<String>>,
    pub security_group_filter: Option<NamedFilter>,
    /// Sources that the temporary security group lets in; empty: our own address.
    pub temporary_security_group_cidrs: Vec<Spanned<String>>,
    /// `subnet_id` or `subnet_ids`, in the order in which they are tried.
    pub subnets: Vec<Spanned<String>>,
    pub subnet_filter: Option<SubnetFilter>,
    pub vpc: Option<Spanned<String>>,
    pub vpc_filter: Option<NamedFilter>,
    pub availability_zone: Option<Spanned<String>>,
    pub associate_public_ip_address: Option<bool>,
    pub ebs_optimized: bool,
    /// `run_tags`: on the instance, key pair, security group and, unless skipped, the image.
    pub tags: Vec<Tag>,
    /// `run_volume_tags`.
    pub volume_tags: Vec<Tag>,
    pub block_devices: Vec<BlockDevice>,
    /// The text as written or read from the file; not yet base64.
    pub user_data: Option<Spanned<String>>,
    pub metadata: MetadataOptions,
    /// Unset: kiln's own choice.
    pub shutdown_behavior: Option<ShutdownBehavior>,
    /// The guest shuts itself down; kiln does not call `StopInstances`.
    pub disable_stop_instance: bool,
    pub enable_unlimited_credits: bool,
    pub enable_nitro_enclave: bool,
    pub placement: Placement,
    pub reservation: Option<Reservation>,
    /// ARNs of license configurations.
    pub licenses: Vec<Spanned<String>>,
    pub spot: Option<Spot>,
}

/// Filters of a describe call that must match, each with its values read as CSV.
#[derive(Debug, Clone, Serialize)]
pub struct NamedFilter {
    pub filters: Vec<(Spanned<String>, Vec<String>)>,
    /// Where the filter stands.
    #[serde(skip)]
    pub place: Place,
}

/// `subnet_filter`: which subnets may be used, and in which order they are tried.
#[derive(Debug, Clone, Serialize)]
pub struct SubnetFilter {
    pub filter: NamedFilter,
    /// In any order; otherwise the one with the most free addresses comes first.
    pub random: bool,
}

/// What a shutdown from inside does to the build instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ShutdownBehavior {
    Stop,
    Terminate,
}

/// `metadata_options`; tokens are required unless the template says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MetadataOptions {
    pub endpoint_enabled: bool,
    pub tokens_required: bool,
    pub hop_limit: u16,
    /// The machine may read its own tags.
    pub instance_tags: bool,
}

/// Which hardware the machine stands on.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Placement {
    pub tenancy: Option<Spanned<String>>,
    pub host: Option<Spanned<String>>,
    pub host_group: Option<Spanned<String>>,
}

/// Capacity that was reserved before.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reservation {
    /// Any that fits.
    Open,
    /// None, even if one fits.
    None,
    Id(Spanned<String>),
    Group(Spanned<String>),
}

/// A spot request: `spot_price` was neither empty nor `0`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spot {
    /// The most to pay an hour; `None` is `auto`, the on-demand price.
    pub max_price: Option<Spanned<String>>,
    pub tags: Vec<Tag>,
    pub fleet_tags: Vec<Tag>,
    /// How EC2 chooses among types and subnets, in the words of its API.
    pub allocation_strategy: Option<String>,
    /// Whether a machine is bought when no spot one can be had.
    pub fall_back: bool,
}

/// One entry of a block device mapping. Unset fields are AWS's to choose.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BlockDevice {
    pub device_name: Spanned<String>,
    pub delete_on_termination: bool,
    pub encrypted: Option<bool>,
    pub kms_key_id: Option<Spanned<String>>,
    pub iops: Option<Spanned<u32>>,
    pub throughput: Option<Spanned<u32>>,
    /// GiB.
    pub volume_size: Option<Spanned<u32>>,
    pub volume_type: Option<Spanned<String>>,
    pub snapshot_id: Option<Spanned<String>>,
    pub virtual_name: Option<Spanned<String>>,
    pub no_device: bool,
}

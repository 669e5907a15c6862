//! Instances and their volumes.

use serde::Serialize;

use crate::cloud::{
    BlockDevice, Filter, ImageId, InstanceId, KeyPairName, Result, SecurityGroupId, SubnetId, Tags,
    VolumeId, Zone,
};

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Instance {
    pub id: InstanceId,
    pub state: InstanceState,
    /// Why it came into its state, when the cloud says so.
    pub reason: Option<String>,
    /// Spare capacity, which the cloud may take back.
    pub spot: bool,
    /// It was taken back.
    pub interrupted: bool,
    pub image: ImageId,
    pub addresses: Addresses,
    /// Attached volumes that stay when the instance goes.
    pub lasting_volumes: Vec<VolumeId>,
    pub tags: Tags,
}

impl Instance {
    /// Whether nothing runs on it any more.
    pub fn has_gone(&self) -> bool {
        self.state.is_ending() || self.state == InstanceState::Stopped
    }
}

/// Where a machine can be reached; each may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Addresses {
    pub public_ip: Option<String>,
    pub private_ip: Option<String>,
    pub public_dns: Option<String>,
    pub private_dns: Option<String>,
    pub ipv6: Option<String>,
    /// The public address belongs to the account, not to the machine.
    pub elastic: bool,
}

/// The states of "`InstanceState`" in the EC2 API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    Pending,
    Running,
    Stopping,
    Stopped,
    ShuttingDown,
    Terminated,
}

impl InstanceState {
    /// The word that the API uses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
        }
    }

    /// Whether it is gone or going for good.
    pub fn is_ending(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::Terminated)
    }
}

/// One instance to be launched.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a parameter of its own"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewInstance {
    pub image: ImageId,
    pub instance_type: String,
    /// The name of an instance profile.
    pub profile: Option<String>,
    pub key_pair: Option<KeyPairName>,
    pub security_groups: Vec<SecurityGroupId>,
    pub subnet: Option<SubnetId>,
    pub zone: Option<Zone>,
    /// Unset: as the subnet says.
    pub public_address: Option<bool>,
    pub devices: Vec<BlockDevice>,
    /// Plain; the edge encodes it.
    pub user_data: Option<String>,
    pub metadata: Metadata,
    pub ebs_optimized: bool,
    pub unlimited_credits: bool,
    pub enclave: bool,
    pub placement: Placement,
    pub reservation: Option<Reservation>,
    /// ARNs of license configurations.
    pub licenses: Vec<String>,
    /// A shutdown from inside ends the machine for good.
    pub terminate_on_shutdown: bool,
    pub spot: Option<Spot>,
    /// The same token never launches twice.
    pub token: String,
    pub tags: Tags,
    pub volume_tags: Tags,
}

/// The instance metadata service, as "`InstanceMetadataOptionsRequest`" has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Metadata {
    pub enabled: bool,
    pub tokens_required: bool,
    pub hop_limit: u16,
    /// The machine may read its own tags.
    pub instance_tags: bool,
}

/// Which hardware a machine stands on, as "`Placement`" has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Placement {
    /// `default`, `dedicated` or `host`.
    pub tenancy: Option<String>,
    pub host: Option<String>,
    /// The ARN of a host resource group.
    pub host_group: Option<String>,
}

/// Capacity that was reserved before ("`CapacityReservationSpecification`").
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reservation {
    /// Any that fits.
    Open,
    /// None, even if one fits.
    None,
    Id(String),
    /// The ARN of a resource group.
    Group(String),
}

/// Ask for spare capacity, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Spot {
    /// The most to pay an hour; unset: the on-demand price.
    pub max_price: Option<String>,
    /// On the spot request.
    pub tags: Tags,
    /// On the fleet, where there is one.
    pub fleet_tags: Tags,
    /// A fleet is wanted whatever the number of choices.
    pub asks_for_fleet: bool,
    /// How a fleet chooses, in the words of "`SpotOptionsRequest`".
    pub allocation_strategy: Option<String>,
}

/// What a machine may be, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Choice {
    pub instance_type: String,
    pub subnet: Option<SubnetId>,
    pub zone: Option<Zone>,
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.instance_type)?;
        match (&self.subnet, &self.zone) {
            (Some(subnet), _) => write!(f, " in {subnet}"),
            (None, Some(zone)) => write!(f, " in {zone}"),
            (None, None) => Ok(()),
        }
    }
}

impl NewInstance {
    /// Takes one choice.
    pub fn choose(&mut self, choice: &Choice) {
        self.instance_type.clone_from(&choice.instance_type);
        self.subnet.clone_from(&choice.subnet);
        self.zone.clone_from(&choice.zone);
    }
}

/// Instances and volumes.
pub trait Instances {
    /// Launches one instance.
    fn launch(&self, launch: &NewInstance) -> impl Future<Output = Result<Instance>>;

    /// Asks whether [`Instances::launch`] would be allowed, and launches nothing.
    fn rehearse(&self, launch: &NewInstance) -> impl Future<Output = Result<()>>;

    /// Looks instances up; ended ones are listed for a while too.
    fn find_instances(&self, filters: &[Filter]) -> impl Future<Output = Result<Vec<Instance>>>;

    /// One instance; unknown ids are errors of kind `NotFound`.
    fn instance(&self, id: &InstanceId) -> impl Future<Output = Result<Instance>>;

    /// What EC2's own checks say of running machines; those that do not run are left out.
    fn status_checks(
        &self,
        ids: &[InstanceId],
    ) -> impl Future<Output = Result<Vec<(InstanceId, StatusCheck)>>>;

    /// What the machine has printed on its console, as fresh as the cloud has it.
    fn console_output(&self, id: &InstanceId) -> impl Future<Output = Result<String>>;

    /// Asks the machine to shut down and stay.
    fn stop_instance(&self, id: &InstanceId) -> impl Future<Output = Result<()>>;

    /// Asks the machine to shut down and go.
    fn terminate_instance(&self, id: &InstanceId) -> impl Future<Output = Result<()>>;

    /// Sets ENA or SR-IOV support of a stopped machine, which its images inherit.
    fn set_network_support(
        &self,
        id: &InstanceId,
        support: NetworkSupport,
    ) -> impl Future<Output = Result<()>>;

    /// Volumes that match all filters.
    fn find_volumes(&self, filters: &[Filter]) -> impl Future<Output = Result<Vec<VolumeId>>>;

    /// Deletes a volume; one that is attached is an error of kind `Dependency`.
    fn delete_volume(&self, id: &VolumeId) -> impl Future<Output = Result<()>>;
}

/// What EC2's checks of a machine and of what it stands on say ("Status checks for Amazon EC2 instances").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusCheck {
    /// They have not come to a word yet.
    Unknown,
    Passed,
    Failed,
}

/// One kind of enhanced networking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkSupport {
    Ena(bool),
    Sriov,
}

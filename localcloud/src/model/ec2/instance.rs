//! One instance as EC2 keeps it.

use super::{super::Effect, hardware::Hardware};
use jiff::Timestamp;
use std::net::Ipv4Addr;

/// The states of EC2's instance lifecycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::model) enum InstanceState {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
}

impl InstanceState {
    /// The number that stands beside the name (`InstanceState` in the API reference).
    pub(in crate::model) fn code(self) -> i64 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
            Self::Stopping => 64,
            Self::Stopped => 80,
        }
    }

    pub(in crate::model) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }

    /// Nothing will come of it any more.
    pub(in crate::model) fn ending(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::Terminated)
    }
}

/// What `shutdown` inside the instance does (`InstanceInitiatedShutdownBehavior`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::model) enum OnShutdown {
    #[default]
    Stop,
    Terminate,
}

/// The metadata service of one instance (`InstanceMetadataOptions`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) struct MetadataOptions {
    pub(in crate::model) tokens_required: bool,
    pub(in crate::model) enabled: bool,
    pub(in crate::model) hop_limit: i64,
    pub(in crate::model) tags: bool,
}

impl Default for MetadataOptions {
    fn default() -> Self {
        Self {
            tokens_required: false,
            enabled: true,
            hop_limit: 1,
            tags: false,
        }
    }
}

/// A launch template and the number of the version that was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) struct TemplateRef {
    pub(in crate::model) id: String,
    pub(in crate::model) name: String,
    pub(in crate::model) version: u64,
}

/// A volume on an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) struct Attached {
    pub(in crate::model) device: String,
    pub(in crate::model) volume: String,
    pub(in crate::model) delete_on_termination: bool,
}

/// Why an instance is in its state (`StateReason`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) struct StateReason {
    pub(in crate::model) code: &'static str,
    pub(in crate::model) message: String,
}

impl StateReason {
    pub(in crate::model) fn user_shutdown() -> Self {
        Self::new("Client.UserInitiatedShutdown", "User initiated shutdown")
    }

    pub(in crate::model) fn inside() -> Self {
        Self::new(
            "Client.InstanceInitiatedShutdown",
            "Instance initiated shutdown",
        )
    }

    /// EC2 needs a spot instance's capacity ("Spot Instance interruptions", "`StateReason`").
    pub(in crate::model) fn spot_termination() -> Self {
        Self::new(
            "Server.SpotInstanceTermination",
            "Spot instance termination",
        )
    }

    pub(in crate::model) fn internal(why: &str) -> Self {
        Self::new(
            "Server.InternalError",
            &format!("Internal error on launch: {why}"),
        )
    }

    fn new(code: &'static str, message: &str) -> Self {
        Self {
            code,
            message: format!("{code}: {message}"),
        }
    }
}

/// One instance.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    clippy::struct_field_names,
    reason = "the fields of EC2's own record"
)]
pub(in crate::model) struct Instance {
    pub(in crate::model) id: String,
    pub(in crate::model) reservation: String,
    pub(in crate::model) index: usize,
    pub(in crate::model) image: String,
    pub(in crate::model) architecture: String,
    pub(in crate::model) root_device: String,
    pub(in crate::model) instance_type: String,
    pub(in crate::model) key_name: Option<String>,
    pub(in crate::model) launched: Timestamp,
    pub(in crate::model) state: InstanceState,
    pub(in crate::model) since: Timestamp,
    pub(in crate::model) reason: Option<StateReason>,
    pub(in crate::model) subnet: String,
    pub(in crate::model) zone: String,
    pub(in crate::model) address: Ipv4Addr,
    /// The public address is the same one: there is one bridge.
    pub(in crate::model) public: bool,
    /// Ids of its network interface and attachment.
    pub(in crate::model) interface: (String, String),
    /// Ids of its security groups.
    pub(in crate::model) groups: Vec<String>,
    pub(in crate::model) volumes: Vec<Attached>,
    pub(in crate::model) on_shutdown: OnShutdown,
    pub(in crate::model) metadata: MetadataOptions,
    pub(in crate::model) user_data: Option<Vec<u8>>,
    /// Name of its instance profile.
    pub(in crate::model) profile: Option<String>,
    pub(in crate::model) template: Option<TemplateRef>,
    pub(in crate::model) spot_request: Option<String>,
    /// When it will be taken back, or was.
    pub(in crate::model) interruption: Option<Timestamp>,
    pub(in crate::model) hardware: Hardware,
    pub(in crate::model) ebs_optimized: bool,
    pub(in crate::model) monitored: bool,
    pub(in crate::model) ena: bool,
    pub(in crate::model) sriov: bool,
    pub(in crate::model) source_dest_check: bool,
    pub(in crate::model) protected: bool,
    pub(in crate::model) client_token: Option<String>,
    /// Its machine has been up before.
    pub(in crate::model) ran: bool,
    /// Its root volume has been replaced.
    pub(in crate::model) rerooted: bool,
    /// It runs, and cannot be reached.
    pub(in crate::model) impaired: bool,
    /// What it printed, and when that was seen.
    pub(in crate::model) console: Option<(Timestamp, String)>,
    /// Freezes that the world has not answered; what is asked of the machine waits for them.
    pub(in crate::model) freezing: Vec<String>,
    /// Images that wait for a running machine to come to rest first.
    pub(in crate::model) to_freeze: Vec<String>,
    /// What is to be asked of the machine once no freeze is under way.
    pub(in crate::model) waiting: Vec<Effect>,
}

impl Instance {
    /// Whether the instance still takes up its address and its security groups.
    pub(in crate::model) fn holds_resources(&self) -> bool {
        self.state != InstanceState::Terminated
    }

    /// Its root volume, unless it has lost it.
    pub(in crate::model) fn root(&self) -> Option<&Attached> {
        let mut volumes = self.volumes.iter();
        volumes.find(|on| on.device == self.root_device)
    }

    /// `ip-10-0-0-4`, the first label of its private name.
    pub(in crate::model) fn host_label(&self) -> String {
        format!("ip-{}", self.address.to_string().replace('.', "-"))
    }
}

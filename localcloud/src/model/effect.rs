//! What the model asks of the world, and what the world tells the model.

use std::net::Ipv4Addr;

/// Something that must happen in the world. Each is safe to carry out twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Start a machine for the first time, on a fresh upper layer over the image's layers.
    Boot(Box<Boot>),
    /// Start a stopped machine again on the upper layer that it has.
    Start {
        instance: String,
    },
    /// Shut a machine down in order; answered by `Fact::Stopped`.
    Stop {
        instance: String,
    },
    Reboot {
        instance: String,
    },
    /// Shut a machine down and remove every trace of it; answered by `Fact::Gone`.
    Terminate {
        instance: String,
    },
    /// Tell a machine something new about itself.
    Describe {
        instance: String,
        metadata: Metadata,
    },
    /// Make the machine's upper layer the layer of a new image; answered by `Fact::Frozen`.
    /// A stopped machine's layer is renamed; a running one's is copied.
    Freeze {
        image: String,
        instance: String,
        running: bool,
    },
    /// Put a machine's root away under its volume's id and give it another one. A running machine is shut down for it and
    /// started again; answered by `Fact::Rooted` or `Fact::RootFailed`.
    Root {
        instance: String,
        away: Option<String>,
        root: Option<Root>,
        running: bool,
    },
    /// Forget the files of a volume that were put away.
    Scrap {
        volume: String,
    },
    /// Make an image's layers known under a second id (`CopyImage`, `RegisterImage` from its snapshots).
    Alias {
        image: String,
        of: String,
    },
    /// Forget an image's layer unless another image or a machine stands on it.
    Discard {
        image: String,
    },
    /// The whole wanted state of one load balancer; replaces what was wanted before.
    Balance(Box<Balancer>),
    /// Remove a load balancer and its proxy.
    Unbalance {
        arn: String,
    },
}

/// What a machine finds on its root volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Root {
    /// A fresh upper layer over the layers of an image or a snapshot.
    Fresh { image: String },
    /// What was put away under that volume's id.
    Kept { volume: String },
}

/// All that a machine needs to boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    pub instance: String,
    pub image: String,
    pub address: Ipv4Addr,
    pub hostname: String,
    /// Lines for the default user's `authorized_keys`.
    pub public_keys: Vec<String>,
    pub user_data: Option<Vec<u8>>,
    pub metadata: Metadata,
}

/// What the instance metadata service tells a machine about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Tokens are required (`IMDSv2`).
    pub tokens_required: bool,
    /// The service answers at all.
    pub enabled: bool,
    /// Paths below `/latest/meta-data/` and their text, without a leading slash.
    pub entries: Vec<(String, String)>,
    /// The document of `/latest/dynamic/instance-identity/document`.
    pub identity: String,
}

/// The wanted state of one load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balancer {
    pub arn: String,
    pub name: String,
    /// The address it listens on; its `DNSName` is this as text.
    pub address: Ipv4Addr,
    pub idle_timeout_seconds: u32,
    pub listeners: Vec<Listener>,
    /// Every target group that a listener or rule of this load balancer names.
    pub groups: Vec<TargetGroup>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    pub arn: String,
    pub protocol: Protocol,
    pub port: u16,
    /// In order of priority; the default rule stands last and matches all. TCP has that one alone, which forwards.
    pub rules: Vec<Rule>,
}

/// What is passed on from clients to targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Request by request.
    Http,
    /// Connection by connection, as it comes.
    Tcp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub arn: String,
    pub hosts: Vec<String>,
    pub paths: Vec<String>,
    /// Header name and the values of which one must match (`*` and `?` as in `ELBv2`).
    pub headers: Vec<(String, Vec<String>)>,
    pub action: Share,
}

/// What a rule does with a request or a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Share {
    /// Target group ARN and weight, 0 to 999.
    Forward(Vec<(String, u32)>),
    Fixed {
        status: u16,
        content_type: String,
        body: String,
    },
    Redirect {
        status: u16,
        location: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGroup {
    pub arn: String,
    pub name: String,
    pub protocol: Protocol,
    pub closes: Closes,
    pub probe: Probe,
    pub targets: Vec<Target>,
}

/// Which connections are closed that neither side has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closes {
    /// Those to a target that becomes unhealthy while another is healthy.
    pub unhealthy: bool,
    /// Those to a target whose deregistration delay is over.
    pub deregistered: bool,
}

/// A target group's health check (`CreateTargetGroup`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    pub asks: Asks,
    /// `None` is `traffic-port`.
    pub port: Option<u16>,
    pub interval_seconds: u32,
    pub timeout_seconds: u32,
    pub healthy_threshold: u32,
    pub unhealthy_threshold: u32,
}

/// What a health check asks of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asks {
    /// To take a connection.
    Connection,
    Http {
        path: String,
        /// `200`, `200,302` or `200-299`.
        matcher: String,
        /// By TLS, whatever certificate the target has.
        encrypted: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The instance id.
    pub id: String,
    pub address: Ipv4Addr,
    pub port: u16,
    /// Gets no new connections; the ones in flight may end.
    pub draining: bool,
}

/// Something that was seen in the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The machine's init runs.
    Running {
        instance: String,
    },
    /// It could not be started.
    BootFailed {
        instance: String,
        reason: String,
    },
    /// It came to rest; `asked` is false when it shut itself down or was killed.
    Stopped {
        instance: String,
        asked: bool,
    },
    /// Nothing of it is left.
    Gone {
        instance: String,
    },
    /// It has the root that it was to get. One that ran is on its way up again.
    Rooted {
        instance: String,
    },
    /// It has not; `detached`: it has lost the one that it had.
    RootFailed {
        instance: String,
        reason: String,
        detached: bool,
    },
    /// What the machine has printed on its console so far, the newest 64 KiB.
    Console {
        instance: String,
        text: String,
    },
    Frozen {
        image: String,
    },
    FreezeFailed {
        image: String,
        reason: String,
    },
    /// What the proxy's health check saw of one target.
    Probed {
        group: String,
        target: String,
        port: u16,
        verdict: Verdict,
    },
    /// No connection to a draining target is left.
    Drained {
        group: String,
        target: String,
        port: u16,
    },
    /// What was served of a target group's requests since the last time, and how long the machines took on average.
    Served {
        group: String,
        requests: u64,
        /// Answers of machines with a status of 500 to 599.
        failed: u64,
        mean_millis: u64,
    },
    /// A load balancer's proxy listens with the state that was wanted.
    Balanced {
        arn: String,
    },
}

/// The result of a target's health checks, thresholds counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not enough checks yet.
    Checking,
    Healthy,
    /// It answered with a status that the matcher refuses.
    WrongStatus(u16),
    /// It did not answer in time.
    Timeout,
    /// It could not be reached, or answered what is no HTTP.
    Failed,
}

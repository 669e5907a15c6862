//! A service file with nothing left to resolve. What is live, and whether a name exists in the account, is for
//! `roll::facts`; a place goes with each value that AWS may refuse. Fields under [`Settings`] that are `None` were not
//! named and are inherited from what is live.

mod capacity;
mod checks;
mod hooks;
mod image;
mod instance;
mod metrics;
mod notify;
mod outside;

use super::late::Late;
use super::seconds;
use super::secret::Secret;
use crate::source::{Place, Spanned};
pub use capacity::{Capacity, WhenShort};
pub use checks::{Body, Check, CheckKind, Checks, HttpCheck, OnFail, OnUnknown};
pub use hooks::{Command, Hook, Hooks};
pub use image::{FromManifest, ImageChoice, Made, Unread};
pub use instance::{Diagnosis, InstanceCheck};
pub use metrics::{AlarmCheck, Bound, CompareCheck, Compared, IfFewer, MetricCheck};
pub use notify::{Outcome, Recipient, RecipientKind};
pub use outside::{Login, PrometheusCheck, Server};
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::Duration;

/// A checked service file.
#[derive(Debug, Clone, Serialize)]
pub struct Service {
    /// The file's name as the user gave it.
    pub file: String,
    pub name: Spanned<String>,
    /// The account it must run in, if the file says so.
    pub account: Option<Spanned<String>>,
    /// AWS's own rules decide when the file does not.
    pub region: Option<Spanned<String>>,
    /// Folder of the store; unset: `.kiln`.
    pub state: Option<Spanned<String>>,
    pub image: ImageChoice,
    pub groups: Groups,
    pub set: Settings,
    /// `None`: no load balancer leads to its machines.
    pub traffic: Option<Traffic>,
    pub strategy: Strategy,
    /// What is done where no machine can be had, if the file says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
    pub checks: Checks,
    pub hooks: Hooks,
    /// What a machine that does not get healthy is asked, if the file says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<Box<Diagnosis>>,
    /// Who is told how a roll ended.
    #[serde(skip)]
    pub notify: Vec<Recipient>,
    pub keep: Keep,
    /// Values that no sink may print.
    #[serde(skip)]
    pub secrets: Vec<Secret>,
}

/// The Auto Scaling groups.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Groups {
    /// Two that exist for good, between which rolls alternate (mode `pair`); `None`: each roll makes the next one (`new`).
    pub pair: Option<[Spanned<String>; 2]>,
    /// The launch template's name; the service's name when the file gives none.
    pub template: Spanned<String>,
    /// Needed by the first roll only.
    pub initial: Option<Initial>,
    /// Where the object stands.
    #[serde(skip)]
    pub place: Place,
}

/// Sizes and subnets of the very first group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Initial {
    pub min: Spanned<u32>,
    pub max: Spanned<u32>,
    pub desired: Spanned<u32>,
    /// Never empty.
    pub subnets: Vec<Spanned<String>>,
}

/// What is enforced on the next launch template version and group. `None`: inherited; an empty list: none.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Settings {
    pub instance_type: Option<Spanned<String>>,
    pub key_name: Option<Spanned<String>>,
    pub iam_instance_profile: Option<Spanned<String>>,
    pub security_groups: Option<Vec<Spanned<String>>>,
    pub subnets: Option<Vec<Spanned<String>>>,
    /// Plain text, not yet base64. Late data: `image` (`id`, `name`, `tags`), `service`, `region`, `run`, `group`.
    pub user_data: Option<Late>,
    pub tags: Option<Vec<(Spanned<String>, Late)>>,
    #[serde(serialize_with = "seconds::optional")]
    pub health_check_grace_period: Option<Duration>,
    #[serde(serialize_with = "seconds::optional")]
    pub default_instance_warmup: Option<Duration>,
}

/// How requests get to the machines.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Traffic {
    /// Of two that records lead to, the first.
    pub load_balancer: Spanned<String>,
    /// What chooses between two load balancers, of the strategy `dns`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<ByRecord>,
    /// The two target groups that rolls alternate between; `<service>-a` and `-b` when the file names none.
    pub target_groups: [Spanned<String>; 2],
    /// How they are made on the first roll.
    pub target: Target,
    /// The production rules, never empty.
    pub rules: Vec<Rule>,
    pub probe: Probe,
}

/// Weighted records of Route 53, of which each leads to a load balancer of its own.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ByRecord {
    pub name: Spanned<String>,
    /// The hosted zone, by its id or its name.
    pub zone: Spanned<String>,
    /// Each leads to one of the two target groups, in their order.
    pub load_balancers: [Spanned<String>; 2],
    /// Where the object stands.
    #[serde(skip)]
    pub place: Place,
}

/// A target group's settings. Unset ones are AWS's defaults.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Target {
    pub port: Spanned<u16>,
    /// `None`: as the load balancer's listener wants it.
    pub protocol: Option<Spanned<Protocol>>,
    pub health_check: HealthCheck,
    #[serde(serialize_with = "seconds::optional")]
    pub deregistration_delay: Option<Duration>,
}

/// What the load balancer speaks to targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Protocol {
    Http,
    Https,
    Tcp,
    Tls,
    Udp,
    TcpUdp,
}

/// The target group's own health check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HealthCheck {
    /// `None`: HTTP where it has a path or a matcher, or the target group speaks it; else TCP.
    pub protocol: Option<Spanned<Protocol>>,
    pub path: Spanned<String>,
    /// `200`, `200,302`, `200-299`.
    pub matcher: Option<Spanned<String>>,
    #[serde(serialize_with = "seconds::optional")]
    pub interval: Option<Duration>,
    #[serde(serialize_with = "seconds::optional")]
    pub timeout: Option<Duration>,
    pub healthy_threshold: Option<u32>,
    pub unhealthy_threshold: Option<u32>,
}

/// A listener's rule that carries production traffic.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rule {
    /// The listener's port.
    pub port: Spanned<u16>,
    /// Empty: the listener's default action.
    pub hosts: Vec<Spanned<String>>,
    pub paths: Vec<Spanned<String>>,
    /// Header name and values.
    pub headers: Vec<(Spanned<String>, Vec<String>)>,
    /// Make the rule when it is not there.
    pub create: bool,
    /// Where the object stands.
    #[serde(skip)]
    pub place: Place,
}

impl Rule {
    /// Whether it is the same rule of the same listener.
    pub fn is_like(&self, other: &Self) -> bool {
        let texts = |values: &[Spanned<String>]| -> BTreeSet<String> {
            values.iter().map(|value| value.value.clone()).collect()
        };
        let headers = |rule: &Self| -> BTreeSet<(String, BTreeSet<String>)> {
            let headers = rule.headers.iter();
            let words = |values: &[String]| values.iter().cloned().collect();
            headers
                .map(|(name, values)| (name.value.clone(), words(values)))
                .collect()
        };
        *self.port == *other.port
            && texts(&self.hosts) == texts(&other.hosts)
            && texts(&self.paths) == texts(&other.paths)
            && headers(self) == headers(other)
    }
}

/// What leads a request to the next group before the swap.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Probe {
    pub header: Spanned<String>,
    /// The port of a listener that has no users, by which all requests do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<Spanned<u16>>,
}

/// How traffic moves. This is the list of what is implemented.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// One write.
    BlueGreen,
    /// Shares of the traffic that rise; the last is all of it.
    Canary(Vec<CanaryStep>),
    /// Shares that rise, by weighted records of DNS.
    Dns(Vec<CanaryStep>),
    /// The machines of the group that serves are replaced, a new one in service before an old one goes.
    Rolling(Rolling),
    /// Without a load balancer: a next group beside the one that serves, which is emptied once the next one is active.
    Replace(Replace),
    /// Without a load balancer: the one machine stays with its address and its volumes, and gets another root.
    ReplaceRoot(ReplaceRoot),
}

impl Strategy {
    /// Whether the group that serves stays.
    pub fn is_in_place(&self) -> bool {
        matches!(self, Self::Rolling(_) | Self::ReplaceRoot(_))
    }
}

/// What becomes of the data volumes of a `replace_root`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ReplaceRoot {
    /// How long their snapshots are kept.
    #[serde(serialize_with = "seconds::plain")]
    pub keep_snapshots: Duration,
}

/// What becomes of the previous group of a `replace`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Replace {
    /// It goes on running for as long as it is kept.
    pub keep_running: bool,
    /// How long its machines may take to end what they do; unset: as its lifecycle hooks say.
    #[serde(serialize_with = "seconds::optional")]
    pub drain: Option<Duration>,
}

/// How an instance refresh goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rolling {
    /// How many percent of the desired capacity may be there at once, from 100 to 200.
    pub most: u32,
    /// Percentages of replaced machines at which it waits, which rise to 100. Empty: it does not wait.
    pub checkpoints: Vec<u32>,
    #[serde(serialize_with = "seconds::plain")]
    pub checkpoint_delay: Duration,
}

/// A step of a canary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CanaryStep {
    /// The next group's share of the traffic in percent, from 1 to 100.
    pub weight: Spanned<u32>,
    /// How long it is watched.
    #[serde(serialize_with = "seconds::plain")]
    pub hold: Duration,
}

/// `rollback`: how long the previous group stays whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Keep {
    #[serde(serialize_with = "seconds::plain")]
    pub previous: Duration,
    /// Where it stands, if the file says it.
    #[serde(skip)]
    pub place: Option<Place>,
}

/// Names of the late data of a service file.
pub const ROLL_DATA: &[&str] = &["image", "service", "region", "run", "group"];

//! The tags that kiln reads and writes (DESIGN.md section 3), and finding things by them.

use crate::cloud::{Result, Tags};

/// The run that made it.
pub const RUN: &str = "kiln:run";
/// The version of kiln that made it.
pub const MADE_BY: &str = "kiln:made-by";
/// The template that it was baked from.
pub const TEMPLATE: &str = "kiln:template";
/// The service that it belongs to.
pub const SERVICE: &str = "kiln:service";
/// On scratch: when a sweep may take it even without its journal (RFC 3339).
pub const EXPIRES: &str = "kiln:expires";
/// On images and snapshots, last of all: the bake ended well.
pub const READY: &str = "kiln:ready";
pub const FAMILY: &str = "kiln:family";
pub const VERSION: &str = "kiln:version";
pub const SOURCE_IMAGE: &str = "kiln:source-image";
/// On images: what they come of (sha256), so that a bake of the same is not made twice.
pub const FINGERPRINT: &str = "kiln:fingerprint";
/// On an image under a temporary name: the name that it gets once the old image may go.
pub const TAKES_NAME: &str = "kiln:takes-name";
/// On groups: the image that their machines run.
pub const IMAGE: &str = "kiln:image";
/// On groups: [`NEXT`], [`LIVE`], [`KEPT`] or [`RETIRING`].
pub const STATE: &str = "kiln:state";
/// A group that a roll is making. It never counts as proven.
pub const NEXT: &str = "next";
/// A group whose roll has passed its point of no return.
pub const LIVE: &str = "live";
/// A group that is kept whole to go back to.
pub const KEPT: &str = "kept";
/// A group that is on its way out.
pub const RETIRING: &str = "retiring";
/// On alarms that kiln made: the group whose policies they set off, with which they go.
pub const GROUP: &str = "kiln:group";
/// On groups: sizes, launch template version, suspended processes and warm pool, as the last roll made them.
pub const AS_ROLLED: &str = "kiln:as-rolled";
/// On kept groups: until when (RFC 3339).
pub const KEEP_UNTIL: &str = "kiln:keep-until";
/// On a group that stays while its machines are replaced: the run that did so, and the launch template version before.
pub const ROLLED: &str = "kiln:rolled";
/// On a group whose machine got another root: the run that did so, the launch template version, the machine, the root and the
/// image before, and until when that root is kept (RFC 3339).
pub const REROOTED: &str = "kiln:rerooted";
/// On a root volume that was replaced: the run that did so.
pub const REPLACED: &str = "kiln:replaced";
/// On groups: how many seconds its first machine took from its start to its health.
pub const HEALTHY_AFTER: &str = "kiln:healthy-after";
/// On a kept group: a rollback is leading traffic to it, and which run it is.
pub const BACK: &str = "kiln:back";
/// On groups of a roll with hooks `before_retire`: they go only after these.
pub const BEFORE_RETIRE: &str = "kiln:before-retire";
/// On a group of a roll that asks a person: the run that asked, `yes` or `no`, when and by whom.
pub const ANSWER: &str = "kiln:answer";
/// On target groups: the bucket where the service's state is kept, `s3://bucket/prefix`.
pub const STORE: &str = "kiln:store";
/// On a group of a service without a load balancer: what becomes of the one before it, [`EMPTIED`], with the seconds behind it
/// that its machines may take to end, or [`RUNNING`].
pub const BEFORE: &str = "kiln:before";
/// On a group of a service without a load balancer: the name of the one before it.
pub const PREVIOUS: &str = "kiln:previous";
/// On the group in office: the image of the one before, for when that is gone.
pub const PREVIOUS_IMAGE: &str = "kiln:previous-image";
/// It is kept without machines.
pub const EMPTIED: &str = "emptied";
/// It is kept with its machines.
pub const RUNNING: &str = "running";
/// On a kept group that is emptied: its minimum, desired capacity and maximum before, and [`SCHEDULED`] where its scheduled
/// actions were let be.
pub const SIZE: &str = "kiln:size";
/// Its scheduled actions are suspended for as long as it is empty.
pub const SCHEDULED: &str = "scheduled";
/// On an emptied group: until when its machines may take to end what they do (RFC 3339).
pub const DRAIN_UNTIL: &str = "kiln:drain-until";
/// On the next group of a pair: the launch template version that it followed before the roll, by its name and its number.
pub const TAKEN: &str = "kiln:taken";
/// On target groups: no roll of this service, and why.
pub const HOLD: &str = "kiln:hold";
/// On target groups: until when the hold is good (RFC 3339); without it until it is taken off.
pub const HOLD_UNTIL: &str = "kiln:hold-until";
/// On listeners and rules of load balancers that records lead to: the hosted zone and the name of the records, `Z1/www.example.org`.
pub const RECORD: &str = "kiln:record";
/// On the listener rules of a service: what each is for. Its production rule has none.
pub const RULE: &str = "kiln:rule";
/// On a listener that proves next groups, and has no users.
pub const TEST: &str = "test";

/// The tag of an image that this service must not get again.
pub fn quarantine(service: &str) -> String {
    format!("kiln:quarantine:{service}")
}

/// What kind of thing carries tags, in the words of "`DescribeTags`" (`resource-type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceKind {
    Instance,
    Volume,
    KeyPair,
    SecurityGroup,
    Image,
    Snapshot,
    LaunchTemplate,
    /// Kinds that a bake never makes.
    Other,
}

/// A thing with those of its tags that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    pub kind: ResourceKind,
    /// The id as the cloud spells it; for a key pair `key-…`.
    pub id: String,
    pub tags: Tags,
}

/// Tags of EC2's things.
pub trait Tagging {
    /// Sets tags on all of `ids` in one call.
    fn put_tags(&self, ids: &[String], tags: &Tags) -> impl Future<Output = Result<()>>;

    /// Takes tags off all of `ids` in one call.
    fn remove_tags(&self, ids: &[String], keys: &[&str]) -> impl Future<Output = Result<()>>;

    /// Everything in the region that carries one of `keys`.
    fn tagged(&self, keys: &[&str]) -> impl Future<Output = Result<Vec<Resource>>>;
}

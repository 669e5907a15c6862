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

/// What kind of thing carries tags, in the words of "DescribeTags" (`resource-type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceKind {
    Instance,
    Volume,
    KeyPair,
    SecurityGroup,
    Image,
    Snapshot,
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

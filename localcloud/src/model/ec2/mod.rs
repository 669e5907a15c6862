//! Elastic Compute Cloud: instances, images and what they are made of.
//!
//! For other services: `launch::launch` starts instances from a `LaunchSpec`, `lifecycle::terminate` ends one,
//! `templates::resolve` reads a launch template version, and `State::announce` tells of every change of an instance.

pub(super) mod address;
mod attaching;
mod attributes;
mod copying;
mod describe;
mod devices;
mod encryption;
mod fleet;
mod group_rules;
mod hardware;
mod image_attributes;
pub(super) mod images;
mod imaging;
pub(super) mod instance;
mod instances;
pub(super) mod keys;
pub(super) mod launch;
pub(super) mod lifecycle;
mod metadata;
pub(super) mod network;
mod places;
mod power;
mod protection;
mod roots;
mod run;
mod security_groups;
mod seed;
mod show;
mod snapshot_attributes;
mod snapshots;
pub(super) mod spec;
mod spot;
mod tagging;
mod template_calls;
mod template_data;
mod template_versions;
pub(super) mod templates;
mod types;
pub(super) mod volumes;

pub(super) use instance::{Instance, InstanceState};
pub(super) use launch::launch;
pub(super) use lifecycle::{due, observe, terminate};
pub(super) use spec::LaunchSpec;
pub(super) use spot::interrupt;

use super::{Fault, actions::Action, state::State, tags::Tags};
use std::collections::BTreeMap;

pub(super) const TABLES: &[&[Action]] = &[
    run::ACTIONS,
    instances::ACTIONS,
    power::ACTIONS,
    attributes::ACTIONS,
    images::ACTIONS,
    imaging::ACTIONS,
    copying::ACTIONS,
    image_attributes::ACTIONS,
    snapshots::ACTIONS,
    snapshot_attributes::ACTIONS,
    protection::ACTIONS,
    volumes::ACTIONS,
    attaching::ACTIONS,
    roots::ACTIONS,
    keys::ACTIONS,
    security_groups::ACTIONS,
    places::ACTIONS,
    types::ACTIONS,
    tagging::ACTIONS,
    template_calls::ACTIONS,
    template_versions::ACTIONS,
    fleet::ACTIONS,
    spot::ACTIONS,
];

/// Everything that EC2 keeps, by id.
#[derive(Clone, Debug)]
pub(in crate::model) struct Ec2 {
    pub(super) vpc: network::Vpc,
    pub(super) subnets: BTreeMap<String, network::Subnet>,
    pub(super) security_groups: BTreeMap<String, network::SecurityGroup>,
    /// By name.
    pub(super) keys: BTreeMap<String, keys::KeyPair>,
    pub(super) images: BTreeMap<String, images::Image>,
    pub(super) snapshots: BTreeMap<String, snapshots::Snapshot>,
    pub(super) volumes: BTreeMap<String, volumes::Volume>,
    pub(super) instances: BTreeMap<String, Instance>,
    pub(super) root_tasks: BTreeMap<String, roots::Task>,
    pub(super) templates: BTreeMap<String, templates::Template>,
    /// Tags of every resource of EC2, by its id.
    pub(super) tags: BTreeMap<String, Tags>,
}

/// What time alone brings to EC2.
#[derive(Clone, Debug)]
pub(in crate::model) enum Due {
    /// A terminated instance is no longer shown.
    Forget { instance: String },
    /// A spot instance learns that it is about to be taken back.
    Notice { instance: String },
    /// A spot instance is taken back.
    Interrupt { instance: String },
    /// What was copied or needs no files is there.
    Settle { layer: String },
    /// What was copied cannot be.
    Fail { layer: String, reason: String },
}

impl Ec2 {
    /// Tags of a resource; none for what has none.
    pub(super) fn tags_of(&self, id: &str) -> Tags {
        self.tags.get(id).cloned().unwrap_or_default()
    }

    /// Sets the tags that a resource is made with.
    pub(super) fn tag(&mut self, id: &str, tags: &Tags) {
        if !tags.is_empty() {
            self.tags.entry(id.into()).or_default().extend(tags.clone());
        }
    }
}

/// EC2 has two refusals for an id: one that has not the shape, and one that names nothing.
pub(super) fn no_such(kind: &str, what: &str, prefix: &str, id: &str) -> Fault {
    let shaped = id.strip_prefix(prefix).is_some_and(|rest| {
        matches!(rest.len(), 8 | 17) && rest.bytes().all(|b| b.is_ascii_hexdigit())
    });
    if shaped {
        Fault::new(
            format!("{kind}.NotFound"),
            format!("The {what} '{id}' does not exist"),
        )
    } else {
        Fault::new(
            format!("{kind}.Malformed"),
            format!("Invalid id: \"{id}\" (expecting \"{prefix}...\")"),
        )
    }
}

/// The instance, or the refusal for an id that names none.
pub(super) fn instance<'a>(state: &'a State, id: &str) -> Result<&'a Instance, Fault> {
    state
        .ec2
        .instances
        .get(id)
        .ok_or_else(|| no_such("InvalidInstanceID", "instance ID", "i-", id))
}

/// The snapshot, or the refusal for an id that names none.
pub(super) fn snapshot<'a>(state: &'a State, id: &str) -> Result<&'a snapshots::Snapshot, Fault> {
    state
        .ec2
        .snapshots
        .get(id)
        .ok_or_else(|| no_such("InvalidSnapshot", "snapshot", "snap-", id))
}

//! Bake: from a checked template to an image. Look up, plan, run; one file a step.
//!
//! What the words of a template mean is `template`'s, how a machine is provisioned `provision`'s, and how things are taken
//! back `undo`'s. Here stands the order, and what each step asks of the cloud.

mod address;
mod attend;
mod clean;
mod coming;
mod connect;
mod error;
mod error_cleanup;
mod facts;
mod fingerprint;
mod fleet;
mod flow;
mod ground;
mod image;
mod instance;
mod key_pair;
mod launch;
mod listing;
mod objections;
mod plan;
mod plugin;
mod preflight;
mod profile;
mod publish;
mod security_group;
mod session_manager;
mod settings;
mod show;
mod start;
mod tags;
mod tools;
mod unchanged;
mod watch;

#[cfg(test)]
mod tests;

pub use address::AddressError;
pub use attend::{Adopted, Attending, BAKE, Identity, KEEP_FOR, Reached, TOLD, attend};
pub use error::{Error, LookUpError};
pub use facts::{BakeFacts, Lacks, look_up};
pub use fingerprint::{Fingerprint, Inputs};
pub use flow::{Verdict, World, carry_out, verdict};
pub use ground::Ground;
pub use key_pair::TemporaryKey;
pub use launch::Attempt;
pub use listing::chains as list_chains;
pub use objections::Objections;
pub use plan::{BakePlan, Options, SourceImage, Stopping, TemporaryGroup, draft};
pub use plugin::{HostPlugin, PluginError};
pub use preflight::Draft;
pub use profile::TemporaryProfile;
pub use publish::{
    Artifact, PlannedCopy, PublishFacts, PublishedImage, Publishing, Taken, is_published,
};
pub use session_manager::SessionSettings;
pub use settings::{Login, SshSettings};
pub use tools::{HostTools, Plugin, Tools};
pub use unchanged::{source_image, unchanged};

//! Instance types: what they are, and where they can be had.

use serde::Serialize;

use crate::cloud::{Result, Zone};

/// What machines of a type are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstanceType {
    pub name: String,
    /// In the words that images use: `x86_64`, `arm64`.
    pub architectures: Vec<String>,
    /// `hvm`, `paravirtual`.
    pub virtualization: Vec<String>,
    /// `legacy-bios`, `uefi`; empty when the cloud does not say.
    pub boot_modes: Vec<String>,
    /// Whether it can be had as a spot machine.
    pub spot: bool,
}

/// A type that can be had in a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Offer {
    pub instance_type: String,
    pub zone: Zone,
}

/// Instance types.
pub trait Types {
    /// Those of `names` that the region has.
    fn instance_types(&self, names: &[String]) -> impl Future<Output = Result<Vec<InstanceType>>>;

    /// In which zones each of `names` can be had.
    fn offers(&self, names: &[String]) -> impl Future<Output = Result<Vec<Offer>>>;
}

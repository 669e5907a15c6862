//! Instance types: what they are, and where they can be had.

use serde::Serialize;

use crate::cloud::{Image, Result, Zone};

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

impl InstanceType {
    /// Why it does not run an image, which users know as `called`.
    pub fn unfit(&self, image: &Image, called: &str) -> Vec<String> {
        let runs = |words: &[String], word: &str| {
            word.is_empty() || words.is_empty() || words.iter().any(|known| known == word)
        };
        let (kind, id) = (&self.name, &image.id);
        let mut texts = Vec::new();
        if !runs(&self.architectures, &image.architecture) {
            let (own, wanted) = (self.architectures.join(" or "), &image.architecture);
            texts.push(format!("{kind} is {own}, and {called} {id} is {wanted}"));
        }
        if !runs(&self.virtualization, &image.virtualization) {
            let (own, wanted) = (self.virtualization.join(" or "), &image.virtualization);
            texts.push(format!(
                "{kind} runs {own} images, and {called} {id} is {wanted}"
            ));
        }
        // `uefi-preferred` boots either way.
        let mode = image.boot_mode.as_deref().unwrap_or_default();
        if mode != "uefi-preferred" && !runs(&self.boot_modes, mode) {
            let own = self.boot_modes.join(" or ");
            texts.push(format!(
                "{kind} boots by {own}, and {called} {id} by {mode}"
            ));
        }
        texts
    }
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

//! Images that are not rolled.

use super::Refusal;
use crate::cloud::{Image, ImageState, tag};
use crate::source::Diagnostic;
use crate::template::service::Service;

/// Why an image cannot go into service, if it cannot.
pub(super) fn unavailable(image: &Image) -> Option<Refusal> {
    if image.state == ImageState::Available {
        return None;
    }
    let text = format!("image {} is not available: {:?}", image.id, image.state);
    let finding = Diagnostic::error("roll::image_state", text);
    Some(Refusal::account(finding))
}

/// Why an image is not to go into service again, if it has been there and was no good.
pub(super) fn quarantined(service: &Service, image: &Image) -> Option<Refusal> {
    let quarantine = tag::quarantine(&service.name);
    let why = image.tags.get(&quarantine)?;
    let text = format!(
        "image {} is quarantined for {}: {why}",
        image.id, service.name
    );
    let finding = Diagnostic::error("roll::quarantined", text);
    let help = format!("bake another, or take its tag `{quarantine}` off");
    Some(Refusal::account(finding.help(help)))
}

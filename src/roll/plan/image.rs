//! Images that are not rolled.

use super::Refusal;
use crate::cloud::{Image, ImageState, tag};
use crate::source::Diagnostic;
use crate::template::service::Service;

/// Why an image cannot go into service, if it cannot.
pub(super) fn refusal(service: &Service, image: &Image, force: bool) -> Option<Refusal> {
    let id = &image.id;
    if image.state != ImageState::Available {
        let text = format!("image {id} is not available: {:?}", image.state);
        return Some(Refusal::account(Diagnostic::error(
            "roll::image_state",
            text,
        )));
    }
    let quarantine = tag::quarantine(&service.name);
    let why = image.tags.get(&quarantine).filter(|_| !force)?;
    let text = format!("image {id} is quarantined for {}: {why}", service.name);
    let finding = Diagnostic::error("roll::quarantined", text);
    let help = format!("bake another, or take its tag `{quarantine}` off");
    Some(Refusal::account(finding.help(help)))
}

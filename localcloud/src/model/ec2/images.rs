//! Images as records.

use super::super::{Fault, state::State};
use jiff::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) enum ImageState {
    Pending,
    Available,
    Failed(String),
}

impl ImageState {
    pub(in crate::model) fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Available => "available",
            Self::Failed(_) => "failed",
        }
    }
}

/// A volume that an instance of the image gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) struct Mapping {
    pub(in crate::model) device: String,
    pub(in crate::model) snapshot: Option<String>,
    /// GiB.
    pub(in crate::model) size: u32,
    pub(in crate::model) kind: String,
    pub(in crate::model) delete_on_termination: bool,
    pub(in crate::model) encrypted: bool,
}

#[derive(Clone, Debug)]
pub(in crate::model) struct Image {
    pub(in crate::model) id: String,
    pub(in crate::model) name: String,
    pub(in crate::model) description: String,
    pub(in crate::model) owner: String,
    pub(in crate::model) created: Timestamp,
    pub(in crate::model) architecture: String,
    pub(in crate::model) root_device: String,
    pub(in crate::model) mappings: Vec<Mapping>,
    pub(in crate::model) state: ImageState,
    pub(in crate::model) public: bool,
    pub(in crate::model) shared_with: Vec<String>,
    pub(in crate::model) ena: bool,
    pub(in crate::model) sriov: bool,
    pub(in crate::model) tokens_required: bool,
    pub(in crate::model) source_instance: Option<String>,
    pub(in crate::model) source_image: Option<String>,
    pub(in crate::model) deprecated: Option<Timestamp>,
    /// When an instance was last launched from it.
    pub(in crate::model) launched: Option<Timestamp>,
}

/// The image, or the refusal for an id that names none.
pub(in crate::model) fn image<'a>(state: &'a State, id: &str) -> Result<&'a Image, Fault> {
    let missing = || {
        let fault = super::no_such("InvalidAMIID", "image id", "ami-", id);
        if fault.code.ends_with("NotFound") {
            return Fault::new(
                "InvalidAMIID.NotFound",
                format!("The image id '[{id}]' does not exist"),
            );
        }
        fault
    };
    state.ec2.images.get(id).ok_or_else(missing)
}

/// Takes in that the layer of an image is there, or why it is not.
pub(super) fn layer_settled(state: &mut State, layer: &str, failure: Option<&String>) {
    let Some(image) = state
        .ec2
        .images
        .get_mut(layer)
        .filter(|image| image.state == ImageState::Pending)
    else {
        return;
    };
    image.state = match failure {
        None => ImageState::Available,
        Some(reason) => ImageState::Failed(reason.clone()),
    };
}

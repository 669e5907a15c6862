//! Images as records, and how they are found: `DescribeImages`.

use super::{
    super::{Fault, Service, Tree, actions::Action, args::Args, state::State, tags},
    describe::{Kind, PAGED, one},
    protection,
};
use jiff::Timestamp;

pub(super) const ACTIONS: &[Action] = &[Action::new(
    Service::Ec2,
    "DescribeImages",
    "ImageId Owner ExecutableBy Filter IncludeDeprecated IncludeDisabled MaxResults NextToken",
    describe_images,
)];

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

/// Whether the image can be deregistered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) enum Protection {
    Off,
    On {
        cooldown: bool,
    },
    /// Switched off, and still in force until then.
    CoolingDown(Timestamp),
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
    /// The ARN of the key, when it is encrypted.
    pub(in crate::model) kms_key: Option<String>,
}

/// An image. The world keeps its files under the image's id.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    clippy::struct_field_names,
    reason = "the fields of EC2's own record"
)]
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
    /// ARNs of organizations and organizational units.
    pub(in crate::model) shared_with_arns: Vec<String>,
    pub(in crate::model) protection: Protection,
    pub(in crate::model) ena: bool,
    pub(in crate::model) sriov: bool,
    pub(in crate::model) tokens_required: bool,
    pub(in crate::model) source_instance: Option<String>,
    pub(in crate::model) source_image: Option<String>,
    /// Whether `CopyImage` made it.
    pub(in crate::model) copied: bool,
    pub(in crate::model) deprecated: Option<Timestamp>,
    /// When an instance was last launched from it.
    pub(in crate::model) launched: Option<Timestamp>,
}

/// The refusal for an id that names no image.
pub(super) fn no_such_image(id: &str) -> Fault {
    let fault = super::no_such("InvalidAMIID", "image id", "ami-", id);
    if fault.code.ends_with("NotFound") {
        return Fault::new(
            "InvalidAMIID.NotFound",
            format!("The image id '[{id}]' does not exist"),
        );
    }
    fault
}

/// The image, or the refusal for an id that names none.
pub(in crate::model) fn image<'a>(state: &'a State, id: &str) -> Result<&'a Image, Fault> {
    state.ec2.images.get(id).ok_or_else(|| no_such_image(id))
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

const IMAGES: Kind = Kind {
    ids: "ImageId",
    set: "imagesSet",
    filters: "architecture block-device-mapping.delete-on-termination block-device-mapping.device-name \
        block-device-mapping.snapshot-id block-device-mapping.volume-size block-device-mapping.volume-type creation-date \
        description ena-support hypervisor image-id image-type is-public name owner-alias owner-id platform \
        root-device-name root-device-type source-instance-id state sriov-net-support virtualization-type",
    paging: PAGED,
    all: |state| state.ec2.images.keys().cloned().collect(),
    missing: no_such_image,
    field,
    show: |state, id| {
        state
            .ec2
            .images
            .get(id)
            .map_or_else(Tree::new, |image| show(state, image))
    },
};

fn describe_images(state: &mut State, args: &Args<'_>) -> Result<Tree, Fault> {
    let owners = args.texts("Owner")?;
    let executable_by = args.texts("ExecutableBy")?;
    let keep = |state: &State, id: &str| {
        let Some(image) = state.ec2.images.get(id) else {
            return false;
        };
        (owners.is_empty() || owners.iter().any(|owner| owned_by(state, image, owner)))
            && (executable_by.is_empty()
                || executable_by.iter().any(|by| executable(state, image, by)))
    };
    let (ids, token) = IMAGES.select(state, args, keep)?;
    Ok(IMAGES.list(state, &ids, token))
}

fn owned_by(state: &State, image: &Image, owner: &str) -> bool {
    match owner {
        "self" => image.owner == state.config.account,
        id => image.owner == id,
    }
}

fn executable(state: &State, image: &Image, by: &str) -> bool {
    match by {
        "all" => image.public,
        "self" => image.shared_with.contains(&state.config.account),
        id => image.shared_with.iter().any(|account| account == id),
    }
}

fn field(state: &State, id: &str, name: &str) -> Vec<String> {
    let Some(image) = state.ec2.images.get(id) else {
        return Vec::new();
    };
    let mappings = image.mappings.iter();
    match name {
        "architecture" => one(&image.architecture),
        "block-device-mapping.delete-on-termination" => mappings
            .map(|m| m.delete_on_termination.to_string())
            .collect(),
        "block-device-mapping.device-name" => mappings.map(|m| m.device.clone()).collect(),
        "block-device-mapping.snapshot-id" => mappings.filter_map(|m| m.snapshot.clone()).collect(),
        "block-device-mapping.volume-size" => mappings.map(|m| m.size.to_string()).collect(),
        "block-device-mapping.volume-type" => mappings.map(|m| m.kind.clone()).collect(),
        "creation-date" => one(date(image.created)),
        "description" => one(&image.description),
        "ena-support" => one(image.ena),
        "hypervisor" => one("xen"),
        "image-id" => one(&image.id),
        "image-type" => one("machine"),
        "is-public" => one(image.public),
        "name" => one(&image.name),
        "owner-id" => one(&image.owner),
        "root-device-name" => one(&image.root_device),
        "root-device-type" => one("ebs"),
        "source-instance-id" => image.source_instance.clone().into_iter().collect(),
        "state" => one(image.state.name()),
        "sriov-net-support" => image.sriov.then(|| "simple".into()).into_iter().collect(),
        "virtualization-type" => one("hvm"),
        _ => Vec::new(),
    }
}

fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

fn show(state: &State, image: &Image) -> Tree {
    Tree::new()
        .put("imageId", &image.id)
        .put("imageLocation", format!("{}/{}", image.owner, image.name))
        .put("imageState", image.state.name())
        .put("imageOwnerId", &image.owner)
        .put("isPublic", image.public)
        .put("architecture", &image.architecture)
        .put("imageType", "machine")
        .put("name", &image.name)
        .put("description", &image.description)
        .put("creationDate", date(image.created))
        .put("rootDeviceType", "ebs")
        .put("rootDeviceName", &image.root_device)
        .put(
            "blockDeviceMapping",
            image.mappings.iter().map(mapping).collect::<Vec<_>>(),
        )
        .put("virtualizationType", "hvm")
        .put("hypervisor", "xen")
        .put("platformDetails", "Linux/UNIX")
        .put("usageOperation", "RunInstances")
        .put("enaSupport", image.ena)
        .put_some("sriovNetSupport", image.sriov.then_some("simple"))
        .put_some("imdsSupport", image.tokens_required.then_some("v2.0"))
        .put_some("sourceInstanceId", image.source_instance.as_ref())
        .put_some("sourceImageId", image.source_image.as_ref())
        .put_some("deprecationTime", image.deprecated.map(date))
        .put_some(
            "lastLaunchedTime",
            image
                .launched
                .filter(|_| image.owner == state.config.account)
                .map(date),
        )
        .put("deregistrationProtection", protection::word(state, image))
        .put_some("stateReason", reason(image))
        .put("tagSet", tags::show(&state.ec2.tags_of(&image.id)))
}

fn reason(image: &Image) -> Option<Tree> {
    let ImageState::Failed(why) = &image.state else {
        return None;
    };
    Some(
        Tree::new()
            .put("code", "Server.InternalError")
            .put("message", why),
    )
}

/// A block device as images show it.
pub(super) fn mapping(mapping: &Mapping) -> Tree {
    let ebs = Tree::new()
        .put_some("snapshotId", mapping.snapshot.as_ref())
        .put("volumeSize", mapping.size)
        .put("deleteOnTermination", mapping.delete_on_termination)
        .put("volumeType", &mapping.kind)
        .put("encrypted", mapping.encrypted);
    Tree::new()
        .put("deviceName", &mapping.device)
        .put("ebs", ebs)
}

//! The tags of a bake: the user's, rendered, and kiln's own.

use jiff::{SignedDuration, Timestamp};

use crate::cloud::{Image, Region, Tags, tag};
use crate::run::RunId;
use crate::source::Diagnostic;
use crate::template::Data;
use crate::template::bake::{Build, Family, Tag};
use crate::template::tags::{path, too_long};

use super::fingerprint::Fingerprint;

/// When a sweep may take scratch without its journal. A bake waits for SSH, cloud-init, provisioners and the image; a day
/// is more than any that was heard of (anchors/packer.md 6.2 has images of nine hours).
const EXPIRY: SignedDuration = SignedDuration::from_hours(24);

/// Everything that is tagged by a bake.
pub(super) struct BakeTags {
    /// Key pair, security group and instance.
    pub scratch: Tags,
    pub volumes: Tags,
    pub spot: Tags,
    pub fleet: Tags,
    pub image: Tags,
    /// When they are to differ from the image's.
    pub snapshots: Option<Tags>,
    /// Whether none of the launch lacks.
    pub launch: bool,
}

/// What a tag may see: the source image.
pub(super) fn data(source: &Image, region: &Region) -> Data {
    let tags = serde_json::to_value(&source.tags).unwrap_or_default();
    Data::new()
        .with("BuildRegion", region.as_str())
        .with("SourceAMI", source.id.as_str())
        .with("SourceAMIName", source.name.as_str())
        .with("SourceAMICreationDate", source.created.to_string())
        .with("SourceAMIOwner", source.owner.as_str())
        .with(
            "SourceAMIOwnerName",
            source.owner_alias.clone().unwrap_or_default(),
        )
        .with("SourceAMITags", tags)
}

/// Renders all tags with what they may see of the source image; findings are added for those that cannot be.
pub(super) fn tags(
    build: &Build,
    family: Option<&Family>,
    own: &Tags,
    (source, data): (&Image, &Data),
    now: Timestamp,
    findings: &mut Vec<Diagnostic>,
) -> BakeTags {
    let before = findings.len();
    let options = &build.builder;
    let mut render = |tags: &[Tag]| self::render(tags, data, findings);
    let run = render(&options.instance.tags);
    let volumes = render(&options.instance.volume_tags);
    let spot = options.instance.spot.as_ref();
    let fleet = spot.map_or_else(Tags::new, |spot| render(&spot.fleet_tags));
    let spot = spot.map_or_else(Tags::new, |spot| render(&spot.tags));
    let launch = findings.len() == before;
    let mut render = |tags: &[Tag]| self::render(tags, data, findings);
    let image = render(&options.image.tags);
    let snapshots = render(&options.image.snapshot_tags);
    let mut scratch = run.clone();
    scratch.extend(own.clone());
    let expires = now.saturating_add(EXPIRY).unwrap_or(Timestamp::MAX);
    let expires = (tag::EXPIRES.to_owned(), expires.to_string());
    scratch.extend([expires.clone()]);
    let kept = if options.image.skip_run_tags {
        Tags::new()
    } else {
        run
    };
    let about = about(family, source);
    let image = join([kept, image, own.clone(), about.clone()]);
    BakeTags {
        volumes: join([volumes, own.clone(), [expires.clone()].into()]),
        spot: join([spot, own.clone(), [expires.clone()].into()]),
        fleet: join([fleet, own.clone(), [expires].into()]),
        launch,
        snapshots: (!snapshots.is_empty())
            .then(|| join([image.clone(), snapshots, own.clone(), about])),
        scratch,
        image,
    }
}

/// Tags that everything of the run carries.
pub(super) fn own(run: RunId, template: &str) -> Tags {
    let version = env!("CARGO_PKG_VERSION");
    [
        (tag::RUN, run.to_string()),
        (tag::MADE_BY, format!("kiln {version}")),
        (tag::TEMPLATE, path(template)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// What an image says about itself, so that it can be found and understood without its template.
fn about(family: Option<&Family>, source: &Image) -> Tags {
    let source = (tag::SOURCE_IMAGE, source.id.to_string());
    let name = family.map(|family| (tag::FAMILY, family.name.value.clone()));
    let version = family.and_then(|family| family.version.as_ref());
    let version = version.map(|version| (tag::VERSION, version.value.clone()));
    [Some(source), name, version]
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

/// With the tag by which a bake of the same inputs finds the image again.
pub(super) fn fingerprinted(mut tags: Tags, fingerprint: Option<Fingerprint>) -> Tags {
    tags.extend(fingerprint.map(|print| (tag::FINGERPRINT.to_owned(), print.to_string())));
    tags
}

/// Later ones win: kiln's own tags cannot be taken over by the user's.
fn join<const N: usize>(tags: [Tags; N]) -> Tags {
    tags.into_iter().flatten().collect()
}

fn render(tags: &[Tag], data: &Data, findings: &mut Vec<Diagnostic>) -> Tags {
    let mut rendered = Tags::new();
    for tag in tags {
        match tag.value.render(data) {
            Ok(value) => {
                let long = too_long(&tag.key.value, &value);
                findings.extend(long.map(|long| long.at_value(&tag.key, "of this tag")));
                rendered.insert(tag.key.value.clone(), value);
            }
            Err(finding) => findings.push(finding),
        }
    }
    rendered
}

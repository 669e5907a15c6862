//! The builder `amazon-ebs`, from its object to [`AmazonEbs`]: defaults are Packer's where a template can tell the
//! difference, and the safer ones where it cannot (own address, ed25519, `IMDSv2`).

mod access;
mod clear;
mod devices;
mod image;
mod key_pair;
mod keys;
mod network;
mod polling;
mod run;
mod session_manager;
pub(super) mod ssh;
mod tunnel;

use super::bake::{AmazonEbs, ImageOptions, Instance, Source, SourceFilter, Tag};
use super::decode;
use super::interpolate::Interpolator;
use super::late::Late;
use super::local::Local;
use super::options::Options;
use super::tags::{OF_IMAGE, OF_SCRATCH, OF_SNAPSHOT};
use crate::source::json::Json;
use crate::source::{Diagnostic, Place, Spanned};

/// Late data of tags and descriptions.
const TAG_DATA: &[&str] = &[
    "BuildRegion",
    "SourceAMI",
    "SourceAMIName",
    "SourceAMICreationDate",
    "SourceAMIOwner",
    "SourceAMIOwnerName",
    "SourceAMITags",
];

/// Reads the builder; `None` when something that must be there is not, which is reported.
pub(super) fn read(
    interpolator: &Interpolator,
    json: &Json,
    local: &Local<'_>,
) -> Option<AmazonEbs> {
    let tables = [
        keys::BUILDER,
        keys::ACCESS,
        keys::IMAGE,
        keys::RUN,
        keys::SSH,
    ];
    let options = Options::open(interpolator, json, "the builder `amazon-ebs`", &tables)?;
    super::clear::check(&options, clear::fate);
    let access = access::read(&options, local);
    let image = image::read(&options);
    let source = source(&options);
    let instance = run::read(&options, local);
    let ssh = ssh::read(&options, local);
    if let (Some(image), Some(instance)) = (&image, &instance) {
        count_tags(&options, image, instance);
    }
    Some(AmazonEbs {
        access,
        image: image?,
        source: source?,
        instance: instance?,
        ssh: ssh?,
    })
}

fn tags(options: &Options<'_>, name: &str, single: &'static str) -> Vec<Tag> {
    let tag = |(key, value): (Spanned<String>, Late)| Tag { key, value };
    let mut tags: Vec<Tag> = options.texts(name, TAG_DATA).into_iter().map(tag).collect();
    for entry in options.objects(
        single,
        single,
        &[super::options::on("key"), super::options::on("value")],
    ) {
        if let (Some(key), Some(value)) = (
            entry.need_text("key", "name the tag"),
            entry.late("value", TAG_DATA),
        ) {
            tags.push(Tag { key, value });
        }
    }
    super::tags::check(options, tags.iter().map(|tag| (&tag.key, &tag.value)));
    tags
}

/// Reports more tags than AWS takes, on each kind of thing that a bake tags.
fn count_tags(options: &Options<'_>, image: &ImageOptions, instance: &Instance) {
    let count = |what, own, lists: &[&[Tag]]| {
        let keys = lists.iter().flat_map(|tags| tags.iter());
        super::tags::count(options, what, keys.map(|tag| &tag.key), own)
    };
    let run = &instance.tags[..];
    let kept = if image.skip_run_tags { &[] } else { run };
    count("the machine", OF_SCRATCH, &[run]);
    count(
        "a volume of the machine",
        OF_SCRATCH,
        &[&instance.volume_tags],
    );
    if count("the image", OF_IMAGE, &[kept, &image.tags]) {
        count(
            "a snapshot of the image",
            OF_SNAPSHOT,
            &[kept, &image.tags, &image.snapshot_tags],
        );
    }
    if let Some(spot) = &instance.spot {
        count("the spot request", OF_SCRATCH, &[&spot.tags]);
        count("the fleet", OF_SCRATCH, &[&spot.fleet_tags]);
    }
}

fn source(options: &Options<'_>) -> Option<Source> {
    if let Some(id) = options.text("source_ami") {
        if let Some(filter) = options.get("source_ami_filter") {
            options.report(
                Diagnostic::note(
                    "template::idle_option",
                    "`source_ami_filter` has no effect: `source_ami` names the image",
                )
                .at(filter.span.first_byte(), "not asked")
                .at_value(&id, "this image is taken"),
            );
        }
        return Some(Source::Id(id));
    }
    if !options.has("source_ami_filter") {
        options.missing_all(
            &["source_ami", "source_ami_filter"],
            "name the source image by `source_ami`, or find it by `source_ami_filter`",
        );
    }
    image_filter(options, "source_ami_filter").map(Source::Filter)
}

/// The option that finds an image: filters, owners, and which of several.
pub(super) fn image_filter(options: &Options<'_>, name: &str) -> Option<SourceFilter> {
    let called = format!("`{name}`");
    let filter = options.object(name, &called, keys::FILTER)?;
    let filters = filter.texts("filters", &[]).into_iter();
    let owners: Vec<_> = filter
        .ids("owners")
        .into_iter()
        .filter(|owner| !owner.is_empty())
        .collect();
    if owners.is_empty() && !owners_are_broken(&filter) {
        filter.missing(
            "owners",
            "say whose images may be taken, for example \"owners\": [\"136693071363\"] for Debian",
        );
        return None;
    }
    Some(SourceFilter {
        filters: filters
            .map(|(name, value)| (name, decode::csv(value.text().unwrap_or_default())))
            .collect(),
        owners,
        most_recent: filter.flag("most_recent"),
        include_deprecated: filter.flag("include_deprecated"),
        place: Place::at(filter.json.span),
    })
}

/// Whether owners are written and could not be settled, which is reported already.
fn owners_are_broken(filter: &Options<'_>) -> bool {
    filter
        .get("owners")
        .is_some_and(|owners| filter.interpolator.settle_all(owners).is_none())
}

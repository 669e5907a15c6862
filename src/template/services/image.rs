//! `image`: by what an image is chosen, and what a manifest says of it.

use super::super::amazon;
use super::super::local::Local;
use super::super::near;
use super::super::options::{Key, Options, on};
use super::super::service::{FromManifest, ImageChoice, Made, Unread};
use crate::source::json::{Json, Value};
use serde::Deserialize;
use std::path::Path;

const IMAGE: &[Key] = &[
    on("family"),
    on("channel"),
    on("id"),
    on("filter"),
    on("ssm"),
    on("manifest"),
];
const MANIFEST: &[Key] = &[on("file"), on("name")];
/// Each says by itself which image is meant.
const CHOICES: [&str; 5] = ["id", "family", "filter", "ssm", "manifest"];

pub(super) fn read(root: &Options<'_>, file: &str, local: &Local<'_>) -> Option<ImageChoice> {
    let help = "name a family, \"image\": { \"family\": \"web\" }, or an image, \"image\": { \"id\": \"ami-…\" }";
    if !root.has("image") {
        root.missing("image", help);
        return None;
    }
    let image = root.object("image", "`image`", IMAGE)?;
    for (at, one) in CHOICES.iter().enumerate() {
        for other in &CHOICES[at + 1..] {
            image.exclusive(other, one);
        }
    }
    if let Some(id) = image.text("id") {
        return Some(ImageChoice::Id(id));
    }
    if let Some(name) = image.text("ssm") {
        return Some(ImageChoice::Parameter(name));
    }
    if image.has("filter") {
        return amazon::image_filter(&image, "filter").map(ImageChoice::Filter);
    }
    if image.has("manifest") {
        return manifest(&image, file, local).map(ImageChoice::Manifest);
    }
    if image.meant(&["id", "ssm", "manifest"]) {
        return None;
    }
    let family = image.need_text("family", help);
    Some(ImageChoice::Family {
        family: family?,
        channel: image.text("channel"),
    })
}

fn manifest(image: &Options<'_>, service: &str, local: &Local<'_>) -> Option<FromManifest> {
    let help = "name the file: \"manifest\": \"manifest.json\"";
    let is_object = |one: &&Json| matches!(one.value, Value::Object(_));
    let (file, name) = if image.get("manifest").as_ref().is_some_and(is_object) {
        let options = image.object("manifest", "`image.manifest`", MANIFEST)?;
        (options.need_text("file", help)?, options.text("name"))
    } else {
        (image.need_text("manifest", help)?, None)
    };
    let made = made(&local.beside(&file, service), local);
    Some(FromManifest { file, name, made })
}

/// A manifest in packer's shape, as far as it is of use here.
#[derive(Deserialize)]
struct Manifest {
    builds: Vec<Build>,
    last_run_uuid: String,
}

#[derive(Deserialize)]
struct Build {
    #[serde(default)]
    name: String,
    /// `region:ami-…`, of several regions parted by commas; of what is no image anything else.
    #[serde(default)]
    artifact_id: String,
    packer_run_uuid: String,
}

fn made(path: &Path, local: &Local<'_>) -> Result<Vec<Made>, Unread> {
    let shown = path.display();
    let writes = "`kiln bake` writes one with the post-processor `manifest`";
    if !local.disk.exists(path) {
        let folder = path.parent().filter(|one| !one.as_os_str().is_empty());
        let names = local.disk.names(folder.unwrap_or(Path::new(".")));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        return Err(Unread {
            problem: format!("the manifest {shown} is not here"),
            help: near::or_else(&name, names.iter().map(String::as_str), writes),
        });
    }
    let unread = |reason: String| Unread {
        problem: format!("{shown} is no manifest: {reason}"),
        help: writes.to_owned(),
    };
    let text = local.disk.read(path).map_err(unread)?;
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|error| unread(error.to_string()))?;
    let last = manifest.last_run_uuid;
    let builds = manifest.builds.iter();
    let builds = builds.filter(|build| build.packer_run_uuid == last);
    Ok(builds.flat_map(images).collect())
}

/// The images of a build.
fn images(build: &Build) -> Vec<Made> {
    let parts = build.artifact_id.split(',');
    let images = parts.filter_map(|part| part.trim().split_once(':'));
    let images = images.filter(|(_, image)| image.starts_with("ami-"));
    images
        .map(|(region, image)| Made {
            build: build.name.clone(),
            region: region.to_owned(),
            image: image.to_owned(),
        })
        .collect()
}

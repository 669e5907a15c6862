//! `manifest`: an entry for what was made, in a file that scripts read.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::post::{Artifact, Built, Error};
use crate::store::{ManifestBuild, ManifestFile, add_to_manifest};
use crate::template::Late;
use crate::template::post_processor::Manifest;

/// Adds the entry.
pub(super) fn run(
    manifest: &Manifest,
    artifact: &Artifact,
    built: &Built<'_>,
) -> Result<(), Error> {
    let data = built.data();
    let render = |(key, text): &(String, Late)| Ok((key.clone(), text.render(&data)?));
    let custom: Result<BTreeMap<_, _>, Error> = manifest.custom_data.iter().map(render).collect();
    let custom = custom?;
    let file = |path: &PathBuf| file(path, manifest.strip_path);
    let files = artifact.files();
    let entry = ManifestBuild {
        name: built.name.to_owned(),
        builder_type: built.kind.to_owned(),
        build_time: (!manifest.strip_time).then(|| built.clock.now().as_second()),
        files: (!files.is_empty()).then(|| files.iter().map(file).collect()),
        artifact_id: artifact.id().to_owned(),
        packer_run_uuid: built.call.clone(),
        custom_data: (!custom.is_empty()).then_some(custom),
    };
    let path = &manifest.output;
    add_to_manifest(path, entry, built.afresh).map_err(|source| Error::write(path, source))
}

fn file(path: &PathBuf, strip: bool) -> ManifestFile {
    let name = path.file_name().filter(|_| strip);
    let name = name.unwrap_or(path.as_os_str());
    ManifestFile {
        name: name.to_string_lossy().into_owned(),
        // As in Packer, what cannot be looked at has no size.
        size: fs::metadata(path).map_or(0, |there| there.len()),
    }
}

//! The manifest post-processor: an entry for each image, also for one that an earlier run made.

use std::collections::BTreeMap;

use serde_json::json;

use crate::bake::{Artifact, SourceImage};
use crate::cli::Context;
use crate::run::{Clock, RunId};
use crate::store::{ManifestBuild, add_to_manifest};
use crate::template::bake::{Build, Manifest, PostProcessor};
use crate::template::{Data, Late};

/// Adds an image to the manifests that the build asks for. Errors with a sentence.
pub fn write(
    build: &Build,
    source: &SourceImage,
    run: RunId,
    artifact: &Artifact,
    context: &Context,
) -> Result<(), String> {
    let data = Data::new().with(
        "build",
        json!({
            "PackerRunUUID": run,
            "BuildRegion": artifact.region,
            "SourceAMI": source.id,
            "SourceAMIName": source.name,
            "SourceAMICreationDate": source.created,
            "SourceAMIOwner": source.owner,
            "SourceAMIOwnerName": source.owner_alias,
        }),
    );
    for PostProcessor::Manifest(manifest) in &build.post_processors {
        let entry = ManifestBuild {
            name: build.name.value.clone(),
            builder_type: "amazon-ebs".to_owned(),
            build_time: (!manifest.strip_time).then(|| context.clock.now().as_second()),
            files: None,
            artifact_id: artifact.id(),
            packer_run_uuid: run.to_string(),
            custom_data: (!manifest.custom_data.is_empty())
                .then(|| custom_data(manifest, &data))
                .transpose()?,
        };
        let path = &manifest.output;
        add_to_manifest(path, entry).map_err(|error| {
            format!(
                "the image is there, but {} cannot be written: {error}",
                path.display()
            )
        })?;
    }
    Ok(())
}

fn custom_data(manifest: &Manifest, data: &Data) -> Result<BTreeMap<String, String>, String> {
    let render = |(key, text): &(String, Late)| match text.render(data) {
        Ok(text) => Ok((key.clone(), text)),
        Err(finding) => Err(format!(
            "custom_data `{key}` of the manifest: {}",
            finding.message
        )),
    };
    manifest.custom_data.iter().map(render).collect()
}

//! Manifests in Packer's shape (anchors/packer.md 3.2), which scripts read: one file for all bakes, the newest run named.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::store::durable::update;

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub builds: Vec<ManifestBuild>,
    pub last_run_uuid: String,
}

/// One bake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestBuild {
    pub name: String,
    pub builder_type: String,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_time: Option<i64>,
    /// Null for images.
    pub files: Option<Vec<ManifestFile>>,
    /// `region:ami-…`; empty for files.
    pub artifact_id: String,
    pub packer_run_uuid: String,
    pub custom_data: Option<std::collections::BTreeMap<String, String>>,
}

/// A file of a bake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    pub name: String,
    /// In bytes.
    pub size: u64,
}

/// Adds a bake to the manifest at `path`, which need not be there yet; with `afresh`, what other runs have added goes.
///
/// A reader sees the file with it or without it, never half, and bakes of other processes are kept. Errors when the file
/// holds something else.
pub fn add_to_manifest(path: &Path, build: ManifestBuild, afresh: bool) -> io::Result<()> {
    update(path, |old| {
        let mut manifest = read(old.as_deref())?;
        if afresh && manifest.last_run_uuid != build.packer_run_uuid {
            manifest = Manifest::default();
        }
        manifest.last_run_uuid.clone_from(&build.packer_run_uuid);
        manifest.builds.push(build);
        Ok(serde_json::to_string_pretty(&manifest)?)
    })
}

/// Whether a bake could be added to what is at `path`.
pub fn check_manifest(path: &Path) -> io::Result<()> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        text => read(Some(&text?)).map(drop),
    }
}

/// An empty file is a manifest without bakes, as for Packer.
fn read(text: Option<&str>) -> io::Result<Manifest> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(Manifest::default());
    };
    let no_manifest = |error| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it is no manifest: {error}"),
        )
    };
    serde_json::from_str(text).map_err(no_manifest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn build(id: &str) -> ManifestBuild {
        ManifestBuild {
            name: "web".to_owned(),
            builder_type: "amazon-ebs".to_owned(),
            build_time: Some(1),
            files: None,
            artifact_id: format!("eu-central-1:{id}"),
            packer_run_uuid: format!("run of {id}"),
            custom_data: None,
        }
    }

    #[test]
    fn each_bake_is_added_and_the_last_run_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out/manifest.json");
        add_to_manifest(&path, build("ami-1"), false).unwrap();
        add_to_manifest(&path, build("ami-2"), false).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            manifest["builds"][0],
            serde_json::json!({
                "name": "web", "builder_type": "amazon-ebs", "build_time": 1, "files": null,
                "artifact_id": "eu-central-1:ami-1", "packer_run_uuid": "run of ami-1", "custom_data": null
            })
        );
        assert_eq!(manifest["builds"][1]["artifact_id"], "eu-central-1:ami-2");
        assert_eq!(manifest["last_run_uuid"], "run of ami-2");
    }

    #[test]
    fn afresh_other_runs_go_and_this_one_s_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.json");
        let of = |id: &str, run: &str| ManifestBuild {
            packer_run_uuid: run.to_owned(),
            ..build(id)
        };
        fs::write(&path, "").unwrap();
        add_to_manifest(&path, of("ami-1", "a"), false).unwrap();
        add_to_manifest(&path, of("ami-2", "b"), true).unwrap();
        add_to_manifest(&path, of("ami-3", "b"), true).unwrap();
        let manifest = read(Some(&fs::read_to_string(&path).unwrap())).unwrap();
        let ids: Vec<_> = manifest
            .builds
            .iter()
            .map(|build| build.artifact_id.as_str())
            .collect();
        assert_eq!(ids, ["eu-central-1:ami-2", "eu-central-1:ami-3"]);
    }

    #[test]
    fn a_file_that_is_no_manifest_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        fs::write(&path, "mine").unwrap();
        assert!(add_to_manifest(&path, build("ami-1"), false).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }
}

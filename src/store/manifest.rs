//! Manifests in Packer's shape (anchors/packer.md 3.2), which scripts read: one file for all bakes, the newest run named.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::store::durable::replace;

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
    /// Always null for images.
    pub files: Option<Vec<serde_json::Value>>,
    /// `region:ami-…`
    pub artifact_id: String,
    pub packer_run_uuid: String,
    pub custom_data: Option<std::collections::BTreeMap<String, String>>,
}

/// Adds a bake to the manifest at `path`, which need not be there yet.
///
/// A reader sees the file with it or without it, never half. Errors when the file holds something else.
pub fn add_to_manifest(path: &Path, build: ManifestBuild) -> io::Result<()> {
    let mut manifest: Manifest = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Manifest::default(),
        text => serde_json::from_str(&text?)?,
    };
    manifest.last_run_uuid.clone_from(&build.packer_run_uuid);
    manifest.builds.push(build);
    replace(path, &serde_json::to_string_pretty(&manifest)?)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        add_to_manifest(&path, build("ami-1")).unwrap();
        add_to_manifest(&path, build("ami-2")).unwrap();
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
    fn a_file_that_is_no_manifest_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        fs::write(&path, "mine").unwrap();
        assert!(add_to_manifest(&path, build("ami-1")).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }
}

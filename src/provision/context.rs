//! What provisioners know of the build that they belong to.

use crate::template::Data;

/// The build, as its provisioners see it.
#[derive(Clone, Debug)]
pub struct Context {
    /// `PACKER_BUILD_NAME`.
    pub build_name: String,
    /// `PACKER_BUILDER_TYPE`.
    pub builder_type: String,
    /// Goes into the names of temporary files on the machine.
    pub run: String,
    /// What ``{{build `…`}}`` may name: see [`crate::template::provisioner::BUILD_DATA`].
    pub build: serde_json::Map<String, serde_json::Value>,
    /// After the build: the id of what it made, `KILN_ARTIFACT_ID`.
    pub artifact: Option<String>,
}

impl Context {
    /// The late data of every field of a provisioner.
    pub(super) fn data(&self) -> Data {
        Data::new().with("build", self.build.clone())
    }

    /// What every script gets in its environment.
    pub(super) fn environment(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let packers = [
            ("PACKER_BUILD_NAME", self.build_name.as_str()),
            ("PACKER_BUILDER_TYPE", &self.builder_type),
        ];
        let artifact = self.artifact.as_deref();
        let ours = artifact.map(|id| ("KILN_ARTIFACT_ID", id));
        packers.into_iter().chain(ours)
    }

    /// A word that the command line of everything carries that this provisioner starts, and nothing else.
    pub(super) fn mark(&self, number: usize) -> String {
        format!("kiln-{}-{number}", self.run)
    }
}

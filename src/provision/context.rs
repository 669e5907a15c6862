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
}

impl Context {
    /// The late data of every field of a provisioner.
    pub(super) fn data(&self) -> Data {
        Data::new().with("build", self.build.clone())
    }

    /// What every script gets in its environment.
    pub(super) fn environment(&self) -> [(&'static str, &str); 2] {
        [
            ("PACKER_BUILD_NAME", &self.build_name),
            ("PACKER_BUILDER_TYPE", &self.builder_type),
        ]
    }

    /// A word that the command line of everything carries that this provisioner starts, and nothing else.
    pub(super) fn mark(&self, number: usize) -> String {
        format!("kiln-{}-{number}", self.run)
    }
}

//! Post-processors, carried out on this host in the order of the template: chains, each of which begins with what the
//! build made.
//!
//! It owns what becomes of what: an artifact goes from step to step, files that a step does not keep go, images never do.
//! Which steps there are is settled in `template`, programs of this host are `provision`'s, files `store`'s.

mod artifact;
mod artifice;
mod chain;
mod checksum;
mod compress;
mod error;
mod glob;
mod job;
mod manifest;
mod members;
mod packer;
mod zip;

pub use artifact::Artifact;
pub use chain::{Ending, Extent, Step, process};
pub use error::Error;

use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::provision;
use crate::run::Clock;
use crate::store;
use crate::template::Data;
use crate::template::post_processor::{Kind, PostProcessor};

/// What its post-processors know of a build.
pub struct Built<'a> {
    pub name: &'a str,
    /// `amazon-ebs`.
    pub kind: &'static str,
    /// What goes into the names of temporary files.
    pub run: String,
    /// Under which manifests know the call: `packer_run_uuid`.
    pub call: String,
    pub artifact: Artifact,
    /// What ``{{build `…`}}`` may name.
    pub data: Map<String, Value>,
    /// What other calls have left in manifests goes (`-force`).
    pub afresh: bool,
    pub clock: &'a dyn Clock,
}

impl Built<'_> {
    fn data(&self) -> Data {
        Data::new().with("build", self.data.clone())
    }

    /// What names of files may use besides.
    fn output_data(&self) -> Data {
        let data = self.data().with("BuildName", self.name);
        data.with("BuilderType", self.kind)
    }
}

/// Finds what would fail whatever is made: scripts that cannot be read, manifests that are none. All of it at once.
pub fn check(chains: &[Vec<PostProcessor>]) -> Vec<(&PostProcessor, Error)> {
    let steps = chains.iter().flatten();
    let failing = steps.filter_map(|post| Some((post, check_one(&post.kind).err()?)));
    failing.collect()
}

fn check_one(kind: &Kind) -> Result<(), Error> {
    match kind {
        Kind::ShellLocal(shell) => Ok(provision::check_here(shell)?),
        Kind::Manifest(manifest) => {
            let path = &manifest.output;
            store::check_manifest(path).map_err(|source| Error::write(path, source))
        }
        Kind::Artifice(_) | Kind::Checksum(_) | Kind::Compress(_) => Ok(()),
    }
}

/// How many bytes files have; of folders it is not known beforehand.
fn total(files: &[PathBuf]) -> u64 {
    let sizes = files.iter().filter_map(|file| fs::metadata(file).ok());
    sizes.map(|there| there.len()).sum()
}

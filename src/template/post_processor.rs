//! Post-processors with every option settled, in the order they run. How they are carried out is `post`'s matter.

use super::late::Late;
use super::provisioner::ShellLocal;
use crate::source::{Place, Spanned};
use serde::Serialize;
use std::path::PathBuf;

/// The names that late text of a post-processor may use, besides the build's data
/// ([`BUILD_DATA`](super::provisioner::BUILD_DATA)): what `output` is named after.
pub const OUTPUT_DATA: &[&str] = &["BuildName", "BuilderType", "ChecksumType"];

/// One post-processor of one build; `only`, `except` and `-except` are applied already.
#[derive(Debug, Clone, Serialize)]
pub struct PostProcessor {
    pub kind: Kind,
    /// The type, when the template gives no name.
    pub name: String,
    /// Where it stands.
    #[serde(skip)]
    pub place: Place,
    /// Whether what it is given stays. Always so where that is an image.
    pub keeps_input: bool,
}

/// What a post-processor does.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Manifest(Manifest),
    ShellLocal(ShellLocal),
    Artifice(Artifice),
}

impl Kind {
    /// The type, as templates write it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Manifest(_) => "manifest",
            Self::ShellLocal(_) => "shell-local",
            Self::Artifice(_) => "artifice",
        }
    }
}

/// `manifest`: the list of builds that scripts read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Manifest {
    pub output: PathBuf,
    /// Only file names in `files`.
    pub strip_path: bool,
    /// No build time.
    pub strip_time: bool,
    pub custom_data: Vec<(String, Late)>,
}

/// `artifice`: files of this host take the place of what was made.
#[derive(Debug, Clone, Serialize)]
pub struct Artifice {
    /// Patterns as Go's `filepath.Glob` has them; at least one.
    pub files: Vec<Spanned<String>>,
}

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
    Checksum(Checksum),
    Compress(Compress),
}

impl Kind {
    /// The type, as templates write it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Manifest(_) => "manifest",
            Self::ShellLocal(_) => "shell-local",
            Self::Artifice(_) => "artifice",
            Self::Checksum(_) => "checksum",
            Self::Compress(_) => "compress",
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

/// `checksum`. Late data of the output: [`OUTPUT_DATA`].
#[derive(Debug, Clone, Serialize)]
pub struct Checksum {
    /// In the order written, none of them twice.
    pub types: Vec<Sum>,
    pub output: Late,
}

/// A way to sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sum {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Sum {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Md5,
        Self::Sha1,
        Self::Sha224,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
    ];

    /// As templates write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }
}

/// `compress`. Late data of the output: [`OUTPUT_DATA`], of which it knows the first two.
#[derive(Debug, Clone, Serialize)]
pub struct Compress {
    pub output: Late,
    /// Unset: the one file itself.
    pub archive: Option<Archive>,
    /// Unset in a zip, too, which packs its files itself.
    pub packing: Option<Packing>,
    /// 1 to 9; unset: what the format has.
    pub level: Option<u32>,
}

/// Several files in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Archive {
    Tar,
    Zip,
}

/// A format of one compressed stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Packing {
    Gz,
    Bz2,
    Xz,
    Lz4,
    /// gzip in blocks that can be read alone.
    Bgzf,
}

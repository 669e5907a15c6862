//! A bake template with nothing left to resolve: every option typed, defaulted and checked. What a name means in the
//! account (does the subnet exist) is for `bake::facts` to find out; a place goes with each value that AWS may refuse.

mod instance;

pub use instance::{
    BlockDevice, Instance, MetadataOptions, NamedFilter, Placement, Reservation, ShutdownBehavior,
    Spot, SubnetFilter,
};
mod ssh;

pub use ssh::{
    Also, Bastion, CIPHERS, Interface, KEY_EXCHANGES, KeyKind, Login, Proxy, SessionManager, Ssh,
    Transfer, Tunnel,
};

pub use super::image::{
    Copies, EncryptionKeys, ImageOptions, Protection, Sharing, description_too_long,
};
use super::late::Late;
use super::post_processor::PostProcessor;
use super::provisioner::Provisioner;
use super::seconds;
use super::secret::Secret;
use crate::source::{Place, Spanned};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// A checked template with its var files folded in.
#[derive(Debug, Clone, Serialize)]
pub struct Template {
    /// The template's file name as the user gave it.
    pub file: String,
    pub description: Option<String>,
    /// The root key `kiln`; without it the image belongs to no family.
    pub family: Option<Family>,
    /// One for each selected builder; at least one.
    pub builds: Vec<Build>,
    /// Values that no sink may print.
    #[serde(skip)]
    pub secrets: Vec<Secret>,
}

/// kiln's own keys.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Family {
    pub name: Spanned<String>,
    pub version: Option<Spanned<String>>,
    /// Commands that must succeed on the machine at the end of the bake.
    pub verify: Vec<Late>,
    pub cache: bool,
    #[serde(serialize_with = "seconds::optional")]
    pub max_age: Option<Duration>,
    pub retention: Retention,
}

/// How many images of a family are kept, and for how long; an image goes when both say so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Retention {
    pub images: Option<u32>,
    pub days: Option<u32>,
}

/// One builder with the provisioners and post-processors that apply to it.
#[derive(Debug, Clone, Serialize)]
pub struct Build {
    /// The rendered name; the type when the template names none.
    pub name: Spanned<String>,
    /// Where the builder's object stands.
    #[serde(skip)]
    pub place: Place,
    pub builder: AmazonEbs,
    pub provisioners: Vec<Provisioner>,
    /// Runs when a bake fails, before its machine goes.
    pub error_cleanup: Option<Provisioner>,
    /// Chains, each of which begins with the image; none is empty.
    pub post_processors: Vec<Vec<PostProcessor>>,
}

impl Build {
    /// Credentials that the builder's options hold.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        let keys = self.builder.access.keys.iter();
        let keys = keys
            .flat_map(|keys| [Some(&keys.secret_key.value), keys.token.as_ref()])
            .flatten();
        keys.chain(self.builder.ssh.secrets()).cloned().collect()
    }
}

/// The options of Packer's `amazon-ebs`, by what they are about.
#[derive(Debug, Clone, Serialize)]
pub struct AmazonEbs {
    pub access: Access,
    pub image: ImageOptions,
    pub source: Source,
    pub instance: Instance,
    pub ssh: Ssh,
}

/// How to reach the account.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Access {
    pub profile: Option<Spanned<String>>,
    /// The build region; AWS's own rules decide when the template does not.
    pub region: Option<Spanned<String>>,
    /// Access key and secret key: both or neither.
    pub keys: Option<Keys>,
    pub custom_endpoint_ec2: Option<Spanned<String>>,
    /// Read beside AWS's own files.
    pub shared_credentials_file: Option<Spanned<PathBuf>>,
    pub assume_role: Option<AssumeRole>,
    pub vault: Option<VaultEngine>,
    pub decode_authorization_messages: bool,
    pub insecure_skip_tls_verify: bool,
    pub max_retries: Option<u32>,
    pub polling: Polling,
}

/// `assume_role`.
#[derive(Debug, Clone, Serialize)]
pub struct AssumeRole {
    pub role_arn: Spanned<String>,
    #[serde(serialize_with = "seconds::optional")]
    pub duration: Option<Duration>,
    pub external_id: Option<Spanned<String>>,
    pub policy: Option<Spanned<String>>,
    pub policy_arns: Vec<Spanned<String>>,
    pub session_name: Option<Spanned<String>>,
    pub tags: Vec<(String, String)>,
    pub transitive_tag_keys: Vec<Spanned<String>>,
}

/// `vault_aws_engine`: Vault lends the credentials.
#[derive(Debug, Clone, Serialize)]
pub struct VaultEngine {
    /// Vault's name for what the credentials may do.
    pub name: Spanned<String>,
    /// Where the secrets engine is mounted.
    pub engine: String,
    pub role_arn: Option<String>,
    /// In Vault's own spelling.
    pub ttl: Option<String>,
}

/// Static credentials from the template.
#[derive(Debug, Clone, Serialize)]
pub struct Keys {
    pub access_key: Spanned<Secret>,
    pub secret_key: Spanned<Secret>,
    pub token: Option<Secret>,
}

/// How often and how long to wait for the cloud, when the template or the environment says so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Polling {
    /// The pause between two polls.
    #[serde(serialize_with = "seconds::optional")]
    pub delay: Option<Duration>,
    /// The limit of each wait.
    #[serde(serialize_with = "seconds::optional")]
    pub limit: Option<Duration>,
}

/// A tag; key and value are strings AWS may refuse.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tag {
    pub key: Spanned<String>,
    pub value: Late,
}

/// The source image.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Id(Spanned<String>),
    Filter(SourceFilter),
}

/// `source_ami_filter`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceFilter {
    /// Filter name and values, in the order written; each value was read as CSV.
    pub filters: Vec<(Spanned<String>, Vec<String>)>,
    /// Account ids or aliases (`self`, `amazon`); never empty.
    pub owners: Vec<Spanned<String>>,
    /// Take the newest of several; otherwise several are an error.
    pub most_recent: bool,
    pub include_deprecated: bool,
    /// Where the filter stands.
    #[serde(skip)]
    pub place: Place,
}

//! How an account is reached: region, endpoint, and whose credentials.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[expect(
    deprecated,
    reason = "the new name is in a crate that the SDK calls its own affair"
)]
use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_sts::types::{PolicyDescriptorType, Tag};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::aws::Lent;
use crate::aws::budget::Budget;
use crate::cloud::Fence;

/// Attempts of one call, the first included: Packer's own default (anchors/packer.md 2.1, `max_retries`).
const MAX_ATTEMPTS: u32 = 10;
/// A TCP and TLS handshake within a region takes tens of milliseconds; from an agent far away, a second or two.
const CONNECT: Duration = Duration::from_secs(5);
/// The slowest calls that flows make (`DescribeImages` without a filter) answer within seconds.
const ATTEMPT: Duration = Duration::from_secs(30);

/// How to reach an account: what a template, a service file or flags say beyond AWS's own environment and files.
#[derive(Clone, Debug, Default)]
pub struct Access {
    pub profile: Option<String>,
    pub region: Option<String>,
    /// `custom_endpoint_ec2`; `AWS_ENDPOINT_URL` and profiles are read by the SDK itself.
    pub ec2_endpoint: Option<String>,
    pub keys: Option<Keys>,
    /// When the keys of the environment, or these, end: the SDK does not read it (`AWS_CREDENTIAL_EXPIRATION`).
    pub ends: Option<jiff::Timestamp>,
    /// Whose credentials come before any others.
    pub lent: Option<Lent>,
    /// `shared_credentials_file`: read beside AWS's own files, and goes before them.
    pub files: Option<PathBuf>,
    /// The role that everything is done in.
    pub role: Option<Role>,
    /// Certificates are not checked.
    pub insecure: bool,
    /// Attempts of one call.
    pub max_attempts: Option<u32>,
    /// Spreads the polls of processes that begin at the same time; 0 does not.
    pub jitter: u64,
    /// Replaces the network: simulations answer from a model in the same process.
    pub http: Option<SharedHttpClient>,
    /// Asked before each call that changes something.
    pub fence: Fence,
}

/// Fixed credentials, as a template may name them.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    pub access_key: String,
    pub secret_key: String,
    pub token: Option<String>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

/// `assume_role` ("`AssumeRole`" of the STS API). The SDK asks anew before the credentials end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    pub arn: String,
    pub duration: Option<Duration>,
    pub external_id: Option<String>,
    pub policy: Option<String>,
    pub policy_arns: Vec<String>,
    pub session_name: Option<String>,
    pub tags: BTreeMap<String, String>,
    pub transitive_tag_keys: Vec<String>,
}

impl Role {
    fn provider(&self, config: &SdkConfig, lent: Option<&Lent>) -> Assumed {
        let mut sts = aws_sdk_sts::config::Builder::from(config);
        if let Some(lent) = lent {
            sts = sts.interceptor(Budget).retry_classifier(lent.clone());
        }
        Assumed {
            sts: aws_sdk_sts::Client::from_conf(sts.build()),
            role: self.clone(),
        }
    }
}

/// Gives a role's credentials out.
#[derive(Debug)]
struct Assumed {
    sts: aws_sdk_sts::Client,
    role: Role,
}

impl ProvideCredentials for Assumed {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.ask())
    }
}

impl Assumed {
    async fn ask(&self) -> Result<Credentials, CredentialsError> {
        let Role {
            arn,
            duration,
            external_id,
            policy,
            policy_arns,
            session_name,
            tags,
            transitive_tag_keys,
        } = &self.role;
        let arns = policy_arns
            .iter()
            .map(|arn| PolicyDescriptorType::builder().arn(arn).build());
        let tags: Result<Vec<_>, _> = tags
            .iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect();
        let seconds = duration.map(|time| i32::try_from(time.as_secs()).unwrap_or(i32::MAX));
        let answer = self
            .sts
            .assume_role()
            .role_arn(arn)
            .role_session_name(session_name.as_deref().unwrap_or("kiln"))
            .set_duration_seconds(seconds)
            .set_external_id(external_id.clone())
            .set_policy(policy.clone())
            .set_policy_arns(some(arns.collect()))
            .set_tags(some(tags.map_err(CredentialsError::invalid_configuration)?))
            .set_transitive_tag_keys(some(transitive_tag_keys.clone()))
            .send()
            .await
            .map_err(|error| CredentialsError::provider_error(error.into_service_error()))?;
        let given = answer.credentials();
        let given =
            given.ok_or_else(|| CredentialsError::unhandled("the answer has no credentials"))?;
        let ends = std::time::SystemTime::try_from(*given.expiration());
        Ok(Credentials::new(
            given.access_key_id(),
            given.secret_access_key(),
            Some(given.session_token().to_owned()),
            ends.ok(),
            "assume_role",
        ))
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// AWS's own files, and another before them: Packer hands it to the shared configuration, whatever its name says.
#[expect(deprecated, reason = "as above")]
fn files(file: &Path) -> ProfileFiles {
    ProfileFiles::builder()
        .include_default_config_file(true)
        .include_default_credentials_file(true)
        .with_file(ProfileFileKind::Config, file)
        .with_file(ProfileFileKind::Credentials, file)
        .build()
}

/// Reads profiles and environment as the SDK does; makes no call.
pub(super) async fn load(access: &Access) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .build();
    let retries =
        RetryConfig::standard().with_max_attempts(access.max_attempts.unwrap_or(MAX_ATTEMPTS));
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .retry_config(retries);
    if let Some(profile) = &access.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &access.region {
        loader = loader.region(aws_config::Region::new(region.clone()));
    }
    if let Some(keys) = &access.keys {
        loader = loader.credentials_provider(Credentials::new(
            &keys.access_key,
            &keys.secret_key,
            keys.token.clone(),
            None,
            "template",
        ));
    }
    if let Some(lent) = &access.lent {
        loader = loader.credentials_provider(lent.clone());
    }
    if let Some(file) = &access.files {
        loader = loader.profile_files(files(file));
    }
    if let Some(http) = &access.http {
        loader = loader.http_client(http.clone());
    } else if access.insecure {
        loader = loader.http_client(super::unchecked::client());
    }
    let config = loader.load().await;
    match &access.role {
        Some(role) => {
            let role = role.provider(&config, access.lent.as_ref());
            let builder = config.into_builder();
            builder
                .credentials_provider(SharedCredentialsProvider::new(role))
                .build()
        }
        None => config,
    }
}

#[cfg(test)]
mod tests;

//! Options about reaching the account.

use std::time::Duration;

use super::super::bake::{Access, AssumeRole, Keys, VaultEngine};
use super::super::decode;
use super::super::local::Local;
use super::super::options::Options;
use super::super::secret::Secret;
use super::{keys, polling};
use crate::source::Diagnostic;

/// What "`AssumeRole`" of the STS API takes.
const DURATION: std::ops::RangeInclusive<u32> = 900..=43_200;

/// Reads them.
pub(super) fn read(options: &Options<'_>, local: &Local<'_>) -> Access {
    let file = options.text("shared_credentials_file");
    Access {
        profile: options.text("profile"),
        region: options.text("region"),
        keys: access_keys(options),
        custom_endpoint_ec2: options.text("custom_endpoint_ec2"),
        shared_credentials_file: file
            .map(|file| local.expect_file(options, "shared_credentials_file", file)),
        assume_role: assume_role(options),
        vault: vault(options),
        decode_authorization_messages: options.flag("decode_authorization_messages"),
        insecure_skip_tls_verify: options.flag("insecure_skip_tls_verify"),
        max_retries: options.number("max_retries").map(|n| n.value),
        polling: polling::read(options, local),
    }
}

fn assume_role(options: &Options<'_>) -> Option<AssumeRole> {
    let role = options.object("assume_role", "`assume_role`", keys::ROLE)?;
    super::super::clear::check(&role, super::clear::fate_of_role);
    let arn = role.need_text(
        "role_arn",
        "name the role, for example \"arn:aws:iam::111122223333:role/bake\"",
    );
    let seconds = role.number::<u32>("duration_seconds");
    if let Some(seconds) = &seconds
        && !DURATION.contains(&seconds.value)
    {
        let text = format!(
            "a role is taken for 900 to 43200 seconds, not {}",
            seconds.value
        );
        let finding = Diagnostic::error("template::wrong_value", text);
        role.report(finding.at_value(seconds, "STS refuses this"));
    }
    let tags = role.texts("tags", &[]).into_iter();
    Some(AssumeRole {
        role_arn: arn?,
        duration: seconds.map(|seconds| Duration::from_secs(seconds.value.into())),
        external_id: role.text("external_id"),
        policy: role.text("policy"),
        policy_arns: role.ids("policy_arns"),
        session_name: role.text("session_name"),
        tags: tags
            .map(|(key, value)| (key.value, value.text().unwrap_or_default().to_owned()))
            .collect(),
        transitive_tag_keys: role.list("transitive_tag_keys"),
    })
}

/// Credentials have one source. Packer means `token` to be from it, too.
fn vault(options: &Options<'_>) -> Option<VaultEngine> {
    const BLOCK: &str = "vault_aws_engine";
    let written = |key: &&str| options.has(key) && !options.is_blank(key);
    let mut all = ["access_key", "secret_key", "token"].into_iter();
    if let Some(key) = all.find(written) {
        options.exclusive(key, BLOCK);
    }
    let engine = options.object(BLOCK, "`vault_aws_engine`", keys::VAULT)?;
    let name = engine.need_text(
        "name",
        "name the role of Vault's AWS secrets engine whose credentials are wanted",
    );
    let given = |name: &str| engine.text(name).filter(|text| !text.is_empty());
    let ttl = given("ttl");
    if let Some(ttl) = &ttl {
        let seconds = ttl.bytes().all(|byte| byte.is_ascii_digit());
        if !seconds && decode::duration(&ttl.value.as_str().into()).is_err() {
            let text = format!("`{ttl}` is no duration");
            let finding = Diagnostic::error("template::wrong_value", text).at_value(ttl, "here");
            engine.report(finding.help("write for example \"30m\"; a bare number is seconds"));
        }
    }
    Some(VaultEngine {
        name: name?,
        engine: given("engine_name").map_or_else(|| "aws".to_owned(), |name| name.value),
        role_arn: given("role_arn").map(|arn| arn.value),
        ttl: ttl.map(|ttl| ttl.value),
    })
}

fn access_keys(options: &Options<'_>) -> Option<Keys> {
    let access_key = options.text("access_key");
    let secret_key = options.text("secret_key");
    let token = options.text("token").map(|token| Secret::new(token.value));
    match (access_key, secret_key) {
        (Some(access_key), Some(secret_key)) => Some(Keys {
            access_key: access_key.map(Secret::new),
            secret_key: secret_key.map(Secret::new),
            token,
        }),
        (None, None) => None,
        (Some(_), None) => {
            options.missing(
                "secret_key",
                "give both keys, or neither and let the AWS credential chain find them",
            );
            None
        }
        (None, Some(_)) => {
            options.missing(
                "access_key",
                "give both keys, or neither and let the AWS credential chain find them",
            );
            None
        }
    }
}

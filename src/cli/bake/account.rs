//! The way into a build's account: what the template says of it, and credentials that Vault lends.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::aws::{Access, Lend, Lending, Lent, Loan, Role};
use crate::cli::Context;
use crate::cli::vault::{Error, Vault};
use crate::report::Mask;
use crate::run::{Clock as _, SystemClock};
use crate::source::Diagnostic;
use crate::template::bake::{Build, VaultEngine};

/// A loan is not given out for its last minute: what is begun with it should be answered with it.
const MARGIN: SignedDuration = SignedDuration::from_mins(1);

/// Who lends credentials to the builds of a call: those that ask for the same share a loan.
#[derive(Default)]
pub struct Lenders(Mutex<Vec<(Wanted, Result<Lent, String>)>>);

/// What Vault is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    name: String,
    engine: String,
    role_arn: Option<String>,
    ttl: Option<String>,
}

impl Lenders {
    /// The way into a build's account. Errors with what stands against it.
    pub async fn access(&self, build: &Build, context: &Context) -> Result<Access, Diagnostic> {
        let Some(engine) = &build.builder.access.vault else {
            return Ok(access(build, None));
        };
        let lent = self.of(engine, context).await.map_err(|reason| {
            let finding = Diagnostic::error("bake::vault", reason);
            finding.at_value(&engine.name, "these credentials are wanted")
        })?;
        Ok(access(build, Some(lent)))
    }

    async fn of(&self, engine: &VaultEngine, context: &Context) -> Result<Lent, String> {
        let wanted = Wanted {
            name: engine.name.value.clone(),
            engine: engine.engine.trim_matches('/').to_owned(),
            role_arn: engine.role_arn.clone(),
            ttl: engine.ttl.clone(),
        };
        let mut all = self.0.lock().await;
        if let Some((_, lent)) = all.iter().find(|(other, _)| *other == wanted) {
            return lent.clone();
        }
        let lender = Lender {
            wanted: wanted.clone(),
            environment: context.environment.vars.clone(),
            mask: context.mask(),
            loan: Mutex::default(),
        };
        // The first is asked for at once, so that what is wrong is told at its place.
        let first = lender.lend().await;
        let lent = first.map(|_| Lent::new(lender));
        all.push((wanted, lent.clone()));
        lent
    }
}

/// Vault's AWS secrets engine.
struct Lender {
    wanted: Wanted,
    environment: BTreeMap<String, String>,
    mask: Mask,
    loan: Mutex<Option<Loan>>,
}

impl std::fmt::Debug for Lender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Lender").field(&self.wanted).finish()
    }
}

impl Lend for Lender {
    fn lend(&self) -> Lending<'_> {
        Box::pin(async {
            let mut loan = self.loan.lock().await;
            if let Some(loan) = loan.as_ref().filter(|loan| holds(loan)) {
                return Ok(loan.clone());
            }
            let new = self.ask().await?;
            let secrets = [Some(&new.keys.access_key), Some(&new.keys.secret_key)];
            let secrets = secrets.into_iter().chain([new.keys.token.as_ref()]);
            self.mask.add(secrets.flatten().cloned());
            Ok(loan.insert(new).clone())
        })
    }
}

fn holds(loan: &Loan) -> bool {
    let ends = loan.ends.map(Timestamp::try_from).and_then(Result::ok);
    ends.is_none_or(|ends| ends.duration_since(SystemClock.now()) > MARGIN)
}

impl Lender {
    /// Vault's HTTP API, "Generate credentials" of the AWS secrets engine: `sts` where a role is named, as Packer does.
    async fn ask(&self) -> Result<Loan, String> {
        let Wanted {
            name,
            engine,
            role_arn,
            ttl,
        } = &self.wanted;
        let (method, path) = match role_arn {
            Some(_) => (Method::PUT, format!("{engine}/sts/{name}")),
            None => (Method::GET, format!("{engine}/creds/{name}")),
        };
        let given = [("role_arn", role_arn), ("ttl", ttl)];
        let given = given
            .iter()
            .filter_map(|(key, value)| Some((*key, value.as_deref()?)));
        let given: Vec<_> = given.collect();
        let vault = Vault::of(&self.environment)?;
        let answer = vault.ask(method, &path, &given).await.map_err(|error| match error {
            Error::Status {
                status: StatusCode::NOT_FOUND,
                ..
            } => {
                format!("Vault: there are no credentials at `{path}`; is `{engine}` the engine's name?")
            }
            Error::Status { .. } => format!("{error} (`{path}`)"),
            error @ Error::Lost(_) => error.to_string(),
        })?;
        loan(&answer).ok_or_else(|| format!("Vault: the answer of `{path}` has no AWS keys"))
    }
}

fn loan(answer: &Value) -> Option<Loan> {
    let text = |name: &str| {
        answer["data"][name]
            .as_str()
            .filter(|text| !text.is_empty())
    };
    let seconds = answer["lease_duration"]
        .as_u64()
        .filter(|seconds| *seconds > 0);
    let ends = seconds.and_then(|seconds| {
        let lasts = Duration::from_secs(seconds);
        SystemClock.now().checked_add(lasts).ok()
    });
    Some(Loan {
        keys: crate::aws::Keys {
            access_key: text("access_key")?.to_owned(),
            secret_key: text("secret_key")?.to_owned(),
            token: text("security_token").map(ToOwned::to_owned),
        },
        ends: ends.map(Into::into),
    })
}

/// What a template says about reaching its account.
pub fn access(build: &Build, lent: Option<Lent>) -> Access {
    let access = &build.builder.access;
    let text = |value: &Option<crate::source::Spanned<String>>| {
        value.as_ref().map(|value| value.value.clone())
    };
    let texts = |values: &[crate::source::Spanned<String>]| {
        values.iter().map(|value| value.value.clone()).collect()
    };
    Access {
        profile: text(&access.profile),
        region: text(&access.region),
        ec2_endpoint: text(&access.custom_endpoint_ec2),
        keys: access.keys.as_ref().map(|keys| crate::aws::Keys {
            access_key: keys.access_key.value.reveal().to_owned(),
            secret_key: keys.secret_key.value.reveal().to_owned(),
            token: keys.token.as_ref().map(|token| token.reveal().to_owned()),
        }),
        lent,
        files: access
            .shared_credentials_file
            .as_ref()
            .map(|file| file.value.clone()),
        role: access.assume_role.as_ref().map(|role| Role {
            arn: role.role_arn.value.clone(),
            duration: role.duration,
            external_id: text(&role.external_id),
            policy: text(&role.policy),
            policy_arns: texts(&role.policy_arns),
            session_name: text(&role.session_name),
            tags: role.tags.iter().cloned().collect(),
            transitive_tag_keys: texts(&role.transitive_tag_keys),
        }),
        insecure: access.insecure_skip_tls_verify,
        max_attempts: access.max_retries,
        ..Access::default()
    }
}

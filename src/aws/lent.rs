//! Credentials that somebody else lends, and what AWS does not know of them at first.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};
use tokio::time::Instant;

use crate::aws::Keys;

/// How long a new user of IAM may be unknown to AWS's services. Vault's own documentation speaks of five to ten seconds
/// ("AWS secrets engine", on `iam_user`), IAM's of no limit.
const UNKNOWN: Duration = Duration::from_mins(1);

/// What EC2, the services of the Query protocol and those of JSON say of keys that they do not know.
const CODES: [&str; 3] = [
    "AuthFailure",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
];

/// Keys, and when they end.
#[derive(Clone, Debug)]
pub struct Loan {
    pub keys: Keys,
    pub ends: Option<SystemTime>,
}

/// An answer that is waited for.
pub type Lending<'a> = Pin<Box<dyn Future<Output = Result<Loan, String>> + Send + 'a>>;

/// Who lends. It is asked again when a loan is about to end, and may answer with one that has been given out.
pub trait Lend: fmt::Debug + Send + Sync {
    fn lend(&self) -> Lending<'_>;
}

/// Lent credentials; clones are the same.
#[derive(Clone, Debug)]
pub struct Lent(Arc<State>);

#[derive(Debug)]
struct State {
    lender: Box<dyn Lend>,
    /// The newest access key of a user, and since when.
    newest: Mutex<Option<(String, Instant)>>,
}

impl Lent {
    pub fn new(lender: impl Lend + 'static) -> Self {
        Self(Arc::new(State {
            lender: Box::new(lender),
            newest: Mutex::default(),
        }))
    }

    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let Loan { keys, ends } = self
            .0
            .lender
            .lend()
            .await
            .map_err(CredentialsError::provider_error)?;
        // Those of a session are known at once.
        if keys.token.is_none() {
            self.note(&keys.access_key);
        }
        Ok(Credentials::new(
            keys.access_key,
            keys.secret_key,
            keys.token,
            ends,
            "lent",
        ))
    }

    fn note(&self, access_key: &str) {
        let newest = self.0.newest.lock();
        let mut newest = newest.unwrap_or_else(PoisonError::into_inner);
        if newest.as_ref().is_none_or(|(key, _)| key != access_key) {
            *newest = Some((access_key.to_owned(), Instant::now()));
        }
    }

    fn is_new(&self) -> bool {
        let newest = self.0.newest.lock();
        let newest = newest.unwrap_or_else(PoisonError::into_inner);
        newest
            .as_ref()
            .is_some_and(|(_, since)| since.elapsed() < UNKNOWN)
    }
}

impl PartialEq for Lent {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl ProvideCredentials for Lent {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

/// New keys that are not known are tried again. As with throttling, no attempt is counted: the time is what bounds it.
impl ClassifyRetry for Lent {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let answer = context.response().filter(|answer| {
            let status = answer.status();
            !status.is_success() && !status.is_server_error()
        });
        let body = answer.and_then(|answer| answer.body().bytes());
        let body = String::from_utf8_lossy(body.unwrap_or_default());
        let unknown = |code: &str| {
            let query = format!("<Code>{code}</Code>");
            let json = format!("{code}\"");
            body.contains(&query) || body.contains(&json)
        };
        if self.is_new() && CODES.iter().any(|code| unknown(code)) {
            RetryAction::throttling_error()
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "lent"
    }

    /// After those that read the status of the answer.
    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

#[cfg(test)]
mod tests;

//! Whether anything answers at all. A wrong endpoint, or a host without a network, is told within seconds: until the first
//! answer has come, a connection that fails is tried for a moment only. After it, the full budget holds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
    FinalizerInterceptorContextMut, InterceptorContext,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use tokio::time::Instant;

/// How long a first connection may fail. The SDK's pauses are one, two and four seconds at most, so that all is over within
/// eight seconds; a resolver or a route that hiccups is back within one.
const MOMENT: Duration = Duration::from_millis(1500);

/// What the clients of one account and region have seen of its endpoints.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    answered: AtomicBool,
    first_failure: Mutex<Option<Instant>>,
    /// Where the last request went: scheme, host and port.
    last: Mutex<String>,
}

/// No connection, and where to: the text that a user can do something with.
#[derive(Debug, thiserror::Error)]
#[error("nothing answers at {endpoint}: {reason}{advice}")]
pub(super) struct Unreachable {
    endpoint: String,
    reason: String,
    advice: &'static str,
}

impl Reach {
    fn failed_too_long(&self) -> bool {
        let mut first = lock(&self.0.first_failure);
        let now = Instant::now();
        now.duration_since(*first.get_or_insert(now)) >= MOMENT
    }

    /// The same error of the same kind, with the endpoint in its text.
    fn named(&self, error: &ConnectorError) -> Option<ConnectorError> {
        let made = if error.is_timeout() {
            ConnectorError::timeout
        } else if error.is_io() {
            ConnectorError::io
        } else {
            return None;
        };
        let advice = if self.0.answered.load(Ordering::Relaxed) {
            ""
        } else {
            "; see that region and endpoint are right, and that this host has a network"
        };
        Some(made(Box::new(Unreachable {
            endpoint: lock(&self.0.last).clone(),
            reason: super::error::innermost(error),
            advice,
        })))
    }
}

#[dyn_dispatch_hint]
impl Intercept for Reach {
    fn name(&self) -> &'static str {
        "reach"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let uri = context.request().uri();
        let host = uri.find("://").map_or(0, |at| at + 3);
        let end = uri[host..].find('/').map_or(uri.len(), |at| host + at);
        uri[..end].clone_into(&mut lock(&self.0.last));
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        _: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.answered.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn modify_before_completion(
        &self,
        context: &mut FinalizerInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(Err(failed)) = context.output_or_error_mut()
            && let Some(named) = failed.as_connector_error().and_then(|e| self.named(e))
        {
            *failed = OrchestratorError::connector(named);
        }
        Ok(())
    }
}

impl ClassifyRetry for Reach {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let failed = context.output_or_error().and_then(Result::err);
        let lost = failed
            .and_then(OrchestratorError::as_connector_error)
            .is_some_and(|error| error.is_io() || error.is_timeout());
        if lost && !self.0.answered.load(Ordering::Relaxed) && self.failed_too_long() {
            RetryAction::RetryForbidden
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "reach"
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

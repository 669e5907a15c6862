//! What AWS has none of is not asked for again.
//!
//! EC2 lists `InsufficientInstanceCapacity` and its like among the server's errors ("Error codes for the Amazon EC2 API"), and
//! the SDK sends a call anew after each of these. But a zone that has no machine of a type has none a second later either,
//! while another zone, type or market may: the flow goes on to those at once.

use std::error::Error as StdError;
use std::fmt;
use std::marker::PhantomData;

use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};

use crate::aws::error::kind_of;
use crate::cloud::Kind;

/// Forbids to retry what failed with `E` for want of something.
pub(super) struct Limits<E>(PhantomData<fn() -> E>);

impl<E> Limits<E> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E> fmt::Debug for Limits<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Limits")
    }
}

impl<E> ClassifyRetry for Limits<E>
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let failed = context.output_or_error().and_then(Result::err);
        let code = failed
            .and_then(OrchestratorError::as_operation_error)
            .and_then(|error| error.downcast_ref::<E>())
            .and_then(ProvideErrorMetadata::code);
        if code.is_some_and(|code| kind_of(code) == Kind::Limit) {
            RetryAction::RetryForbidden
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "limits"
    }

    /// After those that read the status of the answer.
    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

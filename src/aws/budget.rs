//! Throttling is no failure until a real time budget is spent: a refusal for asking too often does not count as an attempt.
//!
//! The SDK counts attempts. A burst of builds can be told to wait more often than any count allows for, while nothing is
//! wrong, so that after each refusal of this kind one more attempt is granted, for as long as the budget lasts. Pauses
//! between attempts stay the SDK's: exponential, drawn at random, at most 20 s.

use std::time::Duration;

use aws_sdk_ec2::config::interceptors::{
    BeforeTransmitInterceptorContextMut, FinalizerInterceptorContextRef,
};
use aws_sdk_ec2::config::retry::{ClassifyRetry as _, RetryConfig};
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ec2::error::BoxError;
use aws_smithy_runtime_api::client::retries::ErrorKind;
use aws_smithy_runtime_api::client::retries::classifiers::{RetryAction, RetryReason};
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use tokio::time::Instant;

/// How long one call may be told to wait. The smallest bucket of EC2, that of `RunInstances`, gets two tokens a second:
/// 600 launches have had their turn by then.
const BUDGET: Duration = Duration::from_mins(5);

/// Grants attempts.
#[derive(Debug)]
pub(super) struct Budget;

#[derive(Debug)]
struct Began(Instant);

impl Storable for Began {
    type Storer = StoreReplace<Self>;
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Budget {
    fn name(&self) -> &'static str {
        "Budget"
    }

    fn modify_before_retry_loop(
        &self,
        _: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        bag.interceptor_state().store_put(Began(Instant::now()));
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let spent = bag.load::<Began>().map(|began| began.0.elapsed());
        let within = spent.is_some_and(|spent| spent < BUDGET);
        let throttled = components.retry_classifiers().any(|classifier| {
            matches!(
                classifier.classify_retry(context.inner()),
                RetryAction::RetryIndicated(RetryReason::RetryableError {
                    kind: ErrorKind::ThrottlingError,
                    ..
                })
            )
        });
        if within
            && throttled
            && let Some(config) = bag.load::<RetryConfig>().cloned()
        {
            let one_more = config.max_attempts().saturating_add(1);
            bag.interceptor_state()
                .store_put(config.with_max_attempts(one_more));
        }
        Ok(())
    }
}

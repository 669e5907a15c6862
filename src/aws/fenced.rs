//! Before each attempt of a call that changes something, the fence is asked.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use crate::cloud::Fence;

/// How the names of calls begin that change nothing.
const READS: [&str; 5] = ["Describe", "Get", "List", "Head", "Decode"];

/// Asks the fence.
#[derive(Clone, Debug)]
pub(super) struct Fenced(pub(super) Fence);

#[dyn_dispatch_hint]
impl Intercept for Fenced {
    fn name(&self) -> &'static str {
        "fence"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let call = bag.load::<Metadata>().map_or("", Metadata::name);
        if READS.iter().any(|read| call.starts_with(read)) {
            return Ok(());
        }
        let closed =
            |why| format!("{call} is not sent, since another run may hold the lease: {why}");
        Ok(self.0.check().map_err(closed)?)
    }
}

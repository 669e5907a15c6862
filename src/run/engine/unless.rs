//! Waits and work that something else may end.

use std::error::Error;
use std::fmt::Display;

use futures_util::FutureExt;

use super::Run;
use crate::run::{Cause, Failure, Patience, Readiness};

impl<U: Clone + Display> Run<'_, U> {
    /// Polls as [`Run::wait`] does, ended at once with the error that `lost` returns as soon as it has one.
    pub async fn wait_unless<T, E: Error + 'static, L: Error + 'static>(
        &mut self,
        name: &'static str,
        patience: &Patience,
        mut lost: impl AsyncFnMut() -> L,
        mut probe: impl AsyncFnMut() -> Result<Readiness<T>, E>,
    ) -> Result<T, Failure> {
        self.attempts(name, async |run: &mut Self, began| {
            tokio::select! {
                biased;
                error = lost().boxed_local() => Err(Cause::Error(Box::new(error))),
                result = run.poll(name, patience, began, &mut probe) => result,
            }
        })
        .await
    }

    /// Works as [`Run::work`] does, ended at once with the reason that `lost` gives as soon as it has one.
    pub async fn work_unless<T, E: Error + 'static>(
        &mut self,
        name: &'static str,
        mut lost: impl AsyncFnMut() -> String,
        mut body: impl AsyncFnMut() -> Result<T, E>,
    ) -> Result<T, Failure> {
        self.attempts(name, async |run: &mut Self, _| {
            tokio::select! {
                biased;
                () = run.asked() => Err(Cause::Stopped),
                reason = lost().boxed_local() => Err(Cause::Never(reason)),
                result = body().boxed_local() => result.map_err(|error| Cause::Error(Box::new(error))),
            }
        })
        .await
    }
}

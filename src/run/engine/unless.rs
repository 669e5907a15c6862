//! Waits and work that something else may end.

use std::error::Error;
use std::fmt::Display;

use futures_util::FutureExt;
use tokio::time::Instant;

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
        loop {
            self.begin(name).await?;
            let began = Instant::now();
            let result = tokio::select! {
                biased;
                error = lost().boxed_local() => Err(Cause::Error(Box::new(error))),
                result = self.poll(name, patience, began, &mut probe) => result,
            };
            if let Some(ended) = self.end(name, began, result).await {
                return ended;
            }
        }
    }

    /// Works as [`Run::work`] does, ended at once with the reason that `lost` gives as soon as it has one.
    pub async fn work_unless<T, E: Error + 'static>(
        &mut self,
        name: &'static str,
        mut lost: impl AsyncFnMut() -> String,
        mut body: impl AsyncFnMut() -> Result<T, E>,
    ) -> Result<T, Failure> {
        loop {
            self.begin(name).await?;
            let began = Instant::now();
            let result = tokio::select! {
                biased;
                () = self.asked() => Err(Cause::Stopped),
                reason = lost().boxed_local() => Err(Cause::Never(reason)),
                result = body().boxed_local() => result.map_err(|error| Cause::Error(Box::new(error))),
            };
            if let Some(ended) = self.end(name, began, result).await {
                return ended;
            }
        }
    }
}

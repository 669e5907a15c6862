//! Waits that something else may end.

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
}

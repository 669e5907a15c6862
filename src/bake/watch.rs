//! Keeping an eye on a machine that may be taken back while something is done on it: its connection would only fall silent.

use std::error::Error as StdError;
use std::time::Duration;

use crate::bake::{BakePlan, instance};
use crate::cloud::{Cloud, InstanceId};
use crate::run::{Failure, Run};
use crate::undo::Undo;

/// The looks of all builds of a process share their calls (`aws::rounds`), and a notice comes two minutes before the end.
const EVERY: Duration = Duration::from_secs(10);

/// Looks at a spot machine; at one that was bought only once.
pub(super) struct Watch<'a, C> {
    cloud: &'a C,
    instance: &'a InstanceId,
    wanted: bool,
}

impl<'a, C: Cloud> Watch<'a, C> {
    pub(super) fn new(plan: &BakePlan, cloud: &'a C, instance: &'a InstanceId) -> Self {
        let wanted = plan.attempts.iter().any(|attempt| attempt.spot.is_some());
        Self {
            cloud,
            instance,
            wanted,
        }
    }

    /// Does something on the machine; ends with the reason when the machine has gone.
    pub(super) async fn work<T, E: StdError + 'static>(
        &self,
        name: &'static str,
        run: &mut Run<'_, Undo>,
        mut body: impl AsyncFnMut() -> Result<T, E>,
    ) -> Result<T, Failure> {
        run.work_unless(
            name,
            async || self.lost().await,
            async || {
                let result = body().await;
                let gone = async || instance::gone(self.instance, self.cloud).await;
                if result.is_err() && self.wanted && matches!(gone().await, Ok(Some(_))) {
                    // Why the connection broke is said by who looks at the machine.
                    std::future::pending::<()>().await;
                }
                result
            },
        )
        .await
    }

    /// Why there is no machine any more, once there is none. What cannot be looked up is not known to be lost.
    async fn lost(&self) -> String {
        if !self.wanted {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(EVERY).await;
            match instance::look(self.instance, self.cloud).await {
                Ok(Ok(instance)) if instance.has_gone() => return instance::ended(&instance),
                Ok(Ok(instance)) if !instance.spot => return std::future::pending().await,
                _ => {}
            }
        }
    }
}

//! Keeping an eye on a machine that may be taken back while something is done on it: its connection would only fall silent.

use std::cell::RefCell;
use std::error::Error as StdError;
use std::time::Duration;

use tokio::sync::Notify;

use crate::bake::session_manager::Refusal;
use crate::bake::{BakePlan, instance};
use crate::cloud::{Cloud, InstanceId};
use crate::run::{Failure, Run};
use crate::undo::Undo;

/// The looks of all builds of a process share their calls (`aws::rounds`), and a notice comes two minutes before the end.
const EVERY: Duration = Duration::from_secs(10);

/// Looks at the machine when something fails on it, and all the time where spot was wanted, whichever way it was bought in
/// the end.
pub(super) struct Watch<'a, C> {
    cloud: &'a C,
    instance: &'a InstanceId,
    all_the_time: bool,
    refusal: Option<&'a Refusal>,
}

impl<'a, C: Cloud> Watch<'a, C> {
    /// `refusal` is of the way to the machine.
    pub(super) fn new(
        plan: &BakePlan,
        cloud: &'a C,
        instance: &'a InstanceId,
        refusal: Option<&'a Refusal>,
    ) -> Self {
        let all_the_time = plan.attempts.iter().any(|attempt| attempt.spot.is_some());
        Self {
            cloud,
            instance,
            all_the_time,
            refusal,
        }
    }

    /// Does something on the machine; ends with the reason when the machine has gone.
    pub(super) async fn work<T, E: StdError + 'static>(
        &self,
        name: &'static str,
        run: &mut Run<'_, Undo>,
        mut body: impl AsyncFnMut() -> Result<T, E>,
    ) -> Result<T, Failure> {
        // The body tells what it saw itself: a look in passing may end before the machine does, or come too late.
        let (seen, reason) = (Notify::new(), RefCell::new(String::new()));
        run.work_unless(
            name,
            async || {
                tokio::select! {
                    reason = self.lost() => reason,
                    reason = self.cut_off() => reason,
                    () = seen.notified() => reason.take(),
                }
            },
            async || {
                let result = body().await;
                if result.is_err()
                    && let Ok(Some(ended)) = instance::gone(self.instance, self.cloud).await
                {
                    // Why the connection broke is the reason, not that it did.
                    reason.replace(ended);
                    seen.notify_one();
                    std::future::pending::<()>().await;
                }
                result
            },
        )
        .await
    }

    /// Why there is no way to the machine any more, once there is none.
    async fn cut_off(&self) -> String {
        match self.refusal {
            Some(refusal) => refusal.given().await,
            None => std::future::pending().await,
        }
    }

    /// Why there is no machine any more, once there is none. What cannot be looked up is not known to be lost.
    async fn lost(&self) -> String {
        if !self.all_the_time {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(EVERY).await;
            match instance::look(self.instance, self.cloud).await {
                Ok(Ok(instance)) if instance.has_gone() => return instance::ended(&instance),
                _ => {}
            }
        }
    }
}

//! Hooks: commands at turning points of a roll, with the watches alive while they run.

use super::checks::{Said, command};
use super::error::Error;
use super::flow::Flow;
use super::probe::Probe;
use crate::cloud::Cloud;
use crate::run::{Failure, Patience, Readiness};
use crate::template::service::Hook;

impl<C: Cloud, P: Probe, S> Flow<'_, '_, C, P, S> {
    /// Runs hooks in order, each once. Errors with the first that does not end well within its time.
    pub async fn run_hooks(&mut self, name: &'static str, hooks: &[Hook]) -> Result<(), Failure> {
        let about = (self.plan, self.on);
        for hook in hooks {
            let limit = 2 * hook.timeout;
            let mut patience = Patience::new(limit, hook.timeout, hook.timeout);
            patience.poll = limit;
            let watches = &self.watches;
            let poll = async || match command::ask(&hook.command, hook.timeout, about).await? {
                Said::Pass => Ok(Readiness::Ready(())),
                Said::Fail(reason) | Said::Unknown(reason) => Err(watches.judged(Error::Hook {
                    command: hook.command.to_string(),
                    reason,
                })),
            };
            watches
                .during(self.run, about, name, &patience, poll)
                .await?;
        }
        Ok(())
    }
}

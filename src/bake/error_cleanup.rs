//! The template's last word on a machine that failed: `error-cleanup-provisioner` (anchors/packer.md 4.8), before the machine
//! goes.

use std::slice;
use std::time::Duration;

use tokio::time::timeout;

use crate::bake::BakePlan;
use crate::provision::{self, Context};
use crate::run::{Event, Run};
use crate::ssh::{Command, Remote};
use crate::undo::Undo;

/// The name of the work, in events too.
const WORK: &str = "error-cleanup-provisioner";
/// What it may take where it says nothing itself: somebody waits for the failure, and the machine costs money.
const LIMIT: Duration = Duration::from_mins(5);
/// A machine that runs answers within seconds.
const ANSWER: Duration = Duration::from_secs(30);

/// Runs it after a failure, on a machine that still answers.
pub(super) async fn run(
    plan: &BakePlan,
    remote: &impl Remote,
    context: &Context,
    run: &Run<'_, Undo>,
) {
    let Some(provisioner) = &plan.error_cleanup else {
        return;
    };
    let mut provisioner = provisioner.clone();
    provisioner.timeout.get_or_insert(LIMIT);
    let events = run.events();
    run.after_failure(WORK, async || {
        let answers = timeout(ANSWER, remote.capture(Command::new("true"))).await;
        if !matches!(answers, Ok(Ok(_))) {
            let text = format!("the {WORK} does not run: the machine does not answer any more");
            events.emit(Event::Warning { text });
            return Ok(());
        }
        provision::apply(slice::from_ref(&provisioner), remote, context, events).await
    })
    .await;
}

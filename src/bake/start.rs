//! From nothing to a launched machine: its role, if it gets one, then the launch, again while EC2 does not know the role.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

use crate::bake::{BakePlan, Error, instance, profile};
use crate::cloud::{Cloud, InstanceId, SecurityGroupId};
use crate::run::{Event, Failure, Run, Slot};
use crate::undo::Undo;

/// Brings the machine up to its launch; what stays behind it is on the ledger in the slot that is given too.
pub(super) async fn machine(
    plan: &BakePlan,
    group: Option<&SecurityGroupId>,
    cloud: &impl Cloud,
    run: &mut Run<'_, Undo>,
) -> Result<(InstanceId, Option<Slot>), Failure> {
    let events = run.events();
    if let Some(wanted) = &plan.profile {
        run.step("create instance profile", async |made| {
            profile::create(wanted, cloud, made).await
        })
        .await?;
    }
    let began = Instant::now();
    let tries = Cell::new(0);
    loop {
        if plan.profile.is_some() {
            run.wait("instance profile usable", &plan.waits.profile, async || {
                profile::usable(plan, cloud).await
            })
            .await?;
        }
        let launched = run.step("launch instance", async |made| {
            let earlier = tries.replace(tries.get() + 1);
            match instance::launch(plan, group, earlier, (cloud, events), made).await {
                // One of EC2's servers knew the profile, and the next one did not.
                Err(error) if is_unseen(plan, &error, began.elapsed()) => {
                    let text = format!("the launch is asked for again: {error}");
                    events.emit(Event::Warning { text });
                    Ok(None)
                }
                launched => launched.map(Some),
            }
        });
        if let Some(launched) = launched.await? {
            return Ok(launched);
        }
    }
}

/// Whether the launch was refused for a profile that EC2 will know in a while.
fn is_unseen(plan: &BakePlan, error: &Error, after: Duration) -> bool {
    let refusal = match error {
        Error::Refused { error, .. } => error,
        Error::Cloud(error) => error,
        _ => return false,
    };
    plan.profile.is_some() && after < plan.waits.profile.limit && profile::is_unseen(refusal)
}

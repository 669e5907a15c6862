//! From nothing to a launched machine: its role, if it gets one, then the launch, again while EC2 does not know the role.

use tokio::time::Instant;

use crate::bake::{BakePlan, Error, instance, profile};
use crate::cloud::{Cloud, InstanceId, SecurityGroupId};
use crate::run::{Failure, Run, Slot};
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
    loop {
        if plan.profile.is_some() {
            run.wait("instance profile usable", &plan.waits.profile, async || {
                profile::usable(plan, cloud).await
            })
            .await?;
        }
        let launched = run
            .step("launch instance", async |made| {
                instance::launch(plan, group, cloud, events, made).await
            })
            .await;
        match launched {
            // One of EC2's servers knew the profile, and the next one did not.
            Err(failure)
                if plan.profile.is_some()
                    && is_unseen(&failure)
                    && began.elapsed() < plan.waits.profile.limit => {}
            launched => return launched,
        }
    }
}

fn is_unseen(failure: &Failure) -> bool {
    match failure.error::<Error>() {
        Some(Error::Refused { error, .. }) => profile::may_be_unseen(error),
        _ => false,
    }
}

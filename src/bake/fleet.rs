//! A spot machine out of a fleet, where EC2 is to choose among types and places: a launch template for the run, then the
//! fleet, which ends with its launch.

use crate::bake::{Attempt, BakePlan};
use crate::cloud::{Cloud, InstanceId, LaunchTemplateId, NewFleet, NewInstance, Spot};
use crate::run::{Ledger, Lifetime};
use crate::undo::{self, Undo};

/// Launches the machine as any of the choices of this way.
pub(super) async fn launch(
    plan: &BakePlan,
    (attempt, spot): (&Attempt, &Spot),
    wanted: &NewInstance,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<InstanceId, undo::Error> {
    let run = plan.run;
    let template = template(plan, wanted, cloud, made).await?;
    let fleet = NewFleet {
        template: &template,
        choices: &attempt.choices,
        spot,
        token: &attempt.token,
        tags: &spot.fleet_tags,
    };
    undo::make(
        made,
        Lifetime::Scratch,
        Undo::TerminateInstancesOf { run },
        async || cloud.launch_from_fleet(&fleet).await,
        async || {
            let found = cloud.find_instances(&undo::of(run)).await?;
            let alive = found.into_iter().find(|one| !one.state.is_ending());
            Ok(alive.map(|instance| instance.id))
        },
        |id: &InstanceId| Undo::TerminateInstance { id: id.clone() },
    )
    .await
}

async fn template(
    plan: &BakePlan,
    wanted: &NewInstance,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<LaunchTemplateId, undo::Error> {
    let run = plan.run;
    let name = format!("kiln-{run}");
    undo::make(
        made,
        Lifetime::Scratch,
        Undo::DeleteLaunchTemplatesOf { run },
        async || {
            let tags = &plan.scratch_tags;
            cloud.create_fleet_template(&name, wanted, tags).await
        },
        async || Ok(cloud.find_launch_templates(&undo::of(run)).await?.pop()),
        |id: &LaunchTemplateId| Undo::DeleteLaunchTemplate { id: id.clone() },
    )
    .await
}

//! A spot machine out of a fleet, where EC2 is to choose among types and places: a launch template for the run, then the
//! fleet, which ends with its launch.

use crate::bake::{Attempt, BakePlan};
use crate::cloud::{self, Cloud, InstanceId, LaunchTemplateId, NewFleet, NewInstance, Spot};
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
    let name = name(plan);
    template(plan, &name, wanted, cloud, made).await?;
    let fleet = fleet(&name, attempt, spot, &wanted.token);
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

/// Asks whether the fleet would be refused, and gives each refusal. Changes nothing.
pub(super) async fn rehearse(
    plan: &BakePlan,
    (attempt, spot): (&Attempt, &Spot),
    wanted: &NewInstance,
    cloud: &impl Cloud,
) -> Vec<cloud::Error> {
    let name = name(plan);
    let fleet = fleet(&name, attempt, spot, &wanted.token);
    cloud
        .rehearse_fleet(wanted, &plan.scratch_tags, &fleet)
        .await
}

fn name(plan: &BakePlan) -> String {
    format!("kiln-{}", plan.run)
}

fn fleet<'a>(
    template: &'a str,
    attempt: &'a Attempt,
    spot: &'a Spot,
    token: &'a str,
) -> NewFleet<'a> {
    NewFleet {
        template,
        choices: &attempt.choices,
        spot,
        token,
        tags: &spot.fleet_tags,
    }
}

async fn template(
    plan: &BakePlan,
    name: &str,
    wanted: &NewInstance,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<LaunchTemplateId, undo::Error> {
    let run = plan.run;
    undo::make(
        made,
        Lifetime::Scratch,
        Undo::DeleteLaunchTemplatesOf { run },
        async || {
            let tags = &plan.scratch_tags;
            cloud.create_fleet_template(name, wanted, tags).await
        },
        async || Ok(cloud.find_launch_templates(&undo::of(run)).await?.pop()),
        |id: &LaunchTemplateId| Undo::DeleteLaunchTemplate { id: id.clone() },
    )
    .await
}

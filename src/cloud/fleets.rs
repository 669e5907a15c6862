//! Fleets of one machine: the cloud chooses among types and places.

use crate::cloud::{
    Choice, Error, Filter, InstanceId, LaunchTemplateId, NewInstance, Result, Spot, Tags,
};

/// One machine to be had from a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFleet<'a> {
    /// The name of the template that says what the machine is launched with but for its type and place.
    pub template: &'a str,
    /// The first preferred.
    pub choices: &'a [Choice],
    pub spot: &'a Spot,
    /// The same token never launches twice.
    pub token: &'a str,
    /// On the fleet.
    pub tags: &'a Tags,
}

/// Fleets that end with their launch ("`CreateFleet`", type `instant`).
pub trait Fleets {
    /// Makes a launch template of a machine, without its type and place.
    fn create_fleet_template(
        &self,
        name: &str,
        launch: &NewInstance,
        tags: &Tags,
    ) -> impl Future<Output = Result<LaunchTemplateId>>;

    /// Asks whether template and fleet would be refused, and gives each refusal. Changes nothing; there need be no template yet.
    fn rehearse_fleet(
        &self,
        launch: &NewInstance,
        tags: &Tags,
        fleet: &NewFleet<'_>,
    ) -> impl Future<Output = Vec<Error>>;

    /// Launch templates that match all filters.
    fn find_launch_templates(
        &self,
        filters: &[Filter],
    ) -> impl Future<Output = Result<Vec<LaunchTemplateId>>>;

    /// Launches one machine as any of the choices. Errors with every refusal when none goes.
    fn launch_from_fleet(&self, fleet: &NewFleet<'_>) -> impl Future<Output = Result<InstanceId>>;
}

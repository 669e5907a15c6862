//! Parameters that are kept as they came and given back: read against the names that the API knows.

use crate::model::{Fault, Params, Tree};

/// Field names inside the structures that are given back unchanged.
const NAMES: &[&str] = &[
    "AdjustmentType",
    "AvailabilityZoneDistribution",
    "AvailabilityZoneImpairmentPolicy",
    "CapacityDistributionStrategy",
    "CapacityRebalance",
    "CapacityReservationIds",
    "CapacityReservationPreference",
    "CapacityReservationResourceGroupArns",
    "CapacityReservationSpecification",
    "CapacityReservationTarget",
    "Context",
    "Cooldown",
    "CustomizedMetricSpecification",
    "DefaultCooldown",
    "DefaultInstanceWarmup",
    "DeletionProtection",
    "DesiredCapacityType",
    "Dimensions",
    "DisableScaleIn",
    "EstimatedInstanceWarmup",
    "Expression",
    "Id",
    "ImpairedZoneHealthCheckBehavior",
    "InstanceLifecyclePolicy",
    "InstanceMaintenancePolicy",
    "InstanceType",
    "InstancesDistribution",
    "Label",
    "LaunchTemplate",
    "LaunchTemplateId",
    "LaunchTemplateName",
    "LaunchTemplateSpecification",
    "MaxHealthyPercentage",
    "MaxInstanceLifetime",
    "Metric",
    "MetricAggregationType",
    "MetricIntervalLowerBound",
    "MetricIntervalUpperBound",
    "MetricName",
    "MetricStat",
    "Metrics",
    "MinAdjustmentMagnitude",
    "MinAdjustmentStep",
    "MinHealthyPercentage",
    "MixedInstancesPolicy",
    "Name",
    "Namespace",
    "OnDemandAllocationStrategy",
    "OnDemandBaseCapacity",
    "OnDemandPercentageAboveBaseCapacity",
    "Overrides",
    "Period",
    "PlacementGroup",
    "PredefinedMetricSpecification",
    "PredefinedMetricType",
    "ResourceLabel",
    "RetentionTriggers",
    "ReturnData",
    "ScalingAdjustment",
    "ServiceLinkedRoleARN",
    "SpotAllocationStrategy",
    "SpotInstancePools",
    "SpotMaxPrice",
    "Stat",
    "Statistic",
    "StepAdjustments",
    "TargetTrackingConfiguration",
    "TargetValue",
    "TerminateHookAbandon",
    "Unit",
    "Value",
    "Version",
    "ZonalShiftEnabled",
];

/// The API's own copy of a field name.
pub(super) fn known(name: &str) -> Option<&'static str> {
    NAMES.binary_search(&name).ok().map(|index| NAMES[index])
}

/// Writes parameters back; a name that the API does not have, or that is not served here, is refused.
pub(super) fn echo(params: &Params) -> Result<Tree, Fault> {
    match params {
        Params::Text(text) => Ok(Tree::from(text)),
        Params::List(list) => Ok(Tree::List(list.iter().map(echo).collect::<Result<_, _>>()?)),
        Params::Map(map) => {
            let mut fields = Vec::new();
            for (name, value) in map {
                let refused =
                    || Fault::validation(format!("The parameter {name} is not recognized"));
                fields.push((known(name).ok_or_else(refused)?, echo(value)?));
            }
            Ok(Tree::Map(fields))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::NAMES;

    #[test]
    fn names_are_sorted_for_the_search() {
        assert!(NAMES.is_sorted());
    }
}

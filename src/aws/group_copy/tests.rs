//! Every field of the SDK's inputs, with what becomes of it in a copy.

use std::collections::BTreeSet;

use aws_sdk_autoscaling::operation::create_auto_scaling_group::CreateAutoScalingGroupInput;
use aws_sdk_autoscaling::operation::put_scaling_policy::PutScalingPolicyInput;
use aws_sdk_autoscaling::operation::put_scheduled_update_group_action::PutScheduledUpdateGroupActionInput;

use super::super::answering::silent;
use super::*;

/// `copied` from the group, `named` by the plan, `refused` when the group has it (see [`not_copied`]), or `never` set.
const GROUP_FIELDS: &[(&str, &str)] = &[
    ("auto_scaling_group_name", "named"),
    ("launch_configuration_name", "refused"),
    ("launch_template", "named"),
    // But for the version, which the plan names; what kiln cannot count is refused (see `mixed`).
    ("mixed_instances_policy", "copied"),
    // Copies settings of an instance instead of naming a template.
    ("instance_id", "never"),
    ("min_size", "named"),
    ("max_size", "named"),
    ("desired_capacity", "named"),
    ("default_cooldown", "copied"),
    // Both follow from the subnets.
    ("availability_zones", "never"),
    ("availability_zone_ids", "never"),
    ("load_balancer_names", "refused"),
    ("target_group_arns", "named"),
    ("health_check_type", "copied"),
    ("health_check_grace_period", "copied"),
    ("placement_group", "copied"),
    ("vpc_zone_identifier", "named"),
    ("termination_policies", "copied"),
    ("new_instances_protected_from_scale_in", "refused"),
    ("capacity_rebalance", "copied"),
    ("lifecycle_hook_specification_list", "copied"),
    ("deletion_protection", "refused"),
    ("tags", "copied"),
    ("service_linked_role_arn", "copied"),
    ("max_instance_lifetime", "copied"),
    ("context", "copied"),
    ("desired_capacity_type", "copied"),
    ("default_instance_warmup", "copied"),
    // The target group stands in `target_group_arns`; sources of other types are refused.
    ("traffic_sources", "refused"),
    ("instance_maintenance_policy", "copied"),
    ("availability_zone_distribution", "copied"),
    ("availability_zone_impairment_policy", "copied"),
    // A switch of the call, not a setting of the group.
    ("skip_zonal_shift_validation", "never"),
    ("capacity_reservation_specification", "copied"),
    ("instance_lifecycle_policy", "copied"),
    ("operator", "refused"),
];

const POLICY_FIELDS: &[&str] = &[
    "auto_scaling_group_name",
    "policy_name",
    "policy_type",
    "adjustment_type",
    "min_adjustment_step",
    "min_adjustment_magnitude",
    "scaling_adjustment",
    "cooldown",
    "metric_aggregation_type",
    "step_adjustments",
    "estimated_instance_warmup",
    "target_tracking_configuration",
    "enabled",
    "predictive_scaling_configuration",
];

/// `time` is the old name of `start_time`.
const SCHEDULE_FIELDS: &[&str] = &[
    "auto_scaling_group_name",
    "scheduled_action_name",
    "time",
    "start_time",
    "end_time",
    "recurrence",
    "min_size",
    "max_size",
    "desired_capacity",
    "time_zone",
];

/// `global_timeout` follows from the heartbeat and cannot be set.
const HOOK_FIELDS: &[&str] = &[
    "lifecycle_hook_name",
    "lifecycle_transition",
    "notification_metadata",
    "heartbeat_timeout",
    "default_result",
    "notification_target_arn",
    "role_arn",
];

/// The names in `Input { a: None, b: None }`.
pub(in crate::aws) fn fields(empty: &impl std::fmt::Debug) -> BTreeSet<String> {
    let text = format!("{empty:?}");
    let body = text.split_once('{').unwrap().1.trim_end_matches('}');
    let pairs = body.split(',').filter_map(|pair| pair.split_once(':'));
    pairs.map(|(name, _)| name.trim().to_owned()).collect()
}

fn table(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn every_field_of_a_new_group_is_decided() {
    let names: Vec<&str> = GROUP_FIELDS.iter().map(|(name, _)| *name).collect();
    let input = CreateAutoScalingGroupInput::builder().build().unwrap();
    assert_eq!(fields(&input), table(&names));
}

#[test]
fn every_field_of_a_policy_a_schedule_and_a_hook_is_decided() {
    let policy = PutScalingPolicyInput::builder().build().unwrap();
    assert_eq!(fields(&policy), table(POLICY_FIELDS));
    let schedule = PutScheduledUpdateGroupActionInput::builder().build();
    assert_eq!(fields(&schedule.unwrap()), table(SCHEDULE_FIELDS));
    let hook = types::LifecycleHookSpecification::builder().build();
    assert_eq!(fields(&hook), table(HOOK_FIELDS));
}

/// A group with every field that is copied set to something.
fn full() -> types::AutoScalingGroup {
    let tag = |key: &str| types::TagDescription::builder().key(key).value("v").build();
    types::AutoScalingGroup::builder()
        .auto_scaling_group_name("web-v001")
        .default_cooldown(60)
        .health_check_type("ELB")
        .health_check_grace_period(90)
        .placement_group("close")
        .termination_policies("OldestInstance")
        .new_instances_protected_from_scale_in(true)
        .capacity_rebalance(true)
        .deletion_protection(types::DeletionProtection::PreventForceDeletion)
        .service_linked_role_arn("arn:aws:iam::1:role/r")
        .max_instance_lifetime(86_400)
        .context("c")
        .desired_capacity_type("units")
        .mixed_instances_policy(types::MixedInstancesPolicy::builder().build())
        .default_instance_warmup(30)
        .instance_maintenance_policy(types::InstanceMaintenancePolicy::builder().build())
        .availability_zone_distribution(types::AvailabilityZoneDistribution::builder().build())
        .availability_zone_impairment_policy(
            types::AvailabilityZoneImpairmentPolicy::builder().build(),
        )
        .capacity_reservation_specification(
            types::CapacityReservationSpecification::builder().build(),
        )
        .instance_lifecycle_policy(types::InstanceLifecyclePolicy::builder().build())
        .tags(tag("team"))
        .tags(tag("kiln:state"))
        .tags(tag("aws:cloudformation:stack-name"))
        .build()
}

#[test]
fn every_field_marked_copied_is_set_in_the_copy() {
    let call = copied(silent().create_auto_scaling_group(), full());
    let input = call.as_input().clone().build().unwrap();
    let text = format!("{input:?}");
    for (name, fate) in GROUP_FIELDS {
        // Hooks come from a call of their own.
        if *name != "lifecycle_hook_specification_list" {
            let set = !text.contains(&format!(" {name}: None"));
            assert_eq!(set, *fate == "copied", "{name} is {fate}");
        }
    }
    let keys: Vec<_> = input.tags().iter().filter_map(types::Tag::key).collect();
    assert_eq!(keys, ["team"]);
}

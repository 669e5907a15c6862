//! Which options of `amazon-ebs` may hold secrets. An option that no list names may not.

use super::super::clear::{Fate, USER_DATA};

/// They stay on this host, are the credentials themselves, or go to the machine over SSH.
const KEPT: &[&str] = &[
    "access_key",
    "secret_key",
    "token",
    "profile",
    "shared_credentials_file",
    "custom_endpoint_ec2",
    "vault_aws_engine",
    // It has fates of its own.
    "assume_role",
    "communicator",
    "user_data_file",
    "pause_before_connecting",
    "wait_for_cloud_init",
];

/// They name what AWS made, allows or counts: ids, ARNs, accounts, types, regions, sizes.
const NAMED: &[&str] = &[
    "region",
    "ami_users",
    "ami_groups",
    "ami_org_arns",
    "ami_ou_arns",
    "ami_regions",
    "snapshot_users",
    "snapshot_groups",
    "kms_key_id",
    "region_kms_key_ids",
    "launch_block_device_mappings",
    "ami_block_device_mappings",
    "instance_type",
    "spot_instance_types",
    "spot_price",
    "source_ami",
    "source_ami_filter",
    "availability_zone",
    "iam_instance_profile",
    "security_group_id",
    "security_group_ids",
    "security_group_filter",
    "subnet_id",
    "subnet_ids",
    "subnet_filter",
    "vpc_id",
    "vpc_filter",
    "temporary_security_group_source_cidrs",
    "capacity_reservation_id",
    "capacity_reservation_group_arn",
    "license_specifications",
    "placement",
    "tenancy",
    "ssh_keypair_name",
];

/// What becomes of a secret in an option.
pub(super) fn fate(option: &str) -> Fate {
    match option {
        "user_data" => USER_DATA,
        "name" => Fate::Refused("a build's name stands in manifests and results"),
        _ if NAMED.contains(&option) => Fate::Named,
        _ if KEPT.contains(&option) || option.starts_with("ssh_") => Fate::Kept,
        _ => Fate::Refused("AWS keeps it where others read it"),
    }
}

/// The same of `assume_role`: the external id is there to be known to both sides.
pub(super) fn fate_of_role(option: &str) -> Fate {
    match option {
        "session_name" | "tags" | "transitive_tag_keys" | "policy" => {
            Fate::Refused("CloudTrail keeps it with every call")
        }
        "external_id" => Fate::Kept,
        _ => Fate::Named,
    }
}

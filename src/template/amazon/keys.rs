//! The options of `amazon-ebs` by table (anchors/packer.md 2.1 to 2.6; amazon plugin `builder/ebs` and `common`). What is
//! marked as not yet supported is refused when it asks for anything, so that nothing is silently ignored.

use super::super::options::{Key, idle, old, on, own, refused};

pub(super) const ACCESS: &[Key] = &[
    on("access_key"),
    on("secret_key"),
    on("token"),
    on("profile"),
    on("region"),
    on("custom_endpoint_ec2"),
    on("insecure_skip_tls_verify"),
    idle(
        "skip_credential_validation",
        "kiln asks whose credentials these are all the same: a later sweep must know",
    ),
    on("max_retries"),
    on("aws_polling"),
    idle(
        "skip_region_validation",
        "kiln asks for regions only where it uses them",
    ),
    idle("skip_metadata_api_check", "Packer does not check it either"),
    on("shared_credentials_file"),
    on("assume_role"),
    on("decode_authorization_messages"),
    refused(
        "mfa_code",
        "a code is good for one call, and credentials are renewed during a bake; get a session before it with \
         `aws sts get-session-token` and bake with that profile",
    ),
    on("vault_aws_engine"),
];

pub(super) const VAULT: &[Key] = &[on("name"), on("engine_name"), on("role_arn"), on("ttl")];

pub(super) const ROLE: &[Key] = &[
    on("role_arn"),
    on("duration_seconds"),
    on("external_id"),
    on("policy"),
    on("policy_arns"),
    on("session_name"),
    on("tags"),
    on("transitive_tag_keys"),
];

pub(super) const POLLING: &[Key] = &[on("delay_seconds"), on("max_attempts"), on("timeout")];

pub(super) const IMAGE: &[Key] = &[
    on("ami_name"),
    on("ami_description"),
    on("ami_users"),
    on("ami_groups"),
    on("tags"),
    on("tag"),
    on("snapshot_tags"),
    on("snapshot_tag"),
    on("skip_ami_run_tags"),
    on("force_deregister"),
    on("force_delete_snapshot"),
    on("ami_block_device_mappings"),
    on("ena_support"),
    on("sriov_support"),
    on("imds_support"),
    on("ami_virtualization_type"),
    on("ami_org_arns"),
    on("ami_ou_arns"),
    refused(
        "ami_product_codes",
        "EC2 does not take product codes any more (\"ModifyImageAttribute\"); AWS Marketplace adds them to what a seller publishes there",
    ),
    on("ami_regions"),
    on("snapshot_copy_duration_minutes"),
    on("encrypt_boot"),
    on("kms_key_id"),
    on("region_kms_key_ids"),
    on("skip_save_build_region"),
    on("deprecate_at"),
    on("deregistration_protection"),
    on("snapshot_users"),
    on("snapshot_groups"),
    on("skip_create_ami"),
    on("deprecate_after"),
    refused("fast_launch", "it is for Windows, and kiln bakes over SSH"),
];

pub(super) const PROTECTION: &[Key] = &[on("enabled"), on("with_cooldown")];

pub(super) const RUN: &[Key] = &[
    on("instance_type"),
    on("source_ami"),
    on("source_ami_filter"),
    on("associate_public_ip_address"),
    on("availability_zone"),
    on("disable_stop_instance"),
    on("ebs_optimized"),
    on("enable_unlimited_credits"),
    on("enable_t2_unlimited"),
    on("iam_instance_profile"),
    on("shutdown_behavior"),
    on("security_group_id"),
    on("security_group_ids"),
    on("subnet_id"),
    on("vpc_id"),
    on("temporary_security_group_source_cidrs"),
    on("user_data"),
    on("user_data_file"),
    on("metadata_options"),
    on("launch_block_device_mappings"),
    on("run_tags"),
    on("run_tag"),
    on("run_volume_tags"),
    on("run_volume_tag"),
    on("spot_price"),
    on("spot_tags"),
    on("spot_tag"),
    on("fleet_tags"),
    on("fleet_tag"),
    on("spot_instance_types"),
    on("spot_allocation_strategy"),
    // kiln's own.
    on("spot_fallback"),
    on("subnet_ids"),
    on("skip_profile_validation"),
    on("no_ephemeral"),
    on("capacity_reservation_preference"),
    on("capacity_reservation_id"),
    on("capacity_reservation_group_arn"),
    on("enable_nitro_enclave"),
    on("temporary_iam_instance_profile_policy_document"),
    on("security_group_filter"),
    on("subnet_filter"),
    on("vpc_filter"),
    on("license_specifications"),
    on("placement"),
    on("tenancy"),
    old(
        "spot_price_auto_product",
        "AWS sets the spot price without it",
    ),
    old("block_duration_minutes", "AWS has no spot blocks any more"),
    idle(
        "temporary_security_group_source_public_ip",
        "our own address is what kiln lets in anyway",
    ),
    idle("windows_password_timeout", "kiln bakes over SSH"),
];

pub(super) const POLICY: &[Key] = &[on("Version"), on("Statement")];

pub(super) const STATEMENT: &[Key] = &[on("Effect"), on("Action"), on("Resource")];

pub(super) const NAMED_FILTER: &[Key] = &[on("filters")];

pub(super) const SUBNET_FILTER: &[Key] = &[on("filters"), on("most_free"), on("random")];

pub(super) const PLACEMENT: &[Key] = &[on("tenancy"), on("host_id"), on("host_resource_group_arn")];

pub(super) const LICENSE: &[Key] = &[on("license_configuration_request")];

pub(super) const LICENSE_REQUEST: &[Key] = &[on("license_configuration_arn")];

pub(super) const FILTER: &[Key] = &[
    on("filters"),
    on("owners"),
    on("most_recent"),
    on("include_deprecated"),
];

pub(super) const METADATA: &[Key] = &[
    on("http_endpoint"),
    on("http_tokens"),
    on("http_put_response_hop_limit"),
    on("instance_metadata_tags"),
];

pub(super) const DEVICE: &[Key] = &[
    on("device_name"),
    on("delete_on_termination"),
    on("encrypted"),
    on("kms_key_id"),
    on("iops"),
    on("throughput"),
    on("volume_size"),
    on("volume_type"),
    on("snapshot_id"),
    on("virtual_name"),
    on("no_device"),
];

pub(super) const SSH: &[Key] = &[
    on("communicator"),
    on("pause_before_connecting"),
    on("ssh_username"),
    on("ssh_host"),
    on("ssh_port"),
    on("ssh_interface"),
    on("ssh_password"),
    on("ssh_keypair_name"),
    on("ssh_private_key_file"),
    on("temporary_key_pair_name"),
    on("ssh_agent_auth"),
    on("ssh_clear_authorized_keys"),
    on("ssh_pty"),
    on("ssh_timeout"),
    on("ssh_wait_timeout"),
    on("ssh_handshake_attempts"),
    on("ssh_keep_alive_interval"),
    on("ssh_read_write_timeout"),
    on("ssh_bastion_host"),
    on("ssh_bastion_port"),
    on("ssh_bastion_username"),
    on("ssh_bastion_password"),
    on("ssh_bastion_agent_auth"),
    on("ssh_bastion_private_key_file"),
    on("temporary_key_pair_type"),
    on("temporary_key_pair_bits"),
    idle(
        "ssh_disable_agent_forwarding",
        "kiln never forwards the agent",
    ),
    on("ssh_file_transfer_method"),
    on("wait_for_cloud_init"),
    on("ssh_certificate_file"),
    on("ssh_ciphers"),
    on("ssh_key_exchange_algorithms"),
    on("ssh_bastion_interactive"),
    on("ssh_bastion_certificate_file"),
    on("ssh_proxy_host"),
    on("ssh_proxy_port"),
    on("ssh_proxy_username"),
    on("ssh_proxy_password"),
    on("ssh_local_tunnels"),
    on("ssh_remote_tunnels"),
    on("session_manager_port"),
    on("pause_before_ssm"),
    refused("winrm_username", "kiln bakes over SSH"),
    refused("winrm_password", "kiln bakes over SSH"),
    refused("winrm_host", "kiln bakes over SSH"),
    refused("winrm_port", "kiln bakes over SSH"),
    refused("winrm_timeout", "kiln bakes over SSH"),
    refused("winrm_use_ssl", "kiln bakes over SSH"),
    refused("winrm_insecure", "kiln bakes over SSH"),
    refused("winrm_use_ntlm", "kiln bakes over SSH"),
    refused("winrm_no_proxy", "kiln bakes over SSH"),
];

/// What every builder has.
pub(super) const BUILDER: &[Key] = &[own("type"), own("name")];

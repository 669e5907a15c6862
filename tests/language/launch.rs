//! The options of the build machine: what each comes to, and what is refused before anything is asked of AWS.

use super::Case;
use super::bad_input::{builder, template};
use kiln::template::bake::{Instance, Reservation, ShutdownBehavior};

fn load(mut case: Case) -> Instance {
    let loaded = case.bake();
    let (mut template, _) = loaded.unwrap_or_else(|findings| panic!("{}", case.draw(&findings)));
    template.builds.remove(0).builder.instance
}

/// The messages of what is refused.
fn refused(mut case: Case) -> Vec<String> {
    let findings = case.bake().map(drop).unwrap_err();
    assert!(
        findings.iter().all(|finding| !finding.labels.is_empty()),
        "{}",
        case.draw(&findings)
    );
    let errors = findings
        .into_iter()
        .filter(kiln::source::Diagnostic::is_error);
    errors.map(|finding| finding.message).collect()
}

#[test]
fn where_a_machine_stands_is_named_or_found() {
    let one = load(builder(r#""subnet_id": "subnet-1", "vpc_id": "vpc-1""#));
    assert_eq!(one.subnets[0].value, "subnet-1");
    let several = load(builder(r#""subnet_ids": "subnet-1,subnet-2""#));
    assert_eq!(several.subnets.len(), 2);
    let found = load(builder(
        r#""subnet_filter": { "filters": { "tag:tier": "build,ci" }, "most_free": true },
           "vpc_filter": { "filters": { "tag:Name": "main" } },
           "security_group_filter": { "filters": { "group-name": "ssh" } }"#,
    ));
    let by = found.subnet_filter.unwrap();
    assert_eq!(by.filter.filters[0].1, ["build", "ci"], "values are CSV");
    assert!(!by.random);
    assert_eq!(found.vpc_filter.unwrap().filters[0].1, ["main"]);
    assert_eq!(found.security_group_filter.unwrap().filters[0].1, ["ssh"]);
    let beaten = load(builder(
        r#""subnet_id": "subnet-1", "subnet_filter": { "filters": { "state": "available" } }"#,
    ));
    assert!(beaten.subnet_filter.is_none(), "a named subnet is taken");
}

#[test]
fn what_a_machine_is_launched_with() {
    let instance = load(builder(
        r#""placement": { "tenancy": "host", "host_id": "h-1" }, "capacity_reservation_id": "cr-1",
           "license_specifications": [{ "license_configuration_request": { "license_configuration_arn": "arn:l" } }],
           "metadata_options": { "http_endpoint": "disabled", "instance_metadata_tags": "enabled" },
           "shutdown_behavior": "terminate", "no_ephemeral": true"#,
    ));
    assert_eq!(instance.placement.host.unwrap().value, "h-1");
    assert_eq!(instance.placement.tenancy.unwrap().value, "host");
    assert!(matches!(instance.reservation, Some(Reservation::Id(id)) if id.value == "cr-1"));
    assert_eq!(instance.licenses[0].value, "arn:l");
    assert!(!instance.metadata.endpoint_enabled && instance.metadata.instance_tags);
    assert!(
        instance.metadata.tokens_required,
        "unless it says otherwise"
    );
    assert_eq!(
        instance.shutdown_behavior,
        Some(ShutdownBehavior::Terminate)
    );
    assert_eq!(instance.block_devices.len(), 26);
    assert_eq!(instance.block_devices[25].device_name.value, "xvdcz");
    let open = load(builder(
        r#""capacity_reservation_preference": "open", "tenancy": "dedicated""#,
    ));
    assert_eq!(open.reservation, Some(Reservation::Open));
    assert_eq!(open.placement.tenancy.unwrap().value, "dedicated");
}

#[test]
fn a_spot_machine_without_a_price_of_its_own_may_be_bought_instead() {
    for (options, expected) in [
        (r#""spot_price": "auto""#, true),
        (r#""spot_price": "0.02""#, false),
        (
            r#""spot_price": "0.02", "spot_fallback": "on-demand""#,
            true,
        ),
        (r#""spot_price": "auto", "spot_fallback": "none""#, false),
    ] {
        let spot = load(builder(options)).spot.unwrap();
        assert_eq!(spot.fall_back, expected, "{options}");
    }
    assert!(load(builder(r#""spot_price": "0""#)).spot.is_none());
}

#[test]
fn what_excludes_each_other_or_cannot_be_is_said() {
    for (options, expected) in [
        (
            r#""subnet_id": "a", "subnet_ids": ["b"]"#,
            "`subnet_id` and `subnet_ids`",
        ),
        (
            r#""subnet_filter": { "filters": { "vpc-id": "v" }, "most_free": true, "random": true }"#,
            "`most_free` and `random`",
        ),
        (
            r#""placement": { "host_id": "h", "host_resource_group_arn": "a" }"#,
            "`host_id` and `host_resource_group_arn`",
        ),
        (
            r#""tenancy": "host", "placement": { "tenancy": "host" }"#,
            "`tenancy` and `placement.tenancy`",
        ),
        (r#""tenancy": "shared""#, "`tenancy` cannot be `shared`"),
        (
            r#""capacity_reservation_id": "i", "capacity_reservation_preference": "open""#,
            "`capacity_reservation_preference` and `capacity_reservation_id`",
        ),
        (
            r#""license_specifications": [{}]"#,
            "needs `license_configuration_request`",
        ),
        (
            r#""enable_nitro_enclave": true"#,
            "`enable_nitro_enclave` is not for `t3.small`",
        ),
        (
            r#""enable_nitro_enclave": true, "spot_price": "auto""#,
            "`enable_nitro_enclave` and `spot_price`",
        ),
        (
            r#""spot_tags": { "a": "b" }"#,
            "`spot_tags` is for spot machines",
        ),
        (
            r#""spot_fallback": "none""#,
            "`spot_fallback` is for spot machines",
        ),
        (r#""spot_price": "cheap""#, "`spot_price` must be a price"),
        (
            r#""metadata_options": { "http_put_response_hop_limit": 65 }"#,
            "`http_put_response_hop_limit` cannot be 65",
        ),
        (
            r#""shutdown_behavior": "terminate", "disable_stop_instance": true"#,
            "`shutdown_behavior` and `disable_stop_instance`",
        ),
        (
            r#""user_data": "a", "user_data_file": "b""#,
            "`user_data` and `user_data_file`",
        ),
    ] {
        let messages = refused(builder(options));
        assert!(
            messages.iter().any(|message| message.contains(expected)),
            "{options}: {messages:?}"
        );
    }
    let metal = template(
        r#""builders": [{ "type": "amazon-ebs", "ami_name": "web-1", "source_ami": "ami-1", "ssh_username": "ü",
           "instance_type": "m5.large", "enable_unlimited_credits": true }]"#,
    );
    assert!(refused(metal)[0].contains("has no CPU credits"));
}

#[test]
fn what_ebs_refuses_is_refused_with_its_place() {
    for (device, expected) in [
        (r#""kms_key_id": "k""#, "`kms_key_id` needs `encrypted`"),
        (r#""iops": 3000"#, "`iops` needs a `volume_type`"),
        (
            r#""iops": 3000, "volume_type": "gp2""#,
            "`iops` needs a `volume_type`",
        ),
        (
            r#""iops": 99, "volume_type": "io1""#,
            "has 100 to 64000 IOPS, not 99",
        ),
        (
            r#""iops": 501, "volume_type": "io1", "volume_size": 10"#,
            "at most 500 IOPS, not 501",
        ),
        (
            r#""throughput": 200"#,
            "`throughput` needs the `volume_type` `gp3`",
        ),
        (
            r#""throughput": 2001, "volume_type": "gp3""#,
            "125 to 2000 MiB/s",
        ),
        (
            r#""throughput": 800, "volume_type": "gp3""#,
            "at most 750 MiB/s, not 800",
        ),
    ] {
        let device =
            format!(r#""launch_block_device_mappings": [{{ "device_name": "/dev/ä", {device} }}]"#);
        let messages = refused(builder(&device));
        assert!(
            messages.iter().any(|message| message.contains(expected)),
            "{device}: {messages:?}"
        );
    }
    load(builder(
        r#""launch_block_device_mappings": [
            { "device_name": "/dev/xvda", "volume_type": "gp3", "throughput": 800, "iops": 3200 },
            { "device_name": "/dev/xvdb", "volume_type": "io2", "iops": 10000, "volume_size": 10 },
            { "device_name": "/dev/xvdc", "kms_key_id": "k", "encrypted": true }]"#,
    ));
}

/// Packer's lists may be one string with commas, and EC2 takes no blanks in ids.
#[test]
fn blanks_around_commas_are_no_part_of_an_id() {
    for (option, value, right) in [
        ("ami_users", "123456789012, 210987654321", "210987654321"),
        (
            "snapshot_users",
            "123456789012 ,210987654321",
            "123456789012",
        ),
        ("ami_regions", "us-east-1, eu-west-1", "eu-west-1"),
        ("subnet_ids", "subnet-1, subnet-2", "subnet-2"),
        ("security_group_ids", "sg-1, sg-2", "sg-2"),
    ] {
        let findings = builder(&format!("\"{option}\": \"{value}\""))
            .bake()
            .unwrap_err();
        assert_eq!(findings.len(), 1, "{findings:?}");
        let found = &findings[0];
        assert_eq!(found.code, "template::wrong_value");
        assert!(found.message.contains(option), "{found:?}");
        assert!(
            found.help.as_ref().unwrap().contains(&format!("`{right}`")),
            "{found:?}"
        );
        assert!(!found.labels.is_empty(), "{found:?}");
    }
    assert!(builder(r#""ami_users": ["123456789012 "]"#).bake().is_err());
    assert!(
        builder(r#""ami_users": "123456789012,210987654321""#)
            .bake()
            .is_ok()
    );
}

//! What a template says of the hardware arrives at EC2.

use localcloud::model::{Params, Request, Service, Tree};

use kiln::bake::{Verdict, verdict};
use kiln::run::{Clock as _, MemoryJournal, Silent};

use super::bench::{Bench, TEMPLATE, account};

/// The instance of a bake with these options, as EC2 shows it.
async fn instance(options: &str) -> Tree {
    let text = TEMPLATE.replace(
        r#""instance_type": "t3.small","#,
        &format!(r#""instance_type": "m5.large", {options},"#),
    );
    let bench = Bench::of(&text, account(), None).await;
    let outcome = bench.bake(&MemoryJournal::default(), &Silent).await;
    assert_eq!(verdict(&outcome.unwrap()), Verdict::Done);
    let request = Request {
        service: Service::Ec2,
        action: "DescribeInstances".to_owned(),
        params: Params::Map([].into()),
    };
    let now = bench.cloud.now();
    let answer = bench.cloud.world().model.call(&request, now);
    let shown = answer.result.unwrap();
    shown.at("reservationSet.0.instancesSet.0").unwrap().clone()
}

/// Options, and where their value shows: what a machine has however it is launched.
const ANYHOW: [(&str, &str, &str); 4] = [
    (
        r#""license_specifications": [{ "license_configuration_request": {
            "license_configuration_arn": "arn:aws:license-manager:eu-central-1:012345678901:license-configuration:lic-1"
        } }]"#,
        "licenseSet.0.licenseConfigurationArn",
        "arn:aws:license-manager:eu-central-1:012345678901:license-configuration:lic-1",
    ),
    (
        r#""tenancy": "dedicated""#,
        "placement.tenancy",
        "dedicated",
    ),
    (
        r#""placement": { "tenancy": "host", "host_id": "h-1" }"#,
        "placement.hostId",
        "h-1",
    ),
    (
        r#""placement": { "host_resource_group_arn": "arn:aws:resource-groups:y" }"#,
        "placement.hostResourceGroupArn",
        "arn:aws:resource-groups:y",
    ),
];

/// What only a machine that is bought can have.
const BOUGHT: [(&str, &str, &str); 4] = [
    (
        r#""enable_nitro_enclave": true"#,
        "enclaveOptions.enabled",
        "true",
    ),
    (
        r#""capacity_reservation_preference": "none""#,
        "capacityReservationSpecification.capacityReservationPreference",
        "none",
    ),
    (
        r#""capacity_reservation_id": "cr-1""#,
        "capacityReservationSpecification.capacityReservationTarget.capacityReservationId",
        "cr-1",
    ),
    (
        r#""capacity_reservation_group_arn": "arn:aws:resource-groups:x""#,
        "capacityReservationSpecification.capacityReservationTarget.capacityReservationResourceGroupArn",
        "arn:aws:resource-groups:x",
    ),
];

fn is(shown: &Tree, path: &str, value: &str) -> bool {
    shown.at(path).and_then(Tree::text).as_deref() == Some(value)
}

#[tokio::test(start_paused = true)]
async fn enclaves_licenses_reservations_and_hosts_arrive() {
    for (options, path, value) in ANYHOW.into_iter().chain(BOUGHT) {
        let shown = instance(options).await;
        assert!(is(&shown, path, value), "{options}: {shown:?}");
    }
}

/// A spot machine out of a fleet has them from a launch template.
#[tokio::test(start_paused = true)]
async fn hardware_arrives_through_a_fleet() {
    let fleet = r#""spot_price": "auto", "spot_allocation_strategy": "lowest-price""#;
    for (options, path, value) in ANYHOW {
        let shown = instance(&format!("{fleet}, {options}")).await;
        assert!(is(&shown, path, value), "{options}: {shown:?}");
        assert!(is(&shown, "instanceLifecycle", "spot"), "{shown:?}");
    }
}

//! Spot instances: refused by type and zone, and taken back.

use super::{Cloud, DEBIAN};
use jiff::SignedDuration;
use localcloud::model::{Effect, Fact, FaultPlan, Scarcity};

const SPOT: &str = "InstanceMarketOptions.MarketType=spot";

fn run(kind: &str, zone: &str, more: &str) -> String {
    format!(
        "ImageId={DEBIAN} InstanceType={kind} MinCount=1 MaxCount=1 Placement.AvailabilityZone={zone} {more}"
    )
}

#[test]
fn what_is_scarce_is_refused_and_nothing_else() {
    let mut cloud = Cloud::new();
    let plan = FaultPlan::default()
        .scarce(Scarcity {
            times: 2,
            spot: Some(true),
            instance_type: Some("t3.small".into()),
            zone: None,
        })
        .scarce(Scarcity {
            times: 1,
            zone: Some("eu-central-1b".into()),
            ..Scarcity::default()
        });
    cloud.model.inject(plan);
    let refused = |cloud: &mut Cloud, kind: &str, zone: &str, more: &str| {
        cloud.ask("RunInstances", &run(kind, zone, more)).err()
    };
    let (a, b) = ("eu-central-1a", "eu-central-1b");
    assert_eq!(refused(&mut cloud, "t3.micro", a, SPOT), None);
    assert_eq!(refused(&mut cloud, "t3.small", a, ""), None);
    for zone in [a, b] {
        let fault = refused(&mut cloud, "t3.small", zone, SPOT).unwrap();
        assert_eq!(fault.code, "InsufficientInstanceCapacity");
        assert!(fault.message.contains("no Spot capacity"), "{fault:?}");
    }
    assert_eq!(refused(&mut cloud, "t3.small", a, SPOT), None);
    let fault = refused(&mut cloud, "t3.micro", b, "").unwrap();
    assert!(fault.message.contains("t3.micro capacity in"), "{fault:?}");
    assert_eq!(refused(&mut cloud, "t3.micro", b, ""), None);
}

fn request(cloud: &mut Cloud, id: &str, path: &str) -> String {
    let given = format!("Filter.1.Name=instance-id Filter.1.Value.1={id}");
    let path = format!("spotInstanceRequestSet.0.{path}");
    cloud.get("DescribeSpotInstanceRequests", &given, &path)
}

#[test]
fn a_spot_instance_has_two_minutes_notice_and_says_why_it_went() {
    let mut cloud = Cloud::new();
    let plan = FaultPlan::default().interruption(SignedDuration::from_secs(300));
    cloud.model.inject(plan);
    let bought = cloud.running("");
    let id = cloud.running(SPOT);
    let told = |cloud: &mut Cloud| {
        let asked = cloud.asked().into_iter();
        let entries = asked.filter_map(|effect| match effect {
            Effect::Describe { instance, metadata } => Some((instance, metadata.entries)),
            _ => None,
        });
        entries.collect::<Vec<_>>()
    };
    assert_eq!(request(&mut cloud, &id, "status.code"), "fulfilled");
    cloud.pass(SignedDuration::from_secs(170));
    assert_eq!(told(&mut cloud), []);
    cloud.pass(SignedDuration::from_secs(20));
    let (instance, entries) = told(&mut cloud).remove(0);
    assert_eq!(instance, id);
    let action = entries
        .iter()
        .find(|(path, _)| path == "spot/instance-action");
    assert!(
        action.unwrap().1.contains("\"action\":\"terminate\""),
        "{action:?}"
    );
    assert_eq!(
        request(&mut cloud, &id, "status.code"),
        "marked-for-termination"
    );
    cloud.pass(SignedDuration::from_secs(120));
    cloud.see(Fact::Gone {
        instance: id.clone(),
    });
    let look = format!("InstanceId.1={id}");
    let mut shown = |path: &str| {
        let path = format!("reservationSet.0.instancesSet.0.{path}");
        cloud.get("DescribeInstances", &look, &path)
    };
    assert_eq!(shown("instanceState.name"), "terminated");
    assert_eq!(shown("stateReason.code"), "Server.SpotInstanceTermination");
    assert_eq!(request(&mut cloud, &id, "state"), "closed");
    assert_eq!(
        request(&mut cloud, &id, "status.code"),
        "instance-terminated-no-capacity"
    );
    let (known, _) = cloud
        .model
        .interrupt(&bought, SignedDuration::ZERO, cloud.now);
    assert!(!known, "a machine that was bought stays");
}

#[test]
fn an_image_that_waits_for_its_machine_to_rest_is_never_made_of_one_that_is_taken_back() {
    let mut cloud = Cloud::new();
    let id = cloud.running(SPOT);
    let image = cloud.get(
        "CreateImage",
        &format!("InstanceId={id} Name=web"),
        "imageId",
    );
    let (known, effects) = cloud.model.interrupt(&id, SignedDuration::ZERO, cloud.now);
    assert!(
        known
            && effects
                .iter()
                .any(|effect| matches!(effect, Effect::Terminate { .. }))
    );
    cloud.see(Fact::Gone { instance: id });
    let look = format!("ImageId.1={image}");
    let mut shown = |path: &str| cloud.get("DescribeImages", &look, path);
    assert_eq!(shown("imagesSet.0.imageState"), "failed");
    assert!(shown("imagesSet.0.stateReason.message").contains("was terminated"));
}

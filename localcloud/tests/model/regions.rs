//! Several regions of one account: nothing is seen from another one, and images cross by a copy only.

use super::{Cloud, DEBIAN, params};
use jiff::SignedDuration;
use localcloud::model::{Answer, Effect, Fact, Fault, Request, Service, Tree};

const THERE: &str = "eu-west-1";

fn two_regions() -> Cloud {
    Cloud::with(|config| config.other_regions = vec![THERE.into()])
}

fn there(cloud: &mut Cloud, action: &str, parameters: &str) -> Result<Tree, Fault> {
    cloud.now += SignedDuration::from_secs(1);
    let request = Request {
        service: Service::Ec2,
        action: action.into(),
        params: params(parameters),
    };
    let Answer {
        result, effects, ..
    } = cloud.model.call_in(THERE, &request, cloud.now);
    cloud.effects.extend(effects);
    result
}

fn text(tree: &Tree, path: &str) -> String {
    tree.at(path).and_then(Tree::text).unwrap()
}

#[test]
fn a_copy_crosses_with_its_files_and_boots_there() {
    let mut cloud = two_regions();
    let looked = there(&mut cloud, "DescribeImages", &format!("ImageId.1={DEBIAN}"));
    assert_eq!(looked.unwrap_err().code, "InvalidAMIID.NotFound");
    let wish = format!("SourceImageId={DEBIAN} SourceRegion=eu-central-1 Name=copy");
    let copy = text(&there(&mut cloud, "CopyImage", &wish).unwrap(), "imageId");
    let alias = Effect::Alias {
        image: copy.clone(),
        of: DEBIAN.into(),
    };
    assert_eq!(cloud.asked(), [alias]);
    cloud.pass(SignedDuration::from_secs(5));
    let run = format!("ImageId={copy} InstanceType=t3.micro MinCount=1 MaxCount=1");
    let launched = there(&mut cloud, "RunInstances", &run).unwrap();
    let instance = text(&launched, "instancesSet.0.instanceId");
    let effects = cloud.asked();
    let [Effect::Boot(boot)] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert!(
        !boot.address.to_string().starts_with("172.31.0."),
        "{boot:?}"
    );
    cloud.see(Fact::Running {
        instance: instance.clone(),
    });
    let of = format!("InstanceId.1={instance}");
    let seen = there(&mut cloud, "DescribeInstances", &of).unwrap();
    let state = "reservationSet.0.instancesSet.0.instanceState.name";
    assert_eq!(text(&seen, state), "running");
    cloud.refused("InvalidInstanceID.NotFound", "DescribeInstances", &of);
}

#[test]
fn a_region_that_is_not_served_lends_nothing() {
    let mut cloud = two_regions();
    let wish = format!("SourceImageId={DEBIAN} SourceRegion=ap-south-1 Name=copy");
    let refused = there(&mut cloud, "CopyImage", &wish).unwrap_err();
    assert_eq!(refused.code, "InvalidRequest");
    assert!(!cloud.model.serves("ap-south-1") && cloud.model.serves(THERE));
}

#[test]
fn what_is_made_of_something_encrypted_is_encrypted() {
    let mut cloud = Cloud::new();
    let wish = format!("SourceImageId={DEBIAN} SourceRegion=eu-central-1 Encrypted=true Name=one");
    let one = cloud.get("CopyImage", &wish, "imageId");
    cloud.pass(SignedDuration::from_secs(5));
    let wish = format!("SourceImageId={one} SourceRegion=eu-central-1 Name=two");
    let two = cloud.get("CopyImage", &wish, "imageId");
    cloud.pass(SignedDuration::from_secs(5));
    let of = format!("ImageId.1={two}");
    let path = "imagesSet.0.blockDeviceMapping.0.ebs.encrypted";
    assert_eq!(cloud.get("DescribeImages", &of, path), "true");
    let run = format!("ImageId={two} InstanceType=t3.micro MinCount=1 MaxCount=1");
    cloud.ok("RunInstances", &run);
    let path = "volumeSet.0.encrypted";
    assert_eq!(cloud.get("DescribeVolumes", "", path), "true");
}

//! `RunInstances`: what it refuses, what it does once, and what it asks of the world.

use super::{Cloud, DEBIAN};
use localcloud::model::{Boot, Effect};

fn boot(cloud: &mut Cloud) -> Boot {
    match &cloud.asked()[..] {
        [Effect::Boot(boot)] => (**boot).clone(),
        other => panic!("not one boot: {other:?}"),
    }
}

#[test]
fn what_aws_refuses_is_refused_and_nothing_boots() {
    let mut cloud = Cloud::new();
    let base = "MinCount=1 MaxCount=1 InstanceType=t3.micro";
    let image = format!("{base} ImageId={DEBIAN}");
    for (code, parameters) in [
        ("MissingParameter", base.to_owned()),
        (
            "InvalidAMIID.NotFound",
            format!("{base} ImageId=ami-00000000000000000"),
        ),
        ("InvalidAMIID.Malformed", format!("{base} ImageId=debian")),
        (
            "InvalidParameterValue",
            format!("MinCount=1 MaxCount=1 InstanceType=t9.huge ImageId={DEBIAN}"),
        ),
        // An x86_64 image on Graviton.
        (
            "InvalidParameterValue",
            format!("MinCount=1 MaxCount=1 InstanceType=t4g.micro ImageId={DEBIAN}"),
        ),
        (
            "InvalidParameterValue",
            format!("MinCount=2 MaxCount=1 InstanceType=t3.micro ImageId={DEBIAN}"),
        ),
        ("InvalidKeyPair.NotFound", format!("{image} KeyName=nobody")),
        (
            "InvalidGroup.NotFound",
            format!("{image} SecurityGroupId.1=sg-00000000000000000"),
        ),
        (
            "InvalidSubnetID.NotFound",
            format!("{image} SubnetId=subnet-00000000000000000"),
        ),
        (
            "InvalidParameterValue",
            format!("{image} IamInstanceProfile.Name=nobody"),
        ),
        (
            "InvalidParameterCombination",
            format!("{image} SecurityGroup.1=default NetworkInterface.1.DeviceIndex=0"),
        ),
        (
            "InvalidBlockDeviceMapping",
            format!(
                "{image} BlockDeviceMapping.1.DeviceName=/dev/xvda BlockDeviceMapping.1.Ebs.VolumeSize=4"
            ),
        ),
        ("InvalidUserData.Malformed", format!("{image} UserData=%%%")),
        (
            "InvalidParameterValue",
            format!(
                "{image} TagSpecification.1.ResourceType=instance TagSpecification.1.Tag.1.Key=aws:x"
            ),
        ),
        ("UnknownParameter", format!("{image} Colour=red")),
        ("DryRunOperation", format!("{image} DryRun=true")),
    ] {
        cloud.refused(code, "RunInstances", &parameters);
    }
    assert_eq!(cloud.count("DescribeInstances", "", "reservationSet"), 0);
    assert_eq!(cloud.count("DescribeVolumes", "", "volumeSet"), 0);
}

#[test]
fn a_client_token_launches_once_and_refuses_other_wishes() {
    let mut cloud = Cloud::new();
    let first = cloud.launch("ClientToken=t");
    assert_eq!(cloud.launch("ClientToken=t"), first);
    assert_eq!(cloud.asked().len(), 1, "the second call booted a machine");
    let other =
        format!("ImageId={DEBIAN} InstanceType=t3.small MinCount=1 MaxCount=1 ClientToken=t");
    cloud.refused("IdempotentParameterMismatch", "RunInstances", &other);
    assert_ne!(cloud.launch("ClientToken=u"), first);
}

#[test]
fn the_machine_gets_what_the_call_says() {
    let mut cloud = Cloud::new();
    cloud.ok("CreateKeyPair", "KeyName=k KeyType=ed25519");
    let more = "KeyName=k UserData=IyEvYmluL3No MetadataOptions.HttpTokens=required IamInstanceProfile.Name=kiln-instance";
    let id = cloud.launch(more);
    let boot = boot(&mut cloud);
    assert_eq!(
        (boot.instance.as_str(), boot.image.as_str()),
        (id.as_str(), DEBIAN)
    );
    assert_eq!(boot.user_data.as_deref(), Some(b"#!/bin/sh".as_slice()));
    assert!(
        boot.public_keys[0].starts_with("ssh-ed25519 "),
        "{:?}",
        boot.public_keys
    );
    assert!(boot.metadata.tokens_required && boot.metadata.enabled);
    let entry = |name: &str| {
        boot.metadata
            .entries
            .iter()
            .find(|(path, _)| path == name)
            .map(|(_, text)| text.clone())
    };
    assert_eq!(entry("instance-id"), Some(id));
    assert_eq!(entry("local-ipv4"), Some(boot.address.to_string()));
    assert!(
        entry("iam/info")
            .unwrap()
            .contains("instance-profile/kiln-instance")
    );
    assert!(
        boot.metadata
            .identity
            .contains(&format!("\"imageId\": \"{DEBIAN}\"")),
        "{}",
        boot.metadata.identity
    );
}

#[test]
fn addresses_come_from_the_subnet_and_freed_ones_come_round_last() {
    let mut cloud =
        Cloud::with(|config| config.vpc = localcloud::model::Cidr::parse("10.77.0.0/24").unwrap());
    let subnet = cloud.get("DescribeSubnets", "", "subnetSet.0.subnetId");
    let free = "subnetSet.0.availableIpAddressCount";
    // A /28: sixteen addresses, five of them AWS's own.
    assert_eq!(
        cloud.get("DescribeSubnets", &format!("SubnetId.1={subnet}"), free),
        "11"
    );
    let first = cloud.launch(&format!("SubnetId={subnet}"));
    let address = boot(&mut cloud).address;
    cloud.ok("TerminateInstances", &format!("InstanceId.1={first}"));
    cloud.see(localcloud::model::Fact::Gone { instance: first });
    cloud.asked();
    cloud.launch(&format!("SubnetId={subnet}"));
    assert_ne!(boot(&mut cloud).address, address);
    let all =
        format!("ImageId={DEBIAN} InstanceType=t3.micro MinCount=11 MaxCount=11 SubnetId={subnet}");
    cloud.refused("InsufficientFreeAddressesInSubnet", "RunInstances", &all);
}

#[test]
fn an_interface_carries_subnet_groups_and_public_address() {
    let mut cloud = Cloud::new();
    let subnet = cloud.get("DescribeSubnets", "", "subnetSet.2.subnetId");
    let group = cloud.get(
        "DescribeSecurityGroups",
        "GroupName.1=default",
        "securityGroupInfo.0.groupId",
    );
    let interface = format!(
        "NetworkInterface.1.DeviceIndex=0 NetworkInterface.1.SubnetId={subnet} NetworkInterface.1.SecurityGroupId.1={group} \
         NetworkInterface.1.AssociatePublicIpAddress=false"
    );
    let id = cloud.launch(&interface);
    let tree = cloud.ok("DescribeInstances", &format!("InstanceId.1={id}"));
    let instance = tree.at("reservationSet.0.instancesSet.0").unwrap();
    assert_eq!(instance.at("subnetId").unwrap().text(), Some(subnet));
    assert_eq!(
        instance.at("groupSet.0.groupId").unwrap().text(),
        Some(group)
    );
    assert!(
        instance.get("ipAddress").is_none(),
        "no public address was asked for"
    );
}

#[test]
fn devices_are_laid_over_those_of_the_image() {
    let mut cloud = Cloud::new();
    let id = cloud.running(
        "BlockDeviceMapping.1.DeviceName=/dev/xvda BlockDeviceMapping.1.Ebs.VolumeSize=20 \
         BlockDeviceMapping.2.DeviceName=/dev/sdb BlockDeviceMapping.2.Ebs.VolumeSize=5 \
         BlockDeviceMapping.2.Ebs.DeleteOnTermination=false",
    );
    let of = format!("Filter.1.Name=attachment.instance-id Filter.1.Value.1={id}");
    assert_eq!(cloud.count("DescribeVolumes", &of, "volumeSet"), 2);
    cloud.ok("TerminateInstances", &format!("InstanceId.1={id}"));
    cloud.see(localcloud::model::Fact::Gone { instance: id });
    assert_eq!(cloud.get("DescribeVolumes", "", "volumeSet.0.size"), "5");
    assert_eq!(
        cloud.count("DescribeVolumes", "", "volumeSet"),
        1,
        "only the volume that was to stay is there"
    );
}

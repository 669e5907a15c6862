//! Launch template data in the names of requests and in those of answers.

use super::super::{Fault, Params, Tree, args::Args};

/// Every name that may stand in launch template data, and what answers call it.
const NAMES: &[(&str, &str)] = &[
    ("Arn", "arn"),
    ("AssociatePublicIpAddress", "associatePublicIpAddress"),
    ("AvailabilityZone", "availabilityZone"),
    ("BlockDeviceMapping", "blockDeviceMappingSet"),
    ("BlockDurationMinutes", "blockDurationMinutes"),
    ("CapacityReservationId", "capacityReservationId"),
    (
        "CapacityReservationPreference",
        "capacityReservationPreference",
    ),
    (
        "CapacityReservationResourceGroupArn",
        "capacityReservationResourceGroupArn",
    ),
    (
        "CapacityReservationSpecification",
        "capacityReservationSpecification",
    ),
    ("CapacityReservationTarget", "capacityReservationTarget"),
    ("CpuCredits", "cpuCredits"),
    ("CreditSpecification", "creditSpecification"),
    ("DeleteOnTermination", "deleteOnTermination"),
    ("Description", "description"),
    ("DeviceIndex", "deviceIndex"),
    ("DeviceName", "deviceName"),
    ("DisableApiTermination", "disableApiTermination"),
    ("Ebs", "ebs"),
    ("EbsOptimized", "ebsOptimized"),
    ("Enabled", "enabled"),
    ("EnclaveOptions", "enclaveOptions"),
    ("Encrypted", "encrypted"),
    ("GroupName", "groupName"),
    ("HostId", "hostId"),
    ("HostResourceGroupArn", "hostResourceGroupArn"),
    ("HttpEndpoint", "httpEndpoint"),
    ("HttpProtocolIpv6", "httpProtocolIpv6"),
    ("HttpPutResponseHopLimit", "httpPutResponseHopLimit"),
    ("HttpTokens", "httpTokens"),
    ("IamInstanceProfile", "iamInstanceProfile"),
    ("ImageId", "imageId"),
    (
        "InstanceInitiatedShutdownBehavior",
        "instanceInitiatedShutdownBehavior",
    ),
    (
        "InstanceInterruptionBehavior",
        "instanceInterruptionBehavior",
    ),
    ("InstanceMarketOptions", "instanceMarketOptions"),
    ("InstanceMetadataTags", "instanceMetadataTags"),
    ("InstanceType", "instanceType"),
    ("InterfaceType", "interfaceType"),
    ("Iops", "iops"),
    ("Key", "key"),
    ("KeyName", "keyName"),
    ("KmsKeyId", "kmsKeyId"),
    ("LicenseConfigurationArn", "licenseConfigurationArn"),
    ("LicenseSpecification", "licenseSet"),
    ("MarketType", "marketType"),
    ("MaxPrice", "maxPrice"),
    ("MetadataOptions", "metadataOptions"),
    ("Monitoring", "monitoring"),
    ("Name", "name"),
    ("NetworkInterface", "networkInterfaceSet"),
    ("NoDevice", "noDevice"),
    ("Placement", "placement"),
    ("PrivateIpAddress", "privateIpAddress"),
    ("ResourceType", "resourceType"),
    ("SecurityGroup", "securityGroupSet"),
    ("SecurityGroupId", "securityGroupIdSet"),
    ("SnapshotId", "snapshotId"),
    ("SpotInstanceType", "spotInstanceType"),
    ("SpotOptions", "spotOptions"),
    ("SubnetId", "subnetId"),
    ("Tag", "tagSet"),
    ("TagSpecification", "tagSpecificationSet"),
    ("Tenancy", "tenancy"),
    ("Throughput", "throughput"),
    ("UserData", "userData"),
    ("ValidUntil", "validUntil"),
    ("Value", "value"),
    ("VirtualName", "virtualName"),
    ("VolumeSize", "volumeSize"),
    ("VolumeType", "volumeType"),
];

fn answer_name(name: &str) -> Option<&'static str> {
    NAMES
        .iter()
        .find(|(request, _)| *request == name)
        .map(|(_, answer)| *answer)
}

/// Refuses names that launch template data does not have, or that are not supported here.
pub(super) fn check(data: &Args<'_>) -> Result<(), Fault> {
    data.only(super::spec::TAKES)?;
    let params = Params::Map(data.raw().clone());
    match unknown(&params) {
        Some(name) => Err(Fault::unknown_parameter(
            data.service,
            &format!("LaunchTemplateData…{name}"),
        )),
        None => Ok(()),
    }
}

fn unknown(params: &Params) -> Option<String> {
    match params {
        Params::Text(_) => None,
        Params::List(list) => list.iter().find_map(unknown),
        Params::Map(map) => map
            .iter()
            .find_map(|(name, inner)| match answer_name(name) {
                None => Some(name.clone()),
                Some(_) => unknown(inner),
            }),
    }
}

/// The data as answers show it.
pub(super) fn show(params: &Params) -> Tree {
    match params {
        Params::Text(text) => Tree::from(text),
        Params::List(list) => Tree::List(list.iter().map(show).collect()),
        Params::Map(map) => {
            let interface = map.contains_key("DeviceIndex");
            Tree::Map(
                map.iter()
                    .filter_map(|(name, inner)| field(name, inner, interface))
                    .collect(),
            )
        }
    }
}

fn field(name: &str, inner: &Params, interface: bool) -> Option<(&'static str, Tree)> {
    match inner {
        // The groups of an interface stand under another name, each in an element of its own.
        Params::List(list) if interface && name == "SecurityGroupId" => Some((
            "groupSet",
            Tree::Map(list.iter().map(|group| ("groupId", show(group))).collect()),
        )),
        _ => Some((answer_name(name)?, show(inner))),
    }
}

#[cfg(test)]
mod tests {
    use super::NAMES;

    #[test]
    fn names_are_sorted_and_single() {
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
    }
}

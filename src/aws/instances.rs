//! Instances and volumes through the EC2 API.

use std::sync::Arc;

use aws_sdk_ec2::types as ec2;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::FutureExt;

use crate::aws::convert::{filters, tags_of, text};
use crate::aws::error::{failed, would_go};
use crate::aws::rounds::{Pacing, Rounds};
use crate::aws::{Aws, PAGE};
use crate::cloud::{
    Addresses, Error, Filter, ImageId, Instance, InstanceId, InstanceState, Instances,
    NetworkSupport, NewInstance, Result, StatusCheck, VolumeId,
};

/// Machines whose status one call tells of ("`DescribeInstanceStatus`").
const MOST_STATUSES: usize = 100;
/// How a machine's state is explained that EC2 needs for others ("`StateReason`").
const TAKEN_BACK: [&str; 2] = [
    "Server.SpotInstanceTermination",
    "Server.SpotInstanceShutdown",
];

impl Instances for Aws {
    async fn launch(&self, launch: &NewInstance) -> Result<Instance> {
        const CALL: &str = "RunInstances";
        let answer = self.request(launch).send().await;
        let answer = answer.map_err(|error| failed(CALL, error))?;
        let instance = answer.instances().first();
        instance_of(
            CALL,
            instance.ok_or_else(|| Error::malformed(CALL, "instance"))?,
        )
    }

    async fn rehearse(&self, launch: &NewInstance) -> Result<()> {
        let answer = self.request(launch).dry_run(true).send().await;
        would_go("RunInstances", answer)
    }

    async fn find_instances(&self, wanted: &[Filter]) -> Result<Vec<Instance>> {
        find(&self.ec2, wanted).await
    }

    async fn instance(&self, id: &InstanceId) -> Result<Instance> {
        self.instances.look(id.as_str()).await
    }

    async fn status_checks(&self, ids: &[InstanceId]) -> Result<Vec<(InstanceId, StatusCheck)>> {
        let mut found = Vec::new();
        for some in ids.chunks(MOST_STATUSES) {
            found.extend(status_checks(&self.ec2, some).await?);
        }
        Ok(found)
    }

    async fn console_output(&self, id: &InstanceId) -> Result<String> {
        const CALL: &str = "GetConsoleOutput";
        let request = self
            .ec2
            .get_console_output()
            .instance_id(id.as_str())
            .latest(true);
        let answer = match request.send().await.map_err(|error| failed(CALL, error)) {
            // Only machines of the Nitro kind have a console that can be read at any time ("GetConsoleOutput").
            Err(error) if error.code.as_deref() == Some("UnsupportedOperation") => {
                let request = self.ec2.get_console_output().instance_id(id.as_str());
                request.send().await.map_err(|error| failed(CALL, error))?
            }
            answer => answer?,
        };
        let bytes = BASE64
            .decode(answer.output().unwrap_or_default())
            .map_err(|_| Error::malformed(CALL, "output in base64"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn stop_instance(&self, id: &InstanceId) -> Result<()> {
        let request = self.ec2.stop_instances().instance_ids(id.as_str());
        let answer = request.send().await;
        answer
            .map(drop)
            .map_err(|error| failed("StopInstances", error))
    }

    async fn terminate_instance(&self, id: &InstanceId) -> Result<()> {
        let request = self.ec2.terminate_instances().instance_ids(id.as_str());
        let answer = request.send().await;
        answer
            .map(drop)
            .map_err(|error| failed("TerminateInstances", error))
    }

    async fn set_network_support(&self, id: &InstanceId, support: NetworkSupport) -> Result<()> {
        let request = self
            .ec2
            .modify_instance_attribute()
            .instance_id(id.as_str());
        let request = match support {
            NetworkSupport::Ena(wanted) => {
                let value = ec2::AttributeBooleanValue::builder().value(wanted).build();
                request.ena_support(value)
            }
            NetworkSupport::Sriov => {
                let value = ec2::AttributeValue::builder().value("simple").build();
                request.sriov_net_support(value)
            }
        };
        let answer = request.send().await;
        answer
            .map(drop)
            .map_err(|error| failed("ModifyInstanceAttribute", error))
    }

    async fn find_volumes(&self, wanted: &[Filter]) -> Result<Vec<VolumeId>> {
        const CALL: &str = "DescribeVolumes";
        let request = self
            .ec2
            .describe_volumes()
            .set_filters(Some(filters(wanted)))
            .max_results(PAGE);
        let mut found = Vec::new();
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed(CALL, error))?;
            for volume in page.volumes() {
                found.push(VolumeId::new(text(CALL, "volume id", volume.volume_id())?));
            }
        }
        Ok(found)
    }

    async fn delete_volume(&self, id: &VolumeId) -> Result<()> {
        let request = self.ec2.delete_volume().volume_id(id.as_str());
        let answer = request.send().await;
        answer
            .map(drop)
            .map_err(|error| failed("DeleteVolume", error))
    }
}

async fn status_checks(
    ec2: &aws_sdk_ec2::Client,
    ids: &[InstanceId],
) -> Result<Vec<(InstanceId, StatusCheck)>> {
    const CALL: &str = "DescribeInstanceStatus";
    let wanted = ids.iter().map(ToString::to_string).collect();
    let request = ec2
        .describe_instance_status()
        .set_instance_ids(Some(wanted));
    let answer = match request.send().await.map_err(|error| failed(CALL, error)) {
        // One that went away meanwhile: of the others the next look tells.
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        answer => answer?,
    };
    let each = answer.instance_statuses().iter().map(|one| {
        let id = InstanceId::new(text(CALL, "instance id", one.instance_id())?);
        let words = [one.system_status(), one.instance_status()];
        let words = words.map(|summary| summary.and_then(|one| one.status()));
        Ok((id, checked(&words)))
    });
    each.collect()
}

/// Both must pass.
fn checked(words: &[Option<&ec2::SummaryStatus>; 2]) -> StatusCheck {
    use ec2::SummaryStatus as Status;
    if words.iter().all(|word| matches!(word, Some(Status::Ok))) {
        StatusCheck::Passed
    } else if words
        .iter()
        .any(|word| matches!(word, Some(Status::Impaired)))
    {
        StatusCheck::Failed
    } else {
        StatusCheck::Unknown
    }
}

async fn find(ec2: &aws_sdk_ec2::Client, wanted: &[Filter]) -> Result<Vec<Instance>> {
    const CALL: &str = "DescribeInstances";
    let request = ec2
        .describe_instances()
        .set_filters(Some(filters(wanted)))
        .max_results(PAGE);
    let mut found = Vec::new();
    let mut pages = request.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failed(CALL, error))?;
        found.extend(instances_of(CALL, page.reservations())?);
    }
    Ok(found)
}

async fn one(ec2: &aws_sdk_ec2::Client, id: &str) -> Result<Vec<Instance>> {
    const CALL: &str = "DescribeInstances";
    let answer = ec2.describe_instances().instance_ids(id).send().await;
    let answer = answer.map_err(|error| failed(CALL, error))?;
    instances_of(CALL, answer.reservations())
}

fn instances_of(call: &'static str, reservations: &[ec2::Reservation]) -> Result<Vec<Instance>> {
    let instances = reservations.iter().flat_map(ec2::Reservation::instances);
    instances.map(|one| instance_of(call, one)).collect()
}

/// The look-ups of instances by id; as with images, several by a filter and one by its name.
pub(super) fn rounds(ec2: aws_sdk_ec2::Client, jitter: u64) -> Arc<Rounds<Instance>> {
    Rounds::new("DescribeInstances", Pacing::own(jitter), move |ids| {
        let ec2 = ec2.clone();
        let look = async move {
            let found = if let [id] = &ids[..] {
                one(&ec2, id).await?
            } else {
                let name = "instance-id".to_owned();
                find(&ec2, &[Filter { name, values: ids }]).await?
            };
            let found = found.into_iter();
            Ok(found.map(|one| (one.id.to_string(), one)).collect())
        };
        look.boxed()
    })
}

pub(super) fn instance_of(call: &'static str, instance: &ec2::Instance) -> Result<Instance> {
    let state = instance
        .state()
        .and_then(ec2::InstanceState::name)
        .ok_or_else(|| Error::malformed(call, "instance state"))?;
    let id = text(call, "instance id", instance.instance_id())?;
    let why = instance.state_reason();
    let code = why.and_then(|reason| reason.code()).unwrap_or_default();
    let reason = why.and_then(|reason| reason.message());
    let reason = reason.or_else(|| instance.state_transition_reason());
    Ok(Instance {
        id: InstanceId::new(id),
        state: state_of(state),
        reason: reason
            .filter(|text| !text.is_empty())
            .map(ToOwned::to_owned),
        spot: instance.instance_lifecycle() == Some(&ec2::InstanceLifecycleType::Spot),
        interrupted: TAKEN_BACK.contains(&code),
        image: ImageId::new(instance.image_id().unwrap_or_default()),
        addresses: addresses_of(instance),
        lasting_volumes: lasting_volumes_of(instance),
        tags: tags_of(instance.tags()),
    })
}

fn lasting_volumes_of(instance: &ec2::Instance) -> Vec<VolumeId> {
    let volumes = instance.block_device_mappings().iter();
    volumes
        .filter_map(ec2::InstanceBlockDeviceMapping::ebs)
        .filter(|volume| volume.delete_on_termination() == Some(false))
        .filter_map(|volume| volume.volume_id().map(VolumeId::new))
        .collect()
}

fn addresses_of(instance: &ec2::Instance) -> Addresses {
    let some = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    let interfaces = instance.network_interfaces().iter();
    let ipv6 = interfaces
        .flat_map(aws_sdk_ec2::types::InstanceNetworkInterface::ipv6_addresses)
        .find_map(|address| some(address.ipv6_address()));
    // AWS's own addresses are owned by `amazon` ("InstanceNetworkInterfaceAssociation").
    let mut interfaces = instance.network_interfaces().iter();
    let elastic = interfaces.any(|interface| {
        let owner = interface.association().and_then(|held| held.ip_owner_id());
        owner.is_some_and(|owner| owner != "amazon")
    });
    Addresses {
        elastic,
        public_ip: some(instance.public_ip_address()),
        private_ip: some(instance.private_ip_address()),
        public_dns: some(instance.public_dns_name()),
        private_dns: some(instance.private_dns_name()),
        ipv6,
    }
}

pub(super) fn state_of(name: &ec2::InstanceStateName) -> InstanceState {
    match name {
        ec2::InstanceStateName::Running => InstanceState::Running,
        ec2::InstanceStateName::Stopping => InstanceState::Stopping,
        ec2::InstanceStateName::Stopped => InstanceState::Stopped,
        ec2::InstanceStateName::ShuttingDown => InstanceState::ShuttingDown,
        ec2::InstanceStateName::Terminated => InstanceState::Terminated,
        _ => InstanceState::Pending,
    }
}

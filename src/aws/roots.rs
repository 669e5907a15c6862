//! Root volumes and what is attached to machines, through the EC2 API.

use aws_sdk_ec2::operation::create_replace_root_volume_task::builders::CreateReplaceRootVolumeTaskFluentBuilder;
use aws_sdk_ec2::types as ec2;

use super::Aws;
use super::convert::{specification, text};
use super::error::{failed, would_go};
use super::images::billed;
use super::instances::state_of;
use crate::cloud::{
    Disk, Error, InstanceId, NewRoot, Replacement, ReplacementState, Result, Rooted, Roots,
    SnapshotId, Tags, VolumeId,
};

impl Roots for Aws {
    async fn rooted(&self, id: &InstanceId) -> Result<Rooted> {
        const CALL: &str = "DescribeInstances";
        let call = self.ec2.describe_instances();
        let answer = call.instance_ids(id.as_str()).send().await;
        let answer = answer.map_err(|error| failed(CALL, error))?;
        let mut reservations = answer.reservations().iter();
        let instance = reservations.find_map(|one| one.instances().first());
        rooted_of(
            CALL,
            instance.ok_or_else(|| Error::malformed(CALL, "instance"))?,
        )
    }

    async fn replace_root(
        &self,
        id: &InstanceId,
        by: &NewRoot,
        token: &str,
    ) -> Result<Replacement> {
        let call = self.new_root(id, by).client_token(token);
        let answer = call.send().await.map_err(|error| failed(REPLACE, error))?;
        let task = answer.replace_root_volume_task();
        replacement_of(
            REPLACE,
            task.ok_or_else(|| Error::malformed(REPLACE, "task"))?,
        )
    }

    async fn rehearse_root(&self, id: &InstanceId, by: &NewRoot) -> Result<()> {
        let answer = self.new_root(id, by).dry_run(true).send().await;
        would_go(REPLACE, answer)
    }

    async fn root_replacements(&self, id: &InstanceId) -> Result<Vec<Replacement>> {
        const CALL: &str = "DescribeReplaceRootVolumeTasks";
        let of = ec2::Filter::builder()
            .name("instance-id")
            .values(id.as_str());
        let call = self.ec2.describe_replace_root_volume_tasks();
        let call = call.filters(of.build()).max_results(ROWS);
        let mut found = Vec::new();
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed(CALL, error))?;
            for task in page.replace_root_volume_tasks() {
                found.push(replacement_of(CALL, task)?);
            }
        }
        Ok(found)
    }

    async fn attach_volume(
        &self,
        volume: &VolumeId,
        (id, device): (&InstanceId, &str),
    ) -> Result<()> {
        let call = self.ec2.attach_volume().volume_id(volume.as_str());
        let answer = call.instance_id(id.as_str()).device(device).send().await;
        answer
            .map(drop)
            .map_err(|error| failed("AttachVolume", error))
    }

    async fn detach_volume(&self, volume: &VolumeId) -> Result<()> {
        let call = self.ec2.detach_volume().volume_id(volume.as_str());
        let answer = call.send().await;
        answer
            .map(drop)
            .map_err(|error| failed("DetachVolume", error))
    }

    async fn set_lasting(&self, (id, device): (&InstanceId, &str), lasts: bool) -> Result<()> {
        let volume = ec2::EbsInstanceBlockDeviceSpecification::builder();
        let volume = volume.delete_on_termination(!lasts).build();
        let mapping = ec2::InstanceBlockDeviceMappingSpecification::builder();
        let mapping = mapping.device_name(device).ebs(volume).build();
        let call = self.ec2.modify_instance_attribute();
        let call = call.instance_id(id.as_str()).block_device_mappings(mapping);
        let answer = call.send().await;
        answer
            .map(drop)
            .map_err(|error| failed("ModifyInstanceAttribute", error))
    }

    async fn start_instance(&self, id: &InstanceId) -> Result<()> {
        let call = self.ec2.start_instances().instance_ids(id.as_str());
        let answer = call.send().await;
        answer
            .map(drop)
            .map_err(|error| failed("StartInstances", error))
    }

    async fn restart_instance(&self, id: &InstanceId) -> Result<()> {
        let call = self.ec2.reboot_instances().instance_ids(id.as_str());
        let answer = call.send().await;
        answer
            .map(drop)
            .map_err(|error| failed("RebootInstances", error))
    }

    async fn snapshot_volume(
        &self,
        volume: &VolumeId,
        description: &str,
        tags: &Tags,
    ) -> Result<SnapshotId> {
        const CALL: &str = "CreateSnapshot";
        let tags = specification(ec2::ResourceType::Snapshot, tags);
        let call = self.ec2.create_snapshot().volume_id(volume.as_str());
        let call = call.description(description).tag_specifications(tags);
        let answer = call.send().await.map_err(|error| failed(CALL, error))?;
        let id = text(CALL, "snapshot id", answer.snapshot_id())?;
        Ok(SnapshotId::new(id))
    }
}

const REPLACE: &str = "CreateReplaceRootVolumeTask";

impl Aws {
    fn new_root(&self, id: &InstanceId, by: &NewRoot) -> CreateReplaceRootVolumeTaskFluentBuilder {
        let call = self.ec2.create_replace_root_volume_task();
        let call = call.instance_id(id.as_str());
        let call = match by {
            NewRoot::Image(image) => call.image_id(image.as_str()),
            NewRoot::Volume(volume) => call.volume_id(volume.as_str()),
        };
        call.delete_replaced_root_volume(false)
    }
}

/// A page of replacements holds 50 at the most ("`DescribeReplaceRootVolumeTasks`", `MaxResults`).
const ROWS: i32 = 50;

fn rooted_of(call: &'static str, instance: &ec2::Instance) -> Result<Rooted> {
    let state = instance.state().and_then(ec2::InstanceState::name);
    let state = state.ok_or_else(|| Error::malformed(call, "instance state"))?;
    let id = text(call, "instance id", instance.instance_id())?;
    let device = text(call, "root device", instance.root_device_name())?;
    let disks = instance.block_device_mappings().iter().filter_map(|one| {
        let volume = one.ebs()?;
        Some(Disk {
            device: one.device_name()?.to_owned(),
            volume: VolumeId::new(volume.volume_id()?),
            lasts: volume.delete_on_termination() == Some(false),
        })
    });
    let architecture = instance.architecture();
    let mode = instance.current_instance_boot_mode();
    Ok(Rooted {
        instance: InstanceId::new(id),
        state: state_of(state),
        architecture: architecture.map_or_else(String::new, |one| one.as_str().to_owned()),
        boot_mode: mode.map_or_else(String::new, |one| one.as_str().to_owned()),
        virtualization: instance
            .virtualization_type()
            .map_or_else(String::new, |one| one.as_str().to_owned()),
        billed: billed(
            instance.usage_operation(),
            instance.platform_details(),
            instance.product_codes(),
        ),
        hibernates: instance
            .hibernation_options()
            .is_some_and(|one| one.configured() == Some(true)),
        spot: instance.instance_lifecycle() == Some(&ec2::InstanceLifecycleType::Spot),
        root_device: device.to_owned(),
        disks: disks.collect(),
    })
}

fn replacement_of(call: &'static str, task: &ec2::ReplaceRootVolumeTask) -> Result<Replacement> {
    use ec2::ReplaceRootVolumeTaskState as State;
    let id = text(call, "task id", task.replace_root_volume_task_id())?;
    let state = match task.task_state() {
        Some(State::Pending | State::InProgress | State::Failing) => ReplacementState::Going,
        Some(State::Succeeded) => ReplacementState::Done,
        Some(State::Failed) => ReplacementState::Failed,
        Some(State::FailedDetached) => ReplacementState::Detached,
        // `failing-detached` stands in the reference, and not in the SDK's list.
        Some(other) if other.as_str() == "failing-detached" => ReplacementState::Going,
        _ => return Err(Error::malformed(call, "known state")),
    };
    Ok(Replacement {
        id: id.to_owned(),
        state,
    })
}

//! Auto Scaling groups: describing, resizing, tagging and deleting them. Making and copying one is `group_copy`'s.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_autoscaling::types;
use jiff::Timestamp;

use super::error::failed;
use super::{Aws, behaviour, group_copy, hooks, mixed, warm_pool};
use crate::cloud::{
    Activity, ActivityOutcome, Behaviour, Copying, Error, Group, GroupName, Groups, InstanceId,
    LaunchTemplateId, LaunchTemplateVersion, Member, NewGroup, Protection, Result, Size, Stage,
    StartsFrom, SubnetId, Tags, TargetGroupArn, VersionRef, WarmPool, Zone,
};

/// "`API_DescribeAutoScalingGroups"`: at most 100 records a page, and as many names in one call.
pub(super) const PAGE: u8 = 100;

impl Groups for Aws {
    async fn groups(&self) -> Result<Vec<Group>> {
        let described = self.scaling_to_read().await.describe_auto_scaling_groups();
        let mut pages = described
            .max_records(i32::from(PAGE))
            .into_paginator()
            .items()
            .send();
        let mut groups = Vec::new();
        while let Some(group) = pages.next().await {
            groups.push(group_of(
                &group.map_err(|error| failed("DescribeAutoScalingGroups", error))?,
            )?);
        }
        Ok(groups)
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>> {
        let found = group_copy::described(self, name).await?;
        found.as_deref().map(group_of).transpose()
    }

    async fn create_group(&self, new: &NewGroup) -> Result<()> {
        group_copy::create(self, new).await
    }

    async fn copy_behaviour(&self, copying: &Copying) -> Result<()> {
        group_copy::behaviour(self, copying).await
    }

    async fn put_pool(&self, name: &GroupName, pool: &WarmPool) -> Result<()> {
        warm_pool::put(self, name, pool).await
    }

    async fn delete_pool(&self, name: &GroupName, force: bool) -> Result<()> {
        warm_pool::delete(self, name, force).await
    }

    async fn set_min(&self, name: &GroupName, min: u32) -> Result<()> {
        let update = self.scaling_to_write().await.update_auto_scaling_group();
        let update = update.auto_scaling_group_name(name.as_str());
        let answer = update.min_size(signed(min)).send().await;
        answer.map_err(|error| failed("UpdateAutoScalingGroup", error))?;
        Ok(())
    }

    async fn set_max(&self, name: &GroupName, max: u32) -> Result<()> {
        let update = self.scaling_to_write().await.update_auto_scaling_group();
        let update = update.auto_scaling_group_name(name.as_str());
        let answer = update.max_size(signed(max)).send().await;
        answer.map_err(|error| failed("UpdateAutoScalingGroup", error))?;
        Ok(())
    }

    async fn behaviour(&self, name: &GroupName) -> Result<Behaviour> {
        behaviour::of(self, name).await
    }

    async fn resize_group(&self, name: &GroupName, size: Size) -> Result<()> {
        let update = self.scaling_to_write().await.update_auto_scaling_group();
        let update = update
            .auto_scaling_group_name(name.as_str())
            .min_size(signed(size.min))
            .max_size(signed(size.max))
            .desired_capacity(signed(size.desired));
        let answer = update.send().await;
        answer.map_err(|error| failed("UpdateAutoScalingGroup", error))?;
        Ok(())
    }

    async fn follow_version(
        &self,
        name: &GroupName,
        template: &LaunchTemplateId,
        version: VersionRef,
    ) -> Result<()> {
        mixed::follow(self, name, mixed::specification(template, version)).await
    }

    async fn suspend(&self, name: &GroupName, processes: &BTreeSet<String>) -> Result<()> {
        let call = self.scaling_to_write().await.suspend_processes();
        let answer = call
            .auto_scaling_group_name(name.as_str())
            .set_scaling_processes(Some(processes.iter().cloned().collect()))
            .send()
            .await;
        answer.map_err(|error| failed("SuspendProcesses", error))?;
        Ok(())
    }

    async fn resume(&self, name: &GroupName, processes: &BTreeSet<String>) -> Result<()> {
        let call = self.scaling_to_write().await.resume_processes();
        let answer = call
            .auto_scaling_group_name(name.as_str())
            .set_scaling_processes(Some(processes.iter().cloned().collect()))
            .send()
            .await;
        answer.map_err(|error| failed("ResumeProcesses", error))?;
        Ok(())
    }

    async fn tag_group(&self, name: &GroupName, tags: &Tags) -> Result<()> {
        let mut call = self.scaling_to_write().await.create_or_update_tags();
        for (key, value) in tags {
            call = call.tags(group_tag(name, key).value(value).build());
        }
        let answer = call.send().await;
        answer.map_err(|error| failed("CreateOrUpdateTags", error))?;
        Ok(())
    }

    async fn untag_group(&self, name: &GroupName, keys: &[&str]) -> Result<()> {
        let mut call = self.scaling_to_write().await.delete_tags();
        for key in keys {
            call = call.tags(group_tag(name, key).build());
        }
        let answer = call.send().await;
        answer.map_err(|error| failed("DeleteTags", error))?;
        Ok(())
    }

    async fn delete_group(&self, name: &GroupName, force: bool) -> Result<()> {
        let call = self.scaling_to_write().await.delete_auto_scaling_group();
        let answer = call
            .auto_scaling_group_name(name.as_str())
            .force_delete(force)
            .send()
            .await;
        answer.map_err(|error| failed("DeleteAutoScalingGroup", error))?;
        Ok(())
    }

    async fn let_go(&self, name: &GroupName, instance: &InstanceId) -> Result<()> {
        hooks::let_go(self, name, instance).await
    }

    async fn longest_hook(&self, name: &GroupName) -> Result<Duration> {
        hooks::longest(self, name).await
    }

    async fn activities(&self, name: &GroupName) -> Result<Vec<Activity>> {
        let call = self.scaling_to_read().await.describe_scaling_activities();
        let answer = call
            .auto_scaling_group_name(name.as_str())
            .max_records(NEWEST)
            .send()
            .await;
        let answer = answer.map_err(|error| failed("DescribeScalingActivities", error))?;
        answer.activities().iter().map(activity_of).collect()
    }
}

/// A page of activities (`DescribeScalingActivities`); a large group has ten times as many, of every launch that went well.
const NEWEST: i32 = 100;

/// A tag that does not go to instances.
fn group_tag(name: &GroupName, key: &str) -> types::builders::TagBuilder {
    types::Tag::builder()
        .resource_id(name.as_str())
        .resource_type("auto-scaling-group")
        .key(key)
        .propagate_at_launch(false)
}

fn protections_of(group: &types::AutoScalingGroup) -> Vec<Protection> {
    let kept = group.deletion_protection();
    let kept = kept.is_some_and(|kind| *kind != types::DeletionProtection::None);
    let started = group.new_instances_protected_from_scale_in() == Some(true);
    let all = [
        (kept, Protection::Deletion),
        (started, Protection::NewInstances),
    ];
    all.into_iter()
        .filter_map(|(is, what)| is.then_some(what))
        .collect()
}

fn group_of(group: &types::AutoScalingGroup) -> Result<Group> {
    let lacks = |what| Error::malformed("DescribeAutoScalingGroups", what);
    let name = group
        .auto_scaling_group_name()
        .ok_or_else(|| lacks("group name"))?;
    let members = group.instances().iter().map(member_of);
    let grace = group.health_check_grace_period().unwrap_or_default();
    Ok(Group {
        name: GroupName::new(name),
        starts_from: starts_from(group)?,
        mixed: mixed::of(group)?,
        pool: warm_pool::of(group),
        size: Size {
            min: unsigned(group.min_size()),
            max: unsigned(group.max_size()),
            desired: unsigned(group.desired_capacity()),
        },
        subnets: subnets_of(group),
        zones: group.availability_zones().iter().map(Zone::new).collect(),
        target_groups: target_groups_of(group),
        grace: Duration::from_secs(u64::try_from(grace).unwrap_or_default()),
        asks_balancers: group
            .health_check_type()
            .is_some_and(|kinds| kinds.split(',').any(|kind| kind == "ELB")),
        members: members
            .collect::<Option<_>>()
            .ok_or_else(|| lacks("instance id"))?,
        protections: protections_of(group),
        suspended: (group.suspended_processes().iter())
            .filter_map(|process| process.process_name().map(ToOwned::to_owned))
            .collect(),
        tags: (group.tags().iter())
            .filter_map(|tag| {
                Some((
                    tag.key()?.to_owned(),
                    tag.value().unwrap_or_default().to_owned(),
                ))
            })
            .collect(),
        deleting: group.status().is_some(),
        not_copied: group_copy::not_copied(group),
    })
}

fn subnets_of(group: &types::AutoScalingGroup) -> Vec<SubnetId> {
    let subnets = group.vpc_zone_identifier().unwrap_or_default().split(',');
    subnets
        .map(str::trim)
        .filter(|subnet| !subnet.is_empty())
        .map(SubnetId::new)
        .collect()
}

/// Target groups stand in two lists: `TargetGroupARNs`, and traffic sources of type `elbv2`.
fn target_groups_of(group: &types::AutoScalingGroup) -> Vec<TargetGroupArn> {
    let sources = group.traffic_sources().iter();
    let sources = sources
        .filter(|source| source.r#type() == Some("elbv2"))
        .filter_map(|source| source.identifier());
    let named = group.target_group_arns().iter().map(String::as_str);
    let both: BTreeSet<&str> = named.chain(sources).collect();
    both.into_iter().map(TargetGroupArn::new).collect()
}

fn starts_from(group: &types::AutoScalingGroup) -> Result<StartsFrom> {
    match mixed::template_of(group) {
        Some(template) => specified(template),
        None => Ok(StartsFrom::Other("a launch configuration".to_owned())),
    }
}

/// What a specification of a launch template names.
pub(super) fn specified(template: &types::LaunchTemplateSpecification) -> Result<StartsFrom> {
    // AWS says both.
    let Some(id) = template.launch_template_id() else {
        let name = template.launch_template_name().unwrap_or_default();
        return Ok(StartsFrom::Other(format!(
            "a launch template without an id, {name}"
        )));
    };
    Ok(StartsFrom::Template {
        id: LaunchTemplateId::new(id),
        version: version_of(template.version())?,
    })
}

/// A group that names no version follows the default one ("`API_LaunchTemplateSpecification`").
pub(super) fn version_of(version: Option<&str>) -> Result<VersionRef> {
    match version {
        None | Some("$Default") => Ok(VersionRef::Default),
        Some("$Latest") => Ok(VersionRef::Latest),
        Some(number) => number
            .parse()
            .map(|number| VersionRef::Number(LaunchTemplateVersion(number)))
            .map_err(|_| Error::malformed("DescribeAutoScalingGroups", "numeric version")),
    }
}

fn member_of(instance: &types::Instance) -> Option<Member> {
    let stage = match instance
        .lifecycle_state()
        .map(types::LifecycleState::as_str)
    {
        Some("InService") => Stage::InService,
        Some(state) if state.starts_with("Pending") => Stage::Pending,
        Some(state) if state.starts_with("Terminat") => Stage::Terminating,
        Some(state) => Stage::Other(state.to_owned()),
        None => return None,
    };
    Some(Member {
        instance: InstanceId::new(instance.instance_id()?),
        zone: Zone::new(instance.availability_zone()?),
        stage,
        healthy: instance.health_status() == Some("Healthy"),
        protected: instance.protected_from_scale_in().unwrap_or_default(),
        from: instance.launch_template().and_then(|template| {
            let number = template.version()?.parse().ok()?;
            let id = LaunchTemplateId::new(template.launch_template_id()?);
            Some((id, LaunchTemplateVersion(number)))
        }),
    })
}

fn activity_of(activity: &types::Activity) -> Result<Activity> {
    use types::ScalingActivityStatusCode as Code;
    let lacks = |what| Error::malformed("DescribeScalingActivities", what);
    let outcome = match activity.status_code() {
        Some(Code::Successful) => ActivityOutcome::Done,
        Some(Code::Failed) => ActivityOutcome::Failed,
        Some(Code::Cancelled) => ActivityOutcome::Cancelled,
        Some(_) => ActivityOutcome::Running,
        None => return Err(lacks("status")),
    };
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let began = activity.start_time().map(aws_smithy_types::DateTime::secs);
    Ok(Activity {
        id: activity
            .activity_id()
            .ok_or_else(|| lacks("id"))?
            .to_owned(),
        outcome,
        description: text(activity.description()),
        message: text(activity.status_message()),
        began: began
            .and_then(|secs| Timestamp::from_second(secs).ok())
            .ok_or_else(|| lacks("start time"))?,
    })
}

/// The SDK counts in `i32`; no quota of Auto Scaling is near its end.
pub(super) fn signed(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn unsigned(count: Option<i32>) -> u32 {
    u32::try_from(count.unwrap_or_default()).unwrap_or_default()
}

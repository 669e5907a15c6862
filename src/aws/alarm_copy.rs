//! The alarms that set off step and simple scaling policies, and copies of them for the next group.
//!
//! A policy that is copied has another ARN, and no alarm names it. Of each field of an alarm the test below says what becomes
//! of it, so that a field which a newer SDK brings fails it until someone has decided.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_autoscaling::types::ScalingPolicy;
use aws_sdk_cloudwatch::operation::put_metric_alarm::builders::PutMetricAlarmFluentBuilder as Put;
use aws_sdk_cloudwatch::types::{self, MetricAlarm};

use super::Aws;
use super::alarms::NAMES;
use super::error::failed;
use super::policy_copy::policies_of;
use super::relabel::{self, dimension};
use crate::cloud::{
    Acting, AlarmCopy, Copying, Error, GroupName, InstanceId, Kind, NamedAlarm, Result,
    ScalingAlarm, ScalingAlarms, Tags, tag,
};

const POLICIES: &str = "DescribePolicies";
const DESCRIBE: &str = "DescribeAlarms";
const PUT: &str = "PutMetricAlarm";
/// Tags of one alarm ("`TagResource`").
const TAGS: usize = 50;

impl ScalingAlarms for Aws {
    async fn scaling_alarms(&self, group: &GroupName) -> Result<Vec<ScalingAlarm>> {
        let mut wired: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for policy in policies_of(self, group).await? {
            for alarm in policy.alarms().iter().filter(|_| by_hand(&policy)) {
                let name = alarm.alarm_name().unwrap_or_default().to_owned();
                let policy = policy.policy_name().unwrap_or_default();
                wired.entry(name).or_default().push(policy.to_owned());
            }
        }
        let names: Vec<String> = wired.keys().cloned().collect();
        let there = described(self, &names).await?;
        let alarms = wired.into_iter().map(|(name, policies)| {
            let alarm = there
                .iter()
                .find(|alarm| alarm.alarm_name() == Some(name.as_str()));
            ScalingAlarm {
                not_copied: alarm.map_or_else(|| Some(UNSEEN.to_owned()), not_copied),
                machines: alarm.map(machines).unwrap_or_default(),
                name,
                policies,
            }
        });
        Ok(alarms.collect())
    }

    async fn copy_alarms(
        &self,
        copies: &[AlarmCopy],
        copying: &Copying,
        acts: Acting,
        tags: &Tags,
    ) -> Result<()> {
        if copies.is_empty() {
            return Ok(());
        }
        let both = copies.iter().flat_map(|copy| [&copy.from, &copy.to]);
        let both: Vec<String> = both.cloned().collect();
        let there = described(self, &both).await?;
        let policies = moved(self, copying).await?;
        for copy in copies {
            let of = |name: &str| there.iter().find(|alarm| alarm.alarm_name() == Some(name));
            if let Some(taken) = of(&copy.to) {
                make_way(self, taken, tags).await?;
            }
            if let Some(from) = of(&copy.from) {
                let own = own_tags(self, from).await?;
                let call = like(self.cloudwatch().put_metric_alarm(), from, copying);
                let call = acting(call, from, &policies, acts)?;
                let all = own.into_iter().chain(tags.clone()).collect::<Tags>();
                let call = call
                    .alarm_name(&copy.to)
                    .set_tags(Some(all.iter().map(sdk_tag).collect()));
                let answer = call.send().await;
                answer.map_err(|error| failed(PUT, error))?;
            }
        }
        Ok(())
    }

    async fn alarms_beginning(&self, prefix: &str) -> Result<Vec<NamedAlarm>> {
        let call = self.cloudwatch().describe_alarms();
        let call = call
            .alarm_types(types::AlarmType::MetricAlarm)
            .alarm_name_prefix(prefix);
        let alarms = pages(call).await?.into_iter();
        Ok(alarms.filter_map(|alarm| named(&alarm)).collect())
    }

    async fn alarm_tags(&self, alarm: &NamedAlarm) -> Result<Tags> {
        const CALL: &str = "ListTagsForResource";
        let call = self.cloudwatch().list_tags_for_resource();
        let answer = call.resource_arn(&alarm.arn).send().await;
        let answer = answer.map_err(|error| failed(CALL, error))?;
        let tags = answer.tags.unwrap_or_default().into_iter();
        let pairs = tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())));
        Ok(pairs.collect())
    }

    async fn untag_alarm(&self, alarm: &NamedAlarm, keys: &[&str]) -> Result<()> {
        let call = self.cloudwatch().untag_resource();
        let keys = keys.iter().map(ToString::to_string).collect();
        let answer = call
            .resource_arn(&alarm.arn)
            .set_tag_keys(Some(keys))
            .send()
            .await;
        answer.map_err(|error| failed("UntagResource", error))?;
        Ok(())
    }

    async fn delete_alarm(&self, name: &str) -> Result<()> {
        let call = self.cloudwatch().delete_alarms();
        let answer = call.alarm_names(name).send().await;
        answer.map_err(|error| failed("DeleteAlarms", error))?;
        Ok(())
    }
}

const UNSEEN: &str = "it is not shown by DescribeAlarms: of another account, composite, or of logs";

/// Whether its alarms are somebody's own: target tracking and prediction make theirs.
fn by_hand(policy: &ScalingPolicy) -> bool {
    policy.target_tracking_configuration().is_none()
        && policy.predictive_scaling_configuration().is_none()
}

/// The ARNs of the policies of one group, and of those of the same name of the other.
async fn moved(aws: &Aws, copying: &Copying) -> Result<BTreeMap<String, Option<String>>> {
    let next = policies_of(aws, &copying.to).await?;
    let previous = policies_of(aws, &copying.from).await?.into_iter();
    let pairs = previous.filter_map(|policy| {
        let mut same = next
            .iter()
            .filter(|one| one.policy_name() == policy.policy_name());
        let to = same.next().and_then(|one| one.policy_arn.clone());
        Some((policy.policy_arn?, to))
    });
    Ok(pairs.collect())
}

async fn described(aws: &Aws, names: &[String]) -> Result<Vec<MetricAlarm>> {
    let mut found = Vec::new();
    for some in names.chunks(NAMES) {
        let call = aws.cloudwatch().describe_alarms();
        let call = call
            .alarm_types(types::AlarmType::MetricAlarm)
            .set_alarm_names(Some(some.to_vec()));
        found.extend(pages(call).await?);
    }
    Ok(found)
}

type Describe =
    aws_sdk_cloudwatch::operation::describe_alarms::builders::DescribeAlarmsFluentBuilder;

async fn pages(call: Describe) -> Result<Vec<MetricAlarm>> {
    let mut found = Vec::new();
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failed(DESCRIBE, error))?;
        found.extend(page.metric_alarms.unwrap_or_default());
    }
    Ok(found)
}

fn named(alarm: &MetricAlarm) -> Option<NamedAlarm> {
    Some(NamedAlarm {
        name: alarm.alarm_name.clone()?,
        arn: alarm.alarm_arn.clone()?,
    })
}

/// What a copy cannot do. Neither may set off a policy today ("`PutMetricAlarm`").
fn not_copied(alarm: &MetricAlarm) -> Option<String> {
    if alarm.threshold_metric_id().is_some() {
        return Some("it goes by an anomaly detection band".to_owned());
    }
    let by_query = alarm.evaluation_criteria().is_some();
    by_query.then(|| "it goes by a query".to_owned())
}

fn machines(alarm: &MetricAlarm) -> Vec<InstanceId> {
    let of_queries = alarm.metrics().iter();
    let of_queries = of_queries
        .filter_map(|query| query.metric_stat()?.metric())
        .flat_map(types::Metric::dimensions);
    let all = alarm.dimensions().iter().chain(of_queries);
    let machines = all.filter(|one| one.name() == Some("InstanceId"));
    machines
        .filter_map(|one| one.value().map(InstanceId::new))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// An alarm of that name may be overwritten when it is the same group's. Tags of one that is there are not: what another run
/// has left goes first.
async fn make_way(aws: &Aws, taken: &MetricAlarm, tags: &Tags) -> Result<()> {
    let Some(taken) = named(taken) else {
        return Err(Error::malformed(DESCRIBE, "alarm name"));
    };
    let there = aws.alarm_tags(&taken).await?;
    let same = |key: &str| there.get(key) == tags.get(key);
    if !same(tag::GROUP) || !same(tag::SERVICE) {
        let text = format!(
            "alarm {} is there, and kiln did not make it for this group",
            taken.name
        );
        return Err(Error {
            kind: Kind::AlreadyExists,
            ..Error::blocked(PUT, text)
        });
    }
    if same(tag::RUN) {
        return Ok(());
    }
    aws.delete_alarm(&taken.name).await
}

/// The alarm's own tags, as far as they are the user's.
async fn own_tags(aws: &Aws, from: &MetricAlarm) -> Result<Tags> {
    let Some(from) = named(from) else {
        return Ok(Tags::new());
    };
    let mut tags = aws.alarm_tags(&from).await?;
    tags.retain(|key, _| !key.starts_with("kiln:") && !key.starts_with("aws:"));
    // Room for kiln's own.
    while tags.len() > TAGS - 4 {
        tags.pop_last();
    }
    Ok(tags)
}

fn sdk_tag((key, value): (&String, &String)) -> types::Tag {
    types::Tag::builder().key(key).value(value).build()
}

/// The fields marked `copied` and `moved` in `FIELDS`.
fn like(call: Put, from: &MetricAlarm, copying: &Copying) -> Put {
    let from = from.clone();
    let moved = |dimensions: Vec<types::Dimension>| -> Vec<types::Dimension> {
        let dimensions = dimensions.into_iter();
        let moved = dimensions.map(|mut one| {
            one.value = dimension(one.name(), one.value(), copying).or(one.value);
            one
        });
        moved.collect()
    };
    let query = |mut query: types::MetricDataQuery| {
        let metric = query.metric_stat.as_mut();
        if let Some(metric) = metric.and_then(|stat| stat.metric.as_mut()) {
            metric.dimensions = metric.dimensions.take().map(moved);
        }
        query.expression = query.expression.map(|text| relabel::text(&text, copying));
        query
    };
    let metrics = from.metrics.filter(|queries| !queries.is_empty());
    let dimensions = from.dimensions.filter(|_| metrics.is_none());
    call.set_alarm_description(from.alarm_description)
        .set_actions_enabled(from.actions_enabled)
        .set_metric_name(from.metric_name)
        .set_namespace(from.namespace)
        .set_statistic(from.statistic)
        .set_extended_statistic(from.extended_statistic)
        .set_dimensions(dimensions.map(moved).filter(|some| !some.is_empty()))
        .set_period(from.period)
        .set_unit(from.unit)
        .set_evaluation_periods(from.evaluation_periods)
        .set_datapoints_to_alarm(from.datapoints_to_alarm)
        .set_threshold(from.threshold)
        .set_comparison_operator(from.comparison_operator)
        .set_treat_missing_data(from.treat_missing_data)
        .set_evaluate_low_sample_count_percentile(from.evaluate_low_sample_count_percentile)
        .set_metrics(metrics.map(|all| all.into_iter().map(query).collect()))
        .set_evaluation_window(from.evaluation_window)
        .set_warm_up_configuration(from.warm_up_configuration)
        .set_evaluation_interval(from.evaluation_interval)
        .set_action_configuration(from.action_configuration)
}

/// The actions: the previous group's policies become the next one's, those of other groups stay with the alarm that there
/// is, and all else does what it did, where it is to act fully.
fn acting(
    call: Put,
    from: &MetricAlarm,
    policies: &BTreeMap<String, Option<String>>,
    acts: Acting,
) -> Result<Put> {
    let moved = |actions: &[String]| -> Result<Vec<String>> {
        let mut all = Vec::new();
        for action in actions {
            match policies.get(action) {
                Some(Some(to)) => all.push(to.clone()),
                Some(None) => {
                    let text = format!("the next group has no policy like {action} yet");
                    return Err(Error::blocked(POLICIES, text));
                }
                None if action.contains(":scalingPolicy:") || acts == Acting::Scaling => {}
                None => all.push(action.clone()),
            }
        }
        Ok(all)
    };
    Ok(call
        .set_ok_actions(Some(moved(from.ok_actions())?))
        .set_alarm_actions(Some(moved(from.alarm_actions())?))
        .set_insufficient_data_actions(Some(moved(from.insufficient_data_actions())?)))
}

#[cfg(test)]
mod tests;

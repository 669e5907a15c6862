//! Load balancers, listeners, rules and target groups.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::types;

use super::balancing::{health_of, listener_of, load_balancer_of, target_group_of};
use super::error::failed;
use super::rules::{actions_of, actions_to, conditions_to, rule_of};
use super::{Aws, habits};
use crate::cloud::{
    Action, Error, Forward, Listener, ListenerArn, LoadBalancer, LoadBalancerArn, NewRule,
    NewTargetGroup, Result, Rule, RuleArn, RulePlace, Tags, TargetGroup, TargetGroupArn,
    TargetHabits, TargetHealth, Traffic, TrafficArn,
};

/// "`API_DescribeTags`" of `ELBv2`: at most 20 ARNs a call.
const TAGS_A_CALL: usize = 20;

impl Traffic for Aws {
    async fn load_balancers(&self) -> Result<Vec<LoadBalancer>> {
        let mut pages = self
            .elb_to_read()
            .await
            .describe_load_balancers()
            .into_paginator()
            .items()
            .send();
        let mut all = Vec::new();
        while let Some(one) = pages.next().await {
            let one = one.map_err(|error| failed("DescribeLoadBalancers", error))?;
            all.push(load_balancer_of(&one)?);
        }
        Ok(all)
    }

    async fn listeners(&self, of: &LoadBalancerArn) -> Result<Vec<Listener>> {
        let call = self
            .elb_to_read()
            .await
            .describe_listeners()
            .load_balancer_arn(of.as_str());
        let mut pages = call.into_paginator().items().send();
        let mut all = Vec::new();
        while let Some(one) = pages.next().await {
            let one = one.map_err(|error| failed("DescribeListeners", error))?;
            all.push(listener_of(&one)?);
        }
        Ok(all)
    }

    async fn cross_zone(&self, of: &LoadBalancerArn) -> Result<bool> {
        habits::cross_zone(self, of).await
    }

    async fn rules(&self, of: &ListenerArn) -> Result<Vec<Rule>> {
        if of.is_network() {
            return Ok(Vec::new());
        }
        let call = self
            .elb_to_read()
            .await
            .describe_rules()
            .listener_arn(of.as_str());
        let mut pages = call.into_paginator().items().send();
        let mut all = Vec::new();
        while let Some(one) = pages.next().await {
            let one = one.map_err(|error| failed("DescribeRules", error))?;
            all.extend(rule_of(&one)?);
        }
        all.sort_by_key(|rule: &Rule| rule.priority);
        Ok(all)
    }

    async fn actions_at(&self, place: &RulePlace) -> Result<Option<Vec<Action>>> {
        let actions = match place {
            RulePlace::Record(record) => return self.actions_of_records(record).await,
            RulePlace::Rule(arn) => {
                let answer = self
                    .elb_to_read()
                    .await
                    .describe_rules()
                    .rule_arns(arn.as_str())
                    .send()
                    .await;
                let answer = answer.map_err(|error| failed(place.read_by(), error));
                answer.map(|answer| {
                    answer
                        .rules()
                        .first()
                        .map(|rule| actions_of(rule.actions()))
                })
            }
            RulePlace::Default(arn) => {
                let answer = self
                    .elb_to_read()
                    .await
                    .describe_listeners()
                    .listener_arns(arn.as_str())
                    .send()
                    .await;
                let answer = answer.map_err(|error| failed(place.read_by(), error));
                answer.map(|answer| {
                    let listener = answer.listeners().first();
                    listener.map(|listener| actions_of(listener.default_actions()))
                })
            }
        };
        match actions {
            Err(error) if error.is_not_found() => Ok(None),
            actions => actions,
        }
    }

    async fn write_actions(&self, place: &RulePlace, from: &[Action], to: &[Action]) -> Result<()> {
        let actions = || Ok::<_, Error>(Some(actions_to(to)?));
        match place {
            RulePlace::Record(record) => self.write_records(record, from, to).await?,
            RulePlace::Rule(arn) => {
                let call = self
                    .elb_to_write()
                    .await
                    .modify_rule()
                    .rule_arn(arn.as_str());
                let answer = call.set_actions(actions()?).send().await;
                answer.map_err(|error| failed(place.written_by(), error))?;
            }
            RulePlace::Default(arn) => {
                let call = self
                    .elb_to_write()
                    .await
                    .modify_listener()
                    .listener_arn(arn.as_str());
                let answer = call.set_default_actions(actions()?).send().await;
                answer.map_err(|error| failed(place.written_by(), error))?;
            }
        }
        Ok(())
    }

    async fn create_rule(&self, new: &NewRule) -> Result<RuleArn> {
        let forward = [Action::Forward(Forward::to(new.target_group.clone()))];
        let call = self.elb_to_write().await.create_rule();
        let answer = call
            .listener_arn(new.listener.as_str())
            .priority(i32::try_from(new.priority).unwrap_or(i32::MAX))
            .set_conditions(Some(conditions_to(&new.conditions)))
            .set_actions(Some(actions_to(&forward)?))
            .set_tags(Some(tags_to(&new.tags)))
            .send()
            .await;
        let answer = answer.map_err(|error| failed("CreateRule", error))?;
        let arn = answer.rules().first().and_then(|rule| rule.rule_arn());
        arn.map(RuleArn::new)
            .ok_or_else(|| Error::malformed("CreateRule", "rule ARN"))
    }

    async fn delete_rule(&self, rule: &RuleArn) -> Result<()> {
        let answer = self
            .elb_to_write()
            .await
            .delete_rule()
            .rule_arn(rule.as_str())
            .send()
            .await;
        answer.map_err(|error| failed("DeleteRule", error))?;
        Ok(())
    }

    async fn target_groups(&self) -> Result<Vec<TargetGroup>> {
        let mut pages = self
            .elb_to_read()
            .await
            .describe_target_groups()
            .into_paginator()
            .items()
            .send();
        let mut all = Vec::new();
        while let Some(one) = pages.next().await {
            let one = one.map_err(|error| failed("DescribeTargetGroups", error))?;
            all.extend(target_group_of(&one)?);
        }
        Ok(all)
    }

    async fn create_target_group(&self, new: &NewTargetGroup) -> Result<TargetGroupArn> {
        let matcher = new.matcher.as_ref();
        let matcher = matcher.map(|codes| types::Matcher::builder().http_code(codes).build());
        let count = |count: Option<u32>| count.and_then(|count| i32::try_from(count).ok());
        let call = self.elb_to_write().await.create_target_group();
        let answer = call
            .name(&new.name)
            .protocol(new.protocol.as_str().into())
            .port(i32::from(new.port))
            .vpc_id(new.vpc.as_str())
            .target_type(types::TargetTypeEnum::Instance)
            .set_health_check_protocol(new.checks_by.as_deref().map(Into::into))
            .set_health_check_path(new.path.clone())
            .set_matcher(matcher)
            .set_health_check_interval_seconds(seconds(new.interval))
            .set_health_check_timeout_seconds(seconds(new.timeout))
            .set_healthy_threshold_count(count(new.healthy_threshold))
            .set_unhealthy_threshold_count(count(new.unhealthy_threshold))
            .set_tags(Some(tags_to(&new.tags)))
            .send()
            .await;
        let answer = answer.map_err(|error| failed("CreateTargetGroup", error))?;
        let made = answer.target_groups().first();
        let arn = made.and_then(|group| group.target_group_arn());
        arn.map(TargetGroupArn::new)
            .ok_or_else(|| Error::malformed("CreateTargetGroup", "target group ARN"))
    }

    async fn habits(&self, of: &TargetGroupArn) -> Result<TargetHabits> {
        habits::of(self, of).await
    }

    async fn set_deregistration_delay(&self, of: &TargetGroupArn, delay: Duration) -> Result<()> {
        let attribute = types::TargetGroupAttribute::builder()
            .key(habits::DELAY)
            .value(delay.as_secs().to_string());
        let call = self.elb_to_write().await.modify_target_group_attributes();
        let answer = call
            .target_group_arn(of.as_str())
            .attributes(attribute.build())
            .send()
            .await;
        answer.map_err(|error| failed("ModifyTargetGroupAttributes", error))?;
        Ok(())
    }

    async fn delete_target_group(&self, arn: &TargetGroupArn) -> Result<()> {
        let call = self.elb_to_write().await.delete_target_group();
        let answer = call.target_group_arn(arn.as_str()).send().await;
        answer.map_err(|error| failed("DeleteTargetGroup", error))?;
        Ok(())
    }

    async fn target_health(&self, of: &TargetGroupArn) -> Result<Vec<TargetHealth>> {
        let call = self.elb_to_read().await.describe_target_health();
        let answer = call.target_group_arn(of.as_str()).send().await;
        let answer = answer.map_err(|error| failed("DescribeTargetHealth", error))?;
        answer
            .target_health_descriptions()
            .iter()
            .map(health_of)
            .collect()
    }

    async fn traffic_tags(&self, of: &[TrafficArn]) -> Result<BTreeMap<TrafficArn, Tags>> {
        let mut all = BTreeMap::new();
        for batch in of.chunks(TAGS_A_CALL) {
            match self.tags_of(batch).await {
                // One that is gone spoils the answer for all.
                Err(error) if error.is_not_found() => {
                    for one in batch {
                        match self.tags_of(std::slice::from_ref(one)).await {
                            Err(error) if error.is_not_found() => {}
                            found => all.extend(found?),
                        }
                    }
                }
                found => all.extend(found?),
            }
        }
        Ok(all)
    }

    async fn tag_traffic(&self, what: &TrafficArn, tags: &Tags) -> Result<()> {
        let call = self
            .elb_to_write()
            .await
            .add_tags()
            .resource_arns(what.as_str());
        let answer = call.set_tags(Some(tags_to(tags))).send().await;
        answer.map_err(|error| failed("AddTags", error))?;
        Ok(())
    }

    async fn untag_traffic(&self, what: &TrafficArn, keys: &[&str]) -> Result<()> {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        let call = self
            .elb_to_write()
            .await
            .remove_tags()
            .resource_arns(what.as_str());
        let answer = call.set_tag_keys(Some(keys)).send().await;
        answer.map_err(|error| failed("RemoveTags", error))?;
        Ok(())
    }
}

impl Aws {
    async fn tags_of(&self, batch: &[TrafficArn]) -> Result<BTreeMap<TrafficArn, Tags>> {
        let arns = batch.iter().map(|one| one.as_str().to_owned()).collect();
        let call = self
            .elb_to_read()
            .await
            .describe_tags()
            .set_resource_arns(Some(arns));
        let answer = call.send().await;
        let answer = answer.map_err(|error| failed("DescribeTags", error))?;
        let described = answer.tag_descriptions().iter();
        Ok(described
            .filter_map(|one| {
                let arn = one.resource_arn()?;
                let tagged = batch.iter().find(|tagged| tagged.as_str() == arn)?;
                let tags = one.tags().iter().filter_map(|tag| {
                    Some((
                        tag.key()?.to_owned(),
                        tag.value().unwrap_or_default().to_owned(),
                    ))
                });
                Some((tagged.clone(), tags.collect()))
            })
            .collect())
    }
}

fn tags_to(tags: &Tags) -> Vec<types::Tag> {
    let tags = tags.iter();
    tags.map(|(key, value)| types::Tag::builder().key(key).value(value).build())
        .collect()
}

fn seconds(duration: Option<Duration>) -> Option<i32> {
    i32::try_from(duration?.as_secs()).ok()
}

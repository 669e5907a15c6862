//! Target groups, and the rules that put them in use: a target group that no rule names has no health at all.

use std::collections::BTreeMap;

use super::error::Error;
use super::flow::Led;
use super::making::{ensure, scratch_tags, tags};
use super::plan::{NextTargetGroup, Plan, ProductionRule, TestListener, Traffic};
use super::{priority, test_listener};
use crate::cloud::{
    Cloud, Conditions, Error as CloudError, Kind, NewRule, NewTargetGroup, RuleArn, Tags,
    TargetGroupArn, TrafficArn, tag,
};
use crate::run::Ledger;
use crate::template::service::Service;
use crate::undo::{Change, Purpose, Undo, serving};

/// How often a listener is read for priorities that are free.
const READS: usize = 8;

/// Makes the target groups that are missing and says which one is the next group's.
pub(super) async fn create(
    (plan, traffic): (&Plan, &Traffic),
    service: &Service,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<TargetGroupArn, Error> {
    let mut new = BTreeMap::new();
    let named = service.traffic.as_ref();
    let delay = named.and_then(|traffic| traffic.target.deregistration_delay);
    for wanted in &traffic.make {
        let arn = create_one(plan, wanted, cloud, made).await?;
        if let Some(delay) = delay {
            cloud.set_deregistration_delay(&arn, delay).await?;
        }
        new.insert(wanted.name.as_str(), arn);
    }
    let claim = Tags::from([(tag::SERVICE.to_owned(), plan.service.clone())]);
    for arn in &traffic.claim {
        cloud
            .tag_traffic(&TrafficArn::TargetGroup(arn.clone()), &claim)
            .await?;
    }
    match &traffic.next {
        NextTargetGroup::There { arn, .. } => Ok(arn.clone()),
        NextTargetGroup::Make { name } => (new.remove(name.as_str()))
            .ok_or_else(|| Error::Changed(format!("target group {name} was not made"))),
    }
}

async fn create_one(
    plan: &Plan,
    wanted: &NewTargetGroup,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<TargetGroupArn, Error> {
    let tagged = NewTargetGroup {
        tags: tags(plan),
        ..wanted.clone()
    };
    let change = Change::TargetGroup {
        name: wanted.name.clone(),
    };
    let run = plan.run.to_string();
    let find = async || {
        let ours = serving::target_groups_of(cloud, &plan.service)
            .await?
            .into_iter();
        let mut ours = ours
            .filter(|(group, tags)| group.name == wanted.name && tags.get(tag::RUN) == Some(&run));
        Ok(ours.next().map(|(group, _)| group.arn))
    };
    let create = async || cloud.create_target_group(&tagged).await;
    ensure(plan, made, change, find, create).await
}

/// Leads requests with the probe header to the next target group, which is then in use.
pub(super) async fn probe(
    plan: &Plan,
    led: &Led<'_>,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<RuleArn, Error> {
    if let Some(test) = &led.traffic.test {
        test_listener::claim(plan, test, cloud).await?;
    }
    let tags = for_purpose(scratch_tags(plan), Purpose::Probe);
    let new = match &led.traffic.test {
        Some(test) => of_all(test, &led.target_group, tags),
        None => with_header(led.traffic, &secret(plan), &led.target_group, tags),
    };
    let rule = rule(plan, (led.traffic, Purpose::Probe, &new), cloud, made).await?;
    if plan.resumed {
        let expires = [(tag::EXPIRES.to_owned(), plan.expires.to_string())];
        let arn = TrafficArn::Rule(rule.clone());
        cloud.tag_traffic(&arn, &expires.into()).await?;
    }
    Ok(rule)
}

/// Keeps the previous target group in use after the swap, so that its health stays known and the way back open.
///
/// It is made before the swap: a target group that nothing names for a moment loses the health of all its targets.
pub(super) async fn watch(
    plan: &Plan,
    traffic: &Traffic,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<(), Error> {
    // Records, and a listener of a network load balancer, go on naming it.
    let Some(previous) = traffic.previous.as_ref().filter(|_| !traffic.names_on()) else {
        return Ok(());
    };
    let tags = for_purpose(tags(plan), Purpose::Watch);
    let value = format!("{}-previous", secret(plan));
    let new = with_header(traffic, &value, previous, tags);
    let rule = rule(plan, (traffic, Purpose::Watch, &new), cloud, made).await;
    rule.map(drop)
}

/// Makes a production rule.
pub(super) async fn production(
    plan: &Plan,
    led: &Led<'_>,
    wanted: &ProductionRule,
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<RuleArn, Error> {
    let new = NewRule {
        listener: wanted.listener.clone(),
        priority: 0,
        conditions: wanted.conditions.clone(),
        target_group: led.target_group.clone(),
        tags: tags(plan),
    };
    let what = (led.traffic, Purpose::Production, &new);
    rule(plan, what, cloud, made).await
}

/// The value of the probe header: nobody who has not made the roll knows it.
pub(super) fn secret(plan: &Plan) -> String {
    plan.run.to_string().to_lowercase()
}

fn for_purpose(mut tags: Tags, purpose: Purpose) -> Tags {
    let value = purpose.tag().map(ToOwned::to_owned);
    tags.extend(value.map(|value| (tag::RULE.to_owned(), value)));
    tags
}

/// A rule for whatever comes in by the test listener.
fn of_all(test: &TestListener, to: &TargetGroupArn, tags: Tags) -> NewRule {
    NewRule {
        listener: test.listener.clone(),
        priority: 0,
        conditions: Conditions {
            paths: vec!["*".to_owned()],
            ..Conditions::default()
        },
        target_group: to.clone(),
        tags,
    }
}

/// A rule for requests with the probe header, on the test listener or that of the first production rule.
fn with_header(traffic: &Traffic, value: &str, to: &TargetGroupArn, tags: Tags) -> NewRule {
    NewRule {
        listener: traffic.probing().clone(),
        priority: 0,
        conditions: Conditions {
            headers: vec![(traffic.probe_header.clone(), vec![value.to_owned()])],
            ..Conditions::default()
        },
        target_group: to.clone(),
        tags,
    }
}

/// Makes a rule, at a priority that is free.
async fn rule(
    plan: &Plan,
    (traffic, purpose, new): (&Traffic, Purpose, &NewRule),
    cloud: &impl Cloud,
    made: &mut Ledger<'_, Undo>,
) -> Result<RuleArn, Error> {
    let is_production = purpose == Purpose::Production;
    let change = Change::Rule {
        listener: new.listener.clone(),
        purpose,
    };
    let find = async || {
        let mut rules = cloud.rules(&new.listener).await?;
        // A run may make several of these.
        rules.retain(|rule| !is_production || rule.conditions == new.conditions);
        let arns = rules.into_iter().map(|rule| TrafficArn::Rule(rule.arn));
        let tagged = cloud.traffic_tags(&arns.collect::<Vec<_>>()).await?;
        let wanted = [tag::SERVICE, tag::RUN, tag::RULE];
        let is_ours = |there: &Tags| {
            let mut wanted = wanted.iter();
            wanted.all(|key| there.get(*key) == new.tags.get(*key))
        };
        let mut ours = tagged.into_iter().filter(|(_, there)| is_ours(there));
        Ok(ours.next().and_then(|(arn, _)| match arn {
            TrafficArn::Rule(arn) => Some(arn),
            _ => None,
        }))
    };
    let create = async || at_free_priority((traffic, purpose, new), cloud, &find).await;
    ensure(plan, made, change, &find, create).await
}

/// Rules of others may be made at the same moment, on a listener of several services above all: the next priority is tried
/// then, and after some the listener is read again. One may also have been taken by a first try of the very same call, whose
/// answer was lost.
async fn at_free_priority(
    (traffic, purpose, new): (&Traffic, Purpose, &NewRule),
    cloud: &impl Cloud,
    find: impl AsyncFn() -> Result<Option<RuleArn>, CloudError>,
) -> Result<RuleArn, CloudError> {
    let mut last = CloudError::blocked("CreateRule", "the listener has no free priority");
    for _ in 0..READS {
        let there = cloud.rules(&new.listener).await?;
        let free = match purpose {
            Purpose::Production => priority::for_production(&there),
            Purpose::Probe | Purpose::Watch => priority::for_probe(&there, traffic),
        };
        for priority in free {
            let at = NewRule {
                priority,
                ..new.clone()
            };
            match cloud.create_rule(&at).await {
                Err(error) if error.kind == Kind::AlreadyExists => match find().await? {
                    Some(own) => return Ok(own),
                    None => last = error,
                },
                answer => return answer,
            }
        }
    }
    Err(last)
}

//! What serves, read from the listeners and from nothing else.

use std::collections::BTreeSet;

use super::records;
use crate::cloud::{
    Action, Cloud, Error, Forward, Listener, LoadBalancerArn, Rule, RulePlace, Tags, TargetGroup,
    TargetGroupArn, Traffic, TrafficArn, tag,
};

/// A rule, a default action or records that lead to target groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leading {
    pub place: RulePlace,
    pub listener: Listener,
    /// `None` for a listener's default action, and for records.
    pub rule: Option<Rule>,
    /// What records do, where it is these.
    pub records: Option<Vec<Action>>,
    /// The rule's, or the listener's; of records those of all rules and listeners behind them.
    pub tags: Tags,
}

impl Leading {
    /// What it does with a request.
    pub fn actions(&self) -> &[Action] {
        match (&self.records, &self.rule) {
            (Some(records), _) => records,
            (None, Some(rule)) => &rule.actions,
            (None, None) => &self.listener.actions,
        }
    }

    /// Whether kiln made it to look at a target group, not to serve.
    pub fn is_probe(&self) -> bool {
        self.tags.contains_key(tag::RULE)
    }

    /// Whether requests may come by it to the target group. Where clients stick to a target group of a rule they still do at
    /// weight 0; records and listeners of a network load balancer have nothing of that kind.
    pub fn may_lead_to(&self, target_group: &TargetGroupArn) -> bool {
        if self.place.names_on() {
            return served(self.actions()).is_some_and(|served| served.contains(target_group));
        }
        self.names(target_group)
    }

    /// Whether it names the target group, at whatever weight.
    pub fn names(&self, target_group: &TargetGroupArn) -> bool {
        forwards(self.actions()).any(|forward| {
            let mut shares = forward.shares.iter();
            shares.any(|(arn, _)| arn == target_group)
        })
    }
}

/// The forwards among actions.
pub fn forwards(actions: &[Action]) -> impl Iterator<Item = &Forward> {
    actions.iter().filter_map(|action| match action {
        Action::Forward(forward) => Some(forward),
        _ => None,
    })
}

/// The target groups that get requests, in the order of their ARNs; `None` when nothing is forwarded.
pub fn served(actions: &[Action]) -> Option<Vec<TargetGroupArn>> {
    let forward = forwards(actions).next()?;
    let shares = forward.shares.iter().filter(|(_, weight)| *weight > 0);
    Some(shares.map(|(arn, _)| arn.clone()).collect())
}

/// The target groups that get requests by any of some rules, in the order of their ARNs.
pub fn served_by<'a>(rules: impl IntoIterator<Item = &'a Leading>) -> Vec<TargetGroupArn> {
    let rules = rules.into_iter();
    let served = rules.filter_map(|one| served(one.actions()));
    let served: BTreeSet<_> = served.flatten().collect();
    served.into_iter().collect()
}

/// A target group's share of what is forwarded, in percent.
pub fn percent(actions: &[Action], target_group: &TargetGroupArn) -> u32 {
    let shares: Vec<_> = forwards(actions)
        .flat_map(|forward| &forward.shares)
        .collect();
    let all: u32 = shares.iter().map(|(_, weight)| weight).sum();
    let own = shares.iter().filter(|(arn, _)| arn == target_group);
    own.map(|(_, weight)| weight * 100).sum::<u32>() / all.max(1)
}

/// What leads users by some load balancers: every rule and default action, with tags, and records in the place of those behind them.
pub async fn leading(
    cloud: &impl Cloud,
    load_balancers: &[LoadBalancerArn],
) -> Result<Vec<Leading>, Error> {
    let mut all = Vec::new();
    for load_balancer in load_balancers {
        all.push((load_balancer.clone(), rules(cloud, load_balancer).await?));
    }
    records::resolve(cloud, all).await
}

/// Every rule and default action of a load balancer, with tags.
pub async fn rules(
    cloud: &impl Traffic,
    load_balancer: &LoadBalancerArn,
) -> Result<Vec<Leading>, Error> {
    let mut all = Vec::new();
    for listener in cloud.listeners(load_balancer).await? {
        let rules = cloud.rules(&listener.arn).await?;
        all.extend(rules.into_iter().map(|rule| Leading {
            place: RulePlace::Rule(rule.arn.clone()),
            listener: listener.clone(),
            rule: Some(rule),
            records: None,
            tags: Tags::new(),
        }));
        all.push(Leading {
            place: RulePlace::Default(listener.arn.clone()),
            listener,
            rule: None,
            records: None,
            tags: Tags::new(),
        });
    }
    let arns: Vec<TrafficArn> = all.iter().flat_map(|one| arns_of(&one.place)).collect();
    let mut tags = cloud.traffic_tags(&arns).await?;
    for one in &mut all {
        let own = arns_of(&one.place).into_iter();
        one.tags = own.filter_map(|arn| tags.remove(&arn)).flatten().collect();
    }
    Ok(all)
}

/// The things whose tags speak for a place.
pub fn arns_of(place: &RulePlace) -> Vec<TrafficArn> {
    match place {
        RulePlace::Rule(arn) => vec![TrafficArn::Rule(arn.clone())],
        RulePlace::Default(arn) => vec![TrafficArn::Listener(arn.clone())],
        RulePlace::Record(record) => record.fronts().cloned().collect(),
    }
}

/// Whether users' requests may reach the target group by a rule that is no probe.
pub async fn serves(cloud: &impl Cloud, target_group: &TargetGroupArn) -> Result<bool, Error> {
    let leads = |one: &Leading| !one.is_probe() && one.may_lead_to(target_group);
    any(cloud, target_group, leads).await
}

/// Whether a rule that is no probe names the target group, at whatever weight: it cannot be deleted then.
pub async fn is_named(cloud: &impl Cloud, target_group: &TargetGroupArn) -> Result<bool, Error> {
    let names = |one: &Leading| !one.is_probe() && one.names(target_group);
    any(cloud, target_group, names).await
}

/// Whether some rule of the target group's load balancers is so.
async fn any(
    cloud: &impl Cloud,
    target_group: &TargetGroupArn,
    is_so: impl Fn(&Leading) -> bool,
) -> Result<bool, Error> {
    let groups = cloud.target_groups().await?;
    let Some(group) = groups.into_iter().find(|group| group.arn == *target_group) else {
        return Ok(false);
    };
    let leading = leading(cloud, &group.load_balancers).await?;
    Ok(leading.iter().any(is_so))
}

/// Target groups that carry the service's tag.
pub async fn target_groups_of(
    cloud: &impl Traffic,
    service: &str,
) -> Result<Vec<(TargetGroup, Tags)>, Error> {
    let groups = cloud.target_groups().await?;
    let arns = groups
        .iter()
        .map(|group| TrafficArn::TargetGroup(group.arn.clone()));
    let mut tags = cloud.traffic_tags(&arns.collect::<Vec<_>>()).await?;
    let tagged = groups.into_iter().filter_map(|group| {
        let tags = tags.remove(&TrafficArn::TargetGroup(group.arn.clone()))?;
        (tags.get(tag::SERVICE).map(String::as_str) == Some(service)).then_some((group, tags))
    });
    Ok(tagged.collect())
}
